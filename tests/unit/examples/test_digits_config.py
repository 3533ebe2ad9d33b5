"""The demo's configuration file is one that ml-cicd accepts."""

from pathlib import Path

from ml_cicd.adapters.config_file import read_config

DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits"


def test_the_configuration_is_valid() -> None:
    """With the variables that the demo sets, the file reads without an error and names both slots."""
    environ = {
        "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db",
        "DIGITS_SOCKET": "haproxy.sock",
        "DIGITS_MAP": "split.map",
        "DIGITS_BLUE": "http://127.0.0.1:9001",
        "DIGITS_GREEN": "http://127.0.0.1:9002",
    }
    config = read_config(DIGITS / "ml-cicd.yml", environ, required=True)
    assert set(config.target("production").slots) == {"blue", "green"}
    assert config.canary.steps == (100, 500, 2500, 5000)
