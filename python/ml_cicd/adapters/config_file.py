"""Reads `ml-cicd.yml`: YAML, then the published schema, then frozen data. Every error names file, line and path."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from ml_cicd.domain.config import (
    SET_VARIABLE,
    CanaryConfig,
    CanaryInconclusive,
    Config,
    EvidenceConfig,
    GateConfig,
    RouterConfig,
    TargetConfig,
)
from ml_cicd.domain.evidence import Columns
from ml_cicd.domain.verdict import canonical_digest
from ml_cicd.errors import InputError
from ml_cicd.parse import describe, suggest
from ml_cicd.yaml_text import Document, read_yaml

LARGEST_FILE = 2**20
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
RENEWALS = 3
LATER = ("registry", "targets")  # what a gate does not use may be unset where a gate runs


def read_config(path: Path, environ: Mapping[str, str], *, required: bool) -> Config:
    """Read and validate a configuration file; an absent one is an empty one unless it is `required`.

    Raises:
        InputError: absent though required, not YAML, not what the schema allows, `env:NAME` without a value.
    """
    if not path.is_file():
        if required or path.exists():
            raise InputError(f"There is no configuration file {path}.", cure="Write one with `ml-cicd init`.")
        return _build({"version": 1}, str(path), {})
    if path.stat().st_size > LARGEST_FILE:
        raise InputError(f"{path} is larger than 1 MiB.", cure="Is it the right file?")
    try:
        document = read_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"{path} cannot be read: {problem}.", cure="It must be UTF-8 text.") from problem
    unset: dict[str, str] = {}
    data = _resolve(document.value, Variables(environ, document, str(path), unset), ())
    _validate(data, document, str(path))
    return _build(data, str(path), unset)


def schema() -> dict[str, Any]:
    """Return the published schema."""
    text = files("ml_cicd").joinpath("schemas/config-v1.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@dataclass(frozen=True, slots=True)
class Variables:
    """What `env:NAME` reads from, and the list of what it did not find, by path."""

    environ: Mapping[str, str]
    document: Document
    where: str
    unset: dict[str, str]


def _resolve(value: Any, variables: Variables, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401  # whatever YAML holds
    """Replace `env:NAME` by the variable; an empty one is an error, never an empty address.

    In registry and targets it is one only when they are used: the gate of a fork's pull request has no such variables.
    """
    if isinstance(value, dict):
        return {key: _resolve(item, variables, (*path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, variables, (*path, index)) for index, item in enumerate(value)]
    if not isinstance(value, str) or not value.startswith("env:"):
        return value
    name = value.removeprefix("env:")
    if variables.environ.get(name):
        return variables.environ[name]
    line = variables.document.line(path)
    problem = f"{variables.where}, line {line}: {_dotted(path)} reads the variable {name!r}, which is empty."
    if path[:1] not in {(part,) for part in LATER}:
        raise InputError(problem, cure=SET_VARIABLE)
    variables.unset[_dotted(path)] = problem
    return value


def _validate(data: Any, document: Document, where: str) -> None:  # noqa: ANN401
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # 0.1 s that `--help` need not pay

    if not isinstance(data, dict):
        raise InputError(f"{where}: expected a mapping, found {describe(data)}.", cure="Start with `version: 1`.")
    problems = sorted(
        Draft202012Validator(schema()).iter_errors(data), key=lambda e: (list(map(str, e.path)), e.message)
    )
    if problems:
        raise _explain(problems[0], document, where)


def _explain(problem: Any, document: Document, where: str) -> InputError:  # noqa: ANN401  # jsonschema's error
    path = tuple(problem.absolute_path)
    if problem.validator == "additionalProperties":
        unknown = next(k for k in problem.instance if k not in problem.schema.get("properties", {}))
        at = f"{where}, line {document.line((*path, unknown))}: {_dotted((*path, unknown))}"
        return InputError(f"{at}: unknown name {unknown!r}.", cure=suggest(unknown, problem.schema["properties"]))
    at = f"{where}, line {document.line(path)}: {_dotted(path) or 'the file'}"
    if problem.validator == "required":
        missing = next(k for k in problem.validator_value if k not in problem.instance)
        return InputError(f"{at}: {missing!r} is missing.", cure=f"Add it: {missing}: ...")
    if problem.validator in {"enum", "const"}:
        allowed = problem.validator_value if problem.validator == "enum" else [problem.validator_value]
        hint = suggest(str(problem.instance), map(str, allowed))
        return InputError(f"{at}: found {describe(problem.instance)}.", cure=hint)
    return InputError(f"{at}: found {describe(problem.instance)}.", cure=_allowed(problem))


def _allowed(problem: Any) -> str:  # noqa: ANN401
    value = problem.validator_value
    if list(problem.absolute_path) == ["gate", "thresholds"]:
        return "A gate without thresholds would pass anything; give at least one, e.g. accuracy: 0.95."
    words = {
        "type": f"Allowed: {value}.",
        "minProperties": f"It needs at least {value}.",
        "minLength": "It must not be empty.",
        "exclusiveMinimum": f"It must be more than {value}.",
        "exclusiveMaximum": f"It must be less than {value}.",
        "minimum": f"It must be at least {value}.",
        "maximum": f"It must be at most {value}.",
        "anyOf": "Write seconds as a number, or 60s, 30m, 2h.",
        "pattern": f"It must match {value}.",
        "propertyNames": "Use letters, digits, _ and -, at most 32.",
    }
    return words.get(problem.validator, f"Allowed: {problem.validator} {value}.")


def _dotted(path: Iterable[str | int]) -> str:
    return ".".join(map(str, path))


def _build(data: Mapping[str, Any], path: str, unset: Mapping[str, str]) -> Config:
    evidence = data.get("evidence") or {}
    gate = data.get("gate")
    if evidence.get("predictions") and evidence.get("metrics"):
        raise InputError(f"{path}: evidence has predictions and metrics.", cure="Keep one of them.")
    return Config(
        model=data.get("model"),
        evidence=EvidenceConfig(
            predictions=evidence.get("predictions"),
            metrics=evidence.get("metrics"),
            champion=(evidence.get("champion") or {}).get("predictions"),
            columns=Columns(**(evidence.get("columns") or {})),
        ),
        gate=None if gate is None else _gate(gate),
        registry_uri=(data.get("registry") or {}).get("uri"),
        targets={name: _target(name, target) for name, target in (data.get("targets") or {}).items()},
        canary=_canary(data.get("canary") or {}, path),
        path=path,
        digest=canonical_digest(data),
        unset=unset,
    )


def _gate(gate: Mapping[str, Any]) -> GateConfig:
    return GateConfig(
        thresholds=gate.get("thresholds") or {},
        versus_champion=gate.get("versus_champion") or {},
        confidence=float(gate.get("confidence", 0.95)),
        when_inconclusive=gate.get("when_inconclusive", "fail"),
        when_no_champion=gate.get("when_no_champion", "fail"),
    )


def _target(name: str, target: Mapping[str, Any]) -> TargetConfig:
    return TargetConfig(
        name=name,
        router=RouterConfig(**target["router"]),
        slots={slot: place["url"] for slot, place in target["slots"].items()},
        deploy=tuple((target.get("hooks") or {}).get("deploy", ())),
    )


def _canary(canary: Mapping[str, Any], path: str) -> CanaryConfig:
    errors = (canary.get("guardrails") or {}).get("errors") or {}
    interval, lease = seconds(canary.get("interval", 15)), seconds(canary.get("lease", 60))
    if interval <= 0 or lease < RENEWALS * interval:
        raise InputError(
            f"{path}: canary.lease is {lease:g} s and canary.interval {interval:g} s.",
            cure="The lease must be at least three intervals, or traffic would flap when one look is late.",
        )
    return CanaryConfig(
        steps=_steps(canary.get("steps", [1, 5, 25, 50]), path),
        error_margin=float(errors.get("margin", 0.005)),
        false_rollback_rate=float(canary.get("false_rollback_rate", 0.05)),
        false_promotion_rate=float(canary.get("false_promotion_rate", 0.05)),
        deadline=seconds(canary.get("deadline", "30m")),
        interval=interval,
        lease=lease,
        warm_up=seconds(canary.get("warm_up", 60)),
        minimum_duration=seconds(canary.get("minimum_duration", "10m")),
        minimum_requests=int(canary.get("minimum_requests", 200)),
        when_inconclusive=CanaryInconclusive(canary.get("when_inconclusive", "rollback")),
    )


def seconds(value: float | str) -> float:
    """Return a duration in seconds: a number, or 60s, 30m, 2h."""
    if isinstance(value, str):
        return float(value[:-1]) * UNITS[value[-1]]
    return float(value)


def _steps(steps: Iterable[float], path: str) -> tuple[int, ...]:
    exact = [Decimal(str(step)) * 100 for step in steps]
    found = tuple(int(step) for step in exact)
    if any(step != int(step) or step < 1 for step in exact):
        raise InputError(f"{path}: canary.steps has a share finer than 0.01 %.", cure="Round it.")
    if list(found) != sorted(set(found)):
        raise InputError(f"{path}: canary.steps must rise.", cure="E.g. steps: [1, 5, 25, 50].")
    return found
