"""A number in a file by its name: at the top, or deeper by the path to it, with a suggestion where it is not there."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ml_cicd.gate.metrics.names import as_rule, meaning

DEEPEST = 20
MOST_NAMES = 5000
MOST_SHOWN = 6
LONGEST_NAME = 200


def find(tree: object, name: str) -> list[object]:
    """Return everything that a name may mean: `test.acc` is a key of its own, or the key `acc` of the group `test`.

    A number names an item of a list, from 0 on.
    """
    if isinstance(tree, Mapping):
        found = [tree[name]] if name in tree else []
        cuts = (at for at, letter in enumerate(name) if letter == ".")
        return found + [value for at in cuts if name[:at] in tree for value in find(tree[name[:at]], name[at + 1 :])]
    if isinstance(tree, Sequence) and not isinstance(tree, str | bytes):
        index, _, rest = name.partition(".")
        if index.isascii() and index.isdecimal() and len(index) < len(str(MOST_NAMES)) and int(index) < len(tree):
            return find(tree[int(index)], rest) if rest else [tree[int(index)]]
    return []


def numbers_in(tree: object, path: str = "", depth: int = 0) -> Iterator[str]:
    """Yield the names of all numbers, and of the mappings that say one with its spread."""
    number = isinstance(tree, int | float) and not isinstance(tree, bool)
    if path and (number or (isinstance(tree, Mapping) and not isinstance(tree.get("value", tree), Mapping | list))):
        yield path
    elif depth < DEEPEST:
        for key, inner in _inside(tree):
            yield from numbers_in(inner, f"{path}.{key}" if path else str(key), depth + 1)


def _inside(tree: object) -> Iterable[tuple[object, object]]:
    if isinstance(tree, Mapping):
        return tree.items()
    return enumerate(tree) if isinstance(tree, list) and len(tree) <= MOST_SHOWN else ()


def _is_training(name: str) -> bool:
    return "train" in name.lower()


def nearest(name: str, there: Iterable[str]) -> str:
    """Return which names of the file somebody may have meant, as a part of a sentence; else what the file has."""
    names = [other for other in dict.fromkeys(there) if len(other) <= LONGEST_NAME]
    if not names:
        return "it has no number at all"
    meant = [other for other in names if meaning(other) == meaning(name)]
    close = meant or difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        close = sorted(close, key=_is_training)  # nobody wants to be judged by what was learnt
        quoted = " or ".join(repr(other) for other in close[:3])
        return f"did you mean {quoted}? A rule on it reads {as_rule(close[0])}"
    shown = ", ".join(repr(other) for other in names[:MOST_SHOWN])
    return f"it has {shown}" + (f" and {len(names) - MOST_SHOWN:,} more" if len(names) > MOST_SHOWN else "")
