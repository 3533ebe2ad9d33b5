"""docs/tutorial.md, followed literally: every command of it in order, in one shell, from an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.act_run import ROOT, US, commit
from tools.desugar import copy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PAGE = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ADDRESS = "https://github.com/OWNER/ml-cicd"


def offline(folder: Path) -> dict[str, str]:
    """Return an environment without a net: git finds this tree at its address, and pip what is installed here."""
    copy(folder / "origin", US)
    commit(folder / "origin")
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("ML_CICD_", "GITHUB_", "PIP_"))
    }
    here = [path for path in sys.path if path.endswith("site-packages")]
    return {
        **environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}",
        "HOME": str(folder),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{folder / 'origin'}.insteadOf",
        "GIT_CONFIG_VALUE_0": ADDRESS,
        "PYTHONPATH": os.pathsep.join(here),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this as the option's opposite
    }


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Type all of it; what each block prints is kept apart."""
    folder = tmp_path_factory.mktemp("tutorial")
    work = folder / "work"
    work.mkdir()
    mark = "=== next block ==="
    script = f"\necho '{mark}'\n".join(BLOCKS)
    answer = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=work,
        env=offline(folder),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert answer.returncode == 0, f"{answer.stdout[-3000:]}\n{answer.stderr[-3000:]}"
    return work / "tumours", answer.stdout.split(mark)


def test_every_block_is_followed(followed: tuple[Path, list[str]]) -> None:
    """Nothing of the page is left out, and no command of it fails."""
    assert len(followed[1]) == len(BLOCKS) == 6


def test_it_says_what_the_page_says(followed: tuple[Path, list[str]]) -> None:
    """Two files are written, the first gate passes, the third is open and says how many rows would settle it."""
    _, (_, init, first, listed, rows, more) = followed
    assert "Wrote ml-cicd.yml, .github/workflows/ml-quality-gate.yml." in init
    assert "The candidate passes." in first
    assert all(name in first for name in ("accuracy", "f1", "roc_auc"))
    assert "A  ml-cicd.yml" in listed
    assert "The candidate passes." in rows
    assert "171" in rows
    assert "rows" in more
    assert "inconclusive" in more


def test_it_runs_the_ml_cicd_that_was_cloned(followed: tuple[Path, list[str]]) -> None:
    """What `pip install ../ml-cicd` put there is what answered."""
    found = list((followed[0] / ".venv" / "lib").glob("python*/site-packages/ml_cicd/starter/files/deploy.py.txt"))
    assert len(found) == 1
