"""How a JSON file holds its rows: one object a line, a list of objects, or, as pandas splits them, names apart."""

import re
from enum import StrEnum

from ml_cicd.gate.engines.csv_file import BLOCK, BOM, WHOLE, WIDE, opened
from ml_cicd.ground.errors import EvidenceError

LARGEST_OBJECT = 2**30  # one row, or all rows where names stand apart from them
SPLIT = re.compile(rb'\s*\{\s*"(columns|index|data)"\s*:\s*\[')


class Form(StrEnum):
    """The three forms."""

    LINES = "JSON lines"
    LIST = "a JSON list of rows"
    SPLIT = "JSON with names apart from rows"


def form_of(path: str) -> Form:
    """Look at the first bytes.

    Raises:
        EvidenceError: no UTF-8, or a byte order mark, which JSON does not allow.
    """
    with opened(path) as stream:
        start = stream.read(2**16)
    if start[:2] in WIDE:
        raise EvidenceError(f"{path} is {WIDE[start[:2]]}, not UTF-8.", cure="Write it as UTF-8.")
    if start.startswith(BOM):
        raise EvidenceError(f"{path} begins with a byte order mark.", cure="Write it as UTF-8 without one.")
    if SPLIT.match(start):
        return Form.SPLIT
    return Form.LIST if start.lstrip().startswith(b"[") else Form.LINES


def refuse_open_end(path: str, form: Form) -> None:
    """The database takes a list that was cut behind a comma for a whole one.

    Raises:
        EvidenceError: the file does not end with the bracket that closes it.
    """
    end = b""
    with opened(path) as stream:
        while block := stream.read(BLOCK):
            end = block.rstrip()[-1:] or end
    closing = b"]" if form is Form.LIST else b"}"
    if end != closing:
        raise EvidenceError(f"{path} ends with {end!r}, not {closing!r}: it is not whole.", cure=WHOLE)


def count_lines(path: str) -> int:
    """Count the lines that hold something."""
    count, rest = 0, b""
    with opened(path) as stream:
        while block := stream.read(BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            count += sum(1 for line in lines if line.strip())
    return count + bool(rest.strip())
