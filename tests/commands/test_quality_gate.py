"""The command `quality-gate`: inputs against configuration, and what it says of a verdict."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

import pytest

from ml_cicd.commands.quality_gate import COMMAND, ON_ERROR, OUTPUTS, Inputs
from ml_cicd.config import Config
from ml_cicd.gate.evidence import Evidence, EvidenceRequest
from ml_cicd.gate.samples import Paired, Point, Proportion, Sample
from ml_cicd.gate.settings import (
    ChampionSettings,
    Columns,
    EvidenceSettings,
    GateSettings,
    WhenInconclusive,
    WhenNoChampion,
)
from ml_cicd.ground.errors import EvidenceError, Exit, InputError
from ml_cicd.ground.finding import Outcome, Scope, Subject
from ml_cicd.ground.inputs import read_inputs
from ml_cicd.ground.report import Report
from ml_cicd.registry.look import Allowed, Look
from ml_cicd.registry.ports import Server
from ml_cicd.world import ModelHere
from tests.fakes.world import CONFIG, FakeWorld

ACCURACY = Subject(metric="accuracy")
CHANGE = Subject(metric="accuracy", scope=Scope.CHANGE)
GOOD = Proportion(successes=1990, n=2000)


class SomeFiles:
    """Files that are there (world.Files)."""

    def __init__(self, *paths: str) -> None:
        """Take their paths."""
        self.paths = paths

    def exists(self, path: str) -> bool:
        """Whether it is there."""
        return path in self.paths

    def read_text(self, path: str, *, limit: int) -> str:
        """Nobody reads here."""
        raise AssertionError(path, limit)

    def write_new(self, path: str, text: str) -> None:
        """Nobody writes here."""
        raise AssertionError(path, text)


class OneModel:
    """A model that is always the same (world.Models)."""

    def here(self, model: str, records: Callable[[], Server]) -> AbstractContextManager[ModelHere]:
        """It is here already."""
        return nullcontext(ModelHere(path=model))

    def payload_digest(self, path: str) -> str:
        """Its digest."""
        return f"sha256:of-{path}"

    def look(self, path: str, allowed: Allowed) -> Look:
        """Nobody looks here."""
        raise AssertionError(path)

    def receive(self, path: str, digest: str, bring: Callable[[str], str]) -> bool:
        """Nobody fetches here."""
        raise AssertionError(path)


@dataclass
class Judging(FakeWorld):
    """A world in which these samples are measured."""

    files: SomeFiles = field(default_factory=SomeFiles)
    models: OneModel = field(default_factory=OneModel)
    samples: dict[Subject, Sample] = field(default_factory=lambda: {ACCURACY: GOOD})
    asked: list[EvidenceRequest] = field(default_factory=list)

    def measure(self, request: EvidenceRequest) -> Evidence:
        """Give the samples, and keep what was asked."""
        self.asked.append(request)
        data = {"predictions": "sha256:p"}
        return Evidence(samples=self.samples, absent={}, digests=data, has_champion=bool(request.champion))


def run(world: Judging, **inputs: str) -> Report:
    """Run the command."""
    return COMMAND.run(read_inputs(Inputs, {name.replace("_", "-"): text for name, text in inputs.items()}), world)


def configured(*, champion: str = "", gate: GateSettings | None = None) -> Config:
    """Return a configuration with evidence."""
    settings = EvidenceSettings(
        predictions="p.csv", champion=ChampionSettings(predictions=champion) if champion else None
    )
    return replace(CONFIG, evidence=settings, gate=gate or GateSettings(thresholds={"accuracy": 0.95}))


COMPARING = GateSettings(
    thresholds={"accuracy": 0.95},
    versus_champion={"accuracy": {"margin": 0.01}},
    when_no_champion=WhenNoChampion.FIRST_RELEASE,
)


def test_a_pass() -> None:
    """Exit 0, every declared output, and a verdict bound to model, data, policy and commit."""
    world = Judging(settings=configured())
    report = run(world, model="model")
    assert (report.exit_code, report.headline, report.cure) == (Exit.DONE, "The candidate passes.", "")
    assert report.outputs == {
        "verdict": "pass",
        "passed": "true",
        "blocking": "[]",
        "warnings": "[]",
        "model-digest": "sha256:of-model",
    }
    assert set(report.outputs) == set(OUTPUTS)
    assert report.verdict is not None
    assert report.verdict.bindings.data == {"predictions": "sha256:p"}
    assert report.verdict.bindings.model == "sha256:of-model"
    assert report.verdict.bindings.policy.startswith("sha256:")


@pytest.mark.parametrize(
    ("sample", "exit_code", "verdict"),
    [
        (Proportion(successes=1000, n=2000), Exit.FAILED, "fail"),
        (Proportion(successes=1905, n=2000), Exit.INCONCLUSIVE, "inconclusive"),
        (None, Exit.EVIDENCE, "error"),
    ],
)
def test_what_is_no_pass(sample: Sample | None, exit_code: Exit, verdict: str) -> None:
    """Each outcome has its exit code, the rules that block, and what to do."""
    world = Judging(settings=configured(), samples={} if sample is None else {ACCURACY: sample})
    report = run(world)
    assert (report.exit_code, report.outputs["verdict"], report.outputs["passed"]) == (exit_code, verdict, "false")
    assert json.loads(report.outputs["blocking"]) == ["accuracy"]
    assert report.headline.endswith(": accuracy.")
    assert report.cure


CLOSE, BAD = Proportion(successes=1905, n=2000), Proportion(successes=1000, n=2000)
WARNING = {"at_least": 0.95, "severity": "warn"}


@pytest.mark.parametrize(
    ("gate", "samples", "headline", "warnings"),
    [
        (
            GateSettings(thresholds={"accuracy": 0.95, "recall": WARNING}),
            {"accuracy": GOOD, "recall": BAD},
            "The candidate passes; 1 rule fails (recall): it only warns.",
            ["recall"],
        ),
        (
            GateSettings(
                thresholds={"latency_p50_ms": 50, "accuracy": 0.95, "f1_score": 0.95},
                when_inconclusive=WhenInconclusive.WARN,
            ),
            {"latency_p50_ms": Point(value=1), "accuracy": CLOSE, "f1_score": CLOSE},
            "The candidate passes; 2 rules are inconclusive (accuracy, f1_score): they only warn.",
            ["accuracy", "f1_score"],
        ),
        (
            GateSettings(thresholds={"accuracy": 0.95}, when_inconclusive=WhenInconclusive.WARN),
            {"accuracy": CLOSE},
            "The candidate passes, though no rule holds; 1 rule is inconclusive (accuracy): it only warns.",
            ["accuracy"],
        ),
        (
            replace(COMPARING, thresholds={"accuracy": 0.95, "recall": WARNING}),
            {"accuracy": GOOD, "recall": CLOSE},
            (
                "The candidate passes; 1 rule is inconclusive (recall), "
                "1 rule is not measured (accuracy versus champion): they only warn."
            ),
            ["recall", "accuracy versus champion"],
        ),
    ],
)
def test_a_pass_names_what_it_lets_through(
    gate: GateSettings, samples: dict[str, Sample], headline: str, warnings: list[str]
) -> None:
    """A rule that does not pass and only warns stands in the headline and in an output of its own."""
    given = {Subject(metric=name): sample for name, sample in samples.items()}
    report = run(Judging(settings=configured(gate=gate), samples=given))
    assert (report.exit_code, report.outputs["verdict"], report.headline) == (Exit.DONE, "pass", headline)
    assert json.loads(report.outputs["warnings"]) == warnings


def test_what_could_not_be_decided_reads_like_no_pass() -> None:
    """The outputs of a run that broke."""
    assert ON_ERROR == {"verdict": "error", "passed": "false", "blocking": "[]", "warnings": "[]"}


def test_a_positive_class_beside_metrics_is_refused() -> None:
    """Nothing in a metrics file is of a class that somebody names afterwards."""
    with_metrics = replace(configured(), evidence=EvidenceSettings(metrics="m.json"))
    for world, inputs in (
        (Judging(settings=configured()), {"metrics": "m.json"}),
        (Judging(settings=with_metrics), {}),
    ):
        with pytest.raises(InputError, match="positive class"):
            run(world, positive="fraud", **inputs)
        assert not world.asked
    with pytest.raises(InputError, match="positive class"):
        EvidenceSettings(metrics="m.json", positive="fraud")


def test_the_positive_class_is_of_the_policy() -> None:
    """It decides what is measured, so it is in the digest; one that a metrics file replaces is not."""
    settings = replace(configured(), evidence=EvidenceSettings(predictions="p.csv", positive="fraud"))
    digests, asked = [], []
    for inputs in ({}, {"positive": "legit"}, {"metrics": "m.json"}):
        world = Judging(settings=settings)
        verdict = run(world, **inputs).verdict
        assert verdict is not None
        digests.append(verdict.bindings.policy)
        asked.append(world.asked[0].positive)
    assert asked == ["fraud", "legit", ""]
    assert len(set(digests)) == 3


def test_inputs_replace_the_configuration() -> None:
    """Files, thresholds and both settings; the columns stay configured."""
    world = Judging(settings=configured(), samples={Subject(metric="recall"): Proportion(successes=50, n=100)})
    report = run(world, metrics="m.json", thresholds="{recall: {at_least: 0.5}}", when_inconclusive="warn", model="")
    (request,) = world.asked
    assert (request.predictions, request.metrics) == ("", "m.json")
    assert request.wanted == {Subject(metric="recall")}
    assert (report.exit_code, report.verdict and report.verdict.findings[0].outcome) == (
        Exit.DONE,
        Outcome.INCONCLUSIVE,
    )


@pytest.mark.parametrize("inputs", [{}, {"champion": "c.csv"}], ids=["configured", "given"])
@pytest.mark.parametrize(("there", "champion", "notes"), [(("c.csv",), "c.csv", 0), ((), "", 1)])
def test_a_first_release_has_no_champion_yet(
    inputs: dict[str, str], there: tuple[str, ...], champion: str, notes: int
) -> None:
    """A champion's table that is not there is passed over where no champion serves, and a note says so."""
    world = Judging(
        settings=configured(champion="c.csv", gate=COMPARING),
        files=SomeFiles(*there),
        samples={ACCURACY: GOOD} | ({CHANGE: Paired(only_candidate=1, only_champion=1, n=2000)} if champion else {}),
    )
    report = run(world, no_champion="true", **inputs)
    assert world.asked[0].champion == champion
    assert report.exit_code is Exit.DONE
    assert len(report.notes) == notes
    assert all("c.csv is not there" in note for note in report.notes)


