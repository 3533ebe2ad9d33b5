"""Draws for seeded simulations."""

import math
import random


def binomial(rng: random.Random, n: int, p: float) -> int:
    """Draw a binomial number, by gaps for small p."""
    if p <= 0 or n <= 0:
        return 0
    count, place = 0, 0
    scale = math.log1p(-p)
    while True:
        place += int(math.log(1.0 - rng.random()) / scale) + 1
        if place > n:
            return count
        count += 1


def limit(alpha: float, runs: int) -> float:
    """Nominal rate plus three standard errors of the simulation."""
    return alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)
