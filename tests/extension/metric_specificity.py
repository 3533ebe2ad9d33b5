"""A metric: specificity, the share of negative rows that are predicted negative.

One record in a family's file (`gate/metrics/`), added to `METRICS` there. Rows never leave the database: `needs` says
what is counted, `sample` makes of it what a bound needs. Can no existing sample carry it? Then add one to
`gate/samples.py` that bounds itself, with the source of its formula in `stats/`.
"""

from ml_cicd.gate.metric import SHARE, Direction, Metric
from ml_cicd.gate.samples import Proportion, Sample
from ml_cicd.gate.statistics import Absence, Confusion, ConfusionNeed


def _specificity(confusion: Confusion) -> Sample | Absence:
    found = confusion.positives
    if found is None:
        return Absence(why="these classes have no positive one")
    negatives = confusion.n - found.hits - found.misses
    if not negatives:
        return Absence(why="no row has the negative label")
    return Proportion(successes=negatives - found.false_alarms, n=negatives)


METRIC = Metric(
    name="specificity",
    direction=Direction.HIGHER,
    range=SHARE,
    needs=lambda _confidence: (ConfusionNeed(),),
    sample=_specificity,
    by_rows=False,
)
