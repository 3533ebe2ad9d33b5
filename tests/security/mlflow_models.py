"""Folders of MLflow's that would run code, or reach out of themselves, when they are loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fakes.model_folder import model_folder
from tests.security.payload import code, mlmodel, pickled, tensors, write

Build = Callable[[Path, Path], None]  # (where the model goes, the mark)
CONFIG = '{"model_type": "bert", "architectures": ["BertModel"]}'
WEIGHTS = tensors({})
TRANSFORMERS = {"model_binary": "model", "task": "text-classification", "components": ["tokenizer"]}
BOOSTER = {"data": "model.ubj", "model_class": "xgboost.core.Booster", "model_format": "ubj"}
UBJ = b"{U\x07learner{U\x10gradient_booster{}}U\x07version[]}"


def torch_with(pyfunc: dict[str, Any] | None = None, flavour: dict[str, Any] | None = None, **more: Any) -> str:
    """Return MLmodel of a torch model with changes."""
    plain = {"data": "data", "loader_module": "mlflow.pytorch"}
    return mlmodel(
        python_function={**plain, **(pyfunc or {})}, pytorch={"model_data": "data", **(flavour or {})}, **more
    )


def of(mark: Path, files: dict[str, Any]) -> dict[str, Any]:
    """Return files with their content; a function makes it from the mark."""
    return {name: content(mark) if callable(content) else content for name, content in files.items()}


def torch_changed(**files: Any) -> Build:
    """Return what builds a plain torch model with these files over it; a function is called with the mark."""

    def build(path: Path, mark: Path) -> None:
        model_folder(path)
        write(path, of(mark, files))

    return build


def module(mark: Path) -> str:
    """Return a module that creates the mark when it is imported, as MLflow does with a loader."""
    return f"{code(mark)}\ndef _load_pyfunc(path):\n    return None\n"


def xgboost_with(pyfunc: dict[str, Any] | None = None, **changed: Any) -> Build:
    """Return what builds an XGBoost folder with changes in its flavour."""

    def build(path: Path, mark: Path) -> None:
        plain: dict[str, Any] = {"loader_module": "mlflow.xgboost", "data": "model.ubj", **(pyfunc or {})}
        write(path, {"MLmodel": mlmodel(python_function=plain, xgboost={**BOOSTER, **changed}), "model.ubj": UBJ})
        write(path, {"evil.py": module(mark)} if "evil" in str(changed) else {})

    return build


def transformers_with(files: dict[str, str | bytes], **changed: Any) -> Build:
    """Return what builds a transformers folder with changes."""

    def build(path: Path, _mark: Path) -> None:
        plain = {"MLmodel": mlmodel(transformers={**TRANSFORMERS, **changed})}
        weights = {"model/config.json": CONFIG, "model/model.safetensors": WEIGHTS}
        write(path, {**plain, **weights, "components/tokenizer/tokenizer.json": "{}", **files})

    return build


def sklearn_with(name: str, serialization: str) -> Build:
    """Return what builds a folder of scikit-learn whose file is a pickle under any name."""

    def build(path: Path, mark: Path) -> None:
        flavour = {"pickled_model": name, "serialization_format": serialization}
        pyfunc = {"loader_module": "mlflow.sklearn", "model_path": name}
        write(path, {"MLmodel": mlmodel(python_function=pyfunc, sklearn=flavour), name: pickled(mark)})

    return build


def keras_with(files: dict[str, Any], **changed: Any) -> Build:
    """Return what builds a Keras folder with files beside the model."""

    def build(path: Path, mark: Path) -> None:
        flavours = {"keras": {"data": "data", "keras_backend": "torch", **changed}}
        flavours["python_function"] = {"loader_module": "mlflow.keras"}
        write(path, {"MLmodel": mlmodel(**flavours), "data/model.keras": pickled(mark)})
        write(path, of(mark, files))

    return build


def onnx_with(**changed: Any) -> Build:
    """Return what builds an ONNX folder with options for its session."""

    def build(path: Path, _mark: Path) -> None:
        place = str(changed.pop("location", "model.data")).encode()
        entry = b"\x0a\x08location\x12" + bytes([len(place)]) + place
        tensor = b"\x6a" + bytes([len(entry)]) + entry
        graph = b"\x2a" + bytes([len(tensor)]) + tensor
        write(path, {"model.onnx": b"\x3a" + bytes([len(graph)]) + graph, "model.data": b""})
        write(path, {"MLmodel": mlmodel(onnx={"data": "model.onnx", **changed})})

    return build


def linked(name: str) -> Build:
    """Return what builds a plain torch model in which one file is a link to a copy outside."""

    def build(path: Path, _mark: Path) -> None:
        model_folder(path)
        (path / name).rename(path.parent / "outside")
        (path / name).symlink_to(path.parent / "outside")

    return build


TWICE = "flavors: {pytorch: {model_data: data}}\nflavors: {python_function: {loader_module: evil}}\n"
TAGGED = "flavors: !!python/object/apply:os.system ['true']\n"
ANYTHING = "!!python/object/new:tuple [[1]]\n"
MODELS: dict[str, Build] = {
    "a loader of its own": torch_changed(MLmodel=torch_with({"loader_module": "evil"}), **{"evil.py": module}),
    "a loader in code": torch_changed(
        MLmodel=torch_with({"loader_module": "evil", "code": "code"}), **{"code/evil.py": module}
    ),
    "a loader of the standard library": torch_changed(MLmodel=torch_with({"loader_module": "antigravity"})),
    "a loader of MLflow's that is no flavour": torch_changed(MLmodel=torch_with({"loader_module": "mlflow.spark"})),
    "a loader of another flavour": torch_changed(MLmodel=torch_with({"loader_module": "mlflow.sklearn"})),
    "code on the path": torch_changed(MLmodel=torch_with({"code": "code"}), **{"code/torch.py": module}),
    "code on the flavour's path": torch_changed(MLmodel=torch_with({}, {"code": "code"}), **{"code/numpy.py": module}),
    "code without a word": torch_changed(**{"code/torch.py": module}),
    "a module in the root": torch_changed(**{"sitecustomize.py": module}),
    "a python model": torch_changed(
        MLmodel=mlmodel(python_function={"loader_module": "mlflow.pyfunc.model", "python_model": "python_model.pkl"}),
        **{"python_model.pkl": pickled},
    ),
    "a model from code": torch_changed(
        MLmodel=mlmodel(
            python_function={"loader_module": "mlflow.pyfunc.loaders.code_model", "model_code_path": "/x/m.py"}
        ),
        **{"m.py": module},
    ),
    "artifacts of a python model": torch_changed(
        MLmodel=torch_with({"artifacts": {"a": {"path": "artifacts/a.pkl", "uri": "x"}}}),
        **{"artifacts/a.pkl": pickled},
    ),
    "pickle_module_info names a module": torch_changed(**{"data/pickle_module_info.txt": "evil", "evil.py": module}),
    "pickle_module_info of the standard library": torch_changed(**{"data/pickle_module_info.txt": "antigravity"}),
    "pickle_module_name": torch_changed(MLmodel=torch_with({"pickle_module_name": "antigravity"})),
    "a pickle beside pt2": torch_changed(**{"data/model.pth": pickled}),
    "a pickle as pt2": torch_changed(**{"data/model.pt2": pickled}),
    "a pickled example": torch_changed(**{"input_example.pkl": pickled}),
    "data above": torch_changed(MLmodel=torch_with({"data": "../data"}, {"model_data": "../data"})),
    "data in the root": torch_changed(MLmodel=torch_with({"data": "/data"}, {"model_data": "/data"})),
    "data by a backslash": torch_changed(MLmodel=torch_with({}, {"model_data": "..\\data"})),
    "data of two minds": torch_changed(MLmodel=torch_with({"data": "other"}), **{"other/model.pth": pickled}),
    "a second flavour": torch_changed(MLmodel=torch_with(spark={"model_data": "sparkml"})),
    "a second flavour that is known": torch_changed(
        MLmodel=torch_with(sklearn={"pickled_model": "model.pkl"}), **{"model.pkl": pickled}
    ),
    "an extra file that is a pickle": torch_changed(**{"extra_files/labels.pkl": pickled}),
    "an extra file that is code": torch_changed(**{"extra_files/labels.py": module}),
    "an extra file that is bytes": torch_changed(**{"extra_files/labels.txt": pickled}),
    "a key twice": torch_changed(MLmodel=TWICE),
    "a tag of Python's": torch_changed(MLmodel=TAGGED),
    "MLmodel as an object": torch_changed(MLmodel=ANYTHING),
    "a link instead of the weights": linked("data/model.pt2"),
    "a link instead of MLmodel": linked("MLmodel"),
    "a link instead of requirements": linked("requirements.txt"),
    "a link to a folder": linked("data"),
    "a class that XGBoost would import": xgboost_with(model_class="evil.Booster"),
    "a class of the standard library": xgboost_with(model_class="subprocess.Popen"),
    "a prediction by another name": xgboost_with({"predict_fn": "__class__("}),
    "a key that nobody knows": xgboost_with(hook="evil"),
    "XGBoost's data is a pickle": xgboost_with({"data": "model.pkl"}, data="model.pkl"),
    "a class that LightGBM would unpickle": torch_changed(
        MLmodel=mlmodel(lightgbm={"data": "model.txt", "model_class": "evil.Model"}), **{"model.txt": pickled}
    ),
    "CatBoost by another name": torch_changed(
        MLmodel=mlmodel(catboost={"data": "model.cb", "model_type": "train", "save_format": "cbm"}),
        **{"model.cb": pickled},
    ),
    "a pickle of scikit-learn": sklearn_with("model.pkl", "pickle"),
    "a pickle of cloudpickle": sklearn_with("model.pkl", "cloudpickle"),
    "a pickle that is called skops": sklearn_with("model.skops", "cloudpickle"),
    "a pickle that is called JSON": sklearn_with("model.json", "pickle"),
    "a pickle that is called onnx": sklearn_with("model.onnx", "pickle"),
    "a pickle that says skops": sklearn_with("model.skops", "skops"),
    "a serialization that nobody knows": sklearn_with("model.pkl", "dill"),
    "weights from a hub": transformers_with({}, model_binary=None),
    "a base model elsewhere": transformers_with({}, local_base_model_path="/tmp/other"),
    "an adapter": transformers_with({"peft/adapter_config.json": "{}"}, peft_adaptor="peft"),
    "a dtype that is a call": transformers_with({}, torch_dtype="torch.hub.load('evil')"),
    "a type that is a path": transformers_with({}, tokenizer_type="evil:Tokenizer()"),
    "auto_map in the model": transformers_with({"model/config.json": '{"auto_map": {"AutoModel": "m.M"}}'}),
    "auto_map in the tokenizer": transformers_with(
        {"components/tokenizer/tokenizer_config.json": '{"auto_map": {"AutoTokenizer": ["t.T", null]}}'}
    ),
    "a module in the model": transformers_with({"model/modeling_evil.py": "x = 1"}),
    "a module in the tokenizer": transformers_with({"components/tokenizer/tokenization_evil.py": "x = 1"}),
    "Keras custom objects": keras_with({"data/custom_objects.cloudpickle": pickled}),
    "a module that Keras would import": keras_with({"data/keras_module.txt": "evil", "evil.py": module}),
    "a graph of TensorFlow": keras_with({"data/model/saved_model.pb": b"x"}, save_exported_model=True),
    "a library of operators": onnx_with(onnx_session_options={"extra_session_config": {"session.x": "/tmp/x.so"}}),
    "a provider with a library": onnx_with(providers=[["CUDAExecutionProvider", {"library_path": "/tmp/x.so"}]]),
    "weights of a graph elsewhere": onnx_with(location="../model.data"),
    "a graph elsewhere": onnx_with(data="../model.onnx"),
}
