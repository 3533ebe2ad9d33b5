"""Where a rollback goes to: by the state beside the router, and by the ledger alone."""

from dataclasses import replace

import pytest

from ml_cicd.ground.errors import InputError
from ml_cicd.registry.ledger import Ledger, LedgerEntry, LedgerOp, replay
from ml_cicd.registry.versions import Release
from ml_cicd.rollout.aim import Aim, aim_from_ledger, aim_from_router
from ml_cicd.rollout.state import Phase, RolloutState


def ledger(*story: str) -> Ledger:
    """Make a ledger of words such as `promote 2` or `rollback 2 1` (from 2 to 1) or `reject 3 2` (3, 2 stays)."""
    entries = []
    for number, line in enumerate(story, start=1):
        op, candidate, *champion = line.split()
        entries.append(
            LedgerEntry(
                number=str(number),
                previous=str(number - 1),
                op=LedgerOp(op),
                target="production",
                champion=champion[0] if champion else candidate,
                candidate=candidate,
                actor="ann",
                run_url="",
                reason="",
                verdict_digest="",
                at="2026-11-23T10:00:00Z",
            )
        )
    return Ledger(entries=tuple(entries))


@pytest.mark.parametrize(
    ("story", "previous", "last_good"),
    [
        (("promote 1", "promote 2"), "1", "1"),
        (("promote 1", "promote 2", "rollback 2 1"), "1", "1"),
        (("promote 1", "promote 2", "reject 3 2"), "1", "1"),
        (("promote 1", "promote 2", "ended 3 2"), "1", "1"),
        (("promote 1", "promote 2", "promote 3"), "2", "2"),
        (("promote 1", "promote 2", "rollback 2 1", "promote 3"), "1", "1"),
        (("promote 1", "promote 2", "promote 3", "rollback 3 2"), "2", "2"),
        (("promote 1", "promote 2", "promote 3", "rollback 3 2", "rollback 2 1"), "2", "1"),
    ],
)
def test_by_the_ledger(story: tuple[str, ...], previous: str, last_good: str) -> None:
    """`previous` is the champion before the last promotion, `last-good` the newest that nobody rolled back from."""
    assert aim_from_ledger("previous", ledger(*story)).release.version == previous
    assert aim_from_ledger("last-good", ledger(*story)).release.version == last_good


@pytest.mark.parametrize("to", ["previous", "last-good"])
@pytest.mark.parametrize("story", [(), ("promote 1",)])
def test_a_ledger_without_an_earlier_version(to: str, story: tuple[str, ...]) -> None:
    """There is nothing to go back to, and the message says what to do."""
    with pytest.raises(InputError, match=r"no .* version to roll back to") as problem:
        aim_from_ledger(to, ledger(*story))
    assert "--to VERSION" in problem.value.cure


def state(phase: Phase) -> RolloutState:
    """Version 3 over champion 2 with standby 1."""
    return RolloutState(
        run_id="r",
        model="digits",
        candidate=Release(version="3", digest="sha256:3"),
        champion=Release(version="2", digest="sha256:2"),
        standby=Release(version="1", digest="sha256:1"),
        phase=phase,
        step=0,
        started_at=0,
        deadline_seconds=1,
        reason="",
        plan_digest="",
    )


@pytest.mark.parametrize(
    ("phase", "previous", "last_good"),
    [
        (Phase.RUNNING, "2", "2"),
        (Phase.PROMOTED, "2", "2"),
        (Phase.ROLLED_BACK, "1", "2"),
        (Phase.HELD, "1", "2"),
        (Phase.REVERTED, "2", "2"),
    ],
)
def test_by_the_state_beside_the_router(phase: Phase, previous: str, last_good: str) -> None:
    """Every phase has its answer, and the digest comes with it, so no registry is asked."""
    for to, version in (("previous", previous), ("last-good", last_good)):
        aim = aim_from_router(to, state(phase))
        assert isinstance(aim, Aim)
        assert aim.release == Release(version=version, digest=f"sha256:{version}")


def test_the_state_cannot_tell_of_a_number() -> None:
    """A version number, or no state at all: the slots or the registry must tell."""
    assert aim_from_router("7", state(Phase.PROMOTED)) is None
    assert aim_from_router("previous", None) is None


def test_of_two_racing_entries_one_is_valid() -> None:
    """Both saw the same head; the one that came first counts, and what builds on the other does not."""
    entries = ledger("promote 1", "promote 2", "promote 3").entries
    first, second, third = entries
    loser = replace(third, previous="1")
    assert replay((first, second, loser)).champion == "2"
    on_loser = replace(third, number="4", previous="3")
    assert replay((first, second, loser, on_loser)).head == "2"