@pytest.mark.parametrize("inputs", [{}, {"when_no_champion": "first_release"}], ids=["configured", "given"])
def test_a_table_that_is_not_there_is_no_first_release(inputs: dict[str, str]) -> None:
    """Nobody said that no champion serves, so its table is missing or its name is misspelt: the gate does not judge."""
    world = Judging(settings=configured(champion="c.csv", gate=COMPARING))
    with pytest.raises(EvidenceError, match=r"c\.csv.* is not there") as problem:
        run(world, **inputs)
    assert "no-champion: true" in problem.value.cure
    assert world.asked == []


def test_a_table_that_nothing_compares_with_may_be_missing() -> None:
    """A configuration may name it for other policies; who gives it as an input is told that it is of no use."""
    world = Judging(settings=configured(champion="c.csv"))
    assert run(world).exit_code is Exit.DONE
    assert world.asked[0].champion == ""


def test_that_no_champion_serves_lets_nothing_in_by_itself() -> None:
    """What it means remains the policy's: a gate that fails without a champion does so."""
    world = Judging(
        settings=configured(champion="c.csv", gate=replace(COMPARING, when_no_champion=WhenNoChampion.FAIL))
    )
    assert run(world, no_champion="true").exit_code is Exit.EVIDENCE


def test_the_verdict_is_bound_to_the_columns() -> None:
    """Another column of labels is another question, and a metrics file has no columns."""
    usual, other = configured(), replace(CONFIG, gate=configured().gate)
    other = replace(other, evidence=EvidenceSettings(predictions="p.csv", columns=Columns(label="other")))

    def digest(settings: Config, **inputs: str) -> str:
        verdict = run(Judging(settings=settings), **inputs).verdict
        assert verdict is not None
        return verdict.bindings.policy

    assert digest(usual) != digest(other)
    assert digest(usual, metrics="m.json") == digest(other, metrics="m.json")


