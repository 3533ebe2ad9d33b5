"""Evidence from a model in memory: a `torch.nn.Module` over the batches of a `DataLoader`."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch

from ml_cicd.domain.evidence import Evidence
from ml_cicd.domain.policy import Scope
from ml_cicd.domain.sample import Sample
from ml_cicd.errors import EvidenceError, InputError
from ml_cicd.measure.counting import (
    CLASSIFICATION,
    Confusion,
    Label,
    count_classification,
    latency_names,
    plan_quantile,
)
from ml_cicd.parse import describe
from ml_cicd.stats.intervals import smallest

WARM_UP = 3
LONGEST_TIMING = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What a pass over the loader yields: rows by (label, prediction), milliseconds by batch, digest of all it saw."""

    confusion: Confusion
    batch_ms: tuple[float, ...]
    digest: str


def evaluate_loader(model: Any, loader: Iterable[Any], wanted: Sequence[str], confidence: float) -> Evidence:  # noqa: ANN401
    """Measure the wanted metrics; a metric that a loader cannot give is absent, with the reason."""
    run = run_model(model, loader, timings=timings_needed(latency_names(wanted), confidence))
    counted = count_classification(run.confusion, [name for name in wanted if name in CLASSIFICATION])
    samples: dict[str, Sample] = dict(counted.samples)
    absent = dict(counted.absent)
    ordered = sorted(run.batch_ms)
    for name in latency_names(wanted):
        plan = plan_quantile(name, len(ordered), confidence)
        samples[name] = plan.sample(lambda rank: ordered[rank - 1])
    for name in wanted:
        if name not in samples and name not in absent:
            absent[name] = "a loader of (inputs, labels) does not have this metric"
    return Evidence(
        samples={(Scope.VALUE, name): sample for name, sample in samples.items()},
        absent={(Scope.VALUE, name): why for name, why in absent.items()},
        digests={"test_loader": run.digest},
        has_champion=False,
    )


def timings_needed(names: Sequence[str], confidence: float) -> int:
    """Return how many timings bound these quantiles from above: 299 for p99 at 95 %."""
    needed = 0
    for name in names:

        def is_bounded(n: int, name: str = name) -> bool:
            return plan_quantile(name, n, confidence).upper is not None

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
    return Run(confusion=confusion, batch_ms=tuple(times), digest="sha256:" + digest.hexdigest())


def _more_times(model: Any, loader: Iterable[Any], device: Any, missing: int) -> list[float]:  # noqa: ANN401
    times: list[float] = []
    end = time.monotonic() + LONGEST_TIMING
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


def example_inputs(loader: Iterable[Any]) -> Any:  # noqa: ANN401
    """Return two rows of the first batch; a batch of one row is doubled, or export would fix the batch size at 1."""
    for batch in loader:
        inputs, _ = _split(batch, 0)
        return torch.cat([inputs, inputs])[:2] if len(inputs) == 1 else inputs[:2]
    raise EvidenceError("The test loader yields no row.", cure="Check its data set and its batch size.")


def told_inputs(model: Any) -> Any:  # noqa: ANN401
    """Return example inputs that the model itself tells, None where it does not.

    Its `example_input_array`, as Lightning has it, or two rows of zeros for a first layer that fixes their width. A
    convolution fixes no size, and a wrong one would be exported for good.
    """
    told = getattr(model, "example_input_array", None)
    if isinstance(told, torch.Tensor):
        return torch.cat([told, told])[:2] if len(told) == 1 else told
    first = next((m for m in model.modules() if next(m.parameters(recurse=False), None) is not None), None)
    width = {torch.nn.Linear: "in_features", torch.nn.BatchNorm1d: "num_features"}.get(type(first))
    return None if width is None else torch.zeros(2, getattr(first, width), dtype=next(model.parameters()).dtype)


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
