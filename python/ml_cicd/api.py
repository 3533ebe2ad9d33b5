"""The gate and the registration from Python, for training scripts and notebooks.

from ml_cicd import model_quality_gate, register_if_passing

verdict = model_quality_gate(model, test_loader, {"accuracy": 0.95, "latency_p99_ms": 50})
if verdict:
    register_if_passing(model, {}, thresholds, "digits", test_loader=test_loader)
"""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_cicd.adapters.mlflow_client import settle
from ml_cicd.apply import Scene, apply
from ml_cicd.decide.gate import judge
from ml_cicd.decide.policy import build_policy, policy_mapping
from ml_cicd.decide.registration import Candidate, check_names, claim_of, plan
from ml_cicd.domain.config import GateConfig
from ml_cicd.domain.evidence import Evidence
from ml_cicd.domain.model import CHALLENGER
from ml_cicd.domain.policy import Policy, Scope
from ml_cicd.domain.verdict import Bindings, Verdict, canonical_digest
from ml_cicd.errors import InputError, NotPassing, PartlyApplied
from ml_cicd.measure.metrics_file import read_metric
from ml_cicd.parse import as_mapping, as_number, describe
from ml_cicd.ports import World
from ml_cicd.wiring import real_world


class GateRefusal(NotPassing):
    """The gate did not pass the model; `verdict` has the findings."""

    def __init__(self, verdict: Verdict) -> None:
        """Say which rules stop it, and why."""
        reasons = "; ".join(f"{f.rule}: {f.outcome.value}: {f.reason}" for f in verdict.findings if f.blocks)
        super().__init__(f"The gate's verdict is {verdict.outcome.value}. {reasons}", cure="Nothing was registered.")
        self.verdict = verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """A registered version. `created` is False where the same bytes with the same verdict were there already."""

    name: str
    version: str
    uri: str
    digest: str
    created: bool
    verdict: Verdict


def model_quality_gate(
    model: Any,  # noqa: ANN401  # torch is half-typed
    test_loader: Iterable[Any],
    thresholds: Mapping[str, object],
    *,
    confidence: float = 0.95,
    when_inconclusive: str = "fail",
) -> Verdict:
    """Judge a `torch.nn.Module` on a loader; the verdict is truthy only on pass.

    The loader yields (inputs, labels). Labels are (n,) integers; the model returns scores (n, classes) or classes (n,).
    The model runs in eval mode without gradients, and every module's mode is put back. `thresholds` are as in the
    configuration: `{"accuracy": 0.95, "latency_p99_ms": {"at_most": 50, "severity": "warn"}}`.

    Latency is the wall time of a batch in milliseconds, after warm-up calls on the first one, so its quantiles are over
    batches: use a loader with `batch_size=1` for the latency of single requests. A bound of p99 needs 299 timings at
    confidence 0.95; a shorter loader is timed again until there are enough, for ten seconds at most.

    Raises:
        InputError: no threshold, an unknown metric. EvidenceError: the loader or the model cannot be judged at all.
    """
    policy = _policy(thresholds, confidence, when_inconclusive)
    return _judge(policy, _from_loader(model, test_loader, policy))


def register_if_passing(  # noqa: PLR0913  # the first four say what, the rest where and how
    model: Any,  # noqa: ANN401  # torch is half-typed
    metrics: Mapping[str, object],
    thresholds: Mapping[str, object],
    model_name: str,
    *,
    test_loader: Iterable[Any] | None = None,
    input_example: Any = None,  # noqa: ANN401  # tensor or array
    registry_uri: str = "",
    alias: str = CHALLENGER,
) -> Registration:
    """Judge a model; save it as MLflow 3 does (pt2) and register it bound to the verdict if it passes.

    With a `test_loader` the model is judged on what the loader yields, and once more as it was saved, because export
    could have changed it; `metrics` are not looked at. It is read twice, so a generator will not do. Without one,
    `metrics` are judged: bare numbers as points, or the forms of a metrics file, e.g. `{"value": 0.96, "n": 2000}`.
    Export needs an example of the inputs, shape (2 or more, ...): two rows of the loader, or `input_example`, or
    what the model tells: its `example_input_array` (Lightning), or a linear first layer.
    The registry is `registry_uri`, else the one of ml-cicd.yml, else MLFLOW_TRACKING_URI; MLflow's tracking address is
    set to it.

    Raises:
        GateRefusal: the verdict is not a pass; `.verdict.findings` say why. Nothing was registered.
        InputError, EvidenceError: names, thresholds, metrics or loader cannot be used.
        OutsideError: the registry failed. PartlyApplied: the version is there, the alias is not.
    """
    check_names(model_name, alias)
    if test_loader is not None and iter(test_loader) is test_loader:
        raise InputError("test_loader can be read only once.", cure="Give a DataLoader or a list of batches.")
    policy = _policy(thresholds, 0.95, "fail")
    evidence = _from_loader(model, test_loader, policy) if test_loader is not None else _from_metrics(metrics, policy)
    verdict = _judge(policy, evidence)
    if not verdict:
        raise GateRefusal(verdict)
    example = _example(model, test_loader, input_example)
    world = real_world(lambda line: print(line, file=sys.stderr, flush=True))
    with tempfile.TemporaryDirectory(prefix="ml-cicd-") as folder:
        path = str(Path(folder) / "model")
        save_model(model, path, example)
        digest = world.files.payload_digest(path)
        if test_loader is not None:  # what is registered is the saved program, so that is what the verdict is about
            evidence = _from_program(path, test_loader, policy)
        bound = _judge(policy, evidence, digest, world.commit)
        if not bound:
            raise GateRefusal(bound)
        candidate = Candidate(
            name=model_name,
            alias=alias,
            folder=path,
            digest=digest,
            violations=world.files.policy_violations(path),
            commit=world.commit,
            run_url=world.run_url,
        )
        return _register(candidate, bound, world, registry_uri)


