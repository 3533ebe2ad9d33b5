"""Effects as values: performed in order, each recorded, and the rest is not lost when one fails."""

from dataclasses import dataclass, field

import pytest

from ml_cicd.ground.errors import Defect, OutsideError
from ml_cicd.ground.operation import Done, Receipt, apply, join

AGAIN = "ml-cicd x"


@dataclass
class Shelf:
    """What the operations change; `broken` are the names that cannot be put there."""

    things: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True, slots=True)
class Put:
    """One thing on the shelf, unless it is there."""

    name: str

    def describe(self) -> str:
        """Say it."""
        return f"Put {self.name}"

    def perform(self, doors: Shelf) -> Done[int]:
        """Do it, and return how many things there are."""
        if self.name in doors.broken:
            raise OutsideError(f"{self.name} fell.", cure="Pick it up.")
        there = self.name in doors.things
        if not there:
            doors.things.append(self.name)
        return Done(what=self.describe(), result="there", changed=not there, value=len(doors.things))


PUTS = (Put(name="a"), Put(name="b"), Put(name="c"))


def test_all_are_performed_in_order() -> None:
    """Each says what it does before it does it, and is in the receipt with what was read back."""
    shelf, said = Shelf(), list[str]()
    receipt = apply(PUTS, shelf, say=said.append, again=AGAIN)
    assert shelf.things == ["a", "b", "c"]
    assert said == ["Put a ...", "Put b ...", "Put c ..."]
    assert [(d.what, d.result, d.changed) for d in receipt.done] == [(f"Put {n}", "there", True) for n in "abc"]
    assert (receipt.not_done, receipt.problem, receipt.cures, receipt.planned) == ((), "", (), ())
    assert receipt.values(int) == (1, 2, 3)
    assert receipt.values(str) == ()


def test_a_second_run_changes_nothing() -> None:
    """The operations are idempotent, and the receipt says so."""
    shelf = Shelf()
    apply(PUTS, shelf, say=lambda _: None, again=AGAIN)
    again = apply(PUTS, shelf, say=lambda _: None, again=AGAIN)
    assert [done.changed for done in again.done] == [False, False, False]


def test_a_dry_run_says_all_and_does_nothing() -> None:
    """`planned` is what would be done; nothing is done, nothing is said to be done."""
    shelf, said = Shelf(broken={"b"}), list[str]()
    receipt = apply(PUTS, shelf, say=said.append, again=AGAIN, dry_run=True)
    assert receipt == Receipt(planned=("Put a", "Put b", "Put c"))
    assert (shelf.things, said) == ([], [])


def test_what_fails_first_is_an_error() -> None:
    """Before anything has changed there is nothing to finish: the error itself goes up."""
    with pytest.raises(OutsideError, match=r"a fell"):
        apply(PUTS, Shelf(broken={"a"}), say=lambda _: None, again=AGAIN)


def test_what_fails_after_no_operations_is_an_error_too() -> None:
    """Operations that found everything as wanted have changed nothing."""
    with pytest.raises(OutsideError, match=r"b fell"):
        apply(PUTS, Shelf(things=["a"], broken={"b"}), say=lambda _: None, again=AGAIN)


def test_what_fails_half_way_leaves_a_receipt() -> None:
    """Done, not done, why it stopped, and the command that finishes the rest; nothing is tried after it."""
    shelf = Shelf(broken={"b"})
    receipt = apply(PUTS, shelf, say=lambda _: None, again=AGAIN)
    assert [done.what for done in receipt.done] == ["Put a"]
    assert (receipt.not_done, receipt.problem) == (("Put b", "Put c"), "b fell. Pick it up.")
    assert receipt.cures == (AGAIN,)
    assert shelf.things == ["a"]
    shelf.broken.clear()
    rest = apply(PUTS, shelf, say=lambda _: None, again=AGAIN)
    assert [done.changed for done in rest.done] == [False, True, True]


def test_any_other_exception_goes_up() -> None:
    """A bug is no receipt."""

    class Bug:
        """An operation with a bug."""

        def describe(self) -> str:
            """Say it."""
            return "Bug"

        def perform(self, doors: Shelf) -> Done[int]:
            """Fail."""
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        apply([PUTS[0], Bug()], Shelf(), say=lambda _: None, again=AGAIN)


def test_receipts_of_consecutive_applies_are_put_together() -> None:
    """In order; a cure that both name is named once."""
    done = Done(what="Put a", result="there", changed=True, value=1)
    first = Receipt(done=(done,), not_done=("b",), problem="B.", cures=("x", "y"))
    second = Receipt(done=(done,), not_done=("c",), problem="C.", cures=("y",), planned=("d",))
    assert join(first, Receipt(), second) == Receipt(
        done=(done, done), not_done=("b", "c"), problem="B. C.", cures=("x", "y"), planned=("d",)
    )
    assert join() == Receipt()


def test_a_bug_is_no_outcome_of_an_operation() -> None:
    """A defect ends the run as the bug that it is, also where something has changed."""

    class Broken(Put):
        """One that a bug stops."""

        def perform(self, doors: Shelf) -> Done[int]:
            """Fail as only our own mistake can."""
            raise Defect(f"{len(doors.things)} things")

    with pytest.raises(Defect, match="1 things"):
        apply([Put(name="a"), Broken(name="b")], Shelf(), say=lambda _: None, again=AGAIN)
