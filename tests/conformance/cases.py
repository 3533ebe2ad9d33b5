"""Reads the cases: a folder each, with `case.yml`, the files that somebody else's tool wrote, and perhaps `make.py`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml_cicd.ground.parse import as_list, as_mapping, as_text, refuse_unknown
from ml_cicd.ground.yaml_text import read_yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KEYS = ("what", "inputs", "exit", "verdict", "says", "never")


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One case, as its `case.yml` says it.

    Attributes:
        folder: where it lies; its name is `group/name`.
        what: what people meet, one line of Markdown; it stands in the documentation.
        inputs: of `quality-gate`, by option; `config` is `ml-cicd.yml` where there is one.
        exit, verdict: what the gate must answer.
        says: texts that the answer must have; the first is quoted in the documentation.
        never: texts that it must not have.
    """

    folder: Path
    what: str
    inputs: Mapping[str, str]
    exit: int
    verdict: str
    says: tuple[str, ...]
    never: tuple[str, ...]

    @property
    def name(self) -> str:
        """Group and name."""
        return self.folder.relative_to(HERE).as_posix()

    @property
    def arguments(self) -> list[str]:
        """The command line."""
        return ["quality-gate", *(f"--{key}={value}" for key, value in self.inputs.items())]


def read_case(path: Path) -> Case:
    """Read one `case.yml`."""
    where = path.relative_to(ROOT).as_posix()
    parts = as_mapping(read_yaml(path.read_text("utf-8"), where).value, where)
    refuse_unknown(parts, KEYS, where)
    return Case(
        folder=path.parent,
        what=as_text(parts["what"], where),
        inputs={key: as_text(value, where) for key, value in as_mapping(parts["inputs"], where).items()},
        exit=int(str(parts["exit"])),
        verdict=as_text(parts["verdict"], where),
        says=tuple(as_text(text, where) for text in as_list(parts["says"], where)),
        never=tuple(as_text(text, where) for text in as_list(parts.get("never", []), where)),
    )


def all_cases() -> list[Case]:
    """Read every case, in order of its name."""
    return [read_case(path) for path in sorted(HERE.glob("*/*/case.yml"))]


def one_line(text: str) -> str:
    """Return a text as it reads in one line."""
    return re.sub(r"\s+", " ", text)
