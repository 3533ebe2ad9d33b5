"""What must agree across actions, workflows, templates and the commands' declarations."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ml_cicd.commands.table import COMMANDS
from ml_cicd.commands.table import load as load_command
from ml_cicd.ground.inputs import COMMON_OUTPUTS, options_of
from tests.actions.expressions import condition
from tests.workflows.documents import (
    ACTIONS,
    EXPRESSION,
    INIT_WORKFLOWS,
    PARTS,
    PIPELINE,
    ROOT,
    SELF_FILE,
    TEMPLATES,
    WORKFLOWS,
    jobs,
    label,
    load,
    references,
    steps,
    texts,
    users,
)

ALL = [*ACTIONS, *PARTS, *WORKFLOWS, *TEMPLATES, *INIT_WORKFLOWS]
CALLED = [path for path in WORKFLOWS if path.name.startswith("ml-")]
COPIED = [*TEMPLATES, *INIT_WORKFLOWS]
PINNED = re.compile(r"^actions/[a-z-]+@[0-9a-f]{40}$")
VERSION_COMMENT = re.compile(r"uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
COMMAND_ACTIONS = {path: path.parent.name for path in ACTIONS[1:]}
CHOICE = re.compile(r'\Acase "\$ML_CICD_COMMAND" in\n(  [a-z*-]+\) lock=[a-z]+ ;;\n)+esac\n')
EXEC_LINE = re.compile(r'^exec "\$ML_CICD_(TOOL_)?PYTHON" -I [^\n;&|`$<>]*("\$GITHUB_ACTION_PATH[\w./]*")?[\w .-]*\n?$')
EXEC_PART = re.compile(
    r'^exec python -I "\$GITHUB_ACTION_PATH/\.\./\.\./\.\./python/run_command\.py" (install|"\$KIND")\n$'
)
BY_THE_CALLER = {"train", "attest", "canary", "safety-net"}  # they log in to a cloud or sign, if the caller wants it
STABLE_INPUTS = {
    "quality-gate": "predictions metrics thresholds champion positive model registry-uri "
    "when-inconclusive when-no-champion no-champion",
    "register": "model-name model gate-report registry-uri from-uri alias allow-code allow-other-run",
    "canary": "candidate target mode deadline-minutes registry-uri allow-inconclusive replay take-over",
    "rollback": "target to reason registry-uri force only-run",
    "fetch": "version to if-missing model-name registry-uri",
}
STABLE_OUTPUTS = {
    "quality-gate": "verdict passed blocking warnings model-digest",
    "register": "version model-uri digest statement created",
    "canary": "decision share rolled-back reason",
    "rollback": "rolled-back from-version to-version verified",
    "fetch": "found version digest path",
}
COMMON_INPUT_NAMES = {"config", "working-directory", "report-dir", "dry-run", "python"}


@pytest.mark.parametrize("path", ALL, ids=label)
def test_no_expression_in_a_script(path: Path) -> None:
    """No `run:` holds ${{ }}: values reach a shell through the environment alone."""
    assert [step["run"] for step in steps(load(path)) if EXPRESSION.search(str(step.get("run", "")))] == []


@pytest.mark.parametrize("path", ALL, ids=label)
def test_everything_used_is_pinned_or_ours(path: Path) -> None:
    """Each `uses:` is an action of GitHub's by commit hash, or a path of this repository that exists."""
    for part in users(load(path)):
        used = part["uses"]
        ours = SELF_FILE.match(used)
        if used.startswith("$/"):
            assert "@" not in used
            assert (ROOT / used[2:] / "action.yml").is_file() or (ROOT / used[2:]).is_file(), used
        elif ours and path in COPIED:
            place = ROOT / (ours["path"] or "")
            assert place.is_file() or (place / "action.yml").is_file(), used
        else:
            assert PINNED.match(used), used


@pytest.mark.parametrize("path", ALL, ids=label)
def test_every_pin_names_its_version(path: Path) -> None:
    """Behind each commit hash stands the version that it is."""
    pins = [
        line.strip().removeprefix("- ") for line in path.read_text("utf-8").splitlines() if "uses: actions/" in line
    ]
    assert [pin for pin in pins if not VERSION_COMMENT.match(pin)] == []


