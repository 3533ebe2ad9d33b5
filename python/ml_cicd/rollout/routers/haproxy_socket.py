"""HAProxy's runtime socket: one command, one answer."""

import csv
import io
import re
import socket
import time

from ml_cicd.ground.errors import CorruptState, Defect, NotFound, Refused, Unreachable

SECONDS = 5.0
LONGEST = 16 * 2**20
ROW = re.compile(r" key=(?P<key>\S+) .*\bgpc0=(?P<count>\d+)")


def ask(path: str, command: str) -> str:
    """Send one command and return the answer.

    Raises:
        NotFound: no socket there. Refused: no permission. Unreachable: nobody answers within five seconds.
    """
    if "\n" in command or ";" in command:
        raise Defect(f"{command!r} is not one command.")
    try:
        try:
            return _exchange(path, command)
        except (
            ConnectionResetError
        ):  # a busy HAProxy, or one that reloads, drops who waits; all commands may come twice
            return _exchange(path, command)
    except FileNotFoundError as problem:
        raise NotFound(
            f"There is no HAProxy socket at {path}.",
            cure="Start HAProxy with `stats socket` on that path, or correct targets.<name>.router.socket.",
        ) from problem
    except PermissionError as problem:
        raise Refused(
            f"The HAProxy socket {path} may not be opened by this user.", cure="Join the group that owns it (mode 660)."
        ) from problem
    except OSError as problem:
        raise Unreachable(
            f"HAProxy does not answer on {path}: {problem or type(problem).__name__}.",
            cure="Check that it runs; the lease takes traffic back to the champion by itself only while it runs.",
        ) from problem


def _read_all(connection: socket.socket) -> str:
    parts: list[bytes] = []
    size = 0
    end = time.monotonic() + SECONDS
    while block := connection.recv(65536):
        # For the whole answer: a timeout of its own for each block would let one drip for ever.
        connection.settimeout(max(0.001, end - time.monotonic()))
        parts.append(block)
        size += len(block)
        if size > LONGEST:
            raise CorruptState("HAProxy's answer is longer than 16 MiB.", cure="Check the socket's path.")
    return b"".join(parts).decode(errors="replace")


def _exchange(path: str, command: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(SECONDS)
        connection.connect(path)
        connection.sendall(command.encode() + b"\n")
        return _read_all(connection)


def info(path: str) -> dict[str, str]:
    """Return `show info` as a mapping."""
    lines = ask(path, "show info").splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def backends(path: str) -> list[dict[str, str]]:
    """Return one mapping per backend row of `show stat`."""
    return [row for row in statistics(path) if row["svname"] == "BACKEND"]


def statistics(path: str) -> list[dict[str, str]]:
    """Return one mapping per row of `show stat`: backends, and the servers of each."""
    text = ask(path, "show stat -1 6 -1").removeprefix("# ")
    return list(csv.DictReader(io.StringIO(text)))


def table(path: str, name: str) -> list[dict[str, str]] | None:
    """Return one mapping per entry of a stick table; None where HAProxy has no such table."""
    lines = ask(path, f"show table {name}").splitlines()
    if not any(line.startswith("# table: ") for line in lines):
        return None
    entries = (line.partition(": ")[2].split() for line in lines if not line.startswith("#"))
    return [dict(word.split("=", 1) for word in words if "=" in word) for words in entries if words]


def table_counts(path: str, name: str) -> dict[str, int] | None:
    """Return the counter gpc0 of each key of a stick table; None where HAProxy has no such table."""
    entries = table(path, name)
    if entries is None:
        return None
    return {entry["key"]: int(entry["gpc0"]) for entry in entries if entry.get("gpc0", "").isdigit() and "key" in entry}


def map_value(path: str, file: str, key: str) -> str | None:
    """Return a map's value; None where HAProxy does not have the key.

    Raises:
        NotFound: HAProxy does not use this map.
    """
    answer = ask(path, f"show map {file}")
    if "Unknown map" in answer:
        raise NotFound(
            f"HAProxy does not use the map {file}.",
            cure="Its configuration must name the same absolute path as targets.<name>.router.map.",
        )
    for line in answer.splitlines():
        parts = line.split(maxsplit=2)
        if len(parts) == 3 and parts[1] == key:
            return parts[2].strip()
    return None


def set_map_value(path: str, file: str, key: str, value: str) -> None:
    """Change one key of a map in memory; the caller reads it back.

    Raises:
        Refused: HAProxy said no.
    """
    answer = ask(path, f"set map {file} {key} {value}").strip()
    if answer and map_value(path, file, key) is None:  # somebody deleted it: only `add` brings it back
        answer = ask(path, f"add map {file} {key} {value}").strip()
    if answer:
        raise Refused(
            f"HAProxy refused to set {key} in {file}: {answer[:200]}", cure="Check the socket's level and path."
        )
