"""A rollout's files: small state, looks that are only added to, and what a killed or foreign writer leaves."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.ground.errors import CorruptState, Refused
from ml_cicd.rollout.routers.state_files import StateFiles
from tests.contracts.test_router_contract import STATE, seen

FIRST = replace(STATE, looks=1)


@pytest.fixture
def files(tmp_path: Path) -> StateFiles:
    """One rollout with one look, at seq 1."""
    files = StateFiles(tmp_path / "split.map")
    files.write(1, FIRST, (seen(1),), seq_before=0)
    return files


def looks(folder: Path) -> list[Path]:
    """Files with looks."""
    return sorted(folder.glob("*.jsonl"))


def test_what_was_written_is_on_the_disk_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file of looks, then the folder that names it; then the state, and the folder again."""
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        """Remember what it is."""
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name.partition("json")[0])
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    files, folder = StateFiles(tmp_path / "split.map"), tmp_path.name
    files.write(1, FIRST, (seen(1),), seq_before=0)
    (path,) = looks(tmp_path)
    new = path.name.removesuffix("jsonl")
    assert synced == [new, folder, "split.map.state.", folder]
    synced.clear()
    files.write(2, replace(STATE, looks=2), (seen(2),), seq_before=1)
    assert synced == [new, "split.map.state.", folder]


def test_a_write_that_the_router_did_not_take_has_not_happened(files: StateFiles) -> None:
    """State and look are a write ahead: the ones before are in force, and the next writer cuts the look off."""
    second = replace(STATE, looks=2)
    files.write(2, second, (seen(2),), seq_before=1)
    found, _ = files.read(1)
    assert found == FIRST
    assert files.observations(FIRST) == (seen(1),)
    files.write(2, second, (seen(3),), seq_before=1)
    assert files.observations(second) == (seen(1), seen(3))


def test_half_a_line_is_cut_off_by_the_next_writer(files: StateFiles, tmp_path: Path) -> None:
    """A writer died while it wrote: its bytes are counted by nobody."""
    (path,) = looks(tmp_path)
    path.write_text(path.read_text("utf-8") + '{"at": 3.0, "st', "utf-8")
    assert files.observations(FIRST) == (seen(1),)
    second = replace(STATE, looks=2)
    files.write(2, second, (seen(2),), seq_before=1)
    assert files.observations(second) == (seen(1), seen(2))


def test_looks_that_were_cut_are_noticed(files: StateFiles, tmp_path: Path) -> None:
    """A shorter file than was recorded is refused by readers and by the next writer."""
    (path,) = looks(tmp_path)
    path.write_text(path.read_text("utf-8")[:-3], "utf-8")
    with pytest.raises(CorruptState):
        files.observations(FIRST)
    with pytest.raises(CorruptState, match="shorter than"):
        files.write(2, replace(STATE, looks=2), (seen(2),), seq_before=1)


def test_only_the_rollouts_that_count_keep_their_looks(files: StateFiles, tmp_path: Path) -> None:
    """The one in force and the one before it; older ones go."""
    for seq, run in ((2, "second"), (3, "third")):
        files.write(seq, replace(FIRST, run_id=run), (seen(seq),), seq_before=seq - 1)
    assert len(looks(tmp_path)) == 2
    assert files.observations(replace(FIRST, run_id="third")) == (seen(3),)


def test_the_state_stays_small(files: StateFiles) -> None:
    """After ten thousand looks the state is as large as after one, up to the digits of its numbers."""
    size = files.path.stat().st_size
    every = tuple(seen(n) for n in range(2, 10_001))
    files.write(2, replace(STATE, looks=10_000), every, seq_before=1)
    files.write(3, replace(STATE, looks=10_001), (seen(1),), seq_before=2)
    assert files.path.stat().st_size < size + 700  # the state before it is there now, too
    assert len(files.observations(replace(STATE, looks=10_001))) == 10_001


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """The message names the file."""
    files = StateFiles(tmp_path / "nowhere" / "split.map")
    with pytest.raises(Refused, match="cannot be written"):
        files.write(1, FIRST, (seen(1),), seq_before=0)
