"""A whole trace: its processes, and what they touched, by what it was."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .records import Lines
from .sites import site_of
from .touches import FILES, STARTS, placed, touches, without_b

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .records import Record
    from .touches import Touch

DENIED = "denied"
RULED = (DENIED, "would deny", "reported")
"""The actions by which a rule had something to say against an event."""


@dataclass(eq=False)
class Process:
    """A process of a trace, until it ends or becomes another program by os.exec().

    *told* is what its first line tells of it, and empty in a trace that does not; then
    *command*, *folder* and *stdlib* are empty and *parent* is None. *first* and *last*
    are the times of its first and last line. *became* is whether its parent is the
    program that it was before.
    """

    number: int
    pid: int
    first: int
    last: int
    events: int = 0
    told: dict[str, Any] = field(default_factory=dict)
    folder: str = ""
    parent: Process | None = None
    became: bool = False
    children: list[Process] = field(default_factory=list)

    @property
    def command(self) -> str:
        return self._told("command")

    @property
    def python(self) -> str:
        return self._told("python")

    @property
    def stdlib(self) -> str:
        return self._told("stdlib")

    @property
    def parent_pid(self) -> int | None:
        parent = self.told.get("parent")
        return parent if type(parent) is int else None

    def tell(self, told: dict[str, Any]) -> None:
        self.told = told
        self.folder = self.folder or self._told("folder")

    def _told(self, name: str) -> str:
        value = self.told.get(name)
        return value if isinstance(value, str) else ""


@dataclass(eq=False)
class Use:
    """How often something was touched, first when, by which processes (by number).

    *details* counts the details of the touches: ports, arguments, names of code.
    """

    count: int = 0
    first: int = 0
    processes: set[int] = field(default_factory=set)
    details: Counter[str] = field(default_factory=Counter)

    def add(self, record: Record, process: Process, detail: str) -> None:
        if not self.count or record.time < self.first:
            self.first = record.time
        self.count += 1
        self.processes.add(process.number)
        self.details[detail] += 1


class Trace:
    """What the lines of some files say together.

    *uses* has a dict for each kind of touches.py, of the Use by what was touched. What
    was denied is not in it: *rulings* has a Use by action, rule, subject and reason.
    *sites* has a Use by origin, file, line and function, whose details are events. And
    *events* counts the lines by the name of the event.
    """

    def __init__(self) -> None:
        self.processes: list[Process] = []
        self.uses: dict[str, dict[str, Use]] = {}
        self.rulings: dict[tuple[str, str, str, str], Use] = {}
        self.sites: dict[tuple[str, str, int, str], Use] = {}
        self.events: Counter[str] = Counter()
        self.without_stack = 0
        self.most_callers = 0  # of an event
        self.left_out: Counter[str] = Counter()
        self.not_followed: dict[tuple[str, str], Use] = {}
        self.unread = 0
        self.first_unread = ""
        self._now: dict[int, Process] = {}  # by pid
        self._before: dict[tuple[int, int], str] = {}  # spawns by pid and thread
        self._last: dict[int, str] = {}  # event by pid

    @classmethod
    def read(
        cls,
        paths: Iterable[str],
        each: Callable[[Record, Process, list[Touch]], None] | None = None,
    ) -> Trace:
        """Return the trace of some files; "-" is the standard input.

        *each* is called with every record, its process and what it is about. Raises
        OSError.
        """
        trace = cls()
        lines = Lines(paths)
        for record in lines:
            process, found = trace.add(record)
            if each is not None:
                each(record, process, found)
        trace.unread, trace.first_unread = lines.unread, lines.first_unread
        trace.finish()
        return trace

    def add(self, record: Record) -> tuple[Process, list[Touch]]:
        """Add a record, and return its process and what it is about."""
        process = self._process(record)
        event = record.event
        self.events[event] += 1
        self._last[record.pid] = event
        found = [*touches(record, process.folder)]
        if event == "_posixsubprocess.fork_exec" and self._is_told(record):
            found = []
        action = record.action
        if action in RULED:
            reason = record.text("because")
            subject = record.text("subject") or event
            key = action, record.text("rule"), subject, reason
            self.rulings.setdefault(key, Use()).add(record, process, event)
        if action != DENIED:
            for kind, what, detail in found:
                of_kind = self.uses.setdefault(kind, {})
                of_kind.setdefault(what, Use()).add(record, process, detail)
            self._change(record, process)
        self.most_callers = max(self.most_callers, len(record.stack))
        site = site_of(record.stack, process.stdlib)
        if site is None:
            self.without_stack += 1
        else:
            self.sites.setdefault(site, Use()).add(record, process, event)
        return process, found

    def _is_told(self, record: Record) -> bool:
        """Whether subprocess.Popen has told of what is started right before."""
        thread = record.pid, record.thread
        return self._before.pop(thread, "") == "subprocess.Popen"

    def _change(self, record: Record, process: Process) -> None:
        """Keep what later records depend on, or what the trace says of itself."""
        event, args = record.event, record.args
        if event == "os.chdir" and isinstance(args.get("path"), str):
            path = args["path"]
            if process.folder or path.startswith("/"):
                process.folder = placed(path, process.folder)
        elif event in ("subprocess.Popen", "os.posix_spawn", "os.system"):
            self._before[record.pid, record.thread] = event
        elif event == "audithooks.left_out":
            count = args.get("count")
            self.left_out[str(args.get("event"))] += (
                count if isinstance(count, int) else 1
            )
        elif event == "audithooks.not_followed":
            words = without_b(args.get("process"))
            shown = " ".join(map(str, words)) if isinstance(words, list) else str(words)
            key = shown, str(args.get("why"))
            self.not_followed.setdefault(key, Use()).add(record, process, "")

    def _process(self, record: Record) -> Process:
        """Return the process of a record, which may be a new one."""
        told = record.members.get("process")
        told = told if isinstance(told, dict) else {}
        process = self._now.get(record.pid)
        if process is None or record.seq == 1 or (told and process.told):
            before = process
            process = Process(len(self.processes), record.pid, record.time, record.time)
            if before is not None and self._last.get(record.pid) == "os.exec":
                process.parent, process.became = before, True
            self.processes.append(process)
            self._now[record.pid] = process
        if told:
            process.tell(told)
        process.events += 1
        process.first = min(process.first, record.time)
        process.last = max(process.last, record.time)
        return process

    def finish(self) -> None:
        """Find the parents, once all records were added."""
        by_pid: dict[int, list[Process]] = {}
        for process in sorted(self.processes, key=_began):
            if process.parent is None and process.parent_pid is not None:
                before = by_pid.get(process.parent_pid)
                process.parent = before[-1] if before else None
            if process.parent is not None:
                process.parent.children.append(process)
            by_pid.setdefault(process.pid, []).append(process)

    @property
    def roots(self) -> list[Process]:
        """The processes without a parent in the trace, in the order of their start."""
        return sorted(
            (process for process in self.processes if process.parent is None),
            key=_began,
        )

    @property
    def total(self) -> int:
        """The number of records."""
        return sum(self.events.values())

    @property
    def first(self) -> int:
        return min((process.first for process in self.processes), default=0)

    @property
    def last(self) -> int:
        return max((process.last for process in self.processes), default=0)

    def of(self, kind: str) -> dict[str, Use]:
        """Return the uses of a kind, by what was touched."""
        return self.uses.get(kind, {})

    def files(self) -> dict[str, dict[str, Use]]:
        """Return the uses of each file, by its path and then by kind."""
        found: dict[str, dict[str, Use]] = {}
        for kind in FILES:
            for path, use in self.of(kind).items():
                found.setdefault(path, {})[kind] = use
        return found

    def programs(self) -> dict[str, Use]:
        """Return the programs that were started; details are their arguments."""
        return self.of(STARTS)


def _began(process: Process) -> tuple[int, int]:
    return process.first, process.number
