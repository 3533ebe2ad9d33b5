"""One way to reach MLflow: explicit address, short patience, every failure mapped to one of ours."""

import logging
import os
import re
import sys
import urllib.error
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ml_cicd.ground.errors import Conflict, InputError, MlCicdError, NotFound, OutsideError, Refused, Unreachable
from ml_cicd.ground.patience import within
from ml_cicd.registry.mlflow.reading import API, Reader, ask_once, can_read

SQLITE_FILE = re.compile(r"^sqlite:///[^?#]*[^?#/]$")
PREFLIGHT_SECONDS = 5.0
CALL_SECONDS = 9.0  # for a whole call with all its tries: a rollback looks at traffic and connects before, in 20 s all
SQL_TRIES = 3  # MLflow's ten take almost two minutes
LONG_CALLS = {"log_model_artifacts"}  # they move a model's bytes
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
CODES: dict[str, type[OutsideError]] = {
    "RESOURCE_DOES_NOT_EXIST": NotFound,
    "NOT_FOUND": NotFound,
    "RESOURCE_ALREADY_EXISTS": Conflict,
    "RESOURCE_CONFLICT": Conflict,
    "UNAUTHENTICATED": Refused,
    "PERMISSION_DENIED": Refused,
    "INVALID_PARAMETER_VALUE": Refused,
    "BAD_REQUEST": Refused,
    "INTERNAL_ERROR": Unreachable,
    "TEMPORARILY_UNAVAILABLE": Unreachable,
}
CURES = {
    "UNAUTHENTICATED": "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD in the step's env.",
    "PERMISSION_DENIED": "If it says 'Invalid Host header', start the server with --allowed-hosts; "
    "else ask for the EDIT permission.",
    "INTERNAL_ERROR": "Check that the server runs and is reachable from here.",
    "TEMPORARILY_UNAVAILABLE": "Check that the server runs and is reachable from here.",
    "BAD_REQUEST": "Check credentials, permissions and names.",
    "INVALID_PARAMETER_VALUE": "Check credentials, permissions and names.",
}


def connect(uri: str, fetch: Callable[[], None] = lambda: None) -> Any:  # noqa: ANN401  # MLflow's client is not typed
    """Return what asks like an MLflow client at an explicit address, once it has answered.

    Versions and aliases behind http(s) are read without MLflow's client; `fetch` makes it importable before it is used.

    Raises:
        InputError: no address, or one of another kind than sqlite or http(s). Unreachable, Refused: as it answers.
    """
    scheme = urlsplit(uri).scheme
    if scheme not in {"http", "https"} and not SQLITE_FILE.match(uri):
        raise InputError(
            f"The registry's address {redacted(uri)!r} is not sqlite:///FILE, http:// or https://.",
            cure="Set registry-uri, or registry.uri in the configuration.",
        )
    settle()

    def make() -> Any:  # noqa: ANN401
        fetch()
        return _client(uri)

    if scheme == "sqlite":  # MLflow makes its tables at first use, which may take its time
        return make()
    signed_in = _preflight(uri)
    return Patient(Reader(uri, make) if signed_in and can_read(os.environ) else make(), uri)


def _client(uri: str) -> Any:  # noqa: ANN401
    """Return MLflow's own client, once it has answered."""
    with mapped(uri), _first_use(uri), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _stand_in_for_databricks()
        if urlsplit(uri).scheme == "sqlite":
            import_module("sqlalchemy")  # without it MLflow says that it does not know such addresses
            import_module("alembic")
        from mlflow import MlflowClient  # noqa: PLC0415  # 0.8 s that only what writes pays

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        point_at(uri)
        client: Any = MlflowClient(tracking_uri=uri, registry_uri=uri)
        if urlsplit(uri).scheme == "sqlite":
            import_module("mlflow.store.db.utils").MAX_RETRY_COUNT = SQL_TRIES  # type: ignore[attr-defined]
            client.search_registered_models(max_results=1)
        else:
            Patient(client, uri).search_registered_models(max_results=1)
    return client


