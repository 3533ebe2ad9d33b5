"""Time whole processes: a bare interpreter, `ml-cicd --help`, and a warm quality gate on 10,000 rows.

    .venv/bin/python benchmarks/speed.py

Each command runs ten times, in turn with the others; the table shows the median and its ratio to the bare interpreter.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

ROWS = 10_000
RUNS = 10
GATE = ["quality-gate", "--thresholds", "{accuracy: 0.95, f1_score: 0.92, latency_p99_ms: 50}", "--predictions"]


def write_tables(folder: Path) -> None:
    """Write the same rows as CSV and parquet."""
    lines = ["label,prediction,latency_ms,key"]
    lines += [f"{i % 2},{1 - i % 2 if i % 100 == 0 else i % 2},{5 + i * 7919 % 400 / 10},{i}" for i in range(ROWS)]
    (folder / "p.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with duckdb.connect() as connection:
        connection.read_csv(str(folder / "p.csv")).write_parquet(str(folder / "p.parquet"))


def seconds(command: list[str], folder: Path) -> float:
    """Run one process and return its wall time."""
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    tool = [sys.executable, "-I", "-m", "ml_cicd"]
    commands = {
        "python -c pass": [sys.executable, "-I", "-c", "pass"],
        "ml-cicd --help": [*tool, "--help"],
        "quality-gate, 10,000 rows of CSV": [*tool, *GATE, "p.csv"],
        "quality-gate, 10,000 rows of parquet": [*tool, *GATE, "p.parquet"],
    }
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        write_tables(folder)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for run in range(RUNS + 1):
            for name, command in commands.items():
                taken = seconds(command, folder)
                if run:  # the first round warms the caches
                    times[name].append(taken)
    bare = statistics.median(times["python -c pass"])
    for name, taken_all in times.items():
        median = statistics.median(taken_all)
        print(f"{name:38} {median:6.3f} s  {median / bare:5.1f} x")


if __name__ == "__main__":
    main()
