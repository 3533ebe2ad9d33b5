"""What the configuration says of the registry."""

from dataclasses import dataclass

from ml_cicd.settings import each, setting, text

CALLABLE = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$"


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistrySettings:
    """The registry's section."""

    uri: str = setting(text(), "Address: sqlite:///FILE, http:// or https://; usually env:MLFLOW_TRACKING_URI.")
    allow_callables: tuple[str, ...] = setting(
        each(text(CALLABLE, allowed="Write a dotted name, e.g. mycompany.features.Scaler."), least=0),
        "Callables by dotted name that a pickled model may call beside the known ones; stays in tags and reports.",
        default=(),
    )
