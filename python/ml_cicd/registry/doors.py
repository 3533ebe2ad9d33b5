"""The doors of this wing by name: the model formats that are read, in the order in which they are tried.

Each is a module with one `FORMAT` (registry/formats/scan.py): how its files are recognised, and what in them could run
code when they are loaded.
"""

FORMATS: dict[str, str] = {
    "mlflow": "ml_cicd.registry.formats.mlflow_folder",
    "pt2": "ml_cicd.registry.formats.pt2_archive",
    "torch": "ml_cicd.registry.formats.torch_file",
    "skops": "ml_cicd.registry.formats.skops_file",
    "numpy": "ml_cicd.registry.formats.numpy_file",
    "pickle": "ml_cicd.registry.formats.pickle_file",
}
