"""What every registry and every ledger must do, real or fake."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from ml_cicd.ground.errors import Conflict, InputError, IntegrityError, OutsideError
from ml_cicd.registry.chain import breaks, unchained
from ml_cicd.registry.formats.payload import payload_digest
from ml_cicd.registry.ledger import LedgerEntry, LedgerOp
from ml_cicd.registry.versions import TAG_DIGEST, TAG_ENTRY, NewVersion, ledger_name
from tests.contracts.registry_places import KINDS, Place, open_place
from tests.fakes.model_folder import model_folder
from tests.registry.odd_names import ODD_NAMES


@pytest.fixture(scope="module", params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One registry of each kind for all tests; each test has its own model name."""
    with open_place(request.param, tmp_path_factory.mktemp(request.param)) as opened:
        yield opened


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Model name of this test."""
    return f"m-{request.function.__name__}"


def wanted(name: str, folder: Path, *, key: str = "key") -> NewVersion:
    """What a test registers."""
    return NewVersion(
        name=name, folder=str(folder), digest=payload_digest(folder), key=key, tags={"mlcicd.gate_verdict": "pass"}
    )


def entry(previous: str, *, champion: str = "1", reason: str = "a test") -> LedgerEntry:
    """One line of the ledger."""
    return LedgerEntry(
        number="",
        previous=previous,
        op=LedgerOp.PROMOTE,
        target="production",
        champion=champion,
        candidate=champion,
        actor="tester",
        run_url="",
        reason=reason,
        verdict_digest="sha256:0",
        at="2026-11-23T11:00:00Z",
    )


def test_unknown_model_is_empty(place: Place, name: str) -> None:
    """A model that nobody registered has no version and no alias."""
    found = place.registry.snapshot(name)
    assert (found.versions, dict(found.aliases)) == ((), {})
    assert place.ledger.read(name).entries == ()


def test_registers_once(place: Place, name: str, tmp_path: Path) -> None:
    """The same key twice is one version, with all its tags; another key is the next version."""
    folder = model_folder(tmp_path / "model")
    first, created = place.registry.register(wanted(name, folder))
    again, created_again = place.registry.register(wanted(name, folder))
    other, _ = place.registry.register(wanted(name, folder, key="other"))
    assert (created, created_again) == (True, False)
    assert first == again
    assert (first.number, other.number, first.uri) == ("1", "2", f"models:/{name}/1")
    assert first.tags["mlcicd.gate_verdict"] == "pass"
    assert first.tags[TAG_DIGEST] == payload_digest(folder)
    assert [v.number for v in place.registry.snapshot(name).versions] == ["1", "2"]


def test_eight_racers_register_once(place: Place, name: str, tmp_path: Path) -> None:
    """Of eight callers with one key exactly one creates, and all get the same version."""
    request = wanted(name, model_folder(tmp_path / "model"))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: place.registry.register(request), range(8)))
    assert len({version.number for version, _ in answers}) == 1
    assert [created for _, created in answers].count(True) == 1
    assert len(place.registry.snapshot(name).versions) == 1


def test_digest_that_is_not_the_folders_is_refused(place: Place, name: str, tmp_path: Path) -> None:
    """Bytes that differ from the wanted digest are refused after they are read back."""
    request = wanted(name, model_folder(tmp_path / "model"))
    (tmp_path / "model" / "data" / "model.pt2").write_bytes(b"changed in between")
    with pytest.raises(IntegrityError):
        place.registry.register(request)


def test_alias_moves_once(place: Place, name: str, tmp_path: Path) -> None:
    """Pointing an alias where it points already changes nothing, and says so."""
    place.registry.register(wanted(name, model_folder(tmp_path / "model")))
    assert place.registry.set_alias(name, "challenger", "1")
    assert not place.registry.set_alias(name, "challenger", "1")
    found = place.registry.snapshot(name).resolve("challenger")
    assert found is not None
    assert found.number == "1"


def test_alias_of_an_unknown_version_is_refused(place: Place, name: str, tmp_path: Path) -> None:
    """An alias never points at nothing."""
    place.registry.register(wanted(name, model_folder(tmp_path / "model")))
    with pytest.raises(OutsideError):
        place.registry.set_alias(name, "challenger", "7")


def test_download_has_the_same_digest(place: Place, name: str, tmp_path: Path) -> None:
    """What comes back has the digest of what was registered, twice and side by side."""
    folder = model_folder(tmp_path / "model")
    version, _ = place.registry.register(wanted(name, folder))
    (tmp_path / "below").mkdir()
    copies = [place.registry.download(version, str(tmp_path / "below")) for _ in range(2)]
    assert {payload_digest(Path(copy)) for copy in copies} == {payload_digest(folder)}
    assert len(set(copies)) == 2
    assert all(Path(copy).is_relative_to(tmp_path / "below") for copy in copies)


def test_a_file_comes_back_in_a_folder(place: Place, name: str, tmp_path: Path) -> None:
    """A model that is one file is registered without a folder of its own, and keeps its digest and its name."""
    file = tmp_path / "model.onnx"
    file.write_bytes(b"graph")
    version, created = place.registry.register(wanted(name, file))
    back = Path(place.registry.download(version, str(tmp_path)))
    assert created
    assert version.digest == payload_digest(back) == payload_digest(file)
    assert (back / "model.onnx").read_bytes() == b"graph"


def test_an_image_is_registered_by_its_address(place: Place, name: str) -> None:
    """Nothing is uploaded or pulled; the version is found again by its key, and another digest is refused."""
    image = Path(f"ghcr.io/team/app@sha256:{'0a' * 32}")
    first, again = place.registry.register(wanted(name, image)), place.registry.register(wanted(name, image))
    assert (first[1], again[1]) == (True, False)
    assert first[0].digest == f"sha256:{'0a' * 32}"
    with pytest.raises(IntegrityError):
        place.registry.register(replace(wanted(name, image, key="other"), digest=f"sha256:{'0b' * 32}"))


def test_the_newest_entries_say_what_all_of_them_say(place: Place, name: str, tmp_path: Path) -> None:
    """Head, champion and the entries themselves, however few of them are read."""
    place.registry.register(wanted(name, model_folder(tmp_path / "model")))
    head = "0"
    for number in range(5):
        head = place.ledger.append_entry(name, entry(head, reason=str(number))).number
    everything = place.ledger.read(name)
    for newest in (1, 2, 4, 5, 6):
        some = place.ledger.read(name, newest=newest)
        assert some.entries == everything.entries[-newest:]
        assert (some.head, some.champion, some.earlier) == (everything.head, everything.champion, newest < 5)
        assert breaks(some) == ()


def test_an_entry_is_chained_to_the_one_before(place: Place, name: str, tmp_path: Path) -> None:
    """In every ledger; what somebody does to it by hand afterwards is named."""
    place.registry.register(wanted(name, model_folder(tmp_path / "model")))
    head = "0"
    for _ in range(3):
        head = place.ledger.append_entry(name, entry(head)).number
    ledger = place.ledger.read(name)
    assert (breaks(ledger), unchained(ledger)) == ((), 0)
    assert all(after.chain == before.seal for before, after in pairwise(ledger.entries))
    if not place.uri:
        return
    from mlflow import MlflowClient  # after the wing's own import, which says how much of it is there

    client = MlflowClient(place.uri, place.uri)
    text = client.get_model_version(ledger_name(name), "2").tags[TAG_ENTRY]
    client.set_model_version_tag(ledger_name(name), "2", TAG_ENTRY, text.replace("tester", "nobody"))
    assert [found.what for found in breaks(place.ledger.read(name))] == ["Entry 2 was changed after it was written."]
    client.delete_model_version(ledger_name(name), "2")
    assert [found.what[:19] for found in breaks(place.ledger.read(name))] == ["Entry 2 was removed"]
    client.delete_model_version(ledger_name(name), "3")
    assert place.ledger.append_entry(name, entry("1")).number == "4"


def test_an_image_has_no_files_to_download(place: Place, name: str, tmp_path: Path) -> None:
    """It is pulled by its address, which the refusal names."""
    image = Path(f"ghcr.io/team/app@sha256:{'0a' * 32}")
    version, _ = place.registry.register(wanted(name, image))
    with pytest.raises(InputError, match=f"{image}"):
        place.registry.download(version, str(tmp_path))


def test_ledger_keeps_order(place: Place, name: str, tmp_path: Path) -> None:
    """Entries come back as they were written, oldest first; the last one says who serves."""
    for key in ("a", "b"):
        place.registry.register(wanted(name, model_folder(tmp_path / key), key=key))
    first = place.ledger.append_entry(name, entry("0"))
    second = place.ledger.append_entry(name, entry(first.number, champion="2", reason='quotes " and\nlines ü'))
    ledger = place.ledger.read(name)
    assert ledger.entries == (first, second)
    assert (ledger.head, ledger.champion) == (second.number, "2")
    assert second.reason == 'quotes " and\nlines ü'


def test_stale_writer_loses(place: Place, name: str, tmp_path: Path) -> None:
    """A writer that has not seen the head is refused, and the record stays as it was."""
    place.registry.register(wanted(name, model_folder(tmp_path / "model")))
    first = place.ledger.append_entry(name, entry("0"))
    with pytest.raises(Conflict):
        place.ledger.append_entry(name, entry("0"))
    assert place.ledger.read(name).entries == (first,)


def test_of_racing_writers_one_wins(place: Place, name: str, tmp_path: Path) -> None:
    """Of six writers that saw the same head exactly one gets its entry in."""
    place.registry.register(wanted(name, model_folder(tmp_path / "model")))

    def write(number: int) -> bool:
        try:
            place.ledger.append_entry(name, entry("0", reason=str(number)))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(write, range(6))).count(True) == 1
    assert len(place.ledger.read(name).entries) == 1


@pytest.mark.parametrize("odd", ODD_NAMES)
def test_odd_names_are_refused_at_every_door(place: Place, odd: str) -> None:
    """A name cannot reach into a registry's addresses or its filter language, nor name a ledger."""
    calls: list[Callable[[], object]] = [
        lambda: place.registry.snapshot(odd),
        lambda: place.registry.register(NewVersion(name=odd, folder="", digest="", key="k", tags={})),
        lambda: place.registry.set_alias(odd, "challenger", "1"),
        lambda: place.ledger.read(odd),
        lambda: place.ledger.append_entry(odd, entry("0")),
    ]
    for call in calls:
        with pytest.raises(InputError, match="name"):
            call()
