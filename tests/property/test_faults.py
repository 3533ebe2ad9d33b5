"""Random stories with faults at random calls: whatever happened, traffic is safe, and one command restores order."""

import random
from dataclasses import dataclass, replace

import pytest

from ml_cicd.commands import canary, rollback
from ml_cicd.ground.errors import Exit, MlCicdError
from ml_cicd.ground.report import Report
from ml_cicd.rollout.state import Phase
from tests.fakes.faults import Fault, Faults, Kill
from tests.fakes.world import CANARY, CONFIG, MODEL, FakeWorld, digest_of

LONG_AFTER = 4000
MOST_CALLS = (5, 15, 60)
STEPS = 15
ENDINGS = ("champion", "last-good", "previous", "canary")


@dataclass
class Story:
    """A world that goes through random commands, some of which go wrong."""

    seed: int

    def __post_init__(self) -> None:
        """Begin with version 1 in production."""
        self.random = random.Random(self.seed)
        self.world = FakeWorld(settings=replace(CONFIG, canary=replace(CANARY, deadline=120)), rate=100)
        self.world.add_version()
        canary.run(canary.Inputs(), self.world)
        self.told: list[str] = []

    def attempt(self, at: int, fault: Fault) -> Report | None:
        """Run one random command with one fault; None where it ended with an error or was killed."""
        kind = self.random.choice(["canary", "canary", "tick", "tick", "previous", "last-good", "champion", "number"])
        self.told.append(f"{kind} with call {at}: {fault}")
        with Faults(self.world, at=at, fault=fault):
            try:
                return self.run(kind)
            except (MlCicdError, Kill, KeyboardInterrupt) as problem:
                self.told.append(f"  -> {type(problem).__name__} {problem}")
                return None

    def run(self, kind: str) -> Report:
        """Run one command."""
        if kind in {"canary", "tick"}:
            return canary.run(canary.Inputs(mode="tick" if kind == "tick" else "run"), self.world)
        count = len(self.world.fake_registry.versions)
        to = kind if kind != "number" else str(self.random.randint(1, count))
        return rollback.run(rollback.Inputs(to=to), self.world)

    def step(self) -> None:
        """Let something happen."""
        if self.random.random() < 0.4:
            number = self.world.add_version()
            self.world.failing[number] = self.random.choice([0.0, 0.0, 0.3])
        before = self.fails()
        most = self.random.choice(MOST_CALLS)
        report = self.attempt(self.random.randint(0, most), self.random.choice(list(Fault)))
        if report is not None and "not worse" in report.outputs.get("reason", ""):
            assert self.fails() <= before, self.told
        self.check_traffic()
        self.world.fake_clock.sleep(self.random.choice([0, 5, 100, LONG_AFTER]))

    def fails(self) -> float:
        """Share of requests that the serving version fails."""
        return self.world.failing.get(self.world.serves(), 0.0)

    def check_traffic(self) -> None:
        """The champion's slot holds a whole version; a candidate has traffic only in a rollout that is running."""
        router = self.world.fake_router
        serving = self.world.fake_slots.holds[router.split.serving]
        assert serving.digest == digest_of(serving.version), self.told
        if router.read().share:
            assert router.state is not None
            assert router.state.phase is Phase.RUNNING, self.told
            candidate = self.world.fake_slots.holds[router.split.idle]
            assert candidate == router.state.candidate, self.told

    def order(self) -> tuple[str | None, str, str, int]:
        """Champion by the ledger, by the alias and by the slot, and the candidate's share."""
        ledger = self.world.fake_ledger.read(MODEL).champion
        alias = self.world.fake_registry.aliases.get((MODEL, "champion"), "")
        return ledger, alias, self.world.serves(), self.world.fake_router.split.threshold


def played(seed: int) -> Story:
    """Play a story to a quiet end: leases are over, and nothing fails any more."""
    story = Story(seed)
    for _ in range(STEPS):
        story.step()
    story.world.fake_clock.sleep(LONG_AFTER)
    assert story.world.fake_router.read().share == 0, story.told
    return story


@pytest.mark.parametrize("seed", range(200))
def test_one_command_restores_order(seed: int) -> None:
    """Ledger, alias and traffic agree after one command without a fault; the same command again changes nothing."""
    story, ending = played(seed), ENDINGS[seed % len(ENDINGS)]
    try:
        report = story.run(ending)
    except MlCicdError:  # e.g. no earlier version to go back to
        report = story.run("champion")
    assert report.exit_code in {Exit.DONE, Exit.FAILED}, (story.told, report)
    ledger, alias, serves, threshold = story.order()
    assert (ledger, alias, threshold) == (serves, serves, 0), (story.told, report)
    if ending != "canary":
        again = story.run("champion")
        assert again.exit_code is Exit.DONE, story.told
        assert again.outputs["rolled-back"] == "false", story.told
        assert story.order() == (ledger, alias, serves, threshold), story.told
