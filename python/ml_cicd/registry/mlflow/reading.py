"""Two questions of MLflow's documented REST API, asked without its client: what a model's versions and aliases are.

That is all that `status`, and a rollback before it moves traffic, want to know. The client takes a second to import,
and where an action has not installed it yet, ten more.
"""

import base64
import json
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPException, HTTPMessage
from importlib import import_module
from threading import Lock
from types import SimpleNamespace
from typing import IO, Any
from urllib.parse import unquote, urlencode, urlsplit

from ml_cicd.ground.errors import InputError

API = "/api/2.0/mlflow/"
LONGEST_ANSWER = 2**26
TRIES, PAUSE_SECONDS = 3, 0.5
BUSY = {429, 502, 503, 504}
CODES = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "TEMPORARILY_UNAVAILABLE"}
# Ways to sign in, or to say whose registry it is, that are its client's own business.
OTHER_WAYS = ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_WORKSPACE")


class Answer(Exception):
    """What a server said instead of an answer, with MLflow's name for that."""

    def __init__(self, message: str, error_code: str) -> None:
        """Keep the name beside the message, as MLflow's exceptions do."""
        super().__init__(message)
        self.error_code = error_code


class Page(list[Any]):
    """Some versions, and the word that asks for the next ones."""

    token: str = ""


class Reader:
    """Asks the two questions itself; all else it leaves to MLflow's client, which is made when it is first needed."""

    def __init__(self, uri: str, make: Callable[[], Any]) -> None:
        """Remember whom to ask, and how to make the client."""
        self._uri = uri
        self._make = make
        self._lock = Lock()
        self._made: list[Any] = []  # the client, or why there is none

    def get_registered_model(self, name: str) -> Any:  # noqa: ANN401  # what MLflow's client gives is not typed
        """Return a model with its aliases."""
        found = ask(self._uri, "registered-models/get", {"name": name})["registered_model"]
        return SimpleNamespace(aliases={one["alias"]: one["version"] for one in found.get("aliases", ())})

    def search_model_versions(
        self, query: str, *, max_results: int, page_token: str | None, order_by: Sequence[str] = ()
    ) -> Page:
        """Return a page of versions; they can be ordered by one thing."""
        fields = {"filter": query, "max_results": str(max_results), "page_token": page_token or ""}
        fields["order_by"] = "".join(order_by)
        answer = ask(self._uri, "model-versions/search", {name: value for name, value in fields.items() if value})
        page = Page(_version(one) for one in answer.get("model_versions", ()))
        page.token = answer.get("next_page_token", "")
        return page

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Return a method of MLflow's client."""
        with self._lock:
            if not self._made:
                self._made.append(self._tried())
        made = self._made[0]
        if isinstance(made, Exception):  # an install that failed is not waited for again
            raise made
        return getattr(made, name)

    def _tried(self) -> Any:  # noqa: ANN401
        try:
            return self._make()
        except Exception as problem:  # noqa: BLE001  # raised by the caller
            return problem


def _version(found: Mapping[str, Any]) -> SimpleNamespace:
    tags = {tag["key"]: tag.get("value", "") for tag in found.get("tags", ())}
    made = found.get("creation_timestamp")
    return SimpleNamespace(name=found["name"], version=str(found["version"]), tags=tags, creation_timestamp=made)


def can_read(environ: Mapping[str, str]) -> bool:
    """Whether a name and a password, a token, or nothing is how to sign in."""
    return not any(environ.get(name) for name in OTHER_WAYS)


def ask(uri: str, path: str, fields: Mapping[str, str]) -> dict[str, Any]:
    """Ask until there is an answer, or three times where the server is busy.

    Raises:
        Answer: another one than was asked for, or none.
    """
    for left in reversed(range(TRIES)):
        try:
            return ask_once(uri, path, fields, seconds=10.0)
        except urllib.error.HTTPError as problem:
            with problem:
                text = problem.read(2**16).decode(errors="replace")
            if problem.code not in BUSY or not left:
                raise _refusal(problem.code, text) from problem
        except (OSError, HTTPException, ValueError) as problem:
            raise Answer(f"{getattr(problem, 'reason', problem)}", "INTERNAL_ERROR") from problem
        time.sleep(PAUSE_SECONDS)
    raise AssertionError("the last try returns or raises")


def ask_once(uri: str, path: str, fields: Mapping[str, str], *, seconds: float) -> dict[str, Any]:
    """Ask one question; an error of the connection or the server is the standard library's."""
    url = f"{re.sub(r'//[^/@]*@', '//', uri).rstrip('/')}{API}{path}?{urlencode(fields)}"
    request = urllib.request.Request(url, headers=_sign_in(uri, os.environ))  # noqa: S310  # http(s) only, checked
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trust()), _SameHost())
    with opener.open(request, timeout=seconds) as answer:
        found = json.loads(answer.read(LONGEST_ANSWER))
    if not isinstance(found, dict):
        raise ValueError("it sends no JSON object")  # noqa: TRY004  # what it sends is a value
    return found


def _refusal(status: int, text: str) -> Answer:
    """Return what a server says no with: MLflow's own words, or those of whatever stands before it."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        found = json.loads(text)
        return Answer(str(found.get("message", text)), str(found["error_code"]))
    code = CODES.get(status, "INTERNAL_ERROR" if status >= 500 else "BAD_REQUEST")
    return Answer(f"it answers {status}: {text[:300]}", code)


def _sign_in(uri: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the header that MLflow's client would send: of its variables, else of the address.

    Raises:
        InputError: a token that no header can have.
    """
    user, password = environ.get("MLFLOW_TRACKING_USERNAME", ""), environ.get("MLFLOW_TRACKING_PASSWORD", "")
    token = environ.get("MLFLOW_TRACKING_TOKEN", "")
    if not token.isprintable():  # the standard library refuses it too, and shows all of it
        raise InputError("MLFLOW_TRACKING_TOKEN has a line break in it.", cure="Set the secret without one.")
    parts = urlsplit(uri)
    if not (user and password) and not token and parts.username:
        user, password = unquote(parts.username), unquote(parts.password or "")
    if user and password:
        return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows an answer that leads elsewhere on the same host alone: what signs us in is nobody else's."""

    def redirect_request(  # noqa: PLR0913  # the standard library says how many
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """Refuse another host, and the way from https to http."""
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if old.netloc != new.netloc or old.scheme != new.scheme:
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def trust() -> ssl.SSLContext:
    """Trust what MLflow's client trusts: its own variables, else the system's and certifi's authorities."""
    bundle = os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or os.environ.get("REQUESTS_CA_BUNDLE")
    context = ssl.create_default_context(cafile=bundle or None)
    if not bundle:
        with suppress(ImportError):
            context.load_verify_locations(cafile=import_module("certifi").where())
    client = os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH")
    if client:
        context.load_cert_chain(client)
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in {"true", "1"}:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
