"""The first files of a repository, as text: a configuration, and workflows that run what was found."""

import re
from collections.abc import Iterator, Sequence

from ml_cicd.gate.metric import Direction
from ml_cicd.starter.project import Guess, Project
from ml_cicd.starter.serving import Serving, serving_files

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
SETUP_PYTHON = "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0"
GATE_WORKFLOW = ".github/workflows/ml-quality-gate.yml"
RELEASE_WORKFLOW = ".github/workflows/ml-release.yml"
SCHEMA = "https://raw.githubusercontent.com/{owner}/ml-cicd/v1/python/ml_cicd/schemas/config-v1.json"
BARE = re.compile(r"[A-Za-z][\w./-]*[\w/]")
NOT_TEXT = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
TITLES = {"lint": "Lint", "types": "Types", "test": "Tests", "train": "Train", "evaluate": "Evaluate"}
WHAT_IS_MISSING = {
    "install": "the command that installs what training and evaluation need",
    "train": "the command that trains your model",
    "evaluate": "the command that writes what `evidence` in ml-cicd.yml names",
}
HOW_TO_SERVE = "run `ml-cicd init --serve`, do what serve/README.md says, and delete `canary: false`."
YOURS = "Written by `ml-cicd init`; it is yours now."


def scalar(text: str) -> str:
    """Write a text as YAML, in quotes where it could be read as something else."""
    if BARE.fullmatch(text) and text.lower() not in NOT_TEXT:
        return text
    quoted = text.replace("'", "''")
    return f"'{quoted}'"


def comment(text: str, indent: str = "") -> str:
    """Write a sentence as a comment; nothing for an empty one."""
    return f"{indent}# {' '.join(text.split())}\n" if text else ""


def is_missing(project: Project, stage: str) -> bool:
    """Whether a stage must be filled in before anything can be judged."""
    if project.value(stage) or stage not in WHAT_IS_MISSING:
        return False
    if stage == "install":
        return bool(project.value("train") or project.value("evaluate")) and project.kind is not None
    nothing = project.guesses["evidence"].why.startswith("nothing")
    return nothing and (stage == "evaluate" or not project.value("evaluate"))


def configuration(project: Project, serving: Serving | None = None) -> str:
    """Return ml-cicd.yml."""
    kind, _, path = project.value("evidence").partition(": ")
    evidence = project.guesses["evidence"]
    columns = {"label": project.label, "prediction": project.prediction}
    other = ", ".join(f"{role}: {scalar(name)}" for role, name in columns.items() if name not in {"", role})
    unnamed = kind == "predictions" and not all(columns.values())
    parts = [
        f"# yaml-language-server: $schema={SCHEMA.format(owner=project.value('owner'))}",
        f"# Configuration of ml-cicd. {YOURS} Check it with `ml-cicd validate ml-cicd.yml`.",
        "version: 1",
        f"model: {scalar(project.value('model-name'))}",
        "",
        "evidence:",
        *_lines(_doubt(evidence, "  ")),
        f"  {kind}: {scalar(path)}",
        *([f"  columns: {{{other}}}"] if other else []),
        *(
            ["  # Guessed: its columns are called label and prediction; else name them in `columns`."]
            if unnamed
            else []
        ),
        "",
        "gate:",
        "  thresholds: # first numbers: put in those that you need",
        *(f"    {line}" for line in _limits(project)),
        "  confidence: 0.95 # of each bound, one-sided",
        "  when_inconclusive: fail # or warn, where the rows are too few to tell",
        "  # A candidate may be held against the champion's predictions on the same rows, too:",
        "  # versus_champion: {accuracy: {margin: 0.01}}, with evidence.champion: {predictions: PATH}",
    ]
    if serving or not project.blocked:
        parts += ["  when_no_champion: first_release # lets a first model in; change it to fail once one serves"]
        parts += ["", "registry: {uri: 'env:MLFLOW_TRACKING_URI'}"]
    return "\n".join(parts) + "\n" + (serving.targets() if serving else "")


def _lines(text: str) -> list[str]:
    return text.splitlines()


