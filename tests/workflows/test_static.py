"""The tools that read actions and workflows without GitHub: zizmor, the schemas, actionlint, and our renderer."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflows.documents import ACTIONS, INIT_WORKFLOWS, PARTS, ROOT, TEMPLATES, WORKFLOWS

BESIDE_PYTHON = Path(sys.executable).parent


def program(name: str) -> str:
    """Return a tool's path, or skip the test with its reason."""
    found = shutil.which(name, path=f"{BESIDE_PYTHON}:{ROOT / '.tools' / 'bin'}") or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; `make setup` installs it where it can")
    return found


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a tool; its exit code and all it says."""
    return subprocess.run(
        command, cwd=cwd, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120
    )


def zizmor(*files: Path) -> subprocess.CompletedProcess[str]:
    """Audit files as strictly as zizmor can without a network."""
    options = ("--offline", "--strict-collection", "--persona=auditor", "--no-progress", "--color=never")
    return run(program("zizmor"), *options, "--config", str(ROOT / ".github" / "zizmor.yml"), *map(str, files))


def test_zizmor_finds_nothing() -> None:
    """Zero findings over every action, workflow, template and written workflow."""
    answer = zizmor(*ACTIONS, *PARTS, *WORKFLOWS, *TEMPLATES, *INIT_WORKFLOWS)
    assert answer.returncode == 0, answer.stdout
    assert "No findings to report" in answer.stdout


def test_zizmor_would_find_an_injection(tmp_path: Path) -> None:
    """The same call refuses an expression inside a script, so the zero above means something."""
    bad = tmp_path / "action.yml"
    text = ACTIONS[1].read_text("utf-8")
    bad.write_text(text.replace('exec "$ML_CICD_TOOL_PYTHON"', "exec ${{ inputs.python }}"), "utf-8")
    answer = zizmor(bad)
    assert answer.returncode != 0
    assert "template-injection" in answer.stdout


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-actions", [*ACTIONS, *PARTS]),
        ("vendor.github-workflows", [*WORKFLOWS, *TEMPLATES, *INIT_WORKFLOWS]),
    ],
)
def test_the_schemas_hold(schema: str, files: list[Path]) -> None:
    """Every file has the shape that GitHub's published schema asks for."""
    answer = run(program("check-jsonschema"), "--builtin-schema", schema, *map(str, files))
    assert answer.returncode == 0, answer.stdout


def test_actionlint_passes_on_the_desugared_copy(tmp_path: Path) -> None:
    """In the older syntax that actionlint knows, it has nothing to say, about the templates either."""
    actionlint = program("actionlint")
    copied = run(sys.executable, str(ROOT / "tools" / "desugar.py"), str(tmp_path))
    assert copied.returncode == 0, copied.stdout
    for template in (*TEMPLATES, *INIT_WORKFLOWS):
        shutil.copy(template, tmp_path / ".github" / "workflows" / f"{template.parent.name}-{template.name}")
    assert run("git", "init", "--quiet", cwd=tmp_path).returncode == 0
    (tmp_path / ".github" / "actionlint.yaml").write_text(
        "self-hosted-runner:\n  labels: [production]\n", encoding="utf-8"
    )
    answer = run(actionlint, "-no-color", "-shellcheck=", "-pyflakes=", cwd=tmp_path)
    assert answer.returncode == 0, answer.stdout


def test_rendered_files_are_fresh() -> None:
    """Each action.yml and README table says what the commands declare."""
    answer = run(sys.executable, str(ROOT / "tools" / "render_actions.py"), "--check")
    assert answer.returncode == 0, answer.stdout
