"""Reads a repository into a snapshot: its small text files, bounded whatever lies there."""

import contextlib
import importlib.metadata
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ml_cicd.starter.snapshot import PLAIN, Snapshot

MOST_FILES, MOST_FOLDERS, DEEPEST = 5000, 2000, 8
LARGEST_FILE, LARGEST_ALL = 2**20, 16 * 2**20
GIT_SECONDS = 5
OTHERS = {"node_modules", "__pycache__", "site-packages", "venv", "env", "mlruns", "wandb", "ml-cicd-reports"}
HIDDEN = {".github"}  # the one hidden folder that says something
BINARY = {
    "png",
    "jpg",
    "jpeg",
    "gif",
    "pdf",
    "zip",
    "gz",
    "parquet",
    "pkl",
    "pickle",
    "joblib",
    "npy",
    "npz",
    "pt",
    "pth",
}


def survey(folder: Path) -> Snapshot:
    """Read a folder; links are left alone, and what cannot be read is left out."""
    found = list(_files(folder))
    paths = sorted(
        (path for path in found[:MOST_FILES] if PLAIN.fullmatch(path)), key=lambda path: (path.count("/"), path)
    )
    texts = _texts(folder, paths)
    left_out = []
    if len(found) > MOST_FILES:
        left_out.append(f"Only the {MOST_FILES:,} files nearest to the top were looked at.")
    if len(paths) < len(found[:MOST_FILES]):
        odd = len(found[:MOST_FILES]) - len(paths)
        left_out.append(f"{odd:,} files were left out for characters in their names that a workflow could misread.")
    inside = _git(folder, "rev-parse", "--show-prefix").rstrip("/")
    return Snapshot(
        paths=tuple(paths),
        texts=texts,
        folder=folder.resolve().name,
        inside=inside if PLAIN.fullmatch(inside) else "",
        remote=_git(folder, "config", "--get", "remote.origin.url"),
        branch=_branch(folder),
        library=_library(),
        left_out=tuple(left_out),
    )


def _files(top: Path) -> Iterator[str]:
    """Yield files, those nearest to the top first; one more than the most, if there are more."""
    level, count, folders = [top], 0, 0
    for _ in range(DEEPEST):
        below: list[Path] = []
        for folder in level:
            folders += 1
            for entry in _entries(folder) if folders <= MOST_FOLDERS else ():
                if entry.is_dir(follow_symlinks=False):
                    below += [Path(entry.path)] if _is_worth_a_look(entry) else []
                elif entry.is_file(follow_symlinks=False):
                    yield Path(entry.path).relative_to(top).as_posix()
                    count += 1
                    if count > MOST_FILES:
                        return
        level = below


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _is_worth_a_look(folder: os.DirEntry[str]) -> bool:
    hidden = folder.name.startswith(".") and folder.name not in HIDDEN
    return folder.name not in OTHERS and not hidden and not (Path(folder.path) / "pyvenv.cfg").exists()


def _texts(folder: Path, paths: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    left = LARGEST_ALL
    for path in paths:
        if path.rpartition(".")[2].lower() in BINARY:
            continue
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if (folder / path).stat().st_size <= min(LARGEST_FILE, left):
                texts[path] = (folder / path).read_text(encoding="utf-8-sig")
                left -= len(texts[path])
    return texts


def _branch(folder: Path) -> str:
    """Return the branch that the remote starts with, else the one that is checked out."""
    start = _git(folder, "symbolic-ref", "--short", "--quiet", "refs/remotes/origin/HEAD").removeprefix("origin/")
    return start or _git(folder, "symbolic-ref", "--short", "--quiet", "HEAD")


def _library() -> str:
    """Return the address that this ml-cicd was installed from: a repository's, or of the clone that it lies in."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError, OSError, ValueError, AttributeError):
        told = importlib.metadata.distribution("ml-cicd").read_text("direct_url.json")
        url = str(json.loads(told or "{}").get("url", ""))
        if url.startswith("file://"):
            return _git(Path(url.removeprefix("file://")), "config", "--get", "remote.origin.url")
        return url
    return ""


def _git(folder: Path, *arguments: str) -> str:
    """Return what git says; nothing where it cannot."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
