"""What a canary reports: its end, a look on the way, or its plan."""

from collections.abc import Mapping

from ml_cicd.commands.rollout import Rollout, served_details
from ml_cicd.decide.canary import Plan, forecast
from ml_cicd.domain.operation import Receipt
from ml_cicd.domain.report import Report, Table
from ml_cicd.domain.rollout import Decision
from ml_cicd.errors import Exit


def served_words(rollout: Rollout) -> str:
    """Say how often both arms failed."""
    served = rollout.evidence.served
    return (
        f"version {rollout.state.candidate} failed {served.xc:,} of {served.nc:,} requests, "
        f"version {rollout.state.champion} {served.xb:,} of {served.nb:,}"
    )


def rollout_table(rollout: Rollout) -> Table:
    """Return what each step has shown so far."""
    rows = tuple(
        (
            f"{share / 100:g} %",
            f"{margin:g}",
            *(f"{n:,}" for n in rollout.evidence.per_step.get(index, (0, 0))),
            str(rollout.evidence.looks.get(index, 0)),
        )
        for index, (share, margin) in enumerate(zip(rollout.plan.steps, rollout.plan.margins, strict=True))
    )
    header = ("share", "margin", "candidate requests", "all requests", "looks")
    return Table(title="Evidence by step (without the warm-up)", header=header, rows=rows)


def going(rollout: Rollout, reason: str) -> Report:
    """Report a rollout that goes on with the next tick."""
    share = f"{rollout.split.threshold / 100:g}"
    return rollout_report(
        Decision.HOLD, share, reason, receipt=None, table=rollout_table(rollout), details=served_details(rollout)
    )


def plan_report(plan: Plan | None, headline: str) -> Report:
    """Report what a rollout would be, for a dry run; without a plan there is none."""
    outputs = {"decision": "hold", "share": "0", "rolled-back": "false", "reason": headline}
    tables = () if plan is None else (_plan_table(plan),)
    return Report(command="canary", exit_code=Exit.DONE, headline=headline, tables=tables, outputs=outputs)


def _plan_table(plan: Plan) -> Table:
    rows = tuple(
        (f"{s / 100:g} %", f"{m:g}", f"{n:,}")
        for s, m, n in zip(plan.steps, plan.margins, forecast(plan, 0.01), strict=True)
    )
    return Table(title="Plan", header=("share", "margin", "candidate requests needed at 1 % errors"), rows=rows)


def rollout_report(  # noqa: PLR0913  # parts by name
    decision: Decision,
    share: str,
    reason: str,
    *,
    receipt: Receipt | None,
    table: Table | None = None,
    details: Mapping[str, object] | None = None,
) -> Report:
    """Report an end, or where a rollout stands; a receipt with a problem makes it partly applied."""
    codes = {Decision.ROLLBACK: Exit.FAILED, Decision.INCONCLUSIVE: Exit.INCONCLUSIVE}
    partly = receipt is not None and bool(receipt.problem)
    headlines = {
        Decision.PROMOTE: "Promoted",
        Decision.ROLLBACK: "Rolled back",
        Decision.INCONCLUSIVE: "Inconclusive",
    }
    return Report(
        command="canary",
        exit_code=Exit.PARTLY if partly else codes.get(decision, Exit.DONE),
        headline=f"{headlines.get(decision, 'Going on')} at {share} %: {reason}.",
        cure=f"To finish: {receipt.cures[0]}" if receipt is not None and receipt.cures else "",
        receipt=receipt,
        tables=() if table is None else (table,),
        details=details or {},
        outputs={
            "decision": decision.value,
            "share": share,
            "rolled-back": str(decision in {Decision.ROLLBACK, Decision.INCONCLUSIVE}).lower(),
            "reason": reason,
        },
    )
