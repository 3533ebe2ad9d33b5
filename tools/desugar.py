"""Copy the repository's actions and workflows for tools that do not know the newest syntax (actionlint, act).

    python tools/desugar.py DESTINATION [--as OWNER/ml-cicd@v1]

`uses: $/path` becomes `./path`, or `OWNER/ml-cicd/path@v1` with --as (in a called workflow `./` is the
caller's folder); `queue:` and `deployment:` are dropped. Only files that git tracks are copied.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SELF = re.compile(r"uses: \$/(\S+)")
NEW_KEYS = re.compile(r"^\s+(queue: max|deployment: false)\n", flags=re.MULTILINE)


def desugared(text: str, owner: str) -> str:
    """Return a workflow's or action's text in the older syntax; an empty `owner` refers to local paths."""
    if owner:
        name, ref = owner.rsplit("@", 1)
        text = SELF.sub(lambda m: f"uses: {name}/{m.group(1)}@{ref}", text)
    else:
        text = SELF.sub(lambda m: f"uses: ./{m.group(1)}", text)
    return NEW_KEYS.sub("", text)


def copy(destination: Path, owner: str, root: Path = ROOT) -> None:
    """Copy all tracked files, with the YAML of actions and workflows desugared."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        source, target = root / name, destination / name
        if not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        if source.suffix == ".yml" and (source.name == "action.yml" or ".github" in source.parts):
            target.write_text(desugared(source.read_text("utf-8"), owner), encoding="utf-8")


def main() -> int:
    """Copy once."""
    parser = argparse.ArgumentParser(description="Copy the repository in older workflow syntax.")
    parser.add_argument("destination", type=Path)
    parser.add_argument("--as", dest="owner", default="", metavar="OWNER/REPO@REF")
    asked = parser.parse_args()
    copy(asked.destination, asked.owner)
    return 0


if __name__ == "__main__":
    sys.exit(main())