@pytest.mark.parametrize("path", [*ACTIONS, *PARTS, *CALLED], ids=label)
def test_every_input_named_is_declared_and_used(path: Path) -> None:
    """Inputs in expressions are declared, and none is declared for nothing."""
    document = load(path)
    declared = document["on"]["workflow_call"]["inputs"] if path in CALLED else document["inputs"]
    assert references(document, r"\binputs\.([\w-]+)") == set(declared)


@pytest.mark.parametrize("path", ACTIONS, ids=label)
def test_every_step_named_in_an_action_is_there(path: Path) -> None:
    """`steps.x` names one of the action's three steps, in their order."""
    document = load(path)
    assert [step["id"] for step in steps(document)] == ["python", "tool", "run"]
    assert references(document, r"\bsteps\.([\w-]+)") <= {"python", "tool", "run"}


@pytest.mark.parametrize("path", ACTIONS, ids=label)
def test_scripts_of_actions_hand_over_the_process(path: Path) -> None:
    """Each script is one `exec` line with `-I`, so that a cancel reaches Python and the workspace does not.

    The root action's chooses a lock before that, from words that are written there.
    """
    scripts = [step["run"] for step in steps(load(path)) if "run" in step]
    assert len(scripts) == 2
    for script in scripts:
        assert EXEC_LINE.match(CHOICE.sub("", script).replace('"$lock"', "lock")), script
        assert ("-I -X utf8 -m ml_cicd" in script) == ("ml_cicd" in script)  # a variable says nothing under -I
        assert bool(CHOICE.match(script)) == ('"$lock"' in script)


@pytest.mark.parametrize(("path", "command"), COMMAND_ACTIONS.items(), ids=COMMAND_ACTIONS.values())
def test_actions_say_what_their_commands_declare(path: Path, command: str) -> None:
    """Inputs, outputs and environment lines of an action are its command's, no more and no fewer."""
    document = load(path)
    options = options_of(load_command(command).inputs)
    assert set(document["inputs"]) == {o.kebab for o in options} | {"python"}
    assert set(document["outputs"]) == {*load_command(command).outputs, *COMMON_OUTPUTS}
    environment = list(steps(document))[2]["env"]
    wanted = {o.variable: f"${{{{ inputs.{o.kebab} }}}}" for o in options}
    assert wanted.items() <= environment.items()
    needs = load_command(command).needs
    assert needs is not None
    later = {"ML_CICD_LATER"} if needs.later else set()
    assert set(environment) - set(wanted) == {"ML_CICD_PYTHON", "ML_CICD_TOOL_PYTHON"} | later
    for name, facts in document["outputs"].items():
        assert facts["value"] == f"${{{{ steps.run.outputs.{name} }}}}"


def test_each_command_that_needs_packages_has_its_action() -> None:
    """What an action installs is what its command says; a command without needs has no action."""
    needs = {command: load_command(command).needs for command in COMMANDS}
    assert {command for command, found in needs.items() if found} == set(COMMAND_ACTIONS.values())
    for path, command in COMMAND_ACTIONS.items():
        found = needs[command]
        assert found is not None
        _, tool, run = steps(load(path))
        assert tool["run"].split()[-1] == found.first
        assert run["env"].get("ML_CICD_LATER", "").split() == list(found.later)
        assert run["env"]["ML_CICD_PYTHON"] == tool["env"]["ML_CICD_PYTHON"]
        locks = {file.stem for file in (ROOT / "python" / "locks").glob("*.txt")}
        assert {found.first, *found.later} <= locks


def test_an_action_and_the_help_have_one_title() -> None:
    """What the list of commands says of a command, its action says too."""
    for path, command in COMMAND_ACTIONS.items():
        assert load(path)["description"] == COMMANDS[command].title


@pytest.mark.parametrize("command", STABLE_INPUTS)
def test_names_that_others_write_are_stable(command: str) -> None:
    """The inputs and outputs that users have written into their workflows stay."""
    document = load(ROOT / "actions" / command / "action.yml")
    assert set(STABLE_INPUTS[command].split()) | COMMON_INPUT_NAMES == set(document["inputs"])
    assert set(STABLE_OUTPUTS[command].split()) | {"report", "summary"} == set(document["outputs"])


def test_names_of_the_root_action_are_stable() -> None:
    """The front door takes a command and its arguments, and hands on version, path, exit code and what it says."""
    document = load(ROOT / "action.yml")
    assert set(document["inputs"]) == {"command", "args", "python"}
    told = {name for command in COMMANDS for name in load_command(command).outputs}
    assert set(document["outputs"]) == {"version", "cli", "exit-code", "report", "summary"} | told


