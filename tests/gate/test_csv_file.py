"""A CSV file as bytes: lines are counted in blocks, wherever a block ends, and faults have their line."""

import csv
import gzip
from pathlib import Path

import pytest

from ml_cicd.gate.engines import csv_file
from ml_cicd.gate.engines.csv_file import check_records, count_lines, read_layout
from ml_cicd.ground.errors import EvidenceError

BLOCKS = (1, 2, 3, 7, 20, 2**24)
HEADER = "label,prediction\n"


def write(folder: Path, text: str | bytes, name: str = "p.csv") -> str:
    """Write a file, and return its path."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def counted(path: str) -> int:
    """Count the lines of a file that has a header."""
    layout = read_layout(path)
    assert layout is not None
    return count_lines(path, layout)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "\n", "\n\n\n", "\n1,1", "\n\n1,1\n"])
def test_lines_are_counted_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, line_end: str, last: str
) -> None:
    """Empty lines are none, and the end of a block changes nothing."""
    text = f"{HEADER}0,0\n1,1\n\n\n0,1{last}".replace("\n", line_end)
    path = write(tmp_path, text)
    layout = read_layout(path)
    assert layout is not None
    monkeypatch.setattr(csv_file, "BLOCK", block)
    assert count_lines(path, layout) == len([line for line in text.split(line_end) if line])


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize(("before", "after", "line"), [(0, 1, 2), (3, 2, 5), (2, 0, 4)])
def test_a_second_header_has_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, line_end: str, before: int, after: int, line: int
) -> None:
    """Also where it comes at once, at the end, and across blocks."""
    text = (HEADER + "0,0\n" * before + HEADER + "1,1\n" * after).replace("\n", line_end)
    path = write(tmp_path, text)
    layout = read_layout(path)
    assert layout is not None
    monkeypatch.setattr(csv_file, "BLOCK", block)
    with pytest.raises(EvidenceError, match=f"line {line} is the header again"):
        count_lines(path, layout)


def test_a_header_within_a_line_is_none(tmp_path: Path) -> None:
    """Only a whole line is a header: `xlabel,prediction` is a row."""
    assert counted(write(tmp_path, f"{HEADER}x{HEADER}{HEADER[:-1]}s\n")) == 3


@pytest.mark.parametrize(
    ("text", "delimiter", "names"),
    [
        ("a,b\n1,2\n", ",", ("a", "b")),
        ("a;b\n1,5;2,5\n", ";", ("a", "b")),
        ("a;b, c;d\n1;2,0;3\n", ";", ("a", "b, c", "d")),
        ("a\tb\n1,2,3\t4\n", "\t", ("a", "b")),
        ("a|b\n", "|", ("a", "b")),
        ("a\n1\n", ",", ("a",)),
        (',label\n0,"1"\n', ",", ("unnamed_0", "label")),
        ('"a ""x""", b\n', ",", ('a "x"', "b")),
        ("\ufeffa,b\n", ",", ("a", "b")),
    ],
)
def test_the_header_tells_the_delimiter(tmp_path: Path, text: str, delimiter: str, names: tuple[str, ...]) -> None:
    """The one that splits it in most, and the first row alike."""
    layout = read_layout(write(tmp_path, text))
    assert layout is not None
    assert (layout.delimiter, layout.names) == (delimiter, names)


def test_records_may_span_lines(tmp_path: Path) -> None:
    """As long as no line within a field is a record by itself."""
    path = write(tmp_path, 'text,label,prediction\n"one,\ntwo, three, four\n",1,1\nx,0,0\n')
    layout = read_layout(path)
    assert layout is not None
    assert check_records(path, layout) == 2


@pytest.mark.parametrize("quoted", ['"x\n0,1\n1,0\n"', '"\n1,0"'])
def test_a_field_that_swallows_records_is_refused(tmp_path: Path, quoted: str) -> None:
    """A line within it has as many columns as a record, with values that the columns have elsewhere."""
    path = write(tmp_path, f"{HEADER}0,0\n1,1\n0,{quoted}\n1,1\n")
    layout = read_layout(path)
    assert layout is not None
    with pytest.raises(EvidenceError, match="line 5 is a record, but a quoted field"):
        check_records(path, layout)


def test_a_limit_of_the_standard_library_is_raised(tmp_path: Path) -> None:
    """A text of 200 kB is a field like any other."""
    path = write(tmp_path, f'{HEADER}0,"{"x" * 200_000}\n"\n')
    layout = read_layout(path)
    assert layout is not None
    assert check_records(path, layout) == 1
    assert csv.field_size_limit() >= 200_000


def test_a_packed_file_is_read_to_its_end(tmp_path: Path) -> None:
    """Its checksum too: what was cut or changed is refused, and a file of two parts is whole."""
    packed = gzip.compress((HEADER + "0,0\n").encode())
    assert counted(write(tmp_path, packed + gzip.compress(b"1,1\n"), "p.csv.gz")) == 3
    damaged = bytearray(packed)
    damaged[-6] ^= 1
    for broken in (packed[:-3], bytes(damaged)):
        with pytest.raises(EvidenceError, match=r"p\.csv\.gz cannot be read"):
            counted(write(tmp_path, broken, "p.csv.gz"))
