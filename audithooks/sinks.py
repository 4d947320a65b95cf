"""Sinks: hooks for subscribe() that write the events they are given.

What they write of an event is made by fields.py.
"""

from __future__ import annotations

import atexit
import os
from _thread import allocate_lock, get_ident
from builtins import divmod, len  # gone when the last event comes
from itertools import count
from math import inf
from os import getpid
from time import gmtime, monotonic, strftime, time_ns

from ._handover import Count, Handover, after_fork
from ._lines import Lines, json_encoder
from .fields import MAX_NAME, Fields, at_least, task_name, thread_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from logging import Logger
    from types import TracebackType
    from typing import Any, Callable

    from opentelemetry._logs import LoggerProvider
    from opentelemetry.context import Context

    from ._lines import Output
    from ._subscription import HookFunction
    from .fields import Record


LEFT_OUT = "audithooks.left_out"
"""The event, for sinks alone, by which they tell what they were not given.

Its arguments are the name of an event, or "*" for any, and a number.
"""

MAX_NAMES = 4096  # of what Limited remembers


class JsonLines:
    """A hook that writes each event as a line of JSON.

    *output* is a path, whose file is created or appended to; or a file descriptor or an
    open file that has one, of which a duplicate is kept: the original may be closed.

    Each line is one JSON object, in one write. Its members are

    * time: in UTC, by RFC 3339, with microseconds;
    * seq: a count of events from 1 on, which goes on in a forked child;
    * pid, and thread, its identifier; thread_name and task, the name of the asyncio
      task, where there are any;
    * event: the name;
    * args: an object of the arguments by name. *redact*, *environments* and *longest*
      are those of Fields, which tells how they are made plain;
    * cut, if something was: the names of the arguments that were shortened, with "..."
      for any that were left out altogether;
    * action, what became of it, where the caller told;
    * stack, with *frames*: so many callers, innermost first, each of them an object of
      file, line and function.

    Text is UTF-8; a lone surrogate is written as its escape in Python.

    Nothing is buffered: the events of a process that is killed are there, up to the
    last. A line that cannot be written raises OSError, one after close() ValueError;
    what that means is the choice of subscribe(): on_error="raise" aborts the operation,
    "unraisable" reports each event that is lost. Where only part of a line could be
    written, the next one starts on a line of its own.

    Thread-safety: may be called from any thread, from signal handlers and in forked
    children, which write to the same file. It takes no lock and raises no events. If
    others write to the output, too, it has to be open for appending, as a path is. In
    a pipe only PIPE_BUF bytes stay together, so arguments are cut until they fit.
    """

    def __init__(
        self,
        output: Output,
        *,
        redact: str | Iterable[str] = (),
        environments: bool = False,
        longest: int = 1000,
        frames: int = 0,
    ) -> None:
        self._fields = Fields(redact, environments, longest, frames)
        self._shorter = longest // 8, 0
        self._frames = frames
        self._encode, self._quote = json_encoder()
        self._next = count(1).__next__
        self._second = 0, ""  # the last one, and how it is written
        self._file: Lines | None = Lines(output)

    def __call__(self, event: str, args: tuple[Any, ...], action: str = "") -> None:
        file = self._file
        if file is None:
            raise ValueError("an event came after close() of its JsonLines")
        head = self._head(event)
        ending = f',"action":{self._quote(action)}' if action else ""
        tail = f"{ending}{self._stack()}" if self._frames else ending
        line = self._line(head, event, args, tail)
        if len(line) > file.most:
            for longest in self._shorter:
                line = self._line(head, event, args, tail, longest)
                if len(line) <= file.most:
                    break
            else:
                line = f'{head}{{}},"cut":["..."]{ending}}}\n'.encode()
        file.write(line)

    def _head(self, event: str) -> str:
        """Return what a line says before the arguments."""
        seconds, nanoseconds = divmod(time_ns(), 1_000_000_000)
        second, text = self._second
        if seconds != second:
            text = strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds))
            self._second = seconds, text
        thread = get_ident()
        name = thread_name(thread)
        who = f"{thread}"
        if name is not None:
            who = f'{who},"thread_name":{self._quote(name)}'
        task = task_name()
        if task is not None:
            who = f'{who},"task":{self._quote(task)}'
        return (
            f'{{"time":"{text}.{nanoseconds // 1000:06}Z","seq":{self._next()},'
            f'"pid":{getpid()},"thread":{who},'
            f'"event":{self._quote(event[:MAX_NAME])},"args":'
        )

    def _stack(self) -> str:
        stack = [
            {"file": file, "line": line, "function": function}
            for file, line, function in self._fields.stack()
        ]
        return f',"stack":{self._encode(stack)}'

    def _line(
        self,
        head: str,
        event: str,
        args: tuple[Any, ...],
        tail: str,
        longest: int | None = None,
    ) -> bytes:
        plain, cut = self._fields.arguments(event, args, longest)
        if cut:
            tail = f',"cut":{self._encode(cut)}{tail}'
        return f"{head}{self._encode(plain)}{tail}}}\n".encode()

    def close(self) -> None:
        """Close the file, or the duplicate of what was given. May be called again."""
        self._file = None

    def __enter__(self) -> JsonLines:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<JsonLines to {self._file.name if self._file else 'a closed file'}>"


