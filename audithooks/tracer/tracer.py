"""The tracer: hooks that show the events of this process, count them and refuse them.

start() sets it up from the options: cli.py calls it, and in followed children child.py.
text.py, chrome.py and sinks/jsonlines.py write the lines, summary.py the table at the
end.
"""

from __future__ import annotations

import atexit
import errno
import sys
from _thread import get_ident

from .. import subscribe
from .._core.unraisable import report
from .._real import Real
from ..records.decision import DENIED, Decision, members_of
from ..records.fields import LEFT_OUT, Fields
from ..records.lines import complain, opening
from ..records.origin import Mine, process_members
from ..records.selection import Selection
from ..records.text import printable
from .output import open_apart
from .text import NOT_FOLLOWED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..records.lines import Lines
    from .keeper import Channel, Ending
    from .options import Options
    from .refusing import Rules
    from .starting import Handover
    from .summary import Summary

    Record = Callable[[str, tuple[Any, ...], Any], None]

PROGRESS_EVERY = 1_000_000_000  # ns


class Tracer:
    """The hook for the events that are shown; deny() is the hook for refused events.

    *record* writes an event, with the members of a Decision or "" as its third
    argument; *summary* counts it. Either may be None. With *follow*, the events of
    forked children are shown, too; otherwise only the refused ones are. With *apart*,
    such a child begins a record of its own with that. *introduce*, if not None, returns
    what the first line of a process says of it. With *progress*, a line on stderr
    shows the number of events. *end* is called at the end, and returns what went wrong.

    If the output can no longer be written to, the trace ends, not the program. Nor does
    an error of the tracer stop it. Events that there is no room for, on the stack or
    for a descriptor, are counted, and the trace says so.
    """

    def __init__(
        self,
        record: Record | None,
        summary: Summary | None,
        end: Callable[[], str | None],
        fields: Fields,
        *,
        follow: bool,
        apart: Callable[[], Record] | None,
        introduce: Callable[[], dict[str, Any]] | None,
        progress: bool,
    ) -> None:
        self._record = record
        self._summary = summary
        self._end = end
        self._fields = fields
        self._follow = follow
        self._apart = apart
        self._introduce = self._introduction = introduce
        self._progress = Progress() if progress else None
        self._pid = self._first = Real.getpid()
        self._running = False
        self._left_out = 0
        self._rules: Rules | None = None
        self._chosen: Callable[[str, tuple[Any, ...]], bool] | None = None
        self._refusing: set[int] = set()  # the threads that show what they refuse

    def start(self, handover: Handover | None) -> None:
        """Begin. Events of the set-up, which were raised before, are left out."""
        self._running = True
        if handover is not None:
            self._record = handover.finish()

    def choose(self, shown: Selection, rules: Rules | None, mine: Mine | None) -> None:
        """Show the events that are *shown* and *mine*, but not what *rules* refuse."""
        self._rules = rules
        if shown.needs_arguments or mine is not None:
            self._chosen = lambda event, args: (
                shown.has(event, args) and (mine is None or mine.raised())
            )

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        try:
            if self._chosen is None or self._chosen(event, args):
                decision = None if self._rules is None else self._rules(event, args)
                if decision is None or decision.action != DENIED:
                    self._show(event, args, decision)
        except RecursionError:  # that of the program
            self._left_out += 1
        except Exception as error:
            self.report(error)

    def deny(self, event: str, args: tuple[Any, ...]) -> None:
        """Tell what is decided of an event; show it, if it is refused, and refuse it.

        Raises PermissionError. Events that are raised while it is shown, for instance
        by the repr() of an argument, are refused as well, but not shown.
        """
        rules = self._rules
        thread = get_ident()
        if rules is None or thread in opening:
            return
        decision = rules(event, args)
        if decision is None:
            return
        if thread not in self._refusing and self._running:
            rules.tell(decision, event, args)
        if decision.action != DENIED:
            return
        if thread not in self._refusing:
            try:
                self._refusing.add(thread)  # in here, for signal handlers that raise
                self._show(event, args, decision)
            except Exception as error:  # it is refused anyway
                self.report(error)
            finally:
                self._refusing.discard(thread)
        raise PermissionError(errno.EPERM, decision.text())

    def _show(
        self, event: str, args: tuple[Any, ...], decision: Decision | None = None
    ) -> None:
        if not self._running:
            return
        is_denied = decision is not None and decision.action == DENIED
        if Real.getpid() != self._pid:
            self._progress = None
            if self._follow:
                self._pid = Real.getpid()
                self._introduction = self._introduce
                if self._apart is not None:
                    self._record = self._apart()
            elif not is_denied:
                return
        if self._left_out:
            self._tell_left_out()
        if self._summary is not None:
            self._try(self._summary.count, event, args)
        if self._record is not None:
            action: Any = "" if decision is None else decision.members()
            if self._introduction is not None:
                members = members_of(action) if action else {}
                action = {**members, "process": self._introduction()}
                self._introduction = None
            self._try(self._record, event, args, action)
        if self._progress is not None:
            self._progress.count()

    def _tell_left_out(self) -> None:
        number, self._left_out = self._left_out, 0
        try:
            if self._record is not None:
                self._try(self._record, LEFT_OUT, ("*", number), "")
        except RecursionError:
            self._left_out += number

    def _try(self, write: Callable[..., None], *args: object) -> None:
        try:
            write(*args)
        except BrokenPipeError:  # nobody reads any more
            self._record = self._summary = None
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._left_out += 1
                return
            self._record = self._summary = None
            self.complain(f"the trace ends here: {error}")

    def complain(self, text: str) -> None:
        complain(text)

    def report(self, error: Exception) -> None:
        report(self, error)

    def tell_forks(self, channel: Channel) -> None:
        """Tell the keeper of forked children."""
        Real.register_at_fork(
            before=self.expect(channel),
            after_in_child=lambda: self._try(channel.begin),
        )

    def expect(self, channel: Channel | None) -> Callable[[], None]:
        """Return what tells the keeper that a process is about to be made."""
        return lambda: None if channel is None else self._try(channel.expect)

    def tell_not_followed(
        self, event: str, args: tuple[Any, ...], why: str, refuse: bool
    ) -> None:
        """Show that a child is not traced. With *refuse*, raise PermissionError."""
        if refuse:
            what = event, "start a process", None, why, None
            self._show(event, args, Decision(DENIED, *what))
            raise PermissionError(
                errno.EPERM, f"{event} is denied by audithooks, as {why}"
            )
        plain, _ = self._fields.arguments(event, args)
        words = plain.get("args", plain.get("argv", plain.get("command")))
        if self._record is None:
            self.complain(f"process {words} is not followed: {why}")
        else:
            self._try(self._record, NOT_FOLLOWED, (words, why), "")

    def finish(self) -> None:
        """Write what stands at the end, and nothing after it."""
        if self._left_out:
            self._tell_left_out()
        self._running = False
        if self._progress is not None:
            self._progress.clear()
            self._progress = None
        if Real.getpid() == self._first:
            self._try(self._write_end)

    def _write_end(self) -> None:
        failure = self._end()
        if failure:
            self.complain(failure)


