"""The verify command: bytes, tags, verdict and ledger of a version, each broken in turn."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.commands.verify import OUTPUTS, Inputs, run
from ml_cicd.config import no_config
from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.ground.finding import Bindings
from ml_cicd.registry.addresses import Origin
from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.gate_report import claim_of
from ml_cicd.registry.look import Look
from ml_cicd.registry.registration import Candidate, plan
from ml_cicd.shell.machine import SystemFiles
from ml_cicd.shell.wiring import ModelFiles
from tests.contracts.test_registry_contract import entry
from tests.fakes.model_folder import model_folder
from tests.fakes.world import FakeWorld
from tests.registry.gate_reports import VERDICT

INPUTS = Inputs(version="1", model_name="digits", registry_uri="sqlite:///x.db")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """A version that was registered as `register` does, and promoted on its verdict."""
    monkeypatch.chdir(tmp_path)
    found = FakeWorld(settings=no_config("ml-cicd.yml"), files=SystemFiles(), models=ModelFiles())
    digest = payload_digest(model_folder(tmp_path / "model"))
    verdict = replace(VERDICT, bindings=Bindings(model=digest, commit="abc"))
    candidate = Candidate(
        name="digits",
        alias="challenger",
        folder="model",
        digest=digest,
        look=Look(format="MLflow"),
        commit="abc",
        run_url="",
    )
    version, _ = found.fake_registry.register(plan(candidate, claim_of(verdict))[0].version)
    found.fake_origins.folders["models:/m-1"] = found.fake_registry.versions[0][1]
    found.fake_origins.registered["digits", "1"] = Origin(
        asked="models:/digits/1", source="models:/m-1", version="1", digest=version.digest
    )
    found.fake_ledger.append_entry("digits", replace(entry("0"), verdict_digest=verdict.digest))
    return found


def retag(world: FakeWorld, **tags: str) -> None:
    """Edit tags as somebody with a client would; an empty one is removed."""
    version, folder = world.fake_registry.versions[0]
    edited = {**version.tags, **{f"mlcicd.{name}": value for name, value in tags.items()}}
    version = replace(version, tags={name: value for name, value in edited.items() if value})
    world.fake_registry.versions[0] = (version, folder)
    world.fake_origins.registered["digits", "1"] = replace(
        world.fake_origins.registered["digits", "1"], digest=version.digest
    )


def test_what_was_registered_is_verified(world: FakeWorld) -> None:
    """Every link holds, by number and as the champion; nothing is changed."""
    before = (list(world.fake_registry.versions), world.fake_ledger.read("digits"))
    report = run(INPUTS, world)
    assert dict(report.outputs) == {"verified": "true", "version": "1", "digest": payload_digest(Path("model"))}
    assert report.exit_code is Exit.DONE
    assert report.verdict is not None
    assert [found.rule for found in report.verdict.findings] == ["bytes", "key", "verdict", "ledger"]
    assert run(replace(INPUTS, version="champion"), world).outputs == report.outputs
    assert before == (world.fake_registry.versions, world.fake_ledger.read("digits"))
    assert set(report.outputs) == set(OUTPUTS)


def other_bytes(world: FakeWorld) -> None:
    """Change an artifact."""
    (Path(world.fake_registry.versions[0][1]) / "data" / "model.pt2").write_bytes(b"other")


def other_bytes_and_tag(world: FakeWorld) -> None:
    """Change an artifact and the tag that names it."""
    other_bytes(world)
    retag(world, model_digest=payload_digest(Path(world.fake_registry.versions[0][1])))


def another_verdict(world: FakeWorld) -> None:
    """Put a consistent verdict of other evidence in the place of the one that it was promoted on."""
    version = world.fake_registry.versions[0][0]
    verdict = replace(VERDICT, bindings=Bindings(model=version.digest, commit="other"))
    retag(world, gate_digest=verdict.digest, gate_report=claim_of(verdict).text)


def a_verdict_of_others(world: FakeWorld) -> None:
    """Put a consistent verdict of another model there."""
    verdict = replace(VERDICT, bindings=Bindings(model="sha256:other"))
    retag(world, gate_digest=verdict.digest, gate_report=claim_of(verdict).text)


def an_edited_report(world: FakeWorld) -> None:
    """Edit the verdict that is kept."""
    record = json.loads(world.fake_registry.versions[0][0].tags["mlcicd.gate_report"])
    record["findings"][0]["value"] = 0.999
    retag(world, gate_report=json.dumps(record))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (other_bytes, "bytes"),
        (other_bytes_and_tag, "key"),
        (another_verdict, "ledger"),
        (a_verdict_of_others, "verdict"),
        (an_edited_report, "verdict"),
        (lambda world: retag(world, gate_report="[" * 9999), "verdict"),
        (lambda world: retag(world, gate_verdict="fail"), "verdict"),
        (lambda world: retag(world, gate_digest=""), "verdict"),
        (lambda world: retag(world, model_digest=""), "bytes"),
        (lambda world: retag(world, key=""), "key"),
    ],
)
def test_each_link_that_does_not_fit_is_named(world: FakeWorld, change: Callable[[FakeWorld], None], rule: str) -> None:
    """Whatever was changed behind the version, it is exit 3, and the first link that broke is in the headline."""
    change(world)
    report = run(INPUTS, world)
    assert (report.exit_code, report.outputs["verified"]) == (Exit.EVIDENCE, "false")
    assert report.verdict is not None
    assert report.verdict.blocking[0] == rule
    assert report.cure


def test_a_verdict_too_long_for_a_tag_is_a_remark(world: FakeWorld) -> None:
    """Its digest is there and was promoted on, so it stops nothing."""
    retag(world, gate_report="")
    report = run(INPUTS, world)
    assert (report.exit_code, report.outputs["verified"]) == (Exit.DONE, "true")
    assert report.verdict is not None
    assert report.verdict.warnings == ("verdict",)


def test_no_such_version_is_an_error(world: FakeWorld) -> None:
    """A number, an alias, or a champion that is not there."""
    for version in ("2", "@best"):
        with pytest.raises(InputError, match="no version or alias"):
            run(replace(INPUTS, version=version), world)
    world.fake_ledger.entries.clear()
    with pytest.raises(InputError, match="no champion yet"):
        run(replace(INPUTS, version="champion"), world)
