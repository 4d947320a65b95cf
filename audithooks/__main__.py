"""python -m audithooks, also installed as the command audithooks."""

import sys

from .tracer.program import safe_path


def main() -> None:
    """Run the command line, without the folder in sys.path of what started it."""
    if not safe_path():
        # It is for the program, not for the imports of the tracer.
        del sys.path[0]
    from .tracer.cli import main

    main()


if __name__ == "__main__":
    main()
