"""What a Python script says without being run: imports, files, names of numbers, arguments that it asks for."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ml_cicd.starter.snapshot import PLAIN
from ml_cicd.starter.tools import SAVES

LONGEST_PATH = 200
DEEPEST = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """What a script says.

    Attributes:
        imports: top names of the modules that it imports.
        files: paths that stand in it, as far as they are written out.
        saved: those that a call like `dump` or `save_model` takes.
        calls: dotted names of what it calls.
        words: all other short texts in it.
        keys: names in its dictionaries, nested ones by path.
        wants: arguments that it does not run without.
        only_defines: it does nothing when it is run.
    """

    imports: frozenset[str] = frozenset()
    files: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    calls: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    keys: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()
    only_defines: bool = False


def read_script(text: str) -> Script:
    """Read a script; one that Python cannot read says nothing."""
    try:
        return _read(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Script()


def _read(tree: ast.Module) -> Script:
    named = _constants(tree)
    folded = list(_folded(tree, named))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return Script(
        imports=frozenset(_imports(tree)),
        files=tuple(dict.fromkeys(text for text in folded if _is_path(text))),
        saved=tuple(dict.fromkeys(_saved(calls, named))),
        calls=frozenset(dotted(call.func) for call in calls),
        words=frozenset(text for text in folded if len(text) <= LONGEST_PATH),
        keys=tuple(dict.fromkeys(_keys(tree))),
        wants=tuple(dict.fromkeys(_wants(calls))),
        only_defines=_only_defines(tree),
    )


def dotted(node: ast.expr) -> str:
    """Return e.g. `mlflow.pytorch.save_model`; of a call's result only what follows."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def _only_defines(tree: ast.Module) -> bool:
    quiet = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    noted = [node for node in tree.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    return bool(noted) and all(isinstance(node, quiet) for node in noted)


def _is_path(text: str) -> bool:
    last = text.rpartition("/")[2]
    return len(text) <= LONGEST_PATH and bool(PLAIN.fullmatch(text)) and ("." in last.strip(".") or "/" in text)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts that the script's top gives names to, paths too."""
    named: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            text = fold(node.value, named)
            if text:
                named[node.targets[0].id] = text
    return named


def fold(node: ast.AST, named: Mapping[str, str], depth: int = 0) -> str:
    """Return the text that an expression stands for: a text, a name of one, `Path(a) / b`, `os.path.join(a, b)`."""
    if depth > DEEPEST:
        return ""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.Name(id=name):
            return named.get(name, "")
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            parts = [fold(left, named, depth + 1), fold(right, named, depth + 1)]
            return "/".join(parts) if all(parts) else ""
        case ast.Call(func=func, args=arguments) if arguments:
            name = dotted(func).rpartition(".")[2]
            if name in {"str", "Path", "PurePath", "join", "fspath"}:
                parts = [fold(one, named, depth + 1) for one in arguments]
                return "/".join(parts) if all(parts) else ""
    return ""


def _folded(tree: ast.AST, named: Mapping[str, str]) -> Iterator[str]:
    """Yield each text that is written out, of a path only the whole of it."""
    text = "" if isinstance(tree, ast.Name) else fold(tree, named)
    if text:
        yield text
        return
    for child in ast.iter_child_nodes(tree):
        yield from _folded(child, named)


def _saved(calls: list[ast.Call], named: Mapping[str, str]) -> Iterator[str]:
    for call in calls:
        if dotted(call.func).rpartition(".")[2] not in SAVES:
            continue
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
            text = fold(argument, named) or _opened(argument, named)
            if text and PLAIN.fullmatch(text) and len(text) <= LONGEST_PATH:
                yield text


def _opened(argument: ast.expr, named: Mapping[str, str]) -> str:
    """Return the path of `open(path, "wb")`."""
    if isinstance(argument, ast.Call) and dotted(argument.func).rpartition(".")[2] == "open" and argument.args:
        return fold(argument.args[0], named)
    return ""


def _keys(tree: ast.AST, path: str = "") -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Dict):
            yield from _keys_of(node, path)
        else:
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                yield from filter(None, [fold(node.slice, {})])
            yield from _keys(node, path)


def _keys_of(node: ast.Dict, path: str) -> Iterator[str]:
    for key, value in zip(node.keys, node.values, strict=True):
        name = fold(key, {}) if key is not None else ""
        if not name:
            continue
        inner = f"{path}.{name}" if path else name
        if isinstance(value, ast.Dict):
            yield from _keys_of(value, inner)
        else:
            yield inner


def _wants(calls: list[ast.Call]) -> Iterator[str]:
    """Yield the arguments without which argparse, click and typer end the script."""
    for call in calls:
        name = dotted(call.func).rpartition(".")[2]
        if name not in {"add_argument", "option", "argument"} or not call.args:
            continue
        first = fold(call.args[0], {})
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        wanted = given.get("required")
        must = isinstance(wanted, ast.Constant) and wanted.value is True
        positional = name != "option" and bool(first) and not first.startswith("-")
        if first and (must or (positional and not {"default", "nargs", "required"} & set(given))):
            yield first
