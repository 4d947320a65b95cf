"""Attaching to a process that runs: the command line with -p. remote.py is for Python.

The process runs a script that connects to a socket of here, and says who it is by that.
It loads audithooks, subscribes, and sends a message for each line: attached.py is that
side. Then this one asks it to leave, and has it run nothing once more, which it sees.
"""

from __future__ import annotations

import json
import os
import re
import socket
import struct
from pkgutil import get_data
from select import POLLIN, poll

from .. import HookRejected
from .._real import Real
from ..records.lines import Lines, complain, keep_stderr
from ..records.secrets import hide_python
from .attached import (
    ATTACHED,
    COUNT,
    DECISION,
    END,
    LEFT,
    LINE,
    NO_SIGNAL,
    PATIENCE,
    SAID,
    SCRIPT,
)
from .following import FOLDER, encoded
from .options import Options
from .target import NotAttached, Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from typing import Any

    from .keeper import Ending
    from .options import Parser

    Message = tuple[bytes, bytes, int]  # its kind, its data, and the process

STEP = 0.1  # seconds between looks at a process that is waited for
BEAT = 0.5  # seconds between looks at the clock: if it was more, this side was stopped
SOON = 0.5  # seconds until what is waited for is told
OPENING = 0.1  # seconds between taking a request and opening the script
DESCRIPTORS = 8  # that a process needs to attach itself
LEAVING = 1  # seconds for a process to leave before it is left to do that later
# What the script needs.
_INSIDE = "compile, exec, an import, or a socket; or it has no module _socket"
_CREDENTIALS = struct.Struct("=iII")
_MOST = 1_000_000  # bytes of a message


class Stopped(Exception):
    """Whoever attaches does not want to any more."""


