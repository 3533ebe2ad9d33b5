"""One history: a story with what goes wrong in it, what everybody does, and which law broke."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from ml_cicd.ground.errors import Conflict, Defect, Exit, InputError, MlCicdError
from ml_cicd.ground.report import Report
from tests.simulation.doors import Hands
from tests.simulation.invariants import Broken, Invariants, Law
from tests.simulation.model import Model
from tests.simulation.process import ProcessWorld
from tests.simulation.schedule import INSIDE, Act, Endless, Kill, Process, Schedule, possible
from tests.simulation.stories import STORIES, Story, beginning, perform

BETWEEN_TICKS = 20.0
ALL_LEASES = 1802.0
AGAIN = 4  # one history of four
OUTCOMES = {"good": Exit.DONE, "slow": Exit.DONE, "bad": Exit.FAILED, "late": Exit.FAILED, "silent": Exit.INCONCLUSIVE}
BY_NAME = {story.name: story for story in STORIES}
Ended = Report | BaseException


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """A story, and what happens at which call, counted over both actors."""

    story: str
    acts: tuple[tuple[int, Act], ...] = ()

    @property
    def twice(self) -> bool:
        """Whether what was wanted is done again after the recovery: that costs as much as all before it."""
        return sum(number for number, _ in self.acts) % AGAIN == 0

    @property
    def words(self) -> str:
        """Return it as `parse` reads it."""
        return " ".join(f"{number}:{act.name}" for number, act in self.acts)


def parse(story: str, words: str) -> History:
    """Read a history from words."""
    pairs = (word.split(":") for word in words.split())
    return History(story=story, acts=tuple((int(number), Act[name]) for number, name in pairs))


@dataclass(frozen=True, kw_only=True, slots=True)
class Lived:
    """What came of a history. `fired` are the acts that changed something; `calls` before the recovery."""

    broken: Broken | None
    fired: tuple[tuple[int, Act], ...]
    calls: int


class Telling:
    """A history as it goes."""

    def __init__(self, history: History, told: list[str] | None = None) -> None:
        """Set the stage."""
        self.history = history
        self.story = BY_NAME[history.story]
        self.model: Model = beginning(self.story)
        self.schedule = Schedule(model=self.model, acts=dict(history.acts), told=told)
        self.processes: dict[str, Process] = {}
        self.law = Invariants(model=self.model, schedule=self.schedule, processes=self.processes)
        self.told = told
        self.cures: list[str] = []

    def command(self, actor: int, name: str, kind: str) -> Ended:
        """Run one command to whatever end."""
        process = Process(name=name, kind=kind)
        self.processes[name] = process
        self.schedule.running[actor] = process
        world = ProcessWorld(Hands(name, self.model, self.schedule, self.law))
        ended: Ended
        try:
            ended = perform(kind, world)
        except BaseException as problem:  # noqa: BLE001  # whatever ends a command is judged below
            ended = problem
        process.ended = True
        if self.told is not None:
            words = ended.headline if isinstance(ended, Report) else repr(ended)
            self.told.append(f"     {'':8} {name:12} == {kind}: {words}")
        self._judge(process, ended)
        partly = isinstance(ended, Report) and ended.exit_code is Exit.PARTLY
        self.cures.append(named_command(ended.cure) if isinstance(ended, Report) and partly else "")
        return ended

    def _judge(self, process: Process, ended: Ended) -> None:
        """Check that a command ended as commands may end, and left what it may leave."""
        known = (Report, MlCicdError, KeyboardInterrupt, Kill)
        says = f"{process.name} ({process.kind}) ended with {ended!r}"
        self.law.check(Law.END, isinstance(ended, known) and not isinstance(ended, Defect), says)
        killed = isinstance(ended, Kill)
        silent = self.model.now < self.model.away_until or killed
        if silent or self.schedule.faults > 1:
            return
        state = self.model.kept.state
        mine = state is not None and state.owner == process.name and state.open
        if process.kind.startswith(("canary", "take-over")):
            left = mine and self.model.share() > 0
            self.law.check(Law.END, not left, f"{process.name} ended and left its candidate a share")
        elif process.kind.startswith(("rollback", "force")) and not process.faults:
            self._judge_rollback(process, ended)

    def _judge_rollback(self, process: Process, ended: Ended) -> None:
        if not isinstance(ended, Report):
            unknown = self.model.record_away and process.kind[-1].isdigit()  # whose bytes only the registry knows
            refused = unknown or isinstance(ended, Conflict | InputError)
            self.law.check(Law.END, refused, f"{process.kind} fails, and nothing was wrong with the router: {ended!r}")
            return
        # It says that it is not where it should be; where the disk is full, what could not be kept is partly done too.
        honest = process.kind.startswith("force") or not self.model.full or ended.outputs["verified"] == "false"
        if process.lost or self.law.overtaken or (ended.exit_code is Exit.PARTLY and honest):
            return
        held = self.model.holds.get(self.model.memory.serving)
        there = held is not None and held.version == ended.outputs["to-version"]
        self.law.check(Law.END, there and not self.model.share(), f"{process.kind}: {ended.headline}, but {held}")

    def actor(self, number: int, commands: tuple[str, ...]) -> None:
        """Run an actor's commands."""
        for index, kind in enumerate(commands):
            if index:
                self.model.passes(BETWEEN_TICKS)
            self.command(number, f"{'ab'[number]}{index}", kind)

    def play(self) -> Lived:
        """Let it all happen, then recover by one command, then do again what was wanted."""
        story, second = self.story, self.story.second
        self.schedule.play(lambda: self.actor(0, story.first), (lambda: self.actor(1, second)) if second else None)
        fired = tuple((number, act) for number, act, _, _ in self.schedule.fired)
        calls = self.schedule.calls
        if self.law.broken is None:
            self._recover()
        return Lived(broken=self.law.broken, fired=fired, calls=calls)

    def _recover(self) -> None:
        """Nobody is alive any more, and what was broken outside is mended."""
        model, law = self.model, self.law
        self.schedule.acts = {}
        self.schedule.calls = 0
        model.full = model.record_away = False
        model.passes(ALL_LEASES + max(0.0, model.latest - model.now))
        model.away_until = 0.0
        law.check(Law.END, not model.share(), "every lease is over, and a candidate still has a share")
        # The last one's counts. Of two reports that each name a command, the older may be the one that knows more: what
        # is refused has changed nothing.
        named = self.cures[::-1]
        kinds = dict.fromkeys((named[0] or "rollback champion", *filter(None, named)))
        for kind in kinds:
            ended = self.command(0, "recovery", kind)
            if not isinstance(ended, MlCicdError):
                break
        if not model.entries:
            return
        good = isinstance(ended, Report) and ended.exit_code in {Exit.DONE, Exit.FAILED, Exit.INCONCLUSIVE}
        law.check(Law.END, good, f"{kind} does not restore order: {ended!r}")
        law.agrees(f"after {kind}")
        if law.broken is None and self.history.twice:
            self._again()

    def _again(self) -> None:
        """What was wanted at first ends as it would have ended undisturbed."""
        version, law = self.story.newest, self.law
        ended = self.command(0, "again", f"canary {version}")
        code = ended.exit_code if isinstance(ended, Report) else ended
        law.check(Law.END, code is OUTCOMES[self.story.quality], f"canary {version} again ends with {ended!r}")
        law.agrees(f"after canary {version} again")


