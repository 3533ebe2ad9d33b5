"""The whole way of a real model, with real parts: gate, registration, canary, promotion and rollback.

    make demo        (or: python examples/digits/demo.py [--folder FOLDER])

Everything that decides is a `ml-cicd` command that anybody can type; this script trains, types them in order, checks
what they did, and writes report.md. It ends with 0 only if all of it happened as described.
"""

import argparse
import json
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from place import RATE, Failed, Place


class Story:
    """What happened when, on the terminal and in the report."""

    def __init__(self) -> None:
        """Begin now."""
        self.begun = time.monotonic()
        self.lines = ["# A model's way to production and back", ""]
        self.marks: list[tuple[str, float]] = []

    def chapter(self, title: str) -> None:
        """Begin the next step."""
        self.marks.append((title, time.monotonic()))
        self.lines += [*([""] if self.lines[-1] else []), f"## {title}", ""]
        print(f"\n[{self._now}] {'=' * 8} {title} {'=' * 8}", flush=True)

    def tell(self, sentence: str) -> None:
        """Say what happened."""
        self.lines += [f"- {self._now.strip()}: {sentence}"]
        print(f"[{self._now}] {sentence}", flush=True)

    def expect(self, is_so: bool, sentence: str) -> None:
        """Say what happened if it did; end the demo if it did not."""
        if not is_so:
            raise Failed(f"This did not happen: {sentence}")
        self.tell(sentence)

    def quote(self, markdown: str) -> None:
        """Put a command's own summary into the report."""
        gap = [""] if self.lines[-1] else []
        self.lines += [*gap, *(f"> {line}".rstrip() for line in markdown.strip().splitlines()), ""]

    def write(self, path: Path) -> None:
        """Write the report."""
        end = time.monotonic()
        ends = [*(mark for _, mark in self.marks[1:]), end]
        table = ["## Timings", "", "| step | seconds |", "|---|---:|"]
        table += [f"| {title} | {until - since:.1f} |" for (title, since), until in zip(self.marks, ends, strict=True)]
        table += [f"| all | {end - self.begun:.1f} |", ""]
        path.write_text("\n".join([*self.lines, "", *table]), encoding="utf-8")

    @property
    def _now(self) -> str:
        return f"{time.monotonic() - self.begun:6.1f} s"


def gate(place: Place, story: Story, recipe: str, *, code: int = 0) -> dict[str, Any]:
    """Judge a recipe's model and predictions, against the champion's predictions where there are any."""
    for source, name in (("model", "model"), ("predictions.csv", "candidate.csv")):
        old, new = place.folder / "build" / name, place.folder / "build" / recipe / source
        shutil.rmtree(old, ignore_errors=True)
        shutil.copytree(new, old) if new.is_dir() else shutil.copy(new, old)
    versus = ["--champion", "build/champion.csv"] if (place.folder / "build/champion.csv").exists() else []
    report: dict[str, Any] = place.ml_cicd("quality-gate", "--model", "build/model", *versus, code=code)
    story.quote(place.text("ml-cicd-reports/quality-gate/summary.md"))
    return report


def register(place: Place, story: Story) -> str:
    """Register the model that passed; return its version."""
    outputs = place.ml_cicd("register", "--model", "build/model")["outputs"]
    story.tell(f"registered as version {outputs['version']}, {outputs['digest'][:19]}...")
    return str(outputs["version"])


def canary(place: Place, story: Story, *, code: int = 0) -> dict[str, str]:
    """Roll out what is registered; return the outputs."""
    report = place.ml_cicd("canary", "--target", "production", code=code)
    story.quote(place.text("ml-cicd-reports/canary/summary.md"))
    outputs: dict[str, str] = report["outputs"]
    return outputs


def keep_champion(place: Place) -> None:
    """Keep the predictions of what serves now: the next candidate is compared with them, image by image."""
    shutil.copy(place.folder / "build/candidate.csv", place.folder / "build/champion.csv")


def prepare(place: Place, story: Story) -> None:
    """Train what four commits would bring, and start the router."""
    code = place.run(sys.executable, "train.py", "v1", "v2", "v3", "v4", "--out", "build")
    story.expect(code == 0, "four recipes are trained")
    place.start_router()
    story.tell(f"HAProxy listens on 127.0.0.1:{place.port}")


