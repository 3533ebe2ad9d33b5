"""What a canary finds when it starts: one row for each, and the registry is asked only where it must be."""

from dataclasses import replace

import pytest

from ml_cicd.registry.ledger import Ledger, LedgerOp
from ml_cicd.registry.versions import ModelVersion
from ml_cicd.rollout.history import Author
from ml_cicd.rollout.situation import Facts, Record, Situation, situation
from ml_cicd.rollout.state import Phase, RouterView
from tests.rollout.test_machine import SPLIT, where

AUTHOR = Author(target="production", model="digits", actor="ann", run_url="", at="2026-11-25T10:00:00Z")
LATER = SPLIT.lease + 1.0
BEFORE = SPLIT.lease - 1.0


def version(number: str) -> ModelVersion:
    """A registered version."""
    return ModelVersion(name="digits", number=number, uri="", tags={})


def ledger(*story: tuple[LedgerOp, str, str]) -> Ledger:
    """Entries of (what, about which version, who serves after)."""
    found = Ledger(entries=())
    for op, candidate, champion in story:
        entry = AUTHOR.entry(found, op, champion=champion, candidate=candidate, reason="").entry
        found = Ledger(entries=(*found.entries, entry))
    return found


ONE_SERVES = ledger((LedgerOp.PROMOTE, "1", "1"))
REJECTED = ledger((LedgerOp.PROMOTE, "1", "1"), (LedgerOp.REJECT, "3", "1"))


def facts(phase: Phase | None, now: float, *, asked: str = "challenger", record: Record | None = None) -> Facts:
    """What is known of a rollout of version 3 in a phase."""
    view = RouterView(split=SPLIT, state=where(phase).state, now=now)
    return Facts(asked=asked, waits=True, plan_digest="p", view=view, record=record)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (facts(Phase.RUNNING, LATER), Situation.GO_ON),
        (facts(Phase.RUNNING, LATER, asked="3"), Situation.GO_ON),
        (facts(Phase.RUNNING, BEFORE), Situation.ALIVE),
        (replace(facts(Phase.RUNNING, BEFORE), waits=False), Situation.GO_ON),
        (replace(facts(Phase.RUNNING, LATER), plan_digest="q"), Situation.OTHER_PLAN),
        (facts(Phase.RUNNING, LATER, asked="4"), Situation.ASK_REGISTRY),
        (
            replace(facts(Phase.RUNNING, LATER, asked="x"), number="3"),
            Situation.GO_ON,
        ),
        (
            replace(facts(Phase.RUNNING, LATER, asked="4"), number="4"),
            Situation.OTHER_CANDIDATE,
        ),
        (
            replace(facts(Phase.RUNNING, LATER, asked="nobody"), number=""),
            Situation.OTHER_CANDIDATE,
        ),
        (facts(Phase.DEPLOYING, BEFORE), Situation.CLAIMED),
        (facts(Phase.DEPLOYING, LATER), Situation.ASK_REGISTRY),
        (facts(None, LATER), Situation.ASK_REGISTRY),
        (facts(None, LATER, record=Record(candidate=version("1"), ledger=Ledger(entries=()))), Situation.FIRST_RELEASE),
        (facts(Phase.HELD, LATER, record=Record(candidate=version("1"), ledger=ONE_SERVES)), Situation.ON_RECORD),
        (facts(Phase.HELD, LATER, record=Record(candidate=version("3"), ledger=REJECTED)), Situation.TURNED_DOWN),
        (facts(Phase.HELD, LATER, asked="3", record=Record(candidate=version("3"), ledger=REJECTED)), Situation.BEGIN),
        (facts(Phase.HELD, LATER, record=Record(candidate=version("2"), ledger=ONE_SERVES)), Situation.BEGIN),
    ],
)
def test_situations(found: Facts, expected: Situation) -> None:
    """Each row of the table, from the top."""
    assert situation(found) is expected
