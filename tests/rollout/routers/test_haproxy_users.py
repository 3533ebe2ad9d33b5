"""Sticky users on a real HAProxy: their groups are counted, equal candidates are promoted, a changed share is found."""

import http.client
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from ml_cicd.commands import canary, doctor
from ml_cicd.faces.json_v1 import to_json
from ml_cicd.ground.errors import Exit
from ml_cicd.ground.report import Note
from ml_cicd.rollout.counting import difference
from ml_cicd.rollout.evidence import Look, decide, no_evidence, take_in
from ml_cicd.rollout.guardrail import Window
from ml_cicd.rollout.plan import make_plan
from ml_cicd.rollout.state import NO_SALT, Decision, Observation, Split
from ml_cicd.rollout.users import by_part, users_seen, with_users, with_worth
from ml_cicd.settings import Chosen
from tests.commands.test_replay import OneFile
from tests.contracts.haproxy_process import SLOTS, Proxy, running_haproxy
from tests.contracts.test_router_contract import STATE
from tests.fakes.world import CANARY, CONFIG, TARGET, FakeWorld


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A running HAProxy."""
    with running_haproxy() as found:
        yield found


@dataclass
class Crowd:
    """Users behind one connection to HAProxy, who send requests in a seeded order."""

    proxy: Proxy
    count: int
    rng: random.Random = field(default_factory=lambda: random.Random(1))

    def send(self, requests: int) -> None:
        """Send requests of anybody's."""
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=10)
        for _ in range(requests):
            connection.request("GET", "/", headers={"x-user": f"user-{self.rng.randrange(self.count)}"})
            connection.getresponse().read()
        connection.close()


def give(proxy: Proxy, threshold: int, salt: str) -> Split:
    """Write a share with a lease of a minute."""
    view = proxy.router().read()
    split = replace(view.split, threshold=threshold, lease=int(view.now + 60), salt=salt, seq=view.split.seq + 1)
    return proxy.router().set_split(split, STATE, expect_seq=view.split.seq).split


def test_groups_are_counted_by_slot_and_salt(proxy: Proxy) -> None:
    """All requests of known users, their failures and refusals; a rollout's own begin at zero; others are not there."""
    assert proxy.source().groups() == ()
    proxy.served_by(5)
    assert proxy.source().groups() == ()
    proxy.slots["blue"].fail_every = 2
    Crowd(proxy, 30).send(100)
    proxy.slots["blue"].fail_every, proxy.slots["blue"].status = 0, 422
    Crowd(proxy, 30).send(20)
    groups = proxy.source().groups()
    assert {(group.slot, group.salt) for group in groups} == {("blue", NO_SALT)}
    assert sum(group.requests for group in groups) == 120
    assert sum(group.events["errors"] for group in groups) == 50
    assert sum(group.events["refusals"] for group in groups) == 20
    assert 10 < len(groups) <= 30
    assert 10 < users_seen(groups) < 60
    give(proxy, 5000, "abc")
    Crowd(proxy, 30).send(60)
    of_rollout = [group for group in proxy.source().groups() if group.salt == "abc"]
    assert {group.slot for group in of_rollout} == set(SLOTS)
    assert sum(by_part(of_rollout, "abc")) == 60
    worth = with_worth(Window(requests=0), of_rollout, proxy.router().read().split, before=0).worth
    assert worth is not None
    assert 2 < worth < 30


def test_a_user_has_one_group_whatever_the_arm(proxy: Proxy) -> None:
    """The group's hash knows neither salt nor arm, or groups before and during a rollout would be of other users."""
    numbers = set()
    for salt in ("abc", "def", "ghi", "jkl"):
        give(proxy, 5000, salt)
        proxy.served_by(1, user="ada")
    for group in proxy.source().groups():
        numbers.add(group.number)
    assert len(numbers) == 1


def world_of(proxy: Proxy, crowd: Crowd) -> FakeWorld:
    """A world whose router and counters are HAProxy's; as time passes, the crowd sends."""
    chosen = Chosen("haproxy", proxy.settings)
    settings = replace(
        CONFIG,
        targets={"production": replace(TARGET, router=chosen, metrics=chosen)},
        canary=replace(CANARY, minimum_duration=0),
    )
    world = FakeWorld(settings=settings)
    world.fake_clock.each_second = lambda: crowd.send(50)
    world.add_version()
    canary.run(canary.Inputs(), world)
    world.add_version()
    return world


def test_equal_candidates_of_sticky_users_are_promoted(proxy: Proxy) -> None:
    """Eighty users: the plan says how many, the rollout ends with a promotion, and its report repeats it."""
    world = world_of(proxy, Crowd(proxy, 80))
    world.fake_clock.sleep(10)
    found = doctor.run(doctor.Inputs(), world).verdict
    assert found is not None
    assert any("sticky: the requests so far are worth about" in finding.reason for finding in found.findings)
    report = canary.run(canary.Inputs(allow_inconclusive=True), world)
    assert report.exit_code is Exit.DONE, report.headline
    assert report.outputs["decision"] == "promote"
    assert any("sticky users" in line for line in world.lines)
    notes = [section.text for section in report.sections if isinstance(section, Note)]
    assert any("equally active ones" in text for text in notes)
    text = to_json(report, tool_version="1", outputs=report.outputs)
    world.files = OneFile(text)
    again = canary.run(canary.Inputs(replay="report.json"), world)
    assert again.outputs["reason"] == report.outputs["reason"]


def test_a_share_that_somebody_changes_is_found(proxy: Proxy) -> None:
    """Half-way through a step of 50 % the router gives 20 %: nothing is concluded from the step any more."""
    plan = make_plan(replace(CANARY, minimum_duration=0), deadline_seconds=600)
    crowd, evidence, decisions = Crowd(proxy, 100), no_evidence(plan), []
    for part, threshold in enumerate((5000, 2000)):
        split = give(proxy, threshold, "abc")
        before = proxy.source().read()
        for look in range(8):
            crowd.send(100)
            windows, before = difference(before, proxy.source().read(), (split.idle, split.serving))
            assert windows is not None
            candidate, champion = windows[0], with_users(windows[1], proxy.source().groups(), split)
            seen = Observation(
                at_seconds=8.0 * part + look + 1,
                step=1,
                readings={guard.name: guard.reading(candidate, champion) for guard in plan.guardrails},
                groups=by_part(proxy.source().groups(), split.salt),
            )
            evidence = take_in(plan, evidence, seen)
            moment = Look(plan=plan, evidence=evidence, step=1, elapsed_seconds=seen.at_seconds)
            decisions.append((moment.mismatched, decide(moment).decision))
    assert decisions[7] == (False, Decision.PROMOTE)
    assert decisions[15] == (True, Decision.HOLD)
