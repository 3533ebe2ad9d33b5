"""The zoo: one small model of every kind, written once by the real libraries in an environment of their own."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".zoo" / "bin" / "python"
LONGEST = 400  # seconds, a bound for hangs


def written(script: str, folder: Path) -> Path:
    """Let a script write its models into a folder."""
    if not PYTHON.exists():
        pytest.skip("the libraries that write models are not installed: `make setup`")
    command = [str(PYTHON), str(Path(__file__).with_name(script)), str(folder)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LONGEST)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with all kinds."""
    return written("write.py", tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="session")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with models that reach out or would run code."""
    return written("write_evil.py", tmp_path_factory.mktemp("evil"))
