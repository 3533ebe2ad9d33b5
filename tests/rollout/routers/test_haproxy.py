"""What only a real HAProxy can show."""

import errno
import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.client import IncompleteRead
from pathlib import Path

import pytest

from ml_cicd.ground.errors import Conflict, CorruptState, InputError, NotFound, OutsideError, Refused, Unreachable
from ml_cicd.rollout.routers import haproxy_socket
from ml_cicd.rollout.routers.haproxy import HaproxyRouter, Settings
from ml_cicd.rollout.routers.haproxy_socket import set_map_value
from ml_cicd.rollout.routers.haproxy_value import encode
from ml_cicd.rollout.sources.haproxy import HaproxySource
from ml_cicd.rollout.state import Phase
from tests.contracts.haproxy_process import (
    SLOTS,
    Proxy,
    free_port,
    running_haproxy,
    start_haproxy,
    without_table,
)
from tests.contracts.test_router_contract import STATE


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A running HAProxy."""
    with running_haproxy() as found:
        yield found


def give(proxy: Proxy, threshold: int, *, lease: float) -> None:
    """Write a share with a lease of some seconds."""
    router = proxy.router()
    view = router.read()
    split = replace(view.split, threshold=threshold, lease=int(view.now + lease), seq=view.split.seq + 1)
    router.set_split(split, STATE, expect_seq=view.split.seq)


def test_the_split_is_what_was_written(proxy: Proxy) -> None:
    """Half the requests go to the candidate, within five standard deviations."""
    give(proxy, 5000, lease=60)
    served = proxy.served_by(400)
    assert 150 < served["green"] < 250


def test_a_user_stays_where_he_is(proxy: Proxy) -> None:
    """Requests with the same x-user header all reach the same slot."""
    give(proxy, 5000, lease=60)
    for user in ("ada", "grace", "alan", "edsger"):
        assert len(proxy.served_by(5, user=user)) == 1


def test_the_router_takes_traffic_back_when_nobody_renews(proxy: Proxy) -> None:
    """Dead-man switch: after the lease everything is the champion's, with no process of ours alive."""
    give(proxy, 10_000, lease=5)
    assert proxy.served_by(20)["green"] == 20
    end = time.monotonic() + 20
    while proxy.router().read().share and time.monotonic() < end:
        time.sleep(0.2)
    time.sleep(1.1)
    assert proxy.served_by(40) == {"blue": 40}


@pytest.mark.parametrize(("lease", "share"), [(1795, 10_000), (3600, 0)])
def test_a_lease_from_before_the_clock_was_put_back_is_over(proxy: Proxy, lease: float, share: int) -> None:
    """The longest lease holds; one that ends later than any can gives the candidate nothing, in HAProxy and in ours."""
    give(proxy, 10_000, lease=lease)
    assert proxy.router().read().share == share
    assert proxy.served_by(20) == {"green" if share else "blue": 20}


def test_failures_are_counted_however_they_happen(proxy: Proxy) -> None:
    """An answer 500 and a dead server are failed requests of their slot, and retries are not requests."""
    source = proxy.source()
    proxy.slots["blue"].fail_every = 2
    proxy.served_by(10)
    counted = source.read()["blue"]
    assert (counted.requests, counted.events["errors"]) == (10, 5)
    proxy.kill_slot("blue")
    proxy.served_by(1)
    after = source.read()["blue"]
    assert (after.requests, after.events["errors"]) == (11, 6)
    assert source.read()["green"].requests == 0


def test_what_no_server_took_is_counted(proxy: Proxy) -> None:
    """Where no slot is left, HAProxy answers 503 by itself: failed requests of the one that serves."""
    for name in SLOTS:
        proxy.kill_slot(name)
        proxy.await_slot(name, reachable=False)
    proxy.served_by(7)
    counted = proxy.source().read()["blue"]
    assert (counted.requests, counted.events["errors"], counted.away) == (7, 7, 0)