class Progress:
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


def start(
    options: Options, lines: Lines, channel: Channel | None, begin: bool = False
) -> None:
    """Show the events of this process on *lines* from now on.

    *channel* leads to the keeper, if there is one. *begin* is true for the process that
    the command line started, and false for one that is followed. Raises ValueError for
    a wrong pattern, HookRejected and OSError.
    """
    fields, mine = make_fields(options)
    preloaded = False
    if not begin:
        from .starting import Handover, is_preloaded

        preloaded = is_preloaded()
    record = make_record(options, fields, lines, begin) if options.lines else None
    handover = Handover(record) if preloaded and record is not None else None
    end: Callable[[], str | None] = str
    count = None
    if channel is not None:
        end, count = channel.end, channel.count
    else:
        ending = make_ending(options, lines, alone=not begin or options.follow)
        if ending is not None:
            end, count = ending.write, ending.count
    summary = None
    if options.summary and count is not None:
        from .summary import Summary

        summary = Summary(count, fields)
    tracer = Tracer(
        handover or record,
        summary,
        end,
        fields,
        follow=options.follow,
        apart=_apart(options, fields) if options.apart else None,
        introduce=introducing(options) if options.format == "json" else None,
        progress=options.progress,
    )
    if channel is not None and options.follow and Real.register_at_fork:
        tracer.tell_forks(channel)
    atexit.register(tracer.finish)  # now, so that it is called last
    shown = Selection("events", options.events, True, options.folder)
    rules = None
    if options.rulings or options.default != "allow":
        from .refusing import Rules

        rules = Rules(options, begin)
    tracer.choose(shown, rules, mine)
    subscribe(tracer, *shown.events, exclude=shown.exclude)
    if options.follow:
        from .following import SPAWNS, UNNAMED, Follower, Unnamed

        expect = tracer.expect(channel)
        follower = Follower(tracer.tell_not_followed, expect, rules, preloaded)
        subscribe(follower, *SPAWNS)
        if sys.version_info < (3, 14):
            subscribe(Unnamed(tracer.tell_not_followed, preloaded), *UNNAMED)
    if rules is not None:  # last, as it may deny sys.addaudithook
        subscribe(tracer.deny, *rules.policy.patterns, reentrant=True)
    tracer.start(handover)


def make_ending(options: Options, lines: Lines, alone: bool = False) -> Ending | None:
    """Return what stands at the end of a trace, or None.

    If this process writes it for itself *alone*, a table is named after it.
    """
    if options.summary:
        from .summary import Table

        title = f"process {Real.getpid()}: {printable(options.command)}"
        return Table(lines, options.began, title if alone else "")
    if options.format == "chrome" and not alone:
        from .chrome import ChromeEnd

        return ChromeEnd(lines)
    return None


def _apart(options: Options, fields: Fields) -> Callable[[], Record]:
    return lambda: make_record(options, fields, open_apart(options), begin=False)


def introducing(options: Options) -> Callable[[], dict[str, Any]]:
    """Return what tells of a process, for readers of the trace."""
    return lambda: process_members(options.command)


def make_fields(options: Options) -> tuple[Fields, Mine | None]:
    """Return what finds the fields of a record, and what tells whose event it is."""
    mine = Mine(options.mine) if options.mine else None
    fields = Fields(
        options.redact,
        options.environments,
        options.longest,
        options.frames,
        options.secrets,
        None if mine is None else mine.has,
    )
    return fields, mine


def make_record(options: Options, fields: Fields, lines: Lines, begin: bool) -> Record:
    """Return what writes an event to *lines*. With *begin*, a file begins there."""
    if options.format == "json":
        from ..sinks.jsonlines import JsonLines

        record = JsonLines(
            lines,  # type: ignore[arg-type]  # for the tracer alone
            longest=options.longest,
            frames=options.frames,
        )
        record._fields = fields  # which know what is mine
        return record
    if options.format == "chrome":
        from .chrome import ChromeTrace, take_end

        has_some = take_end(lines)
        return ChromeTrace(lines, fields, options.command, begin and not has_some)
    from .text import TextLines

    return TextLines(
        lines,
        fields,
        timestamps=options.timestamps,
        threads=options.threads,
        processes=options.follow,
        color=options.color,
        began=options.began,
    )
