"""GitHub's expression language, as much of it as composite actions use."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

TOKEN = re.compile(
    r"\s*(?:(\.\*\.|==|!=|&&|\|\||[!().,\[\]])|'((?:[^']|'')*)'|(-?\d+(?:\.\d+)?)|([A-Za-z_][A-Za-z0-9_-]*))"
)
WHOLE = re.compile(r"\$\{\{(.*?)\}\}", flags=re.DOTALL)


def interpolate(text: str, contexts: Mapping[str, Any]) -> str:
    """Replace every ${{ }} of a text."""
    return WHOLE.sub(lambda match: to_text(evaluate(match.group(1), contexts)), text)


def condition(text: str, contexts: Mapping[str, Any]) -> bool:
    """Evaluate an `if:`, with or without ${{ }}."""
    inner = WHOLE.fullmatch(text.strip())
    return truthy(evaluate(inner.group(1) if inner else text, contexts))


def evaluate(text: str, contexts: Mapping[str, Any]) -> Any:
    """Return the value of an expression."""
    parser = _Parser(text, contexts)
    value = parser.either()
    if parser.peek() is not None:
        raise ValueError(f"left over in {text!r}: {parser.peek()}")
    return value


def truthy(value: Any) -> bool:
    """Return GitHub's truth of a value: '', 0, null and false are false."""
    return value not in ("", 0, None, False)


def to_text(value: Any) -> str:
    """Return a value as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def equal(a: Any, b: Any) -> bool:
    """Compare as GitHub does: texts without case, unlike types as numbers."""
    if isinstance(a, str) and isinstance(b, str):
        return a.lower() == b.lower()
    if type(a) is type(b):
        return bool(a == b)
    return to_number(a) == to_number(b)


def contains(found: Any, part: Any) -> bool:
    """Whether a list has an item, or a text a part, whatever their case."""
    if isinstance(found, list):
        return any(equal(item, part) for item in found)
    return to_text(part).lower() in to_text(found).lower()


def to_number(value: Any) -> float:
    """Return a value as a number; NaN where it is none."""
    if value is None or value == "":
        return 0.0
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


class _Parser:
    def __init__(self, text: str, contexts: Mapping[str, Any]) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.contexts = contexts
        place = 0
        text = text.strip()
        while place < len(text):
            match = TOKEN.match(text, place)
            if match is None:
                raise ValueError(f"not an expression: {text!r}")
            for kind, group in zip(("op", "text", "number", "name"), match.groups(), strict=True):
                if group is not None:
                    self.tokens.append((kind, group))
            place = match.end()

    def peek(self) -> tuple[str, str] | None:
        return self.tokens[0] if self.tokens else None

    def take(self, value: str) -> bool:
        if self.tokens and self.tokens[0] == ("op", value):
            self.tokens.pop(0)
            return True
        return False

    def either(self) -> Any:
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = value if truthy(value) else other
        return value

    def both(self) -> Any:
        value = self.compared()
        while self.take("&&"):
            other = self.compared()
            value = other if truthy(value) else value
        return value

    def compared(self) -> Any:
        value = self.negated()
        if self.take("=="):
            return equal(value, self.negated())
        if self.take("!="):
            return not equal(value, self.negated())
        return value

    def negated(self) -> Any:
        if self.take("!"):
            return not truthy(self.negated())
        return self.atom()

    def atom(self) -> Any:
        if self.take("("):
            value = self.either()
            self.expect(")")
            return value
        kind, text = self.tokens.pop(0)
        if kind == "text":
            return text.replace("''", "'")
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind != "name":
            raise ValueError(f"unexpected {text!r}")
        if text in {"true", "false", "null"}:
            return {"true": True, "false": False, "null": None}[text]
        if self.take("("):
            return self.call(text)
        return self.path(self.contexts[text])

    def path(self, value: Any) -> Any:
        while True:
            if self.take(".*."):
                key = self.tokens.pop(0)[1]
                value = [item.get(key) for item in value.values()]
                continue
            if self.take("."):
                key = self.tokens.pop(0)[1]
            elif self.take("["):
                key = self.either()
                self.expect("]")
            else:
                return value
            if isinstance(value, list):
                value = value[int(key)] if 0 <= int(key) < len(value) else None
            else:
                value = value.get(key) if isinstance(value, Mapping) else None

    def call(self, name: str) -> Any:
        arguments = []
        while not self.take(")"):
            arguments.append(self.either())
            self.take(",")
        functions: dict[str, Callable[..., Any]] = {
            "always": lambda: True,
            "success": lambda: self.contexts["github"].get("action_status", "success") == "success",
            "failure": lambda: self.contexts["github"].get("action_status") == "failure",
            "cancelled": lambda: False,
            "fromJSON": json.loads,
            "format": lambda text, *values: re.sub(r"\{(\d+)\}", lambda m: to_text(values[int(m.group(1))]), text),
            "contains": contains,
            "startsWith": lambda text, part: to_text(text).lower().startswith(to_text(part).lower()),
        }
        return self.path(functions[name](*arguments))

    def expect(self, value: str) -> None:
        if not self.take(value):
            raise ValueError(f"expected {value!r}")
