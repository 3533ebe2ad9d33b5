"""All metrics that can be measured here. A new family is one file and one line."""

from ml_cicd.gate.metric import Direction, Metric, Recipe
from ml_cicd.gate.metrics import classification, latency, regression
from ml_cicd.gate.metrics.names import as_rule, meaning
from ml_cicd.ground.errors import InputError
from ml_cicd.ground.finding import Subject
from ml_cicd.ground.parse import suggest

FAMILIES = (classification.METRICS, regression.METRICS, latency.METRICS)
CATALOGUE: dict[str, Metric] = {metric.name: metric for family in FAMILIES for metric in family}


def lookup(name: str, direction: Direction | None = None) -> Metric:
    """Return the metric called `name`; one outside the catalogue must say its direction.

    Raises:
        InputError: unknown and without a direction, or a direction that contradicts the catalogue.
    """
    known = CATALOGUE.get(name)
    if known is not None:
        if direction not in {None, known.direction}:
            raise InputError(f"Metric {name!r} is {known.direction}, not {direction}.", cure="Remove the direction.")
        return known
    if direction is None:
        raise InputError(
            f"Metric {name!r} is not in the catalogue, so its direction is not known.",
            cure=f"{_hint(name)} For a metric of your own, or a name of a metrics file, write at_least or at_most: "
            f"{as_rule(name)}.",
        )
    return Metric(name=name, direction=direction)


def _hint(name: str) -> str:
    """Name ours of what others call `f1` or `acc`, else what is spelt alike."""
    ours = meaning(name)
    return f"Did you mean {ours!r}?" if ours in CATALOGUE else suggest(name, CATALOGUE)


def recipe_of(subject: Subject) -> Recipe:
    """Return how a subject is measured; what nothing here can compute must be given by somebody."""
    metric = CATALOGUE.get(subject.metric)
    if metric is None or subject.slice:  # nothing counts slices yet, and the overall value must not pass for one
        return Recipe()
    return metric.recipe(subject.scope) or Recipe()
