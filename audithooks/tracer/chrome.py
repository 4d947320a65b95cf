"""Events in the Trace Event Format of Chrome, which ui.perfetto.dev also shows.

The format is an array of JSON objects. Its end may be missing, so the trace of a
process that was killed can be read, and several processes can append to one file.
"""

from __future__ import annotations

from ..catalogue import EVENTS
from ..records.fields import Fields
from ..records.lines import Lines, json_encoder
from ..records.origin import task_name, thread_name
from ..records.real import Real
from ..records.text import encodable

try:
    # The system's identifiers, as a trace has the threads of all processes.
    from _thread import get_native_id as thread_id
except ImportError:
    from _thread import get_ident as thread_id
from _thread import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HEAD = "[\n"


class ChromeTrace:
    """Writes an instant event for each event to the file descriptor *fd*.

    It has the groups of the event as categories, the arguments by name as plain values
    of *fields*, the asyncio task and the callers. The process, which runs *command*,
    and each thread are named before their first event. The file must begin with HEAD.

    Thread-safety: may be called from any thread, and in forked children.
    """

    def __init__(self, fd: int, fields: Fields, command: str) -> None:
        self._lines = Lines(fd)
        self._fields = fields
        self._command = encodable(command)
        self._encode, _ = json_encoder()
        self._pid = 0
        self._named: dict[int, str] = {}  # the threads of this process

    def __call__(self, event: str, args: tuple[Any, ...], action: str = "") -> None:
        """Write an event, and its result *action* if known."""
        pid, thread = Real.getpid(), thread_id()
        if pid != self._pid:
            self._pid = pid
            self._named = {}
            self._name("process_name", pid, thread, self._command)
        name = thread_name(get_ident())
        if name is not None and self._named.get(thread) != name:
            self._named[thread] = name
            self._name("thread_name", pid, thread, name)
        shown, cut = self._fields.arguments(event, args)
        if cut:
            shown["(cut)"] = cut
        task = task_name()
        if task is not None:
            shown["(task)"] = task
        for number, (file, line, function) in enumerate(self._fields.stack()):
            shown[f"(caller {number})"] = f"{file}:{line} in {function}"
        if action:
            shown["(action)"] = action
        groups = EVENTS[event].groups if event in EVENTS else ("other",)
        self._write(
            {
                "name": event[:200],
                "cat": ",".join(groups),
                "ph": "i",  # instant event
                "s": "t",  # its scope: the thread
                "ts": Real.time_ns() / 1000,
                "pid": pid,
                "tid": thread,
                "args": shown,
            }
        )

    def _name(self, what: str, pid: int, thread: int, name: str) -> None:
        self._write(
            {"name": what, "ph": "M", "pid": pid, "tid": thread, "args": {"name": name}}
        )

    def _write(self, event: dict[str, Any]) -> None:
        line = f"{self._encode(event)},\n".encode()
        if len(line) > self._lines.most:
            line = f"{self._encode({**event, 'args': {'(cut)': ['...']}})},\n".encode()
        self._lines.write(line)
