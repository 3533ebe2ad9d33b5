"""A JUnit report: what pytest, Maven, Gradle, Jest and most others write as XML."""

from collections import Counter
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from ml_cicd.gate.importers.document import Document
from ml_cicd.gate.importers.reading import Given, Importer, plain, share
from ml_cicd.ground.errors import EvidenceError

BAD = {"failure": "failures", "error": "errors"}
# GoogleTest and CTest say so of a test that they list and did not run, in an attribute alone.
NOT_RUN = {"notrun", "disabled", "suppressed", "skipped", "ignored"}
SUITES = {"testsuite", "testsuites"}


def recognises(document: Document) -> bool:
    """Whether the root is a suite."""
    text = document.text
    return text.lstrip().startswith("<") and any(f"<{name}" in text[:20_000] for name in SUITES)


def read(document: Document) -> Mapping[str, Given]:
    """Count the tests; one that failed and one with an error have not passed, and a skipped one was not judged.

    Raises:
        EvidenceError: not XML, an entity in it, no test at all, or more failures than tests that failed.
    """
    root = _root(document)
    found = Counter(map(_outcome, root.iter("testcase")))
    _refuse_hidden(document, root, found)
    tests, skipped = sum(found.values()), found["skipped"]
    counted = {"tests": tests, "passed": found["passed"], "skipped": skipped}
    counted |= {name: found[name] for name in BAD.values()}
    given = {name: plain(number, name) for name, number in counted.items()}
    if tests == skipped:
        return given
    of = f"tests ({skipped:,} skipped)" if skipped else "tests"
    at = "passed / (tests - skipped)"
    return {**given, "pass_rate": share(found["passed"] / (tests - skipped), at, n=tests - skipped, of=of)}


def _root(document: Document) -> ET.Element:
    where = document.where
    if "<!DOCTYPE" in document.text or "<!ENTITY" in document.text:
        raise EvidenceError(f"{where} defines entities.", cure="Write a plain JUnit report.")
    try:
        root = ET.fromstring(document.text)  # noqa: S314  # entities were refused
    except (ET.ParseError, ValueError) as problem:
        raise EvidenceError(f"{where} is no whole XML: {problem}.", cure="Did the tests end?") from problem
    if root.tag not in SUITES or next(root.iter("testcase"), None) is None:
        raise EvidenceError(f"{where} has no test.", cure="Did the tests run?")
    return root


def _outcome(case: ET.Element) -> str:
    inside = {child.tag for child in case}
    bad = next((name for tag, name in BAD.items() if tag in inside), "")
    left_out = "skipped" in inside or {case.get("status", "").lower(), case.get("result", "").lower()} & NOT_RUN
    return bad or ("skipped" if left_out else "passed")


def _refuse_hidden(document: Document, root: ET.Element, found: Counter[str]) -> None:
    """A suite that could not start has failures, and no test that shows them."""
    listed = sum(found[name] for name in BAD.values())
    stated = sum(number for suite in root.iter("testsuite") for number in _stated(suite))
    if stated > listed:
        raise EvidenceError(
            f"{document.where} states {stated} failures and errors, and {listed} of its tests show one.",
            cure="Find the suite that could not start.",
        )


def _stated(suite: ET.Element) -> Iterator[int]:
    """Yield what an innermost suite says of itself; those around it repeat it."""
    if suite.find("testsuite") is None:
        texts = [suite.get(name, "0") for name in BAD.values()]
        yield from (
            int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < len("1000000000")
        )


IMPORTER = Importer(
    tool="a JUnit report",
    names="`pass_rate` as a share of the tests that were not skipped; `failures`, `errors`, `skipped`, `passed`, "
    "`tests` as numbers",
    recognises=recognises,
    read=read,
)
