"""Events as lines of text."""

from __future__ import annotations

import os
from _thread import get_ident

from .._real import Real
from ..catalogue import EVENTS
from ..records.decision import ALLOWED, members_of
from ..records.decision import shown as shown_action
from ..records.fields import Fields
from ..records.lines import Lines
from ..records.origin import task_name, thread_name
from ..records.text import arguments_text, printable, short_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from .._core.types import Action

# An event has the color of its first group in here. "31" is red: see ECMA-48, "SGR".
COLORS = {
    "process": "31",
    "thread": "32",
    "code": "33",
    "file": "34",
    "network": "35",
    "import": "36",
}
_DENIED = "1;31"
NOT_FOLLOWED = "audithooks.not_followed"  # an event that only the trace has


class TextLines:
    """Writes a line for each event to *lines*, in a single write.

    *fields* converts the arguments to plain values. The event is preceded by the time,
    if *timestamps* is "absolute", "relative" to *began* or the "delta" since the last
    line, by the process with *processes*, and by the thread and the asyncio task with
    *threads*; it is followed by the callers that *fields* finds, with short paths.

    Thread-safety: may be called from any thread, and in forked children.
    """

    def __init__(
        self,
        lines: Lines,
        fields: Fields,
        *,
        timestamps: Literal["", "absolute", "relative", "delta"] = "",
        threads: bool = False,
        processes: bool = False,
        color: bool = False,
        began: int = 0,
    ) -> None:
        self._lines = lines
        self._fields = fields
        self._timestamps = timestamps
        self._threads = threads
        self._processes = processes
        self._color = color
        self._last = self._began = began
        self._main = get_ident()
        self._home = os.path.join(os.path.expanduser("~"), "")
        try:
            self._folder = os.path.join(os.getcwd(), "")
        except OSError:  # it was removed
            self._folder = ""
        if self._folder == os.sep:
            self._folder = ""

    def __call__(self, event: str, args: tuple[Any, ...], action: Action = "") -> None:
        """Write the line of an event, and what became of it, if known.

        *action* is a word, or has it and the id of the rule that decided.
        """
        prefix = [self._time()] if self._timestamps else []
        if self._processes:
            prefix.append(str(Real.getpid()))
        if self._threads:
            thread, task = get_ident(), task_name()
            name = thread_name(thread) or self._unnamed(thread)
            prefix.append(f"[{name}/{task}]" if task else f"[{name}]")
        name = printable(event)
        if self._color:
            prefix = [f"\x1b[2m{printable(word)}\x1b[0m" for word in prefix]
            name = _colored(event, name)
        else:
            prefix = [printable(word) for word in prefix]
        shown = self._fields.arguments(event, args)
        text = f"{name}({arguments_text(event, *shown)})"
        if event == NOT_FOLLOWED:
            process, why = (printable(str(value)) for value in shown[0].values())
            text = f"audithooks: process {process} is not followed: {why}"
        for number, (file, line, function) in enumerate(self._fields.stack()):
            text += " < " if number else " at "
            file = short_path(file, self._folder, self._home)
            text += printable(f"{file}:{line} in {function}")
        ending = ""
        if action and members_of(action)["action"] != ALLOWED:
            told = printable(shown_action(action))
            ending = f" = \x1b[{_DENIED}m{told}\x1b[0m" if self._color else f" = {told}"
        write_text(self._lines, " ".join([*prefix, text]), ending)

    def _go_on(self, numbers: object, time: int) -> None:
        """Go on after a line of that time, or without one."""
        self._last = time or self._began

    def _unnamed(self, thread: int) -> str:
        return "MainThread" if thread == self._main else str(thread)

    def _time(self) -> str:
        now = Real.time_ns()
        if self._timestamps == "absolute":
            seconds, fraction = divmod(now, 1_000_000_000)
            clock = Real.strftime("%H:%M:%S", Real.localtime(seconds))
            return f"{clock}.{fraction // 1000:06}"
        since = self._last if self._timestamps == "delta" else self._began
        self._last = now
        return f"{(now - since) / 1e9:11.6f}"


def _colored(event: str, name: str) -> str:
    groups = EVENTS[event].groups if event in EVENTS else ()
    for group in groups:
        if group in COLORS:
            return f"\x1b[{COLORS[group]}m{name}\x1b[0m"
    return f"\x1b[1m{name}\x1b[0m"


def write_text(lines: Lines, text: str, ending: str = "") -> None:
    """Write *text*, *ending* and the end of the line in one write that is not split.

    *text* is cut if there are too many bytes.
    """
    data = text.encode("utf-8", "backslashreplace")
    end = f"{ending}\n".encode()
    if len(data) + len(end) > lines.most:
        data = data[: lines.most - len(end)].decode("utf-8", "ignore").encode()
    lines.write(data + end)