@pytest.mark.parametrize("command", ["", *COMMANDS, "$(touch pwned)", "quality-gate) lock=x ;;"])
def test_the_root_action_installs_what_the_command_needs_first(command: str, tmp_path: Path) -> None:
    """The rest it fetches when it asks for it: that is every other lock that a command can ask for."""
    _, tool, run = steps(load(ROOT / "action.yml"))
    script = tool["run"].replace("exec ", "echo ", 1)
    environ = {"PATH": os.environ["PATH"], "ML_CICD_COMMAND": command}
    said = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environ, check=True, capture_output=True, text=True)
    needs = load_command(command).needs if command in COMMANDS else None
    assert said.stdout.split()[-1] == (needs.first if needs else "traffic")
    later = set(run["env"]["ML_CICD_LATER"].split())
    assert {need for name in COMMANDS if (n := load_command(name).needs) for need in (n.first, *n.later)} - {
        "traffic"
    } <= later
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", [*WORKFLOWS, *COPIED], ids=label)
def test_what_a_workflow_hands_to_ours_exists(path: Path) -> None:
    """Every `with:` names an input of the action or workflow it calls, and gives each required one."""
    for part in users(load(path)):
        ours = SELF_FILE.match(part["uses"])
        if not (part["uses"].startswith("$/") or ours):
            continue
        place = ROOT / ((ours["path"] or "") if ours else part["uses"][2:])
        document = load(place if place.is_file() else place / "action.yml")
        declared = document["on"]["workflow_call"]["inputs"] if place.is_file() else document["inputs"]
        given = set(part.get("with", {}))
        assert given <= set(declared), part["uses"]
        assert {name for name, facts in declared.items() if facts["required"]} <= given, part["uses"]


@pytest.mark.parametrize("path", PARTS, ids=label)
def test_scripts_of_parts_hand_over_the_process(path: Path) -> None:
    """Each is one `exec` line with `-I`, whose words are written there."""
    for script in (step["run"] for step in steps(load(path)) if "run" in step):
        assert EXEC_PART.match(script), script


@pytest.mark.parametrize("path", WORKFLOWS, ids=label)
def test_jobs_are_bounded_and_modest(path: Path) -> None:
    """Each job says what it may do, or has what the caller grants, and ends by itself; no checkout leaves a token."""
    document = load(path)
    assert document.get("permissions") == (None if path == PIPELINE else {})
    for name, job in jobs(document).items():
        granted = path == PIPELINE and name in BY_THE_CALLER
        assert job.get("permissions") in ([None] if granted else [{}, {"contents": "read"}])
        assert 0 < job["timeout-minutes"] <= 350
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", CALLED, ids=label)
def test_called_workflows_name_real_jobs_and_steps(path: Path) -> None:
    """Outputs, `needs` and `steps` of a called workflow point at what is there."""
    document = load(path)
    found = jobs(document)
    for name, job in found.items():
        needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
        assert set(needed) <= set(found)
        inside = {"jobs": {name: job}}
        assert references(inside, r"\bneeds\.([\w-]+)") <= set(needed)
        assert references(inside, r"\bsteps\.([\w-]+)") <= {step["id"] for step in job["steps"] if "id" in step}
    for facts in document["on"]["workflow_call"]["outputs"].values():
        match = re.fullmatch(r"\$\{\{ jobs\.([\w-]+)\.outputs\.([\w-]+) \}\}", facts["value"])
        assert match
        assert match[2] in found[match[1]]["outputs"]


def test_secrets_of_the_pipeline_are_declared() -> None:
    """Each secret that the pipeline reads is one that it declares, and the gate reads none."""
    document = load(PIPELINE)
    declared = set(document["on"]["workflow_call"]["secrets"])
    assert references(document, r"\bsecrets\.([\w-]+)") == declared
    assert references({"jobs": {"gate": jobs(document)["gate"]}}, r"\bsecrets\.([\w-]+)") == set()


def test_every_stage_of_the_pipeline_has_a_switch() -> None:
    """Each job but the safety net and the summary starts only when the input of its name says so."""
    document = load(PIPELINE)
    for name, job in jobs(document).items():
        if name not in {"safety-net", "summary"}:
            assert document["on"]["workflow_call"]["inputs"][name]["type"] == "boolean"
            assert f"inputs.{name}" in job["if"]


