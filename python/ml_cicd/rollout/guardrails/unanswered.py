"""The guardrail `unanswered`: requests that were begun since the last look and are still under way at its end.

By Little's law their share is the mean time of an answer over the time between two looks. So it shows a candidate that
accepts and never answers long before any timeout does, and one that is several times slower. It needs a metric source
that tells how many requests are open; with another one it proves nothing, good or bad.
"""

from dataclasses import dataclass
from typing import ClassVar

from ml_cicd.rollout.guardrail import Blind, Guardrail, Levels, Proves, Window
from ml_cicd.rollout.guardrails.counted import HarmEvidence, HarmTest, harm_of, harm_taken_in, harm_test
from ml_cicd.settings import number, setting
from ml_cicd.stats.sequential import Counts, chance_of_as_many

IMPLAUSIBLE = 0.001
NOTHING_OPEN = Counts(nc=0, xc=0, nb=0, xb=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class UnansweredEvidence:
    """Evidence of harm, and the last look that had a request of the candidate's."""

    harm: HarmEvidence = HarmEvidence()  # noqa: RUF009  # frozen
    last: Counts = NOTHING_OPEN


@dataclass(frozen=True, kw_only=True, slots=True)
class UnansweredGuardrail:
    """It has no margin to prove; but nothing goes on while the candidate holds more than its share explains."""

    harm: HarmTest
    margins: tuple[float, ...]
    name: str = "unanswered"
    harm_words: str = "the candidate leaves more requests unanswered than the champion"
    nothing: Counts = NOTHING_OPEN

    def start(self) -> UnansweredEvidence:
        """Return the evidence before the first look."""
        return UnansweredEvidence()

    def reading(self, candidate: Window, champion: Window) -> Counts:
        """Return how many were begun, and how many of them are open; older ones open are not counted again."""
        if candidate.started is None or champion.started is None:
            return NOTHING_OPEN
        return Counts(
            nc=candidate.started,
            xc=min(candidate.open or 0, candidate.started),
            nb=champion.started,
            xb=min(champion.open or 0, champion.started),
        )

    def blind(self, seen: Counts, requests: int) -> Blind | None:
        """Return nothing: one that cannot tell is as one without open requests."""
        del seen, requests
        return None

    def take_in(self, evidence: UnansweredEvidence, reading: Counts, proves: Proves) -> UnansweredEvidence:
        """Add one reading."""
        harm = harm_taken_in(self.harm, evidence.harm, reading, proves)
        return UnansweredEvidence(harm=harm, last=reading if reading.nc else evidence.last)

    def harm_log_e(self, evidence: UnansweredEvidence) -> float:
        """Return the log evidence of harm."""
        return harm_of(self.harm, evidence.harm)

    def safety(self, evidence: UnansweredEvidence, step: int) -> float:
        """Return 1 unless the last look had more of the candidate's requests open than chance explains."""
        del step
        return 0.0 if evidence.last.xc and chance_of_as_many(evidence.last) < IMPLAUSIBLE else 1.0

    def requests_needed(self, step: int, rate: float) -> int:
        """Return 0: it asks for none."""
        del step, rate
        return 0

    def remark(self, evidence: UnansweredEvidence) -> str:
        """Say what holds the rollout."""
        held = self.safety(evidence, 0) < 1
        return f"{evidence.last.xc:,} of the candidate's requests are still open" if held else ""

    def served_words(self, served: Counts, candidate: str, champion: str) -> str:
        """Say how many each left open at a look."""
        return (
            f"version {candidate} had {served.xc:,} of {served.nc:,} requests open at a look, "
            f"version {champion} {served.xb:,} of {served.nb:,}"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class UnansweredSettings:
    """Settings of the guardrail."""

    weight: ClassVar[float] = 1.0
    times: float = setting(
        number(above=1), "How many times as many requests the candidate may leave open.", default=3.0
    )

    def named(self) -> dict[str, object]:
        """Return what decides, by name, for the digest of the plan."""
        return {"times": self.times}

    def guardrail(self, levels: Levels) -> Guardrail:
        """Build it."""
        return UnansweredGuardrail(harm=harm_test(levels.harm_alpha, self.times), margins=())
