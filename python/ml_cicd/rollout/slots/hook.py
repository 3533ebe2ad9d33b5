"""Whether a deploy hook can be started, without starting it."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ml_cicd.ground.finding import Finding, Outcome, broken

RULE = "deploy hook"


def examine_hook(hook: tuple[str, ...], folder: Path, environ: Mapping[str, str]) -> Finding:
    """Look for the program where the system would: a name without a slash on PATH, a path from `folder`."""
    if not hook:
        return Finding(rule=RULE, outcome=Outcome.PASS, reason="none: slots are filled by hand")
    program = hook[0]
    if os.sep not in program:
        found = shutil.which(program, path=environ.get("PATH"))
        if found is None:
            return broken(RULE, f"The program {program!r} is not on PATH.", "Install it, or name it by its path.")
        return Finding(rule=RULE, outcome=Outcome.PASS, reason=" ".join(hook))
    path = folder / program
    if not path.is_file():
        return broken(RULE, f"There is no file {path}.", f"The hook is started in {folder}; correct hooks.deploy.")
    if not os.access(path, os.X_OK):
        return broken(RULE, f"{path} is not executable.", f"chmod +x {path}")
    return Finding(rule=RULE, outcome=Outcome.PASS, reason=" ".join(hook))
