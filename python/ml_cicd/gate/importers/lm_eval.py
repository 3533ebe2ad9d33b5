"""What lm-evaluation-harness writes as `results_*.json`: metrics by task and filter, each beside its standard error."""

from collections.abc import Iterator, Mapping

from ml_cicd.gate.importers.document import Document, group
from ml_cicd.gate.importers.reading import Given, Importer, estimate, number_or_none, share

BESIDE = {"versions", "configs", "config", "n-shot", "n-samples", "lm_eval_version"}
SECTIONS = ("results", "groups")
ERROR = "_stderr"


def recognises(document: Document) -> bool:
    """Whether there are results by task, and what the harness writes beside them."""
    tasks = group(document.top.get("results"))
    return (
        bool(tasks) and all(isinstance(task, Mapping) for task in tasks.values()) and bool(BESIDE & set(document.top))
    )


def read(document: Document) -> Mapping[str, Given]:
    """`results.arc_easy.acc,none` as the harness has it, and without `results.`."""
    given = dict(found for section in SECTIONS for found in _section(document.top, section))
    short = {name.removeprefix("results."): one for name, one in given.items() if name.startswith("results.")}
    return {**short, **given}


def _section(top: Mapping[str, object], section: str) -> Iterator[tuple[str, Given]]:
    for task, found in group(top.get(section)).items():
        rows = group(group(top.get("n-samples")).get(task)).get("effective")
        for key, value in group(found).items():
            metric, comma, kind = key.partition(",")
            error = f"{metric}{ERROR}{comma}{kind}"
            if error in group(found):
                at = f"{section}.{task}.{key}"
                yield at, _one(value, at, group(found)[error], error, rows)


def _one(value: object, at: str, error: object, named: str, rows: object) -> Given:
    """Where all rows are alike the standard error is 0, and says less than their number does."""
    if number_or_none(error) == 0 and number_or_none(value) in {0.0, 1.0}:
        return share(value, at, n=rows, of="rows (n-samples)")
    return estimate(value, at, error=error, named=named)


IMPORTER = Importer(
    tool="the results of lm-evaluation-harness",
    names="`results.arc_easy.acc,none` (also `arc_easy.acc,none`) with its standard error `acc_stderr,none`",
    recognises=recognises,
    read=read,
)
