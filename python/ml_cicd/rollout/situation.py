"""What a canary finds when it starts: one table, read from the top, that needs the registry only where it must."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ml_cicd.registry.ledger import Ledger
from ml_cicd.registry.versions import CHALLENGER, ModelVersion
from ml_cicd.rollout.history import turned_down_before
from ml_cicd.rollout.state import Phase, RouterView


class Situation(StrEnum):
    """What is to be done."""

    OTHER_CANDIDATE = "a rollout of another version is not finished"
    ALIVE = "a rollout is being run by somebody else"
    OTHER_PLAN = "a rollout began under another configuration"
    GO_ON = "a rollout is there to go on with"
    CLAIMED = "another run is deploying"
    ASK_REGISTRY = "only the registry can tell"
    FIRST_RELEASE = "there is no champion"
    ON_RECORD = "the candidate is the champion by the record"
    TURNED_DOWN = "the candidate was turned down, and nobody names it by its number"
    BEGIN = "a rollout is to begin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What the registry says: the candidate that was asked for, and what happened on the target."""

    candidate: ModelVersion
    ledger: Ledger


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known; `record` is None until the registry was asked. `asked` is the input, a number or an alias; where
    a rollout runs, all that one has to know of it is the `number` of that version, empty where there is none.

    `waits`: this run goes to the end, so that two of them would fight; a tick takes one look. `takes_over`: who asks
    knows that the run which holds the claim is dead.
    """

    asked: str
    waits: bool
    plan_digest: str
    view: RouterView
    record: Record | None = None
    number: str | None = None
    takes_over: bool = False

    @property
    def running(self) -> bool:
        """Whether a rollout has begun and not ended."""
        return self.view.state is not None and self.view.state.phase is Phase.RUNNING

    @property
    def named(self) -> bool | None:
        """Whether the rollout's own candidate was asked for; None where only the registry knows what an alias means."""
        candidate = self.view.state.candidate.version if self.view.state else ""
        if self.asked in {CHALLENGER, candidate}:
            return True  # the challenger may be a newer one by now, but it waits for its turn
        return None if self.number is None else self.number == candidate

    @property
    def changed(self) -> bool:
        """Whether the configuration decides otherwise than the one the rollout began under."""
        return self.view.state is not None and self.view.state.plan_digest != self.plan_digest

    @property
    def turned_down(self) -> str:
        """When and why the candidate was turned down; empty where it was not."""
        if self.record is None:
            return ""
        return turned_down_before(self.record.candidate.number, self.record.ledger, self.view.state)

    def champion_is(self, version: str | None) -> bool:
        """Whether the record has this champion."""
        return self.record is not None and self.record.ledger.champion == version


SITUATIONS: tuple[tuple[Situation, Callable[[Facts], bool]], ...] = (
    (Situation.ASK_REGISTRY, lambda facts: facts.running and facts.named is None),
    (Situation.OTHER_CANDIDATE, lambda facts: facts.running and facts.named is False),
    (Situation.ALIVE, lambda facts: facts.running and facts.waits and facts.view.leased),
    (Situation.OTHER_PLAN, lambda facts: facts.running and facts.changed),
    (Situation.GO_ON, lambda facts: facts.running),
    (Situation.CLAIMED, lambda facts: facts.view.claimed and not facts.takes_over),
    (Situation.ASK_REGISTRY, lambda facts: facts.record is None),
    (Situation.FIRST_RELEASE, lambda facts: facts.champion_is(None)),
    (Situation.ON_RECORD, lambda facts: facts.record is not None and facts.champion_is(facts.record.candidate.number)),
    (
        Situation.TURNED_DOWN,
        lambda facts: (
            facts.record is not None and bool(facts.turned_down) and facts.asked != facts.record.candidate.number
        ),
    ),
    (Situation.BEGIN, lambda _: True),
)


def situation(facts: Facts) -> Situation:
    """Return the first row that holds."""
    return next(found for found, holds in SITUATIONS if holds(facts))
