"""The configuration file: what is read, what is refused, and where the message points."""

from dataclasses import replace
from pathlib import Path

import pytest

from ml_cicd.config import Config, read_config
from ml_cicd.ground.errors import InputError
from ml_cicd.rollout.settings import WhenInconclusive
from ml_cicd.shell.wiring import RealWorld, door_settings

WHOLE = """\
version: 1
model: digits
evidence:
  predictions: p.parquet
  champion: {predictions: c.parquet}
  columns: {label: truth}
gate:
  thresholds: {accuracy: 0.95}
  versus_champion: {accuracy: {margin: 0.01}}
  confidence: 0.9
registry: {uri: env:TRACKING}
targets:
  production:
    router: {kind: haproxy, socket: /h.sock, map: /split.map}
    slots: {blue: {url: 'http://127.0.0.1:1'}, green: {url: 'http://127.0.0.1:2'}}
    hooks: {deploy: [python, deploy.py]}
canary:
  steps: [0.5, 10, 50]
  guardrails: {errors: {margin: 0.02}}
  deadline: 2h
  interval: 10
  lease: 1m
  when_inconclusive: hold
"""


def read(text: str, **environ: str) -> Config:
    """Read a file's text."""
    return read_config(text, "c.yml", environ, door_settings)


def world() -> RealWorld:
    """The outside, for what a file can be wrong with."""
    return RealWorld({}, lambda _line: None)


def test_everything_is_read() -> None:
    """Each part arrives in its unit: seconds, hundredths of a percent, argument vectors."""
    config = read(WHOLE, TRACKING="https://mlflow.example")
    assert config.registry_uri("") == "https://mlflow.example"
    assert config.registry_uri("sqlite:///x.db") == "sqlite:///x.db"
    assert config.evidence.champion is not None
    assert (config.evidence.champion.predictions, config.evidence.columns.label) == ("c.parquet", "truth")
    name, target = config.target("")
    assert (name, target.router.kind, target.hooks.deploy) == ("production", "haproxy", ("python", "deploy.py"))
    canary = config.canary
    assert (canary.steps, canary.guardrails["errors"].margin) == ((50, 1000, 5000), 0.02)
    assert (canary.deadline, canary.interval, canary.lease) == (7200.0, 10.0, 60.0)
    assert canary.when_inconclusive is WhenInconclusive.HOLD


def test_an_absent_file_is_an_empty_one_where_that_is_allowed(tmp_path: Path) -> None:
    """The gate needs no file; a folder in its place is an error all the same."""
    config = world().config(str(tmp_path / "none.yml"), required=False)
    assert (config.gate, dict(config.targets)) == (None, {})
    with pytest.raises(InputError, match="no configuration file"):
        world().config(str(tmp_path), required=False)
    with pytest.raises(InputError, match="no configuration file"):
        world().config(str(tmp_path / "none.yml"), required=True)


def test_an_absent_file_means_what_an_empty_one_means(tmp_path: Path) -> None:
    """One home of the defaults: a file that says nothing but its version gives the same, and the same digest."""
    absent = world().config(str(tmp_path / "none.yml"), required=False)
    assert replace(read("version: 1\n"), path=absent.path) == absent


def test_a_file_is_read_through_the_world(tmp_path: Path) -> None:
    """What stands on disk is what is read."""
    (tmp_path / "c.yml").write_text("version: 1\nmodel: digits\n", encoding="utf-8")
    assert world().config(str(tmp_path / "c.yml"), required=True).model == "digits"


