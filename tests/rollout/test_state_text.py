"""A rollout's state and looks as text: what is written is what is read, and what is not ours is recognised."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_cicd.ground.errors import CorruptState
from ml_cicd.registry.versions import NOTHING, Release
from ml_cicd.rollout.state import Counters, Observation, Phase, RolloutState
from ml_cicd.rollout.state_text import Kept, dump_kept, dump_look, load_kept, load_looks
from ml_cicd.rollout.times import Times
from ml_cicd.stats.sequential import Counts
from ml_cicd.stats.users import UserCounts, spread

WORDS = st.text(max_size=30)
RELEASES = st.just(NOTHING) | st.builds(Release, version=st.text(min_size=1, max_size=9), digest=WORDS)
NUMBERS = st.integers(0, 2**60)
SECONDS = st.floats(0, 1e12)
COUNTERS = st.builds(
    Counters,
    requests=NUMBERS,
    epoch=WORDS,
    events=st.dictionaries(st.text(min_size=1, max_size=9), NUMBERS, max_size=3),
    kinds=st.dictionaries(st.text(min_size=1, max_size=9), NUMBERS, max_size=3),
    times=st.none() | st.dictionaries(NUMBERS, NUMBERS, max_size=3),
)
STATES = st.builds(
    RolloutState,
    run_id=WORDS,
    model=WORDS,
    candidate=RELEASES,
    champion=RELEASES,
    standby=RELEASES,
    phase=st.sampled_from(Phase),
    step=st.integers(0, 20),
    started_at=SECONDS,
    deadline_seconds=SECONDS,
    reason=WORDS,
    plan_digest=WORDS,
    owner=WORDS,
    rejected=st.booleans(),
    undecided=st.booleans(),
    looks=NUMBERS,
    counters=st.none() | st.dictionaries(st.text(min_size=1, max_size=9), COUNTERS, max_size=2),
)
SPREADS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=3).map(
    lambda rows: spread([max(r) for r in rows], [min(r) for r in rows])
)
USERS = st.none() | st.builds(UserCounts, before=SPREADS, during=SPREADS)
COUNTS = st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS, USERS).map(
    lambda n: Counts(nc=max(n[0], n[1]), xc=min(n[0], n[1]), nb=max(n[2], n[3]), xb=min(n[2], n[3]), users=n[4])
)
PAIRS = st.tuples(NUMBERS, NUMBERS)
WORTH = st.none() | st.floats(0, 1e6)
TIMES = st.builds(Times, buckets=st.dictionaries(NUMBERS, PAIRS, max_size=3), users=WORTH)
LOOKS = st.builds(
    Observation,
    at_seconds=SECONDS,
    step=st.integers(-1, 20),
    readings=st.dictionaries(st.text(min_size=1, max_size=9), COUNTS | TIMES, min_size=1, max_size=3),
    requests=st.none() | PAIRS,
    kinds=st.dictionaries(st.text(min_size=1, max_size=9), st.tuples(NUMBERS, NUMBERS), max_size=2),
    groups=st.lists(NUMBERS, max_size=3).map(tuple),
)
STATE = RolloutState(
    run_id="m-2-1",
    model="m",
    candidate=Release(version="2", digest="d"),
    champion=Release(version="1", digest="e"),
    standby=NOTHING,
    phase=Phase.RUNNING,
    step=0,
    started_at=1.0,
    deadline_seconds=2.0,
    reason="",
    plan_digest="p",
)


@given(NUMBERS, st.none() | STATES, st.none() | STATES, NUMBERS, NUMBERS)
def test_a_state_is_read_as_it_was_written(
    seq: int, state: RolloutState | None, before: RolloutState | None, size: int, size_before: int
) -> None:
    """load(dump(x)) = x, for every state."""
    kept = Kept(seq=seq, state=state, before=before, size=size, size_before=size_before)
    assert load_kept(dump_kept(kept), "s", cure="Mend it.") == kept


@given(st.lists(LOOKS, max_size=4), st.data())
def test_looks_are_read_as_they_were_written(looks: list[Observation], data: st.DataObject) -> None:
    """load(dump(x)) = x for as many looks as count, whatever a killed writer left behind them."""
    text = "".join(map(dump_look, looks))
    rest = data.draw(st.sampled_from(["", '{"at": 1', "{}\n", "\x00"]))
    assert load_looks(text + rest, len(looks), "l", cure="Mend it.") == tuple(looks)


def test_a_torn_last_line_that_counts_is_recognised() -> None:
    """The state counts a look whose line was cut off: that is no evidence, and says so."""
    line = dump_look(Observation(at_seconds=1.0, step=0, readings={"errors": Counts(nc=1, xc=0, nb=1, xb=0)}))
    for cut in range(len(line)):
        with pytest.raises(CorruptState) as problem:
            load_looks(line + line[:cut], 2, "l", cure="Mend it.")
        assert problem.value.cure == "Mend it."


def test_what_an_earlier_version_left_is_read() -> None:
    """Its looks have no requests of their own: those of the first reading; its counters have no times."""
    (look,) = load_looks('{"at": 1.0, "step": 0, "readings": {"errors": [3, 1, 7, 0]}}\n', 1, "l", cure="Mend it.")
    assert (look.requests, look.ended) == (None, (3, 7))
    state = replace(STATE, counters={"blue": Counters(requests=1, epoch="1", times={12: 4})})
    data = json.loads(dump_kept(Kept(seq=1, state=state, before=None)))
    del data["state"]["counters"]["blue"]["times"]
    read = load_kept(json.dumps(data), "s", cure="Mend it.").state
    assert read is not None
    assert read.counters == {"blue": Counters(requests=1, epoch="1")}


@pytest.mark.parametrize(
    "reading", ['{"12": [1]}', '{"-3": [1, 1]}', '{"12": [-1, 1]}', '{"x": [1, 1]}', "[1, 2, 3]", '"12"']
)
def test_a_reading_that_somebody_edited_is_refused(reading: str) -> None:
    """Times have two numbers for each bucket, counts are four."""
    line = f'{{"at": 1.0, "step": 0, "readings": {{"latency": {reading}}}}}\n'
    with pytest.raises(CorruptState):
        load_looks(line, 1, "l", cure="Mend it.")


@pytest.mark.parametrize("schema", ["ml-cicd/rollout/v1", "ml-cicd/rollout/v3", None, 2])
def test_another_versions_state_is_recognised(schema: object) -> None:
    """An older or newer ml-cicd wrote it: the message names both, and nothing is guessed."""
    data = {**json.loads(dump_kept(Kept(seq=1, state=STATE, before=None))), "schema": schema}
    with pytest.raises(CorruptState, match="another version wrote it"):
        load_kept(json.dumps(data), "s", cure="Mend it.")


@pytest.mark.parametrize("phase", [Phase.PROMOTED, Phase.ROLLED_BACK, Phase.HELD])
def test_what_the_first_version_had_ended_is_no_hindrance(phase: Phase) -> None:
    """Its number is all that is still needed: an upgrade does not stop at a rollout that is over."""
    states = {"state": {"phase": phase.value, "observations": []}, "before": {"phase": "running"}}
    kept = load_kept(json.dumps({"schema": "ml-cicd/rollout/v1", "seq": 7, **states}), "s", cure="Mend it.")
    assert kept == Kept(seq=7, state=None, before=None)


def test_an_older_version_does_not_take_ours_for_its_own() -> None:
    """The first version looked for this very name, so it refuses what it would misread."""
    assert json.loads(dump_kept(Kept(seq=1, state=STATE, before=None)))["schema"] != "ml-cicd/rollout/v1"


@pytest.mark.parametrize("change", ["phase", "looks", "candidate", "counters", "started_at", "size"])
def test_a_state_that_somebody_edited_is_refused(change: str) -> None:
    """Each part has its type."""
    data = json.loads(dump_kept(Kept(seq=1, state=STATE, before=None)))
    (data if change == "size" else data["state"])[change] = ["odd"]
    with pytest.raises(CorruptState):
        load_kept(json.dumps(data), "s", cure="Mend it.")


def changed(name: str, value: object) -> str:
    """Return a state as text in which one field is another."""
    data = json.loads(dump_kept(Kept(seq=1, state=STATE, before=None)))
    data["state"][name] = value
    return json.dumps(data)


@pytest.mark.parametrize("name", ["rejected", "undecided"])
def test_a_flag_is_true_or_false(name: str) -> None:
    """The text "false" is not false, and a number is neither; an earlier version wrote none."""
    wrongs: tuple[object, ...] = ("false", 0, 1, [])
    for wrong in wrongs:
        with pytest.raises(CorruptState, match="neither true nor false"):
            load_kept(changed(name, wrong), "s", cure="Mend it.")
    found = load_kept(changed(name, True), "s", cure="Mend it.").state
    assert found is not None
    assert getattr(found, name) is True
    assert load_kept(changed(name, None), "s", cure="Mend it.").state == STATE


@pytest.mark.parametrize("wrong", [[1], [1, 2, 3], "12", [1, "2"]])
def test_a_kind_of_failure_has_two_counts(wrong: object) -> None:
    """Candidate and champion, and nothing else."""
    line = json.dumps({"at": 1, "step": 0, "readings": {"errors": [1, 0, 1, 0]}, "kinds": {"answer 5xx": wrong}})
    with pytest.raises(CorruptState):
        load_looks(line + "\n", 1, "looks", cure="Mend it.")


def test_looks_without_users_stay_as_they_were() -> None:
    """A source that knows no users writes none, and no blanks; what an earlier version wrote, with blanks, is read."""
    line = '{"at":1.0,"step":0,"readings":{"errors":[2,1,3,0]}}\n'
    look = Observation(at_seconds=1.0, step=0, readings={"errors": Counts(nc=2, xc=1, nb=3, xb=0)})
    assert dump_look(look) == line
    for read in (line, line.replace(",", ", ").replace(":", ": ")):
        assert load_looks(read, 1, "l", cure="Mend it.") == (look,)


@pytest.mark.parametrize(
    "row", [[1, 0, 1, 0, [1]], [1, 0, 1, 0, [1, 1, 0, 0, 0], [1, 0]], [1, 0, 1, 0, [1, 0, 1, 1, 1], [0] * 5]]
)
def test_sums_of_users_that_somebody_edited_are_refused(row: list[object]) -> None:
    """Each has its five numbers, which add up."""
    line = json.dumps({"at": 1.0, "step": 0, "readings": {"errors": row}}) + "\n"
    with pytest.raises(CorruptState):
        load_looks(line, 1, "l", cure="Mend it.")
