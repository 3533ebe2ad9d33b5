"""A container image by digest: a model that is an address. Nothing is pulled; the digest in it names the bytes."""

import re
from pathlib import Path

from ml_cicd.registry.formats.scan import Format

PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
ADDRESS = re.compile(
    rf"(?:[A-Za-z0-9.-]+(?::\d{{1,5}})?/)?{PART}(?:/{PART})*(?::\w[\w.-]{{0,127}})?@(sha256:[0-9a-f]{{64}})"
)


def image_digest(address: str) -> str:
    """Return the digest of an image's address; empty for what is none."""
    found = ADDRESS.fullmatch(address)
    return found[1] if found else ""


def is_image(path: Path) -> bool:
    """Whether this is an address, and no file of that name."""
    return bool(image_digest(str(path))) and not path.exists()


FORMAT = Format(
    name="container image",
    recognised="an address `image@sha256:...`",
    looked_at="the address alone; nothing is pulled",
    refused="tags without a digest: they can point elsewhere tomorrow",
    way_out="Write image@sha256:<digest>, as `docker buildx imagetools inspect` prints it.",
    recognises=is_image,
    violations=lambda _path, _allowed: (),
)
