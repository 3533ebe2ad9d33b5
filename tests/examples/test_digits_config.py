"""The demo's configuration file is one that ml-cicd accepts."""

from pathlib import Path

from ml_cicd.config import read_config
from ml_cicd.shell.wiring import door_settings

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


def test_the_configuration_is_valid() -> None:
    """With the variables that the demo sets, the file reads without an error and names both slots."""
    environ = {
        "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db",
        "DIGITS_SOCKET": "haproxy.sock",
        "DIGITS_MAP": "split.map",
        "DIGITS_BLUE": "http://127.0.0.1:9001",
        "DIGITS_GREEN": "http://127.0.0.1:9002",
    }
    config = read_config((DIGITS / "ml-cicd.yml").read_text("utf-8"), "ml-cicd.yml", environ, door_settings)
    assert set(config.target("production")[1].slots) == {"blue", "green"}
    assert config.canary.steps == (100, 500, 2500, 5000)
