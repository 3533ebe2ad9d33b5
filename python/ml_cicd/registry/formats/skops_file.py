"""What skops wrote: a zip of schema.json, which names every type and how it is made again, and arrays beside it.

skops itself trusts types by its own list when it loads; here each type must be in the lists for pickles
(callables.py) too, whatever made it. Bound methods, operators and partials are refused: their names lead anywhere.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml_cicd.registry.formats.callables import known_callables
from ml_cicd.registry.formats.compressed import begins
from ml_cicd.registry.formats.numpy_file import hold_array
from ml_cicd.registry.formats.pickle_stream import NotPlain
from ml_cicd.registry.formats.reading import mappings, strict_json
from ml_cicd.registry.formats.scan import Format
from ml_cicd.registry.formats.zips import MAGIC, entry, names, opened, read
from ml_cicd.registry.look import Allowed

SCHEMA = "schema.json"
LARGEST_SCHEMA = 256 * 2**20
PROTOCOLS = {1, 2}
MEMBER = re.compile(r"[\w-]+\.(npy|npz|bin)")
PARTS = ("__class__", "__module__", "__loader__")
CALLED = {"ConstructorFromReduceNode", "LossNode", "TreeNode"}
ANY_USE = {
    *("DictNode", "DefaultDictNode", "ListNode", "SetNode", "TupleNode", "SliceNode", "BytesNode", "BytearrayNode"),
    *("FunctionNode", "TypeNode", "NdArrayNode", "MaskedArrayNode", "RandomStateNode", "DTypeNode", "SparseMatrixNode"),
    "RandomGeneratorNode",
}
GENERATORS = {"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"}
ALSO = {"numpy.random.mtrand.RandomState", "numpy.random._generator.Generator"}


def recognises(path: Path) -> bool:
    """Whether it is a zip with schema.json, or named as skops's."""
    if not begins(path).startswith(MAGIC):
        return bool(begins(path)) and path.suffix.lower() == ".skops"
    return SCHEMA in names(path) or path.suffix.lower() == ".skops"


def violations(path: Path, allowed: Allowed) -> tuple[str, ...]:
    """Return the types in it that are not known to be harmless, and what else is not skops's."""
    try:
        with opened(path) as archive:
            return tuple(dict.fromkeys(f"{path.name} {problem}" for problem in _archive(archive, allowed.callables)))
    except NotPlain as problem:
        return (f"{path.name} is no plain file of skops: {problem}",)


def _archive(archive: zipfile.ZipFile, callables: frozenset[str]) -> Iterator[str]:
    if SCHEMA not in archive.namelist():
        raise NotPlain(f"it has no {SCHEMA}")
    for one in archive.infolist():
        if one.filename != SCHEMA and not MEMBER.fullmatch(one.filename):
            yield f"holds {one.filename!r}"
        elif one.filename.endswith(".npy"):
            with entry(archive, one.filename) as stream:
                hold_array(stream, one.file_size)
    try:
        found = strict_json(read(archive, SCHEMA, LARGEST_SCHEMA))
    except ValueError as problem:
        raise NotPlain(f"{SCHEMA} cannot be read") from problem
    if not isinstance(found, dict) or type(found.get("protocol")) is not int or found["protocol"] not in PROTOCOLS:
        raise NotPlain(f"its protocol is not one of {sorted(PROTOCOLS)}")
    for node in _nodes(found):
        yield from _node(node, callables)


def _nodes(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every mapping that names a type, at any depth, whether it is reached or not."""
    for value in mappings(found):
        # The names of a model's own parameters stand in such mappings too; then their values are mappings.
        if any(part in value and not isinstance(value[part], dict) for part in PARTS):
            yield value


def _node(node: dict[str, Any], callables: frozenset[str]) -> Iterator[str]:
    name, module, loader = (node.get(part) for part in PARTS)
    if not isinstance(name, str) or not isinstance(module, str) or not isinstance(loader, str):
        raise NotPlain("it has a type without a name")
    if f"{module}.{name}" not in callables and not _is_known(module, name, loader):
        yield f"makes {module}.{name} by {loader}"
    if loader == "RandomGeneratorNode" and _generator(node) not in GENERATORS:
        yield "has a random generator that is not NumPy's"


def _is_known(module: str, name: str, loader: str) -> bool:
    how = known_callables().get((module, name), "")
    if loader == "JsonNode":
        return (module, name) == ("builtins", "str")
    if loader in CALLED:
        return how == "call"
    if loader == "ObjectNode":
        return how in {"new", "call"}
    return loader in ANY_USE and (bool(how) or f"{module}.{name}" in ALSO)


def _generator(node: dict[str, Any]) -> object:
    try:
        return json.loads(node["content"]["bit_generator"]["content"]["bit_generator"]["content"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


FORMAT = Format(
    name="skops",
    recognised="a zip with schema.json (`.skops`)",
    looked_at="every type and how it is made, at any depth of schema.json, the header of every array",
    refused="types that are not in the lists for pickles, bound methods, operators and partials, other files",
    way_out="Leave out custom types, save as ONNX, or list types of your own that are harmless in "
    "`registry.allow_callables`.",
    recognises=recognises,
    violations=violations,
)
