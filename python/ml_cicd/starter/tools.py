"""What tools leave in a repository, one row each: another tool is one more line here."""

from dataclasses import dataclass

ROOT_PYPROJECT = r"pyproject\.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manager:
    """Installs a repository: known by a file, and by what that says.

    Attributes:
        install: the commands that install it.
        run: what stands before each command that needs what is installed.
        add: installs one tool more.
    """

    name: str
    file: str
    says: str = ""
    install: tuple[str, ...]
    run: str = ""
    add: str = "python -m pip install"


MANAGERS = (
    Manager(
        name="uv",
        file=r"uv\.lock",
        install=("command -v uv || python -m pip install uv", "uv sync --frozen"),
        run="uv run --frozen ",
        add="uv pip install",
    ),
    Manager(
        name="poetry",
        file=r"poetry\.lock",
        install=("command -v poetry || python -m pip install poetry", "poetry install --no-interaction"),
        run="poetry run ",
        add="poetry run pip install",
    ),
    Manager(
        name="pdm",
        file=r"pdm\.lock",
        install=("command -v pdm || python -m pip install pdm", "pdm sync"),
        run="pdm run ",
        add="pdm run python -m pip install",
    ),
    Manager(name="pip", file=r"requirements\.txt", install=("python -m pip install -r requirements.txt",)),
    Manager(
        name="pip", file=ROOT_PYPROJECT, says=r"^\[(project|tool\.poetry)\]", install=("python -m pip install -e .",)
    ),
    Manager(name="pip", file=r"setup\.py", install=("python -m pip install -e .",)),
)
NESTED = r"(.+/)requirements\.txt"
FOR_DEVELOPERS = r"(requirements[-_./](dev|test|tests|lint)|(dev|test)[-_]requirements)\.txt"
DEPENDENCIES = rf"requirements[\w./-]*\.txt|(dev|test)[-_]requirements\.txt|{ROOT_PYPROJECT}|(uv|poetry|pdm)\.lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A tool of a stage of code quality, known by (path, text) patterns: what is not configured is not run."""

    stage: str
    tool: str
    command: str
    marks: tuple[tuple[str, str], ...]


CHECKS = (
    Check(
        stage="lint",
        tool="ruff",
        command="ruff check .",
        marks=((r"\.?ruff\.toml", ""), (ROOT_PYPROJECT, r"^\[tool\.ruff")),
    ),
    Check(
        stage="lint",
        tool="flake8",
        command="flake8",
        marks=((r"\.flake8", ""), (r"setup\.cfg|tox\.ini", r"^\[flake8\]")),
    ),
    Check(
        stage="types",
        tool="mypy",
        command="mypy .",
        marks=((r"\.?mypy\.ini", ""), (ROOT_PYPROJECT, r"^\[tool\.mypy"), (r"setup\.cfg", r"^\[mypy\]")),
    ),
    Check(
        stage="types",
        tool="pyright",
        command="pyright",
        marks=((r"pyrightconfig\.json", ""), (ROOT_PYPROJECT, r"^\[tool\.pyright")),
    ),
    Check(
        stage="test",
        tool="pytest",
        command="python -m pytest",
        marks=(
            (r"pytest\.ini", ""),
            (ROOT_PYPROJECT, r"^\[tool\.pytest"),
            (r"(.+/)?(test_\w+|\w+_test|conftest)\.py", r"\btest_|pytest"),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelKind:
    """A kind of model: known by the modules that its code imports. `flavor` is MLflow's name of it, `package` pip's."""

    name: str
    imports: frozenset[str]
    flavor: str
    package: str


KINDS = (  # in this order: code for a later one imports the earlier ones' metrics and data, not the other way round
    ModelKind(name="Hugging Face", imports=frozenset({"transformers"}), flavor="transformers", package="transformers"),
    ModelKind(
        name="PyTorch",
        imports=frozenset({"torch", "lightning", "pytorch_lightning"}),
        flavor="pytorch",
        package="torch",
    ),
    ModelKind(name="TensorFlow", imports=frozenset({"tensorflow", "keras"}), flavor="tensorflow", package="tensorflow"),
    ModelKind(name="XGBoost", imports=frozenset({"xgboost"}), flavor="xgboost", package="xgboost"),
    ModelKind(name="LightGBM", imports=frozenset({"lightgbm"}), flavor="lightgbm", package="lightgbm"),
    ModelKind(name="CatBoost", imports=frozenset({"catboost"}), flavor="catboost", package="catboost"),
    ModelKind(name="scikit-learn", imports=frozenset({"sklearn"}), flavor="sklearn", package="scikit-learn"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """Training or evaluation: what its Makefile target, DVC stage, console script, file or notebook is called.

    `weak` names mean other things as well, so what they name is a guess.
    """

    name: str
    strong: tuple[str, ...]
    weak: tuple[str, ...]


TRAIN = Stage(
    name="train", strong=("train", "train_model", "training", "train-model"), weak=("fit", "build_model", "main", "run")
)
EVALUATE = Stage(
    name="evaluate",
    strong=("evaluate", "evaluation", "eval", "evaluate_model", "eval_model", "evaluate-model"),
    weak=("score", "test_model", "validate", "run_eval", "run_evals"),
)
ELSEWHERE = r"(.*/)?(tests?|docs?|examples?|notebooks|archive|legacy)/.*|(.*/)?(test_|conftest)[^/]*"

# What a script writes, by the name of the file.
MODELS = r".*\.(joblib|pkl|pickle|skops|onnx|ubj|bst|lgb|cbm|pt2|pth?|safetensors|keras|h5)|(.*/)?model(\.json|\.txt)?"
PREDICTIONS = r"(.*/)?[^/]*pred[^/]*\.(csv|tsv|parquet|jsonl)"
METRICS = r"(.*/)?[^/]*(metric|result|score|eval|report)[^/]*\.(json|ya?ml)"
RESULTS = r"(.*/)?[^/]*(metric|result|score|eval|output)[^/]*\.(json|xml|csv)"  # that lie in the repository
LABELS = ("label", "y_true", "target", "actual", "truth", "true", "ground_truth", "y_test")
PREDICTED = ("prediction", "y_pred", "pred", "predicted", "y_hat", "predictions")
SAVES = frozenset({"dump", "save", "save_model", "save_pretrained", "export", "to_onnx"})
REGRESSION = (
    r"mean_squared_error|mean_absolute_error|r2_score|root_mean_squared_error|Regressor\b|LinearRegression|MSELoss"
)
PROMPTFOO = r"(.*/)?promptfooconfig\.(ya?ml|json)"

# Where the address of an MLflow server stands, or that the repository's variable has it.
OWN_CONFIGURATION = r"ml-cicd[\w.-]*\.ya?ml"
BY_VARIABLE = r"\benv:MLFLOW_TRACKING_URI\b"
MLFLOW_FILES = r"\.env[\w.-]*|\.github/workflows/[^/]+\.ya?ml|(docker-)?compose\.ya?ml|Makefile|.*\.(py|toml|cfg|ini)"
MLFLOW = r"(?:MLFLOW_TRACKING_URI[\"']?\]?\s*[=:,]\s*|set_tracking_uri\(\s*)[\"']?(?P<uri>[^\s\"'#)]+)"
