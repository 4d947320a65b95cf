"""Logging: a record of the logging module for each event."""

from __future__ import annotations

import os
import sys

from .._core import hints
from .._real import Real
from ..records.text import unmarked
from .queued import QueuedSink

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging as logs
    from logging import LogRecord
    from typing import Any

    from ..records.fields import Record
else:
    from .._late import Late

    logs = Late("logging")

_SEPARATORS = os.sep, os.altsep or os.sep

# What a LogRecord has beside the rest, of a caller that logging does not find.
_ATTRIBUTES = {
    "args": (),
    "exc_info": None,
    "exc_text": None,
    "filename": "(unknown file)",
    "funcName": "(unknown function)",
    "lineno": 0,
    "module": "(unknown file)",
    "pathname": "(unknown file)",
    "stack_info": None,
}


class Logging(QueuedSink):
    """A hook that logs each event.

    *logger* is a logging.Logger or the name of one, *level* the level of its records,
    by default logging.INFO. The message is the event as a call, such as
    os.mkdir(path='x', mode=0o777). Time, thread and task are those of the event; with
    *frames*, so are path, line and function. Each record has these attributes:

    * audit_event: the name;
    * audit_args: a dict of the arguments by name;
    * audit_cut: a list of the names of those that were shortened;
    * audit_stack: a list of tuples of file, line and function;
    * audit_decision: a dict of the members of a Decision, if a policy gave it.

    All of it has plain types, for formatters and queues that know no others.

    *redact*, *environments*, *longest*, *frames* and *secrets* are those of JsonLines.
    Raises TypeError or ValueError for a wrong argument.

    logging takes locks, and raises events while it holds them. So records are created
    where the event is raised, and a separate thread, whose events are not logged,
    passes them to the logger: no thread waits for a lock because of an event. In
    return, unlike with JsonLines, the latest events are lost if the process is killed
    or ends by os._exit(). flush() waits for them, and so does the interpreter when it
    exits. While *most* events wait, further ones are left out; then an event
    audithooks.left_out with "*" and their number is logged.

    Handlers report their errors themselves, as always with logging; other errors, such
    as those of filters, go to sys.unraisablehook(). An event after close() raises
    ValueError.

    Thread-safety: may be called from any thread, from signal handlers and in forked
    children, which start their own thread.

    >>> logging.basicConfig(format="%(message)s", stream=sys.stdout, level="INFO")
    >>> with Logging("audit") as sink, audithooks.subscribe(sink, "shop.*"):
    ...     audithooks.audit("shop.sell", "tea")
    shop.sell('tea')

    Added in 0.1.
    """

    def __init__(
        self,
        logger: hints.Union[logs.Logger, str],
        level: hints.Optional[int] = None,
        *,
        redact: hints.Patterns = (),
        environments: bool = False,
        longest: int = 1000,
        frames: int = 0,
        secrets: bool = False,
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
        self._logging = logging
        self._level_name = logging.getLevelName
        began = getattr(logging, "_startTime", Real.time_ns())
        # In nanoseconds from 3.13 on, before that in seconds.
        self._began = began / 1e9 if isinstance(began, int) else began
        super().__init__(redact, environments, longest, frames, secrets, most)

    def _deliver(self, record: Record) -> None:
        if not self._logger.isEnabledFor(self._level):
            return
        attributes = {
            **_ATTRIBUTES,
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
            "audit_args": unmarked(record.args),
            "audit_cut": record.cut,
            "audit_stack": record.stack,
            "audit_decision": {**record.action},
        }
        if record.stack:
            path, attributes["lineno"], attributes["funcName"] = record.stack[0]
            attributes["pathname"] = path
            attributes["filename"] = path[1 + max(map(path.rfind, _SEPARATORS)) :]
        self._logger.handle(self._make(attributes))

    def _make(self, attributes: dict[str, Any]) -> LogRecord:
        logging: Any = self._logging
        kind = logging.LogRecord
        # Not by calling it: that asks time, os and threading, which a test may have
        # replaced. But a factory of the program may add attributes.
        own = logging.getLogRecordFactory() is kind
        made: LogRecord = kind.__new__(kind) if own else logging.makeLogRecord({})
        made.__dict__.update(attributes)
        made.process = Real.getpid() if logging.logProcesses else None
        made.processName = _process_name() if logging.logMultiprocessing else None
        return made

    def __repr__(self) -> str:
        state = ", closed" if self._closed else ""
        return f"<Logging to {self._logger.name!r}{state}>"


def _process_name() -> str:
    """Return the name that multiprocessing gave to this process, as in a LogRecord."""
    module = sys.modules.get("multiprocessing.process")
    process = getattr(module, "_current_process", None)
    return "MainProcess" if process is None else process.name
