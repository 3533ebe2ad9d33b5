"""The fetch command, from a registered version to files."""

from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.commands.fetch import ON_ERROR, OUTPUTS, Inputs, run
from ml_cicd.config import no_config
from ml_cicd.ground.errors import Exit, InputError, IntegrityError, Unreachable
from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.versions import TAG_DIGEST, ModelVersion, NewVersion
from ml_cicd.shell.machine import SystemFiles
from ml_cicd.shell.wiring import ModelFiles
from tests.contracts.test_registry_contract import entry
from tests.fakes.model_folder import model_folder
from tests.fakes.registry import FakeRegistry
from tests.fakes.world import FakeWorld

INPUTS = Inputs(version="1", to="build/there", model_name="digits", registry_uri="sqlite:///x.db")


class Cut(FakeRegistry):
    """A registry that goes away in the middle of a download."""

    def download(self, version: ModelVersion, folder: str) -> str:
        """Bring half of it."""
        (Path(folder) / "half").write_text("half")
        raise Unreachable("Gone.", cure="Mend it.")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """A registry in memory with two versions of a model, and real files."""
    monkeypatch.chdir(tmp_path)
    found = FakeWorld(settings=no_config("ml-cicd.yml"), files=SystemFiles(), models=ModelFiles())
    for number in ("1", "2"):
        folder = model_folder(tmp_path / "made" / number, weights=number.encode())
        wanted = NewVersion(name="digits", folder=str(folder), digest=payload_digest(folder), key=number, tags={})
        found.fake_registry.register(wanted)
    return found


def files(folder: Path) -> dict[str, bytes]:
    """All that lies below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_brings_the_registered_files(world: FakeWorld) -> None:
    """They are those that were registered, others may read them, and nothing else is left beside them."""
    report = run(INPUTS, world)
    digest = payload_digest(Path("made/1"))
    assert dict(report.outputs) == {"found": "true", "version": "1", "digest": digest, "path": "build/there"}
    assert files(Path("build/there")) == files(Path("made/1"))
    assert [path.name for path in Path("build").iterdir()] == ["there"]
    assert Path("build/there").stat().st_mode & 0o755 == 0o755
    assert digest in report.headline
    assert set(report.outputs) == set(OUTPUTS)


def test_brings_nothing_twice(world: FakeWorld) -> None:
    """Files that are there already are not downloaded again, which a registry that is gone proves."""
    first = run(INPUTS, world)
    versions = world.fake_registry.versions
    world.fake_registry = Cut()
    world.fake_registry.versions = versions
    again = run(INPUTS, world)
    assert dict(again.outputs) == dict(first.outputs)
    assert "already" in again.headline


def test_an_empty_folder_is_free(world: FakeWorld) -> None:
    """Who makes the folder first is not refused for it."""
    Path("build/there").mkdir(parents=True)
    assert run(INPUTS, world).exit_code is Exit.DONE
    assert files(Path("build/there")) == files(Path("made/1"))


@pytest.mark.parametrize("there", ["another version", "a file in it", "a file", "a link", "one file more"])
def test_what_is_there_stays(world: FakeWorld, there: str) -> None:
    """A folder with any other content is refused, exit 2, and left as it is."""
    place = Path("build/there")
    place.parent.mkdir()
    if there in {"another version", "one file more"}:
        run(replace(INPUTS, version="2" if there == "another version" else "1"), world)
    if there in {"a file in it", "one file more"}:
        place.mkdir(exist_ok=True)
        (place / "notes.txt").write_text("mine")
    elif there == "a file":
        place.write_text("mine")
    elif there == "a link":
        place.symlink_to(Path("made/1").absolute())
    before = files(Path("build"))
    with pytest.raises(InputError, match="build/there holds something else"):
        run(INPUTS, world)
    assert files(Path("build")) == before


def test_a_folder_that_cannot_be_made_is_named(world: FakeWorld) -> None:
    """Where a file stands in its way it is exit 2, with the path."""
    with pytest.raises(InputError, match=r"made/1/MLmodel/there cannot be written"):
        run(replace(INPUTS, to="made/1/MLmodel/there"), world)


def test_other_files_than_the_registered_ones_are_refused(world: FakeWorld) -> None:
    """Artifacts that were changed behind a version are exit 3, and nothing of them is left."""
    (Path(world.fake_registry.versions[0][1]) / "data" / "model.pt2").write_bytes(b"changed")
    with pytest.raises(IntegrityError, match="registered as") as caught:
        run(INPUTS, world)
    assert caught.value.exit_code is Exit.EVIDENCE
    assert list(Path("build").iterdir()) == []


def test_a_download_that_breaks_leaves_nothing(world: FakeWorld) -> None:
    """No half of a model stays where somebody could take it for a whole one."""
    versions, world.fake_registry = world.fake_registry.versions, Cut()
    world.fake_registry.versions = versions
    with pytest.raises(Unreachable):
        run(INPUTS, world)
    assert list(Path("build").iterdir()) == []


def test_a_version_without_a_digest_is_refused(world: FakeWorld) -> None:
    """Files that nothing says the digest of cannot be checked, so they are not brought."""
    version, folder = world.fake_registry.versions[0]
    tags = {name: value for name, value in version.tags.items() if name != TAG_DIGEST}
    world.fake_registry.versions[0] = (replace(version, tags=tags), folder)
    with pytest.raises(IntegrityError, match="no payload digest"):
        run(INPUTS, world)


def test_the_champion_is_what_serves(world: FakeWorld) -> None:
    """By the ledger, where the alias says otherwise."""
    world.fake_registry.set_alias("digits", "champion", "1")
    world.fake_ledger.append_entry("digits", entry("0", champion="2"))
    assert run(replace(INPUTS, version="champion"), world).outputs["version"] == "2"
    assert files(Path("build/there")) == files(Path("made/2"))


def test_no_champion_yet_is_an_error_unless_it_is_expected(world: FakeWorld) -> None:
    """Skipped, it is a success that says so in an output and makes no folder; a misspelt alias never is one."""
    champion = replace(INPUTS, version="champion")
    with pytest.raises(InputError, match=r"no champion yet.*--if-missing skip"):
        run(champion, world)
    report = run(replace(champion, if_missing="skip"), world)
    assert (report.exit_code, dict(report.outputs)) == (
        Exit.DONE,
        {"found": "false", "version": "", "digest": "", "path": ""},
    )
    assert not Path("build").exists()
    with pytest.raises(InputError, match="'chmapion'"):
        run(replace(INPUTS, version="chmapion", if_missing="skip"), world)


def test_no_champion_beside_a_folder_of_an_earlier_time_is_refused(world: FakeWorld) -> None:
    """An evaluation that finds the folder would take it for the champion's."""
    Path("build/there").mkdir(parents=True)
    with pytest.raises(InputError, match="but build/there is there"):
        run(replace(INPUTS, version="champion", if_missing="skip"), world)


def test_dry_run_brings_nothing(world: FakeWorld) -> None:
    """It says what it would bring."""
    report = run(replace(INPUTS, dry_run=True), world)
    assert report.outputs["version"] == "1"
    assert report.receipt is not None
    assert report.receipt.planned == ("Fetch digits version 1 to build/there",)
    assert not Path("build").exists()


def test_an_error_finds_nothing() -> None:
    """A workflow that branches on the output does not take an error for a champion."""
    assert ON_ERROR == {"found": "false"}
