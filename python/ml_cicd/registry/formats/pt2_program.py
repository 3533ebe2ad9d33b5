"""The JSON of an exported program: torch evaluates sizes, writes names into code, looks operators up by name.

So each text is held to what stands in its place: a size is arithmetic, an operator one of torch's own that computes, a
name a name. Where a node came from is only shown.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from ml_cicd.registry.formats.reading import strict_json

SHOWN = {"stack_trace", "nn_module_stack", "torch_fn", "source_fn_stack", "from_node", "custom", "torch_version"}
SPECS = {"in_spec", "out_spec", "context"}  # JSON in a text, itself with JSON in texts
IMPORTED = {"default_factory_module", "__enum__"}
NAME = re.compile(r"[\w.@:+ -]*")
TEXT = re.compile(r"[^\x00-\x1f'\"\\{}]*|Runtime assertion failed for expression [\w\s+*/%()<>=!,.-]* on node '\w+'")
CALLED = re.compile(
    r"torch\.ops\.(aten|prims?|quantized|quantized_decomposed)\.(?!(save|from_file)\b)\w+\.\w+"
    r"|torch\.ops\.higher_order\.(cond|while_loop|map_impl|scan|associative_scan|wrap_with_set_grad_enabled"
    r"|wrap_with_autocast|tag_activation_checkpoint|flex_attention)"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|pow|neg|pos|abs|eq|ne|lt|le|gt|ge|and_|or_|xor|not_|invert|lshift"
    r"|rshift|getitem|matmul|index|truth)"
    r"|math\.\w+|torch\.(_sym|sym)_\w+|torch\._C\._set_grad_enabled|torch\.amp\.autocast_mode\._(enter|exit)_autocast"
)
OF_INPUTS = re.compile(r"\bL(\['\w+'\]|\[\d+\])*(\.(size|stride)\(\)\[\d+\]|\.storage_offset\(\))?")
SYMBOL = re.compile(r"\bSymbol\('\w+'")
ARITHMETIC = re.compile(r"[\w\s'+*/%(),.=<>!&|~-]*", re.ASCII)
WORD = re.compile(r"(?<!\w)[A-Za-z_]\w*")
DOT = re.compile(r"\.(?!\d)")
WORDS = re.compile(
    r"Symbol|Integer|Float|Rational|NegativeOne|Half|One|Zero|Add|Mul|Pow|Mod|Max|Min|Abs|ceiling|floor|sqrt"
    r"|Equality|Unequality|GreaterThan|LessThan|StrictGreaterThan|StrictLessThan|Eq|Ne|Ge|Le|Gt|Lt|And|Or|Not|Xor"
    r"|Piecewise|ExprCondPair|ITE|true|false|True|False|None|and|or|not|inf|oo|pi"
    r"|FloorDiv|ModularIndexing|Where|PythonMod|CleanDiv|CeilToInt|FloorToInt|CeilDiv|IntTrueDiv|FloatTrueDiv|LShift"
    r"|RShift|IsNonOverlappingAndDenseIndicator|TruncToFloat|TruncToInt|RoundToInt|RoundDecimal|ToFloat|FloatPow"
    r"|PowByNatural|Identity|(OpaqueUnaryFn|BitwiseFn)_\w+"
    r"|positive|negative|nonnegative|nonpositive|nonzero|zero|integer|real|finite|rational|even|odd|commutative"
    r"|precision|evaluate|[a-z]{1,4}\d+"
)


def program_problems(data: bytes) -> Iterator[str]:
    """Yield what in the JSON of a program, or of its weights, is not plain; raises ValueError where it is no JSON."""
    pending: list[tuple[str, Any]] = [("", strict_json(data))]
    while pending:
        key, value = pending.pop()
        if isinstance(value, dict):
            yield from (f"has the name {name[:80]!r}" for name in value if not NAME.fullmatch(name))
            yield from (f"has {name}, which would be imported" for name in value if name in IMPORTED)
            if value.get("use_pickle"):
                yield "says that weights are pickled"
            pending += value.items()
        elif isinstance(value, list):
            pending += ((key, one) for one in value)
        elif isinstance(value, str) and key in SPECS:
            pending.append(("", _within(value)))
        elif isinstance(value, str) and not HELD.get(key, _is_name)(value):
            yield f"has {key or 'a name'} {value[:80]!r}"


def _within(text: str) -> Any:  # noqa: ANN401  # whatever JSON holds
    try:
        return strict_json(text)
    except ValueError:
        return text  # a name as it is, or what is none


def _is_name(text: str) -> bool:
    return NAME.fullmatch(text) is not None


def _is_arithmetic(text: str) -> bool:
    found = SYMBOL.sub("(s0", text)
    plain = ARITHMETIC.fullmatch(found) is not None and not DOT.search(found)
    return plain and all(WORDS.fullmatch(word) for word in WORD.findall(found))


HELD: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(SHOWN, lambda _text: True),
    "as_string": lambda text: TEXT.fullmatch(text) is not None,
    "expr_str": _is_arithmetic,
    "guards_code": lambda text: _is_arithmetic(OF_INPUTS.sub("s0", text)),
    **dict.fromkeys(("target", "as_operator"), lambda text: CALLED.fullmatch(text) is not None),
}
