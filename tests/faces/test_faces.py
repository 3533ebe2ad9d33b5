"""A report on its three faces: what comes from outside stays text on each of them."""

import json
import re
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from ml_cicd.faces.json_v1 import to_json, to_mapping
from ml_cicd.faces.markdown import PALETTE, escape, to_markdown
from ml_cicd.faces.plain import one_line, visible, visible_json
from ml_cicd.faces.terminal import to_terminal
from ml_cicd.ground.digest import canonical_digest
from ml_cicd.ground.finding import Finding, Outcome, Severity, Verdict
from ml_cicd.ground.operation import Done, Receipt
from ml_cicd.ground.report import Curve, Findings, Note, Section, Table, Timeline
from tests.faces.reports import CHECKS, FINDING, HOSTILE, REPORT, VERDICT, live, report_of
from tests.workflows.documents import ROOT

SCHEMA = json.loads((ROOT / "python/ml_cicd/schemas/report-v1.json").read_text("utf-8"))
TABLE = Table(
    title="Arms",
    header=("slot", "requests", "share", "rate", "note"),
    rows=(("blue", 123456, 99.5, 0.00001, None), ("green", 7, 0.5, 0.25, "idle")),
    units={"share": "%"},
)
CURVE = Curve(
    title="Evidence",
    x="minutes",
    y="log e",
    series={"harm": ((0.0, 0.0), (4.0, 2.0)), "safety": ((1.0, 0.0), (5.0, 4.0))},
)


def terminal(*sections: Section) -> str:
    """Return the lines below the headline."""
    return to_terminal(report_of(*sections), colour=False, width=100).partition("\n")[2]


def markdown(*sections: Section) -> str:
    """Return the text below the headline."""
    return to_markdown(report_of(*sections)).partition("\n\n")[2]


def test_markdown_has_no_live_markup() -> None:
    """No HTML but our own, no mention, no link, no heading or row that the text made."""
    text = to_markdown(REPORT)
    assert "`" not in live(text)
    assert "<img" not in live(text)
    assert "@team" not in live(text)
    assert "](http" not in live(text)
    assert "://" not in live(text).replace(":\u200b//", "")
    headings = [line for line in live(text).splitlines() if line.startswith("#")]
    assert [h.split(" ")[0] for h in headings] == ["##", *["###"] * 5]
    assert all(line.count(" | ") == 6 for line in text.splitlines() if line.startswith("| ") and "accuracy" in line)


def test_a_diagram_has_only_what_mermaid_reads() -> None:
    """Hostile names end no text and begin no directive; a line of points has no exponent."""
    (diagram,) = re.findall(r"^```mermaid\n(.*?)^```$", to_markdown(REPORT), flags=re.MULTILINE | re.DOTALL)
    diagram = diagram.removeprefix(f"{PALETTE}\n")
    text, number = r'"[^"\n`;{}<>#]+"', r"-?\d+(\.\d+)?"
    kinds = [r"xychart-beta", rf"  [xy]-axis {text} {number} --> {number}", rf"  line {text} \[{number}(, {number})*\]"]
    assert [line for line in diagram.splitlines() if not re.fullmatch("|".join(kinds), line)] == []
    assert "%%" not in diagram


def test_the_terminal_gets_no_escape_sequence() -> None:
    """Without colour there is not one escape character; with colour only our own."""
    assert "\x1b" not in to_terminal(REPORT, colour=False, width=100)
    coloured = to_terminal(REPORT, colour=True, width=100)
    assert coloured.count("\x1b[31m") == 3
    assert coloured.count("\x1b[32m") == 1
    assert coloured.count("\x1b[0m") == 4
    assert coloured.count("\x1b") == 8


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("m\u202enosj.exe", "m\\u202enosj.exe"),
        ("\ud800", "\\ud800"),
        ("a\x9b1mb", "a\\x9b1mb"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("a\r\nb\rc\u2028d\x85e", "a\nb\\rc\\u2028d\\x85e"),
        ("no\xa0break, ünïcödé, 東京, 🚀", "no\xa0break, ünïcödé, 東京, 🚀"),
    ],
)
def test_what_cannot_be_seen_is_shown(text: str, shown: str) -> None:
    """As its escape, so that two names that differ look different; letters of any script stay what they are."""
    assert visible(text) == shown
    assert json.loads(visible_json(json.dumps(text, ensure_ascii=False))) == text
    assert "\n" not in one_line(text)


@pytest.mark.parametrize("character", [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))])
def test_no_control_character_stands_in_json(character: str) -> None:
    """Not even DEL, which JSON itself lets stand; what is read is what was written."""
    text = visible_json(json.dumps(f"a{character}b", ensure_ascii=False))
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == f"a{character}b"


