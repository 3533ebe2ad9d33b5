"""Reads a metrics file; what it means is read by `gate.importers`."""

from pathlib import Path

from ml_cicd.ground.errors import EvidenceError

LARGEST_FILE = 32 * 2**20  # promptfoo writes every answer into it


def read_metrics(path: str) -> bytes:
    """Return the bytes of the file.

    Raises:
        EvidenceError: absent, too large, unreadable.
    """
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as problem:
        cure = "Check the path; it starts from the working directory."
        raise EvidenceError(f"{path} is not a file.", cure=cure) from problem
    except OSError as problem:
        raise EvidenceError(f"{path} cannot be read: {problem}.", cure="Check its permissions.") from problem
    if len(content) > LARGEST_FILE:
        raise EvidenceError(f"{path} is larger than 32 MiB.", cure="Is it the right file?")
    return content
