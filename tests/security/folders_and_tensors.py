"""Hugging Face folders, safetensors and ONNX graphs that would run code, reach out, or hide bytes."""

import json
from pathlib import Path
from typing import Any

from tests.security.mlflow_models import CONFIG, WEIGHTS, Build
from tests.security.payload import code, pickled, tensors, write

F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
MOST = 2**63


def folder(**files: Any) -> Build:
    """Return what builds a folder of `save_pretrained` with these files over it."""

    def build(path: Path, mark: Path) -> None:
        plain = {"config.json": CONFIG, "model.safetensors": WEIGHTS, "tokenizer.json": "{}"}
        write(
            path,
            {**plain, **{name: content(mark) if callable(content) else content for name, content in files.items()}},
        )

    return build


def configured(**more: Any) -> Build:
    """Return what builds a folder with more in its configuration."""
    return folder(**{"config.json": json.dumps({**json.loads(CONFIG), **more})})


def linked_weights(path: Path, mark: Path) -> None:
    """Build a folder whose weights are a link."""
    folder()(path, mark)
    (path / "model.safetensors").rename(path.parent / "outside.safetensors")
    (path / "model.safetensors").symlink_to(path.parent / "outside.safetensors")


def file(name: str, content: bytes) -> Build:
    """Return what builds one file in a folder of its own, which the test looks at."""
    return lambda path, _mark: write(path, {name: content})


def pickle_as(name: str, before: bytes = b"", protocol: int = 4) -> Build:
    """Return what builds a pickle under another format's name."""
    return lambda path, mark: write(path, {name: before + pickled(mark, protocol)})


def hidden(path: Path, mark: Path) -> None:
    """Build tensors with a pickle between them."""
    secret = pickled(mark)
    last = {**F32, "data_offsets": [8 + len(secret), 16 + len(secret)]}
    write(path, {"model.safetensors": tensors({"a": F32, "b": last}, bytes(8) + secret + bytes(8))})


def number(value: int) -> bytes:
    """Return a number as protobuf writes it."""
    out = b""
    while True:
        value, low = value >> 7, value & 127
        out += bytes([low | (128 if value else 0)])
        if not value:
            return out


def part(field: int, content: bytes | str | int) -> bytes:
    """Return one field of a protobuf message."""
    if isinstance(content, int):
        return number(field << 3) + number(content)
    data = content.encode() if isinstance(content, str) else content
    return number(field << 3 | 2) + number(len(data)) + data


def node(operator: str, domain: str = "", *attributes: bytes) -> bytes:
    """Return a node of a graph."""
    return part(4, operator) + part(7, domain) + b"".join(part(5, one) for one in attributes)


def outside(location: str, **more: str) -> bytes:
    """Return a tensor whose numbers lie in another file."""
    told = {"location": location, **more}
    return b"".join(part(13, part(1, key) + part(2, value)) for key, value in told.items()) + part(14, 1)


def graph(*nodes: bytes, tensor: bytes = b"", sparse: bytes = b"") -> bytes:
    """Return a graph."""
    first = b"".join(part(1, one) for one in nodes) + part(2, "g")
    return first + (part(5, tensor) if tensor else b"") + (part(15, sparse) if sparse else b"")


def model(content: bytes, *more: bytes) -> bytes:
    """Return a model with this graph."""
    return part(1, 10) + part(7, content) + b"".join(more)


def onnx(data: bytes, **files: bytes) -> Build:
    """Return what builds a folder with a graph and these files."""
    return lambda path, _mark: write(path, {"model.onnx": data, **files})


def nested(depth: int) -> bytes:
    """Return a graph in an attribute of a graph, so many times."""
    inner = graph(node("Add"))
    for _ in range(depth):
        inner = graph(node("If", "", part(6, inner)))
    return inner


def linked_tensor(path: Path, _mark: Path) -> None:
    """Build a graph whose weights are a link."""
    write(path, {"model.onnx": model(graph(node("Add"), tensor=outside("w")))})
    (path / "w").symlink_to("/etc/hostname")


def linked_folder(path: Path, _mark: Path) -> None:
    """Build a graph whose weights lie behind a link to a folder."""
    write(path, {"model.onnx": model(graph(node("Add"), tensor=outside("d/hostname")))})
    (path / "d").symlink_to("/etc")


