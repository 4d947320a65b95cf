"""python -m audithooks, which is also installed as the command audithooks."""

import sys

from .tracer.program import safe_path


def main() -> None:
    """Run the command line without the folder of whatever started it in sys.path."""
    if not safe_path():
        # It is there for the program, and not for what the tracer imports.
        del sys.path[0]
    from .tracer.cli import main

    main()


if __name__ == "__main__":
    main()
