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
    +-- NotPassing           10   the gate did not pass this model
    +-- PartlyApplied        12   some effects are done, others are not; the report lists both
    +-- Interrupted         130   the run was cancelled

Anything else is a bug in ml-cicd: traceback, exit code 1.
A message says what happened and where; `cure` says what to do next.
"""

from enum import IntEnum


class Exit(IntEnum):
    """Public exit codes; the README prints this table."""

    DONE = 0
    BUG = 1
    INPUT = 2
    EVIDENCE = 3
    OUTSIDE = 4
    FAILED = 10
    INCONCLUSIVE = 11
    PARTLY = 12
    INTERRUPTED = 130


EXIT_MEANING: dict[Exit, str] = {
    Exit.DONE: "pass or done",
    Exit.BUG: "bug in ml-cicd",
    Exit.INPUT: "inputs, configuration or policy invalid",
    Exit.EVIDENCE: "evidence unusable",
    Exit.OUTSIDE: "an outside system failed",
    Exit.FAILED: "gate failed, canary rolled back",
    Exit.INCONCLUSIVE: "inconclusive",
    Exit.PARTLY: "partly applied: the report lists what is done, what is not, and the commands to finish",
    Exit.INTERRUPTED: "interrupted",
}


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
    """The gate did not pass this model."""

    exit_code = Exit.FAILED


class PartlyApplied(MlCicdError):
    """Some effects are done, others are not."""

    exit_code = Exit.PARTLY


class Interrupted(MlCicdError):
    """The run was cancelled."""

    exit_code = Exit.INTERRUPTED
