"""A guardrail: answers that came from a fallback, as far as the metric source counts them.

One file in `rollout/guardrails/` and one line in its `catalogue.py`. Where a rate of events is not what is watched, a
guardrail has a harm test and a safety test of its own: `rollout/guardrail.py` says what it must answer.
"""

from dataclasses import dataclass
from typing import ClassVar

from ml_cicd.rollout.guardrail import Guardrail, Levels
from ml_cicd.rollout.guardrails.counted import Watched, counted
from ml_cicd.settings import number, setting

FELL_BACK = Watched(
    name="fallbacks",
    event="fallbacks",
    verb="fell back in",
    harm_words="the candidate falls back more often than the champion",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FallbacksSettings:
    """Settings of the guardrail; `weight` is its part of the false rollbacks, where `errors` has 18."""

    weight: ClassVar[float] = 1.0
    margin: float = setting(
        number(above=0, below=0.5), "How many more may fall back at the last step, absolute.", default=0.02
    )

    def named(self) -> dict[str, object]:
        """Return what decides, by name, for the digest of the plan."""
        return {"margin": self.margin}

    def guardrail(self, levels: Levels) -> Guardrail:
        """Build it."""
        return counted(FELL_BACK, margin=self.margin, levels=levels)