def _condition(job: str) -> str:
    return str(jobs(load(PIPELINE))[job]["if"])


@pytest.mark.parametrize(
    ("result", "rolled_back", "wanted"),
    [
        ("success", "", False),
        ("skipped", "", False),
        ("failure", "true", False),
        ("failure", "false", True),
        ("failure", "", True),
        ("cancelled", "", True),
        ("cancelled", "true", False),
    ],
)
def test_the_safety_net_runs_when_traffic_may_be_left(result: str, rolled_back: str, wanted: bool) -> None:
    """It runs after a failed, lost or cancelled canary, unless that one has taken the traffic back itself."""
    contexts: dict[str, Any] = {
        "needs": {"canary": {"result": result, "outputs": {"rolled-back": rolled_back}}},
        "github": {},
    }
    assert condition(_condition("safety-net"), contexts) is wanted


def test_the_safety_net_stops_its_own_canary_alone() -> None:
    """A job that failed before its canary began must not stop the one that another run has on this target."""
    (step,) = [step for step in jobs(load(PIPELINE))["safety-net"]["steps"] if step.get("name") == "Rollback"]
    assert (step["with"]["to"], step["with"]["only-run"]) == ("champion", "${{ github.run_id }}")


@pytest.mark.parametrize("result", ["success", "failure", "cancelled", "skipped"])
@pytest.mark.parametrize("wanted", [True, False])
def test_what_is_registered_is_signed_if_asked_for(result: str, wanted: bool) -> None:
    """Never what was not registered, and nothing unless the caller wants it."""
    contexts: dict[str, Any] = {"inputs": {"attest": wanted}, "needs": {"register": {"result": result}}, "github": {}}
    assert condition(_condition("attest"), contexts) is (wanted and result == "success")
    assert load(PIPELINE)["on"]["workflow_call"]["inputs"]["attest"]["default"] is False


STAGES = ["code-quality", "train", "gate", "register", "attest", "canary"]


@pytest.mark.parametrize("job", ["train", "gate", "register", "canary"])
@pytest.mark.parametrize("result", ["success", "failure", "cancelled", "skipped"])
def test_a_stage_follows_no_failure(job: str, result: str) -> None:
    """Every stage waits for all before it: it starts when each ended well or is switched off, and never otherwise."""
    before = STAGES[: STAGES.index(job)]  # a signature that was asked for and failed stops a canary, too
    needs = jobs(load(PIPELINE))[job]["needs"]
    assert needs == before
    for odd in before:
        results = {name: {"result": result if name == odd else "success"} for name in before}
        contexts: dict[str, Any] = {"inputs": {job: True}, "needs": results, "github": {}}
        assert condition(_condition(job), contexts) is (result in {"success", "skipped"})
        contexts["inputs"][job] = False
        assert not condition(_condition(job), contexts)


@pytest.mark.parametrize("path", TEMPLATES, ids=label)
def test_templates_carry_their_properties(path: Path) -> None:
    """GitHub's chooser gets a name, a description, an icon and a category that it knows."""
    found = json.loads(path.with_name(f"{path.stem}.properties.json").read_text("utf-8"))
    assert set(found) <= {"name", "description", "iconName", "categories", "filePatterns", "creator"}
    assert found["name"] == load(path)["name"]
    assert 20 < len(found["description"]) <= 160
    assert re.fullmatch(r"octicon [a-z-]+", found["iconName"])
    assert found["categories"][0] in {"deployment", "continuous-integration", "automation", "code-scanning"}
    for pattern in found.get("filePatterns", []):
        re.compile(pattern)


def test_every_properties_file_has_its_template() -> None:
    """No template was removed without its properties."""
    assert {p.name.split(".")[0] for p in (ROOT / "workflows-templates").iterdir()} == {p.stem for p in TEMPLATES}


@pytest.mark.parametrize("path", COPIED, ids=label)
def test_files_to_copy_follow_the_major_tag(path: Path) -> None:
    """What users copy refers to this repository by its major tag, and inherits no secrets."""
    assert any("OWNER/ml-cicd/" in part["uses"] and part["uses"].endswith("@v1") for part in users(load(path)))
    assert "inherit" not in list(texts(load(path)))
