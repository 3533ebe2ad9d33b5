"""Write a small model of every kind with the library that teams write it with. Run in the environment of tests/zoo.

python tests/zoo/write.py FOLDER [KIND ...]     each kind as FOLDER/KIND, a file or a folder

No library is asked for a network; MLflow's requirements are named, because to infer them runs each model.
"""

import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

QUIET = {"KERAS_BACKEND": "torch", "HF_HUB_OFFLINE": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}

RANDOM = np.random.default_rng(7)
X = RANDOM.normal(size=(40, 4)).astype("float32")
Y = (X[:, 0] > 0).astype(int)
CODE = "def scale(value):\n    return value * 2\n"
FROM_CODE = """\
import mlflow
from mlflow.pyfunc import PythonModel


class Doubles(PythonModel):
    def predict(self, context, model_input):
        return model_input * 2


mlflow.models.set_model(Doubles())
"""


def logistic() -> Any:
    """Return a fitted logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(X, Y)


def pipeline() -> Any:
    """Return a fitted pipeline of several kinds of parts."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    columns = ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", MinMaxScaler(), [2, 3])])
    return make_pipeline(SimpleImputer(), columns, LogisticRegression()).fit(X, Y)


def forest() -> Any:
    """Return a fitted forest."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=3).fit(X, Y)


def booster(**more: Any) -> Any:
    """Return XGBoost's own model."""
    import xgboost

    return xgboost.train({"objective": "binary:logistic", **more}, xgboost.DMatrix(X, Y), 3)


def gradient(kind: str) -> Any:
    """Return the scikit-learn wrapper of a boosting library."""
    from importlib import import_module

    module, _, name = kind.partition(".")
    made = getattr(import_module(module), name)
    silent = {"verbose": False, "allow_writing_files": False} if module == "catboost" else {}
    return made(n_estimators=3, **silent).fit(X, Y)


def module() -> Any:
    """Return a torch module with more than one kind of layer."""
    import torch

    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2))


def keras_model() -> Any:
    """Return a Keras model with layers that have settings, and an optimizer."""
    import keras

    inputs = keras.Input((4,))
    hidden = keras.layers.Dropout(0.1)(keras.layers.Dense(8, activation="relu", kernel_regularizer="l2")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.BatchNormalization()(hidden)))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X, Y, epochs=1, verbose=0)
    return model


def deep_keras() -> Any:
    """Return a Keras model of many convolutions, with an operation, a schedule and a constraint."""
    import keras

    layers = keras.layers
    inputs = found = keras.Input((8, 8, 3))
    for _ in range(20):
        found = layers.Conv2D(4, 3, padding="same", activation="relu", kernel_initializer="he_normal")(found)
        found = layers.BatchNormalization()(found)
    found = layers.GlobalAveragePooling2D()(found + 1.0)
    found = layers.Dense(3, activation=keras.activations.softmax, kernel_constraint=keras.constraints.MaxNorm(2))(found)
    model = keras.Model(inputs, found)
    rate = keras.optimizers.schedules.CosineDecay(0.1, 10)
    model.compile(keras.optimizers.AdamW(rate), loss=keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    return model


def words_keras() -> Any:
    """Return a sequential Keras model that reads words."""
    import keras

    layers = keras.layers
    rest = [layers.Bidirectional(layers.LSTM(4)), layers.Dropout(0.2), layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((10,)), layers.Embedding(20, 4, mask_zero=True), *rest])
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy", "AUC"])
    model.fit(np.ones((8, 10)), np.ones(8), verbose=0)
    return model


def attending_keras() -> Any:
    """Return a Keras model with attention."""
    import keras

    layers = keras.layers
    inputs = keras.Input((5, 8))
    found = layers.LayerNormalization()(layers.Add()([inputs, layers.MultiHeadAttention(2, 4)(inputs, inputs)]))
    return keras.Model(inputs, found)


def with_categories() -> Any:
    """Return LightGBM's booster over a table with categories and odd names of columns."""
    import lightgbm
    import pandas as pd

    table = pd.DataFrame({"größe (m)": X[:, 0], "colour": pd.Categorical(["red", "blue"] * 20)})
    return lightgbm.LGBMRegressor(n_estimators=3, min_child_samples=2).fit(table, X[:, 1]).booster_


def bert() -> tuple[Any, Any]:
    """Return a tiny model with random weights, and a tokenizer of five words."""
    import tempfile

    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    vocabulary = Path(tempfile.mkdtemp()) / "vocab.txt"
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\n")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    return BertForSequenceClassification(BertConfig(vocab_size=7, **sizes)), BertTokenizer(str(vocabulary))


def generating(path: Path) -> None:
    """Write a small model that generates text, with the settings of that."""
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(GPT2Config(vocab_size=7, n_embd=8, n_layer=1, n_head=2, n_positions=16)).save_pretrained(path)
    bert()[1].save_pretrained(path)


