"""The first import of audithooks in a process, and of a small extension beside it."""

from __future__ import annotations

from bench import Fresh, main

IMPORT = "import audithooks"
EXTENSION = "import of a small extension"
CASES = [
    Fresh(EXTENSION, "", "import floor"),
    *(
        Fresh(IMPORT, "", IMPORT, pure=pure, counted=True, slack=0)
        for pure in (False, True)
    ),
]

if __name__ == "__main__":
    main(CASES, min_time=0.02)
