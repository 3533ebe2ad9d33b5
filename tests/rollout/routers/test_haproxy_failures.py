"""How requests failed, and one of them, as a real HAProxy tells it."""

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.client import IncompleteRead

import pytest

from tests.contracts.haproxy_process import Proxy, running_haproxy


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A running HAProxy whose patience is short."""
    with running_haproxy(change=lambda text: text.replace("timeout server 30s", "timeout server 300ms")) as found:
        yield found


def kinds(proxy: Proxy) -> dict[str, int]:
    """Return what happened to the champion's requests, without what did not."""
    return {name: count for name, count in proxy.source().read()["blue"].kinds.items() if count}


def fail(proxy: Proxy, how: str) -> None:
    """Send one request that fails in this way."""
    slot = proxy.slots["blue"]
    if how == "answer 5xx":
        slot.status = 500
    elif how == "answer 4xx":
        slot.status = 422
    elif how == "answer broken off":
        slot.cut = True
    elif how == "no answer":
        slot.answers.clear()
    else:
        proxy.kill_slot("blue")
    back = threading.Timer(0.3, proxy.restart_slot, ("blue",))
    if how == "hidden by a retry":
        back.start()
    with contextlib.suppress(IncompleteRead):
        proxy.served_by(1)
    if how == "hidden by a retry":
        back.join()


def test_a_user_who_gives_up_is_told_once() -> None:
    """HAProxy answers 400 to nobody then: that is no answer 4xx of the slot's."""
    with running_haproxy() as proxy:
        proxy.slots["blue"].answers.clear()
        end = time.monotonic() + 10
        with socket.create_connection(("127.0.0.1", proxy.port)) as user:
            user.sendall(b"GET / HTTP/1.1\r\nHost: models\r\n\r\n")
            while not proxy.source().read()["blue"].open and time.monotonic() < end:
                time.sleep(0.01)
        while proxy.source().read()["blue"].open and time.monotonic() < end:
            time.sleep(0.01)
        assert kinds(proxy) == {"given up by the user": 1}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("answer 5xx", "GET /: status 500 after "),
        ("answer 4xx", ""),
        ("answer broken off", "the slot refused or broke the connection"),
        ("no answer", "the slot took longer than `timeout server`"),
        ("no connection", "status 503 after 10.. ms, after a retry, the slot refused or broke the connection"),
        ("hidden by a retry", "GET /: status 200 after 10.. ms, after a retry"),
    ],
)
def test_each_kind_is_told_apart(proxy: Proxy, how: str, words: str) -> None:
    """One failed request is one failure of its kind, and the log ring has it (refusals are no failures to HAProxy)."""
    before = time.time()
    fail(proxy, how)
    assert kinds(proxy) == {how: 1}
    source = proxy.source()
    assert source.last_failure("green", since=before) == ""
    assert source.last_failure("blue", since=before + 60) == ""
    found = source.last_failure("blue", since=before)
    assert re.search(words, found) if words else found == ""


def test_nothing_of_a_user_is_remembered(proxy: Proxy) -> None:
    """A query and a header may name somebody: the ring has the path alone."""
    before = time.time()
    proxy.slots["blue"].status = 500
    proxy.served_by(1, user="ada", path="/predict?name=ada")
    found = proxy.source().last_failure("blue", since=before)
    assert "GET /predict: status 500" in found
    assert "ada" not in found


def test_a_configuration_without_a_ring_remembers_nothing() -> None:
    """There is no such ring: no example, and no error."""

    def without(text: str) -> str:
        ring = text[text.index("ring failures") : text.index("frontend models")]
        return "\n".join(line for line in text.replace(ring, "").splitlines() if "ring@" not in line) + "\n"

    with running_haproxy(change=without) as proxy:
        proxy.slots["blue"].status = 500
        proxy.served_by(1)
        assert proxy.source().last_failure("blue", since=0) == ""
