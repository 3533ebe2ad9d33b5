"""A CSV file as bytes: what its header says, how many lines it has, and where it is not what it should be.

The database reads the rows by what is found here and guesses nothing. As many records as lines means that none was left
out, and that no quoted field swallowed the next line; only where there are more lines each record is looked at.
"""

import csv
import gzip
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from ml_cicd.ground.errors import EvidenceError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
BOM = b"\xef\xbb\xbf"
WIDE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
BLOCK = 2**24
LONGEST_LINE = 2**26
FEW = 1000  # different values of a column that names something
SHOWN = 60
WHOLE = "Check that the evaluation wrote it whole, once, with one program."


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """How the file is written: `names` are those of its header, `header` is that line without its break."""

    delimiter: str
    names: tuple[str, ...]
    header: bytes
    line_break: bytes
    has_bom: bool

    @property
    def again(self) -> tuple[bytes, ...]:
        """What the header looks like where it stands a second time."""
        end = self.line_break[-1:]
        return tuple(end + mark + self.header + self.line_break for mark in (b"", BOM))

    @property
    def shown(self) -> str:
        """The header, for messages."""
        return self.delimiter.join(self.names)[:SHOWN]

    @property
    def words(self) -> str:
        """What was found out, for people."""
        encoding = "UTF-8 with a byte order mark" if self.has_bom else "UTF-8"
        return f"delimiter: {DELIMITERS[self.delimiter]}, encoding: {encoding}"


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Open a file, or what a gzip file holds; a broken one is unusable evidence.

    Raises:
        EvidenceError: the file cannot be read, or is cut.
    """
    try:
        with gzip.open(path) if path.lower().endswith(".gz") else Path(path).open("rb") as stream:
            yield cast("BinaryIO", stream)
    except (OSError, EOFError) as problem:  # gzip says EOFError for a cut file, OSError for a wrong checksum
        raise EvidenceError(f"{path} cannot be read: {problem}.", cure=WHOLE) from problem


def read_layout(path: str) -> Layout | None:
    """Read the header; None where the file has no byte.

    Raises:
        EvidenceError: no text, or a header that names two columns alike.
    """
    with opened(path) as stream:
        start = stream.read(BLOCK)
    if start[:2] in WIDE:
        raise EvidenceError(f"{path} is {WIDE[start[:2]]}, not UTF-8.", cure="Write it as UTF-8.")
    text = start.removeprefix(BOM)
    if not text.strip():
        return None
    if text[:1] in b"\r\n":
        raise EvidenceError(f"{path}, line 1 is empty.", cure="The first line must name the columns.")
    first_break = re.search(rb"\r?\n|\r", text)
    line_break = first_break[0] if first_break else b"\n"
    lines = [line for line in re.split(rb"\r?\n|\r", text, maxsplit=2)[:2] if line]
    decoded = [_decoded(line, path, number) for number, line in enumerate(lines, 1)]
    delimiter = _delimiter(decoded)
    names = tuple(name.strip() or f"unnamed_{place}" for place, name in enumerate(_split(decoded[0], delimiter)))
    refuse_twins(names, path)
    return Layout(
        delimiter=delimiter, names=names, header=lines[0], line_break=line_break, has_bom=start.startswith(BOM)
    )


def _decoded(line: bytes, path: str, number: int) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as problem:
        raise _not_utf8(path, number, line) from problem


def _not_utf8(path: str, number: int, line: bytes) -> EvidenceError:
    return EvidenceError(
        f"{path}, line {number} is not UTF-8: {line[:SHOWN]!r}.", cure="Write the file as UTF-8, e.g. encoding='utf-8'."
    )


def _split(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter that gives the header most columns, and its first row as many."""

    def columns(delimiter: str) -> tuple[bool, int]:
        widths = [len(_split(line, delimiter)) for line in lines]
        return len(set(widths)) == 1, widths[0]

    several = [delimiter for delimiter in DELIMITERS if columns(delimiter)[1] > 1]
    return max(several or [","], key=columns)


def refuse_twins(names: Iterable[str], path: str) -> None:
    """A database takes names that differ in case for one.

    Raises:
        EvidenceError: two columns are called so.
    """
    seen: dict[str, str] = {}
    for name in names:
        if name.casefold() in seen:
            raise EvidenceError(
                f"{path}: it has two columns called {seen[name.casefold()]!r} and {name!r}.",
                cure="Give each column a name of its own; in a CSV, the first line must have the names.",
            )
        seen[name.casefold()] = name


def count_lines(path: str, layout: Layout) -> int:
    """Count the lines that are not empty, in blocks; the header is one.

    Raises:
        EvidenceError: the header stands in the file again, a zero byte, a line without an end.
    """
    end, count, before, rest = layout.line_break[-1:], 0, 0, b""
    with opened(path) as stream:
        while block := stream.read(BLOCK):
            if b"\0" in block:
                raise EvidenceError(f"{path} holds a zero byte, so it is no text.", cure="Write it as UTF-8.")
            cut = (block := rest + block).rfind(end) + 1
            whole, rest = block[:cut], block[cut:]
            _refuse_header_again(path, end + whole, before, layout)
            before += whole.count(end)
            count += whole.count(end) - _empty_lines(whole, end)
            if len(rest) > LONGEST_LINE:
                raise EvidenceError(f"{path}, line {before + 1} has no end.", cure=WHOLE)
    if count:
        _refuse_header_again(path, end + rest + layout.line_break, before, layout)
    return count + bool(rest.strip(b"\r\n"))


