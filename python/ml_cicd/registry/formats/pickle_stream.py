"""Bytes of a pickle in their order, with the rules on which unpicklers differ held strictly: lines, frames, ends."""

from typing import Protocol

CHUNK = 2**20
LONGEST_LINE = 64 * 2**20


class NotPlain(Exception):
    """What is read is not known to be harmless, or it is no pickle; the message says why. It never leaves a format."""


class Readable(Protocol):
    """What is read from: a file, or a decompressor that is bounded."""

    def read(self, size: int, /) -> bytes:
        """Return up to so many bytes; fewer at the end alone."""

    def readline(self, size: int, /) -> bytes:
        """Return a line with its end."""


class PickleStream:
    """A stream with its position and the frame that it is in.

    A frame must end between two opcodes, and none may begin inside another: Python's unpickler holds that, the one in
    C does not, and where a container puts raw bytes between opcodes the two would read different pickles.
    """

    __slots__ = ("_ahead", "_frame_end", "_stream", "position")

    def __init__(self, stream: Readable) -> None:
        """Begin at position 0."""
        self._stream = stream
        self._ahead = b""
        self._frame_end = 0
        self.position = 0

    def take(self, size: int) -> bytes:
        """Return exactly so many bytes."""
        data = self._stream.read(size)
        self.position += len(data)
        if len(data) != size:
            raise NotPlain("it ends in the middle")
        return data

    def number(self, size: int) -> int:
        """Return an unsigned number of so many bytes."""
        return int.from_bytes(self.take(size), "little")

    def skip(self, size: int) -> None:
        """Go on by so many bytes, in bounded memory."""
        while size > 0:
            size -= len(self.take(min(size, CHUNK)))

    def line(self) -> bytes:
        """Return a line without its end."""
        data = self._stream.readline(LONGEST_LINE)
        self.position += len(data)
        if not data.endswith(b"\n"):
            raise NotPlain("a line in it does not end")
        return data[:-1]

    def ended(self) -> bool:
        """Whether nothing follows; it may be asked between two pickles alone."""
        self._ahead = self._ahead or self._stream.read(1)
        return not self._ahead

    def next_opcode(self) -> int | None:
        """Return the next opcode, None at the end; what was read before must lie in one frame."""
        if self._frame_end:
            if self.position > self._frame_end:
                raise NotPlain("a frame in it ends inside an opcode")
            if self.position == self._frame_end:
                self._frame_end = 0
        data = self._ahead or self._stream.read(1)
        self._ahead = b""
        if not data:
            return None
        self.position += 1
        return data[0]

    def begin_frame(self) -> None:
        """Read a frame's length."""
        size = self.number(8)
        if self._frame_end or size < 1:
            raise NotPlain("a frame in it begins inside another or is empty")
        self._frame_end = self.position + size

    def end_frame(self) -> None:
        """Hold that no frame is open here: raw bytes or the end follow."""
        if self._frame_end not in {0, self.position}:
            raise NotPlain("a frame in it does not end where it should")
        self._frame_end = 0
