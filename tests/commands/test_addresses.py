"""Gate and registration of a model that a server holds, from its address to the reports."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.commands import quality_gate, register
from ml_cicd.config import no_config
from ml_cicd.faces.json_v1 import to_json
from ml_cicd.ground.errors import Exit, InputError, IntegrityError, Refused, Unreachable
from ml_cicd.ground.report import Report
from ml_cicd.registry.addresses import Origin
from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.versions import NewVersion
from ml_cicd.shell.machine import SystemFiles
from ml_cicd.shell.wiring import ModelFiles, RealWorld
from tests.fakes.model_folder import model_folder
from tests.fakes.origins import FakeOrigins
from tests.fakes.world import FakeWorld

RUN, LOGGED = "0a" * 16, f"m-{'0a' * 16}"
GATE = quality_gate.Inputs(metrics="metrics.json", thresholds="accuracy: 0.95", registry_uri="sqlite:///x.db")
REGISTER = register.Inputs(
    model_name="churn", model=f"models:/{LOGGED}", gate_report="report.json", registry_uri="sqlite:///x.db"
)
IMAGE = f"ghcr.io/team/app@sha256:{'0a' * 32}"


class Measuring(FakeWorld):
    """A world in memory that measures as the real one does."""

    measure = RealWorld.measure
    _engine = RealWorld._engine


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """A model that a run logged, version 1 with the alias best; its files are elsewhere."""
    monkeypatch.chdir(tmp_path)
    made = model_folder(tmp_path / "elsewhere" / "model")
    Path("metrics.json").write_text(json.dumps({"accuracy": {"value": 0.97, "n": 2000}}))
    found = Measuring(settings=no_config("ml-cicd.yml"), files=SystemFiles(), models=ModelFiles(), commit="abc")
    found.fake_registry.register(
        NewVersion(name="churn", folder=str(made), digest=payload_digest(made), key="k", tags={})
    )
    found.fake_registry.set_alias("churn", "best", "1")
    origins = found.fake_origins
    origins.runs[RUN] = "active"
    origins.logged[LOGGED] = RUN
    origins.folders = {f"models:/{LOGGED}": str(made), f"runs:/{RUN}/model": str(made)}
    origins.registered["churn", "1"] = Origin(
        asked="models:/churn/1", source=f"models:/{LOGGED}", run=RUN, version="1", digest=payload_digest(made)
    )
    return found


def judged(world: FakeWorld, model: str) -> Report:
    """Run the gate on a model and write its report."""
    report = quality_gate.run(replace(GATE, model=model), world)
    Path("report.json").write_text(to_json(report, tool_version="0", outputs={}))
    return report


@pytest.mark.parametrize(
    "address", [f"runs:/{RUN}/model", f"models:/{LOGGED}", "models:/churn/1", "models:/churn@best"]
)
def test_an_address_is_judged_and_registered_as_its_bytes(world: FakeWorld, address: str) -> None:
    """Whichever address the gate had, the verdict is bound to the bytes, and any other address of them registers."""
    digest = payload_digest(Path("elsewhere/model"))
    assert judged(world, address).outputs["model-digest"] == digest
    first, again = register.run(REGISTER, world), register.run(replace(REGISTER, model=address), world)
    assert (first.outputs["digest"], first.outputs["created"]) == (digest, "true")
    assert dict(again.outputs) == {**first.outputs, "created": "false"}
    folder = register.run(replace(REGISTER, model="elsewhere/model"), world)
    assert folder.outputs["created"] == "false"


def test_the_report_says_what_an_alias_meant(world: FakeWorld) -> None:
    """In the gate's report and in the registration's, in one sentence."""
    report = judged(world, "models:/churn@best")
    said = f"models:/{LOGGED}, of run {RUN}."
    assert report.notes[0].startswith("models:/churn@best is version 1")
    assert report.notes[0].endswith(said)
    assert register.run(REGISTER, world).notes == (f"models:/{LOGGED} is of run {RUN}.",)


def test_nothing_of_a_download_stays(world: FakeWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The folder that it was brought to ends with the command, also with one that fails."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    judged(world, f"models:/{LOGGED}")
    (tmp_path / "elsewhere" / "model" / "data" / "model.pth").write_bytes(b"\x80\x04")
    with pytest.raises(IntegrityError, match=f"but models:/{LOGGED} is"):
        register.run(REGISTER, world)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_version_whose_bytes_changed_is_refused(world: FakeWorld) -> None:
    """The gate judges no version that is not what was registered."""
    Path("elsewhere/model/data/model.pt2").write_bytes(b"other")
    with pytest.raises(IntegrityError, match="was registered as"):
        judged(world, "models:/churn@best")


def test_a_refusal_names_the_address(world: FakeWorld) -> None:
    """Not the folder that it was brought to."""
    Path("elsewhere/model/data/model.pth").write_bytes(b"\x80\x04")
    judged(world, f"models:/{LOGGED}")
    with pytest.raises(InputError, match=f"Loading models:/{LOGGED} could run code: model.pth"):
        register.run(REGISTER, world)


def test_a_model_without_files_is_refused(world: FakeWorld) -> None:
    """Logged, and empty."""
    shutil.rmtree("elsewhere/model")
    Path("elsewhere/model").mkdir()
    with pytest.raises(InputError, match=f"models:/{LOGGED} holds no files"):
        judged(world, f"models:/{LOGGED}")


def test_a_version_that_is_an_image_is_its_address(world: FakeWorld) -> None:
    """Nothing is brought, and the digest is the image's."""
    world.fake_origins.registered["churn", "1"] = Origin(
        asked="models:/churn/1", source=f"docker://{IMAGE}", version="1", digest=f"sha256:{'0a' * 32}"
    )
    assert judged(world, "models:/churn/1").outputs["model-digest"] == f"sha256:{'0a' * 32}"


