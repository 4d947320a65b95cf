"""OpenTelemetry: an OpenTelemetry log record for each event."""

from __future__ import annotations

from .._core import hints
from .._real import Real
from ..records.lines import json_encoder
from .queued import QueuedSink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from opentelemetry import _logs as logs
    from opentelemetry.context import Context

    from ..records.fields import Record
else:
    from .._late import Late

    logs = Late("opentelemetry._logs")


class OpenTelemetry(QueuedSink):
    """A hook that emits each event as a log record of OpenTelemetry.

    *provider* is a LoggerProvider, such as one of the SDK with an OTLP exporter and a
    BatchLogRecordProcessor; by default, it is the global provider. Needs
    opentelemetry-api, which audithooks[otel] installs together with the SDK.

    The event name of the record is the name of the event, the body is the event as a
    call, as in Logging. The attributes are

    * thread.id, thread.name and process.pid;
    * with *frames*, code.file.path, code.line.number and code.function.name of the
      caller, and code.stacktrace if there are more;
    * audithooks.args.NAME for each argument that is not None, as JSON if it is neither
      a scalar nor a list of one kind of scalars;
    * audithooks.cut and audithooks.task;
    * audithooks.action and the other members of a Decision, if a policy gave it.

    The record has the trace context of the event. *redact*, *environments*, *longest*,
    *frames*, *secrets*, *most*, threads, forks, flush() and the exit of a process are
    as in Logging. flush() and close() do not flush the provider; shut it down after
    this. Raises ImportError without opentelemetry-api, and TypeError or ValueError for
    a wrong argument.

    Events are left out while OpenTelemetry suppresses instrumentation, as its exporters
    do for their own work.

    >>> with OpenTelemetry() as sink, audithooks.subscribe(sink, "shop.*"):
    ...     audithooks.audit("shop.sell", "tea")  # goes to the global provider

    Added in 0.1.
    """

    def __init__(
        self,
        provider: hints.Optional[logs.LoggerProvider] = None,
        *,
        redact: hints.Patterns = (),
        environments: bool = False,
        longest: int = 1000,
        frames: int = 0,
        secrets: bool = False,
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
        super().__init__(redact, environments, longest, frames, secrets, most)

    def __call__(
        self, event: str, args: hints.Arguments, action: hints.Action = ""
    ) -> None:
        if not self._get(self._suppressed):
            super().__call__(event, args, action)

    def _record(
        self, event: str, args: tuple[Any, ...], action: hints.Action = ""
    ) -> tuple[Record, Context]:
        return super()._record(event, args, action), self._get_current()

    def _deliver(self, item: tuple[Record, Context]) -> None:
        record, context = item
        attributes: dict[str, Any] = {
            "process.pid": Real.getpid(),
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
        for name, value in record.action.items():
            if value is not None:
                attributes[f"audithooks.{name}"] = value
        if record.cut:
            attributes["audithooks.cut"] = record.cut
        self._logger.emit(
            self._make(
                timestamp=record.time,
                observed_timestamp=Real.time_ns(),
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

    def __repr__(self) -> str:
        return f"<OpenTelemetry{', closed' if self._closed else ''}>"
