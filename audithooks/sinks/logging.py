"""Logging: a record of the logging module for each event."""

from __future__ import annotations

import os

from .queued import QueuedSink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from logging import Logger

    from ..records.fields import Record


class Logging(QueuedSink):
    """A hook that logs each event.

    *logger* is a logging.Logger or the name of one, *level* the level of its records,
    by default logging.INFO. The message is the event as a call, such as
    open(path='x', mode='r', flags=0). Time, thread and task are those of the event;
    with *frames*, so are path, line and function. Each record has these attributes:

    * audit_event: the name;
    * audit_args: a dict of the arguments by name;
    * audit_cut: a list of the names of those that were shortened;
    * audit_stack: a list of tuples of file, line and function.

    *redact*, *environments*, *longest* and *frames* are those of Fields.

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

    def __repr__(self) -> str:
        state = ", closed" if self._closed else ""
        return f"<Logging to {self._logger.name!r}{state}>"
