"""What benchmarks of a rollback begin with: a user's folder, and two versions released one after the other."""

import shutil
from pathlib import Path

from tests.e2e.serving import Serving
from tests.e2e.test_interruption import CONFIG, HOOK, Site


def two_releases(folder: Path, target: Serving) -> Site:
    """Release versions 1 and 2 on a running target; 2 serves then."""
    shutil.copy(CONFIG, folder / "ml-cicd.yml")
    shutil.copy(HOOK, folder)
    site = Site(folder, target)
    for weights in ("first", "second"):
        site.release(weights)
        site.run("canary")
    return site
