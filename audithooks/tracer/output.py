"""Where a trace goes: opened once by the command line, and by each followed child."""

from __future__ import annotations

import os
from math import inf

from .._real import Real
from ..records.lines import Lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .options import Options

COARSE = 2_000_000_000  # nanoseconds that the clock of a file system may be late


def open_output(options: Options) -> Lines:
    """Open the output of the process that the command line starts. Raises OSError.

    Without a file that is stderr, and nowhere if there is none.
    """
    if options.apart:
        return open_apart(options)
    if options.output:
        return Lines(options.output, truncate=not options.append, patience=inf)
    try:
        return Lines(2, patience=inf)
    except OSError:
        return Lines(os.devnull)


def open_followed(options: Options) -> Lines:
    """Open the output of a process that is followed. Raises OSError."""
    if options.apart:
        return open_apart(options)
    return Lines(options.output or 2, wait=False, patience=inf)


def open_apart(options: Options, pid: int | None = None) -> Lines:
    """Open the file that a process, by default this one, has for itself.

    Raises OSError.

    What it has of an earlier process is removed, but not of what this one was before
    os.exec().
    """
    path = f"{options.output}.{pid or Real.getpid()}"
    try:
        old = Real.stat(path).st_mtime_ns < options.began - COARSE
    except OSError:
        old = False
    return Lines(path, truncate=old and not options.append, patience=inf)
