"""One more command, one line and one file; and the signals as they were."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_cicd.commands.table import COMMANDS, Entry


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The command `probe`, and the folder in which it runs."""
    monkeypatch.setitem(COMMANDS, "probe", Entry(module="tests.shell.probe", title="Probe the shell, 100 %."))
    monkeypatch.chdir(tmp_path)
    handlers = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield tmp_path
    for one, handler in handlers.items():
        signal.signal(one, handler)
