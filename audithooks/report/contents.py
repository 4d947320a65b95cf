"""What a report says: tables of rows, trees of processes and files, notes."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from ..reading.records import EPOCH
from ..reading.sites import LIBRARY, ORIGINS, OWN, STANDARD, library_of, origin_of
from ..reading.touches import (
    COMPILES,
    CONNECTS,
    EXECUTES,
    FILES,
    HOSTS,
    IMPORTS,
    LISTENS,
    LOADS,
    LOOKS_UP,
    STARTS,
    UNPICKLES,
)
from ..records.text import number, shortened
from .files import Folder, folders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..reading.trace import Process, Trace, Use

_IN = {
    OWN: "the program's own code",
    LIBRARY: "a library",
    STANDARD: "the standard library alone",
}

MOST_DEEP = 30  # levels of a tree


@dataclass(frozen=True)
class Limits:
    """How much is in a report: rows of a table, files, processes, events of the
    timeline, characters of a value.
    """

    rows: int = 1000
    files: int = 5000
    processes: int = 1000
    events: int = 12_000
    text: int = 300

    def smaller(self) -> Limits:
        """Return limits by which a report is about half as long."""
        return Limits(
            self.rows // 2,
            self.files // 2,
            self.processes // 2,
            self.events // 2,
            max(self.text * 3 // 4, 20),
        )


@dataclass
class Table:
    """Rows of text and numbers, below a heading. *left_out* is how many there are not.

    *more* says of what they are; *empty* stands in place of no rows.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int]]
    empty: str
    left_out: int = 0
    more: str = "row"

    @property
    def rest(self) -> str:
        """What stands below the rows if some are left out."""
        if not self.left_out:
            return ""
        return f"and {number(self.left_out, f'more {self.more}')}"


@dataclass
class Branch:
    """A process, and those that it started."""

    process: Process
    text: str
    when: str
    notes: list[str]
    children: list[Branch] = field(default_factory=list)


@dataclass
class Contents:
    """All that a report says but the timeline."""

    title: str
    facts: list[tuple[str, str]]
    notes: list[str]
    names: list[str]  # of the processes, by number, and short
    processes: list[Branch]
    processes_left_out: int
    rulings: Table
    files: Folder
    hosts: Table
    programs: Table
    not_followed: Table
    code: list[Table]
    sites: list[Table]
    events: Table


def contents(trace: Trace, limits: Limits) -> Contents:
    """Return what is said of *trace*, in so far as *limits* have room for it."""
    return Contents(
        title=_title(trace),
        facts=_facts(trace),
        notes=_notes(trace),
        names=[_name(process) for process in trace.processes],
        processes=_branches(trace, limits),
        processes_left_out=max(len(trace.processes) - limits.processes, 0),
        rulings=_rulings(trace, limits),
        files=folders(trace.files(), limits.files, limits.text),
        hosts=_hosts(trace, limits),
        programs=_programs(trace, limits),
        not_followed=_not_followed(trace, limits),
        code=_code(trace, limits),
        sites=_sites(trace, limits),
        events=_table(
            "events",
            "Events",
            ("event", "times"),
            ((name, count) for name, count in trace.events.items()),
            "There is no event in this trace.",
            limits,
        ),
    )


def seconds(microseconds: int) -> str:
    """Return a time as seconds with milliseconds."""
    return f"{microseconds / 1e6:,.3f} s"


def command_of(process: Process) -> str:
    """Return the command of a process, or what stands for it."""
    return process.command or "unnamed program"


def _name(process: Process) -> str:
    """Return the command of a process without the folder of the program."""
    program, space, words = command_of(process).partition(" ")
    name = re.split(r"[/\\]", program)[-1]
    return shortened(f"{name}{space}{words}", 60)


def _moment(microseconds: int) -> str:
    time = EPOCH + timedelta(microseconds=microseconds)
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _title(trace: Trace) -> str:
    roots = trace.roots
    if not roots:
        return "No events"
    first = shortened(command_of(roots[0]), 80)
    if len(roots) == 1:
        return first
    return f"{first} and {number(len(roots) - 1, 'more program')}"


def _facts(trace: Trace) -> list[tuple[str, str]]:
    if not trace.processes:
        return []
    files = trace.files()
    counts = [sum(kind in uses for uses in files.values()) for kind in FILES]
    refused = sum(use.count for key, use in trace.rulings.items() if key[0] == "denied")
    hosts = {host for kind in HOSTS for host in trace.of(kind)}
    pythons = sorted({p.python for p in trace.processes if p.python})
    return [
        ("Began", _moment(trace.first)),
        ("Until the last event", seconds(trace.last - trace.first)),
        ("Events", f"{trace.total:,}"),
        ("Processes", f"{len(trace.processes):,}"),
        ("Files", ", ".join(f"{n:,} {kind}" for n, kind in zip(counts, FILES))),
        ("Hosts", f"{len(hosts):,}"),
        ("Programs started", f"{len(trace.of(STARTS)):,}"),
        ("Operations refused", f"{refused:,}"),
        ("Python", ", ".join(pythons[:5]) or "the trace does not tell"),
    ]