def test_an_address_is_no_link() -> None:
    """GitHub makes one of `www.` without any markup."""
    assert (
        escape("see www.evil.example and WWW.evil.example") == "see www\u200b.evil.example and WWW\u200b.evil.example"
    )


def test_a_command_cannot_look_like_another_one() -> None:
    """Not in the block that is copied, nor on the terminal: what reorders a line is seen."""
    receipt = Receipt(problem="x", cures=("ml-cicd rollback --to '\u202e1'",))
    assert "--to '\\u202e1'" in markdown(receipt)
    assert "--to '\\u202e1'" in terminal(receipt)


def test_a_run_that_lets_something_through_does_not_look_like_a_clean_one() -> None:
    """Its sign warns and its line is yellow, where a clean one has a green tick."""
    warned = Verdict(outcome=Outcome.PASS, findings=(replace(FINDING, severity=Severity.WARN),))
    report = report_of(Findings(verdict=warned))
    assert to_markdown(report).startswith("## ⚠️ x: Done.")
    assert to_terminal(report, colour=True, width=100).startswith("\x1b[33mx: Done.")
    assert to_markdown(report_of()).startswith("## ✅ x: Done.")
    assert to_terminal(report_of(), colour=True, width=100).startswith("\x1b[32mx: Done.")


def test_a_point_that_passes_says_so_on_the_terminal() -> None:
    """A number without a spread was judged as it stands, and nobody must take it for more."""
    point = replace(FINDING, outcome=Outcome.PASS, reason="'>= 0.9' holds (judged as a point).", point=True)
    bounded = replace(point, rule="recall", reason="It holds.", point=False)
    shown = terminal(Findings(verdict=Verdict(outcome=Outcome.PASS, findings=(point, bounded))))
    assert "judged as a point" in shown
    assert "It holds." not in shown


def test_the_terminal_keeps_to_its_width() -> None:
    """What is wrapped is at most as wide as asked for."""
    (reason,) = {
        line for line in to_terminal(REPORT, colour=False, width=60).splitlines() if line.startswith("    <img")
    }
    assert len(reason) <= 60


def test_json_can_be_checked_by_anybody() -> None:
    """The digest is over the verdict without it, by a rule that three lines of any language can follow."""
    report = json.loads(to_json(REPORT, tool_version="0", outputs={"verdict": "fail"}))
    stated = report["verdict"].pop("digest")
    assert stated == canonical_digest(report["verdict"]) == VERDICT.digest


def test_json_is_what_its_schema_says() -> None:
    """All kinds of sections, and a report without any."""
    places = {"report": "r", "summary": "s"}
    data_digests = replace(VERDICT.bindings, data={"p": "sha256:" + "0" * 64}, policy="")
    verdict = replace(VERDICT, bindings=data_digests)
    whole = replace(REPORT, sections=(Findings(verdict=verdict), *REPORT.sections[1:]))
    for report in (whole, report_of()):
        Draft202012Validator(SCHEMA).validate(json.loads(to_json(report, tool_version="0", outputs=places)))


def test_json_loses_no_section() -> None:
    """The first verdict and the first receipt stand at the top, further ones among the sections, all in order."""
    data = to_mapping(REPORT, tool_version="0", outputs={})
    assert isinstance(data["sections"], list)
    kinds = [section["kind"] for section in data["sections"]]
    assert kinds == ["table", "curve", "timeline", "note", "note", "findings", "receipt"]
    assert data["sections"][5]["verdict"]["digest"] == CHECKS.digest
    assert data["sections"][6]["receipt"]["planned"] == [HOSTILE]


def test_numbers_stay_numbers_in_json() -> None:
    """A table's cells are what they are; None is null, and units stand beside."""
    data = json.loads(to_json(report_of(TABLE), tool_version="0", outputs={}))
    assert data["sections"][0]["rows"] == [["blue", 123456, 99.5, 0.00001, None], ["green", 7, 0.5, 0.25, "idle"]]
    assert data["sections"][0]["units"] == {"share": "%"}


def test_json_refuses_nan() -> None:
    """A number that is none never reaches a report."""
    bad = replace(VERDICT, findings=(replace(FINDING, value=float("nan")),))
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(report_of(Findings(verdict=bad)), tool_version="0", outputs={})


def test_long_text_is_cut() -> None:
    """A cell holds 500 characters at most."""
    assert len(escape("x" * 100_000)) == 500


