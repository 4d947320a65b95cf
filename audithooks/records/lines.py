"""Lines that several threads and processes write to one file without splitting them."""

from __future__ import annotations

import errno
import os
import stat
import sys
from _thread import get_ident
from builtins import len  # builtins is already cleared when the last event comes
from math import inf

from .._real import Real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._core.types import HasDescriptor, Output


# O_NOCTTY, as a daemon must not get its terminal back.
APPEND = (
    os.O_WRONLY
    | os.O_APPEND
    | os.O_CREAT
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOCTTY", 0)
)
SEEK_CUR = os.SEEK_CUR


class Lines:
    """Writes lines to *output*, each of them in one write and unbuffered.

    *output* is a path, whose file is created or appended to; or a file descriptor or an
    open file that has one, of which a duplicate is kept. If others also write to the
    output, it has to be open for appending. /dev/stdout, /dev/fd/3 and the like mean
    the descriptor. With *truncate*, a file is emptied first. With *wait*, a pipe that
    nobody reads is waited for; without it, that is a BrokenPipeError. With *watch*, a
    path is opened again before a line if its file was moved away or removed.

    A program may close the descriptor, or take its number for a file of its own. So
    before each line it is compared with what was opened, and if it leads elsewhere the
    output is opened again: by its path, or by the descriptor that was given, or by the
    path that the system knows for that.

    If an output that does not block takes no more, write() waits until it does, but at
    most *patience* seconds, and not again before it took something: a program may be
    its own reader.

    *most* is the number of bytes that stay together in one write, which in a pipe is
    PIPE_BUF. The caller must not exceed it. *direct* is what compiled code needs for a
    write without a look at more: the descriptor, device and inode, and the path that is
    watched, or None. It is None for a pipe, and after a write that failed.

    Thread-safety: may be used from any thread, from signal handlers and in forked
    children. It takes no lock, and raises no events unless it opens the output again.
    """

    __slots__ = (
        "_at",
        "_patience",
        "_pipe",
        "_stuck",
        "_torn",
        "_watch",
        "direct",
        "given",
        "most",
        "name",
        "path",
    )

    def __init__(
        self,
        output: Output,
        *,
        truncate: bool = False,
        wait: bool = True,
        watch: bool = False,
        patience: float = 1,
    ) -> None:
        self._at = -1, 0, 0  # the descriptor, and the device and inode of its file
        self.name = repr(output)
        self._torn = False  # whether the last line is incomplete
        self._stuck = False  # whether it was waited for in vain
        self._patience = patience
        self.given = -1
        self._watch = False
        if isinstance(output, (str, bytes, os.PathLike)):
            output = Real.fspath(output)
            own = own_descriptor(output)
            output = _absolute(output) if own is None else own
        if isinstance(output, (str, bytes)):
            self.path: str | bytes | None = output
            self._watch = watch
            flags = APPEND | os.O_TRUNC if truncate else APPEND
            self._take(open_high(output, flags, wait))
        else:
            self.given = _descriptor(output)
            self._take(duplicate(self.given))
            self.path = _path_of(self.fd)

    def also_at(self, path: str) -> None:
        """Note another path that leads to an output that was given as a descriptor."""
        if self.given >= 0:
            self.path = path

    @property
    def fd(self) -> int:
        return self._at[0]

    def _take(self, fd: int) -> None:
        found = Real.fstat(fd)
        self._pipe = stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode)
        self.most = sys.maxsize
        # Windows has pipes, but no such limit.
        if Real.fpathconf and stat.S_ISFIFO(found.st_mode):
            self.most = Real.fpathconf(fd, "PC_PIPE_BUF")
        self._at = fd, found.st_dev, found.st_ino
        self._settle()

    def _settle(self) -> None:
        self.direct: tuple[int, int, int, bytes | None] | None = None
        if not (self._pipe or self._torn or self._stuck):
            path = Real.fsencode(self.path) if self._watch and self.path else None
            self.direct = *self._at, path

    def write(self, line: bytes, written: int = 0) -> None:
        """Write *line*, which ends with a newline. Raises OSError if it cannot.

        If only part of it was written, the next one starts on a new line. So many bytes
        as *written* says are there already, and the rest goes to the same file.
        """
        fd, device, inode = self._at
        try:
            found = Real.fstat(fd)
            lost = found.st_ino != inode or found.st_dev != device
        except OSError:
            lost = True
        if lost:
            self._find()
        elif self._watch and not written:
            self._follow()
        if self._pipe and _would_kill(self.fd):
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        torn, self._torn = self._torn, False
        if torn and not written:
            line = b"\n" + line
        try:
            while written < len(line):
                try:
                    written += Real.write(self._at[0], line[written:])
                    self._stuck = False
                except BlockingIOError:
                    if self._stuck or not _wait(self.fd, self._patience):
                        self._stuck = True
                        raise
                except OSError as error:
                    # Closed in this moment, or open for reading by the program.
                    if error.errno != errno.EBADF or lost:
                        raise
                    lost = True
                    self._find()
        except BaseException:
            self._torn = written > 0 or torn
            self._settle()
            raise
        if self.direct is None and not self._pipe:
            self._settle()

    def _find(self) -> None:
        """Open the output again, as its descriptor is no longer ours."""
        if self.given >= 0 and place(self.given) == self._at[1:]:
            self._take(duplicate(self.given))
            return
        if self.path is None:
            raise OSError(errno.EBADF, "the program closed the output")
        fd = open_high(self.path, APPEND, wait=False)
        # The path of another descriptor may lead elsewhere by now.
        if (self.given >= 0 or _of_process(self.path)) and (place(fd) != self._at[1:]):
            Real.close(fd)
            raise OSError(errno.EBADF, "the program closed the output")
        self._take(fd)

    def _follow(self) -> None:
        """Open the path again if its file is another one now."""
        try:
            found = Real.stat(self.path)  # type: ignore[arg-type]
            if (found.st_dev, found.st_ino) == self._at[1:]:
                return
        except OSError:
            pass
        try:
            self.reopen()
        except OSError:  # then it goes on where the file is now
            pass

    def reopen(self) -> None:
        """Open the path again. Raises ValueError if the output was not a path."""
        if self.given >= 0 or self.path is None:
            raise ValueError(f"only a path can be opened again, not {self.name}")
        old = self.fd
        fd = open_high(self.path, APPEND, wait=False)
        self._torn = False
        if place(old) == self._at[1:]:
            # Another thread may be about to write: the number stays.
            Real.dup2(fd, old, False)
            Real.close(fd)
            fd = old
        self._take(fd)

    def close(
        self,
        fstat: Callable[[int], os.stat_result] = Real.fstat,
        close: Callable[[int], None] = Real.close,
    ) -> None:
        """Close the descriptor, unless it is the program's by now."""
        (fd, *place), self._at = self._at, (-1, 0, 0)
        self.direct = None
        try:
            found = fstat(fd)
        except OSError:
            return
        if [found.st_dev, found.st_ino] == place:
            close(fd)

    __del__ = close


