"""Growth, proved: an extension is one small file and one line in its wing's table, and the real commands use it."""

import ast
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ml_cicd.commands import canary, quality_gate, register, rollback
from ml_cicd.commands.table import COMMANDS, Entry
from ml_cicd.config import no_config
from ml_cicd.faces.json_v1 import to_json
from ml_cicd.gate.doors import ENGINES
from ml_cicd.gate.importers import catalogue
from ml_cicd.gate.metrics.catalogue import CATALOGUE
from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.ground.report import Report
from ml_cicd.registry.doors import FORMATS
from ml_cicd.rollout.doors import ROUTERS, SOURCES
from ml_cicd.rollout.guardrails.catalogue import GUARDRAILS
from ml_cicd.rollout.guardrails.errors import ErrorsSettings
from ml_cicd.rollout.state import Counters
from ml_cicd.settings import Chosen
from ml_cicd.shell.machine import SystemFiles
from ml_cicd.shell.runner import Process, main
from ml_cicd.shell.wiring import ModelFiles, RealWorld
from tests.extension import (
    guardrail_fallbacks,
    importer_fasttext,
    metric_specificity,
    router_json_file,
    source_json_file,
)
from tests.fakes.world import CANARY, CONFIG, TARGET, FakeWorld
from tests.rollout.test_machine import PLACE

HERE = Path(__file__).resolve().parent
EXTENSIONS = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("test_"))
MOST_LINES = 120


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("path", EXTENSIONS, ids=lambda path: path.stem)
def test_an_extension_is_small_and_stays_in_its_wing(path: Path) -> None:
    """One file of at most 120 lines that imports one wing, and what lies below all wings."""
    text = path.read_text("utf-8")
    assert text.count("\n") <= MOST_LINES
    imported = {n.module for n in ast.walk(ast.parse(text)) if isinstance(n, ast.ImportFrom) and n.module}
    tops = {name.split(".")[1] for name in imported if name.startswith("ml_cicd.")}
    assert len(tops - {"ground", "settings", "stats", "world"}) <= 1


def test_there_is_one_of_each_kind() -> None:
    """Metric, guardrail, router, metric source, model format, engine, importer and command."""
    kinds = {path.stem.partition("_")[0] for path in EXTENSIONS}
    assert kinds == {"metric", "guardrail", "router", "source", "format", "engine", "importer", "command"}


def gate(
    *, predictions: str = "", champion: str = "", metrics: str = "", thresholds: str = "", model: str = ""
) -> Report:
    """Run the real gate on files of the current folder."""
    inputs = quality_gate.Inputs(
        predictions=predictions, champion=champion, metrics=metrics, thresholds=thresholds, model=model
    )
    return quality_gate.run(inputs, RealWorld({"GITHUB_SHA": "abc"}, lambda _line: None))


def table(rows: int = 400, wrong: int = 4) -> str:
    """Return a table as CSV, in which the first rows are predicted wrongly."""
    lines = [f"{i % 2},{1 - i % 2 if i < wrong else i % 2}" for i in range(rows)]
    return "label,prediction\n" + "\n".join(lines) + "\n"


def test_a_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare threshold on it means the right thing, and it is counted, bounded and judged as any other."""
    monkeypatch.setitem(CATALOGUE, "specificity", metric_specificity.METRIC)
    Path("p.csv").write_text(table())
    report = gate(predictions="p.csv", thresholds="specificity: 0.9")
    assert report.verdict is not None
    (finding,) = report.verdict.findings
    assert (finding.outcome.value, finding.n, finding.demand) == ("pass", 200, ">= 0.9")
    assert finding.value == 198 / 200
    with pytest.raises(InputError, match="outside 0 to 1"):
        gate(predictions="p.csv", thresholds="specificity: 95")


def test_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows in another database give the same verdict, findings and all; pairs by order too."""
    monkeypatch.setitem(ENGINES, ".sqlite", "tests.extension.engine_sqlite")
    rows = [tuple(map(int, line.split(","))) for line in table().splitlines()[1:]]
    for name in ("p", "c"):
        Path(f"{name}.csv").write_text(table())
        with closing(sqlite3.connect(f"{name}.sqlite")) as connection:
            connection.execute("CREATE TABLE predictions (label INTEGER, prediction INTEGER)")
            connection.executemany("INSERT INTO predictions VALUES (?, ?)", rows)
            connection.commit()
    Path("ml-cicd.yml").write_text(
        "version: 1\ngate:\n  thresholds: {accuracy: 0.9, f1_score: 0.9}\n"
        "  versus_champion: {accuracy: {margin: 0.02}}\n"
    )
    found = [gate(predictions=f"p.{kind}", champion=f"c.{kind}").verdict for kind in ("csv", "sqlite")]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].outcome.value == "pass"
    assert found[0].findings == found[1].findings


