"""A folder of Hugging Face's `save_pretrained`: safetensors, JSON, files of a tokenizer. Nothing that names code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml_cicd.registry.formats.reading import BROKEN, LARGEST_JSON, bytes_of, first_line, mappings, strict_json
from ml_cicd.registry.formats.scan import Format, recognised
from ml_cicd.registry.look import Allowed

WEIGHTS = re.compile(r"(model|pytorch_model)([-.]\d{5}-of-\d{5})?\.(safetensors|bin)")
JUDGED_BY = {".safetensors": ("safetensors",), ".bin": ("torch",)}
JSON = re.compile(
    r"(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|preprocessor_config"
    r"|processor_config|image_processor_config|video_preprocessor_config|chat_template|quantize_config"
    r"|quantization_config|modules|config_sentence_transformers|sentence_bert_config|sentence_transformer_config|(model|pytorch_model)\.(safetensors|bin)\.index)\.json"
)
# A part of a model of sentence_transformers, in a folder of its own.
PART = re.compile(r"\d{1,2}_[A-Z]\w+")
# Classes that such a part names, and that its library imports.
IMPORTED = re.compile(
    r"sentence_transformers(\.\w+)*\.(Transformer|Pooling|Normalize|Dense|LayerNorm|Dropout)"
    r"|torch\.nn\.modules\.(activation\.\w+|linear\.Identity)"
)
MODULES = "modules.json"
TEXT = re.compile(r"vocab\.txt|merges\.txt|chat_template\.jinja|README\.md|LICENSE(\.txt|\.md)?|\.gitattributes")
# SentencePiece's models: protobuf that its own parser reads, no code.
PIECES = re.compile(r"(tokenizer|spiece|sentencepiece(\.bpe)?|source|target)\.(model|spm)")
NAMES_CODE = ("auto_map", "auto_mapping", "custom_pipelines", "trust_remote_code")
LARGEST_TEXT = 64 * 2**20


def folder_problems(path: Path, allowed: Allowed) -> Iterator[str]:
    """Yield what in a folder of weights or of a tokenizer is not known to be harmless."""
    for entry in sorted(path.rglob("*")):
        name = entry.relative_to(path).as_posix()
        if entry.is_dir() and PART.fullmatch(name) and not entry.is_symlink():
            continue
        if entry.is_symlink() or not entry.is_file():
            yield f"{name!r} is no plain file of this folder"
        else:
            try:
                yield from _file(name, entry, allowed)
            except BROKEN as problem:
                yield f"file {name!r} cannot be read to its end ({first_line(problem)})"


def _file(name: str, file: Path, allowed: Allowed) -> Iterator[str]:
    folder, _, last = name.rpartition("/")
    known = last if not folder or PART.fullmatch(folder) else ""
    if WEIGHTS.fullmatch(known):
        yield from _weights(file, allowed)
    elif JSON.fullmatch(known):
        yield from _json(name, strict_json(bytes_of(file, LARGEST_JSON)))
    elif TEXT.fullmatch(known):
        bytes_of(file, LARGEST_TEXT).decode("utf-8")
    elif file.suffix == ".py":
        yield f"file {name!r} is code, which trust_remote_code would run"
    elif not PIECES.fullmatch(known):
        yield f"file {name!r} is not one of a plain model or tokenizer"


def _weights(file: Path, allowed: Allowed) -> Iterator[str]:
    known = recognised(file, JUDGED_BY[file.suffix])
    if known is None:
        yield f"file {file.name!r} is of no known format"
    else:
        yield from known.violations(file, allowed)


def _json(name: str, found: Any) -> Iterator[str]:  # noqa: ANN401
    for one in mappings(found):
        for key, value in one.items():
            if key in NAMES_CODE and value and type(value) is not int:  # a word of a vocabulary has a number
                yield f"{name} has {key}, which names code"
            elif key == _importing(name) and not IMPORTED.fullmatch(str(value)):
                yield f"{name} has {key} {value!r}, which would be imported"
            elif key == "path" and name == MODULES and value != "" and not PART.fullmatch(str(value)):
                yield f"{name} names the folder {value!r}"
            elif key.endswith("_implementation") and isinstance(value, str) and "/" in value:
                yield f"{name} has {key} {value!r}, which would be fetched and run"
            elif key == "weight_map" and (odd := _elsewhere(value)):
                yield f"{name} names the weights {odd!r}, which are none of this folder"
            elif key.endswith("_file") and isinstance(value, str) and not re.fullmatch(r"[\w.-]+", value):
                yield f"{name} names the file {value!r}, which leaves the folder"


def _elsewhere(shards: Any) -> str:  # noqa: ANN401
    """Return the first file of an index that is not named as weights of this folder are."""
    named = shards.values() if isinstance(shards, dict) else [shards]
    return next((str(one) for one in named if not WEIGHTS.fullmatch(str(one))), "")


def _importing(name: str) -> str:
    """Return the key of a file that names a class which sentence_transformers imports."""
    return "type" if name == MODULES else "activation_function" if "/" in name else ""


def _recognises(path: Path) -> bool:
    names = {entry.name for entry in path.iterdir()} if path.is_dir() else set()
    return "MLmodel" not in names and "config.json" in names


def _violations(path: Path, allowed: Allowed) -> tuple[str, ...]:
    found = tuple(folder_problems(path, allowed))
    if not any(WEIGHTS.fullmatch(entry.name) for entry in path.iterdir()):
        return (*found, "there are no weights")
    return found


FORMAT = Format(
    name="Hugging Face",
    recognised="a folder with config.json of `save_pretrained`, of sentence_transformers too",
    looked_at="every file: weights as safetensors or torch, all JSON, classes that it names, tokenizers by name",
    refused="Python files, `auto_map`, `trust_remote_code`, paths out of the folder, training_args.bin, other files",
    way_out="Save it with save_pretrained (safetensors) from a model class of the transformers library.",
    recognises=_recognises,
    violations=_violations,
)
