"""Render what the pages take from the code: the diagram of a rollout's phases, the worked extensions and the champion's
evaluation, the tools whose metrics files are recognised, the model formats, and the cases of evidence. And what the
package takes from the examples, which it writes into the repositories of others.

    python tools/render_docs.py [--check]

With --check nothing is written; stale pages are named and the exit code is 1.
"""

import re
import sys
from pathlib import Path

from ml_cicd.gate.importers.catalogue import IMPORTERS
from ml_cicd.registry.formats.scan import formats
from ml_cicd.registry.operations import AppendLedger, SetAlias
from ml_cicd.rollout.machine import EVERY, OVER, ROWS, Row
from ml_cicd.rollout.operations import DeploySlot, SetSplit
from ml_cicd.rollout.state import Phase

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tests.conformance.cases import Case, all_cases  # noqa: E402  # the cases lie beside the tests, not in the package

ARCHITECTURE, CONTRIBUTING = ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"
PIPELINE = ROOT / "docs" / "pipeline.md"
METRICS_FILES = ROOT / "docs" / "metrics-files.md"
TOOLS = re.compile(r"(<!-- importers: begin -->\n).*?(<!-- importers: end -->)", re.DOTALL)
MODELS = ROOT / "docs" / "models.md"
FORMATS = re.compile(r"(<!-- formats: begin -->\n).*?(<!-- formats: end -->)", re.DOTALL)
EVIDENCE = ROOT / "docs" / "evidence.md"
PHASES = re.compile(r"(<!-- phases: begin -->\n).*?(<!-- phases: end -->)", re.DOTALL)
CASES = re.compile(r"(<!-- cases: begin -->\n).*?(<!-- cases: end -->)", re.DOTALL)
QUOTED = re.compile(r"(<!-- quoted: (?P<path>\S+) -->\n).*?(<!-- quoted: end -->)", re.DOTALL)
SERVING = ROOT / "python" / "ml_cicd" / "starter" / "files"
EXAMPLES = {
    SERVING / "server-pytorch.py.txt": ROOT / "examples" / "digits" / "server.py",
    SERVING / "deploy.py.txt": ROOT / "examples" / "digits" / "deploy.py",
    SERVING / "haproxy.cfg.txt": ROOT / "examples" / "haproxy" / "haproxy.cfg.template",
}
EFFECTS = {SetSplit: "router", AppendLedger: "ledger", SetAlias: "alias", DeploySlot: "slot"}
GROUPS = {EVERY: "any", (*OVER, Phase.DEPLOYING): "any_but_running"}


def diagram() -> str:
    """Return the state diagram: an arrow for each phase and event, with what the event may have an effect on."""
    lines = [
        f"  {begin} --> {row.to.value}: {label(row)}"
        for row in ROWS
        if row.to is not None  # else the event leaves every phase as it is
        for begin in starts(row)
    ]
    return "\n".join(["stateDiagram-v2", "  [*] --> any_but_running", *lines])


def starts(row: Row) -> list[str]:
    """Return the names that the row's arrows begin at."""
    if row.phases in GROUPS:
        return [GROUPS[row.phases]]
    return ["[*]" if phase is None else phase.value for phase in row.phases]


def label(row: Row) -> str:
    """Return e.g. `proven (ledger, router, alias)`."""
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", row.event.__name__).lower()
    effects = ", ".join(EFFECTS[effect] for effect in row.effects)
    return f"{words} ({effects})" if effects else words


def quotation(match: re.Match[str]) -> str:
    """Return a file as a block of code between its markers."""
    text = (ROOT / match["path"]).read_text(encoding="utf-8")
    return f"{match[1]}```python\n{text}```\n{match[3]}"


def importers_table() -> str:
    """Return what is recognised, tool by tool."""
    rows = [f"| {one.tool} | {one.names} |" for one in IMPORTERS.values() if one.tool]
    return "\n".join(["| file | names and what bounds them |", "|---|---|", *rows])


def metrics_files() -> str:
    """Return the page on metrics files."""
    return TOOLS.sub(lambda m: f"{m[1]}{importers_table()}\n{m[2]}", METRICS_FILES.read_text("utf-8"))


def formats_table() -> str:
    """Return what models are recognised, how they are looked at, and what is refused."""
    rows = [f"| {one.name} | {one.recognised} | {one.looked_at} | {one.refused} |" for one in formats()]
    return "\n".join(["| model | recognised by | looked at | refused |", "|---|---|---|---|", *rows])


def models() -> str:
    """Return the page on models."""
    return FORMATS.sub(lambda m: f"{m[1]}{formats_table()}\n{m[2]}", MODELS.read_text("utf-8"))


def case_row(case: Case) -> str:
    """Return a case as a row of the table."""
    said = case.says[0].replace("|", "\\|").replace("`", "'")
    return (
        f"| {case.name.replace('/', ': ').replace('-', ' ')} | {case.what} | {case.verdict}, {case.exit} | `{said}` |"
    )


def cases_table() -> str:
    """Return all cases of evidence with their outcomes."""
    header = ["| case | what people meet | verdict, exit code | it says |", "|---|---|---|---|"]
    return "\n".join([*header, *(case_row(case) for case in all_cases())])


def rendered() -> dict[Path, str]:
    """Return every page with fresh parts."""
    drawn = PHASES.sub(lambda m: f"{m[1]}```mermaid\n{diagram()}\n```\n{m[2]}", ARCHITECTURE.read_text("utf-8"))
    return {
        ARCHITECTURE: drawn,
        CONTRIBUTING: QUOTED.sub(quotation, CONTRIBUTING.read_text("utf-8")),
        PIPELINE: QUOTED.sub(quotation, PIPELINE.read_text("utf-8")),
        METRICS_FILES: metrics_files(),
        MODELS: models(),
        **{path: source.read_text("utf-8") for path, source in EXAMPLES.items()},
        EVIDENCE: CASES.sub(lambda m: f"{m[1]}{cases_table()}\n{m[2]}", EVIDENCE.read_text("utf-8")),
    }


def main(arguments: list[str]) -> int:
    """Write the pages, or say which are stale."""
    stale = {path: text for path, text in rendered().items() if not path.is_file() or path.read_text("utf-8") != text}
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run `make render`.", file=sys.stderr)
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
