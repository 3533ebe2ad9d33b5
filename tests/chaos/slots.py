"""Two slots as one event loop serves them: good ones, and ones that fail, hang or drip, by the version that they hold.

A slot is what a hook made it: its identity lies in a file that the hook writes. Run as a program it is one slot in a
process of its own, to be killed.
"""

import asyncio
import json
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

DRIP_SECONDS = 0.2
END = b"\r\n\r\n"


class Manner(StrEnum):
    """How a slot answers."""

    GOOD = "good"
    FAILING = "failing"
    HANGING = "hanging"
    DRIPPING = "dripping"


@dataclass
class Slot:
    """One slot; `manners` by version, `identity` for the question who it is."""

    path: Path
    manners: dict[str, Manner] = field(default_factory=dict)
    identity: Manner = Manner.GOOD
    port: int = 0
    server: asyncio.Server | None = None
    connections: set[asyncio.Transport] = field(default_factory=set)
    drips: set[asyncio.Task[None]] = field(default_factory=set)
    _known: tuple[int, str] = (0, "")

    async def start(self) -> None:
        """Listen, on the same port as before."""
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: _Talk(self), "127.0.0.1", self.port, reuse_address=True)
        self.port = int(self.server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """End at once: nobody listens, and every connection is reset."""
        if self.server is not None:
            self.server.close()
        for connection in tuple(self.connections):
            connection.abort()
        for drip in self.drips:
            drip.cancel()

    @property
    def version(self) -> str:
        """Version that the file says; nothing where there is none."""
        try:
            made = self.path.stat().st_mtime_ns
        except FileNotFoundError:
            return ""
        if self._known[0] != made:
            self._known = made, str(json.loads(self.path.read_text("utf-8"))["version"])
        return self._known[1]


@dataclass
class SlotProcess(Slot):
    """A slot in a process of its own."""

    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, on the same port as before."""
        program = (sys.executable, "-S", __file__, str(self.path), str(self.port))
        self.process = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE)
        assert self.process.stdout is not None
        self.port = int(await self.process.stdout.readline())

    def stop(self) -> None:
        """Kill it."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()


class _Talk(asyncio.Protocol):
    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._slot.connections.add(transport)

    def connection_lost(self, _problem: Exception | None) -> None:
        self._slot.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while END in self._pending:
            head, _, self._pending = self._pending.partition(END)
            self._answer(head.startswith(b"GET /identity"))

    def _answer(self, identity: bool) -> None:
        slot = self._slot
        manner = slot.identity if identity else slot.manners.get(slot.version, Manner.GOOD)
        text = slot.version.encode()
        if identity:
            text = slot.path.read_bytes() if slot.path.exists() else b"{}"
        status = b"500 Bad" if manner is Manner.FAILING else b"200 OK"
        whole = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(text), text)
        if manner is Manner.DRIPPING:
            task = asyncio.get_running_loop().create_task(self._drip(whole))
            slot.drips.add(task)
            task.add_done_callback(slot.drips.discard)
        elif manner is not Manner.HANGING:
            self._transport.write(whole)

    async def _drip(self, whole: bytes) -> None:
        for position in range(len(whole)):
            if self._transport.is_closing():
                return
            self._transport.write(whole[position : position + 1])
            await asyncio.sleep(DRIP_SECONDS)


async def _alone(path: str, port: str) -> None:
    slot = Slot(Path(path), port=int(port))
    await slot.start()
    print(slot.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_alone(*sys.argv[1:]))