def test_a_table_as_people_read_it() -> None:
    """Thousands are separated, a float has the digits that it needs, units stand behind, None is a dash."""
    assert terminal(TABLE).splitlines() == [
        "Arms:",
        "  slot   requests  share   rate     note",
        "  blue   123,456   99.5 %  0.00001  -",
        "  green  7         0.5 %   0.25     idle",
    ]
    assert "| blue | 123,456 | 99.5 % | 0.00001 | - |" in markdown(TABLE)


def test_columns_that_do_not_fit_go_below() -> None:
    """Each under its row, with its column's name; a last column that has room is wrapped where it stands."""
    two = Table(title="t", header=("a", "b", "c"), rows=(("x", "word " * 40, "end"), ("y", "", "end")))
    lines = terminal(two).splitlines()
    assert (lines[1:3], lines[3][:13]) == (["  a", "  x"], "    b: word w")
    assert lines[-3:] == ["    c: end", "  y", "    c: end"]
    assert all(len(line) <= 100 for line in lines)
    assert sum(line.count("word") for line in lines) == 40
    last = terminal(Table(title="t", header=("a", "b"), rows=(("x", "word " * 40),))).splitlines()
    assert (last[1], last[2][:10], {line[:9] for line in last[3:]}) == ("  a  b", "  x  word ", {"     word"})


def test_a_table_without_rows() -> None:
    """It has its header."""
    assert terminal(Table(title="t", header=("a", "b"), rows=())).splitlines() == ["t:", "  a  b"]


def test_a_curve() -> None:
    """GitHub draws the stretch that all lines share; the terminal draws each from its first to its last point."""
    text = markdown(CURVE)
    assert '  x-axis "minutes" 1 --> 4' in text
    assert '  y-axis "log e" 0 --> 3' in text
    assert text.count("  line ") == 2
    assert '  line "harm" [0.5, ' in text
    assert text.endswith("Lines: harm (red), safety (blue).\n")
    title, header, harm, safety = terminal(CURVE).splitlines()
    assert (title, header.split()) == ("Evidence:", ["line", "minutes", "log", "e"])
    assert harm.endswith("0 to 4   0 to 2")
    assert "▁" in safety
    assert "█" in safety
    assert "█" not in harm


@pytest.mark.parametrize("points", [(), ((1.0, 2.0),)])
def test_a_curve_of_too_few_points(points: tuple[tuple[float, float], ...]) -> None:
    """Nothing can be drawn: the points stand in a table, and no face fails."""
    curve = Curve(title="t", x="x", y="y", series={"a": points})
    assert "mermaid" not in markdown(curve)
    assert ("| a | 1.0000 | 2.0000 |" in markdown(curve)) == bool(points)
    assert terminal(curve).startswith("t:")


def test_a_timeline() -> None:
    """One moment a line, oldest first as given."""
    section = Timeline(title="Rollout", moments=(("14:00", "began"), ("14:05", "promoted")))
    assert terminal(section).splitlines() == ["Rollout:", "  14:00  began", "  14:05  promoted"]
    assert markdown(section) == "### Rollout\n\n- `14:00` began\n- `14:05` promoted\n"


def test_a_receipt() -> None:
    """Done, not done, why, and how to finish."""
    done = (Done(what="Move", result="moved", changed=True, value=None),)
    receipt = Receipt(done=done, not_done=("Write",), problem="Lost.", cures=("ml-cicd x",))
    assert terminal(receipt).splitlines() == [
        "  done      Move: moved",
        "  NOT DONE  Write",
        "  stopped:  Lost.",
        "  finish with: ml-cicd x",
    ]
    assert markdown(receipt).splitlines()[2:] == [
        "- [x] Move: moved",
        "- [ ] Write",
        "",
        "**Stopped:** Lost.",
        "",
        "**To finish:**",
        "",
        "```sh",
        "ml-cicd x",
        "```",
    ]


def test_a_plan() -> None:
    """A dry run says what would be done, and nothing that reads like done."""
    receipt = Receipt(planned=("Move", "Write"))
    assert terminal(receipt).splitlines() == ["  would     Move", "  would     Write"]
    assert markdown(receipt) == "### What would be done\n\n- Move\n- Write\n"


def test_an_empty_receipt_is_not_shown() -> None:
    """Nothing was to be done: no heading over nothing."""
    assert (terminal(Receipt()), markdown(Receipt())) == ("", "")


def test_neighbouring_notes_are_one_list() -> None:
    """Each is a line; the order of sections is kept."""
    assert markdown(Note(text="a"), Note(text="b"), TABLE, Note(text="c")).startswith("- a\n- b\n\n### Arms")
    assert terminal(Note(text="a"), Note(text="b")).splitlines() == ["  a", "  b"]


