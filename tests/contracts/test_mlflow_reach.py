"""Reaching MLflow: short patience, and every failure one of ours with its cure."""

import itertools
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE, PERMISSION_DENIED

from ml_cicd.ground.errors import CorruptState, Exit, InputError, IntegrityError, MlCicdError, Refused, Unreachable
from ml_cicd.registry.mlflow import client as mlflow_client
from ml_cicd.registry.mlflow.abilities import check_abilities
from ml_cicd.registry.mlflow.reading import trust
from ml_cicd.registry.mlflow.versions import MlflowRegistry
from tests.contracts.mlflow_process import free_port
from tests.contracts.registry_places import open_place
from tests.contracts.test_registry_contract import entry, wanted
from tests.fakes.model_folder import model_folder

RACER = "import sys; from ml_cicd.registry.mlflow.versions import MlflowRegistry as R; R(sys.argv[1]).snapshot('m')"


@contextmanager
def answering(code: int, body: str, *, leads: str = "", asked: list[str] | None = None) -> Iterator[str]:
    """A server that gives one answer to everything, and notes who signed in."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked is not None:
                asked.append(self.headers.get("Authorization", ""))
            self.send_response(code)
            if leads:
                self.send_header("Location", leads + self.path)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("uri", ["", "mlruns", "file:///tmp/x", "./mlruns", "databricks", "s3://bucket", "ftp://host"])
def test_other_addresses_are_refused(uri: str) -> None:
    """Only sqlite and http(s) are registries; MLflow's default depends on the current folder."""
    with pytest.raises(InputError, match="registry-uri"):
        MlflowRegistry(uri)


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///", "sqlite:///absent/folder/r.db"])
def test_sqlite_needs_a_file_in_a_folder(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database in memory or in a folder that is not there is refused, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        MlflowRegistry(uri)
    assert list(tmp_path.iterdir()) == []


def test_nobody_there_is_unreachable() -> None:
    """A refused connection is told at once, with what to check."""
    with pytest.raises(Unreachable, match="server runs") as caught:
        MlflowRegistry(f"http://127.0.0.1:{free_port()}")
    assert caught.value.exit_code is Exit.OUTSIDE


def test_silence_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and never answers is given up after the preflight's patience."""
    monkeypatch.setattr(mlflow_client, "PREFLIGHT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Unreachable):
        MlflowRegistry(f"http://127.0.0.1:{silent.getsockname()[1]}")


@pytest.mark.parametrize(
    ("code", "body", "kind", "cure"),
    [
        (401, "You are not authenticated.", Refused, "MLFLOW_TRACKING_USERNAME"),
        (403, "Invalid Host header", Refused, "--allowed-hosts"),
        (404, "no such page", Refused, "address"),
        (500, "oh", Unreachable, "log"),
        (200, "<html>some other site</html>", Unreachable, "server runs"),
    ],
)
def test_each_answer_has_its_cure(code: int, body: str, kind: type[MlCicdError], cure: str) -> None:
    """Missing credentials, a host that is not allowed, a wrong address and a broken server are told apart."""
    with answering(code, body) as uri, pytest.raises(kind, match=cure):
        MlflowRegistry(uri)


def test_a_password_stays_out_of_messages() -> None:
    """An address with credentials is shown without them."""
    with pytest.raises(Unreachable) as caught:
        MlflowRegistry(f"http://user:secret@127.0.0.1:{free_port()}")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("broken", ["s3cret\n", "s3cret\r", "s3\ncret"])
def test_a_token_with_a_line_break_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """A secret that was set by `echo` ends with one; the standard library's own message would hold all of it."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", broken)
    with pytest.raises(InputError, match="MLFLOW_TRACKING_TOKEN has a line break") as problem:
        MlflowRegistry(f"http://127.0.0.1:{free_port()}")
    assert "s3" not in str(problem.value)


def test_what_signs_us_in_goes_to_no_other_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that leads elsewhere is not followed; the message says where it leads, so that one can go there."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cret")
    asked: list[str] = []
    with answering(200, "{}", asked=asked) as elsewhere, answering(301, "", leads=elsewhere) as uri:
        with pytest.raises(Unreachable, match=f"answers 301: it leads to {elsewhere}\\. Give that address") as problem:
            MlflowRegistry(uri)
        assert (asked, "s3cret" in str(problem.value)) == ([], False)


def test_trust_is_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates are checked unless MLflow's own switch says otherwise; its own bundle is read."""
    assert trust().verify_mode is ssl.CERT_REQUIRED
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", "/absent.pem")
    with pytest.raises(Unreachable, match="No such file"):
        MlflowRegistry(f"https://127.0.0.1:{free_port()}")
    monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    assert trust().verify_mode is ssl.CERT_NONE


def test_fresh_sqlite_by_four_processes(tmp_path: Path) -> None:
    """Jobs that start at once on a database that is not there yet do not break each other."""
    command = [sys.executable, "-c", RACER, f"sqlite:///{tmp_path}/r.db"]
    racers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    problems = [racer.communicate(timeout=240)[1] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 4, problems


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One sqlite registry for the tests below."""
    with open_place("sqlite", tmp_path_factory.mktemp("sqlite")) as place:
        yield place.uri


def _file(uri: str, pattern: str) -> Path:
    return next(Path(uri.removeprefix("sqlite:///")).parent.rglob(pattern))


def test_artifacts_lie_beside_the_database(sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sqlite registry writes nothing into the current folder."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    MlflowRegistry(sqlite).register(wanted("beside", model_folder(tmp_path / "model")))
    assert list((tmp_path / "cwd").iterdir()) == []
    assert b"weights" in _file(sqlite, "model.pt2").read_bytes()


def test_tampered_artifacts_are_found(sqlite: str, tmp_path: Path) -> None:
    """Artifacts that somebody changed behind a registered version are refused when it is registered again."""
    request = wanted("tampered", model_folder(tmp_path / "model", b"honest weights"))
    registry = MlflowRegistry(sqlite)
    registry.register(request)
    stored = next(
        p for p in Path(sqlite.removeprefix("sqlite:///")).parent.rglob("*.pt2") if b"honest" in p.read_bytes()
    )
    stored.write_bytes(b"other weights")
    with pytest.raises(IntegrityError, match="changed its artifacts"):
        registry.register(request)


def test_download_leaves_the_source_alone(sqlite: str, tmp_path: Path) -> None:
    """Reading a local registry writes nothing into it."""
    registry = MlflowRegistry(sqlite)
    version, _ = registry.register(wanted("source", model_folder(tmp_path / "model")))
    root = Path(sqlite.removeprefix("sqlite:///")).parent
    before = sorted(root.rglob("*"))
    registry.download(version, str(tmp_path))
    assert sorted(root.rglob("*")) == before


class Failing:
    """MLflow's client, but for one call that fails with what a server would say."""

    def __init__(self, client: Any, call: str, problem: Exception) -> None:
        """Stand before it."""
        self._client = client
        self._call = call
        self._problem = problem

    def __getattr__(self, name: str) -> Any:
        """Fail the one, pass on the others."""

        def fail(*_: object, **__: object) -> None:
            raise self._problem

        return fail if name == self._call else getattr(self._client, name)


@pytest.mark.parametrize(
    ("code", "kind", "cure"),
    [
        (INTERNAL_ERROR, Unreachable, "Check that the server runs"),
        (PERMISSION_DENIED, Refused, "ask for the EDIT permission"),
        (INVALID_PARAMETER_VALUE, Refused, "Check credentials"),
    ],
)
@pytest.mark.parametrize("call", ["create_experiment", "set_registered_model_alias"])
def test_what_really_happened_is_told(tmp_path: Path, call: str, code: int, kind: type[MlCicdError], cure: str) -> None:
    """A call that is tried again for the sake of a race still ends in its own failure, with the cure for that."""
    registry = MlflowRegistry(f"sqlite:///{tmp_path}/r.db")
    request = wanted("told", model_folder(tmp_path / "model"))
    attempts: dict[str, Callable[[], object]] = {
        "create_experiment": lambda: registry.register(request),
        "set_registered_model_alias": lambda: registry.set_alias("told", "challenger", "1"),
    }
    if call == "set_registered_model_alias":
        registry.register(request)
    registry._client = Failing(registry._client, call, MlflowException("The disk is full.", code))
    with pytest.raises(kind, match="The disk is full") as caught:
        attempts[call]()
    assert cure in caught.value.cure


def test_an_answer_that_got_lost_is_no_failure(tmp_path: Path) -> None:
    """An alias that is set although the server did not say so is set."""
    registry = MlflowRegistry(f"sqlite:///{tmp_path}/r.db")
    registry.register(wanted("lost", model_folder(tmp_path / "model")))
    client = registry._client

    class Mute(Failing):
        def __getattr__(self, name: str) -> Any:
            if name == self._call:
                client.set_registered_model_alias("lost", "challenger", "1")
            return super().__getattr__(name)

    registry._client = Mute(client, "set_registered_model_alias", MlflowException("Timed out.", INTERNAL_ERROR))
    assert registry.set_alias("lost", "challenger", "1")


@pytest.mark.parametrize("tag", [None, "", "{", "[]", "{}", '{"schema": 2}', '{"schema": 1, "op": "sell"}'])
def test_foreign_ledger_entries_are_corrupt(tmp_path: Path, sqlite: str, tag: str | None) -> None:
    """An entry that ml-cicd did not write stops every reader: nothing is guessed from half a record."""
    name = f"ledger-{abs(hash(tag))}"
    with open_place("sqlite", Path(sqlite.removeprefix("sqlite:///")).parent) as place:
        place.registry.register(wanted(name, model_folder(tmp_path / "model")))
        place.ledger.append_entry(name, entry("0"))
        client = mlflow_client.connect(sqlite)
        tags = None if tag is None else {"mlcicd.entry": tag}
        client.create_model_version(f"{name}--deployments", f"models:/{name}/1", tags=tags)
        read: list[Callable[[], object]] = [
            lambda: place.ledger.read(name),
            lambda: place.ledger.append_entry(name, entry("1")),
        ]
        for attempt in read:
            with pytest.raises(CorruptState, match=f"Entry 2 of {name}--deployments"):
                attempt()


class OldServer:
    """What an MLflow client meets at a server older than 3.0: it knows models, and no logged ones."""

    def search_logged_models(self, **_: object) -> None:
        """Answer as MLflow's client does on a page of Flask's."""
        raise MlflowException("API request to endpoint x failed with error code 404 != 200. Response body: '<!doctype'")


class DeniedServer:
    """A server that does not let everybody look at every experiment."""

    def search_logged_models(self, **_: object) -> None:
        """Refuse."""
        raise MlflowException("no", error_code=PERMISSION_DENIED)


def test_a_server_without_logged_models_is_named_before_anything_is_created(tmp_path: Path) -> None:
    """The question comes first; a server that merely refuses to answer it is not called old."""
    with pytest.raises(Refused, match="older than 3"):
        check_abilities(OldServer(), "http://old")
    check_abilities(DeniedServer(), "http://new")
    registry = MlflowRegistry(f"sqlite:///{tmp_path}/r.db")
    assert [found.outcome.value for found in registry.examine()] == ["pass"]
    real, registry._client = registry._client, OldServer()
    assert [found.blocks for found in registry.examine()] == [True]
    with pytest.raises(Refused, match="nothing was created"):
        registry.register(wanted("m", model_folder(tmp_path / "m")))
    registry._client = real
    assert registry.snapshot("m").versions == ()


@contextmanager
def dripping(first: bytes, *, honest: int = 0) -> Iterator[str]:
    """A registry that answers some requests, and then sends a byte now and then for ever."""
    over = threading.Event()
    body = b'{"registered_models": []}'
    good = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        % len(body)
    )
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket, *, well: bool) -> None:
        """Answer one request."""
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(good + body if well else first)
            while not well and not over.wait(0.05):
                connection.sendall(b" ")

    def serve() -> None:
        """Answer until the socket is closed."""
        with suppress(OSError):
            for number in itertools.count():
                connection, _ = listener.accept()
                threading.Thread(
                    target=answer, args=(connection,), kwargs={"well": number < honest}, daemon=True
                ).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=10)


