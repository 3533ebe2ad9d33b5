"""The machine format of a report, version 1 (schemas/report-v1.json)."""

import json
from collections.abc import Mapping
from typing import assert_never

from ml_cicd.faces.plain import visible_json
from ml_cicd.ground.finding import Verdict, verdict_record
from ml_cicd.ground.operation import Receipt
from ml_cicd.ground.report import REPORT_SCHEMA, Curve, Findings, Note, Report, Section, Table, Timeline

Data = dict[str, object]


def to_mapping(report: Report, *, tool_version: str, outputs: Mapping[str, str]) -> Data:
    """Return the report as plain data.

    `verdict.digest` is sha256 over the canonical JSON of `verdict` without it, so that anyone can recompute it.
    Verdict and receipt, for which machines look first, stand at the top; `sections` has all else in its order.
    """
    verdict, receipt = report.verdict, report.receipt
    top = [next((s for s in report.sections if isinstance(s, kind)), None) for kind in (Findings, Receipt)]
    return {
        "schema": REPORT_SCHEMA,
        "tool_version": tool_version,
        "command": report.command,
        "exit_code": int(report.exit_code),
        "headline": report.headline,
        "cure": report.cure,
        "outputs": dict(outputs),
        "verdict": None if verdict is None else _verdict(verdict),
        "receipt": None if receipt is None else _receipt(receipt),
        "sections": [_section(section) for section in report.sections if not any(section is t for t in top)],
        "details": dict(report.details),
    }


def to_json(report: Report, *, tool_version: str, outputs: Mapping[str, str]) -> str:
    """Return the report as JSON text; NaN is impossible, and what cannot be seen is escaped."""
    data = to_mapping(report, tool_version=tool_version, outputs=outputs)
    return visible_json(json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False)) + "\n"


def _section(section: Section) -> Data:
    match section:
        case Findings():
            return {"kind": "findings", "verdict": _verdict(section.verdict)}
        case Table():
            rows = [list(row) for row in section.rows]
            units = dict(section.units)
            return {
                "kind": "table",
                "title": section.title,
                "header": list(section.header),
                "units": units,
                "rows": rows,
            }
        case Curve():
            series = {name: [list(point) for point in points] for name, points in section.series.items()}
            return {"kind": "curve", "title": section.title, "x": section.x, "y": section.y, "series": series}
        case Timeline():
            moments = [{"at": at, "what": what} for at, what in section.moments]
            return {"kind": "timeline", "title": section.title, "moments": moments}
        case Receipt():
            return {"kind": "receipt", "receipt": _receipt(section)}
        case Note():
            return {"kind": "note", "text": section.text}
        case _:
            assert_never(section)


def _verdict(verdict: Verdict) -> Data:
    return {**verdict_record(verdict), "digest": verdict.digest}


def _receipt(receipt: Receipt) -> Data:
    return {
        "done": [{"what": done.what, "result": done.result, "changed": done.changed} for done in receipt.done],
        "not_done": list(receipt.not_done),
        "problem": receipt.problem,
        "cures": list(receipt.cures),
        "planned": list(receipt.planned),
    }