def test_a_long_note_is_wrapped() -> None:
    """What was decided for the user may be a long sentence; no word of it is lost."""
    lines = terminal(Note(text="word " * 40)).splitlines()
    assert all(line.startswith("  ") and len(line) <= 100 for line in lines)
    assert (len(lines), sum(line.count("word") for line in lines)) == (3, 40)
    assert terminal(Note(text="ml-cicd " * 40)).count("ml-cicd") == 40


def test_checks_show_what_was_found_and_what_to_do() -> None:
    """Where nothing is measured there are no demands and bounds, and a check that passed says what it saw."""
    checks = Verdict(
        outcome=Outcome.ERROR,
        findings=(
            Finding(rule="registry", outcome=Outcome.PASS, reason="3 versions"),
            Finding(rule="slot blue", outcome=Outcome.ERROR, reason="It does not answer.", cure="Start it."),
        ),
    )
    section = Findings(verdict=checks)
    assert terminal(section).splitlines() == [
        "  outcome  check      found                what to do",
        "  pass     registry   3 versions",
        "  error    slot blue  It does not answer.  Start it.",
    ]
    narrow = to_terminal(report_of(section), colour=False, width=30).splitlines()[4:]
    assert narrow == [
        "  error    slot blue",
        "    found: It does not answer.",
        "    what to do: Start it.",
    ]
    assert "| ⛔ error | slot blue | It does not answer. | Start it. |" in markdown(section)
    assert "<details>" not in markdown(section)


@pytest.mark.parametrize("ticks", ["", "`", "``` ````", "\n```\n"])
def test_a_command_to_finish_with_can_be_copied(ticks: str) -> None:
    """A fenced block holds it whole: no length, no run of blanks and no backquote is lost."""
    cure = f"ml-cicd register --model='a  b{ticks}' --name={'x' * 2000} --uri=http://a@b"
    text = markdown(Receipt(problem="Lost.", cures=(cure, "second")))
    longest, *_ = re.findall(r"^(```+)sh$", text, flags=re.MULTILINE)
    assert f"\n{longest}sh\n{cure}\n{longest}\n" in text
    assert longest not in cure
    assert text.endswith("```sh\nsecond\n```\n")


def test_a_command_on_the_terminal_keeps_its_blanks() -> None:
    """What is copied from there means the same."""
    assert (
        "  finish with: x --name='a  b'" in terminal(Receipt(problem="Lost.", cures=("x --name='a  b'",))).splitlines()
    )


@pytest.mark.parametrize(
    ("low", "high", "axis"),
    [
        (0.99999999, 1.0, "0.99999999 --> 1"),
        (123456789.0, 123456789.0, "123456789 --> 123456790"),
        (0.0, 2.5, "0 --> 2.5"),
        (-1.0000000000000002, -1.0, "-1.0000000000000002 --> -1"),
    ],
)
def test_the_ends_of_an_axis_differ(low: float, high: float, axis: str) -> None:
    """As many digits as that takes, on both axes, and no point beyond them."""
    text = markdown(Curve(title="t", x="x", y="y", series={"a": ((0.0, low), (1.0, high))}))
    assert f'y-axis "y" {axis}' in text
    heights = [float(y) for y in text.partition("[")[2].partition("]")[0].split(", ")]
    assert (min(heights), max(heights)) == (low, high)
    if low < high:
        turned = markdown(Curve(title="t", x="x", y="y", series={"a": ((low, 0.0), (high, 1.0))}))
        assert f'x-axis "x" {axis}' in turned


def test_a_flat_line_without_room_is_a_table() -> None:
    """At 1e17 one more is the same number: no axis could be true."""
    text = markdown(Curve(title="t", x="x", y="y", series={"a": ((0.0, 1e17), (1.0, 1e17))}))
    assert "mermaid" not in text
    assert "| line | x | y |" in text


@pytest.mark.parametrize("width", range(40, 60))
@pytest.mark.parametrize("command", ["::set-output name=passed::true", "##[set-output name=passed;]true"])
def test_no_line_of_a_terminal_is_a_workflow_command(command: str, width: int) -> None:
    """A step of somebody's own may print a report; a runner takes a line for a command behind blanks, too."""
    text = f"the class 'a cat' and {command} and {command}"
    sections = (
        Note(text=text),
        Table(title=command, header=("slot", "note"), rows=(("blue" * 9, command), ("green", text)), units={}),
        Timeline(title="When", moments=((command, text),)),
    )
    lines = to_terminal(report_of(*sections), colour=False, width=width).splitlines()
    assert [line for line in lines if line.lstrip().startswith("::") or "##[" in line] == []
    assert "set-output" in "".join(lines)
