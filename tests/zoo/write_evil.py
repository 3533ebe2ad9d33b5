"""Write models that reach out or would run code, with the real libraries. Run in the environment of tests/zoo.

python tests/zoo/write_evil.py FOLDER
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CONFIG = '{"class_name": "Sequential", "config": {"name": "s", "layers": []}}'
LAMBDA = '{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {}}]}}'


def hdf5(change: Callable[[Any], None], **more: Any) -> Callable[[Path], None]:
    """Return what writes HDF5 with a plain configuration, changed."""

    def write(path: Path) -> None:
        import h5py

        with h5py.File(path, "w", **more) as out:
            out.attrs["model_config"] = CONFIG
            out.create_group("model_weights").create_dataset("w", data=[1.0, 2.0])
            change(out)

    return write


def external_link(out: Any) -> None:
    """Link to a group of another file."""
    import h5py

    out["model_weights/other"] = h5py.ExternalLink("/etc/hostname", "/")


def soft_link(out: Any) -> None:
    """Link by name."""
    import h5py

    out["model_weights/other"] = h5py.SoftLink("/model_weights/w")


def external_data(out: Any) -> None:
    """Keep numbers in another file."""
    out.create_dataset("outside", shape=(4,), dtype="u1", external=[("/etc/hostname", 0, 4)])


def virtual_data(out: Any) -> None:
    """Make numbers of those of another file."""
    import h5py

    layout = h5py.VirtualLayout(shape=(4,), dtype="u1")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape=(4,))
    out.create_virtual_dataset("virtual", layout)


def second_configuration(out: Any) -> None:
    """Say another configuration in a group."""
    out["model_weights"].attrs["model_config"] = LAMBDA


def configuration_in_a_list(out: Any) -> None:
    """Say the configuration as a list of one text."""
    out.attrs["model_config"] = [LAMBDA]


def many_attributes(out: Any) -> None:
    """Say so much that HDF5 keeps the attributes in a heap."""
    for number in range(20):
        out.attrs[f"a{number}"] = "x"
    out.attrs["model_config"] = LAMBDA


def references(out: Any) -> None:
    """Name a type of its own."""
    import numpy as np

    out["kind"] = np.dtype("f8")
    out.create_dataset("typed", shape=(2,), dtype=out["kind"])


def keras_with(name: str) -> Callable[[Path], None]:
    """Return what saves a model with a layer that Keras itself would not load without a word."""

    def write(path: Path) -> None:
        import keras

        @keras.saving.register_keras_serializable("mine")
        class Mine(keras.layers.Layer):  # type: ignore[misc]
            def call(self, value: Any) -> Any:
                return value

        layers = {"lambda": lambda: keras.layers.Lambda(lambda value: value * 2), "custom": Mine}
        keras.Sequential([keras.Input((4,)), layers[name](), keras.layers.Dense(1)]).save(path)

    return write


EVIL: dict[str, Callable[[Path], None]] = {
    "external-link.h5": hdf5(external_link),
    "external-link.weights.h5": hdf5(external_link),
    "new-external-link.h5": hdf5(external_link, libver="latest"),
    "soft-link.h5": hdf5(soft_link),
    "external-data.h5": hdf5(external_data),
    "virtual-data.h5": hdf5(virtual_data),
    "second-configuration.h5": hdf5(second_configuration),
    "configuration-in-a-list.h5": hdf5(configuration_in_a_list),
    "attributes-in-a-heap.h5": hdf5(many_attributes, libver="latest"),
    "type-of-its-own.h5": hdf5(references),
    "block-before.h5": hdf5(lambda _out: None, userblock_size=512),
    "lambda.keras": keras_with("lambda"),
    "lambda.h5": keras_with("lambda"),
    "custom.keras": keras_with("custom"),
    "custom.h5": keras_with("custom"),
}
HARMLESS: dict[str, Callable[[Path], None]] = {
    "plain.h5": hdf5(lambda _out: None),
    "new.h5": hdf5(lambda _out: None, libver="latest"),
}


def main(folder: str) -> int:
    """Write all."""
    os.environ["KERAS_BACKEND"] = "torch"
    for name, write in {**EVIL, **HARMLESS}.items():
        write(Path(folder) / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
