"""Laws of a report's faces, whatever a command says."""

import json
import re
import unicodedata
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ml_cicd.faces.json_v1 import to_json, to_mapping
from ml_cicd.faces.markdown import to_markdown
from ml_cicd.faces.terminal import to_terminal
from ml_cicd.ground.digest import canonical_digest
from ml_cicd.ground.errors import Exit
from ml_cicd.ground.finding import Bindings, Finding, Outcome, Scope, Severity, Subject, Verdict, worst
from ml_cicd.ground.operation import Done, Receipt
from ml_cicd.ground.report import Curve, Findings, Note, Report, Section, Table, Timeline
from ml_cicd.shell.publish import publish
from tests.actions.composite_runner import obeyed
from tests.faces.reports import UNSEEN, live
from tests.workflows.documents import ROOT

VALIDATOR = Draft202012Validator(json.loads((ROOT / "python/ml_cicd/schemas/report-v1.json").read_text("utf-8")))
PLACES = {"report": "r", "summary": "s"}
LIVE = [
    "<b>",
    "@team",
    "```",
    "|",
    "\x1b[31m",
    "a\nb",
    "::error::x",
    "%%{init",
    "www.a.example",
    "WWW.a.example",
    "a\rb",
]
TEXTS = st.text(max_size=20) | st.text(alphabet=UNSEEN, max_size=8) | st.sampled_from(LIVE)
NAMES = st.text(min_size=1, max_size=10) | st.text(alphabet=UNSEEN, min_size=1, max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
MAYBE = st.none() | NUMBERS
SUBJECTS = st.none() | st.builds(Subject, metric=NAMES, scope=st.sampled_from(Scope), slice=TEXTS)
FINDINGS = st.builds(
    Finding,
    rule=NAMES,
    outcome=st.sampled_from(Outcome),
    reason=NAMES,
    severity=st.sampled_from(Severity),
    subject=SUBJECTS,
    demand=TEXTS,
    value=MAYBE,
    lower=MAYBE,
    upper=MAYBE,
    point=st.booleans(),
    limit=MAYBE,
    unit=st.sampled_from(["", "ms", "%"]),
    n=st.none() | st.integers(0, 10**12),
    cure=TEXTS,
)
VERDICTS = st.lists(FINDINGS, min_size=1, max_size=4).map(
    lambda some: Verdict(outcome=worst(tuple(some)), findings=tuple(some), bindings=Bindings(commit="c"))
)
CELLS = TEXTS | st.integers() | NUMBERS | st.none()
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.builds(
        Table,
        title=TEXTS,
        header=st.tuples(*[TEXTS] * width),
        rows=st.lists(st.tuples(*[CELLS] * width), max_size=3).map(tuple),
        units=st.dictionaries(TEXTS, st.just("%"), max_size=2),
    )
)
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=6).map(lambda some: tuple(sorted(some)))
RECEIPTS = st.builds(
    Receipt,
    done=st.lists(st.builds(Done, what=TEXTS, result=TEXTS, changed=st.booleans(), value=st.none()), max_size=2).map(
        tuple
    ),
    not_done=st.lists(TEXTS, max_size=2).map(tuple),
    problem=TEXTS,
    cures=st.lists(TEXTS, max_size=2).map(tuple),
    planned=st.lists(TEXTS, max_size=2).map(tuple),
)
SECTIONS: st.SearchStrategy[Section] = st.one_of(
    st.builds(Findings, verdict=VERDICTS),
    TABLES,
    st.builds(Curve, title=TEXTS, x=TEXTS, y=TEXTS, series=st.dictionaries(TEXTS, POINTS, max_size=3)),
    st.builds(Timeline, title=TEXTS, moments=st.lists(st.tuples(TEXTS, TEXTS), max_size=3).map(tuple)),
    RECEIPTS,
    st.builds(Note, text=TEXTS),
)
REPORTS = st.builds(
    Report,
    command=st.just("quality-gate"),
    exit_code=st.sampled_from(Exit),
    headline=NAMES,
    outputs=st.just({}),
    cure=TEXTS,
    sections=st.lists(SECTIONS, max_size=5).map(tuple),
)


def refuse(word: str) -> NoReturn:
    """Fail on what JSON does not have."""
    raise AssertionError(word)


class TestJson:
    """Schema: "One run of one command"; architecture: "the same bytes in and the same verdict out"."""

    @settings(max_examples=150, deadline=None)
    @given(REPORTS)
    def test_it_is_stable_and_what_its_schema_says(self, report: Report) -> None:
        """The same text each time, which reads as what was said; no NaN, no infinity, nothing that cannot be seen."""
        text = to_json(report, tool_version="1", outputs=PLACES)
        assert text == to_json(report, tool_version="1", outputs=PLACES)
        data = json.loads(text, parse_constant=refuse)
        assert data == json.loads(json.dumps(to_mapping(report, tool_version="1", outputs=PLACES)))
        assert all(c.isprintable() or c == "\n" for c in text)
        VALIDATOR.validate(data)

    @settings(max_examples=60, deadline=None)
    @given(VERDICTS)
    def test_the_digest_can_be_recomputed_from_the_file(self, verdict: Verdict) -> None:
        """Reading does not change a number: the digest over what was read is the stated one."""
        report = Report(
            command="x", exit_code=Exit.DONE, headline="h", outputs={}, sections=(Findings(verdict=verdict),)
        )
        read = json.loads(to_json(report, tool_version="1", outputs=PLACES))["verdict"]
        stated = read.pop("digest")
        assert canonical_digest(read) == stated == verdict.digest


class TestFacesForPeople:
    """Architecture: "faces are separate and dumb": they show whatever they are given, and nothing of it is live."""

    @settings(max_examples=150, deadline=None)
    @given(REPORTS, st.integers(20, 200))
    def test_whatever_is_said_can_be_shown(self, report: Report, width: int) -> None:
        """No face fails, no control character reaches a terminal, no HTML but our own reaches a summary."""
        shown = to_terminal(report, colour=False, width=width)
        assert all(c.isprintable() or c == "\n" or unicodedata.category(c) == "Zs" for c in shown)
        text = to_markdown(report)
        assert all(c.isprintable() or c in "\n\u200b" or unicodedata.category(c) == "Zs" for c in text)
        assert "www." not in live(text).lower()
        assert "<b>" not in live(text)
        assert "@team" not in live(text)
        assert "```" not in live(text), "a block that the text opened or closed"


class TestEverythingThatLeaves:
    """Whatever stands in names, reasons and paths: no bytes that a terminal, a runner or a reader would obey."""

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(REPORTS, st.booleans())
    def test_all_faces_at_once(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], report: Report, as_json: bool
    ) -> None:
        """Terminal, annotations, summary and report of one run hold what can be seen, and lines that are ours."""
        capsys.readouterr()
        files = {name: tmp_path / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
        for path in files.values():
            path.unlink(missing_ok=True)
        environ = {name: str(path) for name, path in files.items()} | {"NO_COLOR": "1"}
        publish(report, report_dir=str(tmp_path / "r"), environ=environ, as_action=True, as_json=as_json)
        printed = capsys.readouterr().out
        texts = [
            printed,
            *(path.read_bytes().decode() for path in (files["GITHUB_STEP_SUMMARY"], tmp_path / "r/report.json")),
        ]
        for text in texts:
            assert {c for c in text if not c.isprintable() and unicodedata.category(c) != "Zs"} <= {"\n", "\u200b"}
        assert all(re.match(r"::(error|warning) title=", line) for line in obeyed(printed))
        json.loads(texts[2])
