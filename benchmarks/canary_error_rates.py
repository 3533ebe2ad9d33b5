"""How often the canary's decisions are wrong, by simulation with the product's own plan, fold and table of decisions.

    python benchmarks/canary_error_rates.py --stream sticky --users 1000 --runs 2000 --processes 2
    python benchmarks/canary_error_rates.py --stream bursty --burst 5 --steps 10 --hold

For each stream two candidates are rolled out: an equal one (how often is it promoted, how often rolled back for a harm
that is none) and one that is worse by exactly the margin (how often is it promoted all the same). A look is 15 seconds.
`--hold` leaves the first step as it is and promotes nobody: what is left is the harm test, looked at to the end.
"""

import argparse
import math
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "python"), str(ROOT)]

from benchmarks.streams import Served, Traffic, make_stream  # noqa: E402
from ml_cicd.rollout.evidence import Look, decide, no_evidence, take_in  # noqa: E402
from ml_cicd.rollout.forecast import first_with_users  # noqa: E402
from ml_cicd.rollout.guardrails.errors import ErrorsSettings  # noqa: E402
from ml_cicd.rollout.plan import Plan, make_plan  # noqa: E402
from ml_cicd.rollout.settings import CanarySettings  # noqa: E402
from ml_cicd.rollout.state import WHOLE, Decision, Observation  # noqa: E402
from ml_cicd.stats.sequential import Counts  # noqa: E402

LOOK_SECONDS = 15.0
STREAMS = ("independent", "bursty", "drifting", "cold-start", "sticky")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One row of the table."""

    name: str
    traffic: Traffic
    plan: Plan
    hold: bool
    seed: int


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How one rollout ended: a decision or `mismatch` or `open`, and after how many looks."""

    how: str
    looks: int
    bad: int


def rollout(scenario: Scenario, run: int) -> Ended:
    """Simulate one rollout to its end."""
    plan, traffic = scenario.plan, scenario.traffic
    stream = make_stream(traffic, np.random.default_rng([scenario.seed, run]))
    evidence, step = no_evidence(plan), 0 if scenario.hold else first_with_users(plan.steps, stream.users)
    moment: Look | None = None
    for look in range(1, traffic.looks + 1):
        at = look * LOOK_SECONDS
        seen = observation(stream.look(plan.steps[step] / WHOLE, look), at, step)
        evidence = take_in(plan, evidence, seen)
        moment = Look(plan=plan, evidence=evidence, step=step, elapsed_seconds=at)
        decided = decide(moment).decision
        if decided is Decision.ROLLBACK or (decided is Decision.PROMOTE and not scenario.hold):
            return Ended(how=decided.value, looks=look, bad=evidence.requests[0])
        step += decided is Decision.ADVANCE and not scenario.hold
    mismatched = moment is not None and moment.mismatched
    return Ended(how="mismatch" if mismatched else "open", looks=traffic.looks, bad=evidence.requests[0])


def observation(served: Served, at: float, step: int) -> Observation:
    """Return what a look records."""
    counts = Counts(nc=served.nc, xc=served.xc, nb=served.nb, xb=served.xb, users=served.users)
    return Observation(at_seconds=at, step=step, readings={"errors": counts}, groups=served.groups)


def _one(work: tuple[Scenario, int]) -> Ended:
    return rollout(*work)


