"""What a rollout is held to."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from ml_cicd.ground.digest import canonical_digest
from ml_cicd.rollout.guardrail import Guardrail, Levels
from ml_cicd.rollout.settings import CanarySettings, WhenInconclusive
from ml_cicd.rollout.state import Reading
from ml_cicd.settings import Chosen

PLAN_FORMAT = "ml-cicd/plan/v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a rollout is held to. Steps in 1/100 %."""

    steps: tuple[int, ...]
    guardrails: tuple[Guardrail, ...]
    weights: tuple[float, ...]
    harm_cap: float
    warm_up_seconds: float
    minimum_duration_seconds: float
    minimum_requests: int
    deadline_seconds: float
    when_inconclusive: WhenInconclusive

    @property
    def last_step(self) -> int:
        """Index of the step that promotes."""
        return len(self.steps) - 1


def make_plan(settings: CanarySettings, *, deadline_seconds: float) -> Plan:
    """Return the plan.

    The guardrails share the false rollbacks by their weights: each one's harm test stops at its part of alpha, so that
    the weighted average of the e-values reaches 1 / alpha when one of them does. Errors have nearly all of it, for a
    small harm must be found there; the others are there for a collapse, which shows at once. Every guardrail must prove
    its margin, so no correction is due there.
    """
    alpha = settings.false_rollback_rate
    total = math.fsum(guard.weight for guard in settings.guardrails.values())
    weights = tuple(guard.weight / total for guard in settings.guardrails.values())
    levels = Levels(steps=settings.steps, harm_alpha=alpha, safety_alpha=settings.false_promotion_rate)
    return Plan(
        steps=settings.steps,
        guardrails=tuple(
            guard.guardrail(replace(levels, harm_alpha=alpha * weight))
            for guard, weight in zip(settings.guardrails.values(), weights, strict=True)
        ),
        weights=weights,
        harm_cap=-math.log(alpha),
        warm_up_seconds=settings.warm_up,
        minimum_duration_seconds=settings.minimum_duration,
        minimum_requests=settings.minimum_requests,
        deadline_seconds=deadline_seconds,
        when_inconclusive=settings.when_inconclusive,
    )


def plan_digest(settings: CanarySettings, metrics: Chosen | None) -> str:
    """Return the digest of the settings that decide, by name: to notice that they changed half-way.

    A list and not the whole class: a setting that an upgrade adds must not stop a running rollout. How often one looks
    and how long a lease is decide nothing, and a rollout keeps the deadline that it began with.
    What counts the requests decides, where that is not the router itself: two sources are not compared.
    """
    named: dict[str, object] = {
        "format": PLAN_FORMAT,
        "steps": list(settings.steps),
        "guardrails": {name: guard.named() for name, guard in settings.guardrails.items()},
        "false_rollback_rate": settings.false_rollback_rate,
        "false_promotion_rate": settings.false_promotion_rate,
        "warm_up": settings.warm_up,
        "minimum_duration": settings.minimum_duration,
        "minimum_requests": settings.minimum_requests,
        "when_inconclusive": settings.when_inconclusive.value,
    }
    if metrics is not None:
        written = ((field, getattr(metrics.settings, field.name)) for field in fields(cast("Any", metrics.settings)))
        # What is at its default is left out, as in all of this: an upgrade may add a setting.
        chosen = {field.name: str(value) for field, value in written if value != field.default}
        named["metrics"] = {"kind": metrics.kind, **chosen}
    return canonical_digest(named)


def unwatched(plan: Plan, seen: Mapping[str, Reading], requests: int) -> tuple[str, ...]:
    """Return in sentences which guardrails saw nothing in readings of so many requests."""
    blind = (guard.blind(seen[guard.name], requests) for guard in plan.guardrails)
    return tuple(str(why) for why in blind if why is not None)
