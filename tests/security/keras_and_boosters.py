"""Keras archives and the files of boosting libraries that would run code, or are not what their name says."""

import json
import zlib
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.security.folders_and_tensors import file, pickle_as
from tests.security.mlflow_models import UBJ, Build
from tests.security.payload import archive, code, pickled

WEIGHTS = zlib.decompress(  # an HDF5 file without any group, as h5py writes it
    b64decode(
        "eNrr9HBx4+WS4mIAAQ4OBhYGAQZk8B8KFJhR+TD5BCjNCKU7oPQKJpg4I1hOAiouCDUfXV"
        "1IkKsrsvno9oyCkQ08XB0DQHQElM8BpU8woaqDpcMAKtkLAKSkKIg="
    )
)
DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}, "registered_name": None}
LAMBDA = {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}
Records = list[tuple[str, bytes]]


def sequential(*layers: Any) -> bytes:
    """Return the configuration of a model of these layers."""
    config = {"name": "s", "layers": list(layers)}
    return json.dumps(
        {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}
    ).encode()


def records(config: bytes) -> Records:
    """Return what an archive holds."""
    return [("metadata.json", b'{"keras_version": "3.15.1"}'), ("config.json", config), ("model.weights.h5", WEIGHTS)]


def keras(*layers: Any) -> Build:
    """Return what builds an archive of these layers."""
    return packed(lambda _mark: records(sequential(*layers)))


def packed(make: Callable[[Path], Records], **more: Any) -> Build:
    """Return what builds an archive of these records."""

    def build(path: Path, mark: Path) -> None:
        path.mkdir()
        archive(path / "model.keras", make(mark), **more)

    return build


def layer(name: str, module: str | None = "keras.layers", registered: str | None = None, **config: Any) -> Any:
    """Return a layer as Keras writes it."""
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


def function(name: str, module: str = "builtins") -> Any:
    """Return a function as Keras writes it."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


def before(path: Path, mark: Path) -> None:
    """Build an archive with a pickle before it, which both readers would take for theirs."""
    keras(DENSE)(path, mark)
    whole = path / "model.keras"
    whole.write_bytes(pickled(mark) + whole.read_bytes())


def behind(path: Path, mark: Path) -> None:
    """Build a file of zip's first bytes whose archive is that of another one, at its end."""
    keras(layer("Lambda", function=LAMBDA))(path, mark)
    whole = path / "model.keras"
    whole.write_bytes(b"PK\x03\x04" + bytes(30) + whole.read_bytes())


def endless() -> bytes:
    """Return HDF5 with a tree in which each of fifteen nodes names the next one ten times."""
    nodes = [len(WEIGHTS) + 200 * number for number in range(15)]
    out = bytearray(WEIGHTS)
    for at in nodes:
        child = (at + 200).to_bytes(8, "little")
        out += b"TREE" + bytes([0, 1]) + (10).to_bytes(2, "little") + b"\xff" * 16 + (bytes(8) + child) * 10 + bytes(16)
    out += b"SNOD" + bytes(100)
    out[40:48] = len(out).to_bytes(8, "little")
    tree = WEIGHTS.index(b"TREE").to_bytes(8, "little")
    return bytes(out).replace(tree, nodes[0].to_bytes(8, "little"))


def slow() -> bytes:
    """Return HDF5 whose forty attributes each have their text at the end of a heap of 30,000 parts."""
    heap = 4096
    text = bytes([0x19, 1]) + bytes(14) + bytes(12) + heap.to_bytes(8, "little") + (1).to_bytes(4, "little")
    attribute = bytes([1, 0, 2, 0, 8, 0, 8, 0]) + b"a".ljust(8, b"\0") + text[:16] + text[24:]
    messages = (12).to_bytes(2, "little") + len(attribute).to_bytes(2, "little") + bytes(4) + attribute
    parts = (2).to_bytes(2, "little") + bytes(14)
    last = (1).to_bytes(2, "little") + bytes(14)
    size = 16 + 30_001 * 16
    head = b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00" + bytes(16) + (heap + size).to_bytes(8, "little")
    root = bytes([1]) + bytes(7) + (40 * len(messages)).to_bytes(4, "little") + bytes(4) + messages * 40
    out = (head + (48).to_bytes(8, "little") + bytes(4) + root).ljust(heap, b"\0")
    return out + b"GCOL\x01\0\0\0" + size.to_bytes(8, "little") + parts * 30_000 + last


