"""Whole canaries over a real HAProxy, one of whose slots dies."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Self

import pytest

from ml_cicd.commands import canary
from ml_cicd.ground.errors import Exit
from ml_cicd.ground.report import Report
from ml_cicd.settings import Chosen
from ml_cicd.shell.machine import SystemClock
from tests.contracts.haproxy_process import Proxy, running_haproxy
from tests.fakes.world import CANARY, FakeWorld

SERVED = 40


class Users:
    """Users who ask one after the other until the block ends; `saw` counts what they got."""

    def __init__(self, proxy: Proxy) -> None:
        """Ask nothing yet."""
        self._proxy, self._over = proxy, threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.saw: dict[str, int] = {}

    def _ask(self) -> None:
        while not self._over.is_set():
            for name, count in self._proxy.served_by(1).items():
                self.saw[name[:5]] = self.saw.get(name[:5], 0) + count
            time.sleep(0.005)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._over.set()
        self._thread.join()


@contextmanager
def half_way() -> Iterator[tuple[Proxy, FakeWorld]]:
    """Version 1 serves, and version 2 waits for a canary of one step of half of the traffic, by the real time."""
    with running_haproxy() as proxy:
        world = FakeWorld()
        world.fake_clock = SystemClock()  # type: ignore[assignment]
        haproxy = Chosen("haproxy", proxy.settings)
        target = replace(world.settings.targets["production"], router=haproxy, metrics=haproxy)
        rules = replace(CANARY, steps=(5000,), interval=1, deadline=40, minimum_duration=15)
        world.settings = replace(world.settings, targets={"production": target}, canary=rules)
        world.add_version()
        canary.run(canary.Inputs(), world)
        world.add_version()
        yield proxy, world


def killed_meanwhile(
    proxy: Proxy, world: FakeWorld, slot: str, *, when: Callable[[], bool] | None = None
) -> tuple[Report, dict[str, int]]:
    """Run the canary, kill a slot's server, once the candidate has served some unless told otherwise; return the report
    and what users saw.
    """
    due = when or (lambda: proxy.slots["green"].count >= SERVED)

    def kill() -> None:
        end = time.monotonic() + 60
        while not due() and time.monotonic() < end:
            time.sleep(0.01)
        proxy.kill_slot(slot)

    killer = threading.Thread(target=kill)
    with Users(proxy) as users:
        killer.start()
        report = canary.run(canary.Inputs(allow_inconclusive=True), world)
        killer.join()
    return report, users.saw


@pytest.mark.slow
def test_a_candidate_that_dies_is_rolled_back_and_harms_few() -> None:
    """Its server is killed at half of the traffic: a check finds it, the champion answers in its place, and what it was
    spared counts as its failures, so that the canary ends with harm.
    """
    with half_way() as (proxy, world):
        report, saw = killed_meanwhile(proxy, world, "green")
        assert proxy.router().read().split.threshold == 0
    assert (report.exit_code, report.outputs["share"]) == (Exit.FAILED, "0")
    assert saw["green"] > 0
    assert saw.get("<html", 0) <= 20  # between its death and the check that finds it
    (kinds,) = (table for table in report.tables if table.title == "Kinds of failure")
    assert "answered by the other slot" in [row[0] for row in kinds.rows]


def proven(line: str) -> bool:
    """Whether a look waits for nothing but the shortest duration, for which no champion is needed."""
    lacks = ("looks", "candidate", "traffic", "requests")
    return "waits for the shortest duration" in line and not any(f"waits for {what}" in line for what in lacks)


@pytest.mark.slow
def test_a_champion_that_dies_gives_way_to_a_proven_candidate() -> None:
    """Its server is killed once the candidate has shown that it is not worse: the candidate takes all traffic, and
    hardly any user notices.
    """
    with half_way() as (proxy, world):
        report, saw = killed_meanwhile(proxy, world, "blue", when=lambda: proven(world.lines[-1]))
        split = proxy.router().read().split
        assert proxy.served_by(20) == {"green": 20}
    assert (report.exit_code, report.outputs["decision"]) == (Exit.DONE, "promote")
    assert (split.serving, split.threshold) == ("green", 0)
    assert saw.get("<html", 0) <= 20


@pytest.mark.slow
def test_a_champion_that_dies_early_proves_nothing_for_the_candidate() -> None:
    """Whoever answers at all is better than a dead champion: the rollout ends without a verdict, and its users stay
    where somebody answers, in words that say so.
    """
    with half_way() as (proxy, world):
        rules = replace(world.settings.canary, deadline=20)
        world.settings = replace(world.settings, canary=rules)
        report, saw = killed_meanwhile(proxy, world, "blue", when=lambda: proxy.slots["green"].count >= 5)
        view = proxy.router().read()
        assert proxy.served_by(20) == {"green": 20}
    assert (report.exit_code, report.outputs["decision"]) == (Exit.INCONCLUSIVE, "inconclusive")
    assert (view.split.serving, view.split.threshold) == ("blue", 0)
    assert saw.get("<html", 0) <= 20
    assert "Slot blue, which serves, is down: slot green answers its users." in report.cure
    assert "rollback --target production --to champion" in report.cure
    assert [entry.op for entry in world.fake_ledger.read("digits").entries][-1:] == ["ended"]
    assert world.fake_slots.holds["green"].version == "2", "the standby took the place of what answers"
