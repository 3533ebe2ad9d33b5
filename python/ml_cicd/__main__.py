"""Entry point of `ml-cicd` and of `python -m ml_cicd`."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_cicd.world import World


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:2] == ["action", "setup"]:
        from ml_cicd.shell.front_door import set_up  # noqa: PLC0415

        return set_up(os.environ, _real_world)
    from ml_cicd.shell import runner  # noqa: PLC0415

    process = runner.Process(environ=os.environ, make_world=lambda say: _real_world(os.environ, say))
    return runner.main(arguments, process)


def _real_world(environ: Mapping[str, str], say: Callable[[str], None]) -> "World":
    from ml_cicd.shell.wiring import RealWorld  # noqa: PLC0415  # help must not wait for what commands need

    return RealWorld(environ, say)


if __name__ == "__main__":
    sys.exit(main())
