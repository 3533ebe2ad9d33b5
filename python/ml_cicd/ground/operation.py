"""Wanted effects as values that perform themselves, and the receipt of what really happened.

Every operation is idempotent and conditional on what it expects to replace, so a repeated run finishes what an
interrupted one began. `apply` is the only caller of `perform`; a dry run is `describe` for all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ml_cicd.ground.errors import Defect, MlCicdError

D_contra = TypeVar("D_contra", contravariant=True)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Done(Generic[T_co]):
    """One performed operation: what was read back, in words and as a value. `changed` is False for a no-op.

    `left` says what of it is still to do: it has taken effect, and the operations after it may follow.
    """

    what: str
    result: str
    changed: bool
    value: T_co
    left: str = ""


class Operation(Protocol[D_contra]):
    """A wanted effect on the outside that `D_contra` reaches."""

    def describe(self) -> str:
        """Say what is wanted, for plans, progress and receipts."""

    def perform(self, doors: D_contra) -> Done[Any]:
        """Do it, read it back, and say what is now. Raises `MlCicdError` where it is not done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What is done, what is not, and why it stopped. `cures` are the exact commands that finish the rest.

    `planned` is what a dry run would do; it has done nothing.
    """

    done: tuple[Done[Any], ...] = ()
    not_done: tuple[str, ...] = ()
    problem: str = ""
    cures: tuple[str, ...] = ()
    planned: tuple[str, ...] = ()

    def values(self, kind: type[T]) -> tuple[T, ...]:
        """Return the results of this type, in order."""
        return tuple(done.value for done in self.done if isinstance(done.value, kind))


def apply(
    operations: Sequence[Operation[D_contra]],
    doors: D_contra,
    *,
    say: Callable[[str], None],
    again: str,
    dry_run: bool = False,
) -> Receipt:
    """Perform `operations` in order and stop at the first that fails.

    `again` is the command that finishes the rest. The receipt has a `problem` when some are done and others are not.

    Raises:
        MlCicdError: an operation failed before anything had changed. Defect: always, whatever had changed.
    """
    if dry_run:
        return Receipt(planned=tuple(operation.describe() for operation in operations))
    done: list[Done[Any]] = []
    for index, operation in enumerate(operations):
        say(f"{operation.describe()} ...")
        try:
            done.append(operation.perform(doors))
        except Defect:  # a bug is no outcome of an operation: it ends the run with its traceback
            raise
        except MlCicdError as problem:
            if not any(d.changed for d in done):
                raise
            rest = tuple(o.describe() for o in operations[index:])
            return _receipt(done, rest, str(problem), again)
    return _receipt(done, (), "", again)


def _receipt(done: Sequence[Done[Any]], rest: tuple[str, ...], problem: str, again: str) -> Receipt:
    left = tuple(one.left for one in done if one.left)
    problems = tuple(part for part in (*left, problem) if part)
    not_done = (*left, *rest)
    return Receipt(done=tuple(done), not_done=not_done, problem=" ".join(problems), cures=(again,) if problems else ())


def join(*receipts: Receipt) -> Receipt:
    """Put the receipts of consecutive applies together."""
    return Receipt(
        done=tuple(d for r in receipts for d in r.done),
        not_done=tuple(n for r in receipts for n in r.not_done),
        problem=" ".join(r.problem for r in receipts if r.problem),
        cures=tuple(dict.fromkeys(c for r in receipts for c in r.cures)),
        planned=tuple(p for r in receipts for p in r.planned),
    )
