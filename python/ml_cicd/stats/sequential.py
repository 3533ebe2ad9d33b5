"""Tests that may be looked at after every scrape (anytime-valid e-processes). State is a frozen value.

Evidence of harm: the conditional odds-ratio mixture with overshoot removal (Fischer & Ramdas 2024, arXiv 2410.16076).
Evidence of safety: the reverse information projection onto an absolute margin (Turner, Ly & Gruenwald 2024).
Both need counts of requests and failed requests of both arms between two looks, and random routing within one look.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ml_cicd.ground.errors import InputError
from ml_cicd.stats.special import HALVINGS, log_choose, log_sum_exp
from ml_cicd.stats.users import UserCounts

ODDS_RATIOS = (1.25, 1.6, 2.3, 4.0, 8.0, 16.0)
ODDS_WEIGHTS = (0.1, 0.1, 0.2, 0.3, 0.2, 0.1)  # most for what a few requests can show
MOST_FAILURES = 5000
SPREAD, ROOM = 12, 40
CLIP = 1e-6
NEARLY = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What both arms served between two looks: requests and failed requests of candidate (c) and champion (b).

    `users` are the champion's so far by groups of users, None where the metric source cannot tell.
    """

    nc: int
    xc: int
    nb: int
    xb: int
    users: UserCounts | None = None

    def __post_init__(self) -> None:
        """Refuse counts that do not add up."""
        if not (0 <= self.xc <= self.nc and 0 <= self.xb <= self.nb):
            raise InputError(f"{self} does not add up.", cure="Check the metric source.")


@dataclass(frozen=True, kw_only=True, slots=True)
class RateTest:
    """One-sided test of H0: the candidate's odds of failing are at most `tolerated` times the champion's.

    `alpha` is the rate of false alarms over all looks together; `phi` > 1 tempers bursty failures (and turns overshoot
    removal off); `boost` False is the plain Ville bound. Up to `most` failures a look one sums over all that could have
    been the candidate's, above it over what is likely enough: the cost of a look stays small.
    """

    alpha: float
    tolerated: float = 1.0
    boost: bool = True
    phi: float = 1.0
    most: int = MOST_FAILURES

    @property
    def cap(self) -> float:
        """Log evidence at which the test rejects."""
        return -math.log(self.alpha)

    @property
    def boosts(self) -> bool:
        """Whether overshoot is removed."""
        return self.boost and self.phi == 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RateState:
    """Log likelihood ratio for each odds ratio of the grid, and the log wealth without overshoot."""

    log_ratios: tuple[float, ...] = (0.0,) * len(ODDS_RATIOS)
    log_wealth: float = 0.0
    rejected: bool = False


def rate_log_e(test: RateTest, state: RateState) -> float:
    """Return the log evidence against "not worse"; reject at `test.cap`."""
    return state.log_wealth if test.boosts else _mixture([ratio / test.phi for ratio in state.log_ratios])


def rate_update(test: RateTest, state: RateState, counts: Counts) -> RateState:
    """Take in one look; a look without a failure carries no evidence, and nothing changes after a rejection."""
    failures = counts.xc + counts.xb
    if failures == 0 or state.rejected:
        return state
    null = _null_law(counts.nc, counts.nb, failures, test.most)
    grid = [math.log(ratio * test.tolerated) for ratio in ODDS_RATIOS]
    base = math.log(test.tolerated)
    norms = [log_sum_exp([lp + x * g for x, lp in null]) for g in grid]
    norm = log_sum_exp([lp + x * base for x, lp in null])

    def growth(x: int) -> list[float]:
        return [x * g - m - (x * base - norm) for g, m in zip(grid, norms, strict=True)]

    ratios = _plus(state.log_ratios, growth(counts.xc))
    before = _mixture(state.log_ratios)
    wealth = state.log_wealth + _mixture(ratios) - before
    if test.boosts:
        # Wealth above the cap is of no use, for the test has ended there. So it is cut off, for every count that this
        # look could have had, and what that saves under the null is handed out as a factor before the look: the
        # expected wealth is still at most what it was, so the level holds, and harm is seen earlier. A look that is
        # tempered is counted all the same: what is known of bursts by then may have been chance.
        gains = {x: _mixture(_plus(state.log_ratios, growth(x))) - before for x, _ in null}
        tilted = [(x, lp + x * base - norm) for x, lp in null]
        wealth = min(wealth + _boost(tilted, gains, test.cap - state.log_wealth), test.cap)
    updated = RateState(log_ratios=ratios, log_wealth=wealth)
    rejected = rate_log_e(test, updated) >= test.cap - NEARLY
    return RateState(log_ratios=ratios, log_wealth=wealth, rejected=rejected)


