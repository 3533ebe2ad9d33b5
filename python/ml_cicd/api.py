"""The gate and the registration from Python, for training scripts and notebooks, and what a deploy hook checks.

from ml_cicd import model_quality_gate, register_if_passing

verdict = model_quality_gate(model, test_loader, {"accuracy": 0.95, "latency_p99_ms": 50})
if verdict:
    register_if_passing(model, {}, thresholds, "digits", test_loader=test_loader)
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_cicd.gate.evidence import Evidence, evidence_from_mapping
from ml_cicd.gate.hints import Hints
from ml_cicd.gate.judgement import judgement
from ml_cicd.gate.policy import Policy, build_policy
from ml_cicd.gate.settings import GateSettings, WhenInconclusive
from ml_cicd.gate.statistics import Label
from ml_cicd.ground.errors import InputError, NotPassing, PartlyApplied
from ml_cicd.ground.finding import Verdict
from ml_cicd.ground.operation import apply
from ml_cicd.ground.parse import as_mapping, as_number
from ml_cicd.registry.gate_report import claim_of
from ml_cicd.registry.look import NOTHING_ALLOWED, Allowed
from ml_cicd.registry.operations import Registered
from ml_cicd.registry.ports import Server
from ml_cicd.registry.registration import Candidate, check_names, plan
from ml_cicd.registry.versions import CHALLENGER
from ml_cicd.shell.streams import print_err
from ml_cicd.shell.wiring import load_saved, model_in_memory, real_world, save_in_memory
from ml_cicd.world import World

CONFIG = "ml-cicd.yml"
DEFAULTS = GateSettings()


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


def model_quality_gate(  # noqa: PLR0913  # the first three say what, the rest how it is read
    model: Any,  # noqa: ANN401  # whatever can be asked
    test_loader: Iterable[Any],
    thresholds: Mapping[str, object],
    *,
    confidence: float = DEFAULTS.confidence,
    when_inconclusive: WhenInconclusive | str = DEFAULTS.when_inconclusive,
    predict: Callable[[Any, Any], Any] | None = None,
    labels: str | int | None = None,
    positive: Label | None = None,
    decision_threshold: float | None = None,
) -> Verdict:
    """Judge a model on a test set; the verdict is truthy only on pass, and its `notes` say how the data was read.

    The model is a `torch.nn.Module` (asked in eval mode, without gradients, on its own device, every module's mode put
    back), an estimator with `predict(X)`, or anything with `predict=`, a function of (model, inputs). The test set is a
    loader or list of batches, (inputs, labels) or mappings with `labels`, or (X, y) of n rows: arrays, tensors, frames,
    sparse matrices, lists. `labels=` is the key or place of the labels in a batch where that is not plain.

    Labels are (n,), (n, 1) or one-hot (n, classes). Answers are scores (n, classes), of which the highest counts; one
    score (n,) or (n, 1), cut at `decision_threshold` (unless given, at 0 if it is plainly a logit); or classes (n,). Of
    a mapping or Hugging Face output `logits` is taken. For `mean_absolute_error` both are numbers. `thresholds` are as
    in the configuration: `{"accuracy": 0.95, "latency_p99_ms": {"at_most": 50, "severity": "warn"}}`; `positive` is the
    class that precision, recall and F1 are of.

    Latency is the wall time of a batch in milliseconds, after warm-up calls; of (X, y), that of one row. A bound of p99
    needs 299 timings at confidence 0.95; where there are fewer it is said before, and they are timed again, for ten
    seconds at most. `when_inconclusive` is "fail" or "warn": whether a rule that is not settled stops the model.

    Raises:
        InputError: no threshold, an unknown metric, an argument that does not fit.
        EvidenceError: model and test set cannot be judged; it shows shapes and types, and the argument that helps.
    """
    policy = _policy(thresholds, confidence, when_inconclusive)
    hints = Hints(predict=predict, labels=labels, positive=positive, decision_threshold=decision_threshold)
    in_memory = model_in_memory(model, test_loader, hints, print_err)
    evidence: Evidence = in_memory.measure(policy.wanted, policy.confidence)
    return judgement(policy, evidence)


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
    predict: Callable[[Any, Any], Any] | None = None,
    labels: str | int | None = None,
    positive: Label | None = None,
    decision_threshold: float | None = None,
) -> Registration:
    """Judge a model; save it as MLflow 3 does and register it bound to the verdict if it passes.

    A module is exported (pt2); an estimator of scikit-learn, XGBoost or LightGBM goes into its library's own format.

    With a `test_loader` the model is judged as by `model_quality_gate`, and once more as it was saved, because export
    could have changed it; `metrics` are not looked at. It is read several times, so a generator will not do. `predict`
    becomes part of a module's program, so it may only do what torch.export can trace. Without a loader, `metrics` are
    judged: bare numbers as points, or the forms of a metrics file, e.g. `{"value": 0.96, "n": 2000}`. A model that is
    saved or logged already is given by its path or address, as for `payload_digest`, and judged by `metrics`.

    Export needs an example of the inputs, shape (2 or more, ...): `input_example`, an array or several by name; else
    two rows of zeros shaped as the loader's; else what the model tells, its `example_input_array` (Lightning) or a
    linear first layer. The same model, judged on the same rows in any order, is one version; its times may differ.
    The registry is `registry_uri`, else the one of ml-cicd.yml, else MLFLOW_TRACKING_URI; MLflow's tracking address is
    set to it.

    Raises:
        GateRefusal: the verdict is not a pass; `.verdict.findings` say why. Nothing was registered.
        InputError, EvidenceError: names, thresholds, metrics or loader cannot be used, or the model cannot be exported.
        OutsideError: the registry failed. PartlyApplied: the version is there, the alias is not.
    """
    check_names(model_name, alias)
    policy = _policy(thresholds, DEFAULTS.confidence, DEFAULTS.when_inconclusive)
    if isinstance(model, str | Path):
        if test_loader is not None:
            raise InputError("A saved model cannot be asked.", cure="Give its metrics, or the model itself.")
        evidence = evidence_from_mapping(metrics, policy.wanted)
        return _register(str(model), (model_name, alias), policy, evidence, registry_uri)
    if test_loader is not None and iter(test_loader) is test_loader:
        raise InputError("test_loader can be read only once.", cure="Give a DataLoader or a list of batches.")
    hints = Hints(predict=predict, labels=labels, positive=positive, decision_threshold=decision_threshold)
    in_memory = model_in_memory(model, test_loader, hints, print_err)
    evidence = (
        evidence_from_mapping(metrics, policy.wanted)
        if test_loader is None
        else in_memory.measure(policy.wanted, policy.confidence)
    )
    _refuse_unless_passing(judgement(policy, evidence))  # before the export, which takes longer and says less
    with tempfile.TemporaryDirectory(prefix="ml-cicd-") as folder:
        path = str(Path(folder) / "model")
        save_in_memory(in_memory, path, input_example)
        if test_loader is not None:  # what is registered is the saved program, so that is what the verdict is about
            evidence = _of_saved(in_memory, path, policy)
        return _register(path, (model_name, alias), policy, evidence, registry_uri)


def payload_digest(path: str | Path, *, registry_uri: str = "") -> str:
    """Return a model's digest, as the registry and a deploy hook's `ML_CICD_DIGEST` have it.

    A file, a folder, an image by digest, or what the registry's server has at `runs:/RUN/PATH`, `models:/m-ID`,
    `models:/NAME/VERSION` or `models:/NAME@ALIAS`; the registry as for `register_if_passing`.

    Raises:
        InputError: nothing is there. EvidenceError: a link, or what is neither file nor folder.
    """
    world = real_world(print_err)
    with world.models.here(str(path), lambda: _records(world, registry_uri)) as model:
        return world.models.payload_digest(model.path)


def violations(
    path: str | Path, *, allow_callables: Iterable[str] = (), allow_code: bool = False, registry_uri: str = ""
) -> tuple[str, ...]:
    """Return what in a model's files could run code when they are loaded, without loading them; empty for a plain one.

    What no format recognises cannot be looked through, and that is a violation itself. `allow_callables` are pickled
    callables by dotted name (`registry.allow_callables`), `allow_code` is `register`'s input of that name. The model is
    given as for `payload_digest`.
    """
    allowed = Allowed(callables=frozenset(allow_callables), code=allow_code)
    world = real_world(print_err)
    with world.models.here(str(path), lambda: _records(world, registry_uri)) as model:
        return world.models.look(model.path, allowed).violations


def _policy(thresholds: Mapping[str, object], confidence: float, when_inconclusive: WhenInconclusive | str) -> Policy:
    if when_inconclusive not in list(WhenInconclusive):
        raise InputError(f"when_inconclusive is {when_inconclusive!r}.", cure="Write fail or warn.")
    gate = GateSettings(
        confidence=as_number(confidence, "confidence"), when_inconclusive=WhenInconclusive(when_inconclusive)
    )
    return build_policy(gate, thresholds=as_mapping(thresholds, "thresholds"), where="thresholds")


def _of_saved(in_memory: Any, path: str, policy: Policy) -> Evidence:  # noqa: ANN401
    """Judge the program that was just written, as it will serve."""
    try:
        evidence: Evidence = in_memory.measure_saved(load_saved(in_memory, path), policy.wanted, policy.confidence)
    except (AssertionError, RuntimeError, ValueError) as problem:
        raise InputError(
            f"The saved model does not run on the loader's batches: {' '.join(str(problem).split())[:300]}",
            cure="Let the model take any number of rows.",
        ) from problem
    return evidence


def _refuse_unless_passing(verdict: Verdict) -> None:
    if not verdict:
        raise GateRefusal(verdict)


def _register(path: str, names: tuple[str, str], policy: Policy, evidence: Evidence, registry_uri: str) -> Registration:
    world = real_world(print_err)
    with world.models.here(path, lambda: _records(world, registry_uri)) as model:
        digest = world.models.payload_digest(model.path)
        verdict = judgement(policy, evidence, model_digest=digest, commit=world.commit)
        _refuse_unless_passing(verdict)
        candidate = Candidate(
            name=names[0],
            alias=names[1],
            folder=model.path,
            origin=model.origin,
            digest=digest,
            look=world.models.look(model.path, NOTHING_ALLOWED),
            commit=world.commit,
            run_url=world.who.run_url,
            actor=world.who.actor,
        )
        made = _applied(candidate, verdict, world, registry_uri)
    return Registration(
        name=names[0],
        version=made.version.number,
        uri=made.version.uri,
        digest=digest,
        created=made.created,
        verdict=verdict,
    )


def _applied(candidate: Candidate, verdict: Verdict, world: World, registry_uri: str) -> Registered:
    records = _records(world, registry_uri)
    operations = plan(candidate, claim_of(verdict, world.who.run_url))
    receipt = apply(operations, records, say=world.say, again="call register_if_passing again")
    if receipt.problem:
        left = "its run does not say so" if receipt.values(str) else "the alias is not set"
        raise PartlyApplied(f"Registered, but {left}: {receipt.problem}", cure="Call it again.")
    return receipt.values(Registered)[0]


def _records(world: World, registry_uri: str) -> Server:
    """Return the registry that is given, else the configuration's, else MLflow's current one."""
    config = world.config(CONFIG, required=False)
    from_environment = "" if config.registry else os.environ.get("MLFLOW_TRACKING_URI", "")
    return world.records(config.registry_uri(registry_uri or from_environment))
