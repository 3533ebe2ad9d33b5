"""The register command, from files to report."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.adapters.model_files import payload_digest
from ml_cicd.commands.quality_gate import Inputs as GateInputs
from ml_cicd.commands.quality_gate import run as run_gate
from ml_cicd.commands.register import OUTPUTS, Inputs, run
from ml_cicd.errors import EvidenceError, Exit, IntegrityError, NotFound, NotPassing
from ml_cicd.render.json_v1 import to_json
from ml_cicd.wiring import RealWorld
from tests.fakes.model_folder import model_folder
from tests.fakes.registry import FakeRegistry


class WorldWithFakeRegistry(RealWorld):
    """The real world, but for the registry."""

    def __init__(self, registry: FakeRegistry) -> None:
        """Keep it."""
        super().__init__({"GITHUB_SHA": "abc"}, lambda _line: None)
        self.fake = registry

    def registry(self, uri: str) -> FakeRegistry:
        """Return it, whatever the address."""
        return self.fake


class NoAliases(FakeRegistry):
    """A registry that registers, and then loses its nerve."""

    def set_alias(self, name: str, alias: str, version: str) -> bool:
        """Fail."""
        raise NotFound("Gone.", cure="Mend it.")


INPUTS = Inputs(model_name="digits", model="model", gate_report="report.json", registry_uri="sqlite:///x.db")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorldWithFakeRegistry:
    """A folder with a model and its passing gate report."""
    monkeypatch.chdir(tmp_path)
    model_folder(tmp_path / "model")
    world = WorldWithFakeRegistry(FakeRegistry())
    judge(world, 0.97)
    return world


def judge(world: RealWorld, accuracy: float) -> None:
    """Write report.json by the real gate."""
    Path("metrics.json").write_text(json.dumps({"accuracy": {"value": accuracy, "n": 2000}}))
    report = run_gate(GateInputs(metrics="metrics.json", thresholds="accuracy: 0.95", model="model"), world)
    Path("report.json").write_text(to_json(report, tool_version="0", outputs={}))


def test_registers_once(world: WorldWithFakeRegistry) -> None:
    """The first run creates version 1 with its alias; the second finds it and says so."""
    first, again = run(INPUTS, world), run(INPUTS, world)
    digest = payload_digest(Path("model"))
    assert dict(first.outputs) == {"version": "1", "model-uri": "models:/digits/1", "digest": digest, "created": "true"}
    assert dict(again.outputs) == {**first.outputs, "created": "false"}
    assert (first.exit_code, again.exit_code) == (Exit.DONE, Exit.DONE)
    assert world.fake.snapshot("digits").aliases == {"challenger": "1"}
    assert set(first.outputs) == set(OUTPUTS)


def test_dry_run_changes_nothing(world: WorldWithFakeRegistry) -> None:
    """A dry run says what it would do, and afterwards that it is done already."""
    dry = replace(INPUTS, dry_run=True)
    assert run(dry, world).outputs["version"] == ""
    assert world.fake.versions == []
    run(INPUTS, world)
    assert run(dry, world).outputs["version"] == "1"
    assert len(world.fake.versions) == 1


def test_failed_gate_is_refused(world: WorldWithFakeRegistry) -> None:
    """A model that the gate refused is not registered, exit code 10."""
    judge(world, 0.90)
    with pytest.raises(NotPassing) as caught:
        run(INPUTS, world)
    assert caught.value.exit_code is Exit.FAILED
    assert world.fake.versions == []


def test_changed_model_is_refused(world: WorldWithFakeRegistry) -> None:
    """A model that changed after the gate is not registered, exit code 3."""
    Path("model/data/model.pt2").write_bytes(b"other")
    with pytest.raises(IntegrityError) as caught:
        run(INPUTS, world)
    assert caught.value.exit_code is Exit.EVIDENCE
    assert world.fake.versions == []


def test_missing_report_says_what_to_do(world: WorldWithFakeRegistry) -> None:
    """Without a gate report the cure names the command that writes one."""
    with pytest.raises(EvidenceError, match="ml-cicd quality-gate"):
        run(replace(INPUTS, gate_report="absent.json"), world)


def test_half_done_says_what_is_left(world: WorldWithFakeRegistry) -> None:
    """A version without its alias is exit code 12, with the command that finishes it."""
    world.fake = NoAliases()
    report = run(INPUTS, world)
    assert report.exit_code is Exit.PARTLY
    assert report.outputs["version"] == "1"
    assert "ml-cicd register --model-name=digits" in report.cure
