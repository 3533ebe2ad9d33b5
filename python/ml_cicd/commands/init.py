"""Write a configuration and two workflows into a repository; asks nothing, overwrites nothing."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from ml_cicd.ground.errors import Exit, InputError
from ml_cicd.ground.inputs import Command, CommonInputs, option
from ml_cicd.ground.operation import Done, apply
from ml_cicd.ground.report import Report
from ml_cicd.world import Files, World

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
WORKFLOWS = ("ml-quality-gate.yml", "ml-release.yml")
LONGEST = 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `init`."""

    model_name: str = option("Registered model's name.", default="model")
    target: str = option("Name of the place where it serves.", default="production")
    owner: str = option("Owner of the ml-cicd repository that the workflows use.", default="OWNER")


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
        there = _is_there(self, doors)
        if not there:
            doors.write_new(self.path, self.text)
        result = "it was there" if there else f"{len(self.text.encode()):,} bytes"
        return Done(what=self.describe(), result=result, changed=not there, value=self.path)


def run(inputs: Inputs, world: World) -> Report:
    """Write all files, or none where one exists with another text."""
    for name, value in (("model-name", inputs.model_name), ("target", inputs.target), ("owner", inputs.owner)):
        if not NAME.fullmatch(value):
            raise InputError(f"Input {name!r} is {value!r}.", cure="Use letters, digits, _ and -, at most 32.")
    wanted = planned(inputs)
    others = [one.path for one in wanted if world.files.exists(one.path) and not _is_there(one, world.files)]
    if others:
        raise InputError(f"Already there: {', '.join(others)}.", cure="Move it away first; nothing was written.")
    receipt = apply(wanted, world.files, say=world.say, again=_again(inputs), dry_run=inputs.dry_run)
    paths = [one.path for one in wanted] if inputs.dry_run else [one.value for one in receipt.done if one.changed]
    verb = "Would write" if inputs.dry_run else "Wrote"
    cure = f"Read {inputs.config}, put your numbers and paths into it, then run `ml-cicd doctor`."
    return Report(
        command="init",
        exit_code=Exit.PARTLY if receipt.problem else Exit.DONE,
        headline=f"{verb} {', '.join(paths)}." if paths else "All files are there already.",
        cure=" ".join(receipt.cures) or cure,
        outputs={"files": "\n".join(paths)},
        sections=(receipt,),
    )


def _again(inputs: Inputs) -> str:
    given = {"model-name": inputs.model_name, "target": inputs.target, "owner": inputs.owner, "config": inputs.config}
    return shlex.join(["ml-cicd", "init", *(f"--{name}={value}" for name, value in given.items())])


def planned(inputs: Inputs) -> tuple[WriteFile, ...]:
    """Return the files to write."""
    folder = files("ml_cicd").joinpath("commands/init_files")
    names = {inputs.config: "configuration.yml", **{f".github/workflows/{name}": name for name in WORKFLOWS}}
    words = {"MODEL": inputs.model_name, "TARGET": inputs.target, "OWNER": inputs.owner}
    texts = {path: folder.joinpath(name).read_text(encoding="utf-8") for path, name in names.items()}
    return tuple(WriteFile(path=path, text=_filled(text, words)) for path, text in texts.items())


def _is_there(wanted: WriteFile, there: Files) -> bool:
    try:
        return there.read_text(wanted.path, limit=LONGEST) == wanted.text
    except InputError:  # nothing, a folder, or no text
        return False


def _filled(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\b(MODEL|TARGET|OWNER)\b", lambda match: words[match.group()], text)


COMMAND = Command(inputs=Inputs, outputs={"files": "Paths of the files written, one a line."}, on_error={}, run=run)
