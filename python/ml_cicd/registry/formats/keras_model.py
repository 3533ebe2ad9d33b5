"""Keras: `.keras` (a zip of JSON and HDF5), `.h5` (HDF5 with JSON in an attribute), and weights alone."""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml_cicd.registry.formats.hdf5 import MAGIC, Hdf5
from ml_cicd.registry.formats.keras_objects import object_problems
from ml_cicd.registry.formats.pickle_stream import NotPlain
from ml_cicd.registry.formats.reading import LARGEST_JSON, head, read_whole, strict_json
from ml_cicd.registry.formats.scan import Format
from ml_cicd.registry.formats.zips import opened, read

RECORDS = {"metadata.json", "config.json", "model.weights.h5"}
CONFIGURATIONS = {"model_config", "training_config"}
WEIGHTS = ".weights.h5"


def _problems(path: Path) -> Iterator[str]:
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if path.suffix == ".keras":
            try:
                yield from _archive(path, data)
            except NotPlain as problem:
                yield str(problem)
        else:
            yield from _hdf5(data, whole=not path.name.endswith(WEIGHTS))


def _archive(path: Path, data: Any) -> Iterator[str]:  # noqa: ANN401  # the file as memory
    with opened(path) as archive:
        entries = archive.infolist()
        names = {entry.filename for entry in entries}
        if names != RECORDS:
            yield f"it holds {', '.join(sorted(names)[:8])}, not {', '.join(sorted(RECORDS))}"
            return
        if any(e.compress_type or e.compress_size != e.file_size for e in entries):
            yield "its records are compressed"
            return
        config, metadata = (read(archive, f"{name}.json", LARGEST_JSON) for name in ("config", "metadata"))
        weights = archive.getinfo("model.weights.h5")
        archive.open(weights).close()  # it compares the two headers of a record
    strict_json(metadata)
    yield from object_problems(strict_json(config))
    begin = weights.header_offset + 30 + sum(struct.unpack_from("<HH", data, weights.header_offset + 26))
    with memoryview(data) as everything, everything[begin : begin + weights.file_size] as part:  # it may be large
        yield from _hdf5(part, whole=False)


def _hdf5(data: Any, *, whole: bool) -> Iterator[str]:  # noqa: ANN401
    found = 0
    for attribute in Hdf5(data).attributes():
        if attribute.name in CONFIGURATIONS:
            found += attribute.name == "model_config"
            yield from object_problems(strict_json(attribute.text))
    if whole and found != 1:
        yield "it has no one model_config" if not found else "it has several model_configs"


def _recognises(path: Path) -> bool:
    starts = {".keras": b"PK", ".h5": MAGIC, ".hdf5": MAGIC}.get(path.suffix)
    return starts is not None and head(path, len(starts)) == starts


FORMAT = Format(
    name="Keras",
    recognised="a file .keras, .h5 or .weights.h5",
    looked_at="every object that the configuration names; every group, link and attribute of the HDF5",
    refused="Lambda layers, custom and foreign objects, functions, vocabularies in files, data outside the file",
    way_out="Build it of Keras's own layers and save it as .keras, or export it to ONNX.",
    recognises=_recognises,
    violations=read_whole("a model that Keras wrote", _problems),
)
