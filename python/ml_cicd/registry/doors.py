"""The doors of this wing by name: the model formats that are read, in the order in which they are tried.

Each is a module with one `FORMAT` (registry/formats/scan.py): how its files are recognised, and what in them could run
code when they are loaded.
"""

FORMATS: dict[str, str] = {
    "mlflow": "ml_cicd.registry.formats.mlflow_folder",
    "hugging-face": "ml_cicd.registry.formats.hugging_face",
    "safetensors": "ml_cicd.registry.formats.safetensors",
    "onnx": "ml_cicd.registry.formats.onnx_model",
    "pt2": "ml_cicd.registry.formats.pt2_archive",
    "keras": "ml_cicd.registry.formats.keras_model",
    "xgboost": "ml_cicd.registry.formats.xgboost_model",
    "lightgbm": "ml_cicd.registry.formats.lightgbm_text",
    "catboost": "ml_cicd.registry.formats.catboost_model",
    "torch": "ml_cicd.registry.formats.torch_file",
    "skops": "ml_cicd.registry.formats.skops_file",
    "numpy": "ml_cicd.registry.formats.numpy_file",
    "joblib": "ml_cicd.registry.formats.joblib_file",
    "pickle": "ml_cicd.registry.formats.pickle_file",
    "image": "ml_cicd.registry.formats.image",
}
