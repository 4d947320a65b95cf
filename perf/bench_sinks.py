"""What a sink takes for an event, and the write(2) in it alone."""

from __future__ import annotations

from bench import Case, main

SINK = """
import os, tempfile
from audithooks.sinks import JsonLines
with tempfile.NamedTemporaryFile() as file:  # removed, but open for appending
    descriptor = os.open(file.name, os.O_RDWR | os.O_APPEND)
sink = JsonLines(descriptor)
args = ("some/file.py", "r", 524288)
sink("open", args)
line = os.pread(descriptor, 10_000, 0)
"""
JSONLINES = "JsonLines, an event of open"
WRITE = "os.write of the same line"
CASES = [
    Case(WRITE, SINK, "os.write(descriptor, line)", written=1),
    *(
        Case(
            JSONLINES,
            SINK,
            "sink('open', args)",
            pure=pure,
            written=1,
            counted=not pure,
        )
        for pure in (False, True)
    ),
]

if __name__ == "__main__":
    main(CASES)
