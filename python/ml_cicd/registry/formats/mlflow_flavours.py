"""The flavours of MLflow's folders that are taken: which keys name files, which formats these may be of, and which
values their loaders would import or look up by name.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Found = Mapping[str, Any]  # what MLmodel says of one flavour
PICKLES = {"skops": ("skops",), "pickle": ("pickle",), "cloudpickle": ("pickle",), "joblib": ("joblib", "pickle")}
BOOSTER = "lightgbm.basic.Booster"
WORD = re.compile(r"[\w./-]*")
NAMED = ("tokenizer", "processor", "feature_extractor", "image_processor")


@dataclass(frozen=True, kw_only=True, slots=True)
class Flavour:
    """One flavour. `path` is the key that names its data, `default` what the loader takes where it is absent.

    `formats` are names in `registry.doors.FORMATS`: those that the loader would read this as, whatever the file is
    called. `inside` are its files where the data is a folder; `fixed` are files with the one content that they may
    have; `values` are patterns for what the loader looks up by name; `folders` hold tokenizers and the like.
    """

    path: str
    default: str = ""
    formats: Callable[[Found], tuple[str, ...]]
    inside: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    way_out: str


def _always(*names: str) -> Callable[[Found], tuple[str, ...]]:
    return lambda _found: names


def _written_with(default: str) -> Callable[[Found], tuple[str, ...]]:
    return lambda found: PICKLES.get(str(found.get("serialization_format") or default), ())


def _lightgbm(found: Found) -> tuple[str, ...]:
    if found.get("model_class", BOOSTER) == BOOSTER:
        return ("lightgbm",)
    return _written_with("cloudpickle")(found)


FLAVOURS: Mapping[str, Flavour] = {
    "sklearn": Flavour(
        path="pickled_model",
        formats=_written_with("pickle"),
        way_out="Log it with mlflow.sklearn and serialization_format='skops', or name what it calls in "
        "registry.allow_callables.",
    ),
    "xgboost": Flavour(
        path="data",
        formats=_always("xgboost"),
        values={
            "model_class": re.compile(r"xgboost\.(core\.Booster|sklearn\.XGB\w+)"),
            "model_format": re.compile("ubj|json|xgb"),
        },
        way_out="Log it with mlflow.xgboost and model_format='ubj'.",
    ),
    "lightgbm": Flavour(
        path="data",
        formats=_lightgbm,
        values={"model_class": re.compile(r"lightgbm\.(basic\.Booster|sklearn\.LGBM\w+)")},
        way_out="Log the booster (`model.booster_`) with mlflow.lightgbm.",
    ),
    "catboost": Flavour(
        path="data",
        formats=_always("catboost"),
        values={"model_type": re.compile("CatBoost(Classifier|Regressor|Ranker)?"), "save_format": re.compile("cbm")},
        way_out="Log it with mlflow.catboost and format='cbm'.",
    ),
    "onnx": Flavour(
        path="data",
        formats=_always("onnx"),
        values={
            "providers": re.compile("[A-Za-z]+ExecutionProvider"),
            "onnx_session_options": re.compile(
                r"(?i)execution_mode|graph_optimization_level|(intra|inter)_op_num_threads|sequential|parallel|\d+"
            ),
        },
        way_out="Log it with mlflow.onnx, with ONNX's own operators and without other session options.",
    ),
    "keras": Flavour(
        path="data",
        default="model",
        formats=_always("keras"),
        inside=("model.keras",),
        fixed={"data/keras_module.txt": "keras"},
        values={"keras_backend": WORD, "save_exported_model": re.compile("False")},
        way_out="Build it of Keras's own layers and log it with mlflow.keras, without save_exported_model.",
    ),
    "pytorch": Flavour(
        path="model_data",
        default="data",
        formats=_always("pt2", "torch"),
        inside=("model.pt2", "model.pth"),
        fixed={"data/pickle_module_info.txt": "mlflow.pytorch.pickle_module"},
        values={"extra_files": re.compile(r"path|extra_files/[\w./-]+"), "serialization_format": WORD},
        way_out="Log it with mlflow.pytorch as pt2, its default, with an input_example.",
    ),
    "transformers": Flavour(
        path="model_binary",
        formats=_always("hugging-face"),
        values={
            "torch_dtype": re.compile(r"torch\.\w+"),
            **dict.fromkeys((f"{name}_{part}" for name in NAMED for part in ("type", "name", "revision")), WORD),
            **dict.fromkeys(("components", "task", "instance_type", "pipeline_model_type", "framework"), WORD),
            **dict.fromkeys(("source_model_name", "source_model_revision"), WORD),
        },
        folders=("components",),
        way_out="Log it with mlflow.transformers with its weights, from a model class of the transformers library.",
    ),
}
