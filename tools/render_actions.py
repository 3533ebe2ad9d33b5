"""Render every action.yml and the tables of the actions' READMEs from the commands' declarations.

    python tools/render_actions.py [--check]

With --check nothing is written; stale files are named and the exit code is 1.
"""

import sys
from pathlib import Path

from ml_cicd.commands.table import COMMANDS, load
from ml_cicd.ground.inputs import COMMON_OUTPUTS, Needs, options_of

ROOT = Path(__file__).resolve().parent.parent
PYTHON_INPUT = "Interpreter for the tool (3.11 or newer), e.g. on self-hosted runners; empty installs one."
INTERPRETER = "${{ inputs.python || steps.python.outputs.python-path }}"
SETUP_PYTHON = "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0"
LEAST = "traffic"  # the lock of what every command needs
FOR_ANY_COMMAND = ("gate", "registry", "sqlite", "validate")
ROOT_OUTPUTS = {
    "version": "Version of ml-cicd.",
    "cli": "Path of the command line, which is also on PATH for later steps.",
    "exit-code": "Exit code of the command; empty when none was asked for.",
}
BEGIN, END = "<!-- rendered: begin -->", "<!-- rendered: end -->"
HEADER = "# Rendered by tools/render_actions.py from python/ml_cicd/commands; change it there.\n"

STEPS = """\
runs:
  using: composite
  steps:
    - name: Set up a Python for the tool
      id: python
      if: inputs.python == ''
      uses: {setup_python}
      with:
        python-version: '3.12'
        update-environment: false
    - name: Prepare the tool
      id: tool
      shell: bash
      env:
        ML_CICD_PYTHON: {interpreter}
{more}      run: |
{choose}        exec "$ML_CICD_PYTHON" -I "$GITHUB_ACTION_PATH{up}/python/bootstrap.py" {lock}
    - name: {title}
      id: run
      shell: bash
      env:
        ML_CICD_PYTHON: {interpreter}
        ML_CICD_TOOL_PYTHON: ${{{{ steps.tool.outputs.python }}}}
{env}      run: |
        exec "$ML_CICD_TOOL_PYTHON" -I -X utf8 -m ml_cicd action {word}
"""


def quoted(text: str) -> str:
    """Return text as a single-quoted YAML scalar."""
    return "'" + text.replace("'", "''") + "'"


def inputs_of(command: str) -> list[tuple[str, str, str, bool]]:
    """Return (name, description, default, required) of an action's inputs."""
    declared = options_of(load(command).inputs)
    rows = [(o.kebab, _described(o.description, o.choices), o.default_text, o.required) for o in declared]
    return [*rows, ("python", PYTHON_INPUT, "", False)]


def _described(description: str, choices: tuple[str, ...]) -> str:
    return f"{description} One of: {', '.join(choices)}." if choices else description


def outputs_of(command: str) -> dict[str, str]:
    """Return an action's outputs with their descriptions."""
    return {**load(command).outputs, **COMMON_OUTPUTS}


def actions() -> dict[str, Needs]:
    """Return the commands that have an action, with the locks that it installs."""
    needs = {command: load(command).needs for command in COMMANDS}
    return {command: found for command, found in needs.items() if found is not None}


def action_text(command: str, needs: Needs) -> str:
    """Return the action.yml of a command."""
    rows = inputs_of(command)
    # What comes later is installed by the run itself, once traffic is where it belongs.
    env = f"        ML_CICD_LATER: {' '.join(needs.later)}\n" if needs.later else ""
    env += "".join(_variable(name) for name, *_ in rows if name != "python")
    steps = _steps(up="/../..", lock=needs.first, title=f"Run {command}", env=env, word=command)
    head = f"name: ml-cicd {command}\ndescription: {quoted(COMMANDS[command].title)}\n"
    return HEADER + head + _inputs(rows) + _outputs(outputs_of(command)) + steps