@pytest.mark.parametrize("threshold", [0, 1, 5000])
def test_a_dead_champion_s_users_are_answered_by_the_other_slot(proxy: Proxy, threshold: int) -> None:
    """Nobody gets a 503, each of them is the champion's failure, and none of them is a request of the candidate's."""
    give(proxy, threshold, lease=60)
    proxy.kill_slot("blue")
    proxy.await_slot("blue", reachable=False)
    source = proxy.source()
    before = source.read()
    assert proxy.served_by(40, user="" if threshold else "ada") == {"green": 40}
    after = source.read()
    grown = {name: after[name].requests - before[name].requests for name in SLOTS}
    assert grown["blue"] + grown["green"] == 40
    assert grown["green"] == 0 or threshold
    failed = {name: after[name].events["errors"] - before[name].events["errors"] for name in SLOTS}
    assert failed == {"blue": grown["blue"], "green": 0}
    assert (after["blue"].away or 0) - (before["blue"].away or 0) == grown["blue"]
    assert not source.groups()
    proxy.restart_slot("blue")
    proxy.await_slot("blue", reachable=True)
    give(proxy, 0, lease=0)
    assert proxy.served_by(5) == {"blue": 5}


def test_a_lease_that_ends_gives_nothing_to_a_dead_champion(proxy: Proxy) -> None:
    """The share is over, and the slot that is alive answers."""
    give(proxy, 10_000, lease=-5)
    proxy.kill_slot("blue")
    proxy.await_slot("blue", reachable=False)
    assert proxy.served_by(10) == {"green": 10}


def test_nobody_is_sent_to_what_somebody_went_back_from(proxy: Proxy) -> None:
    """The other slot holds what was rolled back: its users would rather have no answer."""
    router = proxy.router()
    view = router.read()
    router.set_split(view.split.calm(back_to="2"), STATE, expect_seq=view.split.seq, urgent=True)
    proxy.kill_slot("blue")
    proxy.await_slot("blue", reachable=False)
    assert "green" not in proxy.served_by(5)
    assert proxy.source().read()["blue"].away == 0


def test_a_dead_candidate_gets_no_users_and_is_charged_for_them(proxy: Proxy) -> None:
    """Once a check has found it dead the champion answers everybody, and each of them is the candidate's failure."""
    give(proxy, 10_000, lease=60)
    proxy.kill_slot("green")
    proxy.await_slot("green", reachable=False)
    before = proxy.source().read()["green"]
    assert proxy.served_by(7) == {"blue": 7}
    after = proxy.source().read()["green"]
    assert (after.requests - before.requests, after.events["errors"] - before.events["errors"]) == (7, 7)
    proxy.restart_slot("green")
    proxy.await_slot("green", reachable=True)
    assert proxy.served_by(5) == {"green": 5}
    assert proxy.source().read()["green"].events == after.events


def test_who_is_charged_needs_a_share(proxy: Proxy) -> None:
    """An idle slot is dead for as long as it is empty: nobody is charged for that."""
    proxy.kill_slot("green")
    proxy.await_slot("green", reachable=False)
    proxy.served_by(5)
    assert proxy.source().read()["green"].requests == 0


def test_a_failure_that_a_retry_hides_is_counted_once(proxy: Proxy) -> None:
    """The slot refuses and is back before the retry: the user sees an answer 200, its arm a failed request."""
    proxy.kill_slot("blue")
    back = threading.Timer(0.3, proxy.restart_slot, ("blue",))
    back.start()
    assert proxy.served_by(1) == {"blue": 1}
    back.join()
    counted = proxy.source().read()["blue"]
    assert (counted.requests, counted.events["errors"]) == (1, 1)


def test_a_retry_that_finds_the_server_down_is_one_failure(proxy: Proxy) -> None:
    """The check finds the slot dead while a user waits for his retry: one answer 503, and nothing hidden beside it."""
    proxy.kill_slot("blue")
    for _ in range(3):  # the later ones come while it is being found out, or after
        proxy.served_by(1)
    counted = proxy.source().read()["blue"]
    assert not counted.reachable
    assert (counted.requests, counted.events["errors"]) == (3, 3)
    assert counted.kinds["hidden by a retry"] == 0


