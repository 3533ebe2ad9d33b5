"""Whether the share is what was written where users stay with one arm, and what a step without users does."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from ml_cicd.rollout.evidence import MISMATCH_LOG_E, Evidence, Look, decide, replay
from ml_cicd.rollout.forecast import first_with_users
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.guardrails.unanswered import UnansweredSettings
from ml_cicd.rollout.plan import make_plan
from ml_cicd.rollout.share import StepShare, Window, add_look, begun, folded
from ml_cicd.rollout.state import LAPSED, NO_SALT, Decision, Observation
from ml_cicd.rollout.users import Group, users_behind
from ml_cicd.stats.sequential import Counts, sample_ratio_log_e
from ml_cicd.stats.users import GROUPS
from tests.fakes.world import CANARY

PARTS = 32
PLAN = make_plan(replace(CANARY, steps=(1000, 5000)), deadline_seconds=600)


class Users:
    """Users of whom each stays with one arm, and who send as many requests as they please."""

    def __init__(self, seed: int, count: int, *, unequal: bool = False) -> None:
        """Draw them."""
        self.rng = random.Random(seed)
        self.weights = [1 / (user + 1) if unequal else 1.0 for user in range(count)]
        self.places = [self.rng.random() for _ in range(count)]
        self.group = [self.rng.randrange(PARTS) for _ in range(count)]
        self.count = count
        self.groups = [0] * PARTS
        self.now = Window()

    def serve(self, share: float, requests: int = 200) -> Window:
        """Serve one look, and return all that was served."""
        candidate = 0
        for user in self.rng.choices(range(self.count), self.weights, k=requests):
            self.groups[self.group[user]] += 1
            candidate += self.places[user] < share
        self.now = Window(
            candidate=self.now.candidate + candidate, total=self.now.total + requests, groups=tuple(self.groups)
        )
        return self.now


def step_of(users: Users, *shares: float) -> StepShare:
    """Return a step of so many looks."""
    step = begun(users.now)
    for share in shares:
        step = add_look(step, users.serve(share))
    return step


@pytest.mark.parametrize("unequal", [False, True], ids=["equal", "unequal"])
@pytest.mark.parametrize("count", [20, 100, 1000])
def test_few_users_are_no_mismatch(count: int, unequal: bool) -> None:
    """Users who happen to fall to the candidate more often than written, and send more, are no fault."""
    for seed in range(20):
        step = step_of(Users(seed, count, unequal=unequal), *[0.1] * 40)
        assert not step.changed
        assert step.log_e(0.1) < MISMATCH_LOG_E


@pytest.mark.parametrize("count", [100, 1000])
@pytest.mark.parametrize("then", [0.0, 0.2], ids=["to nothing", "doubled"])
def test_a_share_that_changes_is_found(count: int, then: float) -> None:
    """Half-way through a step of 80 looks the share is another one."""
    assert step_of(Users(1, count), *[0.1] * 40, *[then] * 40).changed


def test_a_share_that_changed_stays_found() -> None:
    """The middle moves on, and what was found before it is not forgotten."""
    assert step_of(Users(1, 1000), *[0.1] * 8, *[0.0] * 120).changed


def test_users_who_come_and_go_change_the_share() -> None:
    """Ten users now and ten others an hour later have another share each: that is no fault of the split."""
    changed = 0
    for seed in range(20):
        early, late = Users(2 * seed, 10), Users(2 * seed + 1, 10)
        step = begun(Window())
        for _ in range(8):
            step = add_look(step, early.serve(0.3))
        before = early.now
        for _ in range(8):
            new = late.serve(0.3)
            groups = tuple(n + m for n, m in zip(before.groups, new.groups, strict=True))
            total = before.total + new.total
            step = add_look(step, Window(candidate=before.candidate + new.candidate, total=total, groups=groups))
        changed += step.changed
    assert changed == 0


def test_requests_without_a_user_count_one_by_one() -> None:
    """Where nobody is told, the evidence is that of requests; of half of them, in between."""
    plain = Window(candidate=20, total=1000, groups=(0,) * PARTS)
    assert StepShare(start=Window(), middle=Window(), now=plain).log_e(0.01) == sample_ratio_log_e(20, 1000, 0.01)
    one = Window(total=1000, groups=(1000, *[0] * 31))
    half = Window(total=1000, groups=(500, *[0] * 31))
    assert one.users == pytest.approx(1.0, rel=0.01)
    assert half.users == pytest.approx(1_000_000 / (250_000 + 500), rel=0.01)


def test_what_came_after_a_reading() -> None:
    """Group by group; one that fell does not follow."""
    before = Window(candidate=1, total=10, groups=(5, 5))
    after = Window(candidate=2, total=13, groups=(7, 6))
    assert after.since(before) == Window(candidate=1, total=3, groups=(2, 1))
    assert after.since(Window()) == after
    assert after.follows(before)
    assert after.follows(Window())
    assert not before.follows(after)
    assert not Window(total=20).follows(after)
    assert folded([1, 2, 3, 4], 2) == (4, 6)


def observed(users: Users, share: float, looks: int, *, step: int = 0) -> tuple[Observation, ...]:
    """Return looks of a rollout in which nothing fails."""
    found = []
    for look in range(1, looks + 1):
        past = users.now
        new = users.serve(share)
        nc, total = new.candidate - past.candidate, new.total - past.total
        counts = Counts(nc=nc, xc=0, nb=total - nc, xb=0)
        at = float(past.total + look)
        found.append(Observation(at_seconds=at, step=step, readings={"errors": counts}, groups=new.groups))
    return tuple(found)


def decided(evidence: Evidence, step: int = 0) -> Decision:
    """Decide."""
    return decide(Look(plan=PLAN, evidence=evidence, step=step, elapsed_seconds=100)).decision


def nobody_below(share: float, count: int) -> Users:
    """Return users of whom none falls to the candidate at that share."""
    users = Users(1, count)
    users.places = [share + (1 - share) * place for place in users.places]
    return users


def test_a_step_that_nobody_falls_to_is_passed() -> None:
    """Twenty users, none of them at the candidate: waiting would not help, and the next share is tried."""
    seen = observed(nobody_below(0.1, 20), 0.1, 10)
    assert decided(replay(PLAN, seen)) is Decision.ADVANCE
    assert decided(replay(PLAN, seen[:2])) is Decision.HOLD


def test_users_whose_requests_hang_are_not_missing() -> None:
    """Twenty users, two of them at the candidate, which answers neither: the next share would only hang more."""
    guards = {"errors": ErrorsSettings(), "unanswered": UnansweredSettings()}
    plan = make_plan(replace(CANARY, steps=(1000, 5000), guardrails=guards), deadline_seconds=600)
    begun_at_the_champion = Counts(nc=0, xc=0, nb=200, xb=1)
    seen = [
        replace(one, readings={**one.readings, "unanswered": begun_at_the_champion})
        for one in observed(nobody_below(0.1, 20), 0.1, 10)
    ]
    hung = replace(seen[0], readings={**seen[0].readings, "unanswered": replace(begun_at_the_champion, nc=2, xc=2)})
    for first, expected in ((seen[0], Decision.ADVANCE), (hung, Decision.HOLD)):
        look = Look(plan=plan, evidence=replay(plan, (first, *seen[1:])), step=0, elapsed_seconds=100)
        assert not look.harmful
        assert decide(look).decision is expected


def test_a_step_that_many_users_should_fall_to_is_not_passed() -> None:
    """Of a thousand users some must be at the candidate: none is a fault, and it holds."""
    evidence = replay(PLAN, observed(nobody_below(0.1, 1000), 0.1, 10))
    assert decided(evidence) is Decision.HOLD
    assert Look(plan=PLAN, evidence=evidence, step=0, elapsed_seconds=100).mismatched


def test_the_last_step_is_never_passed() -> None:
    """Nobody is promoted without a request, whatever explains it."""
    evidence = replay(PLAN, observed(nobody_below(0.5, 4), 0.5, 10, step=1))
    assert decided(evidence, step=1) is Decision.HOLD


def test_a_share_that_changed_holds() -> None:
    """What counts for both arms is then not known, so nothing is concluded."""
    users = Users(1, 1000)
    seen = (*observed(users, 0.5, 16, step=1), *observed(users, 0.1, 16, step=1))
    assert decided(replay(PLAN, seen[:16]), step=1) is Decision.PROMOTE
    assert decided(replay(PLAN, seen), step=1) is Decision.HOLD


def test_a_lapsed_lease_is_no_change_of_the_share() -> None:
    """While nobody renewed, the champion had all traffic: the step begins anew after it."""
    users = Users(1, 1000)
    seen = (
        *observed(users, 0.5, 8, step=1),
        *observed(users, 0.0, 8, step=LAPSED),
        *observed(users, 0.5, 8, step=1),
    )
    assert decided(replay(PLAN, seen), step=1) is Decision.PROMOTE


def test_few_users_are_no_mismatch_at_the_look_after_a_lapse() -> None:
    """The step begins anew, and until it has a look the requests of its users are not taken for ones without a user."""
    for seed in range(10):
        users = Users(seed, 30)
        seen = (*observed(users, 0.5, 20, step=1), *observed(users, 0.0, 1, step=LAPSED))
        look = Look(plan=PLAN, evidence=replay(PLAN, seen), step=1, elapsed_seconds=700)
        assert "mismatch" not in decide(look).reason


def test_a_router_that_was_restarted_is_no_mismatch() -> None:
    """Its groups begin at zero again half-way through a step: few users are still few, and the step begins anew."""
    users = Users(3, 12)
    seen = observed(users, 0.5, 20, step=1)
    users.groups = [0] * PARTS
    fresh = observed(users, 0.5, 20, step=1)
    seen = (*seen, replace(fresh[0], groups=()), *fresh[1:])  # at first nobody has come yet
    for looks in range(1, 41):
        evidence = replay(PLAN, seen[:looks])
        assert not Look(plan=PLAN, evidence=evidence, step=1, elapsed_seconds=100).mismatched
    assert evidence.shares[1].looks == 19
    assert evidence.shares[1].served.users < 100


@pytest.mark.parametrize(
    ("users", "first"), [(0, 0), (1000, 0), (100, 0), (99, 1), (50, 1), (10, 2), (1, 3)], ids=lambda value: f"{value}"
)
def test_steps_that_hardly_anybody_falls_to_are_left_out(users: float, first: int) -> None:
    """A share that is worth less than one user protects nobody; where no users are known, no step is left out."""
    assert first_with_users((100, 500, 2500, 5000), users) == first


@pytest.mark.parametrize(
    ("requests", "users", "firsts"),
    [(10, 1000, {0, 1}), (30, 1000, {0, 1}), (1000, 1000, {0}), (300, 50, {1}), (3000, 20, {1, 2}), (10_000, 1, {3})],
)
def test_few_requests_are_no_few_users(requests: int, users: int, firsts: set[int]) -> None:
    """Just after the router was reloaded ten requests came, of ten of a thousand users: that is no reason to begin at
    25 %.
    """
    for seed in range(30):
        rng = random.Random(seed)
        group_of = [rng.randrange(GROUPS) for _ in range(users)]
        counts = Counter(group_of[rng.randrange(users)] for _ in range(requests))
        groups = [Group(slot="blue", salt=NO_SALT, number=number, requests=n) for number, n in counts.items()]
        assert first_with_users((100, 500, 2500, 5000), users_behind(groups)) in firsts
    assert users_behind([]) == 0