def _limits(project: Project) -> Iterator[str]:
    if not project.limits:
        yield "accuracy: {at_least: 0.8} # FILL IN: no name of a metric was found"
    for one in project.limits:
        bound = "at_least" if one.direction is Direction.HIGHER else "at_most"
        if one.limit is None:
            yield f"{scalar(one.metric)}: {{{bound}: 0}} # FILL IN: the largest that you accept"
        else:
            yield f"{scalar(one.metric)}: {{{bound}: {one.limit:g}}} # {one.why}"


def _doubt(guess: Guess, indent: str) -> str:
    return "" if guess.sure else comment(f"Guessed: {guess.why}.", indent)


def gate_workflow(project: Project, config: str) -> str:
    """Return the workflow that trains, evaluates and judges in one job."""
    branch = f"  push:\n    branches: [{scalar(project.value('branch'))}]\n" if project.blocked else ""
    what = "every pull request and what lands" if branch else "every pull request"
    commands = "".join([_install(project), *(_stage(project, name) for name in TITLES)])
    all_steps = f"{_setup(project) if commands else ''}{commands}{_gate(project, config)}"
    return f"""\
# Judges the candidate of {what}. {YOURS}
{_switched_off(project)}name: ML quality gate{_of_folder(project)}
on:
  pull_request:
{branch}permissions: {{}}
concurrency:
  group: ml-quality-gate{_suffix(project)}-${{{{ github.ref }}}}
  cancel-in-progress: true
{_defaults(project)}jobs:
  gate:
    name: Gate
    runs-on: ubuntu-latest
    timeout-minutes: 60
    permissions:
      contents: read
    steps:
      - uses: {CHECKOUT}
        with:
          persist-credentials: false
{all_steps}"""


def _suffix(project: Project) -> str:
    """Return what tells a folder's workflows from those of others in the repository; nothing where it is all of it."""
    return f"-{re.sub(r'[^A-Za-z0-9_]+', '-', project.inside)[-60:]}" if project.inside else ""


def _of_folder(project: Project) -> str:
    return f" of{_suffix(project).replace('-', ' ', 1)}" if project.inside else ""


def _defaults(project: Project) -> str:
    """Let all commands run in the project's folder."""
    return f"defaults:\n  run:\n    working-directory: {scalar(project.inside)}\n" if project.inside else ""


def place(workflow: str, project: Project) -> str:
    """Return where a workflow lies: at the top of the repository, where alone GitHub reads it."""
    if not project.inside:
        return workflow
    return "../" * len(project.inside.split("/")) + workflow.replace(".yml", f"{_suffix(project)}.yml")


def switch_on(project: Project) -> str:
    """Say what registration and canary still need; nothing where they are written."""
    if not project.blocked:
        return ""
    return f"Registration and canary are not written: {'; '.join(project.blocked)}. Then run `ml-cicd init` again."


def _switched_off(project: Project) -> str:
    """Return the same as comments, a line for each thing that is missing."""
    if not project.blocked:
        return ""
    reasons = "".join(comment(f"- {reason}") for reason in project.blocked)
    return f"# Registration and canary are not written. Mend this, then run `ml-cicd init` again:\n{reasons}"


def _setup(project: Project) -> str:
    version = f"          python-version: '{project.value('python')}'\n"
    return f"      - uses: {SETUP_PYTHON}\n        with:\n{version}"


def _install(project: Project) -> str:
    if not project.value("install") and not is_missing(project, "install"):
        return ""
    return _step("Install", project.guesses["install"], WHAT_IS_MISSING["install"])


def _stage(project: Project, name: str) -> str:
    guess = project.guesses[name]
    if not guess.value and not is_missing(project, name):
        return ""
    return _step(TITLES[name], guess, WHAT_IS_MISSING.get(name, ""))


def _step(title: str, guess: Guess, missing: str) -> str:
    if not guess.value:
        lines = [f'echo "FILL IN: {missing.replace("`", "")}; ml-cicd init found none." >&2', "exit 1"]
        return f"      - name: {title} # FILL IN: {missing}\n        run: |\n{_block(lines)}"
    return f"{_doubt(guess, '      ')}      - name: {title}\n        run: |\n{_block(guess.value.splitlines())}"


def _block(lines: Sequence[str]) -> str:
    return "".join(f"          {line}\n" for line in lines)


