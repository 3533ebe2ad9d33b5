"""Write a configuration and two workflows into a repository; asks nothing, overwrites nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from ml_cicd.domain.report import Report
from ml_cicd.errors import Exit, InputError
from ml_cicd.ports import World
from ml_cicd.spec import CommonInputs, option

TITLE = "Write ml-cicd.yml and two workflows into a repository."
OUTPUTS: Mapping[str, str] = {"files": "Paths of the files written, one a line."}
ON_ERROR: Mapping[str, str] = {}
NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")
WORKFLOWS = ("ml-quality-gate.yml", "ml-release.yml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs(CommonInputs):
    """Inputs of `init`."""

    model_name: str = option("Registered model's name.", default="model")
    target: str = option("Name of the place where it serves.", default="production")
    owner: str = option("Owner of the ml-cicd repository that the workflows use.", default="OWNER")


def run(inputs: Inputs, world: World) -> Report:
    """Write all files, or none where one exists."""
    for name, value in (("model-name", inputs.model_name), ("target", inputs.target), ("owner", inputs.owner)):
        if not NAME.match(value):
            raise InputError(f"Input {name!r} is {value!r}.", cure="Use letters, digits, _ and -, at most 32.")
    texts = planned(inputs)
    there = [path for path in texts if world.scaffold.exists(path)]
    if there:
        raise InputError(f"Already there: {', '.join(there)}.", cure="Move it away first; nothing was written.")
    if not inputs.dry_run:
        for path, text in texts.items():
            world.scaffold.write_new(path, text)
    verb = "Would write" if inputs.dry_run else "Wrote"
    return Report(
        command="init",
        exit_code=Exit.DONE,
        headline=f"{verb} {', '.join(texts)}.",
        cure=f"Read {inputs.config}, put your numbers and paths into it, then run `ml-cicd doctor`.",
        outputs={"files": "\n".join(texts)},
    )


def planned(inputs: Inputs) -> dict[str, str]:
    """Return the files by path."""
    folder = files("ml_cicd").joinpath("commands/init_files")
    names = {inputs.config: "configuration.yml", **{f".github/workflows/{name}": name for name in WORKFLOWS}}
    words = {"MODEL": inputs.model_name, "TARGET": inputs.target, "OWNER": inputs.owner}
    return {path: _filled(folder.joinpath(name).read_text(encoding="utf-8"), words) for path, name in names.items()}


def _filled(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"\b(MODEL|TARGET|OWNER)\b", lambda match: words[match.group()], text)
