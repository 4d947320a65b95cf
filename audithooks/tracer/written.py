"""What is said at the end on a terminal: how much was written to which file."""

from __future__ import annotations

import glob
import os
import re

from .._real import Real
from ..records.lines import complain
from ..records.text import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .options import Options

_TABLE = b"events   share"
_COLOR = re.compile(rb"\x1b\[[\d;]*m")
# The process in a line of each format; other lines are no events.
_PID = {
    "json": re.compile(rb'[{,]"pid":(\d+)[,}]'),
    "chrome": re.compile(rb'"ph":"i".*?,"pid":(\d+),'),
    "text": re.compile(rb"(\d+) "),
    "timed text": re.compile(rb" *[\d:.]+ (\d+) "),
}


class Written:
    """Says how many events of how many processes were written to the output.

    It is made before the trace begins, and called after its end. It reads the output.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pid = Real.getpid()
        self._path = os.path.abspath(options.output)
        self._before = 0  # bytes of what was there
        if options.append and not options.apart and os.path.exists(self._path):
            self._before = os.path.getsize(self._path)
        timed = "timed " if options.timestamps and options.format == "text" else ""
        self._pattern = _PID[f"{timed}{options.format}"]

    def __call__(self) -> None:
        if Real.getpid() != self._pid:
            return
        shown = f"{self._options.output}{'.PID' if self._options.apart else ''}"
        try:
            events, processes = self._count()
        except OSError:  # the program removed it, or may not open files any more
            complain(f"the events were written to {shown}")
            return
        text = f"{number(events, 'event')} written to {shown}"
        if self._options.follow:
            text += f" ({number(processes, 'process')})"
        complain(text)

    def _count(self) -> tuple[int, int]:
        is_text = self._options.format == "text"
        find = self._pattern.match if is_text else self._pattern.search
        is_marked = self._options.follow or not is_text
        events = 0
        processes = set()
        for path in self._files():
            with open(path, "rb") as file:
                file.seek(self._before)
                for line in file:
                    if line.lstrip().startswith(_TABLE):
                        break
                    match = find(_COLOR.sub(b"", line)) if is_marked else None
                    if match is not None:
                        processes.add(match[1])
                    events += match is not None or not is_marked
        return events, len(processes)

    def _files(self) -> Iterator[str]:
        if not self._options.apart:
            yield self._path
            return
        for path in glob.iglob(f"{glob.escape(self._path)}.*"):
            is_new = os.stat(path).st_mtime_ns >= self._options.began
            if is_new and path.rpartition(".")[2].isdigit():
                yield path
