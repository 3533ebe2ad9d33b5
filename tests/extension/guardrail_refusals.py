"""A guardrail: refused requests (4xx), as far as the metric source counts them.

One file in `rollout/guardrails/` and one line in its `catalogue.py`. Where a rate of events is not what is watched, a
guardrail has a harm test and a safety test of its own: `rollout/guardrail.py` says what it must answer.
"""

from dataclasses import dataclass

from ml_cicd.rollout.guardrail import Guardrail, Levels
from ml_cicd.rollout.guardrails.counted import Watched, counted
from ml_cicd.settings import number, setting

REFUSED = Watched(
    name="refusals",
    event="refusals",
    verb="refused",
    harm_words="the candidate refuses more often than the champion",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusalsSettings:
    """Settings of the guardrail."""

    margin: float = setting(
        number(above=0, below=0.5), "How many more may be refused at the last step, absolute.", default=0.02
    )

    def named(self) -> dict[str, object]:
        """Return what decides, by name, for the digest of the plan."""
        return {"margin": self.margin}

    def guardrail(self, levels: Levels) -> Guardrail:
        """Build it."""
        return counted(REFUSED, margin=self.margin, levels=levels)
