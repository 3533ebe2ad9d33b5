"""Archives and arrays that would run something when they are loaded, or that two readers see as two things."""

import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch

from tests.security.pickle_payloads import Payload, called, data, new, old, shell, source, system, text, whole

STORED = zipfile.ZIP_STORED
SAVED_NUMBER = pickle.dumps(0x1950A86A20F9469CFC6C, 2)  # what begins torch's old form


def saved(value: object) -> dict[str, bytes]:
    """Return the records of torch.save."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    with zipfile.ZipFile(buffer) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(records: dict[str, bytes], **how: Any) -> bytes:
    """Return a zip of records."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how.pop("method", STORED)) as archive:
        for name, content in records.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def with_records(change: Callable[[Path], dict[str, bytes]]) -> Callable[[Path], bytes]:
    """Return a file of torch.save with records changed or added."""
    return lambda marker: zipped(saved({"w": torch.ones(2)}) | change(marker))


def at_2(marker: Path) -> bytes:
    """Return the payload as torch pickles."""
    return whole(called(old("posix", "system"), text(shell(marker))), 2)


def _twice(marker: Path) -> bytes:
    """data.pkl is there twice: the first one found is harmless."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        buffer = io.BytesIO(zipped(saved({"w": torch.ones(2)})))
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr("archive/data.pkl", at_2(marker))
    return buffer.getvalue()


def _broken_sum(marker: Path) -> bytes:
    """The checksum of data.pkl is wrong: a scanner gives up, torch does not look."""
    raw = zipped(saved([1]) | {"archive/data.pkl": at_2(marker)})
    good = struct.pack("<I", zipfile.crc32(at_2(marker)))  # type: ignore[attr-defined]  # zipfile has it from zlib
    return raw.replace(good, b"\x00\x00\x00\x01")


def _flagged(marker: Path) -> bytes:
    """The directory says that data.pkl is encrypted, which torch does not ask."""
    raw = bytearray(zipped(saved([1]) | {"archive/data.pkl": at_2(marker)}))
    entry = raw.index(b"PK\x01\x02")
    raw[entry + 8] |= 1
    return bytes(raw)


def _one_over_another(marker: Path) -> bytes:
    """Two entries share their bytes."""
    raw = bytearray(zipped({"archive/data.pkl": at_2(marker), "archive/data/0": b"1234"}))
    second = raw.index(b"PK\x01\x02", raw.index(b"PK\x01\x02") + 4)
    raw[second + 42 : second + 46] = struct.pack("<I", 0)
    return bytes(raw)


def script(change: Callable[[Path], dict[str, bytes]]) -> Callable[[Path], bytes]:
    """Return TorchScript with records changed or added."""

    def build(marker: Path) -> bytes:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            buffer = io.BytesIO()
            torch.jit.save(torch.jit.trace(torch.nn.Linear(1, 1), torch.ones(1, 1)), buffer)
        with zipfile.ZipFile(buffer) as archive:
            records = {name: archive.read(name) for name in archive.namelist()}
        return zipped(records | change(marker))

    return build


def torch_code(line: str) -> Callable[[Path], bytes]:
    """Return TorchScript whose code has a line more."""
    body = f"class Linear(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    {line}\n    return x\n"
    return script(lambda _marker: {"archive/code/__torch__/a.py": body.encode()})


def old_form(at: int, payload: Callable[[Path], bytes] = at_2) -> Callable[[Path], bytes]:
    """Return torch's old form with the payload as one of its five pickles."""
    parts = [SAVED_NUMBER, pickle.dumps(1001, 2), pickle.dumps({}, 2), pickle.dumps({}, 2), pickle.dumps([], 2)]
    return lambda marker: b"".join(payload(marker) if i == at else part for i, part in enumerate(parts))


