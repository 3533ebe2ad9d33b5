"""What an MLflow server must be able to do, asked before anything is written to it."""

from typing import Any

from ml_cicd.ground.errors import MlCicdError, Refused
from ml_cicd.registry.mlflow.client import mapped, redacted


def check_abilities(client: Any, uri: str) -> None:  # noqa: ANN401  # MLflow's client is not typed
    """Check that the server has logged models, which MLflow has since 3.0; a version of a model points at one.

    Raises:
        Refused: it is older.
    """
    with mapped(uri):
        try:
            client.search_logged_models(experiment_ids=["0"], max_results=1)
        except MlCicdError:  # the client could not be fetched, or is late
            raise
        except Exception as problem:
            absent = getattr(problem, "error_code", "") == "ENDPOINT_NOT_FOUND" or "error code 404" in str(problem)
            if not absent:
                return  # e.g. no right to look at this experiment: that is no answer to this question
            raise Refused(
                f"The registry {redacted(uri)} has no logged models: its MLflow is older than 3.0.",
                cure="Upgrade the server to MLflow 3; nothing was created.",
            ) from problem
