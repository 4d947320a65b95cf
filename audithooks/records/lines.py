"""Lines that several threads and processes write to one file without splitting them."""

from __future__ import annotations

import errno
import os
import stat
import sys
from builtins import len  # builtins is already cleared when the last event comes

from .real import Real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._core.types import HasDescriptor, Output


class Lines:
    """Writes lines to *output*, each of them in one write and unbuffered.

    *output* is a path, whose file is created or appended to; or a file descriptor or an
    open file that has one, of which a duplicate is kept. The descriptor is closed with
    the last reference to this object. If others also write to the output, it has to be
    open for appending.

    *most* is the number of bytes that stay together in one write, which in a pipe is
    PIPE_BUF. The caller must not exceed it.

    Thread-safety: may be used from any thread, from signal handlers and in forked
    children. It takes no lock and raises no events.
    """

    __slots__ = ("_torn", "fd", "most", "name")

    def __init__(self, output: Output) -> None:
        self.fd = -1
        self.name = repr(output)
        self._torn = False  # whether the last line is incomplete
        if isinstance(output, (str, bytes, os.PathLike)):
            self.fd = open_high(output, APPEND)
        else:
            self.fd = duplicate(_descriptor(output))
        self.most = sys.maxsize
        # Windows has pipes, but no such limit.
        if Real.fpathconf and stat.S_ISFIFO(Real.fstat(self.fd).st_mode):
            self.most = Real.fpathconf(self.fd, "PC_PIPE_BUF")

    def write(self, line: bytes) -> None:
        """Write *line*, which ends with a newline. Raises OSError if it cannot.

        If only part of it was written, the next one starts on a new line.
        """
        torn, self._torn = self._torn, False
        if torn:
            line = b"\n" + line
        written = 0
        try:
            while written < len(line):
                written += Real.write(self.fd, line[written:])
        except BaseException:
            self._torn = written > 0 or torn
            raise

    def __del__(self, close: Callable[[int], None] = Real.close) -> None:
        if self.fd >= 0:
            close(self.fd)


APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)


def duplicate(fd: int) -> int:
    """Duplicate a file descriptor to a high number, if the system can.

    A program that closes descriptors it has not opened, as daemons do, opens its own
    files with the lowest numbers: no line may be written to one of them.
    """
    if Real.fcntl is None:  # Windows
        return Real.dup(fd)
    Real.fstat(fd)  # for its OSError
    for least in HIGH:
        try:
            high: int = Real.fcntl(fd, Real.F_DUPFD, least)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        else:
            Real.set_inheritable(high, False)
            return high
    return Real.dup(fd)


def open_high(
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes], flags: int
) -> int:
    """Open a file with a descriptor like that of duplicate()."""
    fd = Real.open(path, flags, 0o666)
    try:
        return duplicate(fd)
    finally:
        Real.close(fd)


HIGH = 960, 200  # below the usual limits of 1024 and 256


def complain(text: str) -> None:
    """Write a message to the error output, whatever the program made of sys.stderr."""
    try:
        Real.write(2, f"audithooks: {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:  # there is none
        pass


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
        flush()  # earlier output comes first
    return fd


def json_encoder() -> tuple[Callable[[object], str], Callable[[str], str]]:
    """Return a fast json.dumps() for plain values, and one for a str."""
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
