"""python -m audithooks, also installed as the command audithooks."""

import os
import sys

from .tracer.program import current_folder, safe_path


def main() -> None:
    """Run the command line, without the folder in sys.path of what started it."""
    by_module = os.path.basename(sys.argv[0]) == "__main__.py"
    # With -m it is the current folder, unless that is gone.
    if not (safe_path() or (by_module and current_folder() is None)):
        # It is for the program, not for the imports of the tracer.
        del sys.path[0]
    from .tracer.cli import main

    main()


if __name__ == "__main__":
    main()
