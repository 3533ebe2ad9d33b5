"""A folder that looks like a model that mlflow.pytorch saved; nothing in it is loaded."""

import zipfile
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
    write_program(path / "data" / "model.pt2", {"data/weights/weight_0": weights})
    return path


def write_program(path: Path, records: dict[str, bytes]) -> None:
    """Write an archive with the records that every exported program has, and these."""
    plain = {"archive_format": b"pt2", "models/model.json": b"{}", "byteorder": b"little", **records}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in plain.items():
            archive.writestr(zipfile.ZipInfo(f"model/{name}"), data)