def place(file: int | str | bytes) -> tuple[int, int]:
    """Return the device and inode of an open file, or that at a path, or zeros."""
    try:
        found = Real.stat(file)
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def own_descriptor(path: str | bytes) -> int | None:
    """Return the descriptor of this process that a path names, or None.

    To open such a path may fail, or give a file that does not share its position.
    """
    text = os.fsdecode(path) if isinstance(path, bytes) else path
    if text in _STANDARD:
        return _STANDARD.index(text)
    folder, _, number = text.rpartition("/")
    folders = "/dev/fd", "/proc/self/fd", f"/proc/{Real.getpid()}/fd"
    own = folder in folders and number.isascii() and number.isdigit()
    return int(number) if own else None


_STANDARD = "/dev/stdin", "/dev/stdout", "/dev/stderr"


def _absolute(path: str | bytes) -> str | bytes:
    """Return a path that stays right when the program changes its folder."""
    if not path:  # which is nowhere, and not the folder
        return path
    if os.name == "nt":
        return os.path.abspath(path)
    if isinstance(path, bytes):
        return path if path.startswith(b"/") else Real.getcwdb() + b"/" + path
    return path if path.startswith("/") else f"{Real.getcwd()}/{path}"


def _path_of(fd: int) -> str | None:
    """Return the path of an open file or terminal, where the system knows it."""
    if Real.readlink is None:
        return None
    try:
        path: str = Real.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return None
    return path if path.startswith("/") else None  # a pipe has none


