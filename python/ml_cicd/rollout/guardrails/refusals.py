"""The guardrail `refusals`: requests that were answered 4xx, e.g. 422 to inputs that the champion accepts."""

from dataclasses import dataclass
from typing import ClassVar

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

    weight: ClassVar[float] = 1.0
    margin: float = setting(
        number(above=0, below=0.5), "How many more may be refused at the last step, absolute.", default=0.02
    )

    def named(self) -> dict[str, object]:
        """Return what decides, by name, for the digest of the plan."""
        return {"margin": self.margin}

    def guardrail(self, levels: Levels) -> Guardrail:
        """Build it."""
        return counted(REFUSED, margin=self.margin, levels=levels)
