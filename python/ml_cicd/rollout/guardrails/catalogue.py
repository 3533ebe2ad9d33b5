"""The guardrails by the name that a configuration gives them: the class of their settings, which builds them."""

from ml_cicd.rollout.guardrails.errors import ErrorsSettings

GUARDRAILS: dict[str, type] = {"errors": ErrorsSettings}
ALWAYS = ("errors",)