def named_command(cure: str) -> str:
    """Return the command that a report names, as stories write it; nothing where it names none."""
    _, found, rest = cure.partition("ml-cicd ")
    words = rest.split(";")[0].replace("`", " ").split()
    if not found or not words or "--force" in words:  # by force nothing is verified
        return ""
    options = dict(pairwise(words))
    if words[0] == "rollback":
        return f"rollback {options['--to'].rstrip('.')}"
    return f"canary {options['--candidate'].rstrip('.')}"


def live(history: History, told: list[str] | None = None) -> Lived:
    """Let a history happen."""
    try:
        return Telling(history, told).play()
    except (Endless, Kill) as problem:  # pragma: no cover  # the judge has it already
        raise AssertionError(history) from problem


@cache
def calls(story: str) -> tuple[str, ...]:
    """Return the names of the calls of a story in which nothing happens, up to its recovery."""
    told: list[str] = []
    count = live(History(story=story), told).calls
    return tuple(line.split()[-1] for line in told if line[:4].strip().isdigit())[:count]


def fitting(story: Story, call: str) -> tuple[Act, ...]:
    """Return what can happen at a call."""
    alone = not story.second
    return tuple(act for act in Act if possible(act, call) and act is not (Act.SWITCH if alone else Act.STRANGER))


def singles() -> Iterator[History]:
    """Return every history of one act, the undisturbed ones first."""
    yield from (History(story=story.name) for story in STORIES)
    for story in STORIES:
        for number, call in enumerate(calls(story.name)):
            for act in fitting(story, call):
                yield History(story=story.name, acts=((number, act),))


ENDING = frozenset({Act.KILL, Act.CANCEL, Act.CANCEL_AFTER, *INSIDE})
WEIGHTS = {Act.SWITCH: 12, Act.KILL: 4, Act.CANCEL: 2, Act.FAIL: 2, Act.LOST: 2, Act.PAUSE: 2, Act.STRANGER: 4}


def drawn(seed: int) -> History:
    """Return a random history of three to six acts; those that change the way make later calls other ones.

    A long story comes more often, for more can happen in it. Where only one process acts, what ends it comes last.
    """
    chance = random.Random(seed)
    story = chance.choices(STORIES, [len(calls(story.name)) for story in STORIES])[0]
    names = calls(story.name)
    most = len(names) + len(names) // 5
    numbers = sorted(chance.sample(range(most), k=min(most, chance.choice((3, 4, 5, 6)))))
    acts = []
    for number in numbers:
        fits = fitting(story, names[number] if number < len(names) else "read")
        if number != numbers[-1] and not story.second:
            fits = tuple(act for act in fits if act not in ENDING)
        acts.append((number, chance.choices(fits, [WEIGHTS.get(act, 1) for act in fits])[0]))
    return History(story=story.name, acts=tuple(acts))


def shrunk(history: History) -> History:
    """Leave out what is not needed for the same law to break."""
    first = live(history).broken
    if first is None:
        return history
    for index in reversed(range(len(history.acts))):
        fewer = History(story=history.story, acts=history.acts[:index] + history.acts[index + 1 :])
        found = live(fewer).broken
        if found is not None and found.law is first.law:
            return shrunk(fewer)
    return history
