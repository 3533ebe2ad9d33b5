"""The job summary (GITHUB_STEP_SUMMARY)."""

from pathlib import Path

LONGEST = 900 * 1024
CUT = "\n\n_Cut here; the whole is in the report._\n"


def append_summary(path: Path, text: str) -> None:
    """Append Markdown; GitHub drops a summary over 1 MiB, so a longer one is cut before that."""
    data = text.encode(errors="backslashreplace")
    if len(data) > LONGEST:
        text = data[:LONGEST].decode(errors="ignore") + CUT
    with path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
        stream.write(text)
