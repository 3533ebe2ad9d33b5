"""ml-cicd: from a code change to production and back."""

from importlib import import_module
from typing import TYPE_CHECKING

from ml_cicd.version import __version__

if TYPE_CHECKING:
    from ml_cicd.api import (
        GateRefusal,
        Registration,
        model_quality_gate,
        payload_digest,
        register_if_passing,
        violations,
    )
    from ml_cicd.ground.errors import (
        EvidenceError,
        InputError,
        IntegrityError,
        MlCicdError,
        NotPassing,
        OutsideError,
        PartlyApplied,
    )
    from ml_cicd.ground.finding import Finding, Outcome, Verdict

__all__ = [
    "EvidenceError",
    "Finding",
    "GateRefusal",
    "InputError",
    "IntegrityError",
    "MlCicdError",
    "NotPassing",
    "Outcome",
    "OutsideError",
    "PartlyApplied",
    "Registration",
    "Verdict",
    "__version__",
    "model_quality_gate",
    "payload_digest",
    "register_if_passing",
    "violations",
]
_HOMES = {
    "ml_cicd.api": {
        "GateRefusal",
        "Registration",
        "model_quality_gate",
        "payload_digest",
        "register_if_passing",
        "violations",
    },
    "ml_cicd.ground.finding": {"Finding", "Outcome", "Verdict"},
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562), so that the command line stays light."""
    if name not in __all__:
        raise AttributeError(f"module 'ml_cicd' has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), "ml_cicd.ground.errors")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """Show what is public."""
    return __all__