def _plus(ratios: Sequence[float], growth: Sequence[float]) -> tuple[float, ...]:
    return tuple(a + b for a, b in zip(ratios, growth, strict=True))


def _mixture(log_ratios: Sequence[float]) -> float:
    return log_sum_exp([ratio + math.log(weight) for ratio, weight in zip(log_ratios, ODDS_WEIGHTS, strict=True)])


def _null_law(nc: int, nb: int, failures: int, most: int) -> list[tuple[int, float]]:
    """Return (x, log P(xc = x | margins)) over the support: hypergeometric, whatever the failure rate.

    Beyond `most` failures a look the support is cut to +-12 standard deviations and 40 more (which a skewed law of few
    needs); what is seen beyond them has under the null a probability below 1e-30, and counts as the rejection, or the
    lack of evidence, that it is.
    """
    low, high = max(0, failures - nb), min(nc, failures)
    if failures > most:  # an outage at high traffic would be summed over all its counts, 100 times
        share, total = nc / (nc + nb), nc + nb
        variance = failures * share * (1 - share) * (total - failures) / (total - 1)
        half = SPREAD * math.sqrt(variance) + ROOM
        low, high = max(low, int(failures * share - half)), min(high, int(failures * share + half))
    ways = log_choose(nc + nb, failures)
    return [(x, log_choose(nc, x) + log_choose(nb, failures - x) - ways) for x in range(low, high + 1)]


def _boost(null: list[tuple[int, float]], gains: dict[int, float], room: float) -> float:
    """Return the largest log factor b >= 0 that keeps the expected capped wealth under the null where it was."""

    def excess(b: float) -> bool:
        return math.fsum(math.exp(lp + min(b + gains[x], room)) for x, lp in null) > 1.0

    low, high = 0.0, 1.0
    while not excess(high) and high < 256:  # without room no factor is too large, and the cap cuts it anyway
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if excess(middle) else (middle, high)
    return low


@dataclass(frozen=True, kw_only=True, slots=True)
class MarginTest:
    """One-sided test of H0: candidate's failure rate - champion's >= `margin` (absolute).

    `alpha` is the rate of false proofs; `phi` > 1 tempers bursty failures. Alternatives: the pooled rate plus 0 or 0.3
    margins, weighted 0.7 and 0.3.
    """

    alpha: float
    margin: float
    phi: float = 1.0
    prior_rate: float = 0.01
    prior_weight: float = 20.0

    @property
    def cap(self) -> float:
        """Log evidence at which non-inferiority is established."""
        return -math.log(self.alpha)


KAPPAS = (0.0, 0.3)
KAPPA_WEIGHTS = (0.7, 0.3)


@dataclass(frozen=True, kw_only=True, slots=True)
class MarginState:
    """Log likelihood ratio for each alternative, and what both arms served so far."""

    log_ratios: tuple[float, ...] = (0.0, 0.0)
    failures: float = 0.0
    requests: float = 0.0


def margin_log_e(test: MarginTest, state: MarginState) -> float:
    """Return the log evidence for "not worse by the margin"; it is established at `test.cap`."""
    return log_sum_exp([r / test.phi + math.log(w) for r, w in zip(state.log_ratios, KAPPA_WEIGHTS, strict=True)])


