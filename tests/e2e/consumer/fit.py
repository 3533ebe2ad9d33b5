"""Train: write a folder that looks like a model that mlflow.pytorch saved."""

import zipfile
from pathlib import Path

from recipe import WEIGHTS, WRONG

MLMODEL = """\
flavors:
  python_function: {data: data, loader_module: mlflow.pytorch}
  pytorch: {model_data: data, pytorch_version: 2.13.0}
model_uuid: m-1
run_id: null
utc_time_created: '2026-11-23 11:00:00'
"""

if __name__ == "__main__":
    model = Path("build/model")
    (model / "data").mkdir(parents=True, exist_ok=True)
    (model / "MLmodel").write_text(MLMODEL, encoding="utf-8")
    with zipfile.ZipFile(model / "data" / "model.pt2", "w") as program:
        for name, text in (
            ("archive_format", "pt2"),
            ("models/model.json", "{}"),
            ("data/weights/weight_0", f"{WEIGHTS} {WRONG}"),
        ):
            program.writestr(zipfile.ZipInfo(f"model/{name}"), text)
