"""What the repository hands to GitHub: actions, workflows, templates and the workflows that `init` writes."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTIONS = [ROOT / "action.yml", *sorted((ROOT / "actions").glob("*/action.yml"))]
PARTS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))  # of the reusable workflow
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted((ROOT / "workflows-templates").glob("*.yml"))
INIT_WORKFLOWS = sorted((ROOT / "tests" / "starter" / "expected").glob("*/ml-[!c]*.yml"))
PIPELINE = ROOT / ".github" / "workflows" / "ml-pipeline.yml"
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", flags=re.DOTALL)
SELF_FILE = re.compile(r"^OWNER/ml-cicd(?:/(?P<path>[^@]+))?@v1$")

Mapped = Mapping[str, Any]


def label(path: Path) -> str:
    """Return a file's name in the repository, as a test's id."""
    return str(path.relative_to(ROOT))


def load(path: Path) -> dict[str, Any]:
    """Read a YAML file; the key `on` stays a text."""
    found: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=_Loader)
    return found


def jobs(document: Mapped) -> dict[str, Any]:
    """Return a workflow's jobs."""
    found: dict[str, Any] = document.get("jobs", {})
    return found


def steps(document: Mapped) -> Iterator[Mapped]:
    """Yield all steps of an action or a workflow."""
    yield from document.get("runs", {}).get("steps", [])
    for job in jobs(document).values():
        yield from job.get("steps", [])


def users(document: Mapped) -> Iterator[Mapped]:
    """Yield all steps and jobs that use something else."""
    yield from (part for part in [*steps(document), *jobs(document).values()] if "uses" in part)


def texts(value: Any) -> Iterator[str]:
    """Yield all scalar texts below a value."""
    if isinstance(value, Mapping):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    else:
        yield str(value)


def references(document: Mapped, pattern: str) -> set[str]:
    """Return what the pattern's group finds in a document's expressions and `if` conditions."""
    found: set[str] = set()
    conditions = [str(part["if"]) for part in [*steps(document), *jobs(document).values()] if "if" in part]
    inside = [match for text in texts(document) for match in EXPRESSION.findall(text)]
    for text in [*inside, *conditions]:
        found |= set(re.findall(pattern, text))
    return found


class _Loader(yaml.SafeLoader):
    """YAML 1.2 booleans, as GitHub reads them."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regex) for tag, regex in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
