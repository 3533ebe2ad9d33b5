"""The machine format of a report, version 1 (schemas/report-v1.json)."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from ml_cicd.domain.report import Report

SCHEMA = "ml-cicd/report/v1"


def to_mapping(report: Report, *, tool_version: str, outputs: Mapping[str, str]) -> dict[str, object]:
    """Return the report as plain data.

    `verdict.digest` is sha256 over the canonical JSON of `verdict` without it, so that anyone can recompute it.
    """
    verdict = None if report.verdict is None else {**asdict(report.verdict), "digest": report.verdict.digest}
    return {
        "schema": SCHEMA,
        "tool_version": tool_version,
        "command": report.command,
        "exit_code": int(report.exit_code),
        "headline": report.headline,
        "cure": report.cure,
        "outputs": dict(outputs),
        "verdict": verdict,
        "receipt": None if report.receipt is None else asdict(report.receipt),
        "tables": [asdict(table) for table in report.tables],
        "notes": list(report.notes),
        "details": dict(report.details),
    }


def to_json(report: Report, *, tool_version: str, outputs: Mapping[str, str]) -> str:
    """Return the report as JSON text; NaN is impossible."""
    data = to_mapping(report, tool_version=tool_version, outputs=outputs)
    return json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
