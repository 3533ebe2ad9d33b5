"""A metrics file as text and, where it is one, as data: nothing in it is refused before somebody asks for it."""

import codecs
import json
import posixpath
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.yaml_text import read_yaml

YAML = {".yaml", ".yml"}
# UTF-32 first: its mark begins with that of UTF-16.
OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def group(value: object) -> Mapping[str, object]:
    """Return a mapping; an empty one for what is none."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[object]:
    """Return a list; an empty one for what is none."""
    return value if isinstance(value, list) else ()


class Twice:
    """The value of a name that stands twice in one mapping: nobody knows which one is meant."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One metrics file.

    Attributes:
        where: its path, for messages.
        text: without a byte order mark.
        data: what is in it as JSON (YAML and TOML by the file's suffix); None where it is none of them.
        problem: why it is none of them.
    """

    where: str
    text: str
    data: object = None
    problem: str = ""

    @property
    def top(self) -> Mapping[str, object]:
        """The mapping at the top; empty where there is none."""
        return group(self.data)


def open_document(content: bytes, path: str) -> Document:
    """Decode and parse.

    Raises:
        EvidenceError: not UTF-8.
    """
    text = _decoded(content, path)
    suffix = posixpath.splitext(path)[1].lower()
    try:
        return Document(where=path, text=text, data=_parsed(text, suffix, path))
    except InputError as problem:
        return Document(where=path, text=text, problem=str(problem))
    except (ValueError, RecursionError) as problem:
        return Document(where=path, text=text, problem=str(problem))


def _decoded(content: bytes, path: str) -> str:
    other = next((name for mark, name in OTHER_ENCODINGS.items() if content.startswith(mark)), "")
    if other:
        raise EvidenceError(f"{path} is {other} text.", cure="Write UTF-8; in PowerShell: Out-File -Encoding utf8.")
    try:
        return content.decode("utf-8-sig")
    except ValueError as problem:
        raise EvidenceError(f"{path} is not a metrics file: {problem}.", cure="Write it as UTF-8 text.") from problem


def _parsed(text: str, suffix: str, path: str) -> object:
    if suffix in YAML:
        return read_yaml(text, path).value
    return tomllib.loads(text) if suffix == ".toml" else json.loads(text, object_pairs_hook=_mapping)


def _mapping(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        found[key] = Twice() if key in found else value
    return found
