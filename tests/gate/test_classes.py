"""What classes texts are: decided over all of them at once, and never by the kind of file."""

import pytest

from ml_cicd.gate.classes import Cells, Places, describe_classes, positive_class, read_cells, spelled
from ml_cicd.gate.statistics import Label
from ml_cicd.ground.errors import EvidenceError

WHERE = Places(path="p.csv", label="label", prediction="prediction")


@pytest.mark.parametrize(
    ("texts", "classes"),
    [
        (("0", "1", "1.0", " 1 ", "1e0", "+1"), (0, 1, 1, 1, 1, 1)),
        (("true", "False", "TRUE"), (True, False, True)),
        (("true", "0", "1"), (1, 0, 1)),
        (("true", "2"), ("true", "2")),
        (("1", "1.0", "cat"), ("1", "1.0", "cat")),
        (("007", "7"), ("007", "7")),
        (("yes", "no"), ("yes", "no")),
        (("12345678901234567890123",), (12345678901234567890123,)),
        (("1_000", "1"), ("1_000", "1")),
        (("1e999", "1"), ("1e999", "1")),
        (("\u0661", "1"), ("\u0661", "1")),
    ],
)
def test_texts_are_numbers_truths_or_words(texts: tuple[str, ...], classes: tuple[Label, ...]) -> None:
    """All are of one kind: one word among numbers makes words of them, and no two words one class."""
    found = spelled(texts)
    assert [(found[text], type(found[text])) for text in texts] == [(c, type(c)) for c in classes]


def test_cells_of_one_class_are_added() -> None:
    """1, 1.0 and true are one class where every value is one or zero."""
    cells: Cells = {("1", "1.0"): 2, ("1.0", "true"): 3, ("0", "1"): 4}
    assert read_cells(cells, WHERE) == {(1, 1): 5, (0, 1): 4}


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({("0", "0"): 1, ("1", "NA"): 2}, "2 of 3 values in 'prediction' are null or stand for nothing: 'NA'"),
        ({("0", "0"): 1, (None, "1"): 2}, "2 of 3 values in 'label' are null or stand for nothing: an empty value"),
        ({("true", "true"): 1, ("null", "null"): 2}, "stand for nothing: 'null'"),
        ({("cat", "cat"): 1, (" nan ", "nan"): 2}, "stand for nothing: 'nan'"),
        ({("NA", "NA"): 1, ("None", "None"): 2}, "stand for nothing: 'NA', 'None'"),
        ({("0", "0.25"): 1}, "'prediction' holds 0.25, which is no class"),
        ({("0", "0"): 1, ("label", "prediction"): 1}, "a row holds the names of the columns"),
        ({("0", "0"): 1, ("-100", "1"): 1}, "'label' holds -100"),
        ({("a", "b"): 1}, "no class stands in both columns: 'label' holds 'a', 'prediction' holds 'b'"),
        ({("a", "a"): 1, ("a ", "a "): 1}, "'a' and 'a ' are two classes"),
        ({("a", "a"): 1, ("Straße", "STRASSE"): 1}, "'Straße' and 'STRASSE' are two classes"),
    ],
)
def test_what_is_no_class_is_refused(cells: Cells, says: str) -> None:
    """With the word, or with values of both sides."""
    with pytest.raises(EvidenceError, match=r"^p\.csv: ") as problem:
        read_cells(cells, WHERE)
    assert says in problem.value.what
    assert problem.value.cure


@pytest.mark.parametrize(
    "cells",
    [
        {("cat", "None"): 1, ("None", "cat"): 2},
        {("a", "A"): 1, ("A", "a"): 2},
        {("a", "a"): 1, ("A", "a"): 2},
        {("0", "1"): 1, ("1", "0"): 2, ("other", "other"): 1},
        {("-1", "1"): 1, ("1", "-1"): 1},
        {("0.5", "0.5"): 1, ("v1", "v1"): 1},
    ],
)
def test_what_may_be_meant_is_left_alone(cells: Cells) -> None:
    """`None` among words, letters in two cases that both columns or one of them have, a word beside numbers."""
    assert sum(read_cells(cells, WHERE).values()) == sum(cells.values())


@pytest.mark.parametrize(
    ("named", "classes", "found"),
    [
        ("yes", ("yes", "no"), "yes"),
        ("1", (0, 1), 1),
        ("1.0", (0, 1), 1),
        ("true", (False, True), True),
        ("True", (0, 1), 1),
        ("7", ("7", "x"), "7"),
    ],
)
def test_a_positive_class_is_found_by_its_text(named: str, classes: tuple[Label, ...], found: Label) -> None:
    """Numbers and truths as they may be written, words as they are."""
    assert positive_class(named, classes, WHERE) == found


def test_classes_are_described_in_order() -> None:
    """At most twelve of them."""
    assert describe_classes({2, 10}) == "classes 2, 10, as whole numbers"
    assert describe_classes({str(i) + "x" for i in range(20)}).endswith("and 8 more, as words")
