"""The records of metrics: complete, and found by name alone."""

import math

import pytest

from ml_cicd.gate.metric import ANY, SHARE, TIME, Direction, Metric, Range, Recipe, exact
from ml_cicd.gate.metrics.catalogue import CATALOGUE, lookup, recipe_of
from ml_cicd.gate.settings import Columns, Role
from ml_cicd.gate.statistics import ConfusionNeed, GivenNeed, PairsNeed, QuantileNeed
from ml_cicd.ground.errors import Defect, InputError
from ml_cicd.ground.finding import Scope, Subject


@pytest.mark.parametrize("metric", CATALOGUE.values(), ids=CATALOGUE)
def test_a_record_is_complete(metric: Metric) -> None:
    """Every metric of the catalogue says its direction, its range and what must be counted for it."""
    assert metric.direction in set(Direction)
    assert metric.range is not ANY
    needs = metric.needs(0.9)
    assert needs
    assert GivenNeed() not in needs
    assert metric.change is None or metric.change.needs(0.9)
    assert all(need.confidence == 0.9 for need in needs if isinstance(need, QuantileNeed))


def test_the_catalogue_is_the_sum_of_the_families() -> None:
    """No two families have a metric of one name."""
    assert list(CATALOGUE) == [metric.name for metric in CATALOGUE.values()]
    assert set(CATALOGUE) == {
        "accuracy",
        "precision",
        "recall",
        "f1_score",
        "mean_absolute_error",
        "latency_p50_ms",
        "latency_p95_ms",
        "latency_p99_ms",
    }


def test_an_unknown_name_needs_a_direction() -> None:
    """A misspelt one is suggested; one's own is taken with its direction, whatever its values are."""
    with pytest.raises(InputError, match="direction is not known") as problem:
        lookup("acuracy")
    assert "'accuracy'" in problem.value.cure
    own = lookup("cost", Direction.LOWER)
    assert (own.direction, own.range, own.change) == (Direction.LOWER, ANY, None)
    assert own.needs(0.95) == (GivenNeed(),)


def test_a_known_direction_cannot_be_turned() -> None:
    """at_most on accuracy is a mistake."""
    with pytest.raises(InputError, match="higher_is_better"):
        lookup("accuracy", Direction.LOWER)
    assert lookup("accuracy", Direction.HIGHER) is CATALOGUE["accuracy"]


@pytest.mark.parametrize(
    "subject",
    [
        Subject(metric="cost"),
        Subject(metric="recall", scope=Scope.CHANGE),
        Subject(metric="accuracy", slice="country=de"),
    ],
)
def test_what_nobody_counts_must_be_given(subject: Subject) -> None:
    """One's own metric, a comparison that there is none of, a slice: never measured as something else."""
    assert recipe_of(subject) == Recipe()


def test_a_comparison_has_needs_of_its_own() -> None:
    """Accuracy is counted from the confusion matrix, its change from pairs."""
    assert recipe_of(Subject(metric="accuracy")).needs(0.95) == (ConfusionNeed(),)
    assert recipe_of(Subject(metric="accuracy", scope=Scope.CHANGE)).needs(0.95) == (PairsNeed(),)


@pytest.mark.parametrize(
    ("range_", "value", "fault"),
    [
        (SHARE, 1.0000001, "1.0000001 is outside 0 to 1"),
        (SHARE, -0.5, "-0.5 is outside 0 to 1"),
        (TIME, -1, "-1 is negative"),
    ],
)
def test_a_value_outside_its_range(range_: Range, value: float, fault: str) -> None:
    """It is said where it is, exactly."""
    assert value not in range_
    assert range_.fault(value) == fault


@pytest.mark.parametrize(("range_", "value"), [(SHARE, 0), (SHARE, 1), (TIME, 0), (TIME, 1e300), (ANY, -1e300)])
def test_a_value_inside_its_range(range_: Range, value: float) -> None:
    """Both ends belong to it."""
    assert value in range_


def test_a_range_has_values() -> None:
    """From 1 to 0 there is none."""
    with pytest.raises(Defect):
        Range(low=1, high=0)


@pytest.mark.parametrize(
    ("number", "text"),
    [(50.0, "50"), (0.9999999, "0.9999999"), (1e-5, "1e-05"), (1e16, "1e+16"), (-math.pi, "-3.141592653589793")],
)
def test_numbers_are_exact(number: float, text: str) -> None:
    """The shortest text that reads back as the number."""
    assert exact(number) == text
    assert float(exact(number)) == number


def test_every_role_is_a_column() -> None:
    """The settings name one column for each role, under the role's own name."""
    assert {role: Columns().named(role) for role in Role} == {role: role.value for role in Role}
    assert Columns(latency_ms="took").named(Role.LATENCY_MS) == "took"
