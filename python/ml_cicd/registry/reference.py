"""Which version a word means: a number, an alias, or the champion, which the ledger knows before its alias does."""

from collections.abc import Collection

from ml_cicd.ground.errors import InputError
from ml_cicd.ground.parse import suggest
from ml_cicd.registry.ledger import Ledger
from ml_cicd.registry.versions import CHAMPION, ModelVersion, RegistrySnapshot

OF_A_TARGET = f"{CHAMPION}-"


def says_champion(reference: str) -> bool:
    """Whether a word asks for what serves, on the one target or on the one that it names."""
    word = reference.removeprefix("@")
    return word == CHAMPION or word.startswith(OF_A_TARGET)


def find(
    reference: str, known: RegistrySnapshot, ledger: Ledger, *, targets: Collection[str] = ()
) -> ModelVersion | None:
    """Return the version that is meant; None only where a champion is asked for and there is none yet.

    `targets` are those of the configuration; without any they are the ledger's.

    Raises:
        InputError: no such version, alias or target, a champion of several targets, or one whose version is gone.
    """
    word = reference.removeprefix("@")
    serves = ""
    if says_champion(word):
        places = sorted(targets or {entry.target for entry in ledger.entries})
        serves = _serves(word, ledger, places)
        if places == [word.removeprefix(OF_A_TARGET)]:
            word = CHAMPION  # which is what the alias of an only target is called
    number = serves or known.aliases.get(word, word)
    version = known.version(number)
    if version is not None or (says_champion(word) and number == word):
        return version
    there = ", ".join([*known.aliases, *(v.number for v in known.versions)]) or "nothing"
    raise InputError(f"{known.name} has no version or alias {number!r}.", cure=f"It has: {there}.")


def _serves(word: str, ledger: Ledger, targets: list[str]) -> str:
    """Return what serves by the ledger on the target that a word like champion-production names, else on the one."""
    if not targets:
        return ""
    if word == CHAMPION and len(targets) > 1:
        choice = " or ".join(f"{OF_A_TARGET}{target}" for target in targets)
        raise InputError(f"Each target has its champion: {', '.join(targets)}.", cure=f"Write {choice}.")
    target = targets[0] if word == CHAMPION else word.removeprefix(OF_A_TARGET)
    if target not in targets:
        raise InputError(f"There is no target {target!r}.", cure=suggest(target, targets))
    return ledger.of(target).champion or ""
