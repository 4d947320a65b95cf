"""Events in the Trace Event Format of Chrome, which ui.perfetto.dev also shows.

The format is an array of JSON objects, here with one on each line. All but the first
begin with a comma, so that several processes can append to one file, and the last of
them to end adds the bracket. Viewers read a trace without it, too.
"""

from __future__ import annotations

import os

from .._real import Real
from ..catalogue import EVENTS
from ..records.fields import Fields
from ..records.lines import Lines, json_encoder, json_text
from ..records.origin import task_name, thread_name
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

    from .._core.types import Action

END = b"]\n"


class ChromeTrace:
    """Writes an instant event for each event to *lines*.

    It has the groups of the event as categories, the arguments by name as plain values
    of *fields*, the asyncio task and the callers. The process, which runs *command*,
    and each thread are named before their first event. With *begin*, the array begins
    here; otherwise *lines* leads to what a Chrome trace has so far.

    Thread-safety: may be called from any thread, and in forked children.
    """

    def __init__(
        self, lines: Lines, fields: Fields, command: str, begin: bool = False
    ) -> None:
        self._lines = lines
        self._fields = fields
        self._command = encodable(command)
        self._encode, _ = json_encoder()
        self._pid = 0
        self._named: dict[int, str] = {}  # the threads of this process
        if begin:
            self._pid = Real.getpid()
            self._name("process_name", self._pid, thread_id(), self._command, "[\n")

    def __call__(self, event: str, args: tuple[Any, ...], action: Action = "") -> None:
        """Write an event, and what became of it, if known."""
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

    def _name(
        self, what: str, pid: int, thread: int, name: str, start: str = ","
    ) -> None:
        args = {"name": name}
        self._write(
            {"name": what, "ph": "M", "pid": pid, "tid": thread, "args": args}, start
        )

    def _write(self, event: dict[str, Any], start: str = ",") -> None:
        line = json_text(f"{start}{self._encode(event)}\n").encode()
        if len(line) > self._lines.most:
            cut = {**event, "args": {"(cut)": ["..."]}}
            line = json_text(f"{start}{self._encode(cut)}\n").encode()
        self._lines.write(line)


class ChromeEnd:
    """The end of the array in the file of *lines*."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._written = False

    def begin(self) -> None:
        """Take the end away, as a process is traced from now on."""
        if self._written and take_end(self._lines):
            self._written = False

    def count(self, first: int, mark: str, name: str) -> None:
        """Do nothing: there is no table."""

    def leave(self) -> None:
        """Do nothing: the file has the others, too."""

    def write(self) -> None:
        """Write the end, unless it is there."""
        if not self._written:
            self._lines.write(END)
            self._written = True


def take_end(lines: Lines) -> bool:
    """Take the end of the array away if it is there. Return whether something is left.

    That is so in a file which is not empty. Raises OSError if it cannot be changed.
    """
    size = Real.fstat(lines.fd).st_size
    if lines.path is None or size < len(END):
        return size > 0
    fd = Real.open(lines.path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        Real.lseek(fd, -len(END), os.SEEK_END)
        if Real.read(fd, len(END)) == END:
            Real.ftruncate(fd, size - len(END))
    finally:
        Real.close(fd)
    return True
