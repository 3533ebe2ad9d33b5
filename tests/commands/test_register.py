"""The register command, from files to report."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.commands.quality_gate import Inputs as GateInputs
from ml_cicd.commands.quality_gate import run as run_gate
from ml_cicd.commands.register import COMMAND, NEEDS, ON_ERROR, OUTPUTS, Inputs, run
from ml_cicd.config import no_config
from ml_cicd.faces.json_v1 import to_json
from ml_cicd.ground.errors import EvidenceError, Exit, InputError, IntegrityError, NotFound, NotPassing
from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.settings import RegistrySettings
from ml_cicd.shell.machine import SystemFiles
from ml_cicd.shell.wiring import ModelFiles, RealWorld
from tests.contracts.test_registry_contract import entry
from tests.fakes.model_folder import MLMODEL, model_folder, write_program
from tests.fakes.registry import FakeRegistry
from tests.fakes.world import FakeWorld
from tests.registry.odd_names import ODD_NAMES


class NoAliases(FakeRegistry):
    """A registry that registers, and then loses its nerve."""

    def set_alias(self, name: str, alias: str, version: str) -> bool:
        """Fail."""
        raise NotFound("Gone.", cure="Mend it.")


INPUTS = Inputs(model_name="digits", model="model", gate_report="report.json", registry_uri="sqlite:///x.db")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """A folder with a model and its passing gate report; real files, and a registry in memory."""
    monkeypatch.chdir(tmp_path)
    model_folder(tmp_path / "model")
    judge(0.97)
    return FakeWorld(
        settings=no_config("ml-cicd.yml"),
        files=SystemFiles(),
        models=ModelFiles(),
        commit="abc",
    )


def judge(accuracy: float, when_inconclusive: str = "") -> None:
    """Write report.json by the real gate."""
    Path("metrics.json").write_text(json.dumps({"accuracy": {"value": accuracy, "n": 2000}}))
    inputs = GateInputs(
        metrics="metrics.json", thresholds="accuracy: 0.95", model="model", when_inconclusive=when_inconclusive
    )
    report = run_gate(inputs, RealWorld({"GITHUB_SHA": "abc"}, lambda _line: None))
    Path("report.json").write_text(to_json(report, tool_version="0", outputs={}))


def test_registers_once(world: FakeWorld) -> None:
    """The first run creates version 1 with its alias; the second finds it and says so."""
    first, again = run(INPUTS, world), run(INPUTS, world)
    digest = payload_digest(Path("model"))
    assert dict(first.outputs) == {"version": "1", "model-uri": "models:/digits/1", "digest": digest, "created": "true"}
    assert dict(again.outputs) == {**first.outputs, "created": "false"}
    assert (first.exit_code, again.exit_code) == (Exit.DONE, Exit.DONE)
    assert world.fake_registry.snapshot("digits").aliases == {"challenger": "1"}
    assert set(first.outputs) == set(OUTPUTS)


def test_what_the_gate_let_through_is_named(world: FakeWorld) -> None:
    """A version that passed by a warning says so where it is registered, and where it would be."""
    judge(0.951, when_inconclusive="warn")
    said = ("The gate let through what only warns: accuracy.",)
    assert (run(replace(INPUTS, dry_run=True), world).notes, run(INPUTS, world).notes) == (said, said)
    judge(0.97)
    assert run(INPUTS, world).notes == ()


def judge_as_first() -> None:
    """Write report.json of a gate that compares with a champion whose table is misspelt in the configuration."""
    Path("c.yml").write_text(
        "version: 1\nmodel: digits\nevidence: {metrics: metrics.json, champion: {predictions: chmapion.csv}}\n"
        "gate: {thresholds: {accuracy: 0.95}, versus_champion: {accuracy: {margin: 0.01}}, "
        "when_no_champion: first_release}\n"
    )
    report = run_gate(GateInputs(config="c.yml", model="model"), RealWorld({"GITHUB_SHA": "abc"}, lambda _line: None))
    assert report.exit_code is Exit.DONE
    Path("report.json").write_text(to_json(report, tool_version="0", outputs={}))


@pytest.mark.parametrize("known_by", ["alias", "target's alias", "ledger", "nobody"])
def test_a_first_release_has_no_champion_anywhere(world: FakeWorld, known_by: str) -> None:
    """A comparison that was passed over registers a first version alone, or one that is there already."""
    judge_as_first()
    assert run(INPUTS, world).outputs["created"] == "true"
    aliases = {"alias": "champion", "target's alias": "champion-production"}
    if known_by in aliases:
        world.fake_registry.set_alias("digits", aliases[known_by], "1")
    if known_by == "ledger":
        world.fake_ledger.append_entry("digits", entry("0"))
    assert run(INPUTS, world).outputs["created"] == "false"
    write_program(Path("model") / "data" / "model.pt2", {"data/weights/weight_0": b"other"})
    judge_as_first()
    if known_by == "nobody":
        assert run(INPUTS, world).outputs["created"] == "true"
        return
    with pytest.raises(NotPassing, match=r"first release.*evidence\.champion"):
        run(INPUTS, world)
    assert len(world.fake_registry.snapshot("digits").versions) == 1


def test_dry_run_changes_nothing(world: FakeWorld) -> None:
    """A dry run says what it would do, and afterwards that it is done already."""
    dry = replace(INPUTS, dry_run=True)
    before = run(dry, world)
    assert (before.outputs["version"], before.headline) == ("", "Would register digits.")
    assert before.receipt is not None
    assert before.receipt.planned == (
        f"Register digits with payload {payload_digest(Path('model'))[:19]}",
        "Point alias challenger of digits at the new version",
    )
    assert world.fake_registry.versions == []
    assert world.lines == []
    run(INPUTS, world)
    after = run(dry, world)
    assert (after.outputs["version"], after.headline) == ("1", "Version 1 is this model already.")
    assert after.outputs["created"] == "false"
    assert len(world.fake_registry.versions) == 1


def test_failed_gate_is_refused(world: FakeWorld) -> None:
    """A model that the gate refused is not registered, exit code 10."""
    judge(0.90)
    with pytest.raises(NotPassing) as caught:
        run(INPUTS, world)
    assert caught.value.exit_code is Exit.FAILED
    assert world.fake_registry.versions == []


def test_changed_model_is_refused(world: FakeWorld) -> None:
    """A model that changed after the gate is not registered, exit code 3."""
    Path("model/data/model.pt2").write_bytes(b"other")
    with pytest.raises(IntegrityError) as caught:
        run(INPUTS, world)
    assert caught.value.exit_code is Exit.EVIDENCE
    assert world.fake_registry.versions == []


def test_missing_report_says_what_to_do(world: FakeWorld) -> None:
    """Without a gate report the cure names the command that writes one."""
    with pytest.raises(EvidenceError, match="ml-cicd quality-gate"):
        run(replace(INPUTS, gate_report="absent.json"), world)


def test_half_done_says_what_is_left(world: FakeWorld) -> None:
    """A version without its alias is exit code 12, with the command that finishes it."""
    world.fake_registry = NoAliases()
    report = run(INPUTS, world)
    assert report.exit_code is Exit.PARTLY
    assert report.outputs["version"] == "1"
    assert "ml-cicd register --model-name=digits" in report.cure


def test_an_alias_that_fails_before_anything_changed_is_an_error(world: FakeWorld) -> None:
    """Where the version was there already, nothing is half done: exit code 4, not 12."""
    run(INPUTS, world)
    stubborn = NoAliases()
    stubborn.versions = world.fake_registry.versions
    world.fake_registry = stubborn
    with pytest.raises(NotFound):
        run(INPUTS, world)


def test_a_password_stays_out_of_the_cure(world: FakeWorld) -> None:
    """The command that finishes the rest names no address with credentials in it."""
    world.fake_registry = NoAliases()
    report = run(replace(INPUTS, registry_uri="http://user:secret@host"), world)
    assert "secret" not in to_json(report, tool_version="0", outputs={})


@pytest.mark.parametrize("name", [name for name in ODD_NAMES if name])
def test_odd_names_are_refused(world: FakeWorld, name: str) -> None:
    """The command refuses what the doors refuse, before it reads anything."""
    with pytest.raises(InputError):
        run(replace(INPUTS, model_name=name, gate_report="absent.json", model="absent"), world)


def test_a_pickle_is_refused(world: FakeWorld) -> None:
    """A model that the gate passed but whose files could run code is not registered, exit code 2."""
    Path("model/data/model.pth").write_bytes(b"\x80\x04")
    judge(0.97)
    with pytest.raises(InputError, match=r"could run code: (data/)?model\.pth"):
        run(INPUTS, world)
    assert world.fake_registry.versions == []


def test_the_command_says_what_it_is() -> None:
    """Its action installs the registry's lock first, and an error never reads like a creation."""
    assert (COMMAND.needs, COMMAND.on_error, set(COMMAND.outputs)) == (NEEDS, ON_ERROR, set(OUTPUTS))
    assert NEEDS.first == "registry"
    assert ON_ERROR == {"created": "false"}


