"""Lines that several threads and processes write to one file, and none of them torn."""

from __future__ import annotations

import errno
import os
import stat
import sys
from builtins import len  # gone when the last event comes
from os import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol, Union

    class HasDescriptor(Protocol):
        def fileno(self) -> int: ...

    Output = Union[str, bytes, os.PathLike[str], os.PathLike[bytes], int, HasDescriptor]


class Lines:
    """Writes lines to *output*, each of them in one write and unbuffered.

    *output* is a path, whose file is created or appended to; or a file descriptor or an
    open file that has one, of which a duplicate is kept. It is closed when nobody
    writes to it any more. Where others write to it, too, it has to be open for
    appending.

    *most* is the number of bytes that stay together in one write, which in a pipe is
    PIPE_BUF. It is for the caller to keep to it.

    Thread-safety: may be used from any thread, from signal handlers and in forked
    children. It takes no lock and raises no events.
    """

    __slots__ = ("_torn", "fd", "most", "name")

    def __init__(self, output: Output) -> None:
        self.fd = -1
        self.name = repr(output)
        self._torn = False  # whether the last line lacks its end
        if isinstance(output, (str, bytes, os.PathLike)):
            self.fd = open_high(output, APPEND)
        else:
            self.fd = duplicate(_descriptor(output))
        self.most = sys.maxsize
        # Windows has pipes, but no such limit.
        if hasattr(os, "fpathconf") and stat.S_ISFIFO(os.fstat(self.fd).st_mode):
            self.most = os.fpathconf(self.fd, "PC_PIPE_BUF")

    def write(self, line: bytes) -> None:
        """Write *line*, which has its end. Raises OSError if it cannot be written.

        Where only part of it could be, the next one starts on a line of its own.
        """
        torn, self._torn = self._torn, False
        if torn:
            line = b"\n" + line
        written = 0
        try:
            while written < len(line):
                written += write(self.fd, line[written:])
        except BaseException:
            self._torn = written > 0 or torn
            raise

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        if self.fd >= 0:
            close(self.fd)


APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)


def duplicate(fd: int) -> int:
    """Duplicate a file descriptor to a high number, if there are such.

    A program that closes what it has not opened, as daemons do, opens its own files
    under the lowest numbers: no line may land in one of them.
    """
    try:
        from fcntl import F_DUPFD, fcntl  # PyPy has no F_DUPFD_CLOEXEC
    except ImportError:  # Windows
        return os.dup(fd)
    os.fstat(fd)  # for its OSError
    for least in HIGH:
        try:
            high = fcntl(fd, F_DUPFD, least)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        else:
            os.set_inheritable(high, False)
            return high
    return os.dup(fd)


def open_high(
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes], flags: int
) -> int:
    """Open a file, with a descriptor as duplicate() gives it."""
    fd = os.open(path, flags, 0o666)
    try:
        return duplicate(fd)
    finally:
        os.close(fd)


HIGH = 960, 200  # below the usual limits of 1024 and 256


def _descriptor(output: int | HasDescriptor) -> int:
    if isinstance(output, int):
        return output
    expected = "a path, a file descriptor or an open file that has one"
    try:
        fileno = output.fileno
    except AttributeError:
        kind = type(output).__name__
        raise TypeError(f"output must be {expected}, not {kind}") from None
    try:
        fd = fileno()
    except OSError as error:  # io.UnsupportedOperation, such as that of a StringIO
        raise ValueError(f"output must be {expected}, not {output!r}") from error
    flush = getattr(output, "flush", None)
    if flush is not None:
        flush()  # what was written before comes first
    return fd


def json_encoder() -> tuple[Callable[[object], str], Callable[[str], str]]:
    """Return what json.dumps() does for plain values, without its preparations.

    And the same for a str alone.
    """
    from json import encoder

    quote: Callable[[str], str] = encoder.encode_basestring
    slow = encoder.JSONEncoder(
        ensure_ascii=False,
        check_circular=False,
        allow_nan=False,
        separators=(",", ":"),
    )
    make: Any = getattr(encoder, "c_make_encoder", None)
    if make is None:  # not CPython
        return slow.encode, quote
    fast = make(None, slow.default, quote, None, ":", ",", False, False, False)
    return lambda value: "".join(fast(value, 0)), quote
