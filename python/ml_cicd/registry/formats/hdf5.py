"""HDF5 as h5py writes it, read without HDF5: groups, attributes, and what a dataset says of where its numbers lie.

An allow-list of messages. What reaches out of the file (external links, external and virtual data, filters that are
plugins) or is stored in a way that h5py does not write is refused, for then two readers might not see the same.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAGIC = b"\x89HDF\r\n\x1a\n"
NOWHERE = 2**64 - 1
MOST_STEPS = 500_000  # messages and nodes of trees; a file can make them lead round for ever
LINK_INFO, LINK, LAYOUT, FILTERS, ATTRIBUTE, CONTINUATION, SYMBOLS, ATTRIBUTE_INFO = 2, 6, 8, 11, 12, 16, 17, 21
# Nothing, dataspace, datatype, fill values, group info, comment, times, B-tree settings, count of references.
HARMLESS = {0, 1, 3, 4, 5, 10, 13, 14, 18, 19, 22}
OWN_FILTERS = {1, 2, 3}  # deflate, shuffle, checksum


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an object; `text` is empty where it is no text."""

    name: str
    text: str


class Hdf5:
    """A walk over one file's bytes. Raises ValueError for what it does not know."""

    def __init__(self, data: Any) -> None:  # noqa: ANN401  # bytes, or a file as memory
        """Read the superblock."""
        self._data = data
        self._steps = 0
        version = data[8] if bytes(data[:8]) == MAGIC else 255
        if version in {0, 1}:
            sizes, base, root = bytes(data[13:15]), 24 + 4 * version, 24 + 4 * version + 32 + 8
        elif version in {2, 3}:
            sizes, base, root = bytes(data[9:11]), 12, 36
        else:
            raise ValueError("no HDF5 file of a known version")
        if sizes != b"\x08\x08" or self._number(base, 8) != 0:
            raise ValueError("addresses of an odd size")
        self._root = self._number(root, 8)
        if self._number(base + 16, 8) != len(data):
            raise ValueError("a file that ends before or behind its end")

    def attributes(self) -> Iterator[Attribute]:
        """Walk everything, and yield the attributes of every object."""
        pending, seen = [self._root], {self._root}
        while pending:
            for kind, at, length in self._messages(pending.pop()):
                if kind == ATTRIBUTE:
                    yield self._attribute(at)
                for address in self._children(kind, at, length):
                    if address not in seen:
                        seen.add(address)
                        pending.append(address)

    def _number(self, at: int, size: int) -> int:
        return int.from_bytes(self._bytes(at, size), "little")

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise ValueError("parts that lead round, or too many")

    def _bytes(self, at: int, size: int) -> bytes:
        if at < 0 or size < 0 or at + size > len(self._data):
            raise ValueError(f"a part at byte {at} is longer than the file")
        return bytes(self._data[at : at + size])

    def _messages(self, address: int) -> Iterator[tuple[int, int, int]]:
        """Yield (kind, begin, length) of each message of an object's header, version 1 or 2."""
        if self._bytes(address, 4) == b"OHDR":
            flags = self._number(address + 5, 1)
            at = address + 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
            width = 1 << (flags & 3)
            blocks = [(at + width, self._number(at, width))]
            head, tracked = ("<BHB", 2) if flags & 4 else ("<BHB", 0)
        else:
            if self._number(address, 1) != 1:
                raise ValueError(f"no object at byte {address}")
            blocks = [(address + 16, self._number(address + 8, 4))]
            head, tracked = "<HHB3x", 0
        for begin, length in blocks:
            at, end = begin, begin + length
            size = struct.calcsize(head) + tracked
            while at + size <= end:
                self._step()
                kind, long, flags = struct.unpack(head, self._bytes(at, size - tracked))
                at += size
                if at + long > end or flags & 2:
                    raise ValueError(f"a message at byte {at} is shared, or longer than its block")
                if kind == CONTINUATION:
                    where, much = self._number(at, 8), self._number(at + 8, 8)
                    blocks.append((where, much) if head[1] == "H" else (where + 4, much - 8))
                else:
                    yield kind, at, long
                at += long

    def _children(self, kind: int, at: int, length: int) -> Iterator[int]:
        """Yield the addresses of the objects that a message leads to; refuse what leads out."""
        if kind == SYMBOLS:
            yield from self._symbols(self._number(at, 8), 0)
        elif kind == LINK:
            yield self._link(at, length)
        elif kind in {LINK_INFO, ATTRIBUTE_INFO}:
            flags = self._number(at + 1, 1)
            place = at + 2 + ((8 if kind == LINK_INFO else 2) if flags & 1 else 0)
            if self._number(place, 8) != NOWHERE:  # in a heap, which may be compressed: out of sight
                raise ValueError("links or attributes in a heap")
        elif kind == LAYOUT:
            self._layout(at)
        elif kind == FILTERS:
            self._filters(at)
        elif kind not in {ATTRIBUTE, *HARMLESS}:
            raise ValueError(f"a message of kind {kind}, which plain files do not have")

    def _symbols(self, address: int, depth: int) -> Iterator[int]:
        """Yield what a group's B-tree of version 1 leads to."""
        self._step()
        signature = self._bytes(address, 4)
        if signature == b"SNOD":
            for number in range(self._number(address + 6, 2)):
                entry = address + 8 + 40 * number
                if self._number(entry + 16, 4) not in {0, 1}:
                    raise ValueError("a link by name")
                yield self._number(entry + 8, 8)
            return
        if signature != b"TREE" or self._number(address + 4, 1) != 0 or depth > 20:
            raise ValueError(f"no group at byte {address}")
        for number in range(self._number(address + 6, 2)):
            yield from self._symbols(self._number(address + 24 + 8 + 16 * number, 8), depth + 1)

    def _link(self, at: int, length: int) -> int:
        flags = self._number(at + 1, 1)
        place = at + 2
        if flags & 8:
            if self._number(place, 1) != 0:
                raise ValueError("a link by name or to another file")
            place += 1
        place += (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
        width = 1 << (flags & 3)
        place += width + self._number(place, width)
        if place + 8 > at + length:
            raise ValueError("a link without an end")
        return self._number(place, 8)

    def _layout(self, at: int) -> None:
        version, kind = self._bytes(at, 2)
        if version in {1, 2}:
            kind = self._number(at + 2, 1)
        if not 1 <= version <= 4 or kind not in {0, 1, 2}:
            raise ValueError("data that lies in other files")

    def _filters(self, at: int) -> None:
        version, count = self._bytes(at, 2)
        place = at + (8 if version == 1 else 2)
        for _ in range(count):
            number = self._number(place, 2)
            if number not in OWN_FILTERS:
                raise ValueError(f"data behind the filter {number}, a plugin")
            named = version == 1 or number >= 256
            name = self._number(place + 2, 2) if named else 0
            values = self._number(place + (6 if named else 4), 2)
            place += (8 if named else 6) + name + 4 * (values + (values % 2 if version == 1 else 0))

    def _attribute(self, at: int) -> Attribute:
        version, flags = self._bytes(at, 2)
        if version not in {1, 2, 3} or (version > 1 and flags):
            raise ValueError(f"an attribute at byte {at} of an unknown kind")
        lengths = [self._number(at + offset, 2) for offset in (2, 4, 6)]
        place = at + 8 + (version == 3)
        rounded = [(length + 7) // 8 * 8 if version == 1 else length for length in lengths]
        name = self._bytes(place, lengths[0]).rstrip(b"\0").decode("utf-8")
        kind, space = place + rounded[0], place + rounded[0] + rounded[1]
        return Attribute(name, self._text(kind, space, space + rounded[2]))

    def _text(self, kind: int, space: int, data: int) -> str:
        """Return a single text, fixed or variable in length; empty for numbers and lists."""
        sort, size = self._number(kind, 1) & 15, self._number(kind + 4, 4)
        if self._number(space + 1, 1) != 0:
            return ""
        if sort == 3:
            return self._bytes(data, size).rstrip(b"\0").decode("utf-8")
        if sort != 9 or self._number(kind + 1, 1) & 15 != 1:
            return ""
        return self._heap(self._number(data + 4, 8), self._number(data + 12, 4)).rstrip(b"\0").decode("utf-8")

    def _heap(self, address: int, wanted: int) -> bytes:
        """Return one object of a global heap."""
        if self._bytes(address, 4) != b"GCOL":
            raise ValueError(f"no heap at byte {address}")
        at, end = address + 16, address + self._number(address + 8, 8)
        while at + 16 <= end:
            self._step()  # each text is looked for from the beginning
            index, size = self._number(at, 2), self._number(at + 8, 8)
            if index == wanted:
                return self._bytes(at + 16, size)
            if index == 0:
                break
            at += 16 + (size + 7) // 8 * 8
        raise ValueError(f"a text that is not in the heap at byte {address}")
