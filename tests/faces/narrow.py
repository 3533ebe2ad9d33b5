"""Three reports as they are met at night, for the terminals of several widths."""

from ml_cicd.ground.errors import Exit
from ml_cicd.ground.finding import Finding, Outcome, Scope, Severity, Subject, Verdict, broken, remark
from ml_cicd.ground.operation import Done, Receipt
from ml_cicd.ground.report import Curve, Findings, Note, Report, Table, Timeline

GATE = Report(
    command="quality-gate",
    exit_code=Exit.FAILED,
    headline="The candidate fails: accuracy versus champion.",
    cure="Improve the model, or change the policy in a reviewed commit.",
    outputs={},
    sections=(
        Findings(
            verdict=Verdict(
                outcome=Outcome.FAIL,
                findings=(
                    Finding(
                        rule="accuracy",
                        subject=Subject(metric="accuracy"),
                        outcome=Outcome.INCONCLUSIVE,
                        severity=Severity.WARN,
                        demand=">= 0.9",
                        reason="'>= 0.9' lies within the bounds (Clopper-Pearson). About 671 rows like these would "
                        "settle it; these 600 are enough for '>= 0.8993'.",
                        value=0.92,
                        lower=0.89942,
                        upper=0.9375,
                        limit=0.9,
                        n=600,
                    ),
                    Finding(
                        rule="results.arc_challenge.acc_norm,none",
                        subject=Subject(metric="results.arc_challenge.acc_norm,none"),
                        outcome=Outcome.PASS,
                        demand=">= 0.4",
                        reason="'>= 0.4' holds.",
                        value=0.5213,
                        lower=0.5,
                        upper=0.54,
                        limit=0.4,
                        n=1_234_567,
                    ),
                    Finding(
                        rule="latency_p95_ms",
                        subject=Subject(metric="latency_p95_ms"),
                        outcome=Outcome.MISSING,
                        demand="<= 20 ms",
                        reason="Not measured: build/predictions/candidate.parquet has no column 'latency_ms'.",
                    ),
                    Finding(
                        rule="accuracy versus champion",
                        subject=Subject(metric="accuracy", scope=Scope.CHANGE),
                        outcome=Outcome.FAIL,
                        demand="at most 0.02 worse",
                        reason="'at most 0.02 worse' is missed even at the favourable bound (Tango's score interval).",
                        value=-0.06,
                        lower=-0.078,
                        upper=-0.0459,
                        limit=-0.02,
                        n=600,
                    ),
                ),
            )
        ),
        Note(
            text="p.csv was read as CSV (delimiter: comma, encoding: UTF-8): 600 rows, classes 0, 1, as whole numbers."
        ),
    ),
)
DIGEST = "sha256:" + "0d83c1f2" * 8
CANARY = Report(
    command="canary",
    exit_code=Exit.PARTLY,
    headline="Rolled back at 5 %: the candidate is worse than the champion on errors.",
    cure="To finish: ml-cicd rollback --target production --to champion --reason 'errors at 5 %'",
    outputs={},
    sections=(
        Receipt(
            done=(
                Done(
                    what="Take all traffic back to the champion, version 7 in slot blue",
                    result="the router says 0 % for green since 2026-11-25T03:12:44Z",
                    changed=True,
                    value=None,
                ),
            ),
            not_done=("Write to the ledger that version 8 was rejected",),
            problem="The registry does not answer on https://mlflow.example.internal: timed out after 10 seconds.",
            cures=("ml-cicd rollback --target production --to champion --reason 'errors at 5 %'",),
        ),
        Table(
            title="This rollout",
            header=("what", "is"),
            rows=(
                ("candidate", f"version 8, {DIGEST}"),
                ("run", "https://github.com/acme/digits/actions/runs/19284637261/attempts/1"),
                ("who", "night-shift"),
                ("traffic where it is since", "2026-11-25T03:12:44Z"),
            ),
        ),
        Table(
            title="Errors by share",
            header=("share", "candidate requests", "candidate errors", "champion requests", "champion errors"),
            rows=(("1 %", 1_203, 1, 119_112, 97), ("5 %", 5_120, 61, 97_280, 80)),
        ),
        Table(
            title="How sure",
            header=("guardrail", "candidate", "champion", "difference", "from", "to", "excess"),
            rows=(
                ("errors", 1.1914, 0.0822, 1.1092, 0.84125, 1.45, 56.8),
                ("refusals", 0.0, 0.01, -0.01, -0.02, 0.06, 0),
            ),
            units=dict.fromkeys(("candidate", "champion", "difference", "from", "to"), "%"),
        ),
        Table(
            title="History (2 entries)",
            header=("when", "what", "version", "serves after", "who", "why"),
            rows=(
                (
                    "2026-11-24T16:40:02Z",
                    "promote",
                    "7",
                    "7",
                    "ci",
                    "not worse than the champion by more than the margin",
                ),
                ("2026-11-20T09:01:55Z", "promote", "6", "6", "ci", "first release"),
            ),
        ),
        Timeline(
            title="Rollout",
            moments=(
                ("2026-11-25T03:02:11Z", "began with 1 %"),
                ("2026-11-25T03:12:44Z", "rolled back: version 8 failed 61 of 5,120 requests, version 7 80 of 97,280"),
            ),
        ),
        Curve(
            title="Errors so far",
            x="seconds",
            y="% of requests",
            series={
                "candidate": ((0.0, 0.0), (300.0, 0.1), (633.0, 1.1914)),
                "champion": ((0.0, 0.08), (633.0, 0.0822)),
            },
        ),
        Note(text="A look that is held asks for no more requests; see docs/runbook.md for what each line means."),
    ),
)
DOCTOR_CHECKS = (
    Finding(rule="configuration", outcome=Outcome.PASS, reason="ml-cicd.yml is valid"),
    broken(
        "registry",
        "The registry does not answer on https://mlflow.example.internal: timed out after 10 seconds.",
        "Check that it runs, and that this machine reaches it.",
    ),
    remark(
        "production: slot green",
        "It does not say who it is; an idle slot may stay empty.",
        "Nothing, or deploy a version to it.",
    ),
    Finding(rule="production: deploy hook", outcome=Outcome.PASS, reason="python deploy.py"),
)
DOCTOR = Report(
    command="doctor",
    exit_code=Exit.OUTSIDE,
    headline="1 of 4 checks found a problem. 1 remark.",
    cure="Check that it runs, and that this machine reaches it.",
    outputs={},
    sections=(Findings(verdict=Verdict(outcome=Outcome.ERROR, findings=DOCTOR_CHECKS)),),
)
REPORTS = {"gate": GATE, "canary": CANARY, "doctor": DOCTOR}
