"""What an auditor asks: who put what over what, when, on which verdict, in which run."""

import csv
import io
import json
from dataclasses import replace

import pytest

from ml_cicd.commands import canary, rollback, status
from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.ground.report import Table
from ml_cicd.registry.audit import COLUMNS
from ml_cicd.world import Who
from tests.fakes.world import FakeWorld, digest_of

RUN = "https://github.com/o/r/actions/runs/7"


@pytest.fixture
def world() -> FakeWorld:
    """Version 1, then 2 in a workflow, then back to 1."""
    world = FakeWorld()
    for url in ("", RUN):
        world.who = Who(actor="ann", run_url=url)
        world.add_version()
        canary.run(canary.Inputs(), world)
    world.fake_clock.sleep(3600)
    world.who = Who(actor="bob", run_url="")
    rollback.run(rollback.Inputs(reason="=too slow"), world)
    return world


def shown(world: FakeWorld, **inputs: object) -> tuple[Table, list[dict[str, object]]]:
    """The table, and its rows by column."""
    (table,) = status.run(status.Inputs(history=True, **inputs), world).tables  # type: ignore[arg-type]
    return table, [dict(zip(table.header, row, strict=True)) for row in table.rows]


def test_the_history_says_who_put_what_over_what(world: FakeWorld) -> None:
    """Newest first: the rollback, then the promotion with the version it replaced, its verdict and its run."""
    _, rows = shown(world)
    back, promotion, first = rows[:3]
    assert (back["what"], back["version"], back["over"], back["serves after"]) == ("rollback", "2", "2", "1")
    assert (back["who"], back["why"]) == ("bob", "=too slow")
    assert (promotion["what"], promotion["version"], promotion["over"]) == ("promote", "2", "1")
    assert (promotion["verdict"], promotion["run"], promotion["who"]) == ("sha256:gate2", RUN, "ann")
    assert (first["what"], first["over"]) == ("promote", "")
    assert [row["what"] for row in rows[3:]] == ["register", "register"]


def test_a_registration_stands_at_its_time(world: FakeWorld) -> None:
    """The registry's own time places it between the entries, whose own order is never changed."""
    second = world.fake_ledger.read("digits").entries[1].at
    version, folder = world.fake_registry.versions[1]
    world.fake_registry.versions[1] = (replace(version, registered_at=second), folder)
    _, rows = shown(world)
    assert [row["what"] for row in rows] == ["rollback", "register", "promote", "promote", "register"]


def test_a_limit_keeps_the_newest(world: FakeWorld) -> None:
    """And the headline says that there are more; a limit of nothing is refused."""
    report = status.run(status.Inputs(history=True, limit="1"), world)
    assert [row[1] for row in report.tables[0].rows] == ["rollback"]
    assert report.headline == "digits: 5 entries, the newest 1 are shown."
    for wrong in ("0", "-1", "all", "1.5"):
        with pytest.raises(InputError, match="'limit'"):
            status.run(status.Inputs(history=True, limit=wrong), world)


def test_an_export_has_everything(world: FakeWorld) -> None:
    """CSV and JSON: all entries, oldest first, the same names, whole digests, times in UTC."""
    table = status.run(status.Inputs(export="csv", limit="1"), world).documents[0]
    document = status.run(status.Inputs(export="json"), world).documents[0]
    assert (table.output, table.name, document.name) == ("export", "ledger.csv", "ledger.json")
    lines = list(csv.DictReader(io.StringIO(table.text)))
    entries = json.loads(document.text)["entries"]
    assert [list(line) for line in entries] == [list(COLUMNS)] * 5
    assert [line["event"] for line in lines] == ["register", "register", "promote", "promote", "rollback"]
    assert [line["reason"] for line in entries][-1] == "=too slow"
    assert lines[3]["model_digest"] == digest_of("2")
    assert lines[3]["run_url"] == RUN
    assert all(line["at"].endswith("Z") for line in entries if line["event"] != "register")


def test_the_columns_of_an_export_are_pinned() -> None:
    """Somebody's sheet reads them by name."""
    wanted = "at,event,entry,target,version,before,after,model_digest,verdict_digest,actor,run_url,reason,chain,seal"
    assert ",".join(COLUMNS) == wanted


def test_the_export_of_one_target_is_its_own(world: FakeWorld) -> None:
    """Another target's entries are in the export of all, and not in that of one."""
    entry = world.fake_ledger.entries["digits"][-1]
    other = replace(entry, number="4", previous="3", target="shadow")
    world.fake_ledger.entries["digits"] = (*world.fake_ledger.entries["digits"], other)
    everything = status.run(status.Inputs(export="json"), world)
    mine = status.run(status.Inputs(export="json", target="production"), world)
    assert [len(json.loads(r.documents[0].text)["entries"]) for r in (everything, mine)] == [6, 5]
    assert (everything.outputs["champion"], mine.outputs["champion"]) == ("", "1")
    with pytest.raises(InputError, match="no target 'prodction'"):
        status.run(status.Inputs(export="json", target="prodction"), world)


def test_a_time_and_a_history_are_two_questions(world: FakeWorld) -> None:
    """What is asked for in one breath is not answered by half."""
    with pytest.raises(InputError, match="Both a time"):
        status.run(status.Inputs(history=True, at="2026-01-01"), world)


def test_a_long_ledger_is_not_read_to_its_beginning(world: FakeWorld) -> None:
    """The newest entries say what serves; a history asks for all."""
    _go_on(world, "production")
    report = status.run(status.Inputs(), world)
    assert (report.outputs["champion"], report.exit_code) == ("1", Exit.DONE)
    assert report.tables[1].title == "History (the newest)"
    assert "605 entries" in status.run(status.Inputs(history=True), world).headline


def test_what_serves_is_found_however_far_back_it_was_promoted(world: FakeWorld) -> None:
    """The newest entries are all of another target: this one's champion is not forgotten."""
    _go_on(world, "shadow")
    report = status.run(status.Inputs(), world)
    assert (report.outputs["champion"], report.exit_code) == ("1", Exit.DONE)
    assert report.tables[1].title == "History (3 entries)"


def _go_on(world: FakeWorld, target: str) -> None:
    """Write more entries than `status` reads at once."""
    last = world.fake_ledger.read("digits").entries[-1]
    for _ in range(600):
        last = world.fake_ledger.append_entry("digits", replace(last, target=target, previous=last.number))