def root_text() -> str:
    """Return the root action.yml: set up the command line, run one command if asked."""
    rows = [
        ("command", "Command to run, e.g. status; empty only sets up the command line.", "", False),
        ("args", "Arguments of the command, one a line; no shell reads them.", "", False),
        ("python", PYTHON_INPUT, "", False),
    ]
    env = f"        ML_CICD_LATER: {' '.join(FOR_ANY_COMMAND)}\n" + "".join(map(_variable, ("command", "args")))
    parts = {"choose": _choice(), "more": _variable("command"), "env": env, "lock": '"$lock"'}
    steps = _steps(up="", title="Set up ml-cicd", word="setup", **parts)
    head = "name: ml-cicd\ndescription: 'Set up the ml-cicd command line, and run one command if asked.'\n"
    branding = "branding:\n  icon: git-merge\n  color: blue\n"
    return HEADER + head + branding + _inputs(rows) + _outputs(root_outputs()) + steps


def root_outputs() -> dict[str, str]:
    """Return the root action's own outputs, then those of every command, which are set when that one was asked for."""
    told: dict[str, list[str]] = {}
    for command in COMMANDS:
        for name, text in load(command).outputs.items():
            told.setdefault(name, []).append(f"{command}: {text}")
    commands = {name: " ".join(texts) for name, texts in told.items() if name not in ROOT_OUTPUTS}
    return {**ROOT_OUTPUTS, **commands, **COMMON_OUTPUTS}


def _choice() -> str:
    """Return the lines that choose the lock: what the command needs before it starts, and it fetches the rest."""
    lines = [f"          {name}) lock={needs.first} ;;" for name, needs in actions().items() if needs.first != LEAST]
    body = "\n".join([*lines, f"          *) lock={LEAST} ;;"])
    return f'        case "$ML_CICD_COMMAND" in\n{body}\n        esac\n'


def _steps(*, choose: str = "", more: str = "", **parts: str) -> str:
    return STEPS.format(setup_python=SETUP_PYTHON, interpreter=INTERPRETER, choose=choose, more=more, **parts)


def _variable(name: str) -> str:
    return f"        ML_CICD_{name.upper().replace('-', '_')}: ${{{{ inputs.{name} }}}}\n"


def _inputs(rows: list[tuple[str, str, str, bool]]) -> str:
    lines = ["inputs:\n"]
    for name, description, default, required in rows:
        lines.append(f"  {name}:\n    description: {quoted(description)}\n    required: {str(required).lower()}\n")
        if not required:
            lines.append(f"    default: {quoted(default)}\n")
    return "".join(lines)


def _outputs(outputs: dict[str, str]) -> str:
    lines = ["outputs:\n"]
    for name, description in outputs.items():
        value = f"${{{{ steps.run.outputs.{name} }}}}"
        lines.append(f"  {name}:\n    description: {quoted(description)}\n    value: {value}\n")
    return "".join(lines)


def tables(command: str) -> str:
    """Return the README tables of an action."""
    lines = ["| input | what it is | default |", "|---|---|---|"]
    for name, description, default, required in inputs_of(command):
        shown = "**required**" if required else f"`{default}`" if default else ""
        lines.append(f"| `{name}` | {_cell(description)} | {shown} |")
    lines += ["", "| output | what it is |", "|---|---|"]
    lines += [f"| `{name}` | {_cell(text)} |" for name, text in outputs_of(command).items()]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def readme_text(command: str, current: str) -> str:
    """Return an action's README with fresh tables between its markers."""
    before, rest = current.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}\n{tables(command)}\n{END}{after}"


def rendered() -> dict[Path, str]:
    """Return every rendered file by path."""
    files = {ROOT / "action.yml": root_text()}
    for command, needs in actions().items():
        folder = ROOT / "actions" / command
        readme = folder / "README.md"
        files[folder / "action.yml"] = action_text(command, needs)
        files[readme] = readme_text(command, readme.read_text(encoding="utf-8"))
    return files


def main(arguments: list[str]) -> int:
    """Write the files, or say which are stale."""
    stale = [path for path, text in rendered().items() if not path.is_file() or path.read_text("utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run `make render`.", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rendered()[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
