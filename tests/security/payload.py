"""The payload of every malicious model here: it leaves a mark, a file that must never appear. It does nothing else."""

import json
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


class Marks:
    """What pickle turns into a call when it is loaded."""

    def __init__(self, mark: Path) -> None:
        """Name the mark."""
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        """Call `exec` on a line that creates the mark."""
        return exec, (code(self.mark),)


def code(mark: Path) -> str:
    """Return a line of Python that creates the mark."""
    return f"import pathlib; pathlib.Path({str(mark)!r}).touch()"


def pickled(mark: Path, protocol: int = 4) -> bytes:
    """Return a pickle that creates the mark when it is loaded."""
    return pickle.dumps(Marks(mark), protocol=protocol)


def write(path: Path, files: Mapping[str, Any]) -> None:
    """Write a folder of these files."""
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def mlmodel(**flavors: Any) -> str:
    """Return MLmodel with these flavours."""
    return str(yaml.safe_dump({"flavors": flavors, "model_uuid": "m-1"}))


def archive(path: Path, records: list[tuple[str, bytes]], *, packed: bool = False) -> None:
    """Write a zip with these records, one name twice where it is given twice."""
    kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as out:
        warnings.simplefilter("ignore")
        for name, data in records:
            out.writestr(zipfile.ZipInfo(name), data, compress_type=kind)


def tensors(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    """Return a safetensors file with this header, given as text or as what becomes JSON."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data
