"""Special functions that the bounds need, from the standard library alone."""

import math
from collections.abc import Callable, Sequence

TINY = 1e-300
EPSILON = 1e-15
HALVINGS = 200


def normal_quantile(p: float) -> float:
    """Return z with P(Z <= z) = `p`, by bisection of the complementary error function."""
    return _bisect(lambda z: 0.5 * math.erfc(-z / math.sqrt(2)) < p, -40.0, 40.0)


def log_choose(n: float, k: float) -> float:
    """Return log of n over k."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def log_sum_exp(values: Sequence[float]) -> float:
    """Return log of the sum of exponentials without overflow."""
    top = max(values)
    if top == -math.inf:
        return top
    return top + math.log(math.fsum(math.exp(v - top) for v in values))


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) by Lentz's continued fraction (DLMF 8.17.22)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    # Beyond the mean the fraction converges slowly, so the mirrored one is taken: I_x(a, b) = 1 - I_(1-x)(b, a).
    if x < (a + 1) / (a + b + 2):
        return math.exp(log_front) * _continued_fraction(x, a, b) / a
    return 1 - math.exp(log_front) * _continued_fraction(1 - x, b, a) / b


def beta_quantile(p: float, a: float, b: float) -> float:
    """Return x with I_x(a, b) = `p`."""
    return _bisect(lambda x: beta_cdf(x, a, b) < p, 0.0, 1.0)


def binomial_cdf(k: int, n: int, p: float) -> float:
    """Return P(X <= k) for X ~ Binomial(n, p), exact through the incomplete beta function."""
    if k < 0:
        return 0.0
    return 1.0 if k >= n else 1 - beta_cdf(p, k + 1, n - k)


def _continued_fraction(x: float, a: float, b: float) -> float:
    # Lentz's method: c and d are ratios of consecutive numerators and denominators, so nothing overflows however large
    # a and b are; either may pass through zero on the way, where `_away` moves it off by less than any rounding.
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    h = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            h *= d * c
        if abs(d * c - 1) < EPSILON:
            break
    return h


def _away(value: float) -> float:
    return value if abs(value) > TINY else TINY


def _bisect(below: Callable[[float], bool], low: float, high: float) -> float:
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if middle in {low, high}:
            break
        if below(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2
