"""What lm-evaluation-harness writes as `results_*.json`: metrics by task and filter, each beside its standard error."""

from collections.abc import Iterator, Mapping

from ml_cicd.gate.importers.document import Document, group
from ml_cicd.gate.importers.reading import Given, Importer, mean

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
                yield at, mean(value, at, error=group(found)[error], named=error, n=rows)


IMPORTER = Importer(
    tool="the results of lm-evaluation-harness",
    names="`results.arc_easy.acc,none` (also `arc_easy.acc,none`) with its standard error `acc_stderr,none`; as a "
    "share of the rows in `n-samples` where each row is right or wrong",
    recognises=recognises,
    read=read,
)
