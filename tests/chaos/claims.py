"""What has to be true after whatever happened: the four claims of the suite."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ml_cicd.ground.errors import Exit
from ml_cicd.registry.versions import CHAMPION
from ml_cicd.rollout.state import Phase
from tests.chaos.load import Sent
from tests.chaos.site import LEASE_SECONDS, MODEL, Run, Site, until
from tests.chaos.slots import Manner

WATCHED_SECONDS = 0.4
SETTLING_SECONDS = 0.1
FEW = 5
GOOD = 200
TAKE_OVER = ("--take-over", "true")
TO_CHAMPION = ("rollback", "--to", "champion")
KEEP = "`ml-cicd rollback --to champion`: it keeps what serves"
OUTSIDE = int(Exit.OUTSIDE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a target stands: versions in its slots and on record, and how the last rollout ended."""

    serving: str
    idle: str
    recorded: str | None
    alias: str
    phase: Phase | None
    share: int


async def standing(site: Site) -> Standing:
    """Read it; a router whose files say something else than what serves is an error here."""
    return await asyncio.to_thread(_standing, site)  # MLflow takes its time, and the load must not wait for it


def _standing(site: Site) -> Standing:
    view = site.router.read()
    versions = {name: slot.version for name, slot in site.slots.items()}
    return Standing(
        serving=versions[view.split.serving],
        idle=versions[view.split.idle],
        recorded=_on_record(site),
        alias=site.records.registry.snapshot(MODEL).aliases.get(CHAMPION, ""),
        phase=view.state.phase if view.state else None,
        share=view.split.threshold,
    )


async def on_record(site: Site) -> str | None:
    """Return the champion by the ledger."""
    return await asyncio.to_thread(_on_record, site)


def _on_record(site: Site) -> str | None:
    return site.records.ledger.read(MODEL).champion


async def traffic_is_back(site: Site, since: float, *, allowed: set[str], by: float | None = None) -> None:
    """One slot has everything by the end of the lease, which is at most lease + 1 s after `since`: HAProxy rounds up to
    whole seconds. It holds one of the `allowed` versions. `by` is that end where nobody can read it off the router.
    """
    split = site.view().split
    back = by or (split.lease if split.threshold else since + SETTLING_SECONDS)  # without a share it is back already
    assert back <= since + LEASE_SECONDS + 1, "the lease is longer than it may be"
    await asyncio.sleep(max(0.0, back - time.time()) + WATCHED_SECONDS)
    await until(lambda: sum(sent.at >= back for sent in site.load.log[-FEW:]) >= FEW)
    seen = [sent for sent in tuple(site.load.log) if sent.at >= back]
    serving = site.serving()
    assert serving in allowed, f"version {serving} serves"
    assert {sent.version for sent in seen} == {serving}, tally(seen)


def tally(sent: list[Sent]) -> Counter[tuple[str, int]]:
    """Count requests by version and status."""
    return Counter((one.version, one.status) for one in sent)


def nothing_is_lost(site: Site, need_be: Callable[[Sent], bool] = lambda _: False) -> None:
    """Every request was answered 200, but for what a candidate that fails was given, and what `need_be` lost."""
    failing = {v for slot in site.slots.values() for v, manner in slot.manners.items() if manner is Manner.FAILING}
    lost = [sent for sent in site.load.log if sent.status != GOOD and sent.version not in failing and not need_be(sent)]
    assert not lost, (tally(lost), min(sent.at for sent in lost), max(sent.at for sent in lost))


async def all_agree(site: Site) -> None:
    """Router, slots, ledger and alias tell of one version, and no rollout is under way."""
    found = await standing(site)
    assert found.serving == found.recorded == found.alias, found
    assert found.share == 0, found
    assert found.phase not in {Phase.RUNNING, Phase.DEPLOYING}, found


async def again(site: Site, arguments: tuple[str, ...], *, expect: int) -> Run:
    """Run the command again. Where it refuses and names the one command that is needed first, or `--take-over` for a
    dead run's claim, do as it says.
    """
    run = await site.run(*arguments, expect=None)
    if run.code.result() == OUTSIDE:
        if KEEP in run.output:
            await site.run(*TO_CHAMPION)
        more = TAKE_OVER if " ".join(TAKE_OVER) in run.output.lower() else ()
        run = await site.run(*arguments, *more, expect=None)
    assert run.code.result() == expect, f"{arguments} ended with {run.code.result()}: {run.output}"
    return run
