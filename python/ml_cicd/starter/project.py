"""What a repository is, as far as it says: a guess each, with its reason, and whether it is sure."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ml_cicd.registry.doors import REGISTRABLE, SUFFIXES
from ml_cicd.starter.evidence import Limit, Source, sources
from ml_cicd.starter.scripts import Script, read_script
from ml_cicd.starter.snapshot import PLAIN, Snapshot, owner_and_name
from ml_cicd.starter.stages import Way, dvc_stages, pyproject, script_of, table, ways
from ml_cicd.starter.tools import (
    BY_VARIABLE,
    CHECKS,
    DEPENDENCIES,
    ELSEWHERE,
    EVALUATE,
    FOR_DEVELOPERS,
    KINDS,
    MANAGERS,
    MLFLOW,
    MLFLOW_FILES,
    MODELS,
    NESTED,
    OWN_CONFIGURATION,
    PROMPTFOO,
    TRAIN,
    Manager,
    ModelKind,
)

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
OLDEST_PYTHON, USUAL_PYTHON = 9, 12
MOST_SCRIPTS = 200
NO_SERVER = (
    "no MLflow server behind http(s) was found; set the repository's variable MLFLOW_TRACKING_URI to it, and write "
    "registry: {uri: 'env:MLFLOW_TRACKING_URI'} into ml-cicd.yml"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Guess:
    """What was found for one thing: empty where nothing was. `sure` says that nobody need look at it."""

    value: str = ""
    why: str = ""
    sure: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """A repository as it was understood.

    Attributes:
        guesses: by what they are of, in the order in which people read them.
        manager: how it installs, where that was found.
        kind: its kind of model, where that was found.
        limits: first thresholds.
        label, prediction: columns of the table of predictions; empty where they are called so, or nobody knows.
        promptfoo: path of its configuration; empty without one.
        inside: path of its folder from the top of the git repository; empty where it is the whole of it.
        blocked: why no version could be registered, a sentence each; empty where one could.
    """

    guesses: Mapping[str, Guess]
    manager: Manager | None = None
    kind: ModelKind | None = None
    limits: tuple[Limit, ...] = ()
    label: str = ""
    prediction: str = ""
    promptfoo: str = ""
    inside: str = ""
    blocked: tuple[str, ...] = ()

    def value(self, name: str) -> str:
        """Return what was found."""
        return self.guesses[name].value

    def told(self, answers: Mapping[str, str]) -> "Project":
        """Return it with what somebody said instead of guesses."""
        said = {name: Guess(value=value, why="as you said") for name, value in answers.items()}
        return replace(self, guesses={**self.guesses, **said})


def read_project(snapshot: Snapshot) -> Project:
    """Understand a repository."""
    train, evaluate = ways(snapshot, TRAIN), ways(snapshot, EVALUATE)
    scripts = [script_of(snapshot, found[0] if found else None) for found in (evaluate, train)]
    manager = next((one for one in MANAGERS if snapshot.says(one.file, one.says)), None)
    kind, kind_guess = _kind(snapshot, scripts)
    found = sources(snapshot, scripts)
    best = found[0] if found else None
    made_here = best is not None and "lies" not in best.why
    run = manager.run if manager else ""
    checks = {check: _check(snapshot, check) for check in ("lint", "types", "test")}
    owner, repository = owner_and_name(snapshot.remote)
    guesses = {
        "model-name": _model_name("" if snapshot.inside else repository, snapshot.folder),
        "owner": _owner(snapshot.library, owner),
        "branch": _branch(snapshot.branch),
        "python": _python(snapshot),
        "install": _install(snapshot, manager, kind, checks),
        **{
            check: replace(guess, value=f"{run}{guess.value}" if guess.value else "") for check, guess in checks.items()
        },
        "train": _stage(snapshot, train, run),
        "evaluate": Guess() if best is not None and not made_here and not evaluate else _stage(snapshot, evaluate, run),
        "kind": kind_guess,
        "model": _model(snapshot, scripts),
        "evidence": _evidence(found, made_here=made_here or best is None, evaluated=bool(evaluate)),
        "registry": _registry(snapshot),
    }
    return Project(
        guesses=guesses,
        manager=manager,
        kind=kind,
        limits=best.limits if best else (),
        label=best.label if best else "",
        prediction=best.prediction if best else "",
        promptfoo=next(snapshot.matching(PROMPTFOO), ""),
        inside=snapshot.inside,
        blocked=tuple(_blocked(kind, scripts, guesses)),
    )


def _model_name(repository: str, folder: str) -> Guess:
    for name, why in ((repository, "the repository's name"), (folder, "the folder's name")):
        fitting = re.sub(r"[^A-Za-z0-9_-]+", "-", name).lstrip("0123456789_-")[:32]
        if NAME.fullmatch(fitting):
            return Guess(value=fitting, why=why, sure=bool(repository))
    return Guess(value="model", why="the repository has no name", sure=False)


def _owner(library: str, owner: str) -> Guess:
    installed, _ = owner_and_name(library)
    if NAME.fullmatch(installed):
        return Guess(value=installed, why="ml-cicd was installed from there")
    if NAME.fullmatch(owner):
        return Guess(value=owner, why="yours; where this ml-cicd came from is not known", sure=False)
    return Guess(value="OWNER", why="where this ml-cicd came from is not known", sure=False)


def _branch(branch: str) -> Guess:
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)*", branch):
        return Guess(value=branch, why="the branch of this repository", sure=branch in {"main", "master"})
    return Guess(value="main", why="the usual name", sure=False)


def _python(snapshot: Snapshot) -> Guess:
    pinned = re.match(r"\s*(3\.\d+)", snapshot.text(".python-version"))
    if pinned:
        return Guess(value=pinned[1], why=".python-version")
    told = str(table(pyproject(snapshot), "project").get("requires-python", ""))
    told = told or str(table(pyproject(snapshot), "tool", "poetry", "dependencies").get("python", ""))
    below = [int(minor) for minor in re.findall(r"<\s*3\.(\d+)", told)]
    exact = re.findall(r"==\s*3\.(\d+)|~=\s*3\.(\d+)\.", told)
    least = [int(minor) for minor in re.findall(r"(?:>=|\^|~)\s*3\.(\d+)", told)]
    if exact:
        return Guess(value=f"3.{''.join(exact[0])}", why="pyproject.toml")
    minor = max([USUAL_PYTHON, *least]) if not below else max(OLDEST_PYTHON, min(USUAL_PYTHON, min(below) - 1))
    return Guess(value=f"3.{minor}", why="pyproject.toml" if told else "nothing says which; usual today")


def _install(snapshot: Snapshot, manager: Manager | None, kind: ModelKind | None, checks: Mapping[str, Guess]) -> Guess:
    tools = [tool for guess in checks.values() if (tool := _not_installed(guess, snapshot))]
    nested = list(snapshot.matching(NESTED))
    if manager is None and nested:
        others = f"; also {', '.join(nested[1:4])}" if nested[1:] else ""
        lines = [
            f"python -m pip install -r {shlex.quote(nested[0])}",
            *([f"python -m pip install {' '.join(tools)}"] if tools else []),
        ]
        return Guess(value="\n".join(lines), why=f"it lies deeper{others}", sure=not others)
    if manager is None:
        packages = " ".join(dict.fromkeys([*([kind.package] if kind else []), *tools]))
        why = (
            "no requirements.txt, project in a pyproject.toml, or lock was found; these are imported"
            if packages
            else ""
        )
        return Guess(value=f"python -m pip install {packages}" if packages else "", why=why, sure=not packages)
    lines = list(manager.install)
    if manager.name == "pip":
        lines += [f"python -m pip install -r {shlex.quote(path)}" for path in snapshot.matching(FOR_DEVELOPERS)]
    lines += [f"{manager.add} {' '.join(tools)}"] if tools else []
    return Guess(value="\n".join(lines), why=snapshot.says(manager.file, manager.says))


def _not_installed(check: Guess, snapshot: Snapshot) -> str:
    """Return the tool of a check that is configured and that no file of dependencies names."""
    tool = check.why.partition(" ")[0]
    return tool if check.value and not snapshot.says(DEPENDENCIES, rf"\b{re.escape(tool)}\b(?!\.|\])") else ""


def _check(snapshot: Snapshot, stage: str) -> Guess:
    for check in CHECKS:
        if check.stage == stage:
            where = next((found for mark in check.marks if (found := snapshot.says(*mark))), "")
            if where:
                return Guess(value=check.command, why=f"{check.tool} by {where}")
    return Guess(why="not configured")


def _stage(snapshot: Snapshot, found: Sequence[Way], run: str) -> Guess:
    if not found:
        return Guess()
    best = found[0]
    rivals = [way.command for way in found[1:] if (way.rank, way.why) == (best.rank, best.why)]
    wants = script_of(snapshot, best).wants if best.command.startswith("python") or "/" in best.script else ()
    doubts = [f"also there: {', '.join(rivals[:3])}"] if rivals else []
    doubts += [f"it asks for {', '.join(wants[:4])}"] if wants and not best.command.startswith("make ") else []
    doubts += ["its name may mean something else"] if 0 < best.rank < 50 else []
    doubts += ["it only defines functions"] if 50 <= best.rank < 100 else []
    doubts += ["a script would be better"] if best.rank >= 100 else []
    return Guess(value=f"{run}{best.command}", why="; ".join([best.why, *doubts]), sure=not doubts)


def _kind(snapshot: Snapshot, scripts: Sequence[Script]) -> tuple[ModelKind | None, Guess]:
    training = scripts[1].imports
    sure = next((kind for kind in KINDS if kind.imports & training), None)
    if sure is not None:
        return sure, Guess(value=sure.name, why="the training imports it")
    if next(snapshot.matching(PROMPTFOO), ""):
        return None, Guess(value="an LLM evaluation", why="there is a configuration of promptfoo")
    counted = Counter(kind for script in _all_scripts(snapshot) for kind in KINDS if kind.imports & script.imports)
    if counted:
        telling = [kind for kind in KINDS if kind in counted and kind.flavor != "sklearn"]  # all use its metrics
        common = max(telling or list(counted), key=lambda kind: counted[kind])
        return common, Guess(value=common.name, why=f"{counted[common]} of the files import it", sure=len(counted) == 1)
    return None, Guess()


def _all_scripts(snapshot: Snapshot) -> Iterator[Script]:
    paths = [path for path in snapshot.matching(r".*\.py") if not re.fullmatch(ELSEWHERE, path)]
    return (read_script(snapshot.text(path)) for path in paths[:MOST_SCRIPTS])


def _model(snapshot: Snapshot, scripts: Sequence[Script]) -> Guess:
    """Return the file or folder that training saves as the model."""
    training = scripts[1]
    stage = table(next((told for name, told in dvc_stages(snapshot).items() if name in TRAIN.strong), {}))
    outs = stage.get("outs")
    made = [out for out in outs if isinstance(out, str) and PLAIN.fullmatch(out)] if isinstance(outs, list) else []
    folders = [path for path in training.saved if "." not in path.rpartition("/")[2]]
    saved = [path for path in (*made, *training.saved) if re.fullmatch(MODELS, path)]
    found = list(dict.fromkeys([*saved, *folders]))
    mentioned = [path for path in training.files if re.fullmatch(MODELS, path)]
    if not found:
        value = next((path for path in mentioned if "model" in path), next(iter(mentioned), ""))
        return Guess(value=value, why="its name stands in the training", sure=False) if value else Guess()
    why = "the training writes it" + (f"; also {', '.join(found[1:3])}" if len(found) > 1 else "")
    return Guess(value=found[0], why=why, sure=len(found) == 1)


def _evidence(found: Sequence[Source], *, made_here: bool, evaluated: bool) -> Guess:
    if not found:
        return Guess(value="metrics: build/metrics.json", why="nothing was found that an evaluation writes", sure=False)
    best = found[0]
    others = [one.path for one in found[1:] if one.kind == best.kind and one.path != best.path]
    old = "whether the evaluation makes it anew is not known" if evaluated else "nothing makes it anew"
    doubt = "" if made_here else f"; it is as old as its commit, {old}"
    doubt += f"; also {', '.join(others[:3])}" if others else ""
    return Guess(value=f"{best.kind}: {best.path}", why=f"{best.why}{doubt}", sure=not doubt)


def _registry(snapshot: Snapshot) -> Guess:
    """Return whether an MLflow server is in use: where, but never its address, which may hold a password."""
    local = ""
    told = snapshot.says(OWN_CONFIGURATION, BY_VARIABLE)
    if told:
        return Guess(value="an MLflow server", why=told)
    for path in snapshot.matching(MLFLOW_FILES):
        for found in re.finditer(MLFLOW, snapshot.text(path)):
            if re.match(r"https?://(?!localhost|127\.|0\.0\.0\.0)|\$\{\{", found["uri"]):
                return Guess(value="an MLflow server", why=path)
            local = local or path
    return Guess(why=f"{local} names one that other machines do not reach" if local else "", sure=True)


def _blocked(kind: ModelKind | None, scripts: Sequence[Script], guesses: Mapping[str, Guess]) -> Iterator[str]:
    """Say what keeps a version of this repository from being registered."""
    if kind is None:
        yield "no model was found that could be registered"
    elif guesses["model"].value.endswith(SUFFIXES):
        pass  # the file is registered as it lies
    elif kind.flavor not in REGISTRABLE:
        known = ", ".join(one.name for one in KINDS if one.flavor in REGISTRABLE)
        yield f"{kind.name} models cannot be registered as folders ({known} models can)"
    elif not any(f".{call}".endswith(f".{REGISTRABLE[kind.flavor]}") for script in scripts for call in script.calls):
        yield f"the training must save its model with {REGISTRABLE[kind.flavor]}(...)"
    if not guesses["registry"].value:
        yield NO_SERVER