def simulated(scenario: Scenario, runs: int, processes: int) -> list[Ended]:
    """Run all rollouts of a scenario, and say how far they are."""
    found: list[Ended] = []
    begun = time.monotonic()
    for ended in _results(scenario, runs, processes):
        found.append(ended)
        if len(found) % max(1, runs // 10) == 0:
            passed = time.monotonic() - begun
            print(f"  {scenario.name}: {len(found)} of {runs} in {passed:.0f} s", file=sys.stderr, flush=True)
    return found


def _results(scenario: Scenario, runs: int, processes: int) -> Iterator[Ended]:
    work = [(scenario, run) for run in range(runs)]
    if processes == 1:
        yield from map(_one, work)
        return
    with multiprocessing.Pool(processes) as pool:
        yield from pool.imap_unordered(_one, work, chunksize=4)


def row(name: str, ended: list[Ended]) -> str:
    """Return one row of the table: shares with their standard errors."""
    count = Counter(one.how for one in ended)
    runs = len(ended)

    def share(how: str) -> str:
        part = count[how] / runs
        return f"{part:.4f} ({math.sqrt(part * (1 - part) / runs):.4f})"

    promoted = [one.looks for one in ended if one.how == Decision.PROMOTE.value]
    rolled_back = [one.bad for one in ended if one.how == Decision.ROLLBACK.value]
    middle = f"{np.median(promoted):.0f}" if promoted else "-"
    bad = f"{np.mean(rolled_back):.0f}" if rolled_back else "-"
    cells = (share("promote"), share("rollback"), share("mismatch"), share("open"), middle, bad)
    return f"| {name} | {' | '.join(cells)} |"


HEADER = (
    "| candidate | promoted (s.e.) | rolled back | mismatch | open | looks to promotion | its requests to rollback |\n"
    "|---|---|---|---|---|---|---|"
)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--stream", choices=STREAMS, default="independent")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--looks", type=int, default=2000, help="looks after which a rollout counts as open")
    parser.add_argument("--requests", type=int, default=200, help="requests a look, of both arms together")
    parser.add_argument("--rate", type=float, default=0.01, help="the champion's failure rate")
    parser.add_argument("--margin", type=float, default=0.005)
    parser.add_argument("--steps", type=float, nargs="+", default=[1, 5, 25, 50], help="percent")
    parser.add_argument("--burst", type=float, default=5.0, help="mean failures a burst")
    parser.add_argument(
        "--cold-looks", type=int, default=4, help="how long a candidate is cold; the warm-up is 4 looks"
    )
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--activity", choices=("equal", "zipf", "sessions"), default="equal")
    parser.add_argument("--failures", choices=("equal", "heterogeneous"), default="equal")
    parser.add_argument("--history", type=int, default=10_000, help="requests of sticky users before the rollout")
    parser.add_argument("--blind", action="store_true", help="the metric source knows no users")
    parser.add_argument("--fault", type=float, nargs=2, metavar=("LOOKS", "TIMES"), help="the share changes half-way")
    parser.add_argument("--hold", action="store_true", help="stay at the first step, and promote nobody")
    parser.add_argument("--only", choices=("equal", "margin"), help="one of the two candidates")
    return parser.parse_args()


def scenarios(asked: argparse.Namespace) -> Iterator[Scenario]:
    """Return an equal candidate, and one at the margin."""
    settings = replace(
        CanarySettings(),
        steps=tuple(round(share * 100) for share in asked.steps),
        guardrails={"errors": ErrorsSettings(margin=asked.margin)},
    )
    traffic = Traffic(
        stream=asked.stream,
        requests=asked.requests,
        rate=asked.rate,
        worse=0.0,
        burst=asked.burst,
        cold_looks=asked.cold_looks,
        users=asked.users,
        activity=asked.activity,
        failures=asked.failures,
        looks=asked.looks,
        history=asked.history,
        blind=asked.blind,
        fault=None if asked.fault is None else (int(asked.fault[0]), asked.fault[1]),
    )
    plan = make_plan(settings, deadline_seconds=math.inf)
    for name, worse in (("equal", 0.0), ("margin", asked.margin)):
        if asked.only in {None, name}:
            seed = asked.seed + (name == "margin")
            worsened = replace(traffic, worse=worse)
            yield Scenario(name=name, traffic=worsened, plan=plan, hold=asked.hold, seed=seed)


def main() -> None:
    """Simulate and print."""
    asked = arguments()
    rows = [row(s.name, simulated(s, asked.runs, asked.processes)) for s in scenarios(asked)]
    what = f"{asked.stream}, {asked.runs} rollouts, {asked.requests} requests a look, {asked.rate:.2%} failures"
    if asked.stream == "sticky":
        what += f", {asked.users:,} users, activity {asked.activity}, failures {asked.failures}"
    if asked.stream == "bursty":
        what += f", bursts of {asked.burst:g}"
    print("\n".join((what, "", HEADER, *rows)))


if __name__ == "__main__":
    main()
