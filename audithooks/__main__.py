"""python -m audithooks"""

import sys

from .program import safe_path

if not safe_path():
    # The current folder is there for the program, and not for what the tracer imports.
    del sys.path[0]

from .cli import main

main()
