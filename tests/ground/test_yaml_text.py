"""YAML as data: duplicate keys, odd names and bombs are refused, and every path has its line."""

import pytest

from ml_cicd.ground.errors import InputError
from ml_cicd.ground.yaml_text import read_yaml


def test_every_path_has_its_line() -> None:
    """An error can name the line of a value, or of its nearest parent."""
    document = read_yaml("a: 1\nb:\n  c: [2,\n    3]\n", "x.yml")
    assert document.value == {"a": 1, "b": {"c": [2, 3]}}
    assert [document.line(path) for path in (("a",), ("b", "c"), ("b", "c", 1), ("b", "zzz"))] == [1, 3, 4, 2]


def test_a_key_that_stands_twice_is_an_error() -> None:
    """YAML libraries keep the last one; a threshold must not vanish so."""
    with pytest.raises(InputError, match=r"x.yml, line 2: 'accuracy' stands twice, first on line 1"):
        read_yaml("accuracy: 0.95\naccuracy: 0.5\n", "x.yml")


@pytest.mark.parametrize(
    "text",
    [
        "a: [1",
        "a: b: c",
        "\t- a",
        "? [a]\n: 1",
        "a: !!python/object:os.system {}",
        "--- 1\n--- 2",
        "a: !!bool x",
        "a: !!int ''",
        "a: !!timestamp x",
        "a: 2020-01-01",
        "a: !!set {b, c}",
        "1: a",
        "on: a",
        "a: .nan",
        "a: -.INF",
        "a: 050",
        "a: 1:30",
        "[" * 3000,
        "a: &a [*a]",
        "\x00",
    ],
)
def test_what_is_not_plain_yaml(text: str) -> None:
    """An InputError that names the file; never another exception, never code."""
    with pytest.raises(InputError, match=r"x\.yml"):
        read_yaml(text, "x.yml")


def test_a_bomb_is_refused_quickly() -> None:
    """Ten aliases of ten aliases, nine deep, are a billion values in 300 bytes."""
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(InputError, match="more than 100,000 values"):
        read_yaml("\n".join(lines), "x.yml")