class Patient:
    """A client each of whose calls has one budget of time; once one was late, the others fail at once."""

    def __init__(self, client: Any, uri: str) -> None:  # noqa: ANN401  # MLflow's client is not typed
        """Stand before it."""
        self._client = client
        self._uri = uri
        self._late = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Return the client's method, bounded."""
        real = getattr(self._client, name)
        if name in LONG_CALLS:
            return real

        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            if self._late:
                raise self._too_late()
            return within(CALL_SECONDS, lambda: real(*arguments, **named), late=self._too_late)

        return call

    def _too_late(self) -> Unreachable:
        self._late = True
        return Unreachable(
            f"The registry {redacted(self._uri)} did not answer within {CALL_SECONDS:g} s.",
            cure="Check that the server runs and is reachable from here.",
        )


def settle() -> None:
    """Set MLflow's patience and manners, unless the user has; it reads them when it is imported."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


def point_at(uri: str) -> None:
    """Make an address MLflow's current one: its sqlite store looks logged models up there, whatever the client says.

    Where MLflow is not there yet its client is still to be made, and does this.
    """
    if "mlflow" in sys.modules:
        sys.modules["mlflow"].set_tracking_uri(uri)


def _stand_in_for_databricks() -> None:
    """Let MLflow find out that `databricks.agents` is not there: it fails where not even `databricks` is.

    The lock leaves that package out, 16 MB that only addresses of another kind need.
    """
    if "databricks" not in sys.modules and find_spec("databricks") is None:
        sys.modules["databricks"] = module_from_spec(ModuleSpec("databricks", None, is_package=True))


@contextmanager
def mapped(uri: str) -> Iterator[None]:
    """Turn MLflow's exceptions into ours."""
    try:
        yield
    except MlCicdError:
        raise
    except ImportError as problem:
        raise InputError(
            f"The registry client is not installed: {problem}.", cure="Install it: `pip install 'ml-cicd[registry]'`."
        ) from problem
    except Exception as problem:
        code = str(getattr(problem, "error_code", ""))
        kind = CODES.get(code, OutsideError)
        text = redacted(re.sub(r"\s+", " ", str(problem)))[:400]
        raise kind(
            f"The registry {redacted(uri)} failed: {text}", cure=CURES.get(code, "See the server's log.")
        ) from problem


def redacted(uri: str) -> str:
    """Return an address without its password."""
    return re.sub(r"//\S*@", "//***@", uri)


def _preflight(uri: str) -> bool:
    """Ask one small question with a short patience: the client alone would hang for minutes.

    False where the server wants to know who asks, and was not told in a way that it takes.
    """
    fields = {"max_results": "1"}

    def question() -> None:
        ask_once(uri, "registered-models/search", fields, seconds=PREFLIGHT_SECONDS)

    try:
        within(PREFLIGHT_SECONDS, question, late=lambda: TimeoutError("it answers too slowly"))
    except urllib.error.HTTPError as problem:
        with problem:
            text = problem.read(300).decode(errors="replace")
        if problem.code in {401, 403}:
            return False  # somebody is there; the client knows more ways to sign in, and does not repeat these
        kind = Refused if 400 <= problem.code < 500 else Unreachable
        cure = "Check the address and the server's log."
        if leads := problem.headers.get("Location", "").partition("?")[0].partition(API)[0]:
            text, cure = f"it leads to {redacted(leads)}.", "Give that address, if the registry is there."
        raise kind(f"The registry {redacted(uri)} answers {problem.code}: {text}", cure=cure) from problem
    except (OSError, HTTPException, ValueError) as problem:
        raise Unreachable(
            f"The registry {redacted(uri)} does not answer as MLflow does: {getattr(problem, 'reason', problem)}.",
            cure="Check that the server runs and is reachable from here.",
        ) from problem
    return True


@contextmanager
def _first_use(uri: str) -> Iterator[None]:
    """Let one process at a time open a sqlite file: several that create its tables at once break each other."""
    if urlsplit(uri).scheme != "sqlite":
        yield
        return
    path = sqlite_file(uri)
    if not path.parent.is_dir():
        raise InputError(
            f"The registry's folder {path.parent} does not exist.", cure="Create it, or correct the address."
        )
    import fcntl  # noqa: PLC0415  # not on Windows, where a server can be reached all the same

    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sqlite_file(uri: str) -> Path:
    """Return the file of a `sqlite:///FILE` address."""
    return Path(uri.removeprefix("sqlite:///")).absolute()