def judged_folder(**files: str) -> None:
    """Write a model with code on its path, and judge it."""
    Path("model/code").mkdir()
    for name, text in files.items():
        Path(f"model/code/{name}.py").write_text(text)
    Path("model/MLmodel").write_text(MLMODEL.replace("{data: data,", "{code: code, data: data,"))
    judge(0.97)


def test_code_by_design_is_taken_on_demand_and_stays_visible(world: FakeWorld) -> None:
    """With allow-code each file of code is in the version's tags and in the report, with its hash; without, refused."""
    judged_folder(scaling="x = 1\n")
    with pytest.raises(InputError, match="allow-code: true"):
        run(INPUTS, world)
    report = run(replace(INPUTS, allow_code=True), world)
    (version,) = world.fake_registry.snapshot("digits").versions
    listed = f"code/scaling.py sha256:{hashlib.sha256(b'x = 1' + bytes([10])).hexdigest()}"
    assert version.tags["mlcicd.allowed_code"] == listed
    assert report.notes == (f"Taken with allow-code, 1 file(s) of code: {listed}.",)
    assert "mlcicd.allowed_callables" not in version.tags


def test_allowances_that_were_not_needed_leave_no_trace(world: FakeWorld) -> None:
    """A plain model is as plain with them as without; its format is in the tags."""
    named = RegistrySettings(uri="sqlite:///x.db", allow_callables=("mycompany.Scaler",))
    world.settings = replace(world.settings, registry=named)
    report = run(replace(INPUTS, allow_code=True), world)
    (version,) = world.fake_registry.snapshot("digits").versions
    assert version.tags["mlcicd.format"] == "MLflow"
    assert not {name for name in version.tags if "allowed" in name}
    assert report.notes == ()