HALF_AN_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n"


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX: ", HALF_AN_ANSWER], ids=["nothing", "headers", "body"])
def test_a_registry_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch, first: bytes) -> None:
    """However its bytes come, the first question has one budget."""
    monkeypatch.setattr(mlflow_client, "PREFLIGHT_SECONDS", 0.4)
    with dripping(first) as uri, pytest.raises(Unreachable, match=r"too slowly|does not answer"):
        MlflowRegistry(uri)


def test_a_registry_that_begins_to_drip_is_given_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It answered while this run connected; the next call has one budget too, and those after it ask no more."""
    with dripping(HALF_AN_ANSWER, honest=1) as uri:
        registry = MlflowRegistry(uri)
        monkeypatch.setattr(mlflow_client, "CALL_SECONDS", 0.4)
        with pytest.raises(Unreachable, match=r"within 0\.4 s"):
            registry.snapshot("m")
        monkeypatch.setattr(mlflow_client, "within", None)
        with pytest.raises(Unreachable, match="did not answer within"):
            registry.snapshot("m")


def test_a_sqlite_registry_that_is_no_database(tmp_path: Path) -> None:
    """MLflow tries it a few times, not for two minutes."""
    (tmp_path / "r.db").mkdir()
    with pytest.raises(MlCicdError, match="failed"):
        MlflowRegistry(f"sqlite:///{tmp_path}/r.db")
    from mlflow.store.db import utils  # slow to import

    assert utils.MAX_RETRY_COUNT == mlflow_client.SQL_TRIES
