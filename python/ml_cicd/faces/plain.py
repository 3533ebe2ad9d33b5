"""Text from outside, as every face shows it: what could steer a terminal or reorder a line is shown, not obeyed."""

import json
import re
import unicodedata

UNSURE = re.compile(r"[^\x20-\x7e\n]")


def visible(text: str) -> str:
    r"""Return text in which every character can be seen: `\x1b`, `\u202e` and a lone surrogate stand there as that.

    Line breaks are kept; a lone carriage return is none.
    """
    return UNSURE.sub(lambda found: found[0] if _is_seen(found[0]) else _escape(found[0]), text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return the same in one line, whatever breaks lines or separates words in it."""
    return visible(" ".join(text.split()))


def no_command(line: str) -> str:
    """Return a line that a workflow's log obeys in neither syntax: `::`, also behind blanks, and `##[` anywhere."""
    bare = line.lstrip().replace("##[", "## [")
    blanks = line[: len(line) - len(line.lstrip())]
    return f"{blanks}| {bare}" if bare.startswith("::") else blanks + bare


def visible_json(text: str) -> str:
    """Return JSON that reads as the same data, with the escapes of JSON itself."""
    return UNSURE.sub(lambda found: found[0] if found[0].isprintable() else _json_escape(found[0]), text)


def _json_escape(character: str) -> str:
    """Return its escape; JSON itself lets one control character stand, DEL."""
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]


def _is_seen(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
