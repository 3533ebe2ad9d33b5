"""Versions and aliases read without MLflow's client, from a server that speaks its documented REST API.

That a real server speaks it so is held by the contracts: whatever they read behind http comes this way.
"""

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ml_cicd.ground.errors import MlCicdError, OutsideError, Refused, Unreachable
from ml_cicd.registry.mlflow import reading
from ml_cicd.registry.mlflow.ledger import MlflowLedger
from ml_cicd.registry.mlflow.versions import MlflowRegistry

ABSENT = (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Not there."})
MODEL = {"registered_model": {"name": "m", "aliases": [{"alias": "champion", "version": "2"}]}}
WITHOUT = """
import sys
sys.modules["mlflow"] = None
from ml_cicd.registry.mlflow.ledger import MlflowLedger
from ml_cicd.registry.mlflow.versions import MlflowRegistry
found = MlflowRegistry(sys.argv[1]).snapshot("m")
print([v.number for v in found.versions], dict(found.aliases), len(MlflowLedger(sys.argv[1]).read("m").entries))
"""
Reply = tuple[int, Any]


def nothing(_fields: dict[str, str]) -> Reply:
    """An answer without anything."""
    return 200, {}


@dataclass
class Server:
    """Answers by the last part of the path; remembers what it was asked."""

    replies: dict[str, Callable[[dict[str, str]], Reply]]
    uri: str = ""
    stop: Callable[[], None] = lambda: None
    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    def reply(self, path: str, sign: str) -> Reply:
        """Answer one question."""
        parts = urlsplit(path)
        name = parts.path.removeprefix("/api/2.0/mlflow/")
        fields = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.asked.append((name, fields, sign))
        return self.replies.get(name, nothing)(fields)


def version(number: int) -> dict[str, object]:
    """A version as the API gives it."""
    return {"name": "m", "version": str(number), "tags": [{"key": "mlcicd.model_digest", "value": f"d{number}"}]}


def pages(fields: dict[str, str]) -> Reply:
    """Two versions on two pages, and no ledger."""
    if "deployments" in fields["filter"]:
        return 200, {}
    if fields.get("page_token") == "more":
        return 200, {"model_versions": [version(1)]}
    return 200, {"model_versions": [version(2)], "next_page_token": "more"}


@pytest.fixture
def server() -> Iterator[Server]:
    """One on a loopback port."""
    found = Server({"registered-models/get": lambda _: (200, MODEL), "model-versions/search": pages})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = found.reply(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", body)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.05,))
    thread.start()
    found.uri = f"http://127.0.0.1:{httpd.server_port}"

    def stop() -> None:
        httpd.shutdown()
        thread.join()
        httpd.server_close()

    found.stop = stop
    yield found
    stop()


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No way to sign in but a test's own, and no pauses."""
    for name in ("USERNAME", "PASSWORD", "TOKEN", "AUTH", "AWS_SIGV4"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.setattr(reading, "PAUSE_SECONDS", 0.0)


def never() -> None:
    """Stand for the install of MLflow's client where none may be."""
    raise AssertionError("it is fetched")


def test_nothing_of_mlflow_is_needed_to_read(server: Server) -> None:
    """All pages of versions with their tags, aliases, and the ledger, in a process that cannot import MLflow."""
    answer = subprocess.run([sys.executable, "-c", WITHOUT, server.uri], check=True, capture_output=True, text=True)
    assert answer.stdout == "['1', '2'] {'champion': '2'} 0\n"


def test_a_model_that_is_not_there_is_empty(server: Server) -> None:
    """MLflow's word for it is no error."""
    server.replies["registered-models/get"] = lambda _: ABSENT
    assert MlflowRegistry(server.uri, never).snapshot("m").versions == ()


@pytest.mark.parametrize(
    ("call", "number"),
    [
        (lambda registry: registry.set_alias("m", "champion", "1"), 1),
        (lambda registry: registry.snapshot("m"), 0),
        (lambda registry: registry.examine(), 1),
    ],
    ids=["write", "read", "examine"],
)
def test_the_client_comes_when_it_is_needed(server: Server, call: Callable[[Any], object], number: int) -> None:
    """Before the first write, once; a failure to bring it is what the caller gets."""
    fetched: list[str] = []

    def fetch() -> None:
        fetched.append("now")
        raise OutsideError("The packages could not be installed.", cure="Check the index.")

    registry = MlflowRegistry(server.uri, fetch)
    try:
        shown = str(call(registry))
    except OutsideError as problem:
        shown = str(problem)
    assert len(fetched) == number
    assert ("could not be installed" in shown) is bool(number)


BASIC = f"Basic {base64.b64encode(b'ann:a b').decode()}"


@pytest.mark.parametrize(
    ("environ", "user", "wanted"),
    [
        ({}, "", ""),
        ({"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "a b"}, "", BASIC),
        ({"MLFLOW_TRACKING_TOKEN": "t"}, "", "Bearer t"),
        ({"MLFLOW_TRACKING_TOKEN": "t", "MLFLOW_TRACKING_USERNAME": "ann"}, "", "Bearer t"),
        ({}, "ann:a%20b@", BASIC),
    ],
    ids=["nobody", "user", "token", "half a user", "address"],
)
def test_it_signs_in_as_the_client_does(
    server: Server, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], user: str, wanted: str
) -> None:
    """With the variables, else with what stands in the address; each question carries it, the first one too."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    MlflowLedger(server.uri.replace("//", f"//{user}"), never).read("m")
    assert {sign for _, _, sign in server.asked} == {wanted}
    assert len(server.asked) == 2


@pytest.mark.parametrize("name", reading.OTHER_WAYS)
def test_other_ways_to_sign_in_are_the_clients(server: Server, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Where a plugin, a cloud's signature or a workspace is asked for, MLflow's own client reads, too."""
    monkeypatch.setenv(name, "x")
    with pytest.raises(AssertionError, match="it is fetched"):
        MlflowRegistry(server.uri, never)


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_refuses_gets_the_client(server: Server, status: int) -> None:
    """It knows more ways, a file of credentials among them."""
    server.replies["registered-models/search"] = lambda _: (status, {})
    with pytest.raises(AssertionError, match="it is fetched"):
        MlflowRegistry(server.uri, never)


def test_what_signs_us_in_stays_with_the_host(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that leads to another host is refused, one that leads elsewhere on the same host is followed."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    registry = MlflowRegistry(server.uri, never)
    server.replies["registered-models/get"] = lambda _: (302, f"{server.uri.replace('127.0.0.1', 'localhost')}/else")
    with pytest.raises(OutsideError, match="302"):
        registry.snapshot("m")
    assert not [name for name, _, _ in server.asked if name == "/else"]
    server.replies["registered-models/get"] = lambda _: (302, f"{server.uri}/api/2.0/mlflow/here")
    server.replies["here"] = lambda _: (200, MODEL)
    assert registry.snapshot("m").aliases == {"champion": "2"}


def test_a_busy_server_is_asked_again(server: Server) -> None:
    """Twice busy is no failure; three times is one, of a server that is there."""
    replies: list[Reply] = [(503, {}), (429, {}), (200, MODEL)]
    server.replies["registered-models/get"] = lambda _: replies.pop(0) if replies else (503, {})
    registry = MlflowRegistry(server.uri, never)
    assert registry.snapshot("m").aliases == {"champion": "2"}
    with pytest.raises(Unreachable):
        registry.snapshot("m")


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        ((403, {"error_code": "PERMISSION_DENIED", "message": "Not yours."}), Refused, "Not yours."),
        ((403, "<html>"), Refused, "answers 403"),
        ((401, {}), Refused, "answers 401"),
        ((500, {"error_code": "INTERNAL_ERROR", "message": "Oh."}), Unreachable, "Oh."),
        ((418, []), Refused, "answers 418"),
        ((200, []), Unreachable, "no JSON object"),
    ],
)
def test_each_answer_is_one_of_ours(server: Server, reply: Reply, kind: type[MlCicdError], says: str) -> None:
    """With MLflow's words where there are some, and with the cure that the client's own errors have."""
    registry = MlflowRegistry(server.uri, never)
    server.replies["registered-models/get"] = lambda _: reply
    with pytest.raises(kind, match=says) as caught:
        registry.snapshot("m")
    assert caught.value.cure


def test_a_server_that_went_away_is_unreachable(server: Server) -> None:
    """Between two questions."""
    registry = MlflowRegistry(server.uri, never)
    server.stop()
    with pytest.raises(Unreachable):
        registry.snapshot("m")