class Attaching:
    """The way to a process, as *options* say; *begin* says whether a file begins.

    *tell* gets what is said while it is waited for, for at most *seconds*. *stop* says
    whether to give up.
    """

    def __init__(
        self,
        target: Target,
        options: Options,
        begin: bool = True,
        tell: Callable[[str], None] = lambda text: None,
        seconds: float | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.target = target
        self.ended = ""  # why there are no more messages
        self.is_lost = False  # whether that is a failure
        self._options = options
        self._begin = begin
        self._tell = tell
        self._seconds = seconds
        self.stop = stop
        self._told: set[str] = set()
        self._before = ""
        self._connection: socket.socket | None = None
        self._early: list[Message] = []
        self._taken: float | None = None  # when it took the request
        self._sees = False  # what was requested
        self._keeps = False  # the script, which it has not opened yet
        self._folder = _folder()
        self._script = os.path.join(self._folder, "script.py")
        self._path = os.path.join(self._folder, "socket")

    # Attaching.

    def attach(self) -> None:
        """Attach. Raises NotAttached and Stopped, and whatever interrupts it."""
        pid = self.target.pid
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            # The process may be of another user.
            os.chmod(self._folder, 0o711)  # noqa: S103
            if not self.target.has_files(self._folder, FOLDER):
                raise NotAttached(
                    f"process {pid} has files of its own (a container?): attach from "
                    "inside"
                )
            if self.target.descriptors_left() < DESCRIPTORS:
                raise NotAttached(
                    f"process {pid} has too few file descriptors left (see ulimit -n)"
                )
            listener.bind(self._path)
            os.chmod(self._path, 0o666)  # noqa: S103
            listener.listen()
            self._write_script()
            self._began = Real.monotonic()
            with self.target.slot(self._wait_for_slot):
                while not self._try(listener):
                    Real.sleep(STEP)
        finally:
            listener.close()
            for path in (self._path, self._script)[: 1 if self._keeps else 2]:
                if os.path.lexists(path):
                    os.unlink(path)
            if not self._keeps:
                os.rmdir(self._folder)
        self._attached = Real.monotonic()
        self._tell(f"process {pid} attached")

    def _write_script(self) -> None:
        sources = [
            (get_data(__package__, f"_follow/{name}.py") or b"").decode()
            for name in ("sitecustomize", "attach")
        ]
        # The imports are left to connect(), as they may have to be quiet.
        sources = [re.sub("(?m)^import .*", "", source) for source in sources]
        # What is unpacked last calls a function, behind which no signal is handled.
        call = f"""
try:
    signals = attach({self._path!r}, {FOLDER!r})
except BaseException as error:
    signals = come_again(error)
[*signals]
"""
        with open(self._script, "x", encoding="utf-8") as file:
            file.write("\n".join([*sources, call]))
        os.chmod(self._script, 0o644)

    def _try(self, listener: socket.socket) -> bool:
        """Return whether it is attached, and not to be tried again."""
        os.utime(self._script, (0, Real.time_ns() / 1e9))  # to see whether it is read
        self._taken = None
        self.target.request(self._script)
        asked = self.target.asked()
        self._sees = asked is not None and asked[0] == self._script
        try:
            connection = self._accept(listener)
        except BaseException:
            self._cancel()
            raise
        try:
            # Before it sends a line: each tells from which process it is.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            told = {"options": encoded(self._options), "begin": self._begin}
            try:
                connection.send(json.dumps(told).encode(), NO_SIGNAL)
            except ConnectionError:  # it has said why
                pass
            if not self._is_answered(connection):
                connection.close()
                return False
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return True

    def _asked(self) -> tuple[str, bool] | None:
        return self.target.asked() if self._sees else None

    def _is_read(self) -> bool:
        return os.stat(self._script).st_atime_ns != 0

    def _cancel(self) -> None:
        """See to it that the process does not open the script when that is gone."""
        asked = self._asked()
        if asked in (None, (self._script, True)):
            self.target.cancel()
        seconds = PATIENCE if asked == (self._script, False) else OPENING
        end = (self._taken or Real.monotonic()) + seconds
        while not (self._is_read() or self.target.has_ended()):
            if Real.monotonic() >= end:
                self._keeps = seconds == PATIENCE and bool(self.target.stopped())
                return
            Real.sleep(STEP / 10)

    def _accept(self, listener: socket.socket) -> socket.socket:
        while True:
            ready = self._ready(listener.fileno())
            if ready:
                connection, _ = listener.accept()
                who = connection.getsockopt(
                    socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
                )
                if _CREDENTIALS.unpack(who)[0] == self.target.pid:
                    return connection
                connection.close()
                continue
            asked = self._asked()
            if self._is_read() or asked == (self._script, False):
                if not self._taken or self.target.stopped():
                    self._taken = Real.monotonic()
            elif asked is not None and asked[0] != self._script and not asked[1]:
                self.target.request(self._script)  # another debugger replaced it
            if self._taken and Real.monotonic() > self._taken + PATIENCE:
                raise self._refused(
                    _INSIDE if self._is_read() else f"{SCRIPT}, or open"
                )
            self._wait(self.target.stopped if self._taken else self.target.waits)

    def _is_answered(self, connection: socket.socket) -> bool:
        """Return whether the process is attached, and not interrupted by a signal."""
        while True:
            if not self._ready(connection.fileno()):
                self._wait(self.target.stopped)
                continue
            message = _received(connection)
            if message is None:
                raise self._ended_early()
            data = b"".join(message[:2])
            if data == b"again":
                return False
            if data.startswith(b"failed "):
                kind, _, text = data.decode()[7:].partition(": ")
                if kind == "HookRejected":
                    raise self._refused("another")
                raise NotAttached(
                    f"process {self.target.pid} cannot load audithooks: {kind}: {text}"
                )
            if message[0] == ATTACHED:
                return True
            self._early.append((*message[:2], self.target.pid))

    def _ready(self, fd: int) -> bool:
        """Wait a moment. Return whether there is something to read."""
        asked = poll()
        asked.register(fd, POLLIN)
        asked.register(self.target.pidfd, POLLIN)
        ready = [found for found, _ in asked.poll(STEP * 1000)]
        if fd in ready:
            return True
        if self.target.pidfd in ready:
            raise self._ended_early()
        return False

    def _ended_early(self) -> NotAttached:
        return NotAttached(f"process {self.target.pid} ended", ProcessLookupError)

    def _refused(self, what: str) -> NotAttached:
        return NotAttached(
            f"process {self.target.pid} does not allow it: a hook of its own refuses "
            f"{what}",
            HookRejected,
        )

    def _wait_for_slot(self) -> None:
        self._wait(lambda: "another one attaches to it")
        Real.sleep(STEP)

    def _wait(self, why: Callable[[], str]) -> None:
        """Tell what is waited for. Raises Stopped, or NotAttached after the seconds."""
        pid = self.target.pid
        if self.stop():
            raise Stopped
        waited = Real.monotonic() - self._began
        if waited < SOON and self._seconds is None:
            return
        try:
            text = why()
        except OSError:  # it has just ended
            return
        if self._seconds is not None and waited >= self._seconds:
            why_not = (
                f"process {pid} was not attached to: {text or 'it takes too long'}"
            )
            raise NotAttached(why_not, TimeoutError)
        # What it does for a moment only, as when it wakes, is not what it waits in.
        is_steady, self._before = text == self._before, text
        if waited >= SOON and text and is_steady and text not in self._told:
            self._told.add(text)
            self._tell(f"waiting for process {pid}: {text} (Ctrl-C gives up)")

    # What it sends.

    def messages(self, seconds: float | None = None) -> Iterator[Message]:
        """Yield the messages until one side is at its end, or for so many *seconds*."""
        connection, target = self._connection, self.target
        assert connection is not None  # noqa: S101
        end = None if seconds is None else Real.monotonic() + seconds
        is_alive, is_late = True, False
        before = self._attached
        yield from self._early
        self._early = []
        while not self.stop():
            asked = poll()
            asked.register(connection.fileno(), POLLIN)
            if is_alive:
                asked.register(target.pidfd, POLLIN)
            left = BEAT if end is None else min(BEAT, max(0, end - before))
            ready = [fd for fd, _ in asked.poll(left * 1000)]
            now = Real.monotonic()
            is_late = is_late or now - before > PATIENCE - BEAT / 5
            before = now
            if connection.fileno() in ready:
                message = _received(connection)
                if message is None or message[0] == LEFT:
                    self._find_end(is_alive, is_late)
                    return
                yield message
            elif target.pidfd in ready:
                is_alive = False
                if not self._options.follow:
                    self.ended = f"process {target.pid} ended"
                    return
            if end is not None and now >= end:
                return

    def _find_end(self, is_alive: bool, is_late: bool) -> None:
        """Find out why the connection is closed."""
        pid = self.target.pid
        asked = poll()
        asked.register(self.target.pidfd, POLLIN)
        # It closes its files a moment before it has ended.
        if not is_alive or asked.poll(BEAT * 1000):
            self.ended = f"process {pid} ended"
            return
        self.is_lost = True
        why = "it closed its files"
        if self.target.runs_another():
            why = "it runs another program now"
        elif is_late:
            why = f"its events were not read for {PATIENCE} s"
        self.ended = f"process {pid} let go: {why}"

    def detach(self) -> Iterator[Message]:
        """Leave the process, and yield what it sent before it left."""
        connection = self._connection
        if connection is None:
            return
        self._connection = None
        try:
            if self.ended:
                return
            self.ended = f"process {self.target.pid} detached"
            try:
                connection.send(END, NO_SIGNAL)
            except OSError:  # it has left by itself
                pass
            with self.target.slot(None) as is_held:
                if is_held:  # or else the script of another makes it look
                    try:
                        self.target.request(os.devnull)
                    except (NotAttached, OSError):
                        pass
                end = Real.monotonic() + LEAVING
                asked = poll()
                asked.register(connection.fileno(), POLLIN)
                while Real.monotonic() < end:
                    if not asked.poll(STEP * 1000):
                        continue
                    message = _received(connection)
                    if message is None or message[0] == LEFT:
                        return
                    yield message
        except OSError:  # it has ended
            pass
        finally:
            connection.close()


def _folder() -> str:
    """Make a temporary folder whose path is short enough for a socket."""
    from tempfile import gettempdir, mkdtemp

    where = os.path.abspath(gettempdir())
    if len(os.fsencode(where)) > 70:
        where = "/tmp"  # noqa: S108
    return mkdtemp(prefix="audithooks-", dir=where)


def _received(connection: socket.socket) -> Message | None:
    """Return a message, or None if the other side has closed."""
    space = socket.CMSG_SPACE(_CREDENTIALS.size)
    try:
        data, more, _, _ = connection.recvmsg(_MOST, space)
    except ConnectionResetError:  # it did not read all, which is told first
        data, more, _, _ = connection.recvmsg(_MOST, space)
    pid = 0
    for _, kind, told in more:
        if kind == socket.SCM_CREDENTIALS:
            pid = _CREDENTIALS.unpack(told)[0]
    return (data[:1], data[1:], pid) if data else None


def cleaned(data: bytes) -> bytes:
    """Return a message without what a terminal would obey, apart from colors.

    The process may belong to somebody else, and send anything.
    """
    return _CONTROL.sub(_shown, data)


def _shown(match: re.Match[bytes]) -> bytes:
    text = match[0]
    return text if text.endswith(b"m") else b"?" * len(text)


_CONTROL = re.compile(rb"\x1b\[[\d;]*m|[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
_COUNTED = re.compile(r"(\d{1,20}) (\S+) (.+)", re.DOTALL)


# The command line.


class Signals:
    """Whether a signal wants an end. A second one does not wait for that."""

    def __init__(self) -> None:
        import signal

        self.number = 0
        self._raise = signal.default_int_handler
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name)
            if signal.getsignal(number) != signal.SIG_IGN:  # as by nohup
                signal.signal(number, self._note)

    def _note(self, number: int, frame: Any) -> None:
        if self.number:
            self._raise(number, frame)
        self.number = number

    def __call__(self) -> bool:
        return self.number != 0


def show(parser: Parser, given: argparse.Namespace, options: Options) -> int:
    """Show the events of a process on the output, and return the status."""
    keep_stderr()
    signals = Signals()
    try:
        target = Target(given.pid)
    except NotAttached as error:
        complain(str(error))
        return 1
    words = target.command()
    command = " ".join(words if options.secrets else hide_python(words))
    options = options._replace(command=command)
    try:
        shown = _Shown(options, given.learn)
    except OSError as error:
        path = error.filename or given.output
        parser.error(f"can't write to {path!r}: {error.strerror}")
    attaching = Attaching(
        target, shown.for_target, shown.begins, complain, stop=signals
    )
    status = 1
    try:
        attaching.attach()
        for message in attaching.messages(given.duration):
            shown.take(message)
        status = int(attaching.is_lost)
    except Stopped:
        complain(f"gave up; process {given.pid} was not attached to")
        shown.cancel()
    except NotAttached as error:
        complain(str(error))
        shown.cancel()
        return 1
    except BrokenPipeError:  # nobody reads the output any more
        shown.forget()
    except KeyboardInterrupt:
        shown.forget()
    except OSError as error:
        shown.forget()
        complain(f"the trace ends here: {error}")
    for message in attaching.detach():
        shown.take(message)
    if attaching.ended:
        shown.end()
        complain(attaching.ended)
        shown.say_written()
    return 128 + signals.number if signals.number else status


class _Shown:
    """The output of a trace, and what stands at its end. Raises OSError."""

    def __init__(self, options: Options, learn: str | None) -> None:
        from .output import open_output
        from .tracer import Progress, make_ending

        self._options = options
        self._told = None
        if options.permissive:
            from .refusing import Told

            self._told = Told(options, learn)
            options = options._replace(decisions=self._told.path)
        self._decisions = Lines(options.decisions) if options.decisions else None
        self._written = None
        if options.progress:
            from .written import Written

            self._written = Written(options)
        self._progress = Progress() if options.progress else None
        self._apart: dict[int, Lines] = {}
        self.begins = True
        ending: Ending | None = None
        if not options.apart:
            self._lines = open_output(options)
            ending = make_ending(options, self._lines)
        if options.format == "chrome":
            from .chrome import take_end

            self.begins = not take_end(self._lines)
        self._ending = self._told.beside(ending) if self._told else ending
        self._is_open = True
        self.for_target = options

    def take(self, message: Message) -> None:
        """Take what a process sent. Raises OSError."""
        kind, data, pid = message
        data = cleaned(data)
        if kind == SAID:
            complain(data.decode("utf-8", "replace"))
        elif kind == DECISION and self._decisions is not None:
            self._decisions.write(data)
        elif kind == COUNT and self._ending is not None:
            match = _COUNTED.fullmatch(data.decode("utf-8", "replace"))
            if match is not None:
                self._ending.count(int(match[1]), match[2], match[3])
        elif kind == LINE and self._is_open:
            self._of(pid).write(data)
            if self._progress is not None:
                self._progress.count()

    def _of(self, pid: int) -> Lines:
        if not self._options.apart:
            return self._lines
        if pid not in self._apart:
            from .output import open_apart

            self._apart[pid] = open_apart(self._options, pid)
        return self._apart[pid]

    def forget(self) -> None:
        """Write no more lines: the output is lost."""
        self._is_open = False

    def cancel(self) -> None:
        """Forget what was decided: it has not begun."""
        if self._told is not None:
            self._told.cancel()

    def end(self) -> None:
        """Write what stands at the end."""
        if self._progress is not None:
            self._progress.clear()
        if self._ending is not None and self._is_open:
            try:
                self._ending.write()
            except OSError as error:
                complain(f"the end of the trace is missing: {error}")

    def say_written(self) -> None:
        if self._written is not None:
            self._written()