def test_the_digest_is_of_the_meaning() -> None:
    """Comments and order do not change it, a number does."""
    first = read("version: 1\nmodel: a\n").digest
    assert read("# a comment\nmodel: a\nversion: 1\n").digest == first
    assert read("version: 1\nmodel: b\n").digest != first


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version: 1", "version: 2", "line 1: version: found the number 2"),
        ("version: 1\n", "", "'version' is missing"),
        ("model: digits", "modle: digits", "line 2: modle: unknown name 'modle'. Did you mean 'model'?"),
        ("model: digits", "model: ''", "line 2: model"),
        ("label: truth", "lable: truth", "line 6: evidence.columns.lable"),
        ("confidence: 0.9", "confidence: 95", "It must be less than 1"),
        ("confidence: 0.9", "confidence: high", "gate.confidence: found the text 'high'"),
        ("kind: haproxy", "kind: nginx", "targets.production.router.kind: found the text 'nginx'"),
        (", map: /split.map", "", "'map' is missing"),
        (", green: {url: 'http://127.0.0.1:2'}", "", "It needs at least 2"),
        ("[python, deploy.py]", "python deploy.py", "targets.production.hooks.deploy"),
        ("[0.5, 10, 50]", "[50, 10]", "must rise"),
        ("[0.5, 10, 50]", "[0.001, 10]", "finer than 0.01 %"),
        ("[0.5, 10, 50]", "[]", "canary.steps"),
        ("[0.5, 10, 50]", "[50, 100]", "canary.steps"),
        ("deadline: 2h", "deadline: 2 hours", "60s, 30m, 2h"),
        ("deadline: 2h", "deadline: -5", "canary.deadline"),
        ("lease: 1m", "lease: 15", "at least three intervals"),
        ("lease: 1m", "lease: 2h", "Write 1800 s at most"),
        ("when_inconclusive: hold", "when_inconclusive: pass", "canary.when_inconclusive"),
        ("margin: 0.02", "margin: 0", "canary.guardrails.errors.margin"),
        ("predictions: p.parquet", "predictions: p.parquet\n  metrics: m.json", "predictions and metrics"),
    ],
)
def test_a_wrong_value_is_named(old: str, new: str, says: str) -> None:
    """The message has the file, the place and what is allowed."""
    assert WHOLE.count(old) == 1
    with pytest.raises(InputError, match=r"c\.yml") as problem:
        read(WHOLE.replace(old, new), TRACKING="https://mlflow.example")
    assert says in str(problem.value)
    assert problem.value.cure


def test_an_empty_variable_is_never_an_empty_address() -> None:
    """MLflow would fall back to a database in the current folder; who asks for no registry needs none."""
    for environ in ({}, {"TRACKING": ""}):
        config = read(WHOLE, **environ)
        assert config.target("")[0] == "production"
        with pytest.raises(InputError, match=r"line 11: registry\.uri reads the variable 'TRACKING', which is empty"):
            config.registry_uri("")
        assert config.registry_uri("sqlite:///x.db") == "sqlite:///x.db"


def test_a_target_whose_variable_is_empty() -> None:
    """It cannot be used, and the message says which variable; evidence is read by everybody and fails at once."""
    text = WHOLE.replace("http://127.0.0.1:1", "env:BLUE")
    with pytest.raises(InputError, match=r"targets\.production\.slots\.blue\.url reads the variable 'BLUE'"):
        read(text).target("production")
    with pytest.raises(InputError, match=r"evidence\.predictions reads the variable 'TABLE'"):
        read(WHOLE.replace("p.parquet", "env:TABLE"))


@pytest.mark.parametrize("text", ["[1]", "text", "", "null", "\xff\xfe"])
def test_what_is_no_mapping(text: str) -> None:
    """A list, a word, nothing."""
    with pytest.raises(InputError, match=r"c\.yml"):
        read(text)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """A file of another kind, or a huge one."""
    path = tmp_path / "c.yml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        world().config(str(path), required=True)
    path.write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(InputError, match="more than 1048576"):
        world().config(str(path), required=True)


def test_targets_are_chosen_by_name() -> None:
    """The only one needs no name; a wrong name is answered with the right one."""
    config = read(WHOLE, TRACKING="x")
    assert config.target("")[0] == "production"
    with pytest.raises(InputError, match="Did you mean 'production'"):
        config.target("prodution")
    with pytest.raises(InputError, match="no targets"):
        read("version: 1\n").target("")


@pytest.mark.parametrize(
    "text",
    [
        "version: 1.0",
        "version: 1\ncanary: {minimum_requests: 200.0}",
        "version: 1\nevidence: {columns: {score: p}}",
        "version: 1\nmodel: a+b",
    ],
)
def test_what_was_valid_stays_valid(text: str) -> None:
    """A whole number with a point, a column that nothing reads, a name that only a registry would refuse."""
    assert read(text).version == 1


def test_a_section_is_named_once() -> None:
    """The place says which section it is, the sentence what is wrong in it."""
    for text in ("canary: {steps: [50, 1]}", "canary: {lease: 1}", "evidence: {predictions: p, metrics: m}"):
        with pytest.raises(InputError) as problem:
            read(f"version: 1\n{text}")
        assert problem.value.what.count(text.partition(":")[0]) == 1
