"""MLmodel, the file by which MLflow describes a model's folder. It is read as plain data; nothing is loaded."""

from collections.abc import Mapping
from pathlib import Path

from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.parse import as_mapping
from ml_cicd.ground.yaml_text import read_yaml

MLMODEL = "MLmodel"
LARGEST = 4 * 2**20
CURE = "Save the model with mlflow."
VOLATILE = {
    "run_id",
    "model_id",
    "model_uuid",
    "utc_time_created",
    "artifact_path",
    "mlflow_version",
    "model_size_bytes",
}


def read_mlmodel(file: Path) -> Mapping[str, object]:
    """Read MLmodel; what YAML knows beyond plain data (dates, sets, tags) is refused.

    Raises:
        EvidenceError: absent, special, too large, not UTF-8, or no mapping of plain data.
    """
    try:
        if file.exists() and not (file.is_file() or file.is_dir()):  # to read a pipe would wait for ever
            raise EvidenceError(f"{file} is a special file.", cure=CURE)
        if file.stat().st_size > LARGEST:
            raise EvidenceError(f"{file} is larger than 4 MiB.", cure=CURE)
        return as_mapping(read_yaml(file.read_text(encoding="utf-8"), str(file)).value, str(file))
    except (OSError, UnicodeDecodeError) as problem:
        raise EvidenceError(f"{file} cannot be read: {problem}.", cure=CURE) from problem
    except InputError as problem:
        raise EvidenceError(problem.what, cure=CURE) from problem


def lasting(file: Path) -> dict[str, object]:
    """Return MLmodel without what changes at each logging of the same model.

    Raises:
        EvidenceError: it cannot be read.
    """
    return {name: value for name, value in read_mlmodel(file).items() if name not in VOLATILE}