def sentences(path: Path) -> None:
    """Write a model of sentence_transformers with each of its usual parts."""
    from sentence_transformers import SentenceTransformer, models

    hugging_face(path.with_name("words"))
    words = models.Transformer(str(path.with_name("words")))
    pooling = models.Pooling(words.get_word_embedding_dimension())
    SentenceTransformer(modules=[words, pooling, models.Dense(8, 4), models.Normalize()]).save(str(path))


def seeing(path: Path) -> None:
    """Write a small model of images."""
    from transformers import ViTConfig, ViTForImageClassification

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    ViTForImageClassification(ViTConfig(image_size=8, patch_size=4, **sizes)).save_pretrained(path)


def onnx_model() -> Any:
    """Return a linear model with weights that can lie outside."""
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(RANDOM.normal(size=(4, 300)).astype("float32"), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 300])
    graph = helper.make_graph([node], "linear", [x], [y], [weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def torch_file(path: Path, saved: Any) -> None:
    """Write what torch.save writes."""
    import torch

    torch.save(saved, path)


def exported(path: Path) -> None:
    """Write an exported program."""
    import torch

    rows = torch.export.Dim("rows", min=2)
    program = torch.export.export(module().eval(), (torch.zeros(2, 4),), dynamic_shapes=({0: rows},))
    torch.export.save(program, path)


def scripted(path: Path) -> None:
    """Write TorchScript."""
    import torch

    torch.jit.trace(module().eval(), torch.zeros(2, 4)).save(path)


def onnx_outside(path: Path) -> None:
    """Write a folder with the graph in one file and the weights in another."""
    import onnx

    path.mkdir()
    onnx.save(onnx_model(), path / "model.onnx", save_as_external_data=True, location="model.onnx.data")


def hugging_face(path: Path, *, safe: bool = True) -> None:
    """Write what save_pretrained writes, or the old form of the weights."""
    import torch

    model, tokenizer = bert()
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    if not safe:
        (path / "model.safetensors").unlink()
        torch.save(model.state_dict(), path / "pytorch_model.bin")


def sharded(path: Path) -> None:
    """Write weights in several files with an index."""
    model, tokenizer = bert()
    model.save_pretrained(path, max_shard_size="1KB")
    tokenizer.save_pretrained(path)


def flavour(name: str, make: Callable[[], Any], **more: Any) -> Callable[[Path], None]:
    """Return what saves a model with a flavour of MLflow's."""

    def write(path: Path) -> None:
        from importlib import import_module

        requirements = {"pip_requirements": ["numpy"]}
        import_module(f"mlflow.{name}").save_model(make(), path=str(path), **requirements, **more)

    return write


def torch_flavour(**more: Any) -> Callable[[Path], None]:
    """Return what saves a torch module with MLflow, with a signature."""

    def write(path: Path) -> None:
        from mlflow.models import infer_signature

        signature = infer_signature(X, np.zeros((40, 2), "float32"))
        flavour("pytorch", module, input_example=X[:2], signature=signature, **more)(path)

    return write


def with_files(write: Callable[[Path], None], **files: str) -> Callable[[Path], None]:
    """Return what writes a model beside files of these names in the current folder."""

    def written(path: Path) -> None:
        for name, text in files.items():
            Path(name.replace("__", ".")).write_text(text)
        write(path)

    return written


def python_model(path: Path) -> None:
    """Save a class of the user's own, by value."""
    from mlflow import pyfunc

    class Doubles(pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context: Any, model_input: Any) -> Any:
            return model_input * 2

    pyfunc.save_model(str(path), python_model=Doubles(), pip_requirements=["numpy"])


def from_code(path: Path) -> None:
    """Save a model as the code that makes it."""
    from mlflow import pyfunc

    Path("doubles.py").write_text(FROM_CODE)
    pyfunc.save_model(str(path), python_model="doubles.py", pip_requirements=["numpy"])


def transformers_flavour(path: Path) -> None:
    """Save a pipeline with MLflow."""
    from mlflow import transformers as saving
    from transformers import pipeline as make

    model, tokenizer = bert()
    saving.save_model(
        make("text-classification", model=model, tokenizer=tokenizer), str(path), pip_requirements=["torch"]
    )


def dump(with_: str, make: Callable[[], Any]) -> Callable[[Path], None]:
    """Return what pickles a model with pickle, joblib or cloudpickle."""

    def write(path: Path) -> None:
        from importlib import import_module

        with path.open("wb") as stream:
            import_module(with_).dump(make(), stream)

    return write


def skops_file(path: Path) -> None:
    """Write skops."""
    import skops.io

    skops.io.dump(pipeline(), path)


def safetensors_file(path: Path) -> None:
    """Write safetensors with metadata."""
    from safetensors.torch import save_file

    save_file(module().state_dict(), path, metadata={"format": "pt"})


def weights_only(path: Path) -> None:
    """Write the weights of a Keras model."""
    keras_model().save_weights(path)


def onnx_file(path: Path) -> None:
    """Write one file."""
    import onnx

    onnx.save(onnx_model(), path)


KINDS: dict[str, Callable[[Path], None]] = {
    "mlflow-pytorch": torch_flavour(),
    "mlflow-pytorch-pickle": torch_flavour(serialization_format="pickle"),
    "mlflow-pytorch-code-paths": with_files(torch_flavour(code_paths=["scaling.py"]), scaling__py=CODE),
    "mlflow-pytorch-extra-files": with_files(torch_flavour(extra_files=["labels.txt"]), labels__txt="no\nyes\n"),
    "mlflow-sklearn": flavour("sklearn", logistic),
    "mlflow-sklearn-example": flavour("sklearn", logistic, input_example=X[:2]),
    "mlflow-sklearn-pipeline": flavour("sklearn", pipeline, skops_trusted_types=["numpy.dtype"]),
    "mlflow-sklearn-forest": flavour("sklearn", forest, skops_trusted_types=["sklearn.tree._tree.Tree"]),
    "mlflow-sklearn-cloudpickle": flavour("sklearn", forest, serialization_format="cloudpickle"),
    "mlflow-sklearn-pickle": flavour("sklearn", pipeline, serialization_format="pickle"),
    "mlflow-xgboost": flavour("xgboost", booster),
    "mlflow-xgboost-json": flavour("xgboost", booster, model_format="json"),
    "mlflow-xgboost-sklearn": flavour("xgboost", lambda: gradient("xgboost.XGBClassifier")),
    "mlflow-lightgbm": flavour("lightgbm", lambda: gradient("lightgbm.LGBMClassifier").booster_),
    "mlflow-lightgbm-sklearn": flavour("lightgbm", lambda: gradient("lightgbm.LGBMClassifier")),
    "mlflow-catboost": flavour("catboost", lambda: gradient("catboost.CatBoostClassifier")),
    "mlflow-onnx": flavour("onnx", onnx_model),
    "mlflow-onnx-one-file": flavour("onnx", onnx_model, save_as_external_data=False),
    "mlflow-keras": flavour("keras", keras_model),
    "mlflow-transformers": transformers_flavour,
    "mlflow-pyfunc": python_model,
    "mlflow-from-code": from_code,
    "logistic.pkl": dump("pickle", logistic),
    "pipeline.joblib": dump("joblib", pipeline),
    "forest.joblib": dump("joblib", forest),
    "forest-cloudpickle.pkl": dump("cloudpickle", forest),
    "pipeline.skops": skops_file,
    "booster.json": lambda path: booster().save_model(path),
    "booster.ubj": lambda path: booster().save_model(path),
    "classifier.json": lambda path: gradient("xgboost.XGBClassifier").save_model(path),
    "lightgbm.txt": lambda path: gradient("lightgbm.LGBMClassifier").booster_.save_model(str(path)),
    "catboost.cbm": lambda path: gradient("catboost.CatBoostClassifier").save_model(path),
    "categories.lgb": lambda path: with_categories().save_model(str(path)),
    "dart.ubj": lambda path: booster(booster="dart").save_model(path),
    "linear.json": lambda path: booster(booster="gblinear").save_model(path),
    "classes.ubj": lambda path: booster(objective="multi:softprob", num_class=2).save_model(path),
    "regressor.cbm": lambda path: gradient("catboost.CatBoostRegressor").save_model(path),
    "model.onnx": onnx_file,
    "onnx-outside": onnx_outside,
    "model.keras": lambda path: keras_model().save(path),
    "model.h5": lambda path: keras_model().save(path),
    "deep.keras": lambda path: deep_keras().save(path),
    "deep.h5": lambda path: deep_keras().save(path),
    "words.keras": lambda path: words_keras().save(path),
    "words.h5": lambda path: words_keras().save(path),
    "attending.keras": lambda path: attending_keras().save(path),
    "keras.weights.h5": weights_only,
    "model.safetensors": safetensors_file,
    "state.pt": lambda path: torch_file(path, module().state_dict()),
    "checkpoint.pth": lambda path: torch_file(path, {"model": module().state_dict(), "epoch": 3, "lr": 0.1}),
    "module.pt": lambda path: torch_file(path, module()),
    "scripted.pt": scripted,
    "exported.pt2": exported,
    "hugging-face": hugging_face,
    "hugging-face-bin": lambda path: hugging_face(path, safe=False),
    "hugging-face-sharded": sharded,
    "hugging-face-generating": generating,
    "hugging-face-seeing": seeing,
    "sentence-transformers": sentences,
}


def main(folder: str, *kinds: str) -> int:
    """Write these kinds, or all."""
    os.environ |= QUIET
    warnings.simplefilter("ignore")
    target = Path(folder).resolve()
    target.mkdir(parents=True, exist_ok=True)
    os.chdir(target)
    for kind in kinds or KINDS:
        KINDS[kind](target / kind)
        print(kind, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
