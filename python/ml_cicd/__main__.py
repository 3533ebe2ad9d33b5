"""Entry point of `ml-cicd` and of `python -m ml_cicd`."""

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:2] == ["action", "setup"]:
        from ml_cicd.front_door import set_up  # noqa: PLC0415

        return set_up(os.environ)
    from ml_cicd import runner  # noqa: PLC0415  # help must not wait for what commands need
    from ml_cicd.wiring import real_world  # noqa: PLC0415

    return runner.main(arguments, runner.Process(environ=os.environ, make_world=real_world))


if __name__ == "__main__":
    sys.exit(main())
