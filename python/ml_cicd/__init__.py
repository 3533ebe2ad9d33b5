"""ml-cicd: from a code change to production and back."""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "model_quality_gate", "register_if_passing"]

if TYPE_CHECKING:
    from ml_cicd.api import model_quality_gate, register_if_passing


def __getattr__(name: str) -> object:
    """Load the Python API on first use, so that the command line stays light."""
    if name in {"model_quality_gate", "register_if_passing"}:
        from ml_cicd import api  # noqa: PLC0415

        return getattr(api, name)
    raise AttributeError(f"module 'ml_cicd' has no attribute {name!r}")
