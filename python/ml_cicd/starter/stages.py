"""How a repository trains and evaluates: the commands that it has for that, the surest first."""

import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ml_cicd.ground.errors import InputError
from ml_cicd.ground.yaml_text import read_yaml
from ml_cicd.starter.scripts import Script, read_script
from ml_cicd.starter.snapshot import PLAIN, Snapshot
from ml_cicd.starter.tools import ELSEWHERE, Stage

SCRIPT = re.compile(r"(?:^|\s)(?:-m\s+(?P<module>[\w.]+)|(?P<path>[\w./-]+\.py)\b)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to do a stage: the command, the script behind it where one is known, and where it was found.

    `rank` is 0 for a name that says it, more for one that may mean something else.
    """

    command: str
    why: str
    script: str = ""
    rank: int = 0


def ways(snapshot: Snapshot, stage: Stage) -> tuple[Way, ...]:
    """Return all ways to do a stage, the surest first."""
    found = [*_make(snapshot, stage), *_dvc(snapshot, stage), *_console(snapshot, stage), *_files(snapshot, stage)]
    return tuple(sorted(found, key=lambda way: way.rank))  # sorting keeps the order of what is equally sure


def script_of(snapshot: Snapshot, way: Way | None) -> Script:
    """Return what the script behind a way says."""
    return read_script(snapshot.text(way.script)) if way is not None and way.script else Script()


def pyproject(snapshot: Snapshot) -> Mapping[str, object]:
    """Return the content of pyproject.toml; nothing where it cannot be read."""
    try:
        return tomllib.loads(snapshot.text("pyproject.toml"))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def unread(snapshot: Snapshot) -> Iterator[str]:
    """Say of each file that would tell much and tells nothing, why: what was found goes without it."""
    try:
        tomllib.loads(snapshot.text("pyproject.toml"))
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        yield f"pyproject.toml cannot be read, and was not: {problem}."
    try:
        read_yaml(snapshot.text("dvc.yaml"), "dvc.yaml")
    except InputError as problem:
        yield f"dvc.yaml cannot be read, and was not: {problem}"
    conda = next(snapshot.matching(r"(conda[-_.])?environment\.ya?ml"), "")
    if conda:
        yield f"{conda} was not read: no step for conda is written. Where it is what installs this, write that step."


def table(document: object, *names: str) -> Mapping[str, object]:
    """Return the mapping that lies at this path; an empty one where there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def dvc_stages(snapshot: Snapshot) -> Mapping[str, object]:
    """Return the stages of dvc.yaml, and the whole of it as one more; none where it cannot be read."""
    try:
        whole = read_yaml(snapshot.text("dvc.yaml"), "dvc.yaml").value
    except InputError:
        return {}
    return {**table(whole, "stages"), "": whole}


def _rank(name: str, stage: Stage) -> int | None:
    names = [*stage.strong, *stage.weak]
    if name.lower() not in names:
        return None
    return 0 if name.lower() in stage.strong else 1 + names.index(name.lower())


def _make(snapshot: Snapshot, stage: Stage) -> Iterator[Way]:
    for file in ("Makefile", "makefile", "GNUmakefile"):
        text = snapshot.text(file)
        for found in re.finditer(r"^([\w-]+)[ \t]*:(?!=)[^\n]*\n((?:\t[^\n]*\n?)*)", text, re.MULTILINE):
            rank = _rank(found[1], stage)
            if rank is not None:
                yield Way(
                    command=f"make {found[1]}",
                    why=f"a target of {file}",
                    script=_behind(found[2], snapshot),
                    rank=rank,
                )


def _dvc(snapshot: Snapshot, stage: Stage) -> Iterator[Way]:
    for name, told in dvc_stages(snapshot).items():
        rank = _rank(str(name), stage)
        if rank is not None and PLAIN.fullmatch(str(name)):
            command = table(told).get("cmd", "")
            script = _behind(str(command), snapshot)
            yield Way(
                command=f"dvc repro {shlex.quote(str(name))}", why="a stage of dvc.yaml", script=script, rank=rank
            )


def _console(snapshot: Snapshot, stage: Stage) -> Iterator[Way]:
    document = pyproject(snapshot)
    for place in (("project", "scripts"), ("tool", "poetry", "scripts")):
        for name, target in table(document, *place).items():
            rank = next(
                (r for r in (_rank(part, stage) for part in [name, *re.split(r"[-_]", name)]) if r is not None), None
            )
            if rank is not None and re.fullmatch(r"[\w.-]+", name):
                module = str(target).partition(":")[0]
                yield Way(
                    command=name, why="a console script of pyproject.toml", script=_module(module, snapshot), rank=rank
                )


def _files(snapshot: Snapshot, stage: Stage) -> Iterator[Way]:
    for path in snapshot.paths:
        name, _, suffix = path.rpartition("/")[2].rpartition(".")
        rank = _rank(name, stage) if suffix in {"py", "ipynb"} else None
        if rank is None or re.fullmatch(ELSEWHERE, path):
            continue
        if suffix == "ipynb":
            command = f"jupyter nbconvert --to notebook --execute --inplace {shlex.quote(path)}"
            yield Way(command=command, why="a notebook", rank=rank + 100)
        else:
            quiet = read_script(snapshot.text(path)).only_defines
            if not (quiet and rank):
                rank += 50 * quiet
                yield Way(command=python_command(path, snapshot), why="its name", script=path, rank=rank)


def python_command(path: str, snapshot: Snapshot) -> str:
    """Return how a script is run: as a module where it lies in a package."""
    folder = path.rpartition("/")[0]
    if not folder or f"{folder}/__init__.py" not in snapshot.paths:
        return f"python {shlex.quote(path)}"
    module = path.removesuffix(".py").replace("/", ".")
    if not path.startswith("src/") or "src/__init__.py" in snapshot.paths:
        return f"python -m {module}"
    installed = any(one in snapshot.paths for one in ("pyproject.toml", "setup.py"))
    return f"{'' if installed else 'PYTHONPATH=src '}python -m {module.removeprefix('src.')}"


def _behind(command: str, snapshot: Snapshot) -> str:
    """Return the script of the repository that a command line runs."""
    for found in SCRIPT.finditer(command):
        path = found["path"].removeprefix("./") if found["path"] else _module(found["module"], snapshot)
        if path in snapshot.texts:
            return path
    return ""


def _module(name: str, snapshot: Snapshot) -> str:
    path = name.replace(".", "/")
    places = (f"{path}.py", f"src/{path}.py", f"{path}/__main__.py", f"src/{path}/__main__.py")
    return next((place for place in places if place in snapshot.texts), "")