def test_a_retry_on_another_server_hides_no_failure() -> None:
    """One of a slot's two servers refuses: users are served by the other, and every retried request is a failure.

    They take turns, and a retry takes the good one's: every request begins at the dead one.
    """

    def second_server(text: str) -> str:
        dead = f"  server s0 127.0.0.1:{free_port()} no-check"
        return text.replace("backend blue\n", f"backend blue\n{dead}\n")

    with running_haproxy(change=second_server) as proxy:
        assert proxy.served_by(6) == {"blue": 6}
        counted = proxy.source().read()["blue"]
        assert (counted.requests, counted.events["errors"]) == (6, 6)


def test_a_configuration_without_the_table_has_its_retries_left_alone() -> None:
    """Three retries of each failed request would be three failures: only the template's single one can be counted."""

    def old(text: str) -> str:
        newer = ("retries", "set-var(txn.deputy)")
        lines = [line for line in without_table(text, "charged").splitlines() if not any(new in line for new in newer)]
        return "\n".join(lines) + "\n"

    with running_haproxy(change=old) as proxy:
        proxy.kill_slot("blue")
        proxy.served_by(1)
        counted = proxy.source().read()["blue"]
        assert (counted.requests, counted.events["errors"]) == (1, 1)


def test_a_slot_that_was_just_filled_serves_its_first_user(proxy: Proxy) -> None:
    """HAProxy's check lags behind the slot: the write that lets it serve waits, and nobody is turned away."""
    proxy.kill_slot("green")
    proxy.await_slot("green", reachable=False)
    router = proxy.router()
    split = router.read().split
    proxy.restart_slot("green")
    router.set_split(split.swapped(), STATE, expect_seq=0, urgent=True)
    assert proxy.served_by(3) == {"green": 3}


def test_an_answer_that_breaks_off_is_counted(proxy: Proxy) -> None:
    """Status 200 and half a body is a failed request, once."""
    proxy.slots["blue"].cut = True
    for _ in range(3):
        with pytest.raises(IncompleteRead):
            proxy.served_by(1)
    counted = proxy.source().read()["blue"]
    assert (counted.requests, counted.events["errors"]) == (3, 3)


def test_refusals_are_counted(proxy: Proxy) -> None:
    """An answer 422 is a request that was refused, and not one that failed."""
    proxy.slots["blue"].status = 422
    proxy.served_by(4)
    counted = proxy.source().read()["blue"]
    assert (counted.requests, counted.events) == (4, {"errors": 0, "refusals": 4})


def test_a_request_under_way_is_open(proxy: Proxy) -> None:
    """A slot that accepts and says nothing has answered nothing: the request is open, and counts once it has ended."""
    source, slot = proxy.source(), proxy.slots["blue"]
    slot.answers.clear()
    waiting = threading.Thread(target=proxy.served_by, args=(1,))
    waiting.start()
    end = time.monotonic() + 5
    while not source.read()["blue"].open and time.monotonic() < end:
        time.sleep(0.01)
    counted = source.read()["blue"]
    assert (counted.requests, counted.open, counted.events["errors"]) == (0, 1, 0)
    slot.answers.set()
    waiting.join(timeout=5)
    counted = source.read()["blue"]
    assert (counted.requests, counted.open, counted.events["errors"]) == (1, 0, 0)


def test_a_user_who_gave_up_is_counted(proxy: Proxy) -> None:
    """The slot says nothing and the user goes away: a failed request of that slot, at once."""
    slot = proxy.slots["blue"]
    slot.answers.clear()
    with socket.create_connection(("127.0.0.1", proxy.port)) as user:
        user.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        end = time.monotonic() + 5
        while not proxy.source().read()["blue"].open and time.monotonic() < end:
            time.sleep(0.01)
        user.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end = time.monotonic() + 5
    while proxy.source().read()["blue"].open and time.monotonic() < end:
        time.sleep(0.01)
    counted = proxy.source().read()["blue"]
    assert (counted.requests, counted.open, counted.events["errors"]) == (1, 0, 1)