def test_only_an_address_needs_a_registry(world: FakeWorld) -> None:
    """A folder is judged without one; an address without one says what to set."""
    alone = replace(GATE, registry_uri="")
    assert quality_gate.run(replace(alone, model="elsewhere/model"), world).outputs["verdict"] == "pass"
    with pytest.raises(InputError, match="registry-uri"):
        quality_gate.run(replace(alone, model=f"models:/{LOGGED}"), world)


def test_the_training_run_says_what_became_of_it(world: FakeWorld) -> None:
    """Metrics and tags of the verdict, and the version, are on the run; a repetition changes nothing."""
    judged(world, f"models:/{LOGGED}")
    report = register.run(REGISTER, world)
    said = dict(world.fake_origins.said[RUN])
    assert (said["gate.accuracy"], said["mlcicd.gate_verdict"]) == (0.97, "pass")
    assert {"gate.accuracy.low", "gate.accuracy.high"} < set(said)
    assert said["mlcicd.version"] == report.outputs["model-uri"]
    again = register.run(REGISTER, world)
    assert again.receipt is not None
    assert [done.changed for done in again.receipt.done] == [False, False, False]
    assert world.fake_origins.said[RUN] == said


def test_the_report_is_the_card(world: FakeWorld) -> None:
    """Rules with their bounds, and where the model comes from, are in the report and so in the job's summary."""
    judged(world, "models:/churn@best")
    report = register.run(replace(REGISTER, model="models:/churn@best"), world)
    rules, facts = report.tables
    assert rules.rows[0][:4] == ("accuracy", "pass", ">= 0.95", 0.97)
    found = {row[0]: row[1] for row in facts.rows}
    assert (found["brought from"], found["logged as"]) == ("models:/churn@best", f"models:/{LOGGED}")
    assert (found["training run"], found["commit"]) == (RUN, "abc")
    assert found["model"] == payload_digest(Path("elsewhere/model"))


class Strangers(FakeOrigins):
    """Runs that somebody else may write on."""

    def annotate(self, run: str, metrics: Mapping[str, float], tags: Mapping[str, str]) -> bool:
        """Refuse."""
        raise Refused("No right to do that.", cure="Ask.")


class Gone(FakeOrigins):
    """A server that goes away behind the registration."""

    def annotate(self, run: str, metrics: Mapping[str, float], tags: Mapping[str, str]) -> bool:
        """Fail."""
        raise Unreachable("Gone.", cure="Mend it.")


@pytest.mark.parametrize(("kind", "code"), [(Strangers, Exit.DONE), (Gone, Exit.PARTLY)])
def test_a_run_that_cannot_be_annotated(world: FakeWorld, kind: type[FakeOrigins], code: Exit) -> None:
    """Without the right to write there it is left out, and said; where the server went away it is still to do."""
    judged(world, f"models:/{LOGGED}")
    world.fake_origins = kind(**vars(world.fake_origins))
    report = register.run(REGISTER, world)
    assert (report.exit_code, report.outputs["created"]) == (code, "true")
    assert world.fake_registry.aliases["churn", "challenger"] == report.outputs["version"]
    assert report.receipt is not None
    if code is Exit.DONE:
        assert report.receipt.done[-1].result == "left out: No right to do that."
    else:
        assert "its run does not say so: Gone." in report.headline
        assert f"--model=models:/{LOGGED}" in report.cure


def test_a_model_of_no_run_links_nothing(world: FakeWorld) -> None:
    """A folder, or a logged model whose run is gone, is registered without."""
    judged(world, "elsewhere/model")
    report = register.run(replace(REGISTER, model="elsewhere/model"), world)
    assert report.receipt is not None
    assert len(report.receipt.done) == 2
    assert world.fake_origins.said == {}
