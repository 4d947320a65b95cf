"""A hook that writes what it sees: a line for every event, or a table at the end."""

from __future__ import annotations

import itertools
import os
import reprlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class _Short(reprlib.Repr):
    """Representations that fit on a line."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 6
        self.maxstring = self.maxother = 80

    repr_bytes = reprlib.Repr.repr_str

    def repr_instance(self, thing: object, level: int) -> str:
        try:
            return super().repr_instance(thing, level)
        except KeyboardInterrupt:
            raise
        except BaseException:  # such as SystemExit, which is not meant for us
            return f"<{type(thing).__name__} instance at {id(thing):#x}>"


class Tracer:
    """A hook that writes to the file descriptor *fd*.

    With *lines*, there is one for each event, in a single write, so that those of
    several threads are not mixed. With *counts*, finish() writes a table of the events
    and how often they came.

    A descriptor that cannot be written to any more ends the trace, and not the program.
    """

    def __init__(self, fd: int, *, lines: bool, counts: bool) -> None:
        self._fd = fd
        self._lines = lines
        # next() of a count is atomic, and no lock is there to be held across a fork.
        self._counts: dict[str, Iterator[int]] | None = {} if counts else None
        self._short = _Short()
        self._pid = os.getpid()

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self._counts is not None:
            try:
                next(self._counts[event])
            except KeyError:
                next(self._counts.setdefault(event, itertools.count()))
        if self._lines:
            line = f"{event}({', '.join(map(self._short.repr, args))})"
            if not line.isprintable():
                line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
            self._write(f"{line}\n")

    def finish(self) -> None:
        """Write the table, and nothing more."""
        self._lines = False
        if self._counts is not None and os.getpid() == self._pid:
            counts = {event: next(seen) for event, seen in self._counts.items()}
            self._counts = None
            self._write(table(counts))

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except BrokenPipeError:  # the reader has seen enough
            self._lines = False
        except OSError as error:
            self._lines = False
            sys.stderr.write(f"audithooks: the trace ends here: {error}\n")


def table(counts: dict[str, int]) -> str:
    """Return *counts* as a table, the most frequent event first."""
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    total = sum(counts.values())
    width = max(len("events"), len(str(total)))
    return "".join(
        [
            f"{'events':>{width}}  name\n",
            *(f"{count:>{width}}  {event}\n" for event, count in rows),
            f"{total:>{width}}  in all, of {len(counts)} kinds\n",
        ]
    )
