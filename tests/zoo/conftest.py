"""The zoo: one small model of every kind, written once by the real libraries in an environment of their own."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".zoo" / "bin" / "python"
LONGEST = 400  # seconds, a bound for hangs


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with all kinds."""
    if not PYTHON.exists():
        pytest.skip("the libraries that write models are not installed: `make setup`")
    folder = tmp_path_factory.mktemp("zoo")
    command = [str(PYTHON), str(Path(__file__).with_name("write.py")), str(folder)]
    written = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LONGEST)
    assert written.returncode == 0, written.stderr[-4000:]
    return folder