class _HandedOver:
    """What Logging and OpenTelemetry share: a record is made where the event is raised,
    and delivered by a thread of its own.
    """

    def __init__(
        self,
        redact: str | Iterable[str],
        environments: bool,
        longest: int,
        frames: int,
        most: int,
    ) -> None:
        self._fields = Fields(redact, environments, longest, frames)
        self._closed = False
        self._handover = Handover(
            self._deliver, self._left_out, at_least(1, "most", most)
        )

    def _record(self, event: str, args: tuple[Any, ...]) -> Any:
        return self._fields.record(event, args)

    def _deliver(self, item: Any) -> None:
        raise NotImplementedError

    def _left_out(self, number: int) -> None:
        self._deliver(self._record(LEFT_OUT, ("*", number)))

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self._closed:
            kind = type(self).__name__
            raise ValueError(f"an event came after close() of its {kind}")
        self._handover.put(self._record(event, args))

    def flush(self, timeout: float = -1) -> bool:
        """Wait until all events so far are delivered, at most *timeout* seconds.

        Return whether they are. A negative *timeout* is none.
        """
        return self._handover.flush(timeout)

    def close(self) -> None:
        """Deliver what waits, and end. May be called again."""
        self._closed = True
        self._handover.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Logging(_HandedOver):
    """A hook that logs each event.

    *logger* is a logging.Logger or the name of one, *level* the level of its records,
    logging.INFO unless said otherwise. The message is the event as a call, such as
    open(path='x', mode='r', flags=0). Time, thread and task are those of the event;
    with *frames*, so are path, line and function. Each record has these attributes:

    * audit_event: the name;
    * audit_args: a dict of the arguments by name;
    * audit_cut: a list of the names of those that were shortened;
    * audit_stack: a list of tuples of file, line and function.

    *redact*, *environments*, *longest* and *frames* are those of Fields.

    logging takes locks, and raises events while it holds them. So records are made
    where the event is raised, and given to the logger by a thread of its own, whose
    events are not logged: no thread waits for a lock because of an event. The price is
    that those of the last moment are lost if the process is killed or ends by
    os._exit(), which JsonLines does not pay. flush() waits for them, and so does the
    interpreter when it exits. While *most* events wait, further ones are left out; then
    an event audithooks.left_out with "*" and their number is logged.

    Handlers report their errors themselves, as ever; those of filters and the like go
    to sys.unraisablehook(). An event after close() raises ValueError.

    Thread-safety: may be called from any thread, from signal handlers and in forked
    children, which start a thread of their own.
    """

    def __init__(
        self,
        logger: Logger | str,
        level: int | None = None,
        *,
        redact: str | Iterable[str] = (),
        environments: bool = False,
        longest: int = 1000,
        frames: int = 0,
        most: int = 10_000,
    ) -> None:
        import logging

        if isinstance(logger, str):
            logger = logging.getLogger(logger)
        elif not isinstance(logger, logging.Logger):
            kind = type(logger).__name__
            raise TypeError(f"logger must be a logging.Logger or a name, not {kind}")
        if level is None:
            level = logging.INFO
        elif not isinstance(level, int):
            raise TypeError(f"level must be an int, not {type(level).__name__}")
        self._logger = logger
        self._level = level
        self._make = logging.makeLogRecord
        self._level_name = logging.getLevelName
        now = logging.makeLogRecord({})
        self._began = now.created - now.relativeCreated / 1e3
        super().__init__(redact, environments, longest, frames, most)

    def _deliver(self, record: Record) -> None:
        if not self._logger.isEnabledFor(self._level):
            return
        attributes = {
            "name": self._logger.name,
            "levelno": self._level,
            "levelname": self._level_name(self._level),
            "msg": record.text(),
            "created": record.time / 1e9,
            "msecs": record.time // 1_000_000 % 1000 + 0.0,
            "relativeCreated": (record.time / 1e9 - self._began) * 1e3,
            "thread": record.thread,
            "threadName": record.thread_name,
            "taskName": record.task,
            "audit_event": record.event,
            "audit_args": record.args,
            "audit_cut": record.cut,
            "audit_stack": record.stack,
        }
        if record.stack:
            path, attributes["lineno"], attributes["funcName"] = record.stack[0]
            attributes["pathname"] = path
            attributes["filename"] = os.path.basename(path)
        self._logger.handle(self._make(attributes))

    def __enter__(self) -> Logging:
        return self

    def __repr__(self) -> str:
        state = ", closed" if self._closed else ""
        return f"<Logging to {self._logger.name!r}{state}>"


