"""What is found in a repository, row by row of the tables, and what is said to be a guess."""

import pytest

from ml_cicd.gate.metric import Direction
from ml_cicd.registry.doors import REGISTRABLE
from ml_cicd.starter.project import Project
from ml_cicd.starter.scripts import read_script
from ml_cicd.starter.snapshot import owner_and_name
from ml_cicd.starter.tools import CHECKS, KINDS, MANAGERS, Check, Manager, ModelKind
from tests.starter.test_written import project_of

PROJECT = '[project]\nname = "x"\n'
MANAGED = (
    ("uv.lock", "", "uv sync --frozen"),
    ("poetry.lock", "", "poetry install"),
    ("pdm.lock", "", "pdm sync"),
    ("requirements.txt", "numpy", "-r requirements.txt"),
    ("pyproject.toml", PROJECT, "-e ."),
    ("setup.py", "", "-e ."),
)
CONFIGURED = {
    "ruff": {"pyproject.toml": "[tool.ruff]\n"},
    "flake8": {"setup.cfg": "[flake8]\n"},
    "mypy": {"mypy.ini": "[mypy]\n"},
    "pyright": {"pyrightconfig.json": "{}"},
    "pytest": {"tests/test_a.py": "def test_a(): pass\n"},
}
TRAINS = "if __name__ == '__main__':\n    pass\n"


def said(project: Project, name: str) -> tuple[str, bool]:
    """Return a guess and whether it is sure."""
    return project.guesses[name].value, project.guesses[name].sure


@pytest.mark.parametrize(("row", "case"), [*zip(MANAGERS, MANAGED, strict=True)])
def test_each_manager(row: Manager, case: tuple[str, str, str]) -> None:
    """It is known by its file, installs, and runs the commands."""
    path, text, installs = case
    project = project_of({path: text, "train.py": TRAINS})
    assert project.manager == row
    assert installs in project.value("install")
    assert said(project, "train") == (f"{row.run}python train.py", True)


@pytest.mark.parametrize("row", CHECKS, ids=lambda row: row.tool)
def test_each_check(row: Check) -> None:
    """It runs where it is configured and nowhere else, and is installed where nothing else does that."""
    base = {"requirements.txt": "numpy"}
    project = project_of({**base, **CONFIGURED[row.tool]})
    assert project.value(row.stage) == row.command
    assert project.value("install").endswith(f"pip install {row.tool}")
    assert (
        project_of({**base, **CONFIGURED[row.tool], "requirements.txt": f"{row.tool}==1"})
        .value("install")
        .endswith("-r requirements.txt")
    )
    assert project_of(base).value(row.stage) == ""


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.name)
def test_each_kind_of_model(row: ModelKind) -> None:
    """The training's imports tell it, whatever else the repository imports."""
    for module in sorted(row.imports):
        files = {"train.py": f"import {module}.x\nimport pandas", "plots.py": "import transformers"}
        assert project_of(files).kind == row
    assert (row.flavor in REGISTRABLE) == (row.flavor != "tensorflow")


@pytest.mark.parametrize(
    ("files", "command", "sure"),
    [
        ({"Makefile": "train: data\n\tpython fit.py\n", "train.py": ""}, "make train", True),
        ({"dvc.yaml": "stages:\n  train:\n    cmd: python fit.py\n"}, "dvc repro train", True),
        ({"pyproject.toml": PROJECT + '[project.scripts]\nchurn-train = "churn.cli:train"\n'}, "churn-train", True),
        ({"train.py": TRAINS}, "python train.py", True),
        ({"scripts/train_model.py": TRAINS}, "python scripts/train_model.py", True),
        ({"src/a/train.py": "", "src/a/__init__.py": "", "setup.py": ""}, "python -m a.train", True),
        ({"src/a/train.py": "", "src/a/__init__.py": ""}, "PYTHONPATH=src python -m a.train", True),
        ({"a/train.py": "", "a/__init__.py": ""}, "python -m a.train", True),
        ({"a/train.py": "", "b/train.py": ""}, "python a/train.py", False),
        ({"Makefile": "train:\n\tpython x.py\n", "dvc.yaml": "stages:\n  train:\n    cmd: x\n"}, "make train", True),
        ({"train.py": "import torch\ndef train(): ...\n"}, "python train.py", False),
        ({"api/train.py": "def route(): ...", "core/train.py": TRAINS}, "python core/train.py", True),
        ({"main.py": '"""A library."""\nX = 1\ndef main(): ...\n'}, "", True),
        ({"main.py": ""}, "python main.py", False),
        ({"train.ipynb": "{}"}, "jupyter nbconvert --to notebook --execute --inplace train.ipynb", False),
        ({"train.py": "p.add_argument('--data', required=True)"}, "python train.py", False),
        ({"train.py": "p.add_argument('data')"}, "python train.py", False),
        ({"train.py": "p.add_argument('--data', default='x')"}, "python train.py", True),
        ({"tests/train.py": "", "docs/train.py": ""}, "", True),
        ({"Makefile": "train := 3\n"}, "", True),
    ],
)
def test_how_it_trains(files: dict[str, str], command: str, sure: bool) -> None:
    """By what says so; a name that may mean something else, a rival or an argument that it asks for is a guess."""
    assert said(project_of(files), "train") == (command, sure)


