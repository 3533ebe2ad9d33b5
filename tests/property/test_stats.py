"""Laws that the statistics obey for every input."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from ml_cicd.stats.comparison import tango_bounds
from ml_cicd.stats.intervals import clopper_pearson
from ml_cicd.stats.sequential import Counts, RateState, RateTest, rate_log_e, rate_update


class TestRateEvidence:
    """Ville: "under the null the expected growth of the evidence is one", whatever the counts and the history."""

    @staticmethod
    def expected_wealth(test: RateTest, state: RateState, nc: int, nb: int, failures: int) -> float:
        """Average the evidence after one look over the null law of the candidate's failures."""
        low, high = max(0, failures - nb), min(nc, failures)
        ways = [math.comb(nc, x) * math.comb(nb, failures - x) for x in range(low, high + 1)]
        total = sum(ways)
        return math.fsum(
            w
            / total
            * math.exp(rate_log_e(test, rate_update(test, state, Counts(nc=nc, xc=x, nb=nb, xb=failures - x))))
            for x, w in zip(range(low, high + 1), ways, strict=True)
        )

    @settings(max_examples=60, deadline=None)
    @given(st.integers(1, 60), st.integers(1, 200), st.integers(1, 12), st.booleans())
    def test_growth_is_one_under_the_null(self, nc: int, nb: int, failures: int, boost: bool) -> None:
        """The expected evidence after one look is that before it."""
        failures = min(failures, nc + nb)
        test = RateTest(alpha=0.05, boost=boost)
        state = rate_update(test, RateState(), Counts(nc=10, xc=1, nb=50, xb=2))
        before = math.exp(rate_log_e(test, state))
        after = self.expected_wealth(test, state, nc, nb, failures)
        assert after <= before * (1 + 1e-6)
        assert after >= before * (1 - 1e-3) or test.boosts is False


class TestProportions:
    """Clopper & Pearson: "each bound is wrong with probability at most alpha", for every true proportion."""

    @settings(max_examples=60, deadline=None)
    @given(st.integers(1, 60), st.floats(0.01, 0.99))
    def test_coverage_is_never_below_nominal(self, n: int, p: float) -> None:
        """The probability that the lower bound is above the truth is at most five percent."""
        wrong = math.fsum(
            math.comb(n, x) * p**x * (1 - p) ** (n - x) for x in range(n + 1) if clopper_pearson(x, n, 0.05).lower > p
        )
        assert wrong <= 0.05 + 1e-9

    @settings(max_examples=100, deadline=None)
    @given(st.integers(1, 5000), st.floats(0, 1), st.floats(0.001, 0.4))
    def test_bounds_contain_the_estimate_and_mirror(self, n: int, share: float, alpha: float) -> None:
        """lower(x) <= x/n <= upper(x), and bounds of failures mirror those of successes."""
        x = round(n * share)
        bounds, mirrored = clopper_pearson(x, n, alpha), clopper_pearson(n - x, n, alpha)
        assert bounds.lower <= x / n <= bounds.upper
        assert math.isclose(bounds.lower, 1 - mirrored.upper, abs_tol=1e-9)


class TestPairs:
    """Tango: swapping the models turns the interval round."""

    @settings(max_examples=100, deadline=None)
    @given(st.integers(0, 80), st.integers(0, 80), st.integers(0, 800))
    def test_antisymmetry(self, b: int, c: int, same: int) -> None:
        """bounds(b, c) = -bounds(c, b)."""
        n = b + c + same + 1
        one, other = tango_bounds(b, c, n, 0.05), tango_bounds(c, b, n, 0.05)
        assert math.isclose(one.lower, -other.upper, abs_tol=1e-7)
        assert math.isclose(one.upper, -other.lower, abs_tol=1e-7)
