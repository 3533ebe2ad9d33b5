"""Files that would run something are refused, and nothing of them runs while they are looked through."""

import subprocess
import sys
from pathlib import Path

import pytest

from ml_cicd.registry.formats.scan import look
from tests.security.archives import ARCHIVES
from tests.security.pickle_payloads import PLAIN, Payload
from tests.security.two_readers import TWO_READERS

LOADERS = {
    "pickle": "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))",
    "joblib": "import joblib, sys; joblib.load(sys.argv[1])",
    "torch": "import torch, sys; torch.load(sys.argv[1], weights_only=False)",
    "numpy": "import numpy, sys; numpy.load(sys.argv[1], allow_pickle=True)",
}
ALL = {f"pickle: {name}": payload for name, payload in PLAIN.items()} | ARCHIVES | TWO_READERS
PROVED = {name: payload for name, payload in ALL.items() if payload.proof}


def write(folder: Path, payload: Payload) -> tuple[Path, Path]:
    """Write the file; return it and the marker that it would make."""
    marker = folder / "marker"
    file = folder / payload.file
    file.write_bytes(payload.build(marker))
    return file, marker


@pytest.mark.parametrize("payload", ALL.values(), ids=list(ALL))
def test_it_is_refused_and_does_not_run(tmp_path: Path, payload: Payload) -> None:
    """Each is refused by whatever format takes the file for its own, and the look runs nothing."""
    file, marker = write(tmp_path, payload)
    assert look(file).violations
    assert not marker.exists()


@pytest.mark.parametrize("payload", PROVED.values(), ids=list(PROVED))
def test_it_would_run(tmp_path: Path, payload: Payload) -> None:
    """The proof that these are no dummies: the loader that people use makes the marker."""
    file, marker = write(tmp_path, payload)
    subprocess.run(
        [sys.executable, "-c", LOADERS[payload.proof], str(file)], capture_output=True, check=False, timeout=60
    )
    assert marker.exists()
