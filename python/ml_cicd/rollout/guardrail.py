"""What a canary watches: a guardrail reads what both arms did between two looks, and judges it twice.

Harm and safety are different questions: evidence that the candidate is worse stops the rollout at any look, evidence
that it is not worse by more than the margin is needed to go on. Guardrails are judged together in `evidence.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from ml_cicd.ground.errors import NotFound
from ml_cicd.rollout.state import Reading
from ml_cicd.rollout.times import Buckets
from ml_cicd.stats.users import UserCounts


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """What one arm did between two readings: requests that ended, and by name what happened to some of them.

    `started` are the requests that began in between, `open` those that are under way at its end, `times` the answers by
    the bucket of their time; None where the metric source cannot tell. `kinds` are failures by kind, for people, and
    `users` has by name what happened by groups of users so far, where the source tells that, and `worth` is how many
    equally active users the arm's requests of this rollout are worth. `down`: it could not be reached for a while, and
    `away` are the requests that the other arm answered for it then, which are among its errors.
    """

    requests: int
    events: Mapping[str, int] = field(default_factory=dict)
    started: int | None = None
    open: int | None = None
    kinds: Mapping[str, int] = field(default_factory=dict)
    times: Buckets | None = None
    users: Mapping[str, UserCounts] = field(default_factory=dict)
    worth: float | None = None
    down: bool = False
    away: int = 0

    def count(self, event: str) -> int:
        """Return how many requests something happened to.

        Raises:
            NotFound: the metric source does not count it.
        """
        if event not in self.events:
            known = ", ".join(sorted(self.events)) or "nothing"
            raise NotFound(
                f"The metric source does not count {event!r}, only {known}.",
                cure="Choose a source that does, or remove the guardrail.",
            )
        return self.events[event]


@dataclass(frozen=True, kw_only=True, slots=True)
class Levels:
    """What a guardrail is built for: the shares of the steps in 1/100 %, and the error rates that it may use up."""

    steps: tuple[int, ...]
    harm_alpha: float
    safety_alpha: float


class Proves(StrEnum):
    """What a look may prove.

    While a candidate warms up it may be a little worse, so only a collapse counts; what came after the lease had ended
    can show harm, and nothing else.
    """

    ALL = "all"
    HARM = "harm"
    COLLAPSE = "collapse"


@dataclass(frozen=True, kw_only=True, slots=True)
class Blind:
    """Why a guardrail sees nothing, and how to make it see."""

    what: str
    cure: str

    def __str__(self) -> str:
        """Return one sentence."""
        return sentence(f"{self.what}; {self.cure}")


def sentence(text: str) -> str:
    """Return a part of a sentence as one of its own."""
    return f"{text[:1].upper()}{text[1:]}."


class Guardrail(Protocol):
    """One thing that must not get worse. Its evidence is a frozen value of its own, here `Any`; so is its reading."""

    @property
    def name(self) -> str:
        """Name in configuration, log and report."""

    @property
    def margins(self) -> tuple[float, ...]:
        """How much worse is acceptable at each step; nothing where no margin has to be proven."""

    @property
    def harm_words(self) -> str:
        """Why a candidate is rolled back by it."""

    def start(self) -> Any:  # noqa: ANN401
        """Return the evidence before the first look."""

    @property
    def nothing(self) -> Reading:
        """The reading of a look in which nothing was seen."""

    def reading(self, candidate: Window, champion: Window) -> Reading:
        """Return what it takes from one look."""

    def blind(self, seen: Any, requests: int) -> Blind | None:  # noqa: ANN401
        """Say why it sees nothing in a reading that is of so many requests of both arms; None where it sees."""

    def take_in(self, evidence: Any, reading: Any, proves: Proves) -> Any:  # noqa: ANN401
        """Add one reading."""

    def harm_log_e(self, evidence: Any) -> float:  # noqa: ANN401
        """Return the log evidence (of an e-process) against "not worse than the champion"."""

    def safety(self, evidence: Any, step: int) -> float:  # noqa: ANN401
        """Return how far the proof of this step's margin is: 1 is proven."""

    def requests_needed(self, step: int, rate: float) -> int:
        """Return about how many candidate requests a step needs when both arms fail at `rate`."""

    def remark(self, evidence: Any) -> str:  # noqa: ANN401
        """Say what a reader must know of the evidence beyond the counts; nothing in most rollouts."""

    def served_words(self, served: Any, candidate: str, champion: str) -> str:  # noqa: ANN401
        """Say what both versions did so far."""
