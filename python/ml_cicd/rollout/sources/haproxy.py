"""HAProxy's own counters (ports.MetricSource)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from ml_cicd.ground.errors import CorruptState, NotFound
from ml_cicd.rollout.routers import haproxy_socket
from ml_cicd.rollout.state import Counters
from ml_cicd.rollout.times import bucket_of
from ml_cicd.rollout.users import Group
from ml_cicd.settings import setting, text

ENDED = tuple(f"hrsp_{kind}" for kind in ("1xx", "2xx", "3xx", "4xx", "5xx", "other"))
RINGS: Mapping[str, str] = {"failures": "", "refusals": "4"}  # each with what the status begins with
LOGGED = ("at", "slot", "status", "ended", "retries", "took", "method", "path")
ENDS: Mapping[str, str] = {
    "S": ", the slot refused or broke the connection",
    "s": ", the slot took longer than `timeout server`",
    "C": ", the user went away",
    "c": ", the user said nothing more",
}
CHARGED = "charged"  # the template's table, and with it the template's `retries 1`
DEPUTY = "-deputy"  # and its backends, in which a slot answers for the other one
EVENTS: Mapping[str, tuple[str, ...]] = {
    "errors": ("hrsp_5xx", "srv_abrt", "cli_abrt"),
    "refusals": (),
}
REFUSED = ("hrsp_4xx",)  # of the servers: a backend's own count has users who gave up, and what HAProxy refused itself

RETRIED = ("wretr", "wredis")
TABLE = "times"
USERS_TABLE = "ml-cicd-users"
USER_EVENTS: Mapping[str, str] = {"errors": "http_fail_cnt", "refusals": "http_err_cnt"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Where HAProxy is asked."""

    socket: str = setting(text(), "Absolute path of the runtime socket.")


class HasSocket(Protocol):
    """These settings, or those of the router."""

    @property
    def socket(self) -> str:
        """Path of the runtime socket."""


class HaproxySource:
    """The counters of each slot's backend.

    Requests are those that have ended, each counted once by the class of its answer (hrsp_*, `other` where there was
    none); a request under way is `open` (scur) and neither good nor bad. `errors` are answers 5xx, HAProxy's own 502,
    503 and 504 among them, answers that broke off (srv_abrt) and users who gave up waiting (cli_abrt). `refusals` are
    answers 4xx of the slot itself: HAProxy counts a 400 of its own where a user gives up. The epoch is HAProxy's
    process, so a reload starts anew.

    Times are in the stick table `times`, if the configuration has it, with a key `slot:milliseconds` for each time that
    there was, rounded down to two digits.

    Where the configuration follows the template (it has the table `charged`), what it hides from users is counted too:

    retried     `retries 1` makes every retry (wretr, wredis) a request of its own. One that failed in the end is among
                the answers 5xx already: its server says so (econ), so that it is taken off again. Where a slot has
                several servers, a request that waited for its retry while the last one went down is counted twice.
    turned away requests that a slot without servers would have had. The other one answered them, in a backend of its
                own, where they are nobody's evidence; they are requests and errors of the slot that is down.

    Tried on 2.6, which does not tell how often a single request was retried.
    """

    def __init__(self, settings: HasSocket, slots: tuple[str, ...]) -> None:
        """Name the socket and the backends; connects to nothing."""
        self._socket = settings.socket
        self._slots = slots

    def read(self) -> Mapping[str, Counters]:
        """Return cumulative counters by slot."""
        facts = haproxy_socket.info(self._socket)
        epoch = f"{facts.get('Pid', '')}:{facts.get('Start_time_sec', '')}"
        charged = haproxy_socket.table_counts(self._socket, CHARGED)
        times = _times(haproxy_socket.table_counts(self._socket, TABLE), self._slots)
        rows = haproxy_socket.statistics(self._socket)
        names = {row.get("pxname", "") for row in rows}
        found: dict[str, Counters] = {}
        for row in rows:
            slot = row.get("pxname", "")
            if slot not in self._slots or row.get("svname") != "BACKEND":
                continue
            events = {name: _sum((row,), fields) for name, fields in EVENTS.items()}
            servers = [one for one in rows if one.get("pxname") == slot and one is not row]
            events["refusals"] = _sum(servers, REFUSED)
            away, hidden = 0, 0
            if charged is not None:
                away, hidden = charged.get(slot, 0), _retried(row, servers)
                events["errors"] += away + hidden
            found[slot] = Counters(
                kinds=_kinds(row, servers, hidden=hidden, away=away),
                requests=_sum((row,), ENDED) + away,
                epoch=epoch,
                events=events,
                open=_count(row, "scur"),
                reachable=row.get("status") != "DOWN",
                away=away if charged is not None and f"{slot}{DEPUTY}" in names else None,
                times=None if times is None else times[slot],
            )
        missing = [slot for slot in self._slots if slot not in found]
        if missing:
            raise NotFound(
                f"HAProxy has no backend called {missing[0]!r}.", cure="Each slot needs a backend of the same name."
            )
        return found

    def examples(self, slot: str, *, since: float) -> tuple[str, ...]:
        """Return what the template's log rings remember: no user, no query, no body."""
        return tuple(filter(None, (self._last(ring, slot, status, since) for ring, status in RINGS.items())))

    def _last(self, ring: str, slot: str, status: str, since: float) -> str:
        for line in reversed(haproxy_socket.ask(self._socket, f"show events {ring}").splitlines()):
            words = line.split(maxsplit=len(LOGGED) - 1)
            if len(words) == len(LOGGED) and words[0].isdigit() and int(words[0]) >= int(since):
                found = dict(zip(LOGGED, words, strict=True))
                if found["slot"] == slot and found["status"].startswith(status) and (not status or not _ended(found)):
                    return _failure(found)
        return ""

    def groups(self) -> tuple[Group, ...]:
        """Return the groups of users that the table `ml-cicd-users` counts; none where there is no such table.

        It counts what a slot answered: a connection that fails and an answer that breaks off are the slot's, not a
        user's, and are left to `read`.
        """
        found = []
        for entry in haproxy_socket.table(self._socket, USERS_TABLE) or ():
            slot, salt, number = [*entry.get("key", "").split("/"), "", ""][:3]
            if slot in self._slots and number.isdigit():
                events = {name: _count(entry, field) for name, field in USER_EVENTS.items()}
                requests = _count(entry, "http_req_cnt")
                found.append(Group(slot=slot, salt=salt, number=int(number), requests=requests, events=events))
        return tuple(found)