def _tar(marker: Path) -> bytes:
    """torch.load takes a file for a tar first."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("pickle")
        info.size = len(at_2(marker))
        archive.addfile(info, io.BytesIO(at_2(marker)))
    return buffer.getvalue()


def _tar_and_pickle(marker: Path) -> bytes:
    """The name of the tar's first entry is the number that begins torch's old form, and more plain pickles."""
    raw = bytearray(_tar(marker))
    raw[:100] = (SAVED_NUMBER + b"\x80\x02B" + struct.pack("<I", len(raw))).ljust(100, b"x")
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    return bytes(raw) + b"."


def skops(node: dict[str, Any], **more: Any) -> Callable[[Path], bytes]:
    """Return a file of skops with a node as its only object."""
    schema = node | {"protocol": more.pop("protocol", 2), "_skops_version": "0.16.0"}
    return lambda _marker: zipped({"schema.json": json.dumps(schema).encode()} | more)


def typed(module: str, name: str, loader: str, **content: Any) -> dict[str, Any]:
    """Return a node."""
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 1} | content


WORDS = typed("builtins", "tuple", "TupleNode", content=[])


def object_array(marker: Path) -> bytes:
    """An array of objects in NumPy's own format is a pickle behind a header."""
    return _npy({"descr": "|O", "fortran_order": False, "shape": (1,)}) + system(marker)


def _npy(header: object) -> bytes:
    packed = (repr(header) if not isinstance(header, str) else header).encode()
    packed = packed.ljust(118 - 1) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(packed)) + packed


WRAPPER = new("joblib.numpy_pickle", "NumpyArrayWrapper")


def _wrapper(
    shape: bytes,
    code: str,
    *,
    alignment: bytes = b"K\x10",
    state: bytes | None = None,
    made: bytes = WRAPPER + b")\x81",
) -> bytes:
    """Push joblib's wrapper of an array, and fill it: what follows is read as the array's bytes."""
    dtype = called(new("numpy", "dtype"), text(code), b"\x89", b"\x88")
    normal = b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    attributes = text("subclass") + new("numpy", "ndarray") + text("shape") + shape + text("order") + text("C")
    attributes += text("dtype") + dtype + (normal if state is None else state)
    attributes += text("allow_mmap") + b"\x89" + text("numpy_array_alignment_bytes") + alignment
    return made + b"}(" + attributes + b"ub"


def _array_hides(marker: Path) -> bytes:
    """Joblib takes the payload for the bytes of an array, pickle.load for opcodes."""
    payload = called(new("os", "system"), text(shell(marker))) + b"0"
    return whole(_wrapper(b"K" + bytes([len(payload)]) + b"\x85", "u1", alignment=b"N") + payload)


def _made_otherwise(made: bytes) -> Callable[[Path], bytes]:
    """The wrapper is made by another callable: joblib reads an array, who takes it for something else reads bytes."""

    def build(marker: Path) -> bytes:
        payload = called(new("os", "system"), text(shell(marker))) + b"0"
        return whole(_wrapper(b"K\x05\x85", "u1", alignment=b"N", made=made) + data(payload) + b"0")

    return build


RECONSTRUCTED = called(new("copyreg", "_reconstructor"), WRAPPER, new("builtins", "object"), b"N")
NEW_OBJECT = called(new("sklearn.neighbors._kd_tree", "newObj"), WRAPPER)


def _array_is_shorter(marker: Path) -> bytes:
    """The type's state says one byte where its code says many: the rest are opcodes to joblib."""
    payload = called(new("os", "system"), text(shell(marker))) + b"0"
    state = b"(K\x03" + text("|") + b"NNNK\x01K\x01K\x00tb"
    size = len(payload) + 1
    raw = _wrapper(b"K\x01\x85", f"S{size}", state=state) + b"\x01\xff"
    return whole(raw + b"x" + payload)


def _array_without_size(marker: Path) -> bytes:
    """The type's state says a size below nothing: joblib reads no bytes where its code says many."""
    payload = called(new("os", "system"), text(shell(marker))) + b"0"
    state = b"(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    return whole(_wrapper(b"K\x01\x85", f"V{len(payload)}", state=state) + b"\x01\xff" + payload)


def _field_outside(_marker: Path) -> bytes:
    """A field of a type lies behind its items: to read it is to read other memory."""
    inner = called(new("numpy", "dtype"), text("f8"), b"\x89", b"\x88")
    made = called(new("numpy", "dtype"), text("V8"), b"\x89", b"\x88")
    fields = b"}" + text("a") + inner + b"K\x09\x86s"
    return whole(made + b"(K\x03" + text("|") + b"N" + text("a") + b"\x85" + fields + b"K\x08K\x01K\x00tb")


def _negative(marker: Path) -> bytes:
    """A shape below nothing would let a reader go back."""
    payload = called(new("os", "system"), text(shell(marker))) + b"0"
    return whole(_wrapper(b"J\xff\xff\xff\xff\x85", "u1") + b"\x01\xff" + payload)


