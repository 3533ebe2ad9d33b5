"""ONNX, a graph as protobuf with weights inside or in files beside it. Its messages are walked, none is built.

The graph runs no Python. What could reach further: paths of weights, and operators of a library outside.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ml_cicd.registry.formats.reading import head, read_whole
from ml_cicd.registry.formats.scan import Format

# Kinds of messages by the number of the field that holds them, as in onnx.proto. What is not named here is not entered.
MESSAGES: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "Outside"},
    "Outside": {},
}
LARGEST_NUMBER = {"Model": 26, "Graph": 16, "Node": 10, "Tensor": 16, "Attribute": 23, "Function": 14}
NAMED = {"Node": (4, 7), "Function": (1, 10)}  # name of the operator, its domain
DEEPEST = 60
STANDARD = {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training"}
MICROSOFT = {"com.microsoft", "com.ms.internal.nhwc", "com.microsoft.nchwc"}
# What optimised and quantised models have of ONNX Runtime's own; others (PythonOp, EPContext) reach outside.
CONTRIBUTED = {
    *("Attention", "BiasAdd", "BiasDropout", "BiasGelu", "BiasSoftmax", "BiasSplitGelu", "BifurcationDetector"),
    *("ConvTransposeWithDynamicPads", "DecoderMaskedMultiHeadAttention", "DequantizeLinear", "DynamicQuantizeLSTM"),
    *("DynamicQuantizeMatMul", "EmbedLayerNormalization", "FastGelu", "FusedConv", "FusedGemm", "FusedMatMul"),
    *("GatedRelativePositionBias", "GatherBlockQuantized", "Gelu", "GemmFastGelu", "GemmFloat8", "GroupNorm"),
    *("GroupQueryAttention", "Inverse", "Irfft", "LayerNormalization", "MatMulBnb4", "MatMulInteger16"),
    *("MatMulIntegerToFloat", "MatMulNBits", "MaxpoolWithMask", "MultiHeadAttention", "NhwcConv", "NhwcFusedConv"),
    *("NhwcMaxPool", "PackedAttention", "PackedMultiHeadAttention", "Pad", "QAttention", "QGemm", "QLinearAdd"),
    *("QLinearAveragePool", "QLinearConcat", "QLinearConv", "QLinearGlobalAveragePool", "QLinearLeakyRelu"),
    *("QLinearMatMul", "QLinearMul", "QLinearReduceMean", "QLinearSigmoid", "QLinearSoftmax", "QLinearWhere"),
    *("QMoE", "QOrderedMatMul", "QuantizeLinear", "QuickGelu", "RelativePositionBias", "RemovePadding"),
    *("RestorePadding", "Rfft", "RotaryEmbedding", "SimplifiedLayerNormalization", "SkipGroupNorm"),
    *("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "Trilu", "Unique", "WordConvEmbedding"),
    *("Conv", "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool", "ReorderInput", "ReorderOutput"),
}


@dataclass(slots=True)
class _Seen:
    """What a walk gathers: (domain, operator), functions that the file itself defines, and places outside."""

    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    outside: set[tuple[str, int, int]] = field(default_factory=set)
    graphs: int = 0


def _varint(data: Any, at: int, end: int) -> tuple[int, int]:  # noqa: ANN401
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError(f"a number at byte {at} has no end")


def _fields(data: Any, at: int, end: int) -> Iterator[tuple[int, int, int]]:  # noqa: ANN401
    """Yield (number of the field, where its bytes begin and end) of a message; numbers have an empty span."""
    while at < end:
        key, at = _varint(data, at, end)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at, end)
            yield number, value, -1
            continue
        length = {1: 8, 5: 4}.get(wire, -1)
        if wire == 2:
            length, at = _varint(data, at, end)
        if length < 0 or at + length > end or not number:
            raise ValueError(f"a field at byte {at} is longer than its message")
        yield number, at, at + length
        at += length


def _walk(data: Any) -> _Seen:  # noqa: ANN401
    seen = _Seen()
    pending = [("Model", 0, len(data), 0)]
    while pending:
        kind, begin, end, depth = pending.pop()
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
        inner = list(_message(data, seen, kind, begin, end))
        pending += [(one, at, to, depth + 1) for one, at, to in inner]
    return seen


def _message(data: Any, seen: _Seen, kind: str, begin: int, end: int) -> Iterator[tuple[str, int, int]]:  # noqa: ANN401
    """Note what one message says, and yield (kind, begin, end) of the messages in it."""
    seen.graphs += kind == "Graph"
    texts: dict[int, str] = {}
    outside: dict[str, str] = {}
    for number, at, to in _fields(data, begin, end):
        if number > LARGEST_NUMBER.get(kind, 99):
            raise ValueError(f"a {kind} with a field {number}, which ONNX does not know")
        inner = MESSAGES[kind].get(number)
        if inner == "Outside":
            _note(outside, _entry(data, at, to))
        elif inner is not None and to >= 0:
            yield inner, at, to
        elif number in NAMED.get(kind, ()) and to >= 0:
            texts[number] = bytes(data[at:to]).decode("utf-8")
    if kind in NAMED:
        operator, domain = (texts.get(number, "") for number in NAMED[kind])
        (seen.operators if kind == "Node" else seen.functions).add((domain, operator))
    if outside:
        seen.outside.add((outside.get("location", ""), *_place(outside)))


def _note(outside: dict[str, str], entry: tuple[str, str]) -> None:
    key, value = entry
    if key in outside:  # another reader may take the other one
        raise ValueError(f"weights outside with two of {key!r}")
    outside[key] = value


def _entry(data: Any, begin: int, end: int) -> tuple[str, str]:  # noqa: ANN401
    texts = {number: bytes(data[at:to]).decode("utf-8") for number, at, to in _fields(data, begin, end) if to >= 0}
    return texts.get(1, ""), texts.get(2, "")


def _place(outside: dict[str, str]) -> tuple[int, int]:
    offset, length = int(outside.get("offset") or 0), int(outside.get("length") or 0)
    if min(offset, length) < 0:
        raise ValueError("weights before the beginning of a file")
    return offset, length


def _file_in(path: Path) -> Path:
    """Return the one graph of a folder, or the file itself."""
    if path.is_file():
        return path
    (found,) = path.glob("*.onnx")
    return found


def _read(path: Path) -> _Seen:
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _walk(data)


def _problems(path: Path) -> Iterator[str]:
    file = _file_in(path)
    seen = _read(file)
    if not seen.graphs:
        yield "it holds no graph"
    for domain, operator in sorted(seen.operators):
        own = (domain, operator) in seen.functions and domain not in MICROSOFT  # whose kernels might go first
        if domain not in STANDARD and not own and not (domain in MICROSOFT and operator in CONTRIBUTED):
            yield f"operator {operator!r} of domain {domain!r} comes from a library outside"
    for location, offset, length in sorted(seen.outside):
        yield from _outside(file.parent, location, offset + length)
    if path.is_dir():
        known = {file.name, *(location for location, _, _ in seen.outside)}
        entries = {entry.relative_to(path).as_posix(): entry for entry in path.rglob("*")}
        for name, entry in sorted(entries.items()):
            if entry.is_symlink() or not (entry.is_dir() or name in known):
                yield f"file {name!r} is not one of this model"


def _outside(folder: Path, location: str, end: int) -> Iterator[str]:
    parts = PurePosixPath(location).parts
    if not parts or location.startswith("/") or ".." in parts or "\\" in location or ":" in location:
        yield f"its weights lie at {location!r}, which leaves the folder"
        return
    places = [folder.joinpath(*parts[: n + 1]) for n in range(len(parts))]
    if any(place.is_symlink() for place in places) or not places[-1].is_file():
        yield f"its weights {location!r} are not a file of this folder"
    elif places[-1].stat().st_size < end:
        yield f"its weights reach to byte {end} of {location!r}, which is shorter"


def _beside(path: Path) -> frozenset[str]:
    """Return the files with weights that belong to a graph, as far as it can be read."""
    try:
        return frozenset(location for location, _, _ in _read(path).outside) if path.is_file() else frozenset()
    except (OSError, ValueError):
        return frozenset()


def _recognises(path: Path) -> bool:
    if path.is_dir():
        return len(list(path.glob("*.onnx"))) == 1 and not (path / "config.json").exists()
    return path.suffix == ".onnx" and bool(head(path, 1))


FORMAT = Format(
    name="ONNX",
    recognised="a file .onnx; a folder with one and the files of its weights",
    looked_at="every message of the graph and its functions; the places of weights outside",
    refused="weights outside the folder or behind links, operators of custom libraries, Python operators, other files",
    way_out="Export it with ONNX's own operators, and save external weights in the same folder.",
    recognises=_recognises,
    violations=read_whole("an ONNX model", _problems),
    beside=_beside,
)
