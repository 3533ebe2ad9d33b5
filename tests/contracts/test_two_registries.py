"""From one registry to another: two real MLflow files, and the commands between them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ml_cicd.commands import quality_gate, register, verify
from ml_cicd.faces.json_v1 import to_json
from ml_cicd.ground.errors import InputError
from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.mlflow.versions import MlflowRegistry
from ml_cicd.shell.wiring import RealWorld
from tests.fakes.model_folder import model_folder


def client_of(uri: str) -> Any:
    """Ask MLflow itself."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def test_a_version_goes_from_one_registry_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is judged and registered there, given to the other one once, with bytes, verdict and lineage, and nothing that
    is written on a run of the first one.
    """
    monkeypatch.chdir(tmp_path)
    for name in ("dev", "prod"):
        Path(name).mkdir()
    dev, prod = (f"sqlite:///{tmp_path}/{name}/r.db" for name in ("dev", "prod"))
    model = model_folder(tmp_path / "model")
    client = client_of(dev)
    experiment = MlflowRegistry(dev)._experiment()
    run = client.create_run(experiment).info.run_id
    logged = client.create_logged_model(experiment, name="net", source_run_id=run)
    client.log_model_artifacts(logged.model_id, str(model))
    client.finalize_logged_model(logged.model_id, "READY")
    world = RealWorld({"GITHUB_SHA": "abc"}, lambda _line: None)
    Path("metrics.json").write_text(json.dumps({"accuracy": {"value": 0.97, "n": 2000}}))
    address = f"models:/{logged.model_id}"
    gate = quality_gate.Inputs(metrics="metrics.json", thresholds="accuracy: 0.95", model=address, registry_uri=dev)
    Path("report.json").write_text(to_json(quality_gate.run(gate, world), tool_version="0", outputs={}))
    asked = register.Inputs(
        model_name="churn", model=address, gate_report="report.json", registry_uri=prod, from_uri=dev
    )
    first, again = register.run(asked, world), register.run(asked, world)
    assert (first.outputs["created"], again.outputs["created"]) == ("true", "false")
    assert first.outputs["digest"] == payload_digest(model)
    known = client_of(prod).get_model_version("churn", "1")
    assert known.source.startswith("models:/m-")
    assert known.source != address
    for part in (address, dev, run):
        assert part in known.description
    assert client.get_run(run).data.metrics == {}
    checked = verify.run(verify.Inputs(version="1", model_name="churn", registry_uri=prod), world)
    assert checked.outputs["verified"] == "true"
    with pytest.raises(InputError, match="no logged model"):  # it is not in the one that it goes to
        register.run(replace(asked, from_uri=""), world)
