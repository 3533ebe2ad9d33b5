"""A guardrail over requests that something happened to: a rate that must not rise by more than a margin."""

from dataclasses import dataclass, replace

from ml_cicd.rollout.guardrail import Levels, Window
from ml_cicd.rollout.state import WHOLE
from ml_cicd.stats.sequential import (
    Counts,
    MarginState,
    MarginTest,
    RateState,
    RateTest,
    margin_log_e,
    margin_update,
    rate_log_e,
    rate_update,
    requests_for_margin,
)

WIDEST_MARGIN = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What is watched: `event` is the counter of the metric source; `verb` and `harm_words` are for people."""

    name: str
    event: str
    verb: str
    harm_words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedEvidence:
    """Evidence of harm, and of each step's margin."""

    harm: RateState
    safety: tuple[MarginState, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedGuardrail:
    """A watched event; margins are absolute, one for each step."""

    watched: Watched
    steps: tuple[int, ...]
    margins: tuple[float, ...]
    harm: RateTest
    safe: tuple[MarginTest, ...]

    @property
    def name(self) -> str:
        """Name in configuration, log and report."""
        return self.watched.name

    @property
    def harm_words(self) -> str:
        """Why a candidate is rolled back by it."""
        return self.watched.harm_words

    def start(self) -> CountedEvidence:
        """Return the evidence before the first look."""
        return CountedEvidence(harm=RateState(), safety=tuple(MarginState() for _ in self.safe))

    def reading(self, candidate: Window, champion: Window) -> Counts:
        """Return what it takes from one look."""
        return Counts(
            nc=candidate.requests,
            xc=candidate.count(self.watched.event),
            nb=champion.requests,
            xb=champion.count(self.watched.event),
        )

    def take_in(self, evidence: CountedEvidence, reading: Counts, *, only_harm: bool) -> CountedEvidence:
        """Add one reading."""
        harmed = replace(evidence, harm=rate_update(self.harm, evidence.harm, reading))
        if only_harm:
            return harmed
        pairs = zip(self.safe, evidence.safety, strict=True)
        return replace(harmed, safety=tuple(margin_update(test, state, reading) for test, state in pairs))

    def harm_log_e(self, evidence: CountedEvidence) -> float:
        """Return the log evidence of harm."""
        return rate_log_e(self.harm, evidence.harm)

    def safety(self, evidence: CountedEvidence, step: int) -> float:
        """Return how far the proof of this step's margin is."""
        return margin_log_e(evidence.safety[step]) / self.safe[step].cap

    def requests_needed(self, step: int, rate: float) -> int:
        """Return about how many candidate requests this step needs."""
        return requests_for_margin(rate, self.margins[step], self.steps[step] / WHOLE, self.safe[step].alpha)

    def served_words(self, served: Counts, candidate: str, champion: str) -> str:
        """Say how often it happened to both versions."""
        return (
            f"version {candidate} {self.watched.verb} {served.xc:,} of {served.nc:,} requests, "
            f"version {champion} {served.xb:,} of {served.nb:,}"
        )


def counted(watched: Watched, *, margin: float, levels: Levels) -> CountedGuardrail:
    """Build one: the last step is held to `margin`, each step before it to twice the next one's.

    A small share needs many more requests for the same margin, so early steps ask for less than the last one.
    """
    last = len(levels.steps) - 1
    margins = tuple(min(WIDEST_MARGIN, margin * 2 ** (last - i)) for i in range(last + 1))
    return CountedGuardrail(
        watched=watched,
        steps=levels.steps,
        margins=margins,
        harm=RateTest(alpha=levels.harm_alpha),
        safe=tuple(MarginTest(alpha=levels.safety_alpha, margin=m) for m in margins),
    )