@pytest.mark.parametrize(
    ("text", "evidence", "columns"),
    [
        ("df.to_csv('out/predictions.csv')\nx = {'y_true': 1, 'y_pred': 2}", "predictions: out/predictions.csv", "y"),
        ("OUT = Path('a')\n(OUT / 'metrics.json').write_text(s)", "metrics: a/metrics.json", ""),
        ("json.dump(m, open(os.path.join('r', 'test_results.json'), 'w'))", "metrics: r/test_results.json", ""),
        ("pd.read_csv('data/test.csv')\nprint('accuracy')", "metrics: build/metrics.json", ""),
    ],
)
def test_what_the_gate_judges(text: str, evidence: str, columns: str) -> None:
    """Rows before numbers, by the paths that the evaluation's script writes out; else a guess."""
    project = project_of({"evaluate.py": text})
    assert said(project, "evidence") == (evidence, "build" not in evidence)
    assert bool(project.label) == bool(columns)


def test_first_limits() -> None:
    """Names come from the script's dictionaries: the most telling first, and what nobody can guess is asked for."""
    text = (
        "json.dump({'loss': 1, 'train_acc': 1, 'test': {'acc': a, 'f1_macro': b}, 'epoch': 3}, open('m_results.json'))"
    )
    limits = {one.metric: (one.direction, one.limit) for one in project_of({"evaluate.py": text}).limits}
    assert limits == {
        "test.acc": (Direction.HIGHER, 0.8),
        "test.f1_macro": (Direction.HIGHER, 0.8),
        "loss": (Direction.LOWER, None),
    }


def test_limits_of_what_lies_there() -> None:
    """A result in the repository gives numbers that it reaches."""
    files = {"evaluate.py": "open('metrics.json', 'w')", "metrics.json": '{"auc": 0.914, "rmse": 2.0}'}
    assert {one.metric: one.limit for one in project_of(files).limits} == {"auc": 0.9, "rmse": 2.02}


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("joblib.dump(m, 'models/m.joblib')", "models/m.joblib"),
        ("M = Path('out') / 'net.pt'\ntorch.save(m, M)", "out/net.pt"),
        ("pickle.dump(m, open('m.pkl', 'wb'))", "m.pkl"),
        ("booster.save_model('model.json')", "model.json"),
        ("model.save_pretrained('out/best')", "out/best"),
        ("p.add_argument('--out', default='m/model.onnx')", "m/model.onnx"),
        ("mlflow.sklearn.log_model(m, 'model')", ""),
        ("print('model')", ""),
    ],
)
def test_where_the_model_is(text: str, model: str) -> None:
    """By what the training saves."""
    assert project_of({"train.py": text}).value("model") == model


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({".env.example": "MLFLOW_TRACKING_URI=https://mlflow.example\n"}, True),
        ({".github/workflows/a.yml": "env:\n  MLFLOW_TRACKING_URI: ${{ vars.M }}\n"}, True),
        ({"train.py": "mlflow.set_tracking_uri('http://mlflow.corp:5000')"}, True),
        ({"train.py": "os.environ['MLFLOW_TRACKING_URI'] = 'https://mlflow.example'"}, True),
        ({"ml-cicd.yml": "registry: {uri: 'env:MLFLOW_TRACKING_URI'}\n"}, True),
        ({"train.py": "mlflow.set_tracking_uri('http://localhost:5000')"}, False),
        ({"train.py": "mlflow.set_tracking_uri('sqlite:///mlflow.db')"}, False),
    ],
)
def test_where_mlflow_is(files: dict[str, str], found: bool) -> None:
    """A server that other machines reach, and nothing else."""
    assert bool(project_of(files).value("registry")) == found


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://github.com/acme/churn.git", ("acme", "churn")),
        ("git@github.com:acme/churn.git", ("acme", "churn")),
        ("ssh://git@github.example.com:22/acme/churn", ("acme", "churn")),
        ("https://user:token@github.com/acme/churn.x/", ("acme", "churn.x")),
        ("/srv/git", ("", "")),
        ("", ("", "")),
    ],
)
def test_owner_and_name(url: str, found: tuple[str, str]) -> None:
    """Of every form of address that git takes."""
    assert owner_and_name(url) == found


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ('requires-python = ">=3.9"', "3.12"),
        ('requires-python = ">=3.13"', "3.13"),
        ('requires-python = ">=3.9,<3.12"', "3.11"),
        ('requires-python = "==3.10.*"', "3.10"),
        ("", "3.12"),
    ],
)
def test_which_python(told: str, version: str) -> None:
    """The usual one, within what the repository takes."""
    assert project_of({"pyproject.toml": f"{PROJECT}{told}\n"}).value("python") == version


