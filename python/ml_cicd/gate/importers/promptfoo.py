"""What `promptfoo eval -o out.json` writes: a share of the tests passed, whatever they assert."""

import json
from collections.abc import Mapping, Sequence

from ml_cicd.gate.importers.document import Document, group, items
from ml_cicd.gate.importers.reading import Given, Importer, number_or_none, share

RATE = "pass_rate"
COUNTS = ("successes", "failures", "errors")
OF_A_PROMPT = ("testPassCount", "testFailCount", "testErrorCount")


def recognises(document: Document) -> bool:
    """Whether there are statistics of successes and failures."""
    stats = group(_results(document).get("stats"))
    return {"successes", "failures"} <= set(stats)


def read(document: Document) -> Mapping[str, Given]:
    """`pass_rate` over all, and `prompts.0.pass_rate` of each prompt with its provider."""
    results = _results(document)
    prompts, tests = items(results.get("prompts")), _tests(items(results.get("results")))
    given = {RATE: _rate(group(results.get("stats")), COUNTS, tests=tests, repeated=max(1, len(prompts)))}
    for index, prompt in enumerate(prompts):
        one = _rate(group(group(prompt).get("metrics")), OF_A_PROMPT, tests=tests, repeated=1)
        given[f"prompts.{index}.{RATE}"] = one
    return given


def _rate(counts: Mapping[str, object], names: Sequence[str], *, tests: int, repeated: int) -> Given:
    """An error is no success. Answers to the same test are no new tests: their number bounds nothing."""
    numbers = [number_or_none(counts.get(name, 0)) for name in names]
    at = f"{names[0]} / ({' + '.join(names)})"
    if any(number is None or number < 0 for number in numbers) or not any(numbers):
        return Given(value=None, at=at)
    answers = sum(number for number in numbers if number is not None)
    rows = min(answers / repeated, tests or answers)
    of = "tests" if rows == answers else f"tests ({answers:,.0f} answers)"
    return share((numbers[0] or 0) / answers, at, n=rows, of=of)


def _tests(results: Sequence[object]) -> int:
    """Return how many different tests there are; 0 where the file does not list them."""
    return len({json.dumps([group(one).get("vars"), _asserted(one)], sort_keys=True, default=str) for one in results})


def _asserted(result: object) -> object:
    return group(group(result).get("testCase")).get("assert")


def _results(document: Document) -> Mapping[str, object]:
    return group(document.top.get("results"))


IMPORTER = Importer(
    tool="the output of promptfoo",
    names="`pass_rate` as a share of the tests, errors being none; `prompts.0.pass_rate` of one prompt",
    recognises=recognises,
    read=read,
)
