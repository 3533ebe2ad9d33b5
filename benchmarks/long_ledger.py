"""What the ledger costs at 10 and at 10,000 entries: in a sqlite file, and behind a server of MLflow.

    python benchmarks/long_ledger.py

Printed are the seconds, without the start of Python and MLflow, of what `status` asks of the registry and works out:
the newest entries, the chain through them, aliases and versions; and of the same with all entries, as `doctor` and an
export have it. Each is the best of three. The entries are written into the server's database as MLflow writes them: one
by one through MLflow they would take ten minutes.
"""

import sqlite3
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ml_cicd.registry.chain import breaks, sealed  # noqa: E402
from ml_cicd.registry.ledger import Ledger, LedgerEntry  # noqa: E402
from ml_cicd.registry.mlflow.ledger import MlflowLedger, dump_entry  # noqa: E402
from ml_cicd.registry.mlflow.versions import MlflowRegistry  # noqa: E402
from ml_cicd.registry.versions import TAG_ENTRY, ledger_name  # noqa: E402
from ml_cicd.rollout.site import NEWEST  # noqa: E402
from tests.contracts.mlflow_process import mlflow_server  # noqa: E402
from tests.contracts.test_registry_contract import entry, wanted  # noqa: E402
from tests.fakes.model_folder import model_folder  # noqa: E402

MODEL = "digits"
SIZES = (10, 10_000)


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with mlflow_server(place) as uri:
            (database,) = place.rglob("*.db")
            MlflowRegistry(uri).register(wanted(MODEL, model_folder(place / "model")))
            last = MlflowLedger(uri).append_entry(MODEL, entry("0"))
            for size in SIZES:
                last = grow(database, last, size)
                for where in (f"sqlite:///{database}", uri):
                    kind = where.partition(":")[0]
                    told, all_of_it = best(where, NEWEST), best(where, 0)
                    print(f"{kind:6}  {size:6} entries  status {told:.3f} s  all of it {all_of_it:.3f} s")


def grow(database: Path, last: LedgerEntry, size: int) -> LedgerEntry:
    """Write entries behind the last one, with its row as the pattern."""
    name = ledger_name(MODEL)
    with sqlite3.connect(database) as connection:
        columns = [row[1] for row in connection.execute("pragma table_info(model_versions)")]
        row = dict(
            zip(
                columns,
                connection.execute("select * from model_versions where name = ?", [name]).fetchone(),
                strict=True,
            )
        )
        for number in range(int(last.number) + 1, size + 1):
            fresh = replace(entry(last.number, reason=f"the candidate showed harm {number}"), number=str(number))
            last = sealed(fresh, Ledger(entries=(last,)))
            values = list({**row, "version": number}.values())
            connection.execute(f"insert into model_versions values ({','.join('?' * len(values))})", values)
            connection.execute(
                "insert into model_version_tags (key, value, name, version) values (?, ?, ?, ?)",
                [TAG_ENTRY, dump_entry(last), name, number],
            )
    return last


def best(uri: str, newest: int) -> float:
    """Return the least of three times."""
    ledger, registry = MlflowLedger(uri), MlflowRegistry(uri)
    ledger.read("nobody")  # the start of MLflow's client and of its database is not what is measured
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        found = ledger.read(MODEL, newest=newest)
        assert breaks(found) == ()
        registry.snapshot(MODEL)
        times.append(time.perf_counter() - begin)
    return min(times)


if __name__ == "__main__":
    main()