KERAS_PLAIN: dict[str, Build] = {
    "Keras": keras(DENSE),
    "a nested model": keras(DENSE, json.loads(sequential(DENSE))),
    "an activation by name": keras(layer("Activation", activation=function("relu"))),
    "XGBoost": file("model.ubj", UBJ),
    "XGBoost of MLflow 2": file("model.xgb", UBJ),
    "XGBoost in JSON": file("model.json", b'{"learner": {"gradient_booster": {}}, "version": [3, 2, 0]}'),
}
KERAS: dict[str, Build] = {
    "a lambda": keras(layer("Lambda", function=LAMBDA)),
    "a lambda in a model inside": keras(json.loads(sequential(layer("Lambda", function=LAMBDA)))),
    "a lambda in a wrapper": keras(layer("TimeDistributed", layer=layer("Lambda", function=LAMBDA))),
    "a lambda as an activation": keras(layer("Dense", units=1, activation=LAMBDA)),
    "a lambda as an initializer": keras(layer("Dense", units=1, kernel_initializer=LAMBDA)),
    "an old lambda": keras({"class_name": "Lambda", "config": {"function": ["4wE=", None, None]}}),
    "an operation of TensorFlow": keras({"class_name": "TFOpLambda", "config": {"function": "io.write_file"}}),
    "a class of the user": keras(layer("Mine", None, "mine>Mine")),
    "a class of the user under a known name": keras(layer("Dense", None, "mine>Dense")),
    "a known class of a foreign module": keras(layer("Dense", "evil.layers")),
    "a module of the standard library": keras(layer("Popen", "subprocess", args=["true"])),
    "a module that looks like Keras": keras(layer("Dense", "keras_evil.layers")),
    "a tool of Keras": keras(function("get_file", "keras.utils")),
    "a switch of Keras": keras(function("enable_unsafe_deserialization", "keras.config")),
    "a tool of Keras as a class": keras(layer("get_file", "keras.utils", origin="file:///etc/passwd")),
    "a function of Python": keras(layer("Dense", units=1, activation=function("exec"))),
    "a function of a module": keras(layer("Dense", units=1, activation=function("system", "os"))),
    "a module of PyTorch, pickled": keras(layer("TorchModuleWrapper", module="gASV")),
    "a graph of TensorFlow": keras(layer("TFSMLayer", filepath="/tmp/evil")),
    "a function of JAX": keras(layer("JaxLayer", call_fn=LAMBDA)),
    "a model of Flax": keras(layer("FlaxLayer", module="evil")),
    "words from a file": keras(layer("StringLookup", vocabulary="/etc/passwd")),
    "numbers from a file": keras(layer("IntegerLookup", vocabulary="file:///etc/passwd")),
    "weights of words from a file": keras(layer("TextVectorization", idf_weights="/etc/passwd")),
    "a specification of a type": keras({"class_name": "__typespec__", "spec_name": "x", "module": "os", "config": []}),
    "a configuration twice": packed(
        lambda _: [*records(sequential(DENSE)), ("config.json", sequential(layer("Lambda", function=LAMBDA)))]
    ),
    "a key twice": packed(
        lambda _: records(sequential(DENSE).replace(b'{"module"', b'{"class_name": "Lambda", "module"'))
    ),
    "a record above": packed(lambda mark: [*records(sequential(DENSE)), ("../evil.py", code(mark).encode())]),
    "a record in the root": packed(lambda _: [*records(sequential(DENSE)), ("/etc/cron.d/evil", b"x")]),
    "a pickle in the archive": packed(lambda mark: [*records(sequential(DENSE)), ("assets/x.pkl", pickled(mark))]),
    "a packed archive": packed(lambda _: records(sequential(DENSE)), packed=True),
    "an archive that swells": packed(
        lambda _: [*records(b"{}")[:2], ("model.weights.h5", bytes(10_000_000))], packed=True
    ),
    "weights that are a pickle": packed(
        lambda mark: [*records(sequential(DENSE))[:2], ("model.weights.h5", pickled(mark))]
    ),
    "a configuration that is a pickle": packed(lambda mark: records(pickled(mark))),
    "no configuration": packed(lambda _: records(b"")[::2]),
    "deep nesting": packed(lambda _: records(b"[" * 100_000 + b"]" * 100_000)),
    "a pickle before an archive": before,
    "an archive behind another's head": behind,
    "a pickle": pickle_as("model.keras"),
    "a pickle as HDF5": pickle_as("model.h5"),
    "a pickle behind HDF5's first bytes": pickle_as("model.h5", before=WEIGHTS[:8]),
    "HDF5 without a configuration": file("model.h5", WEIGHTS),
    "half of HDF5": file("model.weights.h5", WEIGHTS[:300]),
    "HDF5 that leads round for ever": file("model.weights.h5", endless()),
    "HDF5 that is read again and again": file("model.weights.h5", slow()),
    "HDF5 that leads nowhere": file("model.weights.h5", WEIGHTS[:64] + b"\xff" * 8 + WEIGHTS[72:]),
}
TREE = b"tree\nversion=v4\nmax_feature_idx=1\ntree_sizes=1\n"
BOOSTERS: dict[str, Build] = {
    "a pickle as XGBoost": pickle_as("model.ubj"),
    "a pickle as XGBoost's JSON": pickle_as("model.json"),
    "an old pickle as XGBoost's JSON": pickle_as("model.json", protocol=0),
    "a pickle behind a brace": pickle_as("model.ubj", before=b"{"),
    "a pickle as XGBoost of MLflow 2": pickle_as("model.xgb"),
    "a pickle behind XGBoost": pickle_as("model.ubj", before=UBJ),
    "XGBoost with another key": file("model.ubj", UBJ[:-1] + b"U\x04code" + b"SU\x01x}"),
    "XGBoost with a key twice": file("model.ubj", UBJ[:-1] + b"U\x07version[]}"),
    "XGBoost that is longer than its file": file("model.ubj", b"{U\x07learner[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff"),
    "XGBoost of a negative length": file("model.ubj", b"{U\x07learnerSL\xff\xff\xff\xff\xff\xff\xff\xff}"),
    "XGBoost of endless nesting": file("model.ubj", b"{U\x07learner" + b"[" * 100_000),
    "XGBoost of endless nothing": file("model.ubj", b"{U\x07learner[$Z#L\x7f\xff\xff\xff\xff\xff\xff\xff}"),
    "a configuration as XGBoost": file("model.json", b'{"auto_map": {"AutoModel": "m.M"}}'),
    "XGBoost's JSON with a key twice": file(
        "model.json", b'{"learner": {"gradient_booster": 1}, "learner": 2, "version": []}'
    ),
    "XGBoost's JSON of endless nesting": file("model.json", b'{"learner": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "a pickle as LightGBM": pickle_as("model.txt"),
    "an old pickle as LightGBM": pickle_as("model.txt", protocol=0),
    "a pickle behind LightGBM": pickle_as("model.txt", before=TREE),
    "an old pickle behind LightGBM": pickle_as("model.lgb", before=TREE, protocol=0),
    "LightGBM with a line of code": file("model.txt", TREE + b"import os; os.system('true')\n"),
    "LightGBM without trees": file("model.txt", b"tree\nversion=v4\n"),
    "a pickle as CatBoost": pickle_as("model.cbm"),
    "a pickle behind CatBoost's first bytes": pickle_as("model.cbm", before=b"CBM1"),
    "CatBoost that is longer than its file": file("model.cbm", b"CBM1\xff\xff\xff\xff\x14\0\0\0"),
    "CatBoost of nothing": file("model.cbm", b"CBM1"),
}
DIGEST = "sha256:" + "0a" * 32
IMAGES = [
    "ghcr.io/team/app",
    "ghcr.io/team/app:v1",
    "ghcr.io/team/app@sha256:0a",
    f"ghcr.io/team/app@{DIGEST.upper()}",
    f"ghcr.io/team/app@{DIGEST}\n",
    f"ghcr.io/team/app@{DIGEST};true",
    f"$(true)@{DIGEST}",
    f"-v/:/x@{DIGEST}",
    f"ghcr.io/../app@{DIGEST}",
    f"https://ghcr.io/team/app@{DIGEST}",
    f"app @{DIGEST}",
    f"@{DIGEST}",
]