def _refuse_header_again(path: str, lines: bytes, before: int, layout: Layout) -> None:
    """Look for the header in lines of which `before` come first, but not at the very start of the file."""
    if len(layout.names) == 1:
        return
    end = lines[:1]
    for again in layout.again:
        place = lines.find(again, 0 if before else len(end) + len(layout.header))
        if place >= 0:
            line = before + lines.count(end, 0, place) + 1
            raise EvidenceError(f"{path}, line {line} is the header again: {layout.shown!r}.", cure=WHOLE)


def _empty_lines(whole: bytes, end: bytes) -> int:
    empty = end if end == b"\r" else b"\r?\n"
    first = bool(re.match(empty, whole))
    if end * 2 not in whole and b"\n\r\n" not in whole:
        return first
    return first + len(re.findall(end + b"(?=" + empty + b")", whole))


@contextmanager
def _text(path: str) -> Iterator[io.TextIOWrapper]:
    with opened(path) as stream:
        yield io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


@dataclass(kw_only=True, slots=True)
class _Seen:
    """What the columns of whole records hold: few values, each of which stands often, or numbers, or anything."""

    values: list[set[str]]
    numbers: list[bool]
    records: int = 0

    def add(self, record: list[str]) -> None:
        """Take a record."""
        self.records += 1
        for place, (known, value) in enumerate(zip(self.values, record, strict=False)):
            if len(known) < FEW:
                known.add(value)
            self.numbers[place] = self.numbers[place] and _is_number(value)

    def could_hold(self, fields: list[str]) -> bool:
        """Whether these are a record by every column of which something is known; a text can be anything."""
        return self._fits(fields, FEW) or self._fits(fields, min(FEW, self.records / 2))

    def _fits(self, fields: list[str], few: float) -> bool:
        told = False
        for known, numbers, field in zip(self.values, self.numbers, fields, strict=True):
            names_something = 0 < len(known) < few
            if (names_something and field not in known) or (not names_something and numbers and not _is_number(field)):
                return False
            told = told or names_something or numbers
        return told and self.records > 0


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        float(text)
        return True
    return False


def check_records(path: str, layout: Layout) -> int:
    """Look at each record, and return how many there are without the header.

    Raises:
        EvidenceError: a record has other columns than the header, or a quoted field swallows lines that are records.
    """
    seen = _Seen(values=[set() for _ in layout.names], numbers=[True for _ in layout.names])
    inner: list[tuple[int, list[str]]] = []
    records = 0
    csv.field_size_limit(LONGEST_LINE)
    with _text(path) as stream:
        reader = csv.reader(stream, delimiter=layout.delimiter, strict=True)
        line = 1
        try:
            for record in reader:
                if record and records:
                    _refuse_record(record, line, path, layout)
                if record and reader.line_num > line:
                    inner += _lines_within(record, line, layout)
                elif record and records:
                    seen.add(record)
                records += bool(record)
                line = reader.line_num + 1
        except csv.Error as problem:
            raise EvidenceError(f"{path}, line {line}: {problem}.", cure=WHOLE) from problem
    for line, fields in inner:
        if seen.could_hold(fields):
            raise EvidenceError(
                f"{path}, line {line} is a record, but a quoted field that begins before it swallows it.",
                cure=f"{WHOLE} Text that looks so goes into parquet.",
            )
    return records - 1


def refuse_mixed_line_ends(path: str, layout: Layout) -> None:
    """Say where a line ends in another way than the first one, which no strict reader takes.

    Raises:
        EvidenceError: one does.
    """
    with opened(path) as stream:
        for number, line in enumerate(stream, 1):
            if layout.line_break != b"\r" and line.endswith(b"\n"):
                inside = b"\r" in line.removesuffix(layout.line_break)
                if inside or not line.endswith(layout.line_break):
                    raise EvidenceError(f"{path}, line {number} ends in another way than the first line.", cure=WHOLE)


def _lines_within(record: list[str], line: int, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines within a record's fields that have as many fields as a record."""
    parts = [part for field in record for part in field.splitlines()[1:]]
    for number, part in enumerate(parts, line + 1):
        fields = part.split(layout.delimiter)
        if len(fields) == len(layout.names):
            yield number, fields


def _refuse_record(record: list[str], line: int, path: str, layout: Layout) -> None:
    width = len(layout.names)
    raw = layout.delimiter.join(record).encode(errors="surrogateescape")
    try:
        raw.decode()
    except UnicodeDecodeError as problem:
        raise _not_utf8(path, line, raw) from problem
    if len(record) == width or (len(record) == width + 1 and not record[-1]):  # a delimiter at the end is harmless
        return
    if set(layout.names) & {field.strip() for field in record} and len(record) > 1:
        what = f"is a header again, with {len(record)} columns where the first has {width}"
    elif other := next((d for d in DELIMITERS if len(record) == 1 and len(_split(record[0], d)) == width > 1), ""):
        what = f"is written with the delimiter {DELIMITERS[other]}, the header with {DELIMITERS[layout.delimiter]}"
    else:
        what = f"has {len(record)} column{'s' * (len(record) != 1)}, the header {width}"
    raise EvidenceError(f"{path}, line {line} {what}: {raw.decode()[:SHOWN]!r}.", cure=WHOLE)
