"""Runs a real composite `action.yml` as GitHub's runner does, without GitHub.

Each step gets fresh command files and a clean environment without INPUT_*; `run:` goes to
`bash --noprofile --norc -e -o pipefail`; `uses:` is a stub that the test gives.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.actions.expressions import condition, interpolate

SYSTEM = {"PATH", "HOME", "LANG", "SHELL", "TMPDIR"}
STEP_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class ActionResult:
    """What a run left behind: status, outputs of the action, log, summary, folders put on PATH."""

    succeeded: bool
    exit_code: int
    outputs: dict[str, str]
    log: str
    summary: str
    path: list[str] = field(default_factory=list)

    def annotations(self, kind: str) -> list[str]:
        """Return the commands of a kind that the runner obeys."""
        return [line for line in obeyed(self.log) if re.match(rf"::{kind}(?: |::)", line)]


@dataclass(kw_only=True)
class _State:
    contexts: dict[str, Any]
    log: str = ""
    summary: str = ""
    exit_code: int = 0
    path: list[str] = field(default_factory=list)


def run_action(
    action: Path,
    inputs: Mapping[str, str],
    *,
    workspace: Path,
    environ: Mapping[str, str] | None = None,
) -> ActionResult:
    """Run one composite action."""
    spec = yaml.safe_load((action / "action.yml").read_text("utf-8"))
    declared = spec.get("inputs", {})
    unknown = set(inputs) - set(declared)
    if unknown:
        raise ValueError(f"unknown inputs {unknown}")
    values = {name: str(inputs.get(name, facts.get("default", ""))) for name, facts in declared.items()}
    state = _State(contexts={"inputs": values, "steps": {}, "github": {"action_status": "success"}})
    with tempfile.TemporaryDirectory() as temp:
        base = _environment(action, workspace, Path(temp), environ or {})
        for step in spec["runs"]["steps"]:
            _step(step, state, base, Path(temp))
    outputs = {
        name: interpolate(str(facts["value"]), state.contexts) for name, facts in spec.get("outputs", {}).items()
    }
    return ActionResult(
        succeeded=state.exit_code == 0,
        exit_code=state.exit_code,
        outputs=outputs,
        log=state.log,
        summary=state.summary,
        path=state.path,
    )


def _environment(action: Path, workspace: Path, temp: Path, extra: Mapping[str, str]) -> dict[str, str]:
    runner_temp = temp / "runner-temp"
    runner_temp.mkdir()
    return {
        **{k: v for k, v in os.environ.items() if k in SYSTEM},
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION_PATH": str(action),
        "GITHUB_WORKSPACE": str(workspace),
        "RUNNER_TEMP": str(runner_temp),
        "GITHUB_SHA": "0" * 40,
        "GITHUB_ACTOR": "octocat",
        **extra,
    }


def _step(step: Mapping[str, Any], state: _State, base: Mapping[str, str], temp: Path) -> None:
    wanted = condition(str(step.get("if", "success()")), state.contexts)
    if "if" in step and state.exit_code != 0 and "always()" not in str(step["if"]):
        wanted = False
    if not wanted:
        return
    if "uses" in step:
        raise AssertionError(f"the test has no stub for {step['uses']}")
    files = {}
    for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"):
        handle, path = tempfile.mkstemp(dir=temp)
        os.close(handle)
        files[name] = path
    env = {k: interpolate(str(v), state.contexts) for k, v in step.get("env", {}).items()}
    script = temp / "step.sh"
    script.write_text(interpolate(step["run"], state.contexts), encoding="utf-8")
    code, log = _bash(script, {**base, **files, **env}, base["GITHUB_WORKSPACE"])
    state.log += log
    state.summary += Path(files["GITHUB_STEP_SUMMARY"]).read_text("utf-8")
    state.path += Path(files["GITHUB_PATH"]).read_text("utf-8").split()
    state.contexts["steps"][step["id"]] = {"outputs": parse_outputs(Path(files["GITHUB_OUTPUT"]).read_text("utf-8"))}
    if code != 0:
        state.exit_code = code
        state.contexts["github"]["action_status"] = "failure"


def _bash(script: Path, env: Mapping[str, str], cwd: str) -> tuple[int, str]:
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            code = process.wait(timeout=STEP_SECONDS)
        finally:
            process.kill()
        output.seek(0)
        return code, output.read().decode(errors="replace")


def obeyed(log: str) -> list[str]:
    """Return the workflow commands of a log, as the runner finds them: none between stop-commands and its word."""
    found, word = [], ""
    for line in map(str.strip, log.splitlines()):
        stop = re.fullmatch(r"::stop-commands::(.+)", line)
        if word:
            word = "" if line == f"::{word}::" else word
        elif stop:
            word = stop[1]
        elif re.match(r"::[\w-]+(?: [^:]*)?::", line):
            found.append(line)
        elif "##[" in line:
            found.append(line[line.index("##[") :])
    return found


def parse_outputs(text: str) -> dict[str, str]:
    """Read an output file by the runner's rules: name=value, or name<<DELIMITER ... DELIMITER."""
    found: dict[str, str] = {}
    lines = text.split("\n")
    place = 0
    while place < len(lines):
        line = lines[place]
        place += 1
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if heredoc >= 0 and (equals < 0 or heredoc < equals):
            name, delimiter = line.split("<<", 1)
            end = lines.index(delimiter, place)
            found[name] = "\n".join(lines[place:end])
            place = end + 1
        elif equals >= 0:
            name, value = line.split("=", 1)
            found[name] = value
        else:
            raise ValueError(f"not an output: {line!r}")
    return found
