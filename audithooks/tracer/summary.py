"""The table at the end of a trace: the events and their counts."""

from __future__ import annotations

from ..records.fields import Fields
from ..records.lines import Lines
from ..records.real import Real
from ..records.text import arguments_text, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Limits the memory for the distinct arguments of one kind of event.
MOST_DISTINCT = 10_000


class _Kind:
    """The counts of the events of one name."""

    __slots__ = ("count", "first", "seen")

    def __init__(self, first: int) -> None:
        self.first = first
        self.count = 0
        self.seen: set[int] = set()  # hashes of the arguments, as they are shown


class Summary:
    """Counts events, and writes a table of them to the file descriptor *fd*.

    Times are relative to *began*. With *command*, the table names this process and the
    command it runs.

    Thread-safety: may be used from any thread; of events that come at the same moment
    one may be missing in the count.
    """

    def __init__(self, fd: int, fields: Fields, began: int, command: str = "") -> None:
        self._arguments = fd, fields, began, command
        self._lines = Lines(fd)
        self._fields = fields
        self._command = command
        self._began = began
        self._kinds: dict[str, _Kind] = {}

    def of_child(self) -> Summary:
        """Return an empty summary for a forked child."""
        return Summary(*self._arguments)

    def count(self, event: str, args: tuple[Any, ...]) -> None:
        kind = self._kinds.get(event)
        if kind is None:
            kind = self._kinds.setdefault(event, _Kind(Real.time_ns()))
        kind.count += 1
        if len(kind.seen) < MOST_DISTINCT:
            text = arguments_text(event, *self._fields.arguments(event, args))
            kind.seen.add(hash(text))

    def write(self) -> None:
        """Write the table in one write, the most frequent event first."""
        rows = sorted(self._kinds.items(), key=lambda row: (-row[1].count, row[0]))
        total = sum(kind.count for _, kind in rows)
        width = max(len("events"), len(f"{total:,}"))
        table = [f"{'events':>{width}}   share  first seen  distinct  name"]
        for event, kind in rows:
            distinct = f"{len(kind.seen):,}"
            if len(kind.seen) >= MOST_DISTINCT:
                distinct = f"{distinct}+"
            table.append(
                f"{kind.count:>{width},}  {kind.count / total:>6.1%}"
                f"  {(kind.first - self._began) / 1e9:>9.3f}s  {distinct:>8}"
                f"  {printable(event)}"
            )
        table.append(f"{total:>{width},}  in all, of {len(rows)} kinds")
        if self._command:
            table.insert(0, f"process {Real.getpid()}: {printable(self._command)}")
        self._lines.write("".join(f"{row}\n" for row in table).encode())
