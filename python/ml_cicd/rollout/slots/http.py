"""Slots that answer `GET <url>/identity` and are filled by a deploy hook (ports.SlotHost)."""

import contextlib
import ipaddress
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from urllib.parse import urlsplit

from ml_cicd.ground.errors import InputError, MlCicdError, OutsideError, Refused
from ml_cicd.ground.finding import Finding
from ml_cicd.ground.parse import as_mapping, as_text, required
from ml_cicd.ground.patience import within
from ml_cicd.registry.versions import NOTHING, Release
from ml_cicd.rollout.slots.hook import examine_hook
from ml_cicd.rollout.state import Identity

ANSWER_SECONDS = 3.0  # for a whole answer
GRACE_SECONDS = 0.3
OK = 200
LONGEST_ANSWER = 64 * 1024
HOOK_SECONDS = 300.0
READY_SECONDS = 60.0
POLL_SECONDS = 0.2
LAST_LINES = 5
HIDDEN = ("GITHUB_TOKEN", "GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
IDENTITY = (
    "ACTIONS_ID_TOKEN_"  # is there only where the caller grants `id-token: write`, for a login to the target's cloud
)


def _is_hidden(name: str) -> bool:
    """Whether a variable is the runner's business, and none of the hook's."""
    return name in HIDDEN or (name.startswith("ACTIONS_") and not name.startswith(IDENTITY))


class HttpSlots:
    """The slots of one target."""

    def __init__(
        self, target: str, urls: Mapping[str, str], hook: tuple[str, ...], *, folder: Path, environ: Mapping[str, str]
    ) -> None:
        """`urls` by slot; `hook` is an argument vector, run in `folder`, the configuration file's."""
        for slot, url in urls.items():
            _check_url(slot, url)
        self._target = target
        self._urls = urls
        self._hook = hook
        self._folder = folder
        self._environ = environ

    def identify(self, slot: str) -> Identity:
        """Ask a slot who it is; a slot that cannot tell has a `problem`."""
        url = self._urls[slot].rstrip("/") + "/identity"
        try:
            data = as_mapping(json.loads(_get(url)), url)
            version, digest = (required(data, name, as_text, url) for name in ("version", "digest"))
            return Identity(slot=slot, release=Release(version=version, digest=digest))
        except (OSError, HTTPException, ValueError, MlCicdError) as problem:
            return Identity(slot=slot, problem=f"{url} does not say who it is: {getattr(problem, 'reason', problem)}.")

    def identify_all(self, slots: Sequence[str], *, enough: Release = NOTHING) -> Mapping[str, Identity]:
        """Ask slots at the same time, each for at most three seconds (see the port)."""
        answers: SimpleQueue[Identity] = SimpleQueue()
        for slot in slots:
            Thread(target=lambda one: answers.put(self.identify(one)), args=(slot,), daemon=True).start()
        found: dict[str, Identity] = {}
        end = time.monotonic() + ANSWER_SECONDS + GRACE_SECONDS
        while len(found) < len(slots):
            try:
                identity = answers.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                break
            found[identity.slot] = identity
            if enough and identity.is_release(enough):
                end = min(end, time.monotonic() + GRACE_SECONDS)
        late = {slot: Identity(slot=slot, problem=f"slot {slot} did not answer in time") for slot in slots}
        return {**late, **found}

    def deploy(self, slot: str, *, model: str, release: Release) -> Identity:
        """Run the deploy hook, then wait until the slot says that it is this version with this digest.

        Raises:
            Refused: no hook is configured. OutsideError: the hook fails, or the slot does not become that version.
        """
        if not self._hook:
            raise Refused(
                f"Slot {slot} must serve version {release.version}, and target {self._target} has no deploy hook.",
                cure=f"Set targets.{self._target}.hooks.deploy, or deploy it by hand and run this again.",
            )
        self._run_hook(slot, model, release)
        return self._wait(slot, release)

    def examine(self) -> tuple[Finding, ...]:
        """Say whether the deploy hook can be started."""
        return (examine_hook(self._hook, self._folder, self._environ),)

    def _run_hook(self, slot: str, model: str, release: Release) -> None:
        environment = {
            **{name: value for name, value in self._environ.items() if not _is_hidden(name)},
            "ML_CICD_SLOT": slot,
            "ML_CICD_SLOT_URL": self._urls[slot],
            "ML_CICD_MODEL": model,
            "ML_CICD_VERSION": release.version,
            "ML_CICD_DIGEST": release.digest,
            "ML_CICD_TARGET": self._target,
        }
        # A file, not a pipe: a server that the hook leaves running would hold a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            try:
                process = subprocess.Popen(
                    self._hook,
                    cwd=self._folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as problem:
                raise OutsideError(
                    f"The deploy hook {self._hook[0]!r} cannot be started: {problem}.",
                    cure="It runs in the configuration's folder; check the path.",
                ) from problem
            code = _finish(process)
            output.seek(0)
            last = output.read()[-4000:].decode(errors="replace").strip().splitlines()[-LAST_LINES:]
        if code != 0:
            what = f"ended with {code}" if code is not None else f"took more than {HOOK_SECONDS:g} s and was ended"
            raise OutsideError(
                f"The deploy hook for slot {slot} {what}: {' / '.join(last) or 'no output'}", cure="Mend the hook."
            )

    def _wait(self, slot: str, release: Release) -> Identity:
        end = time.monotonic() + READY_SECONDS
        while True:
            found = self.identify(slot)
            if found.release == release:
                return found
            if time.monotonic() > end:
                now = found.release
                says = found.problem or f"it is version {now.version} with {now.digest[:19]}"
                raise OutsideError(
                    f"Slot {slot} did not become version {release.version} within {READY_SECONDS:g} s: {says}.",
                    cure="Look at the slot's log; traffic does not go there.",
                )
            time.sleep(POLL_SECONDS)


def _get(url: str) -> bytes:
    """Return what an address answers: headers and body together within three seconds, no redirect, no proxy.

    Raises:
        OSError, HTTPException: it does not answer 200 in time.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
    sockets: list[socket.socket] = []  # kept apart: the connection forgets its own once an answer has begun

    def ask() -> bytes:
        with contextlib.closing(connection):
            connection.connect()
            sockets.append(connection.sock)
            connection.request("GET", parts.path, headers={"Connection": "close"})
            with connection.getresponse() as answer:
                if answer.status != OK:
                    raise HTTPException(f"it answers {answer.status}")
                return answer.read(LONGEST_ANSWER)

    def late() -> Exception:
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # else the reader would go on for as long as it drips
        return TimeoutError("it answers too slowly")

    return within(ANSWER_SECONDS, ask, late=late)


def _finish(process: subprocess.Popen[bytes]) -> int | None:
    """Wait for the hook; end its whole group when it takes too long or this run is cancelled."""
    try:
        return process.wait(timeout=HOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _check_url(slot: str, url: str) -> None:
    """Refuse plain HTTP to anywhere but this machine or a private network."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return
    try:
        private = host == "localhost" or ipaddress.ip_address(host).is_private
    except ValueError:
        private = False
    if parts.scheme != "http" or not private:
        raise InputError(
            f"targets: slot {slot!r} has the address {url!r}.",
            cure="Use https, or http to an address of this machine or a private network.",
        )