def _array_in_frame(marker: Path) -> bytes:
    """The frame goes on behind the wrapper: Python's unpickler has read it, so the array's bytes come later."""
    payload = called(new("os", "system"), text(shell(marker))) + b"0"
    inside = _wrapper(b"K" + bytes([len(payload) + 2]) + b"\x85", "u1") + b"\x01\xff" + payload
    return b"\x80\x04\x95" + struct.pack("<Q", len(inside)) + inside + b"."


def _objects_hide(marker: Path) -> bytes:
    """The pickle within has a memo of its own for joblib; to pickle.load its places are those of the outer one."""
    outer = text("os") + b"\x940" + text("system") + b"\x940"
    inner = b"\x80\x04" + text("collections") + b"\x940" + text("OrderedDict") + b"\x940h\x00h\x01\x93)R."
    return b"\x80\x04" + outer + _wrapper(b"K\x01\x85", "O8", state=_objects()) + inner + text(shell(marker)) + b"."


def _objects() -> bytes:
    return b"(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb"


def _objects_run(marker: Path) -> bytes:
    """An array of objects holds the payload."""
    return b"\x80\x04" + _wrapper(b"K\x01\x85", "O8", state=_objects()) + system(marker) + b"."


def _joblib_model(marker: Path) -> bytes:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            import os

            return os.system, (shell(marker),)

    buffer = io.BytesIO()
    joblib.dump({"weights": np.ones(5), "evil": Evil()}, buffer)
    return buffer.getvalue()


def _old_joblib(_marker: Path) -> bytes:
    """Joblib of old read arrays from files beside it, pickled ones too."""
    made = new("joblib.numpy_pickle_compat", "NDArrayWrapper") + b")\x81}"
    return whole(made + text("filename") + text("x.npy") + b"sb")


