"""The guardrails by the name that a configuration gives them: the class of their settings, which builds them."""

from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.guardrails.latency import LatencySettings
from ml_cicd.rollout.guardrails.refusals import RefusalsSettings
from ml_cicd.rollout.guardrails.unanswered import UnansweredSettings

GUARDRAILS: dict[str, type] = {
    "errors": ErrorsSettings,
    "refusals": RefusalsSettings,
    "unanswered": UnansweredSettings,
    "latency": LatencySettings,
}
ALWAYS = tuple(GUARDRAILS)
