"""What happens when: two processes that take turns, and a history as the list of what goes wrong at which call.

One call is one moment. Only one process runs at a time; it goes on until it ends or a history hands the turn over, so
the same history always goes the same way.
"""

import _thread
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from ml_cicd.ground.errors import Unreachable
from tests.simulation.cheap import STRANGER
from tests.simulation.model import CURE, Model

T = TypeVar("T")
MOST_CALLS = 3000


class Kill(BaseException):
    """A process that ends here: nothing that it would do afterwards happens."""


class Endless(BaseException):
    """A history that does not end."""


class Act(StrEnum):
    """What happens at a call."""

    SWITCH = "the other process has its turn"
    KILL = "the process is killed"
    KILL_INSIDE_1 = "killed in the write, after its first part"
    KILL_INSIDE_2 = "killed in the write, after its second part"
    KILL_INSIDE_3 = "killed in the write, after its third part"
    CANCEL = "the run is cancelled"
    CANCEL_AFTER = "the call has its effect, and the run is cancelled"
    FAIL = "the call fails"
    LOST = "the call has its effect, and its answer is lost"
    PAUSE = "the process is suspended for longer than a lease"
    LONG_PAUSE = "the process is suspended for longer than a claim"
    BACK = "the clock is put back by 40 s"
    FULL = "the disk beside the router is full from here on"
    AWAY = "router and counters do not answer for 20 s"
    RECORD_AWAY = "the registry does not answer from here on"
    STRANGER = "somebody deploys something else into the idle slot"


INSIDE = {Act.KILL_INSIDE_1: 1, Act.KILL_INSIDE_2: 2, Act.KILL_INSIDE_3: 3}
FAULTS = frozenset({Act.CANCEL, Act.CANCEL_AFTER, Act.FAIL, Act.LOST, Act.AWAY})
LASTING = frozenset({Act.FULL, Act.RECORD_AWAY, Act.STRANGER})
SILENT = frozenset({"sleep", "hook"})  # waiting does not fail
PAUSES = {Act.PAUSE: 20.0, Act.LONG_PAUSE: 500.0}


def possible(act: Act, call: str) -> bool:
    """Whether an act can happen at a call of this name: waiting does not fail, and a write has parts."""
    if act in INSIDE:
        return call == "write"
    if act is Act.STRANGER:  # between two looks, for nobody can notice it between a look and its write
        return call == "sleep"
    return act not in {Act.FAIL, Act.LOST} or call not in SILENT


@dataclass
class Process:
    """One command that runs. `lost`: somebody else has written to the router since it began; `knows`: the seq that it
    read or wrote last; `calls`: its last two.
    """

    name: str
    kind: str
    dead: bool = False
    lost: bool = False
    ended: bool = False
    faults: int = 0
    begun: bool = False
    knows: int = -1
    calls: tuple[str, str] = ("", "")


@dataclass
class Schedule:
    """Both actors, whose turn it is, and what happens to them. `fired` are the acts that had an effect."""

    model: Model
    acts: Mapping[int, Act]
    calls: int = 0
    turn: int = 0
    running: list[Process | None] = field(default_factory=lambda: [None, None])
    over: list[bool] = field(default_factory=lambda: [True, True])
    fired: list[tuple[int, Act, str, str]] = field(default_factory=list)
    told: list[str] | None = None
    parts_left: int = 0
    alone: bool = True
    _waits: Callable[[], None] | None = None
    _locks: tuple[threading.Lock, threading.Lock] = field(default_factory=lambda: (threading.Lock(), threading.Lock()))

    def play(self, first: Callable[[], None], second: Callable[[], None] | None) -> None:
        """Let both run to their end. The second gets a thread once it is to act before the first has ended."""
        for lock in self._locks:
            lock.acquire(blocking=False)
        self.over = [False, second is None]
        self.alone = second is None
        self._waits = second
        first()
        self.over[0] = True
        if self._waits is not None:
            self.turn = 1
            self._run_second()
        elif not self.over[1]:
            self._hand_over(0)

    def _run_second(self) -> None:
        second, self._waits = self._waits, None
        if second is not None:
            second()
        self.over[1] = True
        self.turn = 0
        self._locks[0].release()

    def _hand_over(self, me: int) -> None:
        self.turn = 1 - me
        if self._waits is not None:
            _thread.start_new_thread(self._run_second, ())
        else:
            self._locks[1 - me].release()
        self._locks[me].acquire()

    def at(self, process: str, call: str, effect: Callable[[], T]) -> T:
        """Let the call have its effect, or what the history says."""
        me = self.running[self.turn]
        if me is None or me.dead:
            raise Kill
        number = self.calls
        self.calls += 1
        me.calls = (me.calls[1], call)
        if self.told is not None:
            self.told.append(f"{number:4} {self.model.now - 1e6:8.1f} {process:12} {call}")
        act = self.acts.get(number)
        if act is None:
            if number > MOST_CALLS:
                me.dead = True
                raise Endless
            return effect()
        return self._act(act, me, call, effect)

    def inside(self, process: str) -> None:
        """Die here, where the history says so."""
        if self.parts_left:
            self.parts_left -= 1
            me = self.running[self.turn]
            if self.parts_left == 0 and me is not None:
                me.dead = True
                raise Kill

    @property
    def faults(self) -> int:
        """How much went wrong so far, of what a run has to bear one at a time."""
        return sum(act in FAULTS or act in LASTING for _, act, _, _ in self.fired)

    def _fire(self, act: Act, me: Process, call: str) -> None:
        self.fired.append((self.calls - 1, act, me.name, call))
        me.faults += act in FAULTS
        if self.told is not None:
            self.told.append(f"     {'':8} {me.name:12} ** {act}")

    def _act(self, act: Act, me: Process, call: str, effect: Callable[[], T]) -> T:
        if not self._applies(act, call):
            return effect()
        self._fire(act, me, call)
        if act is Act.SWITCH:
            self._hand_over(self.turn)
            return effect()
        if act is Act.KILL:
            me.dead = True
            raise Kill
        if act in INSIDE:
            self.parts_left = INSIDE[act]
            try:
                return effect()
            finally:
                self.parts_left = 0
        if act is Act.CANCEL:
            raise KeyboardInterrupt
        if act is Act.FAIL:
            raise Unreachable("It fails.", cure=CURE)
        self._around(act)
        answer = effect()
        if act is Act.CANCEL_AFTER:
            raise KeyboardInterrupt
        if act is Act.LOST:
            raise Unreachable("Its answer is lost.", cure=CURE)
        return answer

    def _applies(self, act: Act, call: str) -> bool:
        """Whether it changes anything now; a history in which it does not is another one's double."""
        if act is Act.SWITCH:
            return not self.over[1 - self.turn]
        if act is Act.STRANGER and not self.alone:
            return False
        if act is Act.FULL and self.model.full:
            return False
        return possible(act, call) and not (act is Act.RECORD_AWAY and self.model.record_away)

    def _around(self, act: Act) -> None:
        model = self.model
        if act in PAUSES:
            model.passes(PAUSES[act])
        elif act is Act.BACK:
            model.now -= 40.0
        elif act is Act.FULL:
            model.full = True
        elif act is Act.AWAY:
            model.away_until = model.now + 20.0
        elif act is Act.RECORD_AWAY:
            model.record_away = True
        elif act is Act.STRANGER:
            model.holds[model.memory.idle] = STRANGER