def _of_process(path: str | bytes) -> bool:
    return os.fsdecode(path).startswith("/proc/")


def _wait(fd: int, seconds: float) -> bool:
    """Wait until an output that does not block takes something or was closed."""
    if Real.poll is None:
        Real.sleep(min(seconds, 1))
        return seconds > 1
    waiting = Real.poll()
    waiting.register(fd, Real.POLLOUT)
    return bool(waiting.poll(None if seconds == inf else seconds * 1000))


def _would_kill(fd: int) -> bool:
    """Whether nobody reads a pipe, and a write to it would end the process."""
    if Real.getsignal is None or Real.getsignal(Real.SIGPIPE) != 0:  # SIG_DFL
        return False
    asked = Real.poll()
    asked.register(fd, 0)
    return any(state & Real.POLLERR for _, state in asked.poll(0))


def duplicate(fd: int) -> int:
    """Duplicate a file descriptor to a high number, if the system can.

    A program that closes descriptors it has not opened, as daemons do, opens its own
    files with the lowest numbers.
    """
    if Real.fcntl is None:  # Windows
        return Real.dup(fd)
    Real.fstat(fd)  # for its OSError
    for least in HIGH:
        try:
            high: int = own(Real.fcntl, fd, Real.F_DUPFD, least)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        else:
            Real.set_inheritable(high, False)
            return high
    return Real.dup(fd)


opening: set[int] = set()
"""The threads in which this package opens a file of its own."""


def own(function: Callable[..., Any], *args: Any) -> Any:
    """Call what opens a file or the like for this package, which no rule refuses."""
    thread = get_ident()
    try:
        opening.add(thread)  # in here, as a signal handler may raise after it
        return function(*args)
    finally:
        opening.discard(thread)


def open_high(
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
    flags: int,
    wait: bool = True,
) -> int:
    """Open a file with a descriptor like that of duplicate().

    A pipe that nobody reads is waited for, or without *wait* a BrokenPipeError.
    """
    if wait or Real.set_blocking is None:
        fd = own(Real.open, path, flags, 0o666)
    else:
        try:
            fd = own(Real.open, path, flags | os.O_NONBLOCK, 0o666)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None
        Real.set_blocking(fd, True)
    try:
        return duplicate(fd)
    finally:
        Real.close(fd)


HIGH = 960, 200  # below the usual limits of 1024 and 256


def append_always(fd: int) -> None:
    """Let every process that shares an open file append to it, if it is a file.

    Otherwise they would write over what is appended by way of another descriptor.
    """
    if Real.fcntl is not None and stat.S_ISREG(Real.fstat(fd).st_mode):
        flags = Real.fcntl(fd, Real.F_GETFL)
        Real.fcntl(fd, Real.F_SETFL, flags | os.O_APPEND)


_has_stderr = place(2) != (0, 0)  # if not, 2 may become the number of any file
_stderr: Lines | None = None


def keep_stderr() -> None:
    """Send messages to the present error output, whatever becomes of its number."""
    global _stderr
    if _has_stderr:
        _stderr = Lines(2)


def complain(text: str) -> None:
    """Write a message to the error output, whatever the program made of sys.stderr."""
    line = f"audithooks: {text}\n".encode("utf-8", "backslashreplace")
    try:
        if _stderr is not None:
            _stderr.write(line)
        elif _has_stderr:
            Real.write(2, line)
    except OSError:  # there is none any more
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


def json_text(text: str) -> str:
    """Return JSON for readers who end lines where Unicode does, too."""
    if not text.isascii():
        for end, escape in _LINE_ENDS:
            text = text.replace(end, escape)
    return text


# Those that JSON leaves as they are.
_LINE_ENDS = ("\x85", "\\u0085"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")


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