def _notes(trace: Trace) -> list[str]:
    notes = ["An event comes before its operation, which may have failed afterwards."]
    if trace.unread:
        lines = number(trace.unread, "line")
        notes.append(
            f"{lines} could not be read, the first of them "
            f"{shortened(trace.first_unread, 200)}."
        )
    if trace.total and trace.without_stack == trace.total:
        notes.append(
            "The trace has no callers: -k or --stack 30 beside --json records them."
        )
    elif trace.without_stack:
        notes.append(f"{number(trace.without_stack, 'event')} had no caller in Python.")
    if trace.most_callers == 1:
        notes.append(
            "Of each event the trace has one caller, perhaps in a library: --stack 30 "
            "in place of -k records who called that."
        )
    nameless = sum(not process.told for process in trace.processes)
    if nameless:
        notes.append(
            f"Of {number(nameless, 'process')} the trace tells neither command nor "
            "parent. audithooks --json does, other ways to write JSON Lines do not."
        )
    for event, count in sorted(trace.left_out.items())[:20]:
        what = "" if event == "*" else f" of {shortened(event, 60)}"
        notes.append(f"The tracer left out {number(count, 'event')}{what}.")
    return notes


def _table(
    name: str,
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str | int]],
    empty: str,
    limits: Limits,
    more: str = "row",
) -> Table:
    """Return a table whose last column has counts, the highest first.

    Its first column says so if it is empty, as a host is that stands for all.
    """
    found = sorted(rows, key=lambda row: (-int(row[-1]), *map(str, row)))
    kept = [
        [
            shortened(cell, limits.text) if isinstance(cell, str) else cell
            for cell in row
        ]
        for row in found[: limits.rows]
    ]
    for row in kept:
        row[0] = row[0] or "(empty)"
    return Table(name, title, columns, kept, empty, len(found) - len(kept), more)


def _pids(trace: Trace, use: Use) -> str:
    pids = sorted({trace.processes[place].pid for place in use.processes})
    more = f" and {len(pids) - 5} more" if len(pids) > 5 else ""
    return f"{', '.join(map(str, pids[:5]))}{more}"


def _counts(counter: Counter[str], most: int = 5) -> str:
    """Return the commonest of a counter, with how often each was."""
    common = counter.most_common(most)
    text = ", ".join(f"{name} \N{MULTIPLICATION SIGN}{n:,}" for name, n in common)
    left = len(counter) - len(common)
    return f"{text} and {left:,} more" if left else text


def _branches(trace: Trace, limits: Limits) -> list[Branch]:
    """Return the tree of the processes; what would be too deep stands beside it."""
    found: list[Branch] = []
    waiting = [(process, found, 0) for process in reversed(trace.roots)]
    left = limits.processes
    while waiting and left:
        process, place, depth = waiting.pop()
        left -= 1
        branch = _branch(trace, process, limits)
        place.append(branch)
        below = branch.children if depth < MOST_DEEP else place
        waiting += [
            (child, below, depth + 1)
            for child in sorted(
                process.children, key=lambda p: (p.first, p.number), reverse=True
            )
        ]
    return found


def _branch(trace: Trace, process: Process, limits: Limits) -> Branch:
    text = shortened(command_of(process), limits.text)
    began = seconds(process.first - trace.first)
    notes = [number(process.events, "event")]
    if process.became:
        notes.append("the same process, after os.exec")
    elif process.parent is not None and process.parent.command == process.command:
        notes.append("the program of its parent, as a fork has")
    elif process.parent is None and process.parent_pid is not None:
        notes.append(f"its parent {process.parent_pid} is not in the trace")
    before = process.parent.told if process.parent is not None else {}
    for word, name in (("in", "folder"), ("by", "python")):
        value = process.told.get(name)
        if isinstance(value, str) and value and value != before.get(name):
            notes.append(f"{word} {shortened(value, limits.text)}")
    when = f"from {began}, for {seconds(process.last - process.first)}"
    return Branch(process, text, when, notes)


def _rulings(trace: Trace, limits: Limits) -> Table:
    return _table(
        "refused",
        "What was refused",
        ("what became of it", "what", "rule", "why", "process", "times"),
        (
            (action, subject, rule or "the default", why, _pids(trace, use), use.count)
            for (action, rule, subject, why), use in trace.rulings.items()
        ),
        "No rule refused or reported anything in this trace.",
        limits,
    )