def test_an_image_is_registered_by_its_digest(world: FakeWorld) -> None:
    """A model may be an address: the gate binds its digest, and nothing is pulled."""
    image = f"ghcr.io/team/app@sha256:{'0a' * 32}"
    inputs = GateInputs(metrics="metrics.json", thresholds="accuracy: 0.95", model=image)
    judged = run_gate(inputs, RealWorld({"GITHUB_SHA": "abc"}, lambda _line: None))
    Path("report.json").write_text(to_json(judged, tool_version="0", outputs={}))
    report = run(replace(INPUTS, model=image), world)
    assert report.outputs["digest"] == f"sha256:{'0a' * 32}"
    assert run(replace(INPUTS, model=image), world).outputs["created"] == "false"


@pytest.mark.parametrize(
    ("name", "content", "way_out"),
    [
        ("model.keras", b"PK", "Keras's own layers"),
        ("model.onnx", b"x", "ONNX's own operators"),
        ("model.ubj", b"{", "save_model('model.ubj')"),
        ("model.xyz", b"x", "Recognised are: MLflow"),
    ],
)
def test_a_refusal_says_the_way_out_of_that_library(world: FakeWorld, name: str, content: bytes, way_out: str) -> None:
    """Nobody is sent to another library, and what is of no format hears which there are."""
    Path(name).write_bytes(content)
    inputs = GateInputs(metrics="metrics.json", thresholds="accuracy: 0.95", model=name)
    judged = run_gate(inputs, RealWorld({"GITHUB_SHA": "abc"}, lambda _line: None))
    Path("report.json").write_text(to_json(judged, tool_version="0", outputs={}))
    with pytest.raises(InputError) as caught:
        run(replace(INPUTS, model=name), world)
    assert way_out in caught.value.cure
    assert name in caught.value.what
    assert not caught.value.what.endswith("..")
    assert "mlflow.pytorch" not in str(caught.value)
