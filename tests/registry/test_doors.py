"""The wing's tables."""

import re
from importlib import import_module

from ml_cicd.registry.doors import FORMATS, SUFFIXES


def test_each_suffix_of_a_model_is_a_formats() -> None:
    """What `init` takes for a model's file, a format says that it recognises."""
    said = " ".join(import_module(module).FORMAT.recognised for module in FORMATS.values())
    assert set(SUFFIXES) <= set(re.findall(r"\.\w+", said))