def margin_update(test: MarginTest, state: MarginState, counts: Counts) -> MarginState:
    """Take in one look; a look in which one arm served nothing only moves the pooled rate."""
    ratios = state.log_ratios
    if counts.nc and counts.nb:
        pooled = (state.failures + test.prior_weight * test.prior_rate) / (state.requests + test.prior_weight)
        share = counts.nc / (counts.nc + counts.nb)
        ratios = tuple(
            r + _margin_growth(counts, share, pooled, kappa * test.margin, test.margin)
            for r, kappa in zip(ratios, KAPPAS, strict=True)
        )
    return MarginState(
        log_ratios=ratios,
        failures=state.failures + counts.xc + counts.xb,
        requests=state.requests + counts.nc + counts.nb,
    )


def _margin_growth(counts: Counts, share: float, pooled: float, shift: float, margin: float) -> float:
    tb = min(max(pooled, CLIP), 1 - CLIP)
    tc = min(max(pooled + shift, CLIP), 1 - CLIP)
    c, b = project_on_margin(tc, tb, share, margin)
    return (
        counts.xc * math.log(tc / c)
        + (counts.nc - counts.xc) * math.log((1 - tc) / (1 - c))
        + counts.xb * math.log(tb / b)
        + (counts.nb - counts.xb) * math.log((1 - tb) / (1 - b))
    )


def project_on_margin(tc: float, tb: float, share: float, margin: float) -> tuple[float, float]:
    """Return the point (c, b) of the line c - b = `margin` that is nearest to (tc, tb) in relative entropy, with
    weights `share` and 1 - `share`, by bisection of the derivative.
    """
    low, high = 1e-12, 1 - margin - 1e-12
    for _ in range(HALVINGS):
        b = (low + high) / 2
        if b in {low, high}:  # no number lies between
            break
        c = b + margin
        slope = share * (c - tc) / (c * (1 - c)) + (1 - share) * (b - tb) / (b * (1 - b))
        low, high = (b, high) if slope < 0 else (low, b)
    b = (low + high) / 2
    return b + margin, b


def requests_for_margin(rate: float, margin: float, share: float, alpha: float) -> int:
    """Return about how many candidate requests establish `margin` when both arms fail at `rate`:
    log(1/alpha) over the expected growth per candidate request (no test of that level needs fewer on average).
    """
    p = min(max(rate, CLIP), 1 - CLIP)
    c, b = project_on_margin(p, p, share, margin)
    champion_requests = (1 - share) / share
    growth = _relative_entropy(p, c) + champion_requests * _relative_entropy(p, b)
    return math.ceil(-math.log(alpha) / growth)


def _relative_entropy(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def combine_log_e(logs: Sequence[float], weights: Sequence[float]) -> float:
    """Return the log of the weighted average of e-values: evidence against "none of them is worse".

    `weights` add up to 1 and are chosen beforehand. Where each test stops at alpha times its weight, the average
    reaches 1 / alpha as soon as one of them does.
    """
    return log_sum_exp([log_e + math.log(weight) for log_e, weight in zip(logs, weights, strict=True)])


def chance_of_as_many(counts: Counts, most: int = MOST_FAILURES) -> float:
    """Return P(the candidate has `xc` or more of all failures) if both arms fail alike: the hypergeometric tail."""
    null = _null_law(counts.nc, counts.nb, counts.xc + counts.xb, most)
    return min(1.0, math.fsum(math.exp(lp) for x, lp in null if x >= counts.xc))


def sample_ratio_log_e(candidate: float, total: float, share: float, concentration: float = 100.0) -> float:
    """Return the log evidence that the candidate's share of `total` requests is not `share` (Lindon & Malek 2022)."""
    a, b = concentration * share, concentration * (1 - share)
    return (
        _log_beta(a + candidate, b + total - candidate)
        - _log_beta(a, b)
        - candidate * math.log(share)
        - (total - candidate) * math.log1p(-share)
    )


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
