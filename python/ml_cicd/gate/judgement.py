"""One judgement, for the command and the Python API alike: a verdict bound to all that went into it."""

from dataclasses import replace

from ml_cicd.gate.evidence import Evidence
from ml_cicd.gate.judge import judge
from ml_cicd.gate.policy import Policy, policy_record
from ml_cicd.ground.digest import canonical_digest
from ml_cicd.ground.finding import Bindings, Verdict


def judgement(policy: Policy, evidence: Evidence, *, model_digest: str = "", commit: str = "") -> Verdict:
    """Judge, and bind the verdict to the digests of data, policy, model and commit; empty where one is not given."""
    bindings = Bindings(
        model=model_digest,
        data=dict(sorted(evidence.digests.items())),
        policy=canonical_digest(policy_record(policy)),
        commit=commit,
    )
    return replace(judge(policy, evidence, bindings), notes=evidence.notes)
