"""The demo's load: what it sends, what it counts, and that it ends."""

import fcntl
import json
import socket
from http.client import HTTPConnection
from pathlib import Path

from load import STUCK_LEVEL, Tally, ask, bodies, is_free

IMAGES = [[level] * 64 for level in range(17)]


def test_one_image_in_twenty_has_a_stuck_pixel() -> None:
    """About 5 % of the bodies hold exactly one pixel above the 16 levels, the others none."""
    above = [sum(pixel > 16 for pixel in json.loads(body)["inputs"][0]) for body in bodies(IMAGES, 1)]
    assert set(above) == {0, 1}
    assert 0.04 < sum(above) / len(above) < 0.06


def test_the_stuck_pixel_leaves_the_images_alone() -> None:
    """Making bodies does not change the images they are made from."""
    bodies(IMAGES, 2)
    assert all(STUCK_LEVEL not in image for image in IMAGES)


def test_the_same_seed_sends_the_same_images() -> None:
    """A worker's requests depend on its seed alone."""
    assert bodies(IMAGES, 3) == bodies(IMAGES, 3) != bodies(IMAGES, 4)


def test_the_tally_counts_by_version(tmp_path: Path) -> None:
    """What failed is counted for the version that answered, and the totals add up."""
    tally = Tally()
    for version, failed in (("1", False), ("1", False), ("2", True), ("", True)):
        tally.count(version, failed=failed)
    tally.write(tmp_path / "load.json")
    content = json.loads((tmp_path / "load.json").read_text(encoding="ascii"))
    assert (content["total"], content["failed"]) == (4, 2)
    assert content["served"] == {"1": 2, "2": 1, "": 1}
    assert content["failures"] == {"1": 0, "2": 1, "": 1}
    assert [sum(column) for column in zip(*content["seconds"].values(), strict=True)] == [4, 2]


def test_a_closed_port_is_a_failed_request() -> None:
    """No answer counts as a failure of no version."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert ask(HTTPConnection("127.0.0.1", nobody.getsockname()[1], timeout=1), b"{}") == ("", True)


def test_the_lifeline_is_free_only_without_holder(tmp_path: Path) -> None:
    """A held lock keeps the load going, a released one ends it."""
    lifeline = tmp_path / "demo.lock"
    with lifeline.open("a", encoding="ascii") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        assert not is_free(lifeline)
    assert is_free(lifeline)
