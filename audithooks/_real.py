"""The clock, the process and its files as they are, whatever a program makes of them.

A test may replace functions of time and os, and count their calls. A record must not
get what a replacement returns, nor take a value that is for the test. So the functions
are kept from the import on: in a class, as freezegun and pyfakefs look for them among
the names of every module and replace them there, too.

time-machine changes the functions of time themselves: that reaches the records, too.
"""

from __future__ import annotations

import os
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ENCODING = sys.getfilesystemencoding()
_ERRORS = sys.getfilesystemencodeerrors()
_fcntl: Any
_signal: Any = sys.modules.get("_signal")  # signal.py calls what may be replaced
try:
    import fcntl as _fcntl
except ImportError:
    _fcntl = None


class Real:
    """Functions of time, os, select, signal and fcntl. Take them from here wherever an
    event leads.
    """

    gmtime = time.gmtime
    localtime = time.localtime
    monotonic = time.monotonic
    monotonic_ns = time.monotonic_ns
    sleep = time.sleep
    strftime = time.strftime
    time_ns = time.time_ns

    close = os.close
    dup = os.dup
    dup2 = os.dup2
    fspath = os.fspath
    fstat = os.fstat
    ftruncate = os.ftruncate
    getcwd = os.getcwd
    getcwdb = os.getcwdb
    getpid = os.getpid
    lseek = os.lseek
    lstat = os.lstat
    open = os.open
    read = os.read
    set_inheritable = os.set_inheritable
    stat = os.stat
    write = os.write
    # Not on Windows. PyPy has no F_DUPFD_CLOEXEC.
    F_DUPFD: Any = getattr(_fcntl, "F_DUPFD", None)
    F_GETFL: Any = getattr(_fcntl, "F_GETFL", None)
    F_SETFL: Any = getattr(_fcntl, "F_SETFL", None)
    fcntl: Any = getattr(_fcntl, "fcntl", None)
    fpathconf: Any = getattr(os, "fpathconf", None)
    getppid: Any = getattr(os, "getppid", None)  # not on WASI
    getsignal: Any = getattr(_signal, "getsignal", None)
    poll: Any = getattr(select, "poll", None)
    readlink: Any = getattr(os, "readlink", None)
    register_at_fork: Any = getattr(os, "register_at_fork", None)
    set_blocking: Any = getattr(os, "set_blocking", None)

    POLLIN: int = getattr(select, "POLLIN", 0)
    POLLERR: int = getattr(select, "POLLERR", 0)
    POLLOUT: int = getattr(select, "POLLOUT", 0)
    SIGPIPE: int | None = getattr(_signal, "SIGPIPE", None)

    @staticmethod
    def fsdecode(path: Any) -> str:
        """Do what os.fsdecode() does, which calls what may be replaced."""
        text: str | bytes = Real.fspath(path)
        return text if isinstance(text, str) else text.decode(_ENCODING, _ERRORS)

    @staticmethod
    def fsencode(path: str | bytes) -> bytes:
        """Do what os.fsencode() does, which calls what may be replaced."""
        return path if isinstance(path, bytes) else path.encode(_ENCODING, _ERRORS)


def is_there(path: str) -> bool:
    """Whether there is something at *path*, whatever a program makes of os.stat()."""
    try:
        Real.stat(path)
    except (OSError, ValueError):  # a path with a NUL is nowhere
        return False
    return True
