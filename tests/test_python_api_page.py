"""The page of the Python API is what happens: each of its examples runs, and passes."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from ml_cicd import Registration, Verdict

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "python-api.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


class OfTexts(torch.nn.Module):  # type: ignore[misc]  # torch is half-typed
    """Takes inputs by name and returns a mapping."""

    def forward(self, input_ids: Any, attention_mask: Any) -> dict[str, Any]:
        """Tell whether the first token is odd."""
        odd = (input_ids * attention_mask)[:, :1] % 2 * 2.0 - 1
        return {"logits": torch.cat([-odd, odd], 1)}


def given() -> dict[str, Any]:
    """Return what the examples do not make themselves."""
    inputs = torch.from_numpy(np.random.default_rng(2).normal(size=(400, 4)).astype("float32"))
    labels = (inputs.sum(1) > 0).long()
    linear, one = torch.nn.Linear(4, 2), torch.nn.Linear(4, 1)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[-1.0], [1.0]]).expand(2, 4))
        linear.bias.zero_()
        one.weight.fill_(1.0)
        one.bias.zero_()
    x, ids = inputs.numpy(), torch.arange(400).reshape(200, 2) // 2
    prices = x @ np.array([1.0, 2.0, 3.0, 4.0]) + np.random.default_rng(3).normal(size=400)
    return {
        "model": linear,
        "sigmoid_model": torch.nn.Sequential(one, torch.nn.Sigmoid()),
        "test_loader": list(zip(inputs.split(1), labels.split(1), strict=True)),
        "X_train": x[:200],
        "y_train": labels.numpy()[:200],
        "X_test": x,
        "y_test": labels.numpy(),
        "estimator": None,
        "text_model": OfTexts(),
        "ids": ids,
        "mask": torch.ones_like(ids),
        "labels": ids[:, 0] % 2,
        "regressor": LinearRegression().fit(x, prices),
        "prices": prices,
    }


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends in a verdict that passes, or in a registered version."""
    monkeypatch.chdir(tmp_path)
    names = given()
    names["estimator"] = fitted(given())
    exec(compile(EXAMPLES[number], f"docs/python-api.md, example {number + 1}", "exec"), names)
    made = names.get("verdict", names.get("registered"))
    assert isinstance(made, Verdict | Registration)
    assert made if isinstance(made, Verdict) else made.created


def fitted(names: dict[str, Any]) -> Any:
    """Return the estimator that an earlier example of the page made."""
    (example,) = (text for text in EXAMPLES if "estimator = " in text)
    exec(compile(example, "docs/python-api.md", "exec"), names)
    return names.pop("estimator")
