"""A repository as it was found: which files there are, and what the small ones say."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

PLAIN = re.compile(r"[\w./@+=,-]+(?: [\w./@+=,-]+)*")  # no quote, no $, no line end: it can stand in a workflow
GITHUB = re.compile(r"(?:^|@|//)(?:[^@/]+@)?[\w.-]+[:/](?:.*/)?(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """What is known of a repository.

    Attributes:
        paths: its files from the top, those nearer to it first; none with a name that a shell or YAML could misread.
        texts: content of those that were read.
        folder: name of its folder.
        inside: path of that folder from the top of the git repository; empty at the top, and without one.
        remote: address of `origin`; empty without one.
        branch: its default branch, or the one that is checked out.
        library: address that ml-cicd was installed from; empty where that is not told.
        left_out: what was not read, a sentence each.
    """

    paths: tuple[str, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    inside: str = ""
    remote: str = ""
    branch: str = ""
    library: str = ""
    left_out: tuple[str, ...] = ()

    def text(self, path: str) -> str:
        """Return a file's text; nothing where there is none."""
        return self.texts.get(path, "")

    def matching(self, pattern: str) -> Iterator[str]:
        """Yield the paths that a pattern fits as a whole."""
        return (path for path in self.paths if re.fullmatch(pattern, path))

    def says(self, path: str, text: str) -> str:
        """Return the first file of which the path fits one pattern and the text holds the other; else nothing."""
        return next((one for one in self.matching(path) if re.search(text, self.text(one), re.MULTILINE)), "")


def owner_and_name(url: str) -> tuple[str, str]:
    """Return owner and name of a repository by its address; two empty texts where it has none."""
    found = GITHUB.search(url)
    return (found["owner"], found["name"]) if found else ("", "")
