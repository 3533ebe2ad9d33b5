"""The static look into an exported program: what mlflow saves is plain, what could run code is named."""

import contextlib
import io
import os
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from ml_cicd import violations
from ml_cicd.registry.formats.pt2_archive import archive_violations
from ml_cicd.registry.formats.torch_export import save_model
from tests.fakes.model_folder import model_folder, write_program


class Net(torch.nn.Module):  # type: ignore[misc]  # half-typed
    """Layers with weights, buffers and constants."""

    def __init__(self) -> None:
        """Build it."""
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2))
        self.register_buffer("scale", torch.tensor([2.0]))

    def forward(self, x: Any) -> Any:
        """Apply it."""
        return self.layers(x * self.scale) + torch.tensor([0.5, 0.25])


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how to be made again."""
        return os.system, ("touch pwned",)


def saved(value: object) -> bytes:
    """Return what torch.save writes."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_a_real_model_is_plain(tmp_path: Path) -> None:
    """A module with weights, buffers and constants, saved as users save it, has no violation."""
    save_model(Net().eval(), str(tmp_path / "model"), torch.randn(3, 4).numpy())
    assert violations(tmp_path / "model") == ()


def test_several_inputs_are_plain(tmp_path: Path) -> None:
    """Sample inputs of other types and shapes are tensors in containers too."""

    class Two(torch.nn.Module):  # type: ignore[misc]  # half-typed
        def forward(self, x: Any, y: Any, *, flag: Any) -> Any:
            return {"a": x + y["b"].sum(), "c": flag}

    inputs = (torch.randn(2, 3), {"b": torch.ones(2, dtype=torch.int64)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(Two(), inputs, {"flag": torch.tensor([True])})
        torch.export.save(program, tmp_path / "model.pt2")
    assert archive_violations(tmp_path / "model.pt2") == ()


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ({"data/sample_inputs/model.pt": saved(Evil())}, "calls posix.system"),
        ({"data/sample_inputs/model.pt": pickle.dumps(Evil())}, "is not what torch.save writes"),
        ({"data/sample_inputs/model.pt": saved(Path())}, "calls pathlib"),
        ({"data/constants/custom_obj_0": pickle.dumps(Evil())}, "'data/constants/custom_obj_0' is not one"),
        ({"data/weights/w_config.json": b'{"config": {"a": {"use_pickle": true}}}'}, "weights are pickled"),
        ({"data/weights/w_config.json": b"{"}, "is not JSON"),
        ({"data/aotinductor/model/x.so": b"ELF"}, "'data/aotinductor/model/x.so' is not one"),
        ({"extra/x.py": b"print()"}, "'extra/x.py' is not one"),
        ({"data/weights/weight_0\n": b""}, "is no plain name"),
    ],
)
def test_what_could_run_code_is_named(tmp_path: Path, records: dict[str, bytes], says: str) -> None:
    """Each record that a loader would unpickle, open or import."""
    write_program(tmp_path / "model.pt2", records)
    assert any(says in problem for problem in archive_violations(tmp_path / "model.pt2"))
    assert not Path("pwned").exists()


def test_opcodes_that_hide_a_name_are_refused(tmp_path: Path) -> None:
    """A newer pickle protocol takes the name off the stack; it is read there."""
    buffer = io.BytesIO()
    torch.save({"a": Evil()}, buffer, pickle_protocol=4)
    write_program(tmp_path / "model.pt2", {"data/sample_inputs/model.pt": buffer.getvalue()})
    assert any("calls posix.system" in problem for problem in archive_violations(tmp_path / "model.pt2"))


def test_two_readers_see_the_same_archive(tmp_path: Path) -> None:
    """A compressed record is refused, and so is a name that stands twice."""
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "model.pt2", "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("model/archive_format", "pt2")
        archive.writestr("model/models/model.json", "{}", compress_type=zipfile.ZIP_DEFLATED)
    assert any("compressed" in problem for problem in archive_violations(tmp_path / "model.pt2"))
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "model.pt2", "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("model/archive_format", "pt2")
    assert any("a name twice" in problem for problem in archive_violations(tmp_path / "model.pt2"))


