"""What addresses mean, before anybody is asked."""

import pytest

from ml_cicd.ground.errors import InputError
from ml_cicd.registry.addresses import InRun, Logged, Origin, Registered, is_address, read_address, settle
from ml_cicd.registry.ledger import Ledger
from ml_cicd.registry.versions import ModelVersion, RegistrySnapshot
from tests.contracts.test_registry_contract import entry

RUN, MODEL = "0a" * 16, f"m-{'0a' * 16}"
KNOWN = RegistrySnapshot(
    name="churn",
    versions=tuple(ModelVersion(name="churn", number=n, uri=f"models:/churn/{n}", tags={}) for n in ("6", "7")),
    aliases={"challenger": "7", "champion": "6"},
)


def test_each_form_is_read() -> None:
    """A run's path, a logged model, a version and an alias; what is no address is a path."""
    deep = f"runs:/{RUN}/deep/model/"
    assert read_address(deep) == InRun(text=deep, run=RUN, path="deep/model")
    assert read_address(f"models:/{MODEL}") == Logged(text=f"models:/{MODEL}", model=MODEL)
    assert read_address("models:/churn/7") == Registered(text="models:/churn/7", name="churn", number="7")
    assert read_address("models:/churn@best") == Registered(text="models:/churn@best", name="churn", alias="best")
    assert [is_address(text) for text in (deep, "models:/churn", "build/model", "s3://b/m", "models")] == [
        *(True, True),
        *(False, False, False),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models:/churn", r"names no version.*models:/churn/7"),
        (f"models:/{MODEL}0", "names no version"),
        ("models:/", "names no version"),
        ("models:/churn/", "is no number"),
        ("models:/churn/latest", "latest point elsewhere tomorrow"),
        ("models:/churn/Production", "stages"),
        ("models:/churn/0", "is no number"),
        ("models:/churn/-1", "is no number"),
        ("models:/churn/7/data", "is no number"),
        ("models:/churn@", "names no version"),
        ("models:/@best", "names no version"),
        ("models:/a:b/7", "cannot be a model's name"),
        ("models:/churn--deployments/7", "name of a ledger"),
        ("runs:/", "names no run"),
        ("runs://host/model", "names no run"),
        (f"runs:/{RUN}", "names no path"),
        (f"runs:/{RUN}/", "names no path"),
        (f"runs:/{RUN}/../other/model", "leads out"),
        (f"runs:/{RUN}/a//b", "leads out"),
        ("runs:/a'b/model", "names no run"),
    ],
)
def test_what_is_none_says_how_one_is_written(text: str, said: str) -> None:
    """Each mistake is one sentence with its cure, before a server is asked."""
    with pytest.raises(InputError, match=said):
        read_address(text)


def of(text: str) -> Registered:
    """Read a version's address."""
    found = read_address(text)
    assert isinstance(found, Registered)
    return found


def test_an_alias_becomes_a_version() -> None:
    """The champion is what serves by the ledger, and by its alias where there is no entry; any other is its alias's."""
    empty = Ledger(entries=())
    moved = Ledger(entries=(entry("0", champion="7"),), head="1")
    assert settle(of("models:/churn@challenger"), KNOWN, empty).number == "7"
    assert settle(of("models:/churn@champion"), KNOWN, empty).number == "6"
    assert settle(of("models:/churn@champion"), KNOWN, moved).number == "7"
    assert settle(of("models:/churn/6"), KNOWN, empty).number == "6"


@pytest.mark.parametrize("text", ["models:/churn/8", "models:/churn@chalenger", "models:/churn@7"])
def test_what_is_not_there_says_what_is(text: str) -> None:
    """A number is no alias and an alias no number."""
    with pytest.raises(InputError, match="challenger"):
        settle(of(text), KNOWN, Ledger(entries=()))


def test_an_unknown_model_is_named() -> None:
    """A misspelt name is not taken for a missing version."""
    with pytest.raises(InputError, match="no registered model churn"):
        settle(of("models:/churn/7"), RegistrySnapshot(name="churn", versions=(), aliases={}), Ledger(entries=()))


def test_no_champion_is_nothing() -> None:
    """Where nothing serves yet, its address means nothing."""
    known = RegistrySnapshot(name="churn", versions=KNOWN.versions, aliases={})
    with pytest.raises(InputError, match="nothing yet"):
        settle(of("models:/churn@champion"), known, Ledger(entries=()))


def test_what_it_meant_is_a_sentence() -> None:
    """The report says version, logged model and run."""
    origin = Origin(asked="models:/churn@best", source=f"models:/{MODEL}", run=RUN, version="7")
    assert origin.meaning == f"models:/churn@best is version 7, models:/{MODEL}, of run {RUN}."
    plain = Origin(asked=f"models:/{MODEL}", source=f"models:/{MODEL}")
    assert plain.meaning == f"models:/{MODEL} is of no known run."
