"""What a look through a model's files may let pass, and what it found. Nothing is loaded to find out."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """What the user lets pass that could run code: pickled callables by dotted name, and code that travels along."""

    callables: frozenset[str] = frozenset()
    code: bool = False

    def __bool__(self) -> bool:
        """Whether anything is allowed."""
        return bool(self.callables) or self.code


NOTHING_ALLOWED = Allowed()


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What was found: the format's name (empty where none recognises the files), what could run code, the way out.

    `allowed` is what had to be allowed for it to pass, nothing for a model that is plain by itself; `code` names the
    files of code in it, each with its sha256.
    """

    format: str = ""
    violations: tuple[str, ...] = ()
    way_out: str = ""
    allowed: Allowed = NOTHING_ALLOWED
    code: tuple[str, ...] = ()
