"""Laws of the configuration's declarations."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ml_cicd.config import Config
from ml_cicd.gate.settings import EvidenceSettings, GateSettings
from ml_cicd.ground.errors import InputError
from ml_cicd.registry.settings import RegistrySettings
from ml_cicd.rollout.doors import ROUTERS, SOURCES
from ml_cicd.rollout.guardrails.catalogue import GUARDRAILS
from ml_cicd.rollout.settings import CanarySettings, TargetSettings
from ml_cicd.settings import At, read_block, schema_of, write_block
from ml_cicd.shell.wiring import door_settings
from tests.property.documents import documents

DOORS = [door_settings(table, name) for table in (ROUTERS, SOURCES) for name in table]
SECTIONS = [EvidenceSettings, GateSettings, RegistrySettings, TargetSettings, CanarySettings, Config]
CLASSES = [*SECTIONS, *GUARDRAILS.values(), *DOORS]
AT = At("x.yml", lambda _: 1, door_settings)


def possible(document: Any) -> Any:
    """Mend what only two settings together can be wrong about, or most documents would be refused for it."""
    canary = document.get("canary", document)
    if "steps" in canary:
        canary["steps"] = sorted({round(step, 2) for step in canary["steps"]})
    if {"interval", "lease"} & set(canary):
        canary |= {"interval": 5, "lease": "1m"}
    return document


def read(of: type, document: Any) -> Any:
    """Read a document that its schema allows; one that the class itself refuses is not looked at."""
    try:
        return read_block(of, document, AT)
    except InputError:
        reject()


@pytest.mark.parametrize("of", CLASSES, ids=lambda of: f"{of.__module__}.{of.__name__}")
class TestDeclarations:
    """Architecture: "each wing reads its own section and each door its own block, the defaults standing there once"."""

    @given(st.data())
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_writing_is_the_inverse_of_reading(self, of: type, data: st.DataObject) -> None:
        """What was read, written and read again is the same, and what is written is what the schema allows."""
        schema = schema_of(of, door_settings)
        found = read(of, possible(data.draw(documents(schema))))
        written = write_block(found)
        Draft202012Validator(schema).validate(written)
        assert read_block(of, written, AT) == found

    def test_the_schema_is_one(self, of: type) -> None:
        """It is valid, takes no unknown name, and each of its defaults is a value that it allows."""
        schema = schema_of(of, door_settings)
        Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is False
        for name, one in schema["properties"].items():
            assert one["description"].endswith("."), name
            if "default" in one:
                Draft202012Validator(one).validate(one["default"])

    def test_what_is_left_out_is_the_default(self, of: type) -> None:
        """Writing the schema's own defaults changes nothing."""
        schema = schema_of(of, door_settings)
        if schema["required"]:
            return
        written = {name: one["default"] for name, one in schema["properties"].items() if "default" in one}
        assert read_block(of, written, AT) == read_block(of, {}, AT) == of()
        assert write_block(of()) == {}
