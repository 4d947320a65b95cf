"""The tracer: hooks that show the events of this process, count them and refuse them.

start() sets it up from the options: cli.py calls it, and in followed children child.py.
text.py, chrome.py and sinks/jsonlines.py write the lines, summary.py the table at the
end.
"""

from __future__ import annotations

import atexit
import errno
from _thread import get_ident

from .. import subscribe
from .._core.unraisable import report
from ..records.fields import Fields
from ..records.lines import complain
from ..records.origin import Mine, is_of_loop
from ..records.real import Real
from ..records.selection import Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .options import Options
    from .summary import Summary

    Record = Callable[[str, tuple[Any, ...], str], None]

DENIED = "denied"
PROGRESS_EVERY = 1_000_000_000  # ns


class Tracer:
    """hook() returns the hook for the events that are shown; deny() is the hook for
    refused events.

    *record* writes an event, with DENIED or "" as its third argument; *summary* counts
    it. Either may be None. With *follow*, the events of forked children are shown, too;
    otherwise only the refused ones are. With *progress*, a line on stderr shows the
    number of events.

    If the output can no longer be written to, the trace ends, not the program.
    """

    def __init__(
        self,
        record: Record | None,
        summary: Summary | None,
        *,
        follow: bool,
        progress: bool,
    ) -> None:
        self._record = record
        self._summary = summary
        self._follow = follow
        self._progress = _Progress() if progress else None
        self._pid = Real.getpid()
        self._running = False
        self._refusing: set[int] = set()  # the threads that show what they refuse

    def start(self) -> None:
        """Begin. Events of the set-up, which were raised before, are left out."""
        self._running = True

    def hook(
        self, shown: Selection, denied: Selection, mine: Mine | None
    ) -> Callable[[str, tuple[Any, ...]], None]:
        """Return the hook for events that are *shown* and *mine*, but not *denied*."""
        self._denied = denied
        if not denied and not shown.needs_arguments and mine is None:
            return self._show

        def show(event: str, args: tuple[Any, ...]) -> None:
            if (
                shown.has(event, args)
                and not self._denies(event, args)
                and (mine is None or mine.raised())
            ):
                self._show(event, args)

        return show

    def _denies(self, event: str, args: tuple[Any, ...]) -> bool:
        if not self._denied.has(event, args):
            return False
        try:
            return not is_of_loop(event)
        except PermissionError:  # pure Python raises events to see frames: refused, too
            return True

    def deny(self, event: str, args: tuple[Any, ...]) -> None:
        """Show an event and refuse it. Raises PermissionError.

        Events that are raised while it is shown, for instance by the repr() of an
        argument, are refused as well, but not shown.
        """
        if not self._denies(event, args):
            return
        thread = get_ident()
        if thread not in self._refusing:
            self._refusing.add(thread)
            try:
                self._show(event, args, DENIED)
            except Exception as error:  # it is refused anyway
                report(self.deny, error)
            finally:
                self._refusing.discard(thread)
        raise PermissionError(errno.EPERM, f"{event} is denied by audithooks")

    def _show(self, event: str, args: tuple[Any, ...], action: str = "") -> None:
        if not self._running:
            return
        if Real.getpid() != self._pid:
            self._progress = None
            if self._follow:
                self._pid = Real.getpid()
                if self._summary is not None:
                    self._summary = self._summary.of_child()
            elif not action:
                return
        if self._summary is not None:
            self._summary.count(event, args)
        if self._record is not None:
            self._try(self._record, event, args, action)
        if self._progress is not None:
            self._progress.count()

    def _try(self, write: Callable[..., None], *args: object) -> None:
        try:
            write(*args)
        except BrokenPipeError:  # nobody reads any more
            self._record = None
        except OSError as error:
            self._record = None
            complain(f"the trace ends here: {error}")

    def finish(self) -> None:
        """Write the table, and nothing after it."""
        self._running = False
        if self._progress is not None:
            self._progress.clear()
            self._progress = None
        summary, self._summary = self._summary, None
        if summary is not None and Real.getpid() == self._pid:
            self._try(summary.write)


class _Progress:
    """A line on a terminal with the number of events, in total and per second."""

    def __init__(self) -> None:
        self._events = 0
        self._before = 0
        self._since = Real.monotonic_ns()
        self._shown = False

    def count(self) -> None:
        self._events += 1
        now = Real.monotonic_ns()
        if now - self._since >= PROGRESS_EVERY:
            rate = (self._events - self._before) * 1e9 / (now - self._since)
            # The next output of the program starts at the start of this line.
            self._write(f"\r{self._events:,} events, {rate:,.0f} a second\x1b[K\r")
            self._before, self._since = self._events, now
            self._shown = True

    def clear(self) -> None:
        if self._shown:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            Real.write(2, text.encode())
        except OSError:  # the terminal is gone
            self._shown = False


def start(options: Options, fd: int) -> None:
    """Show the events of this process on the file descriptor *fd* from now on.

    The descriptor is open for appending, or the end of a pipe. Raises ValueError for a
    wrong pattern, and HookRejected.
    """
    mine = Mine(options.mine) if options.mine else None
    fields = Fields(
        options.redact,
        options.environments,
        options.longest,
        options.frames,
        options.secrets,
        None if mine is None else mine.has,
    )
    record = _record(options, fields, fd) if options.lines else None
    summary = None
    if options.summary:
        from .summary import Summary

        summary = Summary(
            fd, fields, options.began, options.command if options.follow else ""
        )
    tracer = Tracer(record, summary, follow=options.follow, progress=options.progress)
    atexit.register(tracer.finish)  # now, so that it is called last
    shown = Selection("events", options.events, is_open=True)
    denied = Selection("--deny", options.deny)
    # An error in the tracer goes to sys.unraisablehook() and does not stop the program.
    subscribe(
        tracer.hook(shown, denied, mine),
        *shown.events,
        exclude=shown.exclude,
        on_error="unraisable",
    )
    if options.follow:
        from .following import SPAWNS, complete_environment

        subscribe(complete_environment, *SPAWNS, on_error="unraisable")
    if denied:  # last, as it may deny sys.addaudithook
        subscribe(tracer.deny, *denied.events, exclude=denied.exclude, reentrant=True)
    tracer.start()


def _record(options: Options, fields: Fields, fd: int) -> Record:
    if options.format == "json":
        from ..sinks.jsonlines import JsonLines

        return JsonLines(
            fd,
            redact=options.redact,
            environments=options.environments,
            longest=options.longest,
            frames=options.frames,
            secrets=options.secrets,
        )
    if options.format == "chrome":
        from .chrome import ChromeTrace

        return ChromeTrace(fd, fields, options.command)
    from .text import TextLines

    return TextLines(
        fd,
        fields,
        timestamps=options.timestamps,
        threads=options.threads,
        processes=options.follow,
        color=options.color,
        began=options.began,
    )
