"""Traffic comes back through a real HAProxy whatever state the files beside it and its memory are in."""

import itertools
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.commands import canary, rollback
from ml_cicd.ground.errors import CorruptState, Exit, MlCicdError
from ml_cicd.rollout.routers.haproxy_socket import ask
from ml_cicd.rollout.state import Phase
from ml_cicd.settings import Chosen
from tests.contracts.haproxy_process import Proxy, running_haproxy
from tests.fakes.world import CONFIG, TARGET, FakeWorld


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A running HAProxy."""
    with running_haproxy() as found:
        yield found


def target(proxy: Proxy, *, begun: bool = True) -> FakeWorld:
    """A world whose target is behind it: version 1 serves, and a canary of version 2 has its first share or waits."""
    chosen = Chosen("haproxy", proxy.settings)
    world = FakeWorld(settings=replace(CONFIG, targets={"production": replace(TARGET, router=chosen)}))
    world.splits = lambda: proxy.router().read(urgent=True).split
    world.add_version()
    canary.run(canary.Inputs(), world)
    world.add_version()
    if begun:
        canary.run(canary.Inputs(mode="tick"), world)
        assert proxy.router().read().share == 500
    return world


def promote(proxy: Proxy) -> None:
    """Give version 2 all traffic, as a canary that ends well does."""
    view = proxy.router().read()
    assert view.state is not None
    state = replace(view.state, phase=Phase.PROMOTED)
    proxy.router().set_split(view.split.swapped(), state, expect_seq=view.split.seq)
    assert proxy.served_by(10) == {"green": 10}


@contextmanager
def full() -> Iterator[None]:
    """No file of this process can grow, as on a full disk; sockets can still be written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def unwritable(proxy: Proxy) -> Iterator[None]:
    """No file can be made in the folder, not even the lock: its name is a folder's, and so are the others'."""
    kept = {path: path.read_bytes() for path in proxy.folder.glob("split.map*")}
    for path in kept:
        path.unlink()
        path.mkdir()
    try:
        yield
    finally:
        for path, content in kept.items():
            path.rmdir()
            path.write_bytes(content)


def set_map(proxy: Proxy, value: str) -> None:
    """Edit HAProxy's memory."""
    ask(proxy.settings.socket, f"set map {proxy.settings.map} split {value}")


def delete_key(proxy: Proxy) -> None:
    """Take the key out of HAProxy's memory."""
    ask(proxy.settings.socket, f"del map {proxy.settings.map} split")


def edit_file(proxy: Proxy) -> None:
    """Edit the map file."""
    Path(proxy.settings.map).write_text("split blue:green:0:0:none:77\n", "utf-8")


def change_state(content: bytes | None) -> Callable[[Proxy], None]:
    """Return what replaces the state file, or deletes it."""

    def damage(proxy: Proxy) -> None:
        """Do it."""
        path = proxy.folder / "split.map.state.json"
        path.unlink() if content is None else path.write_bytes(content)

    return damage


NOTHING_CAN_BE_KEPT: dict[str, Callable[[Proxy], AbstractContextManager[None]]] = {
    "full disk": lambda _: full(),
    "folder that cannot be written": unwritable,
}
DAMAGE: dict[str, Callable[[Proxy], object]] = {
    "file edited": edit_file,
    "file not text": lambda proxy: Path(proxy.settings.map).write_bytes(b"\xff\xfe"),
    "file gone": lambda proxy: Path(proxy.settings.map).unlink(),
    "state missing": change_state(None),
    "state torn": change_state(b'{"schema": "ml-ci'),
    "state not text": change_state(b"\xff\xfe\x00"),
    "memory edited": lambda proxy: set_map(proxy, "green:blue:0:0:none:900"),
    "memory senseless": lambda proxy: set_map(proxy, "green"),
    "memory names other slots": lambda proxy: set_map(proxy, "red:black:0:0:none:1"),
    "memory without the key": delete_key,
}


