"""A model and a loader answer the same needs as a table."""

import pytest

from ml_cicd.gate.samples import Proportion
from ml_cicd.gate.settings import Role
from ml_cicd.gate.statistics import Absence, Confusion, ConfusionNeed, Need, OrderStatistics, PairsNeed, QuantileNeed
from ml_cicd.ground.finding import Scope, Subject

torch = pytest.importorskip("torch")
from ml_cicd.gate.engines.torch_loader import LoaderSource, measure_loader, timings_needed  # noqa: E402

P99 = QuantileNeed(role=Role.LATENCY_MS, quantile=0.99, confidence=0.95)
P50 = QuantileNeed(role=Role.LATENCY_MS, quantile=0.5, confidence=0.95)
BATCHES = [(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([1, 1])) for _ in range(3)]


def test_a_loader_answers_needs() -> None:
    """Rows by label and prediction, times in order, and what it cannot count is absent."""
    needs: frozenset[Need] = frozenset({ConfusionNeed(), P50, PairsNeed()})
    answers = LoaderSource(model=torch.nn.Identity(), loader=BATCHES).answer(needs)
    assert answers.statistics[ConfusionNeed()] == Confusion(cells={(1, 1): 3, (1, 0): 3})
    times = answers.statistics[P50]
    assert isinstance(times, OrderStatistics)
    assert list(times.values.values()) == sorted(times.values.values())
    assert answers.statistics[PairsNeed()] == Absence(why="a loader of (inputs, labels) does not have this metric")
    assert set(answers.digests) == {"test_loader"}


def test_a_quantile_is_timed_until_it_has_a_bound() -> None:
    """299 timings for p99 at 95 %, fewer for the median, none where no time is wanted."""
    assert timings_needed([P50, P99]) == 299
    assert timings_needed([P50]) == 5
    assert timings_needed([]) == 0


def test_evidence_of_a_loader() -> None:
    """The same metrics as of a table; a metric of one's own, or a comparison, is absent."""
    wanted = frozenset(
        {Subject(metric="recall"), Subject(metric="cost"), Subject(metric="accuracy", scope=Scope.CHANGE)}
    )
    found = measure_loader(torch.nn.Identity(), BATCHES, wanted, 0.95)
    assert found.samples == {
        Subject(metric="recall"): Proportion(successes=3, n=6, of="recall of 1", counted="rows with the label 1")
    }
    assert set(found.absent) == wanted - set(found.samples)
    assert not found.has_champion
