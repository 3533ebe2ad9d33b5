"""Evidence from a model in memory: a `torch.nn.Module` over the batches of a `DataLoader`."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch

from ml_cicd.gate.evidence import Evidence, measure
from ml_cicd.gate.settings import Role
from ml_cicd.gate.statistics import (
    Absence,
    Answers,
    Confusion,
    ConfusionNeed,
    Label,
    Need,
    OrderStatistics,
    QuantileNeed,
    Statistic,
    ranks_of,
)
from ml_cicd.ground.errors import EvidenceError, InputError
from ml_cicd.ground.finding import Subject
from ml_cicd.ground.parse import describe
from ml_cicd.stats.intervals import smallest

WARM_UP = 3
LONGEST_TIMING_SECONDS = 10.0
NOT_HERE = Absence(why="a loader of (inputs, labels) does not have this metric")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What a pass over the loader yields: rows by (label, prediction), milliseconds by batch, digest of all it saw."""

    confusion: Confusion
    batch_ms: tuple[float, ...]
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LoaderSource:
    """Answers from a model that is asked about every batch (ports.StatisticsSource)."""

    model: Any
    loader: Iterable[Any]

    def answer(self, needs: frozenset[Need]) -> Answers:
        """Run the model once; latency is the time of a batch."""
        quantiles = [need for need in needs if isinstance(need, QuantileNeed) and need.role is Role.LATENCY_MS]
        run = run_model(self.model, self.loader, timings=timings_needed(quantiles))
        values = dict(enumerate(sorted(run.batch_ms), start=1))
        found: dict[Need, Statistic] = {
            need: OrderStatistics(ranks=ranks_of(need, len(values)), values=values) for need in quantiles
        }
        found[ConfusionNeed()] = run.confusion
        return Answers(
            statistics={need: found.get(need, NOT_HERE) for need in needs}, digests={"test_loader": run.digest}
        )


def measure_loader(model: Any, loader: Iterable[Any], wanted: frozenset[Subject], confidence: float) -> Evidence:  # noqa: ANN401
    """Measure what is wanted; a metric that a loader cannot give is absent, with the reason."""
    return measure(wanted, LoaderSource(model=model, loader=loader), confidence)


def timings_needed(needs: Iterable[QuantileNeed]) -> int:
    """Return how many timings bound these quantiles from above: 299 for p99 at 95 %."""
    needed = 0
    for need in needs:

        def is_bounded(n: int, need: QuantileNeed = need) -> bool:
            return ranks_of(need, n).upper is not None

        needed = max(needed, smallest(is_bounded, 1) or 0)
    return needed


def run_model(model: Any, loader: Iterable[Any], *, timings: int = 0) -> Run:  # noqa: ANN401  # torch is half-typed
    """Ask the model about every batch, in eval mode and without gradients; its modes are put back afterwards.

    A loader of fewer batches than `timings` is timed again and again, for ten seconds at most: only the clock is new.

    Raises:
        EvidenceError: no batch, a batch that is not (inputs, labels), an output that is not one answer a row, or NaN.
    """
    confusion: Counter[tuple[Label, Label]] = Counter()
    times: list[float] = []
    digest = hashlib.sha256()
    if not isinstance(model, torch.nn.Module):
        raise InputError(f"The model is {describe(model)}.", cure="Give a torch.nn.Module.")
    if not isinstance(loader, Iterable):
        raise InputError(f"The test loader is {describe(loader)}.", cure="Give a DataLoader or a list of batches.")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    with evaluating(model), torch.no_grad():
        for number, batch in enumerate(loader):
            inputs, labels = _split(batch, number)
            inputs = inputs.to(device)
            for _ in range(WARM_UP if number == 0 else 0):
                model(inputs)
            output, milliseconds = _timed(model, inputs)
            answers = _classes(output, number).cpu()
            if answers.shape != labels.shape:
                raise EvidenceError(
                    f"Batch {number}: {len(answers)} answers for labels of shape {tuple(labels.shape)}.",
                    cure="Labels must be one class number a row.",
                )
            pairs = list(zip(labels.tolist(), answers.tolist(), strict=True))
            confusion.update(pairs)
            digest.update(_bytes(inputs) + repr(pairs).encode())
            times.append(milliseconds)
        if times and iter(loader) is not loader:
            times += _more_times(model, loader, device, timings - len(times))
    if not confusion:
        raise EvidenceError("The test loader yields no row.", cure="Check its data set and its batch size.")
    return Run(confusion=Confusion(cells=confusion), batch_ms=tuple(times), digest="sha256:" + digest.hexdigest())


def _more_times(model: Any, loader: Iterable[Any], device: Any, missing: int) -> list[float]:  # noqa: ANN401
    times: list[float] = []
    end = time.monotonic() + LONGEST_TIMING_SECONDS
    while len(times) < missing and time.monotonic() < end:
        for batch in loader:
            times.append(_timed(model, batch[0].to(device))[1])
            if len(times) >= missing or time.monotonic() > end:
                break
    return times


@contextmanager
def evaluating(model: Any) -> Iterator[None]:  # noqa: ANN401
    """Switch to eval mode, and put every module's own mode back."""
    modes = [(module, module.training) for module in model.modules()]
    with suppress(NotImplementedError):  # an exported program has one mode, and says so
        model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _split(batch: Any, number: int) -> tuple[Any, Any]:  # noqa: ANN401
    parts = batch if isinstance(batch, tuple | list) else ()
    if len(parts) != 2 or not all(isinstance(part, torch.Tensor) for part in parts):
        raise EvidenceError(
            f"Batch {number} of the test loader is not (inputs, labels), two tensors.",
            cure="Give a loader that yields pairs of tensors.",
        )
    inputs, labels = parts
    if labels.dim() != 1 or labels.is_floating_point():
        raise EvidenceError(
            f"Batch {number}: labels of shape {tuple(labels.shape)} and type {labels.dtype} are not class numbers.",
            cure="Labels must be one integer a row.",
        )
    return inputs, labels.cpu()


def _bytes(inputs: Any) -> bytes:  # noqa: ANN401
    """Return shape, type and values; every type of torch's has bytes, not every one is known to NumPy."""
    values = inputs.detach().cpu().contiguous().flatten().view(torch.uint8)
    return f"{tuple(inputs.shape)} {inputs.dtype} ".encode() + bytes(values.numpy())


def _timed(model: Any, inputs: Any) -> tuple[Any, float]:  # noqa: ANN401
    _finish(inputs)
    begun = time.perf_counter()
    output = model(inputs)
    _finish(inputs)
    return output, (time.perf_counter() - begun) * 1000


def _finish(inputs: Any) -> None:  # noqa: ANN401
    """Wait for a GPU: it answers before it is done."""
    if inputs.is_cuda:
        torch.cuda.synchronize(inputs.device)


def _classes(output: Any, number: int) -> Any:  # noqa: ANN401
    """Return one class a row: the largest of (n, classes) scores, or (n,) integers as they are."""
    if isinstance(output, torch.Tensor) and output.is_floating_point():
        if not bool(torch.isfinite(output).all()):
            raise EvidenceError(
                f"Batch {number}: the model's output is not finite.", cure="Find out why; do not ship it."
            )
        if output.dim() == 2 and output.shape[1] >= 2:
            return output.argmax(dim=1)
    elif isinstance(output, torch.Tensor) and output.dim() == 1 and not output.is_complex():
        return output
    raise EvidenceError(
        f"Batch {number}: the model's output is not (rows, classes) scores nor (rows,) class numbers.",
        cure="Wrap the model so that it returns one of the two.",
    )
