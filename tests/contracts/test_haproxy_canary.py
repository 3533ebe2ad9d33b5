"""Whole canaries over a real HAProxy, whose candidate dies."""

import threading
import time
from dataclasses import replace
from typing import Self

import pytest

from ml_cicd.commands import canary
from ml_cicd.ground.errors import Exit
from ml_cicd.settings import Chosen
from ml_cicd.shell.machine import SystemClock
from tests.contracts.haproxy_process import Proxy, running_haproxy
from tests.fakes.world import CANARY, FakeWorld


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


@pytest.mark.slow
def test_a_candidate_that_dies_is_rolled_back_and_harms_few() -> None:
    """Its server is killed at half of the traffic: a check finds it, the champion answers in its place, and what it was
    spared counts as its failures, so that the canary ends with harm.
    """
    with running_haproxy() as proxy:
        world = FakeWorld()
        world.fake_clock = SystemClock()  # type: ignore[assignment]
        haproxy = Chosen("haproxy", proxy.settings)
        target = replace(world.settings.targets["production"], router=haproxy, metrics=haproxy)
        rules = replace(CANARY, steps=(5000,), interval=1, deadline=60, minimum_duration=30)
        world.settings = replace(world.settings, targets={"production": target}, canary=rules)
        world.add_version()
        canary.run(canary.Inputs(), world)
        world.add_version()
        killer = threading.Timer(9, proxy.kill_slot, ("green",))
        with Users(proxy) as users:
            killer.start()
            report = canary.run(canary.Inputs(allow_inconclusive=True), world)
            killer.join()
            assert proxy.router().read().split.threshold == 0
        assert (report.exit_code, report.outputs["share"]) == (Exit.FAILED, "0")
        assert users.saw["green"] > 0
        assert users.saw.get("<html", 0) <= 20  # between its death and the check that finds it
