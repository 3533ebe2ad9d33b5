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


def remembered(proxy: Proxy, since: float, count: int) -> tuple[str, ...]:
    """Return the champion's examples once there are so many: HAProxy writes its log a moment after the answer."""
    end = time.monotonic() + 5
    while len(found := proxy.source().examples("blue", since=since)) < count and time.monotonic() < end:
        time.sleep(0.01)
    return found


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
        counted = proxy.source().read()["blue"]
        assert counted.events == {"errors": 1, "refusals": 0}
        assert not any(
            "status 400" in one and "went away" not in one for one in proxy.source().examples("blue", since=0)
        )


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("answer 5xx", "GET /: status 500 after "),
        ("answer 4xx", "GET /: status 422 after "),
        ("answer broken off", "the slot refused or broke the connection"),
        ("no answer", "the slot took longer than `timeout server`"),
        ("no connection", "status 503 after 10.. ms, after a retry, the slot refused or broke the connection"),
        ("hidden by a retry", "GET /: status 200 after 10.. ms, after a retry"),
    ],
)
def test_each_kind_is_told_apart(proxy: Proxy, how: str, words: str) -> None:
    """One failed request is one failure of its kind, and a log ring has it."""
    before = time.time()
    fail(proxy, how)
    assert kinds(proxy) == {how: 1}
    source = proxy.source()
    assert source.examples("green", since=before) == ()
    assert source.examples("blue", since=before + 60) == ()
    (found,) = remembered(proxy, before, 1)
    assert re.search(words, found)


def test_many_refusals_leave_a_failure_where_it_is(proxy: Proxy) -> None:
    """Each has a ring of its own, and an answer 200 is in neither."""
    before, slot = time.time(), proxy.slots["blue"]
    slot.status = 500
    proxy.served_by(1)
    slot.status = 404
    proxy.served_by(300, path="/a-path-that-is-long-enough-to-fill-a-ring-of-32-kB" * 4)
    slot.status = 200
    proxy.served_by(1, path="/good")
    failed, refused = remembered(proxy, before, 2)
    assert "status 500" in failed
    assert "status 404" in refused


def test_nothing_of_a_user_is_remembered(proxy: Proxy) -> None:
    """A query and a header may name somebody: the ring has the path alone."""
    before = time.time()
    proxy.slots["blue"].status = 500
    proxy.served_by(1, user="ada", path="/predict?name=ada")
    (found,) = remembered(proxy, before, 1)
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
        assert proxy.source().examples("blue", since=0) == ()
