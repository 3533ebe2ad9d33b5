"""The guardrail `errors`: failed requests, however they failed."""

from dataclasses import dataclass
from typing import ClassVar

from ml_cicd.rollout.guardrail import Guardrail, Levels
from ml_cicd.rollout.guardrails.counted import Watched, counted
from ml_cicd.settings import number, setting

FAILED = Watched(
    name="errors", event="errors", verb="failed", harm_words="the candidate fails more often than the champion"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorsSettings:
    """Settings of the guardrail."""

    weight: ClassVar[float] = 18.0
    margin: float = setting(
        number(above=0, below=0.5), "How much worse is acceptable at the last step, absolute.", default=0.005
    )

    def named(self) -> dict[str, object]:
        """Return what decides, by name, for the digest of the plan."""
        return {"margin": self.margin}

    def guardrail(self, levels: Levels) -> Guardrail:
        """Build it."""
        return counted(FAILED, margin=self.margin, levels=levels)
