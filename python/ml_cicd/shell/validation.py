"""Documents held against the published schemas, for people and CI; nothing on the way to traffic needs this."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files as package_files
from itertools import islice
from typing import TYPE_CHECKING, Any

from ml_cicd.config import read_config
from ml_cicd.ground.errors import InputError
from ml_cicd.ground.finding import Finding, Outcome
from ml_cicd.ground.parse import describe, suggest
from ml_cicd.ground.report import REPORT_SCHEMA
from ml_cicd.ground.yaml_text import KeyPath, read_yaml
from ml_cicd.settings import LIMITS, Doors
from ml_cicd.world import Files

if TYPE_CHECKING:  # the one part that is not always installed
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

LONGEST, MOST_SHOWN = 2**24, 50
CONFIG_FILE, REPORT_FILES = "config-v1.json", {REPORT_SCHEMA: "report-v1.json"}
WORDS = {keyword: words for _, words, keyword in LIMITS.values()} | {"type": "of type", "pattern": "text that matches"}
YAML, JSON = (".yml", ".yaml"), (".json",)


def validate(paths: Sequence[str], *, files: Files, environ: Mapping[str, str], doors: Doors) -> tuple[Finding, ...]:
    """Return what is wrong in each document, or that nothing is: at least one finding a path, whose rule is the path.

    Raises:
        InputError: jsonschema is not installed.
    """
    validators = {name: _validator(name) for name in (CONFIG_FILE, *REPORT_FILES.values())}
    found: list[Finding] = []
    for path in paths:
        try:
            if path.endswith(YAML):
                text = files.read_text(path, limit=LONGEST)
                found += _configuration(path, text, validators[CONFIG_FILE], environ, doors)
            elif path.endswith(JSON):
                found += _report(path, files.read_text(path, limit=LONGEST), validators)
            else:
                raise InputError("Unknown kind of document.", cure=f"Known are {', '.join((*YAML, *JSON))}.")
        except InputError as problem:
            found.append(_wrong(path, problem.what, problem.cure))
    return tuple(found)


def _validator(schema: str) -> "Draft202012Validator":
    try:
        from jsonschema import Draft202012Validator  # noqa: PLC0415
    except ImportError as problem:
        cure = "Install it: pip install 'ml-cicd[validate]'"
        raise InputError("`ml-cicd validate` needs the package jsonschema.", cure=cure) from problem
    text = package_files("ml_cicd").joinpath("schemas", schema).read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def _configuration(
    path: str, text: str, validator: "Draft202012Validator", environ: Mapping[str, str], doors: Doors
) -> list[Finding]:
    document = read_yaml(text, path)
    problems = sorted(_problems(document.value, validator), key=lambda problem: document.line(problem[0]))
    if problems:
        return [_wrong(path, f"line {document.line(at)}: {what}", cure) for at, what, cure in problems]
    # A document is valid or not whatever is set here, so a variable that is empty stands for itself.
    names = {value.removeprefix("env:") for value in _texts(document.value) if value.startswith("env:")}
    unset = sorted(name for name in names if not environ.get(name))
    read_config(text, path, {**environ, **{name: f"env:{name}" for name in unset}}, doors)  # what no schema can say
    note = f"; not set here: {', '.join(unset)}" if unset else ""
    return [Finding(rule=path, outcome=Outcome.PASS, reason=f"a configuration, version 1{note}")]


def _report(path: str, text: str, validators: Mapping[str, "Draft202012Validator"]) -> list[Finding]:
    data = _read_json(text)
    kind = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in REPORT_FILES:
        cure = f"Known are {', '.join(REPORT_FILES)}, and configurations in YAML."
        raise InputError(f"Unknown document: its 'schema' is {describe(kind)}.", cure=cure)
    problems = _problems(data, validators[REPORT_FILES[kind]])
    if not problems:
        return [Finding(rule=path, outcome=Outcome.PASS, reason=f"a report, {kind}")]
    lines = _lines_of_json(text)
    return [_wrong(path, f"{lines(at)}{what}", cure) for at, what, cure in problems]


def _problems(value: object, validator: "Draft202012Validator") -> list[tuple[KeyPath, str, str]]:
    """Return (path, what is wrong, cure) of at most fifty errors, none twice."""
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    found: dict[tuple[KeyPath, str, str], None] = {}
    for error in islice(validator.iter_errors(value), MOST_SHOWN):
        # Of several alternatives the one that fits best says what is wrong; the rest would only be noise.
        found |= dict.fromkeys(_in_words(best_match([error]) or error))
    return list(found)


def _in_words(error: "ValidationError") -> Iterator[tuple[KeyPath, str, str]]:
    path = tuple(error.absolute_path)
    found: Any = error.instance
    wanted: Any = error.validator_value
    here = f"{_dotted(path)}: found {describe(found)}."
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
        places = [(*path, name) for name in found if name not in known]
        yield from ((at, f"{_dotted(at)}: unknown name {at[-1]!r}.", suggest(str(at[-1]), known)) for at in places)
    elif error.validator == "required":
        missing = [name for name in wanted if name not in found]
        yield from ((path, f"{_dotted(path)}: {name!r} is missing.", f"Add it: {name}: ...") for name in missing)
    elif error.validator in {"enum", "const"}:
        allowed = wanted if error.validator == "enum" else [wanted]
        yield path, here, suggest(str(found), map(str, allowed))
    else:
        text = wanted if isinstance(wanted, str) else json.dumps(wanted)
        rule = WORDS.get(str(error.validator))
        yield path, here, f"It must be {rule} {text}." if rule else f"The schema wants {error.validator} {text}."


def _read_json(text: str) -> object:
    def refuse(word: str) -> object:
        raise InputError(f"{word} is no number of JSON.", cure="Find out why it could not be computed.")

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as problem:
        raise InputError(f"Not JSON: {problem}.", cure="Check what wrote it.") from problem


def _lines_of_json(text: str) -> Callable[[KeyPath], str]:
    """Return what gives a path's line in words; JSON is YAML as far as lines go, and a huge one has none."""
    try:
        document = read_yaml(text, "")
    except InputError:
        return lambda _: ""
    return lambda path: f"line {document.line(path)}: "


def _texts(value: object) -> Iterator[str]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        yield from _texts(part)
    if isinstance(value, str):
        yield value


def _dotted(path: KeyPath) -> str:
    return ".".join(map(str, path)) or "the file"


def _wrong(path: str, what: str, cure: str) -> Finding:
    return Finding(rule=path, outcome=Outcome.FAIL, reason=what, cure=cure)
