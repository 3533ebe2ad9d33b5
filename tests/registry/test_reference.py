"""What a word for a version means."""

from dataclasses import replace

import pytest

from ml_cicd.ground.errors import InputError
from ml_cicd.registry.ledger import Ledger, LedgerEntry
from ml_cicd.registry.reference import find
from ml_cicd.registry.versions import ModelVersion, RegistrySnapshot
from tests.contracts.test_registry_contract import entry


def known(**aliases: str) -> RegistrySnapshot:
    """A model with three versions and these aliases."""
    versions = tuple(ModelVersion(name="m", number=n, uri=f"models:/m/{n}", tags={}) for n in "123")
    return RegistrySnapshot(name="m", versions=versions, aliases={k.replace("_", "-"): v for k, v in aliases.items()})


def ledger(**serving: str) -> Ledger:
    """A record in which a version serves on each of these targets."""
    entries: tuple[LedgerEntry, ...] = tuple(
        replace(entry("0", champion=version), target=target) for target, version in serving.items()
    )
    return Ledger(entries=entries)


@pytest.mark.parametrize(
    ("word", "at", "serves", "wanted"),
    [
        ("2", {}, {}, "2"),
        ("challenger", {"challenger": "3"}, {}, "3"),
        ("@challenger", {"challenger": "3"}, {}, "3"),
        ("champion", {"champion": "1"}, {}, "1"),
        ("@champion", {"champion": "1"}, {}, "1"),
        ("champion", {"champion": "1"}, {"production": "2"}, "2"),  # the alias could not be set
        ("champion", {}, {"production": "2"}, "2"),
        ("champion-production", {}, {"production": "2", "staging": "3"}, "2"),
        ("champion-staging", {"champion_staging": "1"}, {"production": "2", "staging": "3"}, "3"),
        ("champion-staging", {"champion_staging": "1"}, {}, "1"),
    ],
)
def test_a_word_names_a_version(word: str, at: dict[str, str], serves: dict[str, str], wanted: str) -> None:
    """Numbers and aliases as they stand; the champion by the ledger, and by its alias where there is no record."""
    found = find(word, known(**at), ledger(**serves))
    assert found is not None
    assert found.number == wanted


def test_an_only_target_has_the_plain_alias() -> None:
    """Where it is named all the same, its champion is found."""
    found = find("champion-production", known(champion="3"), ledger(), targets=("production",))
    assert found is not None
    assert found.number == "3"


@pytest.mark.parametrize("word", ["champion", "@champion", "champion-production"])
def test_only_a_champion_may_be_missing(word: str) -> None:
    """Where nothing was promoted yet there is none, and that is no mistake."""
    assert find(word, known(challenger="1"), ledger(), targets=("production",)) is None


@pytest.mark.parametrize(
    ("word", "targets", "says"),
    [
        ("chmapion", (), "no version or alias 'chmapion'"),
        ("4", (), "no version or alias '4'"),
        ("champion-prodction", ("production",), "no target 'prodction'"),
        ("champion", ("production", "staging"), "champion-production or champion-staging"),
        ("Champion", (), "no version or alias"),
    ],
)
def test_a_mistake_is_never_a_missing_champion(word: str, targets: tuple[str, ...], says: str) -> None:
    """A word that means nothing is refused with what there is."""
    with pytest.raises(InputError, match=says):
        find(word, known(challenger="1"), ledger(), targets=targets)


def test_a_champion_whose_version_is_gone_is_no_first_release() -> None:
    """The ledger names it, so there is one, whatever the registry lost."""
    with pytest.raises(InputError, match="no version or alias '7'"):
        find("champion", known(), ledger(production="7"))