class OpenTelemetry(_HandedOver):
    """A hook that emits each event as a log record of OpenTelemetry.

    *provider* is a LoggerProvider, such as one of the SDK with an exporter of OTLP
    behind a BatchLogRecordProcessor; without one, it is the global provider. Needs
    opentelemetry-api, which comes with audithooks[otel] as the SDK does.

    The name of the event is that of the record, its body the event as a call, as in
    Logging. The attributes are

    * thread.id, thread.name and process.pid;
    * with *frames*, code.file.path, code.line.number and code.function.name of the
      caller, and code.stacktrace if there are more;
    * audithooks.args.NAME for each argument that is not None, with JSON for what is
      neither a scalar nor a list of one kind of scalars;
    * audithooks.cut and audithooks.task.

    The record has the trace context of the event. *redact*, *environments*, *longest*,
    *frames*, *most*, threads, forks, flush() and the end of a process are as in
    Logging. What waits in the provider is its own business; it is to be shut down after
    this.

    What is done while OpenTelemetry suppresses instrumentation, as its exporters do for
    their own work, is left out.
    """

    def __init__(
        self,
        provider: LoggerProvider | None = None,
        *,
        redact: str | Iterable[str] = (),
        environments: bool = False,
        longest: int = 1000,
        frames: int = 0,
        most: int = 10_000,
    ) -> None:
        from opentelemetry import _logs as logs
        from opentelemetry import context

        if provider is None:
            provider = logs.get_logger_provider()
        elif not isinstance(provider, logs.LoggerProvider):
            kind = type(provider).__name__
            raise TypeError(f"provider must be a LoggerProvider, not {kind}")
        self._logger = provider.get_logger("audithooks")
        self._make = logs.LogRecord
        self._severity = logs.SeverityNumber.INFO
        self._suppressed = context._SUPPRESS_INSTRUMENTATION_KEY
        self._encode, _ = json_encoder()
        self._get = context.get_value
        self._get_current = context.get_current
        super().__init__(redact, environments, longest, frames, most)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._get(self._suppressed):
            super().__call__(event, args)

    def _record(self, event: str, args: tuple[Any, ...]) -> tuple[Record, Context]:
        return super()._record(event, args), self._get_current()

    def _deliver(self, item: tuple[Record, Context]) -> None:
        record, context = item
        attributes: dict[str, Any] = {
            "process.pid": getpid(),
            "thread.id": record.thread,
        }
        if record.thread_name is not None:
            attributes["thread.name"] = record.thread_name
        if record.task is not None:
            attributes["audithooks.task"] = record.task
        if record.stack:
            place = "code.file.path", "code.line.number", "code.function.name"
            attributes.update(zip(place, record.stack[0]))
        if len(record.stack) > 1:
            attributes["code.stacktrace"] = "\n".join(
                f"{file}:{line} in {function}" for file, line, function in record.stack
            )
        for name, value in record.args.items():
            if value is not None:
                attributes[f"audithooks.args.{name}"] = self._attribute(value)
        if record.cut:
            attributes["audithooks.cut"] = record.cut
        self._logger.emit(
            self._make(
                timestamp=record.time,
                context=context,
                severity_number=self._severity,
                severity_text=self._severity.name,
                body=record.text(),
                event_name=record.event,
                attributes=attributes,
            )
        )

    def _attribute(self, value: Any) -> Any:
        """Return *value* as an attribute: a scalar, a list of one kind, or JSON."""
        if isinstance(value, list):
            value = [str(item) if isinstance(item, str) else item for item in value]
            kinds = set(map(type, value))
            if len(kinds) < 2 and kinds <= {str, int, float, bool}:
                return value
        if isinstance(value, (list, dict)):
            return self._encode(value)
        return value

    def __enter__(self) -> OpenTelemetry:
        return self

    def __repr__(self) -> str:
        return f"<OpenTelemetry{', closed' if self._closed else ''}>"