def test_a_write_that_haproxy_did_not_take_has_not_happened(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """State and map file are written, HAProxy's memory is not: the state before is in force, and a second try works."""
    give(proxy, 5000, lease=60)
    router = proxy.router()
    view = router.read()
    calm = replace(view.split, threshold=0, lease=0, seq=view.split.seq + 1)
    ended = replace(STATE, phase=Phase.ROLLED_BACK)
    with monkeypatch.context() as patch:
        patch.setattr(haproxy_socket, "set_map_value", silent)
        with pytest.raises(Unreachable):
            router.set_split(calm, ended, expect_seq=view.split.seq)
    again = router.read()
    assert (again.split, again.state, again.share) == (view.split, STATE, 5000)
    router.set_split(calm, ended, expect_seq=view.split.seq)
    assert (router.read().split, router.read().state) == (calm, ended)


def silent(*_: object) -> None:
    """Fail as a socket that answers nothing."""
    raise Unreachable("HAProxy does not answer.", cure="Wait.")


def test_a_restart_begins_a_new_epoch_and_keeps_the_split(proxy: Proxy) -> None:
    """After a restart counters are zero under another epoch, and the map file brings the same split back."""
    give(proxy, 2500, lease=60)
    before = proxy.source().read()["blue"].epoch
    split = proxy.router().read().split
    proxy.stop()
    proxy.process = start_haproxy(proxy.folder)
    assert proxy.source().read()["blue"].epoch != before
    assert proxy.router().read().split == split


@pytest.mark.parametrize(
    "value", ["green", "blue:green:1:2:3", "blue:green:x:0:none:1", "blue:red:0:0:none:0", "a:a:0:0:none:0"]
)
def test_a_value_edited_by_hand_is_refused(proxy: Proxy, value: str) -> None:
    """What ml-cicd did not write is never guessed at."""
    set_map_value(str(proxy.folder / "h.sock"), str(proxy.folder / "split.map"), "split", value)
    with pytest.raises(CorruptState):
        proxy.router().read()


def test_a_map_file_edited_by_hand_is_refused(proxy: Proxy) -> None:
    """A file that says something else than what serves would move traffic at the next reload."""
    (proxy.folder / "split.map").write_text("split green:blue:0:0:none:0\n", "utf-8")
    with pytest.raises(CorruptState, match="edited by hand"):
        proxy.router().read()


def test_a_missing_or_foreign_state_is_refused(proxy: Proxy) -> None:
    """The state beside the map is not guessed either."""
    give(proxy, 100, lease=60)
    state = proxy.folder / "split.map.state.json"
    good = state.read_text("utf-8")
    for text in ("{", "[]", good.replace('"seq": 1', '"seq": 9'), good.replace("rollout/v2", "rollout/v1")):
        state.write_text(text, "utf-8")
        with pytest.raises(CorruptState):
            proxy.router().read()
    state.unlink()
    with pytest.raises(CorruptState, match="missing"):
        proxy.router().read()


def test_a_kill_between_state_and_value_is_mended_by_the_next_write(proxy: Proxy) -> None:
    """State and file one write ahead of what serves: readable, and the next write goes through."""
    give(proxy, 100, lease=60)
    split = proxy.router().read().split
    ahead = replace(split, threshold=500, seq=2)
    state = proxy.folder / "split.map.state.json"
    state.write_text(state.read_text("utf-8").replace('"seq": 1', '"seq": 2'), "utf-8")
    (proxy.folder / "split.map").write_text(f"split {encode(ahead)}\n", "utf-8")
    assert proxy.router().read().split == split
    give(proxy, 700, lease=60)
    assert proxy.router().read().split.threshold == 700


def test_a_dead_router_is_an_error_with_a_cure(proxy: Proxy) -> None:
    """No socket, nobody behind it, another map: each says what to do."""
    proxy.stop()
    with pytest.raises(OutsideError) as found:
        proxy.router().read()
    assert found.value.cure
    nowhere = Settings(socket="/nowhere/h.sock", map="/nowhere/split.map")
    with pytest.raises(NotFound, match="no HAProxy socket"):
        HaproxyRouter(nowhere, SLOTS).read()


def test_a_map_that_haproxy_does_not_use(proxy: Proxy) -> None:
    """Another path than the one in HAProxy's configuration is named as the reason."""
    other = replace(proxy.settings, map=str(proxy.folder / "other.map"))
    with pytest.raises(NotFound, match="does not use the map"):
        HaproxyRouter(other, SLOTS).read()


def test_a_slot_without_backend(proxy: Proxy) -> None:
    """A slot that HAProxy has no backend for is an error, not zero traffic."""
    with pytest.raises(NotFound, match="red"):
        HaproxySource(proxy.settings, ("blue", "red")).read()


def test_relative_paths_are_refused() -> None:
    """HAProxy knows its map by one path; ours must be the same."""
    with pytest.raises(InputError):
        HaproxyRouter(Settings(socket="h.sock", map="split.map"), SLOTS)


def test_the_map_files_other_lines_stay(proxy: Proxy) -> None:
    """Only our key changes in the map file."""
    file = proxy.folder / "split.map"
    file.write_text("# by the platform team\nsplit blue:green:0:0:none:0\nother value\n", "utf-8")
    give(proxy, 100, lease=60)
    lines = Path(file).read_text("utf-8").splitlines()
    assert lines[:2] == ["# by the platform team", "other value"]


HOLDER = """
import sys, time
from ml_cicd.rollout.routers.haproxy import HaproxyRouter, Settings
with HaproxyRouter(Settings(socket=sys.argv[1], map=sys.argv[2]), ("blue", "green")).hold("green"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_slot_is_held_no_longer_than_its_process_lives(proxy: Proxy) -> None:
    """Another process keeps it; whoever may wait waits, and has it as soon as that process is killed."""
    command = [sys.executable, "-c", HOLDER, proxy.settings.socket, proxy.settings.map]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        router = proxy.router()
        with pytest.raises(Conflict, match="Another run is filling slot green"), router.hold("green"):
            pass
        killer = threading.Timer(0.3, holder.kill)
        killer.start()
        with router.hold("green", seconds=30):
            assert holder.wait(timeout=10)
        killer.join()


def test_a_folder_without_locks_keeps_nobody_from_a_slot(tmp_path: Path) -> None:
    """Where there can be no lock file, a rollback fills its slot all the same."""
    router = HaproxyRouter(Settings(socket=str(tmp_path / "s"), map=str(tmp_path / "gone" / "split.map")), SLOTS)
    with router.hold("green"), router.hold("green"):
        pass


def test_all_of_the_group_can_hold_a_slot(tmp_path: Path) -> None:
    """Whatever the umask says: who cannot open the lock would fill the slot beside the one who holds it."""
    router = HaproxyRouter(Settings(socket=str(tmp_path / "s"), map=str(tmp_path / "split.map")), SLOTS)
    before = os.umask(0o077)
    try:
        with router.hold("green"):
            assert (tmp_path / "split.map.green.lock").stat().st_mode & 0o777 == 0o660
    finally:
        os.umask(before)


def test_a_file_system_without_locks_keeps_nobody_from_going_back(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems have none: traffic is taken back all the same, and a canary is refused in words."""

    def no_locks(_handle: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    router = proxy.router()
    split = router.read().split
    with pytest.raises(Refused, match="cannot be locked"):
        router.set_split(split.calm(), STATE, expect_seq=split.seq)
    router.set_split(split.swapped(), STATE, expect_seq=split.seq, urgent=True)
    assert proxy.served_by(5) == {"green": 5}


def test_an_older_map_that_somebody_loaded_is_told(proxy: Proxy) -> None:
    """The state is of a later write, and no kill explains that. What is merely not on disk is no older map."""
    router = proxy.router()
    start = router.read().split
    for seq in (1, 2, 3):
        router.set_split(replace(start, serving="green", idle="blue", seq=seq), STATE, expect_seq=seq - 1)
    for seq, older in ((3, False), (2, False), (1, True), (9, False)):
        set_map_value(proxy.settings.socket, proxy.settings.map, "split", encode(replace(start, seq=seq)))
        assert router.read(urgent=True).older is older
