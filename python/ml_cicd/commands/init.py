"""Read the repository, and write a configuration and workflows that run what is there; nothing is overwritten."""

import difflib
import re
import shlex
from dataclasses import dataclass

from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.ground.inputs import Command, CommonInputs, option
from ml_cicd.ground.operation import Done, apply
from ml_cicd.ground.report import Note, Report, Table
from ml_cicd.starter.project import NAME, Project, read_project
from ml_cicd.starter.serving import PLACE, SERVERS, Serving
from ml_cicd.starter.stages import unread
from ml_cicd.starter.written import WHAT_IS_MISSING, first_files, is_missing, switch_on
from ml_cicd.world import Files, World

LONGEST = 2**20
MOST_LINES = 6
ANSWER = re.compile(r"(?!.*\$\{\{)[^\x00-\x1f\x7f]{1,300}")  # one line, and nothing that GitHub would fill in


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `init`."""

    model_name: str = option("Registered model's name; empty for the repository's.")
    owner: str = option("Owner of the ml-cicd repository that the workflows use; empty to find it out.")
    serve: bool = option("Write what serves the model, too: server, deploy hook, HAProxy, units.", default=False)
    target: str = option("With serve: name of the place where it serves.", default="production")
    place: str = option("With serve: folder on that machine; empty for /srv/<model>.", path=True)
    yes: bool = option("Take every guess as it is, and ask nothing.", default=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class WriteFile:
    """One new file with this text."""

    path: str
    text: str

    def describe(self) -> str:
        """Say what is wanted."""
        return f"Write {self.path}"

    def perform(self, doors: Files) -> Done[str]:
        """Write it, unless it is there with this very text."""
        there = content(self.path, doors) == self.text
        if not there:
            doors.write_new(self.path, self.text)
        result = "it was there" if there else f"{len(self.text.encode()):,} bytes"
        return Done(what=self.describe(), result=result, changed=not there, value=self.path)


def run(inputs: Inputs, world: World) -> Report:
    """Write what is not there yet; what is there with another text stays, and the report says what differs."""
    _check_names(inputs)
    snapshot = world.survey()
    project = _given(read_project(snapshot), inputs)
    if not (inputs.yes or inputs.dry_run):
        project = project.told(_answers(project, world))
    serving = _serving(project, inputs)
    texts = first_files(project, inputs.config, serving)
    others = {path for path in texts if world.files.exists(path) and content(path, world.files) != texts[path]}
    wanted = tuple(WriteFile(path=path, text=text) for path, text in texts.items() if path not in others)
    receipt = apply(wanted, world.files, say=world.say, again=_again(inputs), dry_run=inputs.dry_run)
    paths = [one.path for one in wanted] if inputs.dry_run else [one.value for one in receipt.done if one.changed]
    kept = [_difference(path, content(path, world.files), texts[path]) for path in texts if path in others]
    notes = [*kept, *_to_do(project), switch_on(project), *unread(snapshot), *snapshot.left_out]
    return Report(
        command="init",
        exit_code=Exit.PARTLY if receipt.problem else Exit.DONE,
        headline=_headline(paths, others, dry_run=inputs.dry_run),
        cure=" ".join(receipt.cures) or _next(project, inputs),
        outputs={"files": "\n".join(paths)},
        sections=(_found(project), *(Note(text=note) for note in notes if note), receipt),
    )


def _check_names(inputs: Inputs) -> None:
    for name, value in (("model-name", inputs.model_name), ("owner", inputs.owner), ("target", inputs.target)):
        if value and not NAME.fullmatch(value):
            raise InputError(f"Input {name!r} is {value!r}.", cure="Use letters, digits, _ and -, at most 32.")


def _given(project: Project, inputs: Inputs) -> Project:
    given = {"model-name": inputs.model_name, "owner": inputs.owner}
    return project.told({name: value for name, value in given.items() if value})


def _serving(project: Project, inputs: Inputs) -> Serving | None:
    """Return where it is to serve, as far as that was asked for.

    Raises:
        InputError: nothing here could serve this kind of model, or the folder's path cannot be written everywhere.
    """
    if not inputs.serve:
        return None
    if project.kind is None or project.kind.flavor not in SERVERS:
        raise InputError(
            f"There is no server for this kind of model ({project.value('kind') or 'unknown'}).",
            cure=f"Leave out --serve; there is one for: {', '.join(SERVERS)}.",
        )
    place = inputs.place.rstrip("/") or f"/srv/{project.value('model-name')}"
    if not PLACE.fullmatch(place):
        raise InputError(
            f"Input 'place' is {place!r}.", cure="Use a short absolute path of letters, digits, . _ and -."
        )
    return Serving(target=inputs.target, place=place, flavor=project.kind.flavor, packages=project.kind.package)


def _answers(project: Project, world: World) -> dict[str, str]:
    """Ask once for each guess that is not sure; where nobody can be asked, the guess stands."""
    answers = {}
    for name, guess in project.guesses.items():
        if guess.sure and not (name in WHAT_IS_MISSING and is_missing(project, name)):
            continue
        shown = f"{name}: {guess.value or WHAT_IS_MISSING.get(name, name)} ({guess.why or 'nothing was found'})"
        said = world.ask(shown).strip()
        if (NAME if name in {"model-name", "owner"} else ANSWER).fullmatch(said):
            answers[name] = said
    return answers


def _found(project: Project) -> Table:
    rows = tuple(
        (name, "; ".join(guess.value.splitlines()) or "-", guess.why or "nothing was found", _certainty(name, project))
        for name, guess in project.guesses.items()
    )
    return Table(title="What was found", header=("what", "found", "by", ""), rows=rows)


def _certainty(name: str, project: Project) -> str:
    if name in WHAT_IS_MISSING and is_missing(project, name):
        return "fill it in"
    return "" if project.guesses[name].sure else "a guess"


def _to_do(project: Project) -> list[str]:
    """Say each thing that only the user can know."""
    missing = [WHAT_IS_MISSING[stage] for stage in WHAT_IS_MISSING if is_missing(project, stage)]
    limits = [one.metric for one in project.limits if one.limit is None]
    where = f"This is the folder {project.inside} of its repository: workflows are at the top, where GitHub reads them."
    return [
        *([where] if project.inside else []),
        *(f"Fill in {what}: nothing was found; the step says so and fails until then." for what in missing),
        *(f"Fill in the largest {name} that you accept: its limit is 0 until then." for name in limits),
    ]


def _difference(path: str, there: str | None, wanted: str) -> str:
    """Say what a file that stays has and would have."""
    if there is None:
        return f"{path} stays as it is: it is no text file."
    lines = difflib.unified_diff(there.splitlines(), wanted.splitlines(), lineterm="", n=0)
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in {"+++", "---"}]
    shown = "; ".join(f"{line[0]} {line[1:].strip()}" for line in changed[:MOST_LINES])
    more = f"; {len(changed) - MOST_LINES} lines more" if len(changed) > MOST_LINES else ""
    return f"{path} stays as it is; init would now write otherwise: {shown}{more}."


def _headline(paths: list[str], kept: set[str], *, dry_run: bool) -> str:
    if paths:
        return f"{'Would write' if dry_run else 'Wrote'} {', '.join(paths)}."
    return "Nothing was written: what is there stays." if kept else "All files are there already."


def _next(project: Project, inputs: Inputs) -> str:
    doubts = sum(not guess.sure and bool(guess.value) for guess in project.guesses.values())
    look = f"Look at {doubts} guess{'es' if doubts != 1 else ''} (marked in the files), then " if doubts else ""
    local = [project.value(stage) for stage in ("train", "evaluate") if project.value(stage)]
    model = f" --model {shlex.quote(project.value('model'))}" if project.value("model") else ""
    config = f" --config {shlex.quote(inputs.config)}" if inputs.config != "ml-cicd.yml" else ""
    gate = f"ml-cicd quality-gate{model}{config}"
    commands = " && ".join([*local, gate])
    missing = [stage for stage in WHAT_IS_MISSING if is_missing(project, stage)]
    if missing:
        what = f"{' and '.join(missing)} (marked FILL IN in the files)"
        return f"Fill in {what}, train and evaluate here, then `{gate}`. Once it judges, commit and push the files."
    serve = " serve/README.md says how it comes to serve." if inputs.serve else ""
    return f"{look}{'try' if look else 'Try'} it here: `{commands}`. Commit and push the files.{serve}"


def _again(inputs: Inputs) -> str:
    given = {"model-name": inputs.model_name, "owner": inputs.owner, "config": inputs.config}
    given |= {"target": inputs.target, "place": inputs.place} if inputs.serve else {}
    return shlex.join(
        [
            "ml-cicd",
            "init",
            "--yes",
            *(["--serve"] if inputs.serve else []),
            *(f"--{name}={value}" for name, value in given.items() if value),
        ]
    )


def content(path: str, there: Files) -> str | None:
    """Return a file's text; None where there is no text."""
    try:
        return there.read_text(path, limit=LONGEST)
    except InputError:
        return None


COMMAND = Command(inputs=Inputs, outputs={"files": "Paths of the files written, one a line."}, on_error={}, run=run)