PLAIN: dict[str, Build] = {
    "a folder of save_pretrained": folder(),
    "a folder of weights in parts": folder(
        **{
            "model-00001-of-00001.safetensors": WEIGHTS,
            "model.safetensors.index.json": '{"weight_map": {"w": "model-00001-of-00001.safetensors"}}',
        }
    ),
    "tensors": file("model.safetensors", tensors({"a": F32, "__metadata__": {"format": "pt"}}, bytes(8))),
    "no tensors": file("model.safetensors", tensors({})),
    "a graph": onnx(model(graph(node("Add"), node("QLinearAdd", "com.microsoft")))),
    "a graph with weights beside it": onnx(model(graph(node("Add"), tensor=outside("w"))), w=bytes(8)),
    "a graph with functions": onnx(
        model(graph(node("f", "pkg")), part(25, part(1, "f") + part(10, "pkg") + part(7, node("Add"))))
    ),
}
FOLDERS: dict[str, Build] = {
    "auto_map": configured(auto_map={"AutoModel": "modeling.Evil"}),
    "auto_map of a repository": configured(auto_map={"AutoModel": "evil/repo--modeling.Evil"}),
    "auto_map inside": configured(text_config={"auto_map": {"AutoConfig": "c.C"}}),
    "auto_map twice": folder(**{"config.json": '{"model_type": "bert", "auto_map": {"A": "m.M"}, "auto_map": null}'}),
    "a custom pipeline": configured(custom_pipelines={"x": {"impl": "pipe.Pipe"}}),
    "trust_remote_code": configured(trust_remote_code=True),
    "a kernel of a hub": configured(_attn_implementation="evil/kernel"),
    "a file of a tokenizer elsewhere": folder(**{"tokenizer_config.json": '{"vocab_file": "../../etc/passwd"}'}),
    "code": folder(**{"modeling_evil.py": code}),
    "weights above, by an index": folder(
        **{"model.safetensors.index.json": '{"weight_map": {"w": "model.safetensors", "v": "../other.safetensors"}}'}
    ),
    "weights of another name, by an index": folder(
        **{"pytorch_model.bin.index.json": '{"weight_map": {"w": "training_args.bin"}}'}
    ),
    "a part that is a class of its own": folder(**{"modules.json": '[{"path": "", "type": "evil.Transformer"}]'}),
    "a part that is a call": folder(**{"modules.json": '[{"path": "", "type": "subprocess.Popen"}]'}),
    "a part elsewhere": folder(
        **{"modules.json": '[{"path": "../other", "type": "sentence_transformers.models.Pooling"}]'}
    ),
    "an activation that is a call": folder(**{"2_Dense/config.json": '{"activation_function": "os.getcwd"}'}),
    "code in a part": folder(**{"1_Pooling/config.json": "{}", "1_Pooling/pooling.py": code}),
    "code in a folder": folder(**{"sub/modeling_evil.py": code}),
    "training arguments": folder(**{"training_args.bin": pickled}),
    "an optimizer": folder(**{"optimizer.pt": pickled}),
    "pickled weights": folder(**{"pytorch_model.bin": pickled}),
    "a pickle as weights": folder(**{"model.safetensors": pickled}),
    "a library": folder(**{"kernel.so": b"\x7fELF"}),
    "linked weights": linked_weights,
    "no weights": lambda path, _mark: write(path, {"config.json": CONFIG, "tokenizer.json": "{}"}),
    "a configuration that is no text": folder(**{"generation_config.json": b"\x80\x04\x95"}),
}
TENSORS: dict[str, Build] = {
    "a pickle": pickle_as("model.safetensors"),
    "a header over all bounds": file("model.safetensors", tensors("{}", length=MOST)),
    "a header longer than the file": file("model.safetensors", tensors("{}", length=1000)),
    "a header of nothing": file("model.safetensors", b"\0\0\0"),
    "bytes between tensors": hidden,
    "bytes behind": file("model.safetensors", tensors({"a": F32}, bytes(9))),
    "tensors one over the other": file("model.safetensors", tensors({"a": F32, "b": F32}, bytes(8))),
    "a tensor beyond the end": file("model.safetensors", tensors({"a": {**F32, "data_offsets": [0, 80]}}, bytes(8))),
    "a tensor that ends before it begins": file(
        "model.safetensors", tensors({"a": {**F32, "data_offsets": [8, 0]}}, bytes(8))
    ),
    "a shape that overflows": file("model.safetensors", tensors({"a": {**F32, "shape": [2**62, 2**62]}}, bytes(8))),
    "a negative size": file("model.safetensors", tensors({"a": {**F32, "shape": [-2]}}, bytes(8))),
    "a key twice": file("model.safetensors", tensors(f'{{"a": {json.dumps(F32)}, "a": {json.dumps(F32)}}}', bytes(8))),
    "metadata that is no text": file("model.safetensors", tensors({"__metadata__": {"x": {"__reduce__": []}}})),
    "an unknown type": file("model.safetensors", tensors({"a": {**F32, "dtype": "O"}}, bytes(8))),
    "more than a tensor": file("model.safetensors", tensors({"a": {**F32, "code": "x"}}, bytes(8))),
    "deep nesting": file("model.safetensors", tensors("[" * 100_000 + "]" * 100_000)),
}
GRAPHS: dict[str, Build] = {
    "a pickle": pickle_as("model.onnx"),
    "an old pickle": pickle_as("model.onnx", protocol=0),
    "nothing": onnx(b"\x08\x0a"),
    "half a graph": onnx(model(graph(node("Add")))[:-3]),
    "weights above": onnx(model(graph(node("Add"), tensor=outside("../../etc/passwd")))),
    "weights above, by way of a folder": onnx(model(graph(node("Add"), tensor=outside("a/../../w")))),
    "weights in the root": onnx(model(graph(node("Add"), tensor=outside("/etc/passwd")))),
    "weights by a backslash": onnx(model(graph(node("Add"), tensor=outside("..\\w")))),
    "weights on a drive": onnx(model(graph(node("Add"), tensor=outside("C:w")))),
    "weights without a place": onnx(model(graph(node("Add"), tensor=outside("")))),
    "weights that are absent": onnx(model(graph(node("Add"), tensor=outside("w")))),
    "weights beyond the end": onnx(model(graph(node("Add"), tensor=outside("w", offset="4", length="8"))), w=bytes(8)),
    "weights before the beginning": onnx(model(graph(node("Add"), tensor=outside("w", offset="-8"))), w=bytes(8)),
    "linked weights": linked_tensor,
    "weights in a linked folder": linked_folder,
    "weights above, in an attribute": onnx(model(graph(node("Constant", "", part(5, outside("../w")))))),
    "weights above, in a graph inside": onnx(
        model(graph(node("If", "", part(6, graph(node("Add"), tensor=outside("../w"))))))
    ),
    "weights above, sparse": onnx(model(graph(node("Add"), sparse=part(1, outside("../w"))))),
    "weights above, in a function": onnx(
        model(graph(node("Add")), part(25, part(1, "f") + part(7, node("Constant", "", part(5, outside("../w"))))))
    ),
    "weights above, in training": onnx(
        model(graph(node("Add")), part(20, part(1, graph(node("Add"), tensor=outside("../w")))))
    ),
    "an operator of a library": onnx(model(graph(node("Evil", "evil.ops")))),
    "an operator of a library, inside": onnx(model(graph(node("Loop", "", part(6, graph(node("Evil", "evil.ops"))))))),
    "Python": onnx(model(graph(node("PyOp", "ai.onnx.contrib")))),
    "Python of ONNX Runtime": onnx(model(graph(node("PythonOp", "com.microsoft")))),
    "Python of ONNX Runtime behind a function": onnx(
        model(graph(node("PythonOp", "com.microsoft")), part(25, part(1, "PythonOp") + part(10, "com.microsoft")))
    ),
    "weights in two places": onnx(
        model(graph(node("Add"), tensor=outside("w") + part(13, part(1, "location") + part(2, "../w")))), w=bytes(8)
    ),
    "a context of a provider": onnx(model(graph(node("EPContext", "com.microsoft")))),
    "a field that ONNX does not know": onnx(model(graph(node("Add"))) + part(99, "x")),
    "a file beside": onnx(model(graph(node("Add"))), **{"evil.py": b"x = 1"}),
    "a library beside": onnx(model(graph(node("Add"))), **{"ops.so": b"\x7fELF"}),
    "deep nesting": onnx(model(nested(200))),
}