class Sized(torch.nn.Module):  # type: ignore[misc]  # half-typed
    """Sizes, guards, texts, names of inputs and outputs, and a graph in the graph."""

    def forward(self, x: Any, y: Any) -> Any:
        """Use each."""
        z = torch.cat([x, y]).reshape(x.shape[0] + y.shape[0], -1)
        parts = torch.nn.functional.gelu(z, approximate="tanh").split(x.shape[0])
        chosen = torch.cond(z.sum() > 0, lambda a: a.sin(), lambda a: a.cos(), (z,))
        return {"parts": parts, "half": x.shape[0] // 2, "chosen": chosen}


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export it with batches of any size."""
    file = Path(tmp_path_factory.mktemp("sized") / "model.pt2")
    few, more = torch.export.Dim("few", min=4), torch.export.Dim("more", min=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shapes = ({0: few}, {0: more})
        torch.export.save(
            torch.export.export(Sized(), (torch.zeros(8, 4), torch.zeros(6, 4)), dynamic_shapes=shapes), file
        )
    return file


def test_sizes_guards_and_texts_of_a_real_program_are_plain(sized: Path) -> None:
    """What torch writes of a program whose batch may have any size."""
    with zipfile.ZipFile(sized) as archive:
        program = archive.read("model/models/model.json")
    assert archive_violations(sized) == ()
    for each in (b"expr_str", b"L['x'].size()[0]", b"tanh", b"higher_order.cond", b"floordiv"):
        assert each in program


def changed(source: Path, target: Path, old: str, new: str) -> Path:
    """Write the archive with a text of its program changed."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as out:
        for name in archive.namelist():
            record = archive.read(name)
            if name.endswith("models/model.json"):
                assert old.encode() in record
                record = record.replace(old.encode(), new.encode(), 1)
            out.writestr(zipfile.ZipInfo(name), record)
    return target


QUOTE, INNER = r"\\\"", r"\\\\\\\""  # in JSON in a text in JSON in a text
RUNS = '__import__(\\"pathlib\\").Path(\\"mark\\").touch()'


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Integer(2)", RUNS, "has expr_str"),
        ("Integer(2)", "Integer.mro", "has expr_str"),
        ("Integer(2)", "open('mark', 'w')", "has expr_str"),
        ('"guards_code": [', f'"guards_code": ["{RUNS}", ', "has guards_code"),
        ('"guards_code": [', '"guards_code": ["L[\\u0027a\\u0027].__class__", ', "has guards_code"),
        ("torch.ops.aten.cat.default", "torch.os.system", "has target"),
        ("torch.ops.aten.cat.default", "torch.ops.aten.save.default", "has target"),
        ("torch.ops.aten.cat.default", "torch.ops.evil.run.default", "has target"),
        ("_operator.floordiv", "_operator.methodcaller", "has target"),
        ('"as_string": "tanh"', '"as_string": "\' + open(1) + \'"', "has as_string"),
        ('"name": "x"', '"name": "x=open(1)"', "has name"),
        (QUOTE + "parts" + QUOTE, QUOTE + "p" + INNER + "+open(1)+" + QUOTE, "has a name"),
        (
            QUOTE + "half" + QUOTE,
            "{QUOTE__enum__QUOTE: 1, QUOTEfqnQUOTE: QUOTEevil:xQUOTE}".replace("QUOTE", QUOTE),
            "would be imported",
        ),
        ('"out_spec": "', '"out_spec": "{\\"default_factory_module\\": 1}", "x": "', "would be imported"),
    ],
)
def test_texts_of_a_program_that_would_run_are_named(
    tmp_path: Path, sized: Path, old: str, new: str, says: str
) -> None:
    """Each text that torch evaluates, imports, looks up by name or writes into code."""
    assert any(says in problem for problem in archive_violations(changed(sized, tmp_path / "model.pt2", old, new)))


def test_a_size_would_run(tmp_path: Path, sized: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that these are no dummies: torch evaluates a size when it loads a program."""
    monkeypatch.chdir(tmp_path)
    file = changed(sized, tmp_path / "model.pt2", "Integer(2)", RUNS + " or 2")
    with contextlib.suppress(Exception):  # what it makes is no size
        torch.export.load(file)
    assert Path("mark").exists()


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04 half an archive"])
def test_a_file_that_is_no_archive(tmp_path: Path, data: bytes) -> None:
    """A name alone makes no model."""
    folder = model_folder(tmp_path / "model")
    (folder / "data" / "model.pt2").write_bytes(data)
    assert any("is not a pt2 archive" in problem for problem in violations(folder))
    (folder / "data" / "model.pt2").unlink()
    assert violations(folder) == ("flavor pytorch has no model.pt2 or model.pth in 'data'",)
