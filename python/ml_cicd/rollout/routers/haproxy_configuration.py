"""What HAProxy's configuration says of timeouts, retries and checks, where it can be found from here.

No `show` command tells them (tried on 2.6). So the files are read that the process was started with, if it runs on this
machine and its command line and files may be read. Whatever leaves a doubt (another process, a file that does not name
our map, inheritance between sections) is silence: a guess about somebody's configuration helps nobody.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from ml_cicd.ground.finding import Finding, Outcome, remark

TEMPLATE = "examples/haproxy/haproxy.cfg.template has all of them"
CHARGED = "charged"
DEPUTY = "-deputy"
REDISPATCH = ("option", "redispatch")
LARGEST = 2**20
SECTIONS = frozenset({
    "global", "defaults", "frontend", "backend", "listen", "resolvers", "peers", "userlist", "mailers", "cache",
    "program", "ring", "http-errors", "fcgi-app", "crt-store", "traces",
})  # fmt: skip
Line = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Backend:
    """What holds for one slot's backend: its own lines after those of the `defaults` before it."""

    slot: str
    lines: tuple[Line, ...]
    counts_retries: bool
    has_deputy: bool = False
    servers: tuple[Line, ...] = field(default=())

    def value(self, *name: str) -> str:
        """Return the last value of a keyword; empty where it is not set."""
        found = [line[len(name)] for line in self.lines if line[: len(name)] == name and len(line) > len(name)]
        return found[-1] if found else ""

    @property
    def redispatches(self) -> bool:
        """Whether a retry may go to another server."""
        said = [line[0] != "no" for line in self.lines if REDISPATCH in {line[:2], line[1:3]}]
        return bool(said) and said[-1]

    @property
    def checked(self) -> bool:
        """Whether every server is checked."""
        usual = any("check" in line for line in self.lines if line[0] == "default-server")
        return all(("check" in line or usual) and "no-check" not in line for line in self.servers)


def examine_configuration(process: str, map_file: Path, slots: Sequence[str]) -> tuple[Finding, ...]:
    """Return what the configuration of a process (its id) says; nothing where that cannot be told."""
    try:
        text = "\n".join(_texts(Path("/proc") / process))
    except (OSError, UnicodeDecodeError):
        return ()
    if str(map_file) not in text:
        return ()
    backends = read_backends(text, slots)
    return () if len(backends) < len(slots) else (_timeouts(backends), _retries(backends))


def _texts(process: Path) -> Iterator[str]:
    """Yield the files that a process was started with."""
    words = [word.decode() for word in (process / "cmdline").read_bytes().split(b"\0")]
    if "haproxy" not in Path(words[0]).name or "-C" in words:
        return
    for option, name in pairwise(words):
        if option != "-f":
            continue
        place = (process / "cwd").resolve() / name
        for file in sorted(place.glob("*.cfg")) if place.is_dir() else (place,):
            if file.stat().st_size <= LARGEST:
                yield file.read_text("utf-8")


def read_backends(text: str, slots: Sequence[str]) -> tuple[Backend, ...]:
    """Return the backend of each slot that has one; nothing where sections inherit from each other by name."""
    usual: list[Line] = []
    own: dict[str, list[Line]] = {}
    counts = False
    current: list[Line] = []
    held: Mapping[str, tuple[Line, ...]] = {}
    for line in filter(None, (tuple(row.partition("#")[0].split()) for row in text.splitlines())):
        if line[0] not in SECTIONS:
            current.append(line)
            counts = counts or (line[0] == "stick-table" and bool(own) and next(reversed(own)) == CHARGED)
            continue
        if "from" in line:
            return ()
        current = []
        if line[0] == "defaults":
            usual = current
        elif line[0] in {"backend", "listen"} and len(line) > 1:
            own[line[1]] = current
            held = {**held, line[1]: tuple(usual)}
    return tuple(
        Backend(
            slot=slot,
            lines=(*held[slot], *own[slot]),
            counts_retries=counts,
            has_deputy=f"{slot}{DEPUTY}" in own,
            servers=tuple(line for line in own[slot] if line[0] == "server"),
        )
        for slot in slots
        if slot in own
    )


def _timeouts(backends: Sequence[Backend]) -> Finding:
    rule = "timeouts"
    for backend in backends:
        for kind in ("server", "connect"):
            if not backend.value("timeout", kind):
                return remark(
                    rule,
                    f"HAProxy waits without end for slot {backend.slot}: it has no `timeout {kind}`.",
                    "Set it: a request that hangs is a failure once its time is over, and its user knows.",
                )
    words = {f"server {one.value('timeout', 'server')}, connect {one.value('timeout', 'connect')}" for one in backends}
    return Finding(rule=rule, outcome=Outcome.PASS, reason="; ".join(sorted(words)))


def _retries(backends: Sequence[Backend]) -> Finding:
    rule = "retries and checks"
    for backend in backends:
        problem = _problem(backend)
        if problem:
            return remark(rule, f"Slot {backend.slot}: {problem}", f"Change HAProxy's configuration; {TEMPLATE}.")
    said = "one retry, which counts where it hides a failure; slots are checked"
    return Finding(rule=rule, outcome=Outcome.PASS, reason=said)


def _problem(backend: Backend) -> str:
    retries = backend.value("retries") or "3"  # HAProxy's own default
    if not backend.checked:
        return "HAProxy does not check its servers, so that a dead one keeps its share of the users."
    if retries == "0":
        return "a connection that is refused once, e.g. while it restarts, is not tried again (`retries 0`)."
    if not backend.counts_retries:
        return f"failures that retries hide are not counted: there is no table `{CHARGED}`."
    if not backend.has_deputy:
        return (
            f"it cannot answer for the other slot when that one is down: there is no backend `{backend.slot}{DEPUTY}`."
        )
    if retries != "1" or backend.value("retry-on") not in {"", "conn-failure"}:
        return "a failed request counts once for each retry: only `retries 1` on refused connections counts right."
    if len(backend.servers) > 1 and not backend.redispatches:
        return "a retry goes to the server that has just failed (no `option redispatch`)."
    return ""
