"""Random documents that a schema allows, for the part of JSON Schema that settings use."""

import math
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]


def documents(schema: Schema) -> st.SearchStrategy[Any]:
    """Return what the schema allows; optional parts are there or not."""
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return st.one_of([documents(one) for one in schema[several]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    makers = {
        "object": _mappings,
        "array": _lists,
        "string": _texts,
        "number": _numbers,
        "integer": _numbers,
        "boolean": _truths,
    }
    return makers[schema["type"]](schema)


def _mappings(schema: Schema) -> st.SearchStrategy[Any]:
    size = {"min_size": schema.get("minProperties", 0), "max_size": min(schema.get("maxProperties", 3), 3)}
    if "properties" not in schema:
        names = st.from_regex(schema.get("propertyNames", {}).get("pattern", "^[a-z]{1,8}$"), fullmatch=True)
        inner = schema.get("additionalProperties")
        return st.dictionaries(names, documents(inner) if inner else st.integers(), **size)
    parts = {name: documents(one) for name, one in schema["properties"].items()}
    needed = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: part for name, part in parts.items() if name in needed},
        optional={name: part for name, part in parts.items() if name not in needed},
    )


def _lists(schema: Schema) -> st.SearchStrategy[Any]:
    return st.lists(documents(schema["items"]), min_size=schema["minItems"], max_size=min(schema["maxItems"], 4))


def _texts(schema: Schema) -> st.SearchStrategy[Any]:
    return st.from_regex(schema["pattern"]) if "pattern" in schema else st.text(min_size=schema["minLength"])


def _truths(_schema: Schema) -> st.SearchStrategy[Any]:
    return st.booleans()


def _numbers(schema: Schema) -> st.SearchStrategy[Any]:
    limits = {"exclusiveMinimum": 0, "exclusiveMaximum": 100_000, **schema}
    low = float(limits.get("minimum", limits["exclusiveMinimum"]))
    high = float(limits.get("maximum", limits["exclusiveMaximum"]))
    if schema["type"] == "integer":
        return st.integers(int(low), int(high))
    # In hundredths where that is possible: some numbers may have no more digits.
    steps = st.integers(math.floor(low * 100) + 1, math.ceil(high * 100) - 1) if high - low >= 1 else st.nothing()
    floats = st.floats(low, high, exclude_min="exclusiveMinimum" in schema, exclude_max="exclusiveMaximum" in schema)
    return steps.map(lambda step: step / 100) | floats
