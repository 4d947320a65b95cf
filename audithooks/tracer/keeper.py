"""The keeper: a small process that outlives the traced ones.

It holds the output where that has no path of its own, so that children can open it; it
counts the events of all processes for the table; and it writes what stands at the end
of a trace, however the processes end: by os._exit(), by a signal, by exec. No handler
and no status of the program is touched for that.

The processes send it lines through a pipe, the channel: "?" before one makes another,
"+ PID" for one that is traced from now on, "= TIME MARK EVENT" to count an event, and
"- PID" for one that is about to exit. When none that is traced is left, the end is
written. The process that the command line started waits until that was done.
"""

from __future__ import annotations

import os
import select
import signal

from .._real import Real
from ..records.lines import Lines, duplicate, open_high, own, place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Ending(Protocol):
        """What stands at the end of a trace."""

        def count(self, first: int, mark: str, name: str) -> None:
            """Note an event."""

        def begin(self) -> None:
            """Note that a process is traced from now on."""

        def leave(self) -> None:
            """Note that the first process ends, and others go on."""

        def write(self) -> None:
            """Write the end, unless nothing came after it was written."""


SIGNALS = "SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPIPE", "SIGUSR1", "SIGUSR2"
PF_EXITING = 4  # of Linux: set before a process closes its files, and for good


class Channel:
    """The end of the channel in a traced process.

    The keeper's answers come by the descriptor *answers*, which is also at *path*.

    Thread-safety: may be used from any thread, and in forked children.
    """

    def __init__(self, lines: Lines, answers: int = -1, path: str = "") -> None:
        self._lines = lines
        if path and answers < 0:  # in a process that has replaced another by exec
            answers = open_high(path, os.O_RDONLY)
        self._answers = answers
        self._place = place(answers)
        self._path = path

    def expect(self) -> None:
        """Say that a process is being made, which will say that it is traced."""
        self._lines.write(b"?\n")

    def begin(self) -> None:
        """Say that this process is traced."""
        self._lines.write(b"+ %d\n" % Real.getpid())

    def count(self, first: int, mark: str, name: str) -> None:
        self._lines.write(
            f"= {first} {mark} {name}\n".encode("utf-8", "backslashreplace")
        )

    def end(self) -> str:
        """Wait until the end is written, unless other processes are still traced.

        Return what went wrong.
        """
        if not self._path:
            return ""
        # Before the keeper is asked, as it may have ended when it has answered.
        if place(self._answers) != self._place:  # the program closed it
            self._answers = own(Real.open, self._path, os.O_RDONLY)
        self._lines.write(b"- %d\n" % Real.getpid())
        return Real.read(self._answers, 4096).decode().strip()


class Keeper:
    """Starts the keeper, which writes *ending* and holds the output *lines*.

    *follow* says whether children are traced. Raises OSError if there can be no keeper.
    """

    def __init__(self, lines: Lines, ending: Ending | None, follow: bool) -> None:
        reader, writer = _high(*os.pipe())
        answers, answer = _high(*os.pipe())
        traced = os.getpid()
        child = os.fork()
        if not child:  # its child is nobody's, so that the program cannot wait for it
            try:
                os.setsid()
                if not os.fork():
                    os.write(answer, b"%d\n" % os.getpid())
                    # Who reads stderr up to its end reads the trace after that.
                    stderr = [2] if place(2) != (0, 0) else []
                    _leave_all_but(lines.fd, reader, answer, *stderr)
                    _Kept(lines, ending, follow, reader, answer).run(traced)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(answer)
        pid = int(os.read(answers, 20))
        folder = f"/proc/{pid}/fd"
        self.output = f"{folder}/{lines.fd}"
        self.path = f"{folder}/{reader}"
        self.answers = f"{folder}/{answer}"
        channel = Lines(writer)
        os.close(writer)
        channel.also_at(self.path)
        lines.also_at(self.output)
        self.channel = Channel(channel, answers, self.answers)


def _high(*fds: int) -> list[int]:
    high = [*map(duplicate, fds)]
    for fd in fds:
        os.close(fd)
    return high


