"""What torch.save and torch.jit.save write: a zip of a pickle and storages, TorchScript beside it, or the old form.

torch.load takes an archive with constants.pkl for TorchScript, whose pickles are read in C++ and whose code is not
Python; it takes what is no zip for a tar first, and then for the old form: five pickles and raw storages.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ml_cicd.registry.formats.compressed import TAR_HEADER, begins, is_tar
from ml_cicd.registry.formats.pickle_machine import Machine, Rules
from ml_cicd.registry.formats.pickle_stream import CHUNK, NotPlain, PickleStream
from ml_cicd.registry.formats.pickles import problems_in, read_pickle
from ml_cicd.registry.formats.scan import Format
from ml_cicd.registry.formats.symbols import Global, Kind, Value
from ml_cicd.registry.formats.zips import MAGIC, entry, names, opened, read
from ml_cicd.registry.look import Allowed

SUFFIXES = {".pt", ".pth", ".bin", ".ckpt", ".tar"}
OLD = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46"  # the number that begins the old form, as a pickle
OLD_PICKLES = 5
LARGEST_CODE = 64 * 2**20
RAW = re.compile(
    r"(data|constants|traced_inputs)/\d+|extra/[\w./-]+"
    r"|(\.data/)?(byteorder|version|serialization_id|\.format_version|\.storage_alignment)"
)
SCRIPT_PICKLE = re.compile(r"(data|constants|attributes|traced_inputs)\.pkl|code/[\w./]+\.py\.debug_pkl")
CODE = re.compile(r"code/[\w./]+\.py")
NAMESPACE = re.compile(r"\bops\s*\.\s*(\w+)\s*\.\s*(\w+)")
NAMESPACES = {"aten", "prim", "quantized"}
# Whatever stands before it: torch and its operators can be given other names, and remarks can stand between two names.
FILES = re.compile(r"\b(save|from_file)\b")
OTHERWISE = re.compile(r"(?<![.\w])ops\b(?!\.\w+\.\w| [a-z])")
BY_NAME = re.compile(r'\bgetattr\([\w.]+, "[\w.-]*"\)')
DEEPEST = 50  # modules whose names are numbers, in each other
KEY = re.compile(r"\d{1,20}")


def recognises(path: Path) -> bool:
    """Whether it is a zip with data.pkl in a folder, or a file of the old form, or named as torch's."""
    first = begins(path)
    if first.startswith(MAGIC):
        return any(name.endswith("/data.pkl") and name.count("/") == 1 for name in names(path))
    return bool(first) and (first.startswith(OLD) or path.suffix.lower() in SUFFIXES)


def violations(path: Path, allowed: Allowed) -> tuple[str, ...]:
    """Return what it would call that is not known to be harmless, or what in it is not torch's."""
    try:
        judge = _zip if begins(path).startswith(MAGIC) else _old
        return tuple(f"{path.name} {problem}" for problem in judge(path, allowed))
    except NotPlain as problem:
        return (f"{path.name} is no plain file of torch.save: {problem}",)
    except OSError as problem:
        return (f"{path.name} cannot be read ({problem.strerror})",)


def _zip(path: Path, allowed: Allowed) -> Iterator[str]:
    with opened(path) as archive:
        yield from saved_problems(archive, allowed.callables)


def saved_problems(archive: zipfile.ZipFile, callables: frozenset[str]) -> Iterator[str]:
    """Yield what in an archive of torch.save is not plain."""
    entries = {one.filename.partition("/")[2]: one for one in archive.infolist()}
    if len({one.filename.partition("/")[0] for one in archive.infolist()}) != 1 or "data.pkl" not in entries:
        raise NotPlain("it does not hold one folder with data.pkl")
    is_script = "constants.pkl" in entries
    rules = Rules(allowed=callables, also=_script_names if is_script else _no_more, persistent=_storage)
    for name, one in entries.items():
        if name == "data.pkl" or (is_script and SCRIPT_PICKLE.fullmatch(name)):
            with entry(archive, one.filename) as stream:
                yield from (f"({name}) {problem}" for problem in problems_in(stream, rules))
        elif is_script and CODE.fullmatch(name):
            yield from (f"({name}) {problem}" for problem in _code(read(archive, one.filename, LARGEST_CODE)))
        elif not RAW.fullmatch(name):
            yield f"holds {name!r}"
        elif one.compress_type != zipfile.ZIP_STORED:
            yield f"holds {name!r} compressed"


def _no_more(_module: str, _name: str) -> str:
    return ""


def _script_names(module: str, name: str) -> str:
    """Classes of the archive's own code, which TorchScript runs, and the few marks of its pickler."""
    if module == "__torch__" or module.startswith("__torch__."):
        return "new"
    marks = {"build_intlist", "build_doublelist", "build_boollist", "build_tensorlist", "restore_type_tag"}
    return "call" if module == "torch.jit._pickle" and name in marks else ""


def _code(data: bytes) -> Iterator[str]:
    """TorchScript can do no more than its operators: those of other libraries and those of files are named."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        yield "is no text"
        return
    yield from sorted(
        {f"uses the operator {space}.{name}" for space, name in NAMESPACE.findall(text) if space not in NAMESPACES}
    )
    yield from sorted({f"uses {name}, which reads or writes files" for name in FILES.findall(text)})
    if OTHERWISE.search(text):
        yield "uses operators as TorchScript does not write it"
    for _ in range(DEEPEST):
        text, count = BY_NAME.subn("_", text)
        if not count:
            break
    if re.search(r"\bgetattr\b", text):
        yield "looks something up by a name that is computed"


def _storage(value: Value) -> Value:
    """A persistent id of torch's: ("storage", type, key, place, number), in the old form with a view of another."""
    if not isinstance(value, tuple) or len(value) not in {5, 6} or not isinstance(value[0], str):
        raise NotPlain("it has a persistent id that is no storage")
    sort, kind, key, place, number, *view = value
    known = isinstance(kind, Global) and kind.dotted.startswith("torch.") and kind.name.endswith("Storage")
    if sort != "storage" or not known or not isinstance(key, str) or not isinstance(number, int):
        raise NotPlain("it has a persistent id that is no storage")
    if not KEY.fullmatch(key) or not isinstance(place, str) or (view and not (view[0] is None or _is_view(view[0]))):
        raise NotPlain("it has a persistent id that is no storage")
    return Kind.DATA


def _is_view(value: Value) -> bool:
    return isinstance(value, tuple) and all(isinstance(part, int | str) for part in value)


def _old(path: Path, allowed: Allowed) -> Iterator[str]:
    with path.open("rb", buffering=CHUNK) as stream:
        first = stream.read(TAR_HEADER)
        stream.seek(0)
        if not first.startswith(OLD) or is_tar(first):
            raise NotPlain("it is neither a zip nor of the old form")
        source = PickleStream(stream)
        for _pickle in range(OLD_PICKLES):
            machine = Machine(stream=source, rules=Rules(allowed=allowed.callables, persistent=_storage))
            read_pickle(machine)
            yield from machine.problems


FORMAT = Format(
    name="torch",
    recognised="a file of torch.save or torch.jit.save (`.pt`, `.pth`, `.bin`, `.ckpt`): state dict, checkpoint, whole "
    "module of torch.nn, TorchScript",
    looked_at="the build of the zip, every record by name, every opcode of its pickles, TorchScript's operators",
    refused="callables of other names, classes of your own, operators of other libraries or of files, other records",
    way_out="Save the state dict, or export the model as pt2 or ONNX; callables of your own that are harmless can be "
    "listed in `registry.allow_callables`.",
    recognises=recognises,
    violations=violations,
)