@pytest.mark.parametrize("text", ["def (", "\0", "(" * 5000, "x = " + "1 + " * 20000 + "1", "if x:\n\ty\n        z"])
def test_a_script_that_cannot_be_read_says_nothing(text: str) -> None:
    """Nothing is raised, whatever stands there."""
    assert read_script(text).imports == frozenset()


@pytest.mark.parametrize(
    "path", ["$(touch x).joblib", "a`b`.joblib", "${{ x }}.joblib", "a\nb.joblib", "x" * 300 + ".pt"]
)
def test_a_path_that_a_shell_or_a_workflow_could_misread_is_not_taken(path: str) -> None:
    """It is as if it were not there."""
    assert project_of({"train.py": f"joblib.dump(m, {path!r})"}).value("model") == ""


def test_nothing_at_all() -> None:
    """An empty repository has the names of its parts, and nothing is claimed of the rest."""
    project = project_of({})
    assert said(project, "model-name") == ("model", False)
    assert said(project, "owner") == ("OWNER", False)
    assert project.value("train") == project.value("evaluate") == project.value("install") == ""


def test_what_dvc_says() -> None:
    """Its stages are the commands, its outputs the model, and its metrics the evidence, wherever they are written."""
    stages = (
        "stages:\n  train:\n    cmd: python src/train.py\n    outs: [model.pkl]\n  evaluate:\n    cmd: python x.py\n"
    )
    for metrics in ("metrics: [eval/m.json]\n", "    metrics:\n      - eval/m.json:\n          cache: false\n"):
        project = project_of({"dvc.yaml": stages + metrics, "src/train.py": "open('train.pkl')\nimport sklearn"})
        assert said(project, "model") == ("model.pkl", True)
        assert said(project, "evidence") == ("metrics: eval/m.json", True)
        assert said(project, "evaluate") == ("dvc repro evaluate", True)


def test_requirements_that_lie_deeper() -> None:
    """One such file is installed; of several it is a guess."""
    assert said(project_of({"src/requirements.txt": ""}), "install") == (
        "python -m pip install -r src/requirements.txt",
        True,
    )
    assert not project_of({"a/requirements.txt": "", "b/requirements.txt": ""}).guesses["install"].sure


def test_numbers_about_something_else() -> None:
    """Files of documentation, tests and hidden folders are nobody's results."""
    text = '{"accuracy": 0.9}'
    files = {".github/project-metrics.json": text, "docs/metrics.json": text, "tests/results.json": text}
    assert project_of(files).guesses["evidence"].why.startswith("nothing was found")
    assert said(project_of({**files, "out/metrics.json": text}), "evidence") == ("metrics: out/metrics.json", False)