def _leave_all_but(*fds: int) -> None:
    """Let go of what the process was started with."""
    for name in SIGNALS:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    os.chdir("/")
    try:
        # Who waited for the program may look for the end of the trace at once.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except (AttributeError, OSError):  # the system or the user may not do that
        pass
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            found = [*map(int, os.listdir(folder))]
        except OSError:
            continue
        for fd in found:
            if fd not in fds:
                try:
                    os.close(fd)
                except OSError:  # that of the list itself
                    pass
        break
    null = os.open(os.devnull, os.O_RDWR)  # it may have one of the numbers already
    for fd in {0, 1, 2} - {null, *fds}:
        os.dup2(null, fd)


def _goes_on(pid: int) -> bool:
    """Whether /proc has a process that has not begun to exit."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            flags = int(file.read().rpartition(b")")[2].split()[6])
    except OSError:
        return False
    return not flags & PF_EXITING


class _Kept:
    """The keeper itself."""

    def __init__(
        self,
        lines: Lines,
        ending: Ending | None,
        follow: bool,
        reader: int,
        answer: int,
    ) -> None:
        self._lines = lines
        self._ending = ending
        self._follow = follow
        self._reader = reader
        self._answer = answer
        self._rest = b""  # of a line
        self._traced: dict[int, int] = {}  # a descriptor for each process
        self._expected = 0  # processes
        self._asked = False

    def run(self, first: int) -> None:
        self._first = first
        os.set_blocking(self._reader, False)
        self._begin(first)
        while True:
            closed = self._read()
            self._forget_ended(closed)
            failure = ""
            if not self._traced:
                closed = self._read()  # what they wrote last
            if not self._traced and (closed or not self._expected):
                failure = self._end()
            if self._asked:
                self._asked = False
                os.write(self._answer, f"{failure}\n".encode())
            if not self._traced and (closed or not self._follow):
                return
            self._wait(closed)

    def _begin(self, pid: int) -> None:
        if self._ending is not None:
            self._ending.begin()
        if pid not in self._traced:
            self._expected = max(0, self._expected - 1)
            try:
                self._traced[pid] = os.pidfd_open(pid)
            except ProcessLookupError:  # it has ended already
                pass
            except (AttributeError, OSError):  # this system cannot do that
                self._traced[pid] = -1

    def _read(self) -> bool:
        """Read what there is. Return whether nobody can write more at present."""
        while True:
            try:
                data = os.read(self._reader, 65536)
            except BlockingIOError:
                return False
            if not data:
                return True
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._take(line.decode())

    def _take(self, line: str) -> None:
        what, _, rest = line.partition(" ")
        if what == "=" and self._ending is not None:
            first, mark, name = rest.split(" ", 2)
            self._ending.count(int(first), mark, name)
        elif what == "?":
            self._expected += 1
        elif what == "+":
            self._begin(int(rest))
        elif what == "-":
            self._asked = True
            self._forget(int(rest))

    def _forget(self, pid: int) -> None:
        if pid == self._first and len(self._traced) > 1:  # the others may be daemons
            if self._ending is not None:
                self._ending.leave()
            os.dup2(0, 2)
        fd = self._traced.pop(pid, -1)
        if fd >= 0:
            os.close(fd)

    def _forget_ended(self, closed: bool) -> None:
        poll = select.poll()
        pids = {fd: pid for pid, fd in self._traced.items() if fd >= 0}
        for fd in pids:
            poll.register(fd, select.POLLIN)
        for pid in [pid for pid, fd in self._traced.items() if fd < 0]:
            if closed and not _goes_on(pid):
                self._forget(pid)
        for fd, _ in poll.poll(0):
            self._forget(pids[fd])

    def _end(self) -> str:
        if self._ending is None:
            return ""
        try:
            self._ending.write()
        except BrokenPipeError:  # nobody reads any more
            pass
        except OSError as error:
            return f"the end of the trace is missing: {error}"
        return ""

    def _wait(self, closed: bool) -> None:
        poll = select.poll()
        for fd in self._traced.values():
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        if closed:  # a process that closed it may open it again
            poll.poll(10 if -1 in self._traced.values() else 100)
        else:
            poll.register(self._reader, select.POLLIN)
            poll.poll()
