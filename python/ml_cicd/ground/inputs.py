"""How a command declares itself, once: `action.yml`, command line, environment and tables all come from here.

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Inputs(CommonInputs):
        target: str = option("Name of the target in the configuration.", default="production")

An input is always text on the way in; fields of `Inputs` are `str` or `bool`, and the empty text means "not given".
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from ml_cicd.ground.errors import InputError
from ml_cicd.ground.parse import suggest
from ml_cicd.ground.report import Report

ENVIRONMENT_PREFIX = "ML_CICD_"
NAME_END = "\0"  # the one character that no file's name has
LONGEST_PATH, LONGEST_PART = 4000, 255


def option(
    description: str,
    *,
    default: str | bool = "",
    choices: tuple[str, ...] = (),
    required: bool = False,
    path: bool = False,
) -> Any:  # noqa: ANN401  # a dataclass field has the type of the field it stands for
    """Declare one input.

    `default` is what an absent or empty text means; `choices` are the only allowed texts;
    `required` refuses the empty text; `path` refuses what no file system could hold.
    """
    metadata = {"description": description, "choices": choices, "required": required, "path": path}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True, slots=True)
class CommonInputs:
    """Inputs that every command and every action has (`python` belongs to the actions alone)."""

    config: str = option(
        "Configuration file; absent is fine where the inputs say enough.", default="ml-cicd.yml", path=True
    )
    working_directory: str = option("Folder that relative paths start from.", default=".", path=True)
    report_dir: str = option("Folder for report.json and summary.md; empty for ml-cicd-reports/<command>/.", path=True)
    dry_run: bool = option("Say what would be done, and do none of it.", default=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One declared input, as the faces see it."""

    name: str
    description: str
    default: str | bool
    choices: tuple[str, ...]
    required: bool
    path: bool

    @property
    def kebab(self) -> str:
        """Name in an action and on the command line."""
        return self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """Name in the environment."""
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def default_text(self) -> str:
        """Default as an action writes it."""
        return str(self.default).lower() if isinstance(self.default, bool) else self.default


COMMON_OUTPUTS: Mapping[str, str] = {
    "report": "Path of report.json; set on failure too.",
    "summary": "Path of summary.md.",
}
I = TypeVar("I", bound=CommonInputs)  # noqa: E741  # the inputs of a command
W = TypeVar("W")


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """Locks whose packages a command needs: `first` before it starts, `later` only once it asks for them."""

    first: str
    later: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Command(Generic[I, W]):
    """All that a face must know of a command. `needs` is None where there is no action of it.

    `on_error` are the outputs of a run that could not decide, as far as they are not empty: never one that reads like
    a pass. `files` names the one input that the command line takes without its name, several times.
    """

    inputs: type[I]
    outputs: Mapping[str, str]
    on_error: Mapping[str, str]
    run: Callable[[I, W], Report]
    needs: Needs | None = None
    files: str = ""


def join_names(names: Iterable[str]) -> str:
    """Return file names as one text that keeps each as it is, line ends and the empty one too."""
    return "".join(f"{name}{NAME_END}" for name in names)


def names_in(text: str) -> list[str]:
    """Return the file names of a text: as `join_names` wrote them, or one a line as people do."""
    if NAME_END in text:
        return text.split(NAME_END)[:-1]
    return [line for line in text.split("\n") if line.strip()]


def options_of(inputs: type[CommonInputs]) -> tuple[Option, ...]:
    """Return the declared inputs: the command's own first, the common ones last."""
    own: list[Option] = []
    common: list[Option] = []
    shared = {f.name for f in dataclasses.fields(CommonInputs)}
    for f in dataclasses.fields(inputs):
        declared = Option(name=f.name, default=cast("str | bool", f.default), **f.metadata)
        (common if f.name in shared else own).append(declared)
    return (*own, *common)


def read_inputs(inputs: type[I], texts: Mapping[str, str]) -> I:
    """Build `inputs` from texts by kebab-case name.

    Raises:
        InputError: an unknown name, a required one that is empty, a value that is not a choice or not a boolean.
    """
    declared = {o.kebab: o for o in options_of(inputs)}
    for name in texts:
        if name not in declared:
            raise InputError(f"Unknown input {name!r}.", cure=suggest(name, declared))
    values: dict[str, Any] = {o.name: _value(o, texts.get(o.kebab, "")) for o in declared.values()}
    return inputs(**values)


def _value(option_: Option, text: str) -> str | bool:
    if not text.strip():
        if option_.required:
            raise InputError(f"Input {option_.kebab!r} is empty.", cure=f"Give it: {option_.description}")
        return option_.default
    if isinstance(option_.default, bool):
        if text not in {"true", "false"}:
            raise InputError(f"Input {option_.kebab!r} is {text!r}.", cure="Write true or false.")
        return text == "true"
    if option_.path:
        text = text.strip()  # a block of YAML leaves a line break
    if option_.path and _impossible_path(text):
        raise InputError(f"Input {option_.kebab!r} with {len(text)} characters is no path.", cure="Check the workflow.")
    if option_.choices and text not in option_.choices:
        raise InputError(f"Input {option_.kebab!r} is {text!r}.", cure=suggest(text, option_.choices))
    return text


def _impossible_path(text: str) -> bool:
    sizes = (len(part.encode(errors="surrogatepass")) for part in text.split("/"))
    return len(text) > LONGEST_PATH or "\0" in text or max(sizes) > LONGEST_PART
