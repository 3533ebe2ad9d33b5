"""Every error a user can meet, each with the one exit code it ends in.

    MlCicdError
    +-- InputError            2   inputs, configuration or policy are invalid
    +-- EvidenceError         3   the evidence cannot carry a decision
    |   +-- IntegrityError    3   bytes are not the bytes that were judged
    +-- OutsideError          4   an outside system failed
    |   +-- Unreachable       4   it does not answer
    |   +-- Refused           4   it answers no (permission, host header, validation)
    |   +-- NotFound          4   it does not know the thing asked for
    |   +-- Conflict          4   somebody else changed it first
    |   +-- CorruptState      4   what it holds is not what ml-cicd wrote
    +-- NotPassing           10   a judgement did not pass
    +-- PartlyApplied        12   some effects are done, others are not; the report lists both
    +-- Defect                1   a state that the code itself rules out: a bug in ml-cicd

A cancelled run ends by `KeyboardInterrupt` (130). Anything else is a bug too: traceback, exit code 1.
A message says what happened and where; `cure` says what to do next.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Public exit codes; `--help` and the README say what they mean."""

    DONE = 0
    BUG = 1
    INPUT = 2
    EVIDENCE = 3
    OUTSIDE = 4
    FAILED = 10
    INCONCLUSIVE = 11
    PARTLY = 12
    INTERRUPTED = 130


class MlCicdError(Exception):
    """Root of the tree. `what` is one sentence; `cure` one sentence that starts with a verb."""

    exit_code: Exit = Exit.BUG

    def __init__(self, what: str, *, cure: str) -> None:
        """Keep the two sentences apart, so that each face can lay them out."""
        super().__init__(what)
        self.what = what
        self.cure = cure

    def __str__(self) -> str:
        """Both sentences on one line."""
        return f"{self.what} {self.cure}".strip()


class InputError(MlCicdError):
    """Inputs, configuration or policy are invalid."""

    exit_code = Exit.INPUT


class EvidenceError(MlCicdError):
    """The evidence cannot carry a decision."""

    exit_code = Exit.EVIDENCE


class IntegrityError(EvidenceError):
    """Bytes are not the bytes that were judged."""


class OutsideError(MlCicdError):
    """An outside system failed."""

    exit_code = Exit.OUTSIDE


class Unreachable(OutsideError):
    """It does not answer."""


class Refused(OutsideError):
    """It answers no."""


class NotFound(OutsideError):
    """It does not know the thing asked for."""


class Conflict(OutsideError):
    """Somebody else changed it first."""


class CorruptState(OutsideError):
    """What it holds is not what ml-cicd wrote."""


class NotPassing(MlCicdError):
    """A judgement did not pass."""

    exit_code = Exit.FAILED


class PartlyApplied(MlCicdError):
    """Some effects are done, others are not."""

    exit_code = Exit.PARTLY


class Defect(MlCicdError):
    """A state that the code itself rules out; nobody can mend it but we."""

    def __init__(self, what: str) -> None:
        """Ask for a report: there is no other cure."""
        super().__init__(what, cure="This is a bug in ml-cicd; please report it.")