def _gate(project: Project, config: str) -> str:
    model = project.guesses["model"]
    given = {
        "working-directory": project.inside,
        "model": model.value,
        "config": "" if config == "ml-cicd.yml" else config,
    }
    filled = {name: value for name, value in given.items() if value}
    inputs = "".join(f"          {name}: {scalar(value)}\n" for name, value in filled.items())
    doubt = comment(f"Guessed: {model.why}.", "          ") if model.value and not model.sure else ""
    with_ = f"        with:\n{doubt}{inputs}" if inputs else ""
    owner = project.guesses["owner"]
    uses = f"        uses: {owner.value}/ml-cicd/actions/quality-gate@v1\n"
    return f"{_anew(project)}      - name: Gate\n{_doubt(owner, '        ')}{uses}{with_}"


def _anew(project: Project) -> str:
    """Say how results that lie in the repository are made anew, where the tool is known."""
    path = project.value("evidence").partition(": ")[2]
    if not project.promptfoo or project.value("evaluate"):
        return ""
    command = f"npx --yes promptfoo@latest eval --config {project.promptfoo} --output {path}"
    return f"""\
      # To make {path} anew for every change, with your provider's key:
      # - name: Evaluate
      #   env: {{OPENAI_API_KEY: '${{{{ secrets.OPENAI_API_KEY }}}}'}}
      #   run: {command}
"""


def release_workflow(project: Project, config: str, serving: Serving | None = None) -> str:
    """Return the workflow that takes what lands to the registry, and on to where it serves."""
    commands = {
        "install-command": _one_line(project.value("install")) or "true",
        **{f"{name}-command": project.value(name) for name in ("lint", "types", "test")},
        **{f"{name}-command": project.value(name) or "true" for name in ("train", "evaluate")},
    }
    kind, _, path = project.value("evidence").partition(": ")
    model = project.value("model")
    given = {
        **({"name": _suffix(project)[1:], "working-directory": project.inside} if project.inside else {}),
        "python-version": project.value("python"),
        **commands,
        "artifact-path": _folder(model, path),
        "model": model,
        kind: path,
        **({} if config == "ml-cicd.yml" else {"config": config}),
    }
    inputs = "".join(f"      {name}: {scalar(value)}\n" for name, value in given.items())
    inputs += "      registry-uri: ${{ vars.MLFLOW_TRACKING_URI }}\n"
    if serving:
        what = "Gates and registers what lands, and rolls it out on evidence."
        runner = scalar(f'["self-hosted", "{serving.target}"]')
        inputs += f"      target: {scalar(serving.target)}\n      canary-runs-on: {runner}\n"
    else:
        what = f"Gates and registers what lands. The canary is off. To switch it on: {HOW_TO_SERVE}"
        inputs += "      canary: false\n"
    return f"""\
{comment(what)}{comment(YOURS)}name: ML release{_of_folder(project)}
on:
  push:
    branches: [{scalar(project.value("branch"))}]
permissions: {{}}
concurrency:
  group: ml-release{_suffix(project)}
  cancel-in-progress: false
jobs:
  pipeline:
    name: Pipeline
    permissions:
      contents: read
    uses: {project.value("owner")}/ml-cicd/.github/workflows/ml-pipeline.yml@v1
    with:
{inputs}    secrets:
      mlflow-username: ${{{{ secrets.MLFLOW_TRACKING_USERNAME }}}}
      mlflow-password: ${{{{ secrets.MLFLOW_TRACKING_PASSWORD }}}}
"""


def _one_line(commands: str) -> str:
    return " && ".join(f"({line})" if "||" in line else line for line in commands.splitlines())


def _folder(*paths: str) -> str:
    """Return the folder that holds all of them; the whole checkout where they have none in common."""
    parts = [path.split("/")[:-1] if "." in path.rpartition("/")[2] else path.split("/") for path in paths]
    common = parts[0]
    for other in parts[1:]:
        common = [a for a, b in zip(common, other, strict=False) if a == b]
    return "/".join(common) or "."


def first_files(project: Project, config: str, serving: Serving | None = None) -> dict[str, str]:
    """Return the files by their paths."""
    files = {config: configuration(project, serving), place(GATE_WORKFLOW, project): gate_workflow(project, config)}
    if not project.blocked:
        files[place(RELEASE_WORKFLOW, project)] = release_workflow(project, config, serving)
    if serving:
        files |= serving_files(serving, model=project.value("model-name"), owner=project.value("owner"))
    return files
