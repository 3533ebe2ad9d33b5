"""A folder that looks like a model that mlflow.pytorch saved; nothing in it is loaded."""

from pathlib import Path

MLMODEL = """\
flavors:
  python_function: {data: data, loader_module: mlflow.pytorch}
  pytorch: {model_data: data, pytorch_version: 2.13.0}
model_uuid: m-1
run_id: null
utc_time_created: '2026-11-23 11:00:00'
"""


def model_folder(path: Path, weights: bytes = b"weights") -> Path:
    """Write it."""
    (path / "data").mkdir(parents=True)
    (path / "MLmodel").write_text(MLMODEL)
    (path / "requirements.txt").write_text("torch==2.13.0\n")
    (path / "data" / "model.pt2").write_bytes(weights)
    return path