@pytest.mark.parametrize("fault", NOTHING_CAN_BE_KEPT)
def test_a_rollback_moves_traffic_where_nothing_can_be_written(proxy: Proxy, fault: str) -> None:
    """Exit 12 says that a reload would undo it, and the named command, typed later, finishes it."""
    world = target(proxy)
    promote(proxy)
    with NOTHING_CAN_BE_KEPT[fault](proxy):
        report = rollback.run(rollback.Inputs(to="1"), world)
        assert proxy.served_by(10) == {"blue": 10}
    assert (report.exit_code, report.outputs["to-version"], report.outputs["verified"]) == (Exit.PARTLY, "1", "true")
    assert "not on disk, a reload would undo it" in report.cure
    assert report.cure.endswith("ml-cicd rollback --target production --to 1")
    again = rollback.run(rollback.Inputs(to="1"), world)
    assert again.exit_code is Exit.DONE
    view = proxy.router().read()
    assert view.split.serving == "blue"
    assert view.state is None or (view.state.serving.version, view.state.idle.version) == ("1", "2")


@pytest.mark.parametrize("fault", NOTHING_CAN_BE_KEPT)
def test_files_that_are_behind_do_not_name_the_champion(proxy: Proxy, fault: str) -> None:
    """What the runbook says to type then, `--to champion`, keeps what serves: never the version that was left."""
    world = target(proxy)
    promote(proxy)
    with NOTHING_CAN_BE_KEPT[fault](proxy):
        rollback.run(rollback.Inputs(to="1"), world)
    with pytest.raises(CorruptState) as behind:
        proxy.router().read()
    assert "rollback --to champion" in behind.value.cure
    report = rollback.run(rollback.Inputs(to="champion"), world)
    assert (report.exit_code, report.outputs["to-version"]) == (Exit.DONE, "1")
    assert proxy.served_by(10) == {"blue": 10}
    state = proxy.router().read().state
    assert state is not None
    assert (state.serving.version, state.idle.version) == ("1", "2")


@pytest.mark.parametrize("fault", NOTHING_CAN_BE_KEPT)
def test_a_canary_that_cannot_write_gives_its_traffic_back(proxy: Proxy, fault: str) -> None:
    """It cannot renew its lease, which takes files first; to give traffic back takes none, and no lease has to end."""
    world = target(proxy, begun=False)
    serve, seconds = world.fake_clock.each_second, itertools.count()
    with ExitStack() as faults:

        def one_second() -> None:
            """Serve, and let the fault begin at the twelfth second."""
            serve()
            if next(seconds) == 12:
                faults.enter_context(NOTHING_CAN_BE_KEPT[fault](proxy))

        world.fake_clock.each_second = one_second
        with pytest.raises(MlCicdError):
            canary.run(canary.Inputs(), world)
        split = proxy.router().read(urgent=True).split
        assert (split.threshold, split.lease) == (0, 0)
    assert any("a reload would undo it" in line for line in world.lines)
    with pytest.raises(CorruptState, match="edited"):
        proxy.router().read()
    assert rollback.run(rollback.Inputs(to="champion"), world).exit_code is Exit.DONE
    assert proxy.router().read().share == 0


@pytest.mark.parametrize("fault", DAMAGE)
@pytest.mark.parametrize("to", ["1", "champion"])
def test_a_rollback_needs_no_files_and_mends_them(proxy: Proxy, fault: str, to: str) -> None:
    """Whatever was edited, torn or lost: the version that is asked for serves, and all is readable again."""
    world = target(proxy)
    if to != "champion":
        promote(proxy)
    DAMAGE[fault](proxy)
    report = rollback.run(rollback.Inputs(to=to), world)
    assert (report.exit_code, report.outputs["to-version"], report.outputs["verified"]) == (Exit.DONE, "1", "true")
    view = proxy.router().read()
    assert (view.split.serving, view.share) == ("blue", 0)
    assert view.state is None or view.state.serving.version == "1"
    assert proxy.served_by(10) == {"blue": 10}
    assert rollback.run(rollback.Inputs(to="1"), world).outputs["rolled-back"] == "false"
