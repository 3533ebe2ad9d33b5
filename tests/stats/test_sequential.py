"""The sequential tests against reference values of an independent implementation."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from ml_cicd.ground.errors import InputError
from ml_cicd.stats.sequential import (
    Counts,
    MarginState,
    MarginTest,
    RateState,
    RateTest,
    combine_log_e,
    margin_log_e,
    margin_update,
    project_on_margin,
    rate_log_e,
    rate_update,
    requests_for_margin,
    sample_ratio_log_e,
)

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "reference" / "canary-golden.json").read_text("utf-8"))
STEPS = [
    (20, 0, 180, 2),
    (18, 1, 182, 1),
    (23, 0, 177, 3),
    (20, 2, 180, 2),
    (21, 1, 179, 0),
    (19, 2, 181, 1),
    (20, 3, 180, 2),
    (22, 2, 178, 1),
]


def counts(step: tuple[int, int, int, int]) -> Counts:
    """Name the four numbers."""
    nc, xc, nb, xb = step
    return Counts(nc=nc, xc=xc, nb=nb, xb=xb)


@pytest.mark.parametrize("step", [(1, 2, 0, 0), (0, 0, 3, 4), (-1, 0, 1, 0), (1, -1, 1, 0)])
def test_counts_add_up(step: tuple[int, int, int, int]) -> None:
    """More failures than requests, or less than none, cannot be counted."""
    with pytest.raises(InputError, match="does not add up"):
        counts(step)


@pytest.mark.parametrize(
    ("name", "test"),
    [
        ("boosted alpha=.05", RateTest(alpha=0.05)),
        ("ville alpha=.05", RateTest(alpha=0.05, boost=False)),
        ("boosted alpha=.01", RateTest(alpha=0.01)),
        ("boosted or0=1.2", RateTest(alpha=0.05, tolerated=1.2)),
        ("tempered phi=3", RateTest(alpha=0.05, phi=3.0)),
    ],
)
def test_rate_test_has_the_reference_values(name: str, test: RateTest) -> None:
    """Log evidence after each look, and the rejection, equal the reference to 1e-9."""
    state, trace = RateState(), []
    for step in STEPS:
        state = rate_update(test, state, counts(step))
        trace.append(rate_log_e(test, state))
    reference = GOLDEN[f"RateTest {name}"]
    assert trace == pytest.approx(reference["log_e"], abs=1e-8)
    assert state.rejected == reference["rejected"]


def test_margin_test_has_the_reference_value() -> None:
    """Forty equal looks give the reference's evidence for a margin of two points."""
    test, state = MarginTest(alpha=0.05, margin=0.02), MarginState()
    for _ in range(40):
        state = margin_update(test, state, counts((100, 1, 100, 1)))
    assert margin_log_e(test, state) == pytest.approx(
        GOLDEN["NonInferiority delta=.02 after 40x(100,1,100,1)"], abs=1e-8
    )


def test_small_functions_have_the_reference_values() -> None:
    """Projection, combination and sample ratio equal the reference."""
    projected = project_on_margin(0.01, 0.01, 0.1, 0.01)
    assert projected == pytest.approx(GOLDEN["ripr_abs(.01,.01,w=.1,delta=.01)"], abs=1e-9)
    assert combine_log_e([2.0, 0.0, -1.0], [1 / 3] * 3) == pytest.approx(GOLDEN["combine_log_e([2,0,-1])"], abs=1e-9)
    assert sample_ratio_log_e(1100, 10000, 0.1) == pytest.approx(GOLDEN["srm_log_e(1100,10000,.1)"], abs=1e-8)


@pytest.mark.parametrize(
    ("share", "alpha", "failures"),
    [
        (0.01, 0.05, 2),
        (0.01, 0.01, 3),
        (0.05, 0.05, 2),
        (0.10, 0.05, 3),
        (0.10, 0.01, 4),
        (0.25, 0.05, 4),
        (0.5, 0.05, 7),
    ],
)
def test_a_dead_candidate_is_stopped_after_a_few_failures(share: float, alpha: float, failures: int) -> None:
    """A candidate that fails every request is rolled back after this many failures, without a minimum sample."""
    test, state, seen = RateTest(alpha=alpha), RateState(), 0
    champion = round(10_000 * (1 - share))
    while not state.rejected and seen < 50:
        seen += 1
        state = rate_update(test, state, Counts(nc=round(10_000 * share), xc=1, nb=champion, xb=0))
    assert seen == failures


def test_a_look_without_failures_changes_nothing() -> None:
    """No failure, no evidence of harm."""
    state = rate_update(RateTest(alpha=0.05), RateState(), counts((50, 0, 50, 0)))
    assert state == RateState()


def test_after_a_rejection_nothing_changes() -> None:
    """A rejected test stays rejected, whatever comes."""
    test = RateTest(alpha=0.05)
    state = rate_update(test, RateState(), counts((50, 50, 5000, 0)))
    assert state.rejected
    assert rate_update(test, state, counts((50, 0, 5000, 500))) == state


def test_an_arm_without_traffic_gives_no_evidence_of_safety() -> None:
    """A look in which one arm served nothing moves the pooled rate alone."""
    test = MarginTest(alpha=0.05, margin=0.01)
    state = margin_update(test, MarginState(), counts((0, 0, 100, 1)))
    assert margin_log_e(test, state) == pytest.approx(0.0)
    assert state.requests == 100


def test_huge_looks_stay_finite() -> None:
    """A look with many thousand failures is truncated, not slow or infinite."""
    state = rate_update(RateTest(alpha=0.05), RateState(), counts((40_000, 4_000, 40_000, 4_000)))
    assert all(math.isfinite(r) for r in state.log_ratios)
    assert not state.rejected


@pytest.mark.parametrize(
    ("counts", "rejected"),
    [
        (Counts(nc=20_000, xc=20_000, nb=380_000, xb=0), True),
        (Counts(nc=20_000, xc=0, nb=380_000, xb=20_000), False),
    ],
)
def test_an_outage_in_one_look_is_judged(counts: Counts, *, rejected: bool) -> None:
    """All of 20,000 failures in one arm lie far outside the support that is summed, and still mean what they mean."""
    state = rate_update(RateTest(alpha=0.05), RateState(), counts)
    assert state.rejected is rejected
    assert math.isfinite(rate_log_e(RateTest(alpha=0.05), state))


def test_the_forecast_is_near_the_published_floor() -> None:
    """At 1 % errors, one point of margin and a 10 % share the floor is 1,004 candidate requests."""
    assert requests_for_margin(0.01, 0.01, 0.1, 0.05) == 1004
