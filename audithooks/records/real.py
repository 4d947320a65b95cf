"""The clock, the process and its files as they are, whatever a program makes of them.

A test may replace functions of time and os, and count their calls. A record must not
get what a replacement returns, nor take a value that is for the test. So the functions
are kept from the import on: in a class, as freezegun and pyfakefs look for them among
the names of every module and replace them there, too.

time-machine changes the functions of time themselves: that reaches the records, too.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_fcntl: Any
try:
    import fcntl as _fcntl
except ImportError:
    _fcntl = None


class Real:
    """Functions of time, os and fcntl. Take them from here wherever an event leads."""

    gmtime = time.gmtime
    localtime = time.localtime
    monotonic = time.monotonic
    monotonic_ns = time.monotonic_ns
    strftime = time.strftime
    time_ns = time.time_ns

    close = os.close
    dup = os.dup
    fstat = os.fstat
    getpid = os.getpid
    open = os.open
    set_inheritable = os.set_inheritable
    write = os.write
    # Not on Windows. PyPy has no F_DUPFD_CLOEXEC.
    F_DUPFD: Any = getattr(_fcntl, "F_DUPFD", None)
    fcntl: Any = getattr(_fcntl, "fcntl", None)
    fpathconf: Any = getattr(os, "fpathconf", None)
    register_at_fork: Any = getattr(os, "register_at_fork", None)