def save_model(model: Any, path: str, example: Any) -> None:  # noqa: ANN401
    """Save a module as pt2 with named requirements; inferring them takes ten seconds and a network."""
    settle()
    import torch  # noqa: PLC0415
    from mlflow import pytorch  # noqa: PLC0415

    from ml_cicd.measure.loader import evaluating  # noqa: PLC0415

    with warnings.catch_warnings(), evaluating(model):
        warnings.simplefilter("ignore")
        requirements = [f"torch=={torch.__version__.split('+')[0]}", "numpy"]
        try:
            pytorch.save_model(model, path, input_example=example, pip_requirements=requirements)
        except Exception as problem:
            what = " ".join(str(problem).split())[:300]
            raise InputError(
                f"The model cannot be exported: {what}", cure="See torch.export's documentation for what it can trace."
            ) from problem


def _from_program(path: str, loader: Iterable[Any], policy: Policy) -> Evidence:
    """Judge the program that `save_model` has just written, as it will serve."""
    import torch  # noqa: PLC0415

    try:
        return _from_loader(torch.export.load(Path(path) / "data" / "model.pt2").module(), loader, policy)
    except (AssertionError, RuntimeError) as problem:
        what = " ".join(str(problem).split())[:300]
        raise InputError(
            f"The exported model does not run on the loader's batches: {what}",
            cure="Let the model take any number of rows.",
        ) from problem


def _register(candidate: Candidate, verdict: Verdict, world: World, registry_uri: str) -> Registration:
    config = world.config("ml-cicd.yml", required=False)
    asked = registry_uri or config.registry_uri or os.environ.get("MLFLOW_TRACKING_URI", "")
    scene = Scene(world=world, config=config, registry_uri=config.registry(asked))
    receipt = apply(plan(candidate, claim_of(verdict)), scene, again="call register_if_passing again")
    if receipt.problem:
        raise PartlyApplied(f"Registered, but the alias is not set: {receipt.problem}", cure="Call it again.")
    values = receipt.done[0].values
    return Registration(
        name=candidate.name,
        version=values["version"],
        uri=values["uri"],
        digest=candidate.digest,
        created=values["created"] == "true",
        verdict=verdict,
    )


def _policy(thresholds: Mapping[str, object], confidence: float, when_inconclusive: str) -> Policy:
    if when_inconclusive not in {"fail", "warn"}:
        raise InputError(f"when_inconclusive is {when_inconclusive!r}.", cure="Write fail or warn.")
    thresholds = as_mapping(thresholds, "thresholds")
    gate = GateConfig(
        thresholds={},
        versus_champion={},
        confidence=as_number(confidence, "confidence"),
        when_inconclusive=when_inconclusive,
        when_no_champion="fail",
    )
    return build_policy(gate, thresholds=thresholds, where="thresholds")


def _from_loader(model: Any, loader: Iterable[Any], policy: Policy) -> Evidence:  # noqa: ANN401
    from ml_cicd.measure.loader import evaluate_loader  # noqa: PLC0415  # needs torch

    return evaluate_loader(model, loader, [rule.metric.name for rule in policy.rules], policy.confidence)


def _from_metrics(metrics: Mapping[str, object], policy: Policy) -> Evidence:
    metrics = as_mapping(metrics, "metrics")
    wanted = [rule.metric.name for rule in policy.rules]
    plain = {name: _plain(metrics[name]) for name in wanted if name in metrics}
    return Evidence(
        samples={(Scope.VALUE, name): read_metric(name, value, f"metrics.{name}") for name, value in plain.items()},
        absent={(Scope.VALUE, name): "the given metrics do not have it" for name in wanted if name not in plain},
        digests={"metrics": canonical_digest(plain)},
        has_champion=False,
    )


def _plain(value: object) -> object:
    """Return the number in a NumPy or torch scalar; anything larger stays what it is, and is refused as no number."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


def _judge(policy: Policy, evidence: Evidence, model: str = "", commit: str = "") -> Verdict:
    digest = canonical_digest(policy_mapping(policy))
    return judge(policy, evidence, Bindings(model=model, data=evidence.digests, policy=digest, commit=commit))


def _example(model: Any, loader: Iterable[Any] | None, given: Any) -> Any:  # noqa: ANN401
    """Return an array of two or more rows: the one given, the loader's, or what the model itself tells."""
    from ml_cicd.measure.loader import example_inputs, told_inputs  # noqa: PLC0415  # needs torch

    if given is None:
        given = told_inputs(model) if loader is None else example_inputs(loader)
    if given is None:
        raise InputError(
            "There is no test_loader, and the model does not tell the shape of its inputs, which the export needs.",
            cure="Give input_example, an array of two or more rows.",
        )
    example = given.detach().cpu().numpy() if hasattr(given, "detach") else given
    if not hasattr(example, "shape") or not example.shape:
        raise InputError(f"input_example is {describe(example)}.", cure="Give an array of two or more rows.")
    if len(example) < 2:
        raise InputError(
            "input_example has one row, so the export would fix the batch size at 1.", cure="Give two rows."
        )
    return example