def first_release(place: Place, story: Story) -> None:
    """Version 1 has nobody to be compared with, and the configuration allows that."""
    gate(place, story, "v1")
    version = register(place, story)
    outputs = canary(place, story)
    story.expect(outputs["decision"] == "promote" and version == "1", "version 1 is deployed")
    story.expect(place.predict()["version"] == "1", "version 1 answers through the router")
    keep_champion(place)
    place.start_load()
    story.tell(f"{RATE} requests a second are on their way, one in twenty from a scanner with a stuck pixel")


def better_one(place: Place, story: Story) -> None:
    """Version 2 is better on every count, and live traffic agrees."""
    gate(place, story, "v2")
    register(place, story)
    outputs = canary(place, story)
    story.expect(outputs["decision"] == "promote", f"version 2 is promoted: {outputs['reason']}")
    story.expect(place.predict()["version"] == "2", "version 2 answers through the router")
    keep_champion(place)
    story.expect(place.load()["failed"] == 0, f"none of {place.load()['total']:,} requests has failed so far")


def bad_in_production(place: Place, story: Story) -> None:
    """Version 3 is as good as version 2 on the held-out images, but fails where a pixel is stuck."""
    gate(place, story, "v3")
    story.tell("version 3 passes the gate: no held-out image has a stuck pixel")
    register(place, story)
    outputs = canary(place, story, code=10)
    story.expect(outputs["decision"] == "rollback", f"version 3 is rolled back: {outputs['reason']}")
    story.expect(place.predict()["version"] == "2", "version 2 answers through the router")
    tally = place.load()
    served, failed = tally["served"].get("3", 0), tally["failures"].get("3", 0)
    story.expect(failed > 0, f"version 3 answered {served:,} of {tally['total']:,} requests before it was stopped")
    story.expect(tally["failed"] == failed, f"users saw {failed} bad answers, all of them from version 3")
    story.expect(place.load()["failed"] == failed, "not one more bad answer since")


def badly_trained(place: Place, story: Story) -> None:
    """Version 4 never reaches the registry."""
    report = gate(place, story, "v4", code=10)
    story.tell(f"the gate refuses version 4: {', '.join(json.loads(report['outputs']['blocking']))}")
    place.ml_cicd("register", "--model", "build/model", code=10)
    story.tell("register refuses it too")


def back_again(place: Place, story: Story) -> None:
    """One command brings version 1 back from the warm slot."""
    reason = "show that it works"
    outputs = place.ml_cicd("rollback", "--target", "production", "--to", "previous", "--reason", reason)["outputs"]
    story.expect(outputs["to-version"] == "1" and outputs["verified"] == "true", "version 1 is back, and verified")
    story.expect(place.predict()["version"] == "1", "version 1 answers through the router")
    place.ml_cicd("status", "--target", "production")
    story.quote(place.text("ml-cicd-reports/status/summary.md"))
    tally = place.load()
    total, failed = tally["total"], tally["failed"]
    story.expect(failed == tally["failures"]["3"], f"{total:,} requests in all, {failed} bad answers, all of version 3")


STEPS = (
    ("Before: train and start the router", prepare),
    ("1. Version 1: the first release", first_release),
    ("2. Version 2: better, promoted on evidence", better_one),
    ("3. Version 3: good offline, bad in production", bad_in_production),
    ("4. Version 4: badly trained", badly_trained),
    ("5. Roll back to version 1", back_again),
)


def interrupt(*_: object) -> None:
    """Treat SIGTERM as Ctrl-C; and once is enough."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """Play all steps, and leave nothing running whatever happens."""
    parser = argparse.ArgumentParser(description="Take a real model from training to production and back.")
    parser.add_argument("--folder", type=Path, default=Path(__file__).resolve().parent / "run")
    asked = parser.parse_args()
    place, story = None, Story()
    try:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, interrupt)
        place = Place(asked.folder)
        for title, step in STEPS:
            story.chapter(title)
            step(place, story)
        story.write(place.folder / "report.md")
    except Failed as problem:
        print(f"\nFAILED: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: stopping everything", file=sys.stderr)
        return 130
    finally:
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)
        if place is not None:
            place.close()
    print(f"\nAll of it happened as described. The report: {asked.folder / 'report.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
