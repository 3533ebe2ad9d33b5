"""What reaches out of a file or would run code, written by the real libraries: refused."""

from pathlib import Path

import pytest

from ml_cicd.registry.formats.scan import look
from tests.zoo.write_evil import EVIL, HARMLESS

pytestmark = pytest.mark.slow

SAYS = {
    "external-link.h5": "a link by name",
    "new-external-link.h5": "a link by name or to another file",
    "soft-link.h5": "a link by name",
    "external-data.h5": "a message of kind 7",
    "virtual-data.h5": "data that lies in other files",
    "second-configuration.h5": "a Lambda layer",
    "attributes-in-a-heap.h5": "in a heap",
    "type-of-its-own.h5": "shared",
    "block-before.h5": "of no known format",
    "lambda.keras": "a Lambda layer",
    "lambda.h5": "a Lambda layer",
    "custom.h5": "mine>Mine",
}


@pytest.mark.parametrize("name", EVIL)
def test_it_is_refused(evil: Path, name: str) -> None:
    """The refusal says what it is."""
    assert SAYS.get(name, "") in "; ".join(look(evil / name).violations)
    assert look(evil / name).violations


@pytest.mark.parametrize("name", HARMLESS)
def test_without_it_it_is_taken(evil: Path, name: str) -> None:
    """The same file, without what was changed."""
    assert look(evil / name).violations == ()