def test_an_importer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of another tool is read by its names, a share of so many rows gets a bound, and the report says so."""
    known = importer_fasttext.IMPORTER
    monkeypatch.setattr(catalogue, "IMPORTERS", {"fasttext": known, **catalogue.IMPORTERS})
    Path("test.txt").write_text("N\t2000\nP@1\t0.97\nR@1\t0.97\n")
    report = gate(metrics="test.txt", thresholds="P@1: {at_least: 0.95}")
    assert report.verdict is not None
    (finding,) = report.verdict.findings
    assert (finding.outcome.value, finding.n) == ("pass", 2000)
    assert report.notes == ("test.txt is read as what fastText's `test` prints: P@1, of 2,000 examples.",)


def test_a_model_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of the new kind is registered under its digest; one that is no numbers is refused with the reason."""
    monkeypatch.setitem(FORMATS, "linear", "tests.extension.format_linear_json")
    world = FakeWorld(settings=no_config("ml-cicd.yml"), files=SystemFiles(), models=ModelFiles(), commit="abc")
    inputs = register.Inputs(model_name="digits", model="model", gate_report="report.json", registry_uri="x")
    Path("metrics.json").write_text('{"accuracy": {"value": 0.97, "n": 2000}}')
    Path("model").mkdir()
    for content, refused in (({"weights": [0.5], "bias": 0.1}, False), ({"weights": ["__import__"]}, True)):
        Path("model/linear.json").write_text(json.dumps(content))
        judged = gate(metrics="metrics.json", thresholds="accuracy: 0.95", model="model")
        Path("report.json").write_text(to_json(judged, tool_version="0", outputs={}))
        if refused:
            with pytest.raises(InputError, match="a weight is no finite number"):
                register.run(inputs, world)
        else:
            assert register.run(inputs, world).outputs["version"] == "1"


def released(world: FakeWorld) -> FakeWorld:
    """Release version 1, and register version 2."""
    world.add_version()
    assert canary.run(canary.Inputs(), world).exit_code is Exit.DONE
    world.add_version()
    return world


@pytest.mark.parametrize(("fallen", "decision"), [(0.0, "promote"), (0.5, "rollback")])
def test_a_guardrail(monkeypatch: pytest.MonkeyPatch, fallen: float, decision: str) -> None:
    """Beside `errors`: a candidate that often falls back goes, an equal one must prove both margins."""
    monkeypatch.setitem(GUARDRAILS, "fallbacks", guardrail_fallbacks.FallbacksSettings)
    guards = {"errors": ErrorsSettings(margin=0.05), "fallbacks": guardrail_fallbacks.FallbacksSettings(margin=0.05)}
    world = FakeWorld(settings=replace(CONFIG, canary=replace(CANARY, guardrails=guards)))
    read = world.fake_source.read

    def with_fallbacks() -> Mapping[str, Counters]:
        """Count fallbacks as well."""
        return {
            slot: replace(
                counted, events={**counted.events, "fallbacks": int(counted.requests * fallen * (slot == "green"))}
            )
            for slot, counted in read().items()
        }

    world.fake_source.read = with_fallbacks  # type: ignore[method-assign]
    report = canary.run(canary.Inputs(), released(world))
    assert report.outputs["decision"] == decision
    assert ("falls back more often" in report.outputs["reason"]) is bool(fallen)
    assert "fell back in" in report.outputs["reason"]
    tables = {table.title: table for table in report.tables}
    assert tables["Evidence by step (without the warm-up)"].header[1:3] == ("margin of errors", "margin of fallbacks")
    assert {"Errors by share", "Fallbacks by share"} <= set(tables)


def test_a_router(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole story through it: first release, canary, promotion, rollback, with all its state in files."""
    monkeypatch.setitem(ROUTERS, "json-file", "tests.extension.router_json_file")
    chosen = Chosen("json-file", router_json_file.Settings(path="split.json"))
    world = FakeWorld(settings=replace(CONFIG, targets={"production": replace(TARGET, router=chosen)}))
    router = router_json_file.JsonFileRouter(Path("split.json"), PLACE.slots)
    world.splits = lambda: router.read().split
    monkeypatch.setattr(router_json_file, "time", SimpleNamespace(time=world.fake_clock.now))
    assert canary.run(canary.Inputs(), released(world)).outputs["decision"] == "promote"
    assert world.fake_slots.holds[router.read().split.serving].version == "2"
    assert rollback.run(rollback.Inputs(), world).outputs["to-version"] == "1"
    assert world.fake_slots.holds[router.read().split.serving].version == "1"
    assert world.fake_router.log == []


def test_a_metric_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """The canary counts what the file says, and a candidate that fails there is rolled back."""
    monkeypatch.setitem(SOURCES, "json-file", "tests.extension.source_json_file")
    chosen = Chosen("json-file", source_json_file.Settings(path="counts.json"))
    world = FakeWorld(settings=replace(CONFIG, targets={"production": replace(TARGET, metrics=chosen)}))
    world.failing = {"2": 0.3}
    serve = world.fake_source.serve

    def served(slot: str, requests: int, errors: int) -> None:
        """Let the service write its file."""
        serve(slot, requests, errors)
        counts = {
            name: {"requests": n, "errors": x, "started": "1"} for name, (n, x) in world.fake_source.served.items()
        }
        Path("counts.json").write_text(json.dumps(counts))

    world.fake_source.serve = served  # type: ignore[method-assign]
    served("blue", 0, 0)
    world.fake_source.broken = lambda: True
    report = canary.run(canary.Inputs(), released(world))
    assert (report.outputs["decision"], report.exit_code) == ("rollback", Exit.FAILED)


def test_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It has its place in the help, its options, its report on disk, as the built-in ones do."""
    monkeypatch.setitem(COMMANDS, "whoami", Entry(module="tests.extension.command_whoami", title="Say who runs this."))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    process = Process(environ={"GITHUB_ACTOR": "ann"}, make_world=lambda say: RealWorld({"GITHUB_ACTOR": "ann"}, say))
    assert main(["--help"], process) == 0
    assert "whoami        Say who runs this." in capsys.readouterr().out
    assert main(["whoami", "--greeting", "polite"], process) == 0
    assert "Good day, ann." in capsys.readouterr().out
    assert json.loads((tmp_path / "ml-cicd-reports/whoami/report.json").read_text("utf-8"))["outputs"]["actor"] == "ann"
    assert main(["whoami", "--greeting", "rude"], process) == 2
