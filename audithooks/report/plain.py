"""The same report as text, for a terminal."""

from __future__ import annotations

import textwrap

from ..records.text import number, printable
from .contents import Contents, Limits, contents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..reading.trace import Trace
    from .contents import Branch, Table
    from .files import Folder

LIMITS = Limits(rows=15, files=120, processes=100, events=0, text=200)
_MOST_DEEP = 8  # levels of a tree that are set off from each other


def text(trace: Trace, columns: int, limits: Limits = LIMITS) -> str:
    """Return the report about *trace*, for a terminal with so many columns."""
    made = contents(trace, limits)
    return "\n".join(_lines(made, max(columns, 40)))


def _lines(made: Contents, columns: int) -> Iterator[str]:
    yield from _heading(made.title, "=", columns)
    widest = max((len(name) for name, _ in made.facts), default=0)
    for name, value in made.facts:
        yield from _wrapped(f"{name:<{widest}}  {value}", columns, widest + 2)
    for note in made.notes:
        yield from _wrapped(f"* {note}", columns, 2)
    yield from _heading("What ran", "-", columns)
    yield from _branches(made.processes, 0, columns)
    if made.processes_left_out:
        yield f"... and {number(made.processes_left_out, 'more process')}"
    yield from _table(made.rulings, columns)
    yield from _heading("What it touched", "-", columns)
    if made.files.total:
        yield from _folder(made.files, 0, columns)
    else:
        yield "No event names a file."
    yield from _table(made.hosts, columns)
    yield from _table(made.programs, columns)
    if made.not_followed.rows:
        yield from _table(made.not_followed, columns)
    some = [table for table in made.code if table.rows]
    if not some:
        yield from _heading("What code it ran", "-", columns)
        yield "No event tells of code."
    for table in some:
        yield from _table(table, columns, f"Code: {_small(table.title)}")
    for table in made.sites:
        yield from _table(table, columns, f"Who did it: {_small(table.title)}")
    yield from _table(made.events, columns)


def _small(title: str) -> str:
    return title[:1].lower() + title[1:]


def _heading(title: str, line: str, columns: int) -> Iterator[str]:
    if line != "=":
        yield ""
    lines = [*_wrapped(title, columns, 0)]
    yield from lines
    yield line * len(lines[-1])


def _wrapped(line: str, columns: int, indent: int) -> Iterator[str]:
    """Yield a line in several, the further ones set in; long words are broken.

    What cannot be seen is made visible.
    """
    indent = min(indent, columns // 2)
    yield from textwrap.wrap(
        printable(line),
        columns,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [""]


def _branches(found: Sequence[Branch], depth: int, columns: int) -> Iterator[str]:
    edge = 2 * min(depth, _MOST_DEEP)
    for one in found:
        about = "; ".join([f"process {one.process.pid}, {one.when}", *one.notes])
        yield from _wrapped(f"{' ' * edge}{one.text}", columns, edge + 4)
        yield from _wrapped(f"{' ' * edge}    {about}", columns, edge + 4)
        yield from _branches(one.children, depth + 1, columns)


def _folder(found: Folder, depth: int, columns: int) -> Iterator[str]:
    edge = 2 * min(depth, _MOST_DEEP)
    yield from _wrapped(
        f"{' ' * edge}{found.name or 'all paths'}  {found.counts}", columns, edge + 4
    )
    # What is not changed is told by its counts alone, if it is much.
    if not (depth == 0 or found.is_open or found.total <= 3):
        return
    for below in found.below:
        yield from _folder(below, depth + 1, columns)
    if found.left_out:
        yield f"{' ' * edge}  ... and {number(found.left_out, 'more file')}"


def _table(table: Table, columns: int, title: str = "") -> Iterator[str]:
    yield from _heading(title or table.title, "-", columns)
    if not table.rows:
        yield table.empty
        return
    widest = max(len(f"{row[-1]:,}") for row in table.rows)
    for first, *cells, count in table.rows:
        others = [
            f"{name}: {cell}"
            for name, cell in zip(table.columns[1:], cells)
            if cell not in ("", 0)
        ]
        behind = f"  ({'; '.join(others)})" if others else ""
        line = f"{count:>{widest},}  {first}{behind}"
        yield from _wrapped(line, columns, widest + 4)
    if table.rest:
        yield f"{'':>{widest}}  ... {table.rest}"