class Limited:
    """A hook that passes events on to a sink, but not all, and tells how many not.

    *per_second* is how many events of one name are passed on in a second. *unique*, in
    seconds, is for how long an event with the same arguments as one that was passed on
    is left out; events that differ only where a long argument is cut are not the same.
    One of the two has to be given; both may be.

    What is left out is told by an event audithooks.left_out to the sink, with the name
    of an event and how many of it were left out since the last time: before the first
    event that comes *every* seconds after the last report, at close(), and when the
    interpreter exits. close() closes the sink, too, if it can be.

    Of at most MAX_NAMES names, and as many arguments, something is remembered: further
    names are counted together, as "*", and the oldest arguments are forgotten.

    Thread-safety: may be called from any thread, from signal handlers and in forked
    children, which tell only of what they left out themselves. No lock is waited for;
    the limits may be exceeded by as many events as come at the same moment.
    """

    def __init__(
        self,
        sink: HookFunction,
        *,
        per_second: int | None = None,
        unique: float | None = None,
        every: float = 60,
    ) -> None:
        if not callable(sink):
            raise TypeError(f"sink must be callable, not {type(sink).__name__}")
        if per_second is None and unique is None:
            raise TypeError("one of per_second and unique has to be given")
        if per_second is not None:
            per_second = at_least(1, "per_second", per_second)
        self._sink = sink
        self._per_second = per_second
        self._unique = unique if unique is None else _seconds("unique", unique)
        self._every = _seconds("every", every)
        self._fields = Fields(environments=True)
        self._seconds: dict[str, tuple[float, Callable[[], int]]] = {}
        self._closed = False
        self._seen: dict[int, float] = {}  # hash of an event: when it was passed on
        self._start_anew()
        after_fork(self._start_anew)
        atexit.register(self._report)

    def _start_anew(self) -> None:
        # For each name the counter of what was left out, and how far it was told.
        self._counts: dict[str, Count] = {}
        self._due = monotonic() + self._every
        self._reporting = allocate_lock()

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        now = monotonic()
        if now >= self._due:
            self._report()
        key = self._key(event, args)
        if self._is_known(key, now) or self._is_one_too_many(event, now):
            self._count_of(event).add()
            return
        if key is not None:
            self._remember(key, now)
        self._sink(event, args)

    def _key(self, event: str, args: tuple[Any, ...]) -> int | None:
        """Return what is the same for equal events, or None if that is not asked."""
        if self._unique is None:
            return None
        plain, cut = self._fields.arguments(event, args)
        return None if cut else hash((event, repr(plain)))

    def _is_known(self, key: int | None, now: float) -> bool:
        if key is None or self._unique is None:
            return False
        return now - self._seen.get(key, -inf) < self._unique

    def _remember(self, key: int, now: float) -> None:
        seen = self._seen
        if len(seen) >= MAX_NAMES:
            for oldest in [*seen][: MAX_NAMES // 2]:
                seen.pop(oldest, None)
        seen.pop(key, None)
        seen[key] = now

    def _is_one_too_many(self, event: str, now: float) -> bool:
        if self._per_second is None:
            return False
        name = self._known_name(event, self._seconds)
        start, tick = self._seconds.get(name, (-inf, None))
        if tick is None or now - start >= 1:
            tick = count(1).__next__
            self._seconds[name] = now, tick
        return tick() > self._per_second

    def _count_of(self, event: str) -> Count:
        name = self._known_name(event, self._counts)
        found = self._counts.get(name)
        return found or self._counts.setdefault(name, Count())

    @staticmethod
    def _known_name(event: str, names: dict[str, Any]) -> str:
        if event in names or (len(names) < MAX_NAMES and len(event) <= MAX_NAME):
            return event
        return "*"

    def _report(self) -> None:
        """Tell the sink what was left out since the last time."""
        if not self._reporting.acquire(blocking=False):
            return
        try:
            self._due = monotonic() + self._every
            for name, left_out in [*self._counts.items()]:
                number = left_out.news()
                if number:
                    self._sink(LEFT_OUT, (name, number))
        finally:
            self._reporting.release()

    def close(self) -> None:
        """Tell what was left out, and close the sink. May be called again."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self._report)
        self._report()
        close = getattr(self._sink, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Limited:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        limits = {"per_second": self._per_second, "unique": self._unique}
        text = [f"{name}={x}" for name, x in limits.items() if x is not None]
        return f"<Limited {self._sink!r}, {', '.join(text)}>"


def _seconds(argument: str, value: float) -> float:
    if not isinstance(value, (int, float)):
        kind = type(value).__name__
        raise TypeError(f"{argument} must be a number of seconds, not {kind}")
    if not value > 0:
        raise ValueError(f"{argument} must be more than 0 seconds, not {value}")
    return value
