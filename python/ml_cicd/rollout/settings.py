"""What the configuration says of targets and of the canary."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from ml_cicd.ground.errors import InputError
from ml_cicd.ground.parse import as_number
from ml_cicd.rollout.doors import ROUTERS, SOURCES
from ml_cicd.rollout.guardrails.catalogue import ALWAYS, GUARDRAILS
from ml_cicd.rollout.state import LONGEST_LEASE_SECONDS
from ml_cicd.settings import At, Chosen, Kind, block, choice, door, duration, each, number, parts, setting, table, text

RENEWALS = 3
URL = "^https?://"
LADDER = (100, 500, 2500, 5000)


class WhenInconclusive(StrEnum):
    """What a passed deadline means. `rollback` and `hold` are one: all traffic is back, and the end is inconclusive."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    PROMOTE = "promote"


def share() -> Kind[int]:
    """A share of the traffic in percent, to 0.01 %; in 1/100 % once it is read."""

    def read(value: object, at: At) -> int:
        exact = Decimal(str(as_number(value, str(at)))) * 100
        if not 0 < exact < 100 * 100:
            raise at.found(value, "It must be more than 0 and less than 100 percent.")
        if exact != int(exact):
            raise InputError(f"{at} is a share finer than 0.01 %.", cure="Round it.")
        return int(exact)

    return Kind(read, lambda _: {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 100}, lambda v: v / 100)


@dataclass(frozen=True, kw_only=True, slots=True)
class SlotSettings:
    """One place that can serve a version."""

    url: str = setting(text(URL, allowed="Write an address, http:// or https://."), "Base address of the slot.")


@dataclass(frozen=True, kw_only=True, slots=True)
class HookSettings:
    """Commands of the user's."""

    deploy: tuple[str, ...] = setting(
        each(text()), "Argument vector that fills a slot with a version; never a shell string.", default=()
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetSettings:
    """One place where models serve."""

    router: Chosen = setting(door(ROUTERS), "Who splits the traffic.")
    slots: Mapping[str, SlotSettings] = setting(table(block(SlotSettings), least=2, most=2), "The two slots by name.")
    metrics: Chosen | None = setting(
        door(SOURCES), "What counts the requests; the router itself where nothing is written.", default=None
    )
    hooks: HookSettings = setting(block(HookSettings), "Commands of yours.", default=HookSettings())


@dataclass(frozen=True, kw_only=True, slots=True)
class CanarySettings:
    """The rollout's plan. `steps` in 1/100 %; `guardrails` are the settings of each guardrail by its name."""

    steps: tuple[int, ...] = setting(
        each(share(), most=20),
        "Shares in percent. Where none are written, the first one is left out below about 20 requests/s.",
        default=LADDER,
    )
    guardrails: Mapping[str, Any] = setting(
        parts(GUARDRAILS, always=ALWAYS),
        "What must not get worse, and by how much it may.",
        default={name: GUARDRAILS[name]() for name in ALWAYS},
    )
    false_rollback_rate: float = setting(
        number(above=0, most=0.5), "How often a good candidate may be rolled back.", default=0.05
    )
    false_promotion_rate: float = setting(
        number(above=0, most=0.5), "How often one at the margin may be promoted.", default=0.05
    )
    deadline: float = setting(duration(), "Longest rollout.", default=1800.0)
    interval: float = setting(duration(), "Time between two looks.", default=15.0)
    lease: float = setting(
        duration(), "Time after which the router takes traffic back from a dead runner.", default=60.0
    )
    warm_up: float = setting(duration(), "Time at the beginning that proves nothing.", default=60.0)
    minimum_duration: float = setting(duration(), "Shortest rollout.", default=600.0)
    minimum_requests: int = setting(
        number(whole=True, least=1), "Requests of the candidate before it is promoted.", default=200
    )
    when_inconclusive: WhenInconclusive = setting(
        choice(WhenInconclusive),
        "What a passed deadline means: rollback (or hold, the same) ends without a verdict; promote takes the risk.",
        default=WhenInconclusive.ROLLBACK,
    )

    def __post_init__(self) -> None:
        """Refuse a lease that one late look would end, and steps that do not rise."""
        if self.interval <= 0 or self.lease < RENEWALS * self.interval:
            raise InputError(
                f"the lease is {self.lease:g} s and the interval {self.interval:g} s.",
                cure="The lease must be at least three intervals, or traffic would flap when one look is late.",
            )
        if self.lease > LONGEST_LEASE_SECONDS:
            raise InputError(
                f"the lease is {self.lease:g} s.",
                cure=f"Write {LONGEST_LEASE_SECONDS:g} s at most: the router takes a longer one for a clock put back.",
            )
        if list(self.steps) != sorted(set(self.steps)):
            raise InputError("the steps must rise.", cure="E.g. steps: [1, 5, 25, 50].")
