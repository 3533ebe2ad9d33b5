"""Render the published schema of `ml-cicd.yml` from the settings that wings and doors declare.

    python tools/render_schema.py [--check]

With --check nothing is written; a stale file is named and the exit code is 1.
"""

import json
import sys
from pathlib import Path

from ml_cicd.config import config_schema
from ml_cicd.shell.wiring import door_settings

ROOT = Path(__file__).resolve().parent.parent
PATH = ROOT / "python" / "ml_cicd" / "schemas" / "config-v1.json"


def rendered() -> str:
    """Return the schema's text."""
    return json.dumps(config_schema(door_settings), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or say that it is stale."""
    text = rendered()
    fresh = PATH.is_file() and PATH.read_text("utf-8") == text
    if arguments == ["--check"]:
        if not fresh:
            print(f"{PATH.relative_to(ROOT)} is stale: run `make render`.", file=sys.stderr)
        return int(not fresh)
    if not fresh:
        PATH.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
