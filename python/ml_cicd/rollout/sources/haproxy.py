"""HAProxy's own counters (ports.MetricSource)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ml_cicd.ground.errors import CorruptState, NotFound
from ml_cicd.rollout.routers import haproxy_socket
from ml_cicd.rollout.state import Counters
from ml_cicd.rollout.users import Group
from ml_cicd.settings import setting, text

ENDED = tuple(f"hrsp_{kind}" for kind in ("1xx", "2xx", "3xx", "4xx", "5xx", "other"))
EVENTS: Mapping[str, tuple[str, ...]] = {
    "errors": ("hrsp_5xx", "srv_abrt", "cli_abrt"),
    "refusals": ("hrsp_4xx",),
}
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
    answers 4xx. Tried on 2.6. The epoch is HAProxy's process, so a reload starts anew.
    """

    def __init__(self, settings: HasSocket, slots: tuple[str, ...]) -> None:
        """Name the socket and the backends; connects to nothing."""
        self._socket = settings.socket
        self._slots = slots

    def read(self) -> Mapping[str, Counters]:
        """Return cumulative counters by slot."""
        facts = haproxy_socket.info(self._socket)
        epoch = f"{facts.get('Pid', '')}:{facts.get('Start_time_sec', '')}"
        found: dict[str, Counters] = {}
        for row in haproxy_socket.backends(self._socket):
            slot = row.get("pxname", "")
            if slot in self._slots:
                events = {name: sum(_count(row, field) for field in fields) for name, fields in EVENTS.items()}
                ended = sum(_count(row, field) for field in ENDED)
                found[slot] = Counters(requests=ended, epoch=epoch, events=events, open=_count(row, "scur"))
        missing = [slot for slot in self._slots if slot not in found]
        if missing:
            raise NotFound(
                f"HAProxy has no backend called {missing[0]!r}.", cure="Each slot needs a backend of the same name."
            )
        return found

    def groups(self) -> tuple[Group, ...]:
        """Return the groups of users that the table `ml-cicd-users` counts; none where there is no such table.

        It counts what a slot answered: a connection that fails and an answer that breaks off are the slot's, not a
        user's, and are left to `read`.
        """
        found = []
        for entry in haproxy_socket.table(self._socket, USERS_TABLE):
            slot, salt, number = [*entry.get("key", "").split("/"), "", ""][:3]
            if slot in self._slots and number.isdigit():
                events = {name: _count(entry, field) for name, field in USER_EVENTS.items()}
                requests = _count(entry, "http_req_cnt")
                found.append(Group(slot=slot, salt=salt, number=int(number), requests=requests, events=events))
        return tuple(found)


def connect(settings: HasSocket, slots: tuple[str, ...]) -> HaproxySource:
    """Return the source of these settings."""
    return HaproxySource(settings, slots)


def _count(row: Mapping[str, str], name: str) -> int:
    text = row.get(name) or "0"
    if not text.isdigit():
        raise CorruptState(f"HAProxy's counter {name} reads {text[:40]!r}.", cure="Check HAProxy's version.")
    return int(text)
