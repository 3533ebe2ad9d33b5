"""The table of rights, on a real server with MLflow's basic-auth: a right less, and the command cannot do its work."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("flask_wtf", reason="mlflow[auth] is not installed")

from mlflow import MlflowClient
from mlflow.server.auth.client import AuthServiceClient

from ml_cicd.ground.errors import OutsideError
from ml_cicd.registry.mlflow.ledger import MlflowLedger
from ml_cicd.registry.mlflow.versions import EXPERIMENT, MlflowRegistry
from ml_cicd.registry.versions import ledger_name
from tests.contracts.mlflow_process import mlflow_server
from tests.contracts.test_registry_contract import entry, wanted
from tests.fakes.model_folder import model_folder
from tests.test_docs import ROOT, rows

MODEL = "digits"
PASSWORD = "a long password"  # of a server that lives for this test
pytestmark = pytest.mark.slow
LESS = {"EDIT": "READ", "READ": "none"}
TABLE = {
    command.strip("`"): tuple(rights)
    for command, *rights in rows((ROOT / "docs" / "record.md").read_text("utf-8"), "| command | model | ledger |")
}
CASES = [
    (command, place, right)
    for command, rights in TABLE.items()
    for place, right in enumerate(rights)
    if right != "none" and command != "doctor"  # it asks what `status` asks
]
FRESH = itertools.count()


def sign_in(patch: pytest.MonkeyPatch, user: str) -> None:
    """Be somebody."""
    patch.setenv("MLFLOW_TRACKING_USERNAME", user)
    patch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server where nobody may do anything that was not granted, with a model and a ledger of an administrator's."""
    place = tmp_path_factory.mktemp("auth")
    settings = place / "auth.ini"
    settings.write_text(
        f"[mlflow]\ndefault_permission = NO_PERMISSIONS\ndatabase_uri = sqlite:///{place}/auth.db\n"
        "admin_username = admin\nauthorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "auth_cache_ttl_seconds = 600\n"  # else every request costs the hash of a password
    )
    variables = {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "secret",
    }
    with mlflow_server(place, "--app-name", "basic-auth", **variables) as uri, pytest.MonkeyPatch.context() as patch:
        sign_in(patch, "admin")
        MlflowRegistry(uri).register(wanted(MODEL, model_folder(place / "model")))
        MlflowLedger(uri).append_entry(MODEL, entry("0"))
        yield uri


def user_with(uri: str, rights: tuple[str, ...]) -> str:
    """Make a user with these rights on model, ledger and experiment."""
    auth, name = AuthServiceClient(uri), f"user{next(FRESH)}"
    auth.create_user(name, PASSWORD)
    experiment = MlflowClient(uri, uri).get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    things = (
        ("registered_model", MODEL),
        ("registered_model", ledger_name(MODEL)),
        ("experiment", experiment.experiment_id),
    )
    for (kind, which), right in zip(things, rights, strict=True):
        if right != "none":
            auth.grant_user_permission(name, kind, which, right)
    return name


def works(command: str, uri: str, folder: Path) -> bool:
    """Ask and write what the command asks and writes."""
    registry, ledger = MlflowRegistry(uri), MlflowLedger(uri)
    try:
        known, record = registry.snapshot(MODEL), ledger.read(MODEL)
        if not known.versions or not record.entries:
            return False
        if command == "fetch":
            registry.download(known.versions[0], str(folder))
        if command == "register":
            made, _ = registry.register(wanted(MODEL, model_folder(folder / "model"), key=folder.name))
            registry.set_alias(MODEL, "challenger", made.number)
        if command in {"canary", "rollback"}:
            ledger.append_entry(MODEL, entry(record.head))
            registry.set_alias(MODEL, "champion", "1" if known.aliases.get("champion") != "1" else "2")
    except OutsideError:
        return False
    return True


@pytest.mark.parametrize(("command", "place", "right"), CASES)
def test_each_right_is_needed_and_all_are_enough(
    server: str, command: str, place: int, right: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the row's rights the work is done; with one of them lowered it is not."""
    registry = MlflowRegistry(server)
    registry.register(wanted(MODEL, model_folder(tmp_path / "second"), key="second"))  # something to move to
    full = TABLE[command]
    less = (*full[:place], LESS[right], *full[place + 1 :])
    enough, lacking = user_with(server, full), user_with(server, less)
    for user, able in ((lacking, False), (enough, True)):
        folder = tmp_path / user
        folder.mkdir()
        sign_in(monkeypatch, user)
        assert works(command, server, folder) is able, user