def _hosts(trace: Trace, limits: Limits) -> Table:
    hosts = {host for kind in HOSTS for host in trace.of(kind)}
    rows: list[Sequence[str | int]] = []
    for host in hosts:
        uses = [trace.of(kind).get(host) for kind in (CONNECTS, LOOKS_UP, LISTENS)]
        ports: Counter[str] = Counter()
        for use in uses:
            ports.update(use.details if use else {})
        named = sorted(filter(None, ports), key=lambda port: (len(port), port))
        shown = ", ".join(named[:8]) + ", \N{HORIZONTAL ELLIPSIS}" * (len(named) > 8)
        counts = [use.count if use else 0 for use in uses]
        rows.append((host, shown, *counts, sum(counts)))
    return _table(
        "hosts",
        "Whom it talked to",
        ("host", "ports", "connected", "looked up", "listened", "times"),
        rows,
        "No event names a host.",
        limits,
        "host",
    )


def _programs(trace: Trace, limits: Limits) -> Table:
    return _table(
        "programs",
        "What it started",
        ("program", "arguments", "by process", "times"),
        (
            (
                program,
                shlex.join(words.split("\0")) if words else "",
                _pids(trace, use),
                count,
            )
            for program, use in trace.of(STARTS).items()
            for words, count in use.details.items()
        ),
        "No event tells of a program that was started.",
        limits,
        "program",
    )


def _not_followed(trace: Trace, limits: Limits) -> Table:
    return _table(
        "not-followed",
        "Started, but not traced",
        ("program", "why", "by process", "times"),
        (
            (words, why, _pids(trace, use), use.count)
            for (words, why), use in trace.not_followed.items()
        ),
        "",
        limits,
        "program",
    )


def _code(trace: Trace, limits: Limits) -> list[Table]:
    packages: dict[str, Counter[str]] = {}
    for module, use in trace.of(IMPORTS).items():
        packages.setdefault(module.partition(".")[0], Counter())[module] += use.count
    stdlib = _stdlib(trace)
    tables = [
        _table(
            "imports",
            "Imports",
            ("package", "modules in it", "times"),
            (
                (
                    package,
                    _listed([name for name in modules if name != package], limits),
                    sum(modules.values()),
                )
                for package, modules in packages.items()
            ),
            "No event tells of an import.",
            limits,
            "package",
        )
    ]
    for kind, title in ((EXECUTES, "Executed"), (COMPILES, "Compiled from source")):
        tables.append(
            _table(
                kind,
                title,
                ("file", "whose", "times"),
                (
                    (_short(file, stdlib), _owner(file, stdlib), use.count)
                    for file, use in trace.of(kind).items()
                ),
                f"No event tells of code that was {kind}.",
                limits,
                "file",
            )
        )
    for kind, title, noun in (
        (UNPICKLES, "Found by pickle", "name"),
        (LOADS, "Native libraries loaded by ctypes", "library"),
    ):
        rows = [(name, use.count) for name, use in trace.of(kind).items()]
        if rows:
            tables.append(_table(kind, title, (noun, "times"), rows, "", limits, "row"))
    return tables


def _listed(names: Iterable[str], limits: Limits) -> str:
    """Return the names that there is room for, and how many there are besides."""
    waiting = sorted(names, reverse=True)
    shown = ""
    while waiting and len(shown) + len(waiting[-1]) < limits.text:
        shown += f"{', ' if shown else ''}{waiting.pop()}"
    if not waiting:
        return shown
    return f"{shown} and {len(waiting):,} more" if shown else f"{len(waiting):,}"


def _owner(file: str, stdlib: str) -> str:
    """Return whose code is in a file: the library by its name."""
    if file.startswith("<") and not file.startswith("<frozen "):
        return "no file"
    return library_of(file) or origin_of(file, stdlib)


def _short(file: str, stdlib: str) -> str:
    """Return the path of a source file below the folder of its library."""
    if library_of(file):
        return re.split(r"[/\\](?:site|dist)-packages[/\\]", file)[-1]
    if stdlib and origin_of(file, stdlib) == STANDARD and file.startswith(stdlib):
        return file[len(stdlib) + 1 :]
    return file


def _stdlib(trace: Trace) -> str:
    """Return the folder of the standard library, if all processes have the same."""
    folders = {process.stdlib for process in trace.processes if process.told}
    return folders.pop() if len(folders) == 1 else ""


def _sites(trace: Trace, limits: Limits) -> list[Table]:
    tables = []
    stdlib = _stdlib(trace)
    for origin in ORIGINS:
        rows = [
            (
                f"{_short(file, stdlib)}:{line}",
                function,
                _counts(use.details),
                use.count,
            )
            for (whose, file, line, function), use in trace.sites.items()
            if whose == origin
        ]
        tables.append(
            _table(
                f"by-{origin.replace(' ', '-')}",
                {STANDARD: "Standard library alone"}.get(origin, origin.capitalize()),
                ("line", "function", "events", "times"),
                rows,
                f"No call site is in {_IN[origin]}.",
                limits,
                "line",
            )
        )
    return tables
