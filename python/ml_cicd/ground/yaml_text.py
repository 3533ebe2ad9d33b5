"""YAML as data: safe loader, duplicate keys refused, and the line of every key remembered."""

import re
from collections.abc import Hashable
from dataclasses import dataclass

import yaml

from ml_cicd.ground.errors import InputError

KeyPath = tuple[str | int, ...]
TEXT_TAG = "tag:yaml.org,2002:str"
PLAIN_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq")}
SURPRISING = re.compile(r"[-+]?0[0-9_]|.*:")  # 050 is 40 in YAML 1.1, and 1:30 is 90
MOST_NODES = 100_000  # aliases of aliases can make a kilobyte mean a billion values


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML text's value and the 1-based line on which each path begins."""

    value: object
    lines: dict[KeyPath, int]

    def line(self, path: KeyPath) -> int:
        """Return the line of `path`, or of its nearest parent."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(text: str, where: str) -> Document:
    """Read one document.

    Raises:
        InputError: not YAML, or a key stands twice; the message names `where` and the line.
    """
    lines: dict[KeyPath, int] = {}
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _walk(node, (), lines, where)
        return Document(yaml.safe_load(text), lines)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise InputError(
            f"{where}, line {line}: not valid YAML: {problem.problem}.", cure="Check quotes and indentation."
        ) from problem
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as problem:
        raise InputError(f"{where}: not valid YAML: {problem}.", cure="Check quotes and indentation.") from problem


def _walk(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], where: str) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    _check_kind(node, where)
    if isinstance(node, yaml.ScalarNode):
        _check_number(node, where)
    if len(lines) > MOST_NODES:
        raise InputError(f"{where}: more than {MOST_NODES:,} values.", cure="Is it the right file?")
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), lines, where)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[Hashable, int] = {}
        for key, value in node.value:
            name, line = key.value, key.start_mark.line + 1
            if not isinstance(name, str) or key.tag != TEXT_TAG:
                raise InputError(
                    f"{where}, line {line}: a name must be plain text.",
                    cure="Put it in quotes, or check the indentation.",
                )
            if name in seen:
                raise InputError(
                    f"{where}, line {line}: {name!r} stands twice, first on line {seen[name]}.",
                    cure="Keep one of them.",
                )
            seen[name] = line
            lines[(*path, name)] = line
            _walk(value, (*path, name), lines, where)


def _check_kind(node: yaml.Node, where: str) -> None:
    """Refuse what is more than plain data: dates, sets, tags."""
    if node.tag not in PLAIN_TAGS:
        line, kind = node.start_mark.line + 1, node.tag.rpartition(":")[2]
        raise InputError(f"{where}, line {line}: this would be read as {kind}.", cure="Put it in quotes.")


def _check_number(node: yaml.ScalarNode, where: str) -> None:
    """Refuse numbers that do not mean what people read."""
    line = f"{where}, line {node.start_mark.line + 1}"
    number = node.tag in {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
    if number and SURPRISING.match(node.value):
        raise InputError(f"{line}: YAML would not read {node.value!r} as people do.", cure="Write a plain number.")
    if number and node.value.lower().lstrip("-+") in {".nan", ".inf"}:
        raise InputError(f"{line}: {node.value} is not a finite number.", cure="Write a number.")
