"""The table at the end of a trace: the events and their counts."""

from __future__ import annotations

from binascii import crc32

from .._real import Real
from ..records.fields import Fields
from ..records.lines import Lines
from ..records.text import MAX_NAME, arguments_text, number, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Limits the memory for the distinct arguments of one kind of event.
MOST_DISTINCT = 10_000


class Summary:
    """Counts the events of a process: *count* is that of a Table, or leads to one.

    Thread-safety: may be used from any thread.
    """

    def __init__(self, count: Callable[[int, str, str], None], fields: Fields) -> None:
        self._count = count
        self._fields = fields

    def count(self, event: str, args: tuple[Any, ...]) -> None:
        text = arguments_text(event, *self._fields.arguments(event, args))
        # The hash() of a text differs between processes.
        mark = f"{crc32(text.encode('utf-8', 'surrogatepass')):x}.{len(text):x}"
        self._count(Real.time_ns(), mark, printable(event[:MAX_NAME]))


class _Kind:
    """The counts of the events of one name."""

    __slots__ = ("count", "first", "seen")

    def __init__(self, first: int) -> None:
        self.first = first
        self.count = 0
        self.seen: set[str] = set()  # the marks of their arguments


class Table:
    """The table, which write() writes to *lines*: the most frequent event first.

    Times are relative to *began*. *title*, if any, stands above.
    """

    def __init__(self, lines: Lines, began: int, title: str = "") -> None:
        self._lines = lines
        self._began = began
        self._title = title
        self._kinds: dict[str, _Kind] = {}
        self._written = False

    def begin(self) -> None:
        """Do nothing: a process that raises no events is not in the table."""

    def leave(self) -> None:
        """Do nothing: the table has the others, too."""

    def count(self, first: int, mark: str, name: str) -> None:
        """Count an event *name* at the time *first*. *mark* is for its arguments."""
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._kinds.setdefault(name, _Kind(first))
        kind.count += 1
        kind.first = min(kind.first, first)
        if len(kind.seen) < MOST_DISTINCT:
            kind.seen.add(mark)

    def write(self) -> None:
        """Write the table in one write. A later one has what was counted since."""
        rows = sorted(self._kinds.items(), key=lambda row: (-row[1].count, row[0]))
        if self._written and not rows:
            return
        self._written = True
        self._kinds = {}
        total = sum(kind.count for _, kind in rows)
        width = max(len("events"), len(f"{total:,}"))
        table = [f"{'events':>{width}}   share  first seen  distinct  name"]
        for name, kind in rows:
            distinct = f"{len(kind.seen):,}"
            if len(kind.seen) >= MOST_DISTINCT:
                distinct = f"{distinct}+"
            table.append(
                f"{kind.count:>{width},}  {kind.count / total:>6.1%}"
                f"  {(kind.first - self._began) / 1e9:>9.3f}s  {distinct:>8}"
                f"  {name}"
            )
        kinds = number(len(rows), "kind")
        table.append(
            f"{total:>{width},} {'event' if total == 1 else 'events'} of {kinds} in all"
        )
        if self._title:
            table.insert(0, self._title)
        self._lines.write("".join(f"{row}\n" for row in table).encode())
