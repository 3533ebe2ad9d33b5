"""Evidence from a model in memory: one pass over a test set, whatever kind of model and whatever holds the rows."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol, TypeAlias

from ml_cicd.gate.engines.answers import read_labels, read_output
from ml_cicd.gate.engines.rows import Table, as_table, digest_of, row_digests, shown
from ml_cicd.gate.engines.tally import Tally
from ml_cicd.gate.hints import Hints
from ml_cicd.gate.settings import Role
from ml_cicd.gate.statistics import (
    Absence,
    Answers,
    ConfusionNeed,
    ErrorsNeed,
    Need,
    OrderStatistics,
    QuantileNeed,
    Statistic,
    ranks_of,
)
from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.parse import describe
from ml_cicd.stats.intervals import smallest

WARM_UP = 3
LONGEST_TIMING_SECONDS = 10.0
MOST_SINGLES = 1000  # rows of (X, y) that are timed one by one where fewer would do
LABELS = ("labels", "label", "targets", "target", "y")
NOT_HERE = Absence(why="a test set in memory does not have this metric")

Inputs: TypeAlias = Any  # an array, a tensor, a frame, a list, or a mapping or tuple of these


class Model(Protocol):
    """What can be asked about the inputs of a batch."""

    @property
    def inputs_needed(self) -> int | None:
        """How many inputs it needs; None where that is not known."""

    @property
    def answers_with_classes(self) -> bool:
        """Whether answers are classes also where they are floats."""

    def place(self, inputs: Inputs) -> Inputs:
        """Bring the inputs where the model is; this is not timed."""

    def ask(self, inputs: Inputs) -> Any:  # noqa: ANN401
        """Return what the model answers."""

    def ready(self) -> AbstractContextManager[None]:
        """Prepare the model, and leave it as it was."""

    def wait(self) -> None:
        """Wait until what was asked is done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What the model is asked, and what is right; `note` says what was taken for the labels."""

    inputs: Inputs
    labels: Any
    note: str = ""


@dataclass(kw_only=True, slots=True)
class Run:
    """What a pass over the test set yields."""

    tally: Tally = field(default_factory=Tally)
    milliseconds: list[float] = field(default_factory=list)
    rows: list[bytes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class MemorySource:
    """Answers from a model that is asked about every batch (ports.StatisticsSource). `say` gets what will take time."""

    model: Model
    data: Iterable[Any]
    hints: Hints
    say: Callable[[str], None]

    def answer(self, needs: frozenset[Need]) -> Answers:
        """Run the model once; latency is the time of a batch, or of a row where the test set is (X, y)."""
        quantiles = [need for need in needs if isinstance(need, QuantileNeed) and need.role is Role.LATENCY_MS]
        run = run_model(self.model, self.data, self.hints, timings=timings_needed(quantiles), say=self.say)
        values = dict(enumerate(sorted(run.milliseconds), start=1))
        found: dict[Need, Statistic | Absence] = {
            need: OrderStatistics(ranks=ranks_of(need, len(values)), values=values) for need in quantiles
        }
        notes = [*run.notes, *run.tally.notes]
        if ConfusionNeed() in needs:
            found[ConfusionNeed()], decided = run.tally.confusion(self.hints)
            notes += decided
        if ErrorsNeed() in needs:
            found[ErrorsNeed()] = run.tally.errors()
        return Answers(
            statistics={need: found.get(need, NOT_HERE) for need in needs},
            digests={"test_loader": digest_of(run.rows)},
            notes=tuple(f"{note}." for note in notes),
        )


def timings_needed(needs: Iterable[QuantileNeed]) -> int:
    """Return how many timings bound these quantiles from above: 299 for p99 at 95 %."""
    needed = 0
    for need in needs:

        def is_bounded(n: int, need: QuantileNeed = need) -> bool:
            return ranks_of(need, n).upper is not None

        needed = max(needed, smallest(is_bounded, 1) or 0)
    return needed


def run_model(model: Model, data: Iterable[Any], hints: Hints, *, timings: int = 0, say: Callable[[str], None]) -> Run:
    """Ask the model about every batch, and time it as often as `timings` says, for ten seconds at most.

    Raises:
        EvidenceError: no row, a batch whose labels are not known, an output that is not one answer a row, NaN.
        InputError: what is no test set.
    """
    if isinstance(data, str | Mapping) or not isinstance(data, Iterable):
        raise InputError(
            f"The test loader is {describe(data)}.", cure="Give (X, y), a DataLoader or a list of batches."
        )
    table = as_table(data)
    say_timings(table or data, timings, say)
    run = Run()
    with model.ready():
        for number, batch in enumerate(table or data):
            _take(model, split(batch, number, model.inputs_needed, hints), number, run)
        if not run.rows:
            raise EvidenceError("The test loader yields no row.", cure="Check its data set and its batch size.")
        _time_more(model, table or data, hints, run, timings)
    return run


def first_batch(model: Model, data: Iterable[Any], hints: Hints) -> Batch:
    """Return the first batch.

    Raises:
        EvidenceError: there is none.
    """
    batch = next(iter(as_table(data) or data), None)
    if batch is None:
        raise EvidenceError("The test loader yields no row.", cure="Check its data set and its batch size.")
    return split(batch, 0, model.inputs_needed, hints)


def say_timings(data: Iterable[Any], timings: int, say: Callable[[str], None]) -> None:
    """Say before the pass how many timings are needed where the test set has fewer."""
    if isinstance(data, Table):
        there, what = data.rows, "rows"
    else:
        there, what = (len(data) if isinstance(data, Sized) else timings), "batches"
    if there < timings:
        say(
            f"The latency demanded takes {timings} timings to bound; the test set has {there:,} {what}. They are timed "
            f"again, for {LONGEST_TIMING_SECONDS:g} seconds at most."
        )


def _take(model: Model, batch: Batch, number: int, run: Run) -> None:
    where = f"Batch {number}"
    labels = read_labels(batch.labels, where)
    rows = len(labels.values)
    if not rows:
        return
    inputs = model.place(batch.inputs)
    for _ in range(0 if run.rows else WARM_UP):
        model.ask(inputs)
    output, milliseconds = _timed(model, inputs)
    run.tally.add(labels, read_output(output, rows, where, classes=model.answers_with_classes))
    run.milliseconds.append(milliseconds)
    run.notes += [batch.note] if batch.note and batch.note not in run.notes else []
    digests = row_digests(batch.inputs, rows)
    run.rows += [digest + repr(label).encode() for digest, label in zip(digests, labels.values.tolist(), strict=True)]


def _time_more(model: Model, data: Iterable[Any], hints: Hints, run: Run, timings: int) -> None:
    """Time the same batches until there are enough: only the clock is new. Of (X, y), time single rows."""
    if not timings:
        return
    if isinstance(data, Table):
        run.milliseconds = []
        run.notes.append("A latency is the time of one row, asked alone")
        timings = max(timings, min(data.rows, MOST_SINGLES))
        for inputs in islice(data.singles(), WARM_UP):
            model.ask(model.place(inputs))
    else:
        run.notes.append(f"A latency is the time of one batch, the first of {rows_in_batch(run)} rows")
        if iter(data) is data:  # read only once
            return
    end = time.monotonic() + LONGEST_TIMING_SECONDS
    while len(run.milliseconds) < timings and time.monotonic() < end:
        for inputs in islice(_inputs(model, data, hints), timings - len(run.milliseconds)):
            run.milliseconds.append(_timed(model, model.place(inputs))[1])
            if time.monotonic() > end:
                run.notes.append(
                    f"Timing ended after {LONGEST_TIMING_SECONDS:g} s with {len(run.milliseconds)} of {timings} timings"
                )
                break


def rows_in_batch(run: Run) -> int:
    """Return how many rows the first batch had."""
    return len(run.tally.labels[0].values)


def _inputs(model: Model, data: Iterable[Any], hints: Hints) -> Iterator[Inputs]:
    if isinstance(data, Table):
        return data.singles()
    return (split(batch, number, model.inputs_needed, hints).inputs for number, batch in enumerate(data))


def _timed(model: Model, inputs: Inputs) -> tuple[Any, float]:
    model.wait()
    begun = time.perf_counter()
    output = model.ask(inputs)
    model.wait()
    return output, (time.perf_counter() - begun) * 1000


def split(batch: Any, number: int, inputs_needed: int | None, hints: Hints) -> Batch:  # noqa: ANN401
    """Return inputs and labels of a batch: a mapping with labels, (inputs, labels), or several inputs and labels.

    Raises:
        EvidenceError: which of its parts are the labels is not known.
    """
    if isinstance(batch, Mapping):
        return _split_mapping(batch, number, hints)
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise EvidenceError(
            f"Batch {number} of the test loader is {shown(batch)}, not (inputs, labels).",
            cure="Give batches (inputs, labels), or mappings with `labels`.",
        )
    place, note = hints.labels, ""
    if place is None and len(batch) == 2:
        place = 1
    elif place is None and inputs_needed == len(batch) - 1:
        place, note = len(batch) - 1, f"The last of a batch's {len(batch)} parts is the labels, the others are inputs"
    if not isinstance(place, int) or not -len(batch) <= place < len(batch):
        raise _no_labels(
            batch, number, f"labels={len(batch) - 1}, the place of the labels, and predict= where the model"
        )
    rest = [part for at, part in enumerate(batch) if at != place % len(batch)]
    return Batch(inputs=rest[0] if len(rest) == 1 else tuple(rest), labels=batch[place], note=note)


def _split_mapping(batch: Mapping[Any, Any], number: int, hints: Hints) -> Batch:
    found = [name for name in LABELS if name in batch] if hints.labels is None else [hints.labels]
    if len(found) != 1 or found[0] not in batch or len(batch) < 2:
        raise _no_labels(batch, number, 'labels="...", their name in the batch, and predict= where the model')
    note = f"The labels are {found[0]!r} of a batch" if hints.labels is None and found[0] != LABELS[0] else ""
    return Batch(
        inputs={name: part for name, part in batch.items() if name != found[0]}, labels=batch[found[0]], note=note
    )


def _no_labels(batch: Any, number: int, hint: str) -> EvidenceError:  # noqa: ANN401
    return EvidenceError(
        f"Batch {number} of the test loader is {shown(batch)}: which part is the labels?",
        cure=f"Give {hint} does not take all the others.",
    )
