"""A bounded open-loop load, which writes down when each request was sent and who answered it."""

import asyncio
import time
from dataclasses import dataclass, field

PER_SECOND = 100.0
MOST_OPEN = 200
PATIENCE_SECONDS = 2.0
BEHIND_SECONDS = 0.05
REQUEST = b"GET / HTTP/1.1\r\nHost: models\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: when it was sent (epoch seconds), the version that answered, and how; 0 is no whole answer."""

    at: float
    version: str
    status: int


@dataclass
class Load:
    """Sends requests to a port for as long as it runs. Where too many are open, the next ones are left out."""

    port: int
    log: list[Sent] = field(default_factory=list)
    idle: list["_Line"] = field(default_factory=list)
    busy: set["_Line"] = field(default_factory=set)
    opening: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Send until cancelled; a loop that was held up does not catch up for longer than a moment."""
        due = time.monotonic()
        try:
            while True:
                self._give_up(held_up=max(0.0, time.monotonic() - due))
                due = max(due, time.monotonic() - BEHIND_SECONDS)
                while due <= time.monotonic():
                    due += 1 / PER_SECOND
                    self._send()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        finally:
            for task in self.opening:
                task.cancel()
            for line in (*self.idle, *self.busy):
                line.leave()

    def _send(self) -> None:
        if len(self.busy) + len(self.opening) >= MOST_OPEN:
            return
        if self.idle:
            self.idle.pop().ask(time.time())
        else:
            self.connect(time.time())

    def connect(self, at: float) -> None:
        """Send a request, of that time, on a connection of its own."""
        task = asyncio.get_running_loop().create_task(self._open(at))
        self.opening.add(task)
        task.add_done_callback(self.opening.discard)

    async def _open(self, at: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, line = await loop.create_connection(lambda: _Line(self), "127.0.0.1", self.port)
        except OSError:
            self.log.append(Sent(at, "", 0))
        else:
            line.ask(at)

    def _give_up(self, held_up: float) -> None:
        """Give up on what takes too long; while this process was held up nobody could read an answer."""
        for line in tuple(self.busy):
            line.patience += held_up
            if time.time() > line.asked_at + line.patience:
                line.broken()


class _Line(asyncio.Protocol):
    """One connection, kept alive as a client's library keeps it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._answer = b""
        self._used = False
        self.asked_at = 0.0
        self.patience = PATIENCE_SECONDS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, at: float) -> None:
        """Send a request."""
        self.asked_at, self._answer, self.patience = at, b"", PATIENCE_SECONDS
        self._load.busy.add(self)
        self._transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or self not in self._load.busy:
            return
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        if b"content-length" in fields and len(body) < int(fields[b"content-length"]):
            return
        status = int(head.split(b" ", 2)[1])
        # HAProxy answers for a slot that cannot, in words of its own, which are nobody's version.
        self._load.log.append(Sent(self.asked_at, body.decode() if len(body) < 4 else "", status))
        self._load.busy.discard(self)
        self._used = True
        if b"content-length" not in fields or fields.get(b"connection") == b"close":
            self._transport.abort()
        else:
            self._load.idle.append(self)

    def connection_lost(self, _problem: Exception | None) -> None:
        if self in self._load.idle:
            self._load.idle.remove(self)
        elif self in self._load.busy:
            self._load.busy.discard(self)
            if self._used and not self._answer:  # closed while nobody asked, as it may be: every client asks again
                self._load.connect(self.asked_at)
            else:
                self._load.log.append(Sent(self.asked_at, "", 0))

    def broken(self) -> None:
        """Give up waiting."""
        self._load.busy.discard(self)
        self._load.log.append(Sent(self.asked_at, "", 0))
        self._transport.abort()

    def leave(self) -> None:
        """End it."""
        self._load.busy.discard(self)
        self._transport.abort()
