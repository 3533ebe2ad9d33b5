"""Where histories begin, and who acts in them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from ml_cicd.commands import canary, rollback
from ml_cicd.ground.report import Report
from tests.simulation.cheap import release_of
from tests.simulation.doors import Hands
from tests.simulation.invariants import Invariants
from tests.simulation.model import Model
from tests.simulation.process import ProcessWorld
from tests.simulation.schedule import Act, Kill, Process, Schedule

RATES = {"silent": 0, "slow": 60}


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """A beginning and two actors, each with the commands that it runs one after the other.

    `quality` is the newest version's: good, bad or late (it fails at the last step); or that of the traffic: slow (a
    step takes longer than a lease) or silent (there is none).
    """

    name: str
    begins: str
    first: tuple[str, ...]
    second: tuple[str, ...] = ()
    quality: str = "good"

    @property
    def newest(self) -> str:
        """The version that the alias `challenger` names."""
        return "1" if self.begins == "nothing" else "4" if self.begins == "turned down" else "3"


def perform(command: str, world: ProcessWorld) -> Report:
    """Run a command as people write it: `canary 3`, `tick`, `take-over`, `rollback previous`, `force 1`."""
    kind, _, what = command.partition(" ")
    if kind == "rollback":
        return rollback.run(rollback.Inputs(to=what), world)
    if kind == "force":
        return rollback.run(rollback.Inputs(to=what, force=True), world)
    inputs = canary.Inputs(
        candidate=what or "challenger",
        mode="tick" if kind == "tick" else "run",
        take_over=kind == "take-over",
        allow_inconclusive=True,
    )
    return canary.run(inputs, world)


def quiet(model: Model, command: str, acts: dict[int, Act], told: list[str] | None = None) -> None:
    """Run one command before a story begins; a kill ends it."""
    schedule = Schedule(model=model, acts=acts, told=told)
    process = Process(name="before", kind=command)
    schedule.running[0] = process
    watcher = Invariants(model=model, schedule=schedule, processes={"before": process})
    try:
        perform(command, ProcessWorld(Hands(process.name, model, schedule, watcher)))
    except Kill:
        return


def killed(model: Model, command: str, call: str, *, nth: int = 0, later: int = 0) -> None:
    """Run a command until it is killed at, or so many calls after, the n-th call of this name."""
    told: list[str] = []
    quiet(model.copied(), command, {}, told)
    found = [number for number, line in enumerate(told) if line.endswith(f" {call}")]
    quiet(model, command, {found[nth] + later: Act.KILL})


def nothing() -> Model:
    """A target where nothing ever ran; version 1 is registered."""
    return Model(aliases={"challenger": "1"})


def two() -> Model:
    """Version 2 serves over its standby 1; version 3 is registered."""
    model = nothing()
    for newer in "23":
        quiet(model, "canary", {})
        model.aliases["challenger"] = newer
    return model


def ticking() -> Model:
    """Two ticks of version 3 are done, and its first share is in force."""
    model = two()
    quiet(model, "tick", {})
    quiet(model, "tick", {})
    return model


def dying() -> Model:
    """A run of version 3 was killed in its second look; its lease is in force for a few seconds more."""
    model = two()
    killed(model, "canary", "sleep", nth=3)
    return model


def claimed() -> Model:
    """A run of version 3 was killed in its deploy hook; its claim is in force."""
    model = two()
    killed(model, "canary", "hook")
    return model


def half() -> Model:
    """A run of version 3 was killed between ledger and router."""
    model = two()
    killed(model, "canary", "append", later=1)
    return model


def promoted() -> Model:
    """Version 3 serves over its standby 2."""
    model = two()
    quiet(model, "canary", {})
    return model


def turned_down() -> Model:
    """Version 3 was turned down, and version 4 is registered."""
    model = two()
    model.quality["3"] = "bad"
    quiet(model, "canary", {})
    model.aliases["challenger"] = "4"
    return model


BEGINNINGS: dict[str, Callable[[], Model]] = {
    "nothing": nothing,
    "two": two,
    "ticking": ticking,
    "dying": dying,
    "claimed": claimed,
    "half": half,
    "promoted": promoted,
    "turned down": turned_down,
}


@cache
def _beginning(name: str) -> Model:
    return BEGINNINGS[name]()


def beginning(story: Story) -> Model:
    """Return the model in which a story begins."""
    model = _beginning(story.begins).copied()
    model.quality[story.newest] = story.quality
    model.rate = RATES.get(story.quality, model.rate)
    assert all(held in map(release_of, "1234") for held in model.holds.values())
    return model


STORIES = (
    Story(name="canary", begins="two", first=("canary",)),
    Story(name="bad canary", begins="two", first=("canary",), quality="bad"),
    Story(name="late canary", begins="two", first=("canary",), quality="late"),
    Story(name="silent canary", begins="two", first=("canary",), quality="silent"),
    Story(name="slow canary", begins="two", first=("canary",), quality="slow"),
    Story(name="two canaries", begins="two", first=("canary",), second=("canary",)),
    Story(name="two bad canaries", begins="two", first=("canary",), second=("canary 3",), quality="bad"),
    Story(name="canary, take-over", begins="two", first=("canary",), second=("take-over",)),
    Story(name="canary, previous", begins="two", first=("canary",), second=("rollback previous",)),
    Story(name="canary, champion", begins="two", first=("canary",), second=("rollback champion",)),
    Story(name="canary, last-good", begins="two", first=("canary",), second=("rollback last-good",)),
    Story(name="canary, version 1", begins="two", first=("canary",), second=("rollback 1",)),
    Story(name="canary, force 1", begins="two", first=("canary",), second=("force 1",)),
    Story(name="bad canary, previous", begins="two", first=("canary",), second=("rollback previous",), quality="bad"),
    Story(name="bad canary, version 1", begins="two", first=("canary",), second=("rollback 1",), quality="bad"),
    Story(name="late canary, champion", begins="two", first=("canary",), second=("rollback champion",), quality="late"),
    Story(name="ticks", begins="two", first=("tick",) * 8),
    Story(name="bad ticks", begins="two", first=("tick",) * 4, quality="bad"),
    Story(name="ticks, ticks", begins="ticking", first=("tick",) * 3, second=("tick",) * 3),
    Story(name="ticks, canary", begins="ticking", first=("tick",) * 3, second=("canary",)),
    Story(name="ticks, previous", begins="ticking", first=("tick",) * 4, second=("rollback previous",)),
    Story(
        name="late ticks, champion",
        begins="ticking",
        first=("tick",) * 6,
        second=("rollback champion",),
        quality="late",
    ),
    Story(name="dying, canary", begins="dying", first=("canary",), second=("rollback champion",)),
    Story(name="bad dying, canary", begins="dying", first=("canary",), second=("canary",), quality="bad"),
    Story(name="claimed, take-over", begins="claimed", first=("take-over",), second=("rollback previous",)),
    Story(name="claimed, previous", begins="claimed", first=("rollback previous",), second=("canary",)),
    Story(name="half, canary", begins="half", first=("canary 3",), second=("rollback previous",)),
    Story(name="half, champion", begins="half", first=("rollback champion",), second=("canary 3",)),
    Story(name="promoted, previous", begins="promoted", first=("rollback previous",), second=("rollback last-good",)),
    Story(name="promoted, two rollbacks", begins="promoted", first=("rollback 1",), second=("rollback previous",)),
    Story(name="promoted, one slot", begins="promoted", first=("rollback 1",), second=("rollback 1",)),
    Story(name="promoted, a hook each", begins="promoted", first=("rollback 1",), second=("canary 2",)),
    Story(name="promoted, canary", begins="promoted", first=("rollback previous",), second=("canary 3",)),
    Story(name="turned down, canary", begins="turned down", first=("canary",), second=("rollback previous",)),
    Story(name="first release", begins="nothing", first=("canary",), second=("canary",)),
)