TORCH = {
    "data.pkl calls": Payload(build=with_records(lambda m: {"archive/data.pkl": at_2(m)}), file="m.pt", proof="torch"),
    "named .bin": Payload(build=with_records(lambda m: {"archive/data.pkl": at_2(m)}), file="pytorch_model.bin"),
    "named .pkl": Payload(build=with_records(lambda m: {"archive/data.pkl": at_2(m)}), file="m.pkl"),
    "data.pkl twice": Payload(build=_twice, file="m.pt"),
    "data.pkl in other letters": Payload(build=with_records(lambda m: {"archive/DATA.pkl": at_2(m)}), file="m.pt"),
    "a second folder": Payload(build=with_records(lambda m: {"other/data.pkl": at_2(m)}), file="m.pt"),
    "a file of code": Payload(build=with_records(lambda m: {"archive/x.py": source(m).encode()}), file="m.pt"),
    "a library": Payload(build=with_records(lambda _m: {"archive/data/x.so": b"\x7fELF"}), file="m.pt"),
    "a name that leaves": Payload(build=with_records(lambda _m: {"archive/../../x": b""}), file="m.pt"),
    "a broken checksum": Payload(build=_broken_sum, file="m.pt"),
    "said to be encrypted": Payload(build=_flagged, file="m.pt"),
    "one entry over another": Payload(build=_one_over_another, file="m.pt"),
    "a pickle before the zip": Payload(
        build=lambda m: system(m) + with_records(lambda _m: {})(m), file="m.pt", proof="pickle"
    ),
    "something behind the zip": Payload(build=lambda m: with_records(lambda _m: {})(m) + system(m), file="m.pt"),
    "a tail that is cut": Payload(
        build=lambda m: with_records(lambda n: {"archive/data.pkl": at_2(n)})(m)[:-30], file="m.pt"
    ),
    "7z": Payload(build=lambda m: b"7z\xbc\xaf\x27\x1c" + system(m), file="m.pt"),
    "a zip in 7z in a zip": Payload(
        build=with_records(lambda m: {"archive/data/0.7z": b"7z\xbc\xaf\x27\x1c" + at_2(m)}), file="m.pt"
    ),
    "a persistent id of a module": Payload(
        build=with_records(
            lambda m: {
                "archive/data.pkl": whole(
                    b"(" + text("module") + old("os", "system") + text("a") + text(shell(m)) + b"tQ", 2
                )
            }
        ),
        file="m.pt",
    ),
    "a persistent id with a callable": Payload(
        build=with_records(
            lambda _m: {
                "archive/data.pkl": whole(
                    b"(" + text("storage") + old("builtins", "range") + text("0") + text("cpu") + b"K\x01tQ", 2
                )
            }
        ),
        file="m.pt",
    ),
    "a module of a class of its own": Payload(
        build=with_records(
            lambda _m: {"archive/data.pkl": whole(old("mymodels", "Net") + b")\x81}" + text("w") + b"K\x01sb", 2)}
        ),
        file="m.pt",
    ),
    "a layer's forward": Payload(
        build=with_records(
            lambda _m: {
                "archive/data.pkl": whole(
                    old("torch.nn.modules.linear", "Linear")
                    + b")\x81}"
                    + text("forward")
                    + old("os", "system")
                    + b"sb",
                    2,
                )
            }
        ),
        file="m.pt",
    ),
    **{
        f"old form, pickle {at + 1}": Payload(build=old_form(at), file="m.pt", proof="torch" if at == 3 else "")
        for at in range(1, 5)
    },
    "old form in a pickle's name": Payload(build=old_form(3), file="m.pkl"),
    "a tar": Payload(build=_tar, file="m.pt"),
    "a tar, named as a pickle": Payload(build=_tar, file="m.pkl"),
    "a tar that is torch's old form too": Payload(build=_tar_and_pickle, file="m.pt"),
    "a plain pickle": Payload(build=system, file="m.pth"),
    "gzip": Payload(
        build=lambda m: __import__("gzip").compress(with_records(lambda n: {"archive/data.pkl": at_2(n)})(m)),
        file="m.pt.gz",
    ),
    "TorchScript, data.pkl": Payload(build=script(lambda m: {"archive/data.pkl": at_2(m)}), file="m.pt"),
    "TorchScript, constants.pkl": Payload(build=script(lambda m: {"archive/constants.pkl": at_2(m)}), file="m.pt"),
    "TorchScript, operator of a library": Payload(build=torch_code("x = ops.evil.run(x)"), file="m.pt"),
    "TorchScript, writes a file": Payload(build=torch_code('torch.save(x, "/tmp/x")'), file="m.pt"),
    "TorchScript, reads a file": Payload(build=torch_code('x = torch.from_file("/etc/passwd")'), file="m.pt"),
    "TorchScript, code of Python": Payload(
        build=script(lambda m: {"archive/evil.py": source(m).encode()}), file="m.pt"
    ),
}
SKOPS = {
    "eval": Payload(build=skops(typed("builtins", "eval", "TypeNode")), file="m.skops"),
    "os.system as a function": Payload(build=skops(typed("os", "system", "FunctionNode")), file="m.skops"),
    "os.system as an array's class": Payload(
        build=skops(typed("os", "system", "NdArrayNode", type="json", content=[])), file="m.skops"
    ),
    "Popen as an object": Payload(
        build=skops(typed("subprocess", "Popen", "ObjectNode", content=WORDS)), file="m.skops"
    ),
    "Popen by its constructor": Payload(
        build=skops(typed("subprocess", "Popen", "ConstructorFromReduceNode", content=WORDS)), file="m.skops"
    ),
    "Popen as a loss": Payload(build=skops(typed("subprocess", "Popen", "LossNode", content=WORDS)), file="m.skops"),
    "Popen as a list": Payload(build=skops(typed("subprocess", "Popen", "ListNode", content=[])), file="m.skops"),
    "a bound method": Payload(
        build=skops(typed("sklearn.svm._classes", "SVC", "MethodNode", content={"func": "fit", "obj": WORDS})),
        file="m.skops",
    ),
    "a partial": Payload(build=skops(typed("functools", "partial", "PartialNode", content={})), file="m.skops"),
    "an operator": Payload(
        build=skops(typed("operator", "methodcaller", "OperatorFuncNode", attrs=WORDS)), file="m.skops"
    ),
    "a loader that is not known": Payload(
        build=skops(typed("builtins", "list", "EvilNode", content=[])), file="m.skops"
    ),
    "a layer by its constructor": Payload(
        build=skops(typed("torch.nn.modules.linear", "Linear", "ConstructorFromReduceNode", content=WORDS)),
        file="m.skops",
    ),
    "text that is an object": Payload(build=skops(typed("os", "system", "JsonNode", content="1")), file="m.skops"),
    "a type without a module": Payload(build=skops({"__class__": "eval", "__loader__": "TypeNode"}), file="m.skops"),
    "deep inside": Payload(
        build=skops(
            typed(
                "builtins",
                "list",
                "ListNode",
                content=[
                    typed(
                        "builtins",
                        "dict",
                        "DictNode",
                        key_types=WORDS,
                        content={"a": typed("os", "system", "FunctionNode")},
                    )
                ],
            )
        ),
        file="m.skops",
    ),
    "a random generator of another name": Payload(
        build=skops(typed("numpy.random._generator", "Generator", "RandomGeneratorNode", content={})), file="m.skops"
    ),
    "a template of scipy.stats": Payload(
        build=skops(typed("scipy.stats._continuous_distns", "norm_gen", "ObjectNode", content=WORDS)), file="m.skops"
    ),
    "an old protocol": Payload(
        build=skops(typed("builtins", "list", "ListNode", content=[]), protocol=0), file="m.skops"
    ),
    "a file of code": Payload(
        build=lambda m: zipped({"schema.json": b'{"protocol": 2}', "x.py": source(m).encode()}), file="m.skops"
    ),
    "an array of objects": Payload(
        build=lambda m: zipped({"schema.json": b'{"protocol": 2}', "1.npy": object_array(m)}), file="m.skops"
    ),
    "a schema with a key twice": Payload(
        build=lambda _m: zipped({"schema.json": b'{"protocol": 2, "__class__": "list", "__class__": "eval"}'}),
        file="m.skops",
    ),
    "no schema": Payload(build=lambda m: zipped({"data.pkl": system(m)}), file="m.skops"),
}
NUMPY = {
    "an array of objects": Payload(build=object_array, file="m.npy", proof="numpy"),
    "an array of objects, named as a pickle": Payload(build=object_array, file="m.pkl"),
    "a field of objects": Payload(
        build=lambda m: _npy({"descr": [("a", "|O")], "fortran_order": False, "shape": (1,)}) + system(m), file="m.npy"
    ),
    "a header that is code": Payload(build=lambda m: _npy(f"__import__('os').system({shell(m)!r})"), file="m.npy"),
    "a header that nests": Payload(build=lambda _m: _npy("(" * 4000), file="m.npy"),
    "a pickle behind the numbers": Payload(
        build=lambda m: _npy({"descr": "<f8", "fortran_order": False, "shape": (1,)}) + bytes(8) + system(m),
        file="m.npy",
    ),
    "a zip with an array of objects": Payload(
        build=lambda m: zipped(
            {"a.npy": _npy({"descr": "<f8", "fortran_order": False, "shape": ()}) + bytes(8), "b.npy": object_array(m)}
        ),
        file="m.npz",
    ),
    "a zip with a pickle": Payload(build=lambda m: zipped({"a.npy": system(m)}), file="m.npz"),
}
JOBLIB = {
    "a callable beside arrays": Payload(build=_joblib_model, file="m.joblib", proof="joblib"),
    "an array that is opcodes to pickle.load": Payload(build=_array_hides, file="m.pkl", proof="pickle"),
    "a wrapper by _reconstructor": Payload(build=_made_otherwise(RECONSTRUCTED), file="m.joblib", proof="joblib"),
    "a wrapper by newObj": Payload(build=_made_otherwise(NEW_OBJECT), file="m.joblib", proof="joblib"),
    "an array that is shorter": Payload(build=_array_is_shorter, file="m.joblib", proof="joblib"),
    "an array whose items have no size": Payload(build=_array_without_size, file="m.joblib"),
    "a field behind its items": Payload(build=_field_outside, file="m.joblib"),
    "an array of fewer than none": Payload(build=_negative, file="m.joblib"),
    "an array inside a frame": Payload(build=_array_in_frame, file="m.joblib"),
    "objects to one, a memo to the other": Payload(build=_objects_hide, file="m.pkl"),
    "an array of objects": Payload(build=_objects_run, file="m.joblib", proof="joblib"),
    "files beside it": Payload(build=_old_joblib, file="m.joblib"),
    "the oldest form": Payload(build=lambda m: b"ZF" + system(m), file="m.joblib"),
    "data as bytes": Payload(build=lambda m: whole(called(new("joblib", "load"), data(system(m)))), file="m.joblib"),
}
ARCHIVES = {
    f"{kind}: {name}": payload
    for kind, found in {"torch": TORCH, "skops": SKOPS, "NumPy": NUMPY, "joblib": JOBLIB}.items()
    for name, payload in found.items()
}
