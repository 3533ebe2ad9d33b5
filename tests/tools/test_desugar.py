"""The older syntax for tools that do not know the newest one."""

from pathlib import Path

import pytest

from tools.desugar import copy, desugared

TEXT = "    uses: $/actions/canary\n    concurrency:\n      queue: max\n    environment:\n      deployment: false\n"


@pytest.mark.parametrize(
    ("owner", "wanted"),
    [("", "uses: ./actions/canary\n"), ("org/ml-cicd@v1", "uses: org/ml-cicd/actions/canary@v1\n")],
)
def test_self_references_are_spelt_out(owner: str, wanted: str) -> None:
    """`$/path` becomes a local path, or a path of the repository at its ref; new keys are dropped."""
    text = desugared(TEXT, owner)
    assert wanted in text
    assert "queue" not in text
    assert "deployment" not in text


def test_old_syntax_is_left_alone() -> None:
    """A text without new syntax is unchanged."""
    text = "uses: actions/checkout@0000 # v1\nrun: echo '$/x'\n"
    assert desugared(text, "org/ml-cicd@v1") == text


def test_the_copy_holds_what_git_tracks(tmp_path: Path) -> None:
    """Actions, workflows and package are copied, none with new syntax, and nothing that git ignores."""
    copy(tmp_path, "org/ml-cicd@v1")
    assert (tmp_path / "python" / "bootstrap.py").is_file()
    assert not (tmp_path / ".git").exists()
    assert not (tmp_path / ".venv").exists()
    for path in [tmp_path / ".github" / "workflows" / "ml-pipeline.yml", *tmp_path.glob("actions/*/action.yml")]:
        assert "uses: $/" not in path.read_text("utf-8")
