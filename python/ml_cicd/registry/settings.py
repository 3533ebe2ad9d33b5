"""What the configuration says of the registry."""

from dataclasses import dataclass

from ml_cicd.settings import setting, text


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistrySettings:
    """The registry's section."""

    uri: str = setting(text(), "Address: sqlite:///FILE, http:// or https://; usually env:MLFLOW_TRACKING_URI.")
