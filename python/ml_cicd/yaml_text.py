"""YAML as data: safe loader, duplicate keys refused, and the line of every key remembered."""

from collections.abc import Hashable
from dataclasses import dataclass

import yaml

from ml_cicd.errors import InputError

Path = tuple[str | int, ...]
MOST_NODES = 100_000  # aliases of aliases can make a kilobyte mean a billion values


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML text's value and the 1-based line on which each path begins."""

    value: object
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """Return the line of `path`, or of its nearest parent."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(text: str, where: str) -> Document:
    """Read one document.

    Raises:
        InputError: not YAML, or a key stands twice; the message names `where` and the line.
    """
    lines: dict[Path, int] = {}
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
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise InputError(f"{where}: not valid YAML: {problem}.", cure="Check quotes and indentation.") from problem


def _walk(node: yaml.Node, path: Path, lines: dict[Path, int], where: str) -> None:
    lines.setdefault(path, node.start_mark.line + 1)
    if len(lines) > MOST_NODES:
        raise InputError(f"{where}: more than {MOST_NODES:,} values.", cure="Is it the right file?")
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), lines, where)
    elif isinstance(node, yaml.MappingNode):
        seen: dict[Hashable, int] = {}
        for key, value in node.value:
            name, line = key.value, key.start_mark.line + 1
            if not isinstance(name, str):
                raise InputError(f"{where}, line {line}: a name must be plain text.", cure="Check the indentation.")
            if name in seen:
                raise InputError(
                    f"{where}, line {line}: {name!r} stands twice, first on line {seen[name]}.",
                    cure="Keep one of them.",
                )
            seen[name] = line
            lines[(*path, name)] = line
            _walk(value, (*path, name), lines, where)