def test_a_champion_must_be_there_otherwise() -> None:
    """Where a missing champion fails the gate its path is asked for, so that its absence is an error."""
    gate = replace(COMPARING, when_no_champion=WhenNoChampion.FAIL)
    world = Judging(settings=configured(champion="c.csv", gate=gate))
    run(world)
    assert world.asked[0].champion == "c.csv"


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"predictions": "p.csv", "metrics": "m.json"}, "Both predictions and metrics"),
        ({"champion": "c.csv"}, "no rule compares"),
        ({"thresholds": "{}"}, "is empty"),
        ({"thresholds": "[accuracy]"}, "expected a mapping"),
        ({"thresholds": "acuracy: 0.9"}, "acuracy"),
        ({"when_inconclusive": "maybe"}, "maybe"),
    ],
)
def test_inputs_that_cannot_be_meant(inputs: dict[str, str], says: str) -> None:
    """Each is refused before anything is measured."""
    world = Judging(settings=configured())
    with pytest.raises(InputError, match=says):
        run(world, **inputs)
    assert world.asked == []


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (replace(CONFIG, evidence=EvidenceSettings()), "no evidence"),
        (replace(CONFIG, gate=None), "no threshold"),
    ],
)
def test_without_evidence_or_demand_nothing_passes(config: Config, says: str) -> None:
    """An empty configuration judges nothing."""
    with pytest.raises(InputError, match=says):
        run(Judging(settings=config))
