"""The first import of audithooks in a process, and of a small package beside it."""

from __future__ import annotations

from bench import Fresh, main

IMPORT = "import audithooks"
EXTENSION = "import of a package with an empty extension"
CASES = [
    Fresh(EXTENSION, "", "import small"),
    *(
        Fresh(IMPORT, "", IMPORT, pure=pure, counted=True, slack=0)
        for pure in (False, True)
    ),
]

if __name__ == "__main__":
    main(CASES, min_time=0.02)
