"""A slow candidate on a real HAProxy, by the template and the real command: rolled back; an equal one is promoted."""

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ml_cicd.commands import canary
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.guardrails.latency import LatencySettings
from ml_cicd.rollout.sources import haproxy as source
from ml_cicd.settings import Chosen
from ml_cicd.shell.machine import SystemClock
from tests.contracts.haproxy_process import Proxy, running_haproxy
from tests.fakes.world import CANARY, CONFIG, TARGET, FakeWorld

USERS = 4
GUARDS = {"errors": ErrorsSettings(margin=0.3), "latency": LatencySettings()}
QUICK = replace(
    CANARY,
    steps=(2000,),
    guardrails=GUARDS,
    interval=0.5,
    lease=20,
    warm_up=0,
    minimum_duration=0,
    minimum_requests=20,
    deadline=60,
)


@contextmanager
def load(proxy: Proxy) -> Iterator[None]:
    """Let some users ask, each again once he has his answer."""
    over = threading.Event()

    def ask() -> None:
        """Ask until it is over."""
        while not over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
            connection.request("GET", "/")
            connection.getresponse().read()
            connection.close()
            over.wait(0.01)  # or the machine itself is what they wait for

    users = [threading.Thread(target=ask) for _ in range(USERS)]
    for user in users:
        user.start()
    try:
        yield
    finally:
        over.set()
        for user in users:
            user.join(timeout=15)


def world_on(proxy: Proxy) -> FakeWorld:
    """Version 2 about to be rolled out over 1 by this HAProxy and its counters, in real time."""
    settings = replace(
        TARGET,
        router=Chosen("haproxy", proxy.settings),
        metrics=Chosen("haproxy", source.Settings(socket=proxy.settings.socket)),
    )
    world = FakeWorld(settings=replace(CONFIG, canary=QUICK, targets={"production": settings}))
    world.fake_clock = world.clock = SystemClock()  # type: ignore[assignment]
    world.add_version()
    canary.run(canary.Inputs(), world)
    world.add_version()
    return world


@pytest.mark.parametrize(("pause", "decision"), [(0.4, "rollback"), (0.0, "promote")])
def test_times_decide_on_a_real_haproxy(pause: float, decision: str) -> None:
    """400 ms instead of a few: rolled back in the guardrail's words. As fast as the champion: promoted."""
    with running_haproxy() as proxy:
        world = world_on(proxy)
        idle = proxy.router().read().split.idle
        proxy.slots[idle].pause = pause
        with load(proxy):
            report = canary.run(canary.Inputs(allow_inconclusive=True), world)
    assert report.outputs["decision"] == decision
    assert ("answers more slowly" in report.outputs["reason"]) is (decision == "rollback")
    took = re.search(r"version 2 took (\d+)-", report.outputs["reason"])
    assert took is not None
    assert (int(took[1]) >= 390) is (decision == "rollback")
    assert any(table.title == "Latency by share" for table in report.tables)
