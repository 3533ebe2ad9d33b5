"""safetensors: a JSON header, then raw numbers. Its header is held to the letter: every byte belongs to one tensor."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml_cicd.registry.formats.reading import read_whole, strict_json
from ml_cicd.registry.formats.scan import Format

LARGEST_HEADER = 100_000_000  # the format's own bound
BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
    "C128": 128,
}


def _problems(path: Path) -> Iterator[str]:
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > min(LARGEST_HEADER, size - 8):
            yield f"its header claims {length} bytes of {size}"
            return
        header = strict_json(stream.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is no mapping")  # noqa: TRY004  # what is broken is one kind of error here
    told = header.pop("__metadata__", {})
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        yield "its metadata is not text by name"
    yield from _tensors(header, size - 8 - length)


def _tensors(header: dict[str, Any], size: int) -> Iterator[str]:
    spans: list[tuple[int, int, str]] = []
    for name, tensor in header.items():
        span = _span(tensor)
        if span is None:
            yield f"tensor {name!r} is not described as dtype, shape and data_offsets that agree"
            return
        spans.append((*span, name))
    at = 0
    for begin, end, name in sorted(spans):
        if begin != at:
            yield f"tensor {name!r} begins at {begin}, not at {at}: tensors overlap, or bytes belong to none"
            return
        at = end
    if at != size:
        yield f"its tensors end at {at}, its data at {size}"


def _span(tensor: Any) -> tuple[int, int] | None:  # noqa: ANN401
    """Return where a tensor begins and ends; None where its description is not the length that it claims."""
    if not isinstance(tensor, dict) or set(tensor) != {"dtype", "shape", "data_offsets"}:
        return None
    shape, offsets = tensor["shape"], tensor["data_offsets"]
    if not (_sizes(shape) and _sizes(offsets) and len(offsets) == 2 and tensor["dtype"] in set(BITS)):
        return None
    bits = math.prod(shape) * BITS[tensor["dtype"]]
    return (offsets[0], offsets[1]) if (offsets[1] - offsets[0]) * 8 == bits else None


def _sizes(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, list) and all(type(one) is int and 0 <= one < 2**63 for one in value)


FORMAT = Format(
    name="safetensors",
    recognised="a file .safetensors",
    looked_at="the whole header: sizes, offsets, types, metadata",
    refused="headers over 100 MB, keys that are there twice, tensors that overlap, bytes that belong to no tensor",
    way_out="Write it again with safetensors' save_file.",
    recognises=lambda path: path.suffix == ".safetensors" and path.is_file(),
    violations=read_whole("safetensors", _problems),
)