def connect(settings: HasSocket, slots: tuple[str, ...]) -> HaproxySource:
    """Return the source of these settings."""
    return HaproxySource(settings, slots)


def _retried(row: Mapping[str, str], servers: Sequence[Mapping[str, str]]) -> int:
    """Return how many requests were retried and did not fail at their server in the end.

    Where there is one server, a retry that would go to another (wredis) is one that found it down: it failed.
    """
    retried = RETRIED if len(servers) > 1 else RETRIED[:1]
    return max(0, _sum((row,), retried) - _sum(servers, ("econ",)))


def _kinds(
    row: Mapping[str, str], servers: Sequence[Mapping[str, str]], *, hidden: int, away: int
) -> Mapping[str, int]:
    """Return failures by kind. What of the answers 5xx is not the servers' own is HAProxy's, for want of one; what of
    the answers 4xx is not, are users who gave up.
    """
    own, refused = _sum(servers, ("hrsp_5xx",)), _count(row, "econ")
    return {
        "answer 5xx": own,
        "answer 4xx": _sum(servers, ("hrsp_4xx",)),
        "no connection": refused,
        "no answer": max(0, _count(row, "hrsp_5xx") - own - refused),
        "answer broken off": _count(row, "srv_abrt"),
        "given up by the user": _count(row, "cli_abrt"),
        "hidden by a retry": hidden,
        "answered by the other slot": away,
    }


def _ended(found: Mapping[str, str]) -> bool:
    """Whether HAProxy or the user ended the request, so that an answer 4xx is not the slot's."""
    return found["ended"][:1] in ENDS


def _failure(found: Mapping[str, str]) -> str:
    """Say one line of the ring: termination states are HAProxy's (its manual, 8.5)."""
    at = datetime.fromtimestamp(int(found["at"]), tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    why = ENDS.get(found["ended"][:1], "")
    retried = "" if found["retries"].lstrip("+") == "0" else ", after a retry"
    status = "no answer" if found["status"] == "-1" else f"status {found['status']}"
    return f"{at} {found['method']} {found['path']}: {status} after {found['took']} ms{retried}{why}"


def _sum(rows: Iterable[Mapping[str, str]], names: tuple[str, ...]) -> int:
    return sum(_count(row, name) for row in rows for name in names)


def _times(rows: Mapping[str, int] | None, slots: tuple[str, ...]) -> Mapping[str, Mapping[int, int]] | None:
    """Return each slot's answers by bucket; None where HAProxy has no such table."""
    if rows is None:
        return None
    found: dict[str, dict[int, int]] = {slot: {} for slot in slots}
    for key, count in rows.items():
        slot, _, took = key.rpartition(":")
        if slot in found and took.lstrip("-").isdigit():  # below 0 where the clock was put back meanwhile
            bucket = bucket_of(int(took))
            found[slot][bucket] = found[slot].get(bucket, 0) + count
    return {slot: dict(sorted(numbers.items())) for slot, numbers in found.items()}


def _count(row: Mapping[str, str], name: str) -> int:
    text = row.get(name) or "0"
    if not text.isdigit():
        raise CorruptState(f"HAProxy's counter {name} reads {text[:40]!r}.", cure="Check HAProxy's version.")
    return int(text)
