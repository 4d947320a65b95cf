"""From the first event on: a library that is preloaded, made of _start/start.c.

It adds a hook before the interpreter is initialised, in the program and, with -f, in
what it starts, and writes the lines of events until the tracer takes over: where site
imports _follow/sitecustomize.py, or before the interpreter runs the program. Then the
library is silent. It has its options, and those for the tracer, from the environment.
"""

from __future__ import annotations

import os
import stat
import sys
from _thread import _count, get_ident
from itertools import count

from .._real import Real
from ..catalogue import expand
from ..records.lines import own_descriptor
from ..records.selection import Selection
from .following import FOLDER, LIBRARY, MOST, VARIABLE, encoded, preloading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..records.lines import Lines
    from .keeper import Keeper
    from .options import Options
    from .program import Program
    from .tracer import Record

FIRST = "AUDITHOOKS_FIRST"  # what only the first process is to know

PRIVATE = "audithooks.start"  # an event for the library, which has the only answer


def hindrance() -> str | None:
    """Return why a program cannot be traced from its start, or None if it can be."""
    why = _absence()
    if why is not None:
        return why
    mode = os.stat(sys.executable).st_mode
    if mode & (stat.S_ISUID | stat.S_ISGID) or os.getuid() != os.geteuid():
        return "nothing can be preloaded into a program with the setuid bit"
    return _failure()


def _absence() -> str | None:
    """Return why there is no library, or None if there is."""
    if sys.platform != "linux":
        return "this needs Linux"
    if sys.implementation.name != "cpython":
        return "this needs CPython"
    if not os.path.isfile(LIBRARY):
        return "this installation has no compiled library for it"
    if not {" ", ":", "\n"}.isdisjoint(LIBRARY):
        return f"no library can be preloaded from {LIBRARY!r}"
    return None


def _failure() -> str | None:
    """Return why the library does nothing in this Python: it is tried."""
    import subprocess

    start = "output &1\nshow cpython.run_command\n"
    tried = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ""],
        env={**os.environ, **preloading(os.environ, start)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if tried.stdout.startswith(b"cpython.run_command("):
        return None
    return f"{sys.executable} loads no library, as if it was linked statically"


def for_children(options: Options) -> str | None:
    """Return the options of the library for children, or None if they get none.

    It has no table, no callers, and no rules with arguments.
    """
    has_lines = options.lines and not options.summary and options.format != "chrome"
    if not has_lines or options.mine or options.frames or _absence() is not None:
        return None
    if Selection("events", options.events).needs_arguments:
        return None
    try:
        return _settings(options)
    except ValueError:  # a path with the end of a line, or thousands of patterns
        return None


def _settings(options: Options) -> str:
    """Return the options of the library. Raises ValueError for one that it cannot have.

    They are those of the tracer, as far as its lines depend on them.
    """
    own = own_descriptor(options.output) if options.output else 2
    is_path = own is None or options.apart
    output = os.path.abspath(options.output) if is_path else f"&{own}"
    lines = [f"output {output}"]
    selection = Selection("events", options.events, True, options.folder)
    lines += [f"show {pattern}" for pattern in expand(selection.events)]
    lines += [f"hide {pattern}" for pattern in expand(selection.exclude)]
    lines += [f"redact {pattern}" for pattern in options.redact]
    lines += [f"longest {options.longest}", f"began {options.began}"]
    lines += [f"python {FOLDER}"]
    if options.timestamps:
        lines.append(f"time {options.timestamps}")
    flags = {
        "json": options.format == "json",
        "processes": options.follow,
        **{
            name: getattr(options, name)
            for name in (
                "apart",
                "append",
                "follow",
                "threads",
                "color",
                "secrets",
                "environments",
            )
        },
    }
    lines += [name for name, is_set in flags.items() if is_set]
    for line in lines:
        if "\n" in line:
            raise ValueError(f"{line!r} has the end of a line")
    text = "\n".join(lines)
    if len(os.fsencode(text)) > MOST:
        raise ValueError("the patterns are too long to be handed to the library")
    return text


def restart(
    program: Program,
    options: Options,
    lines: Lines,
    progress: bool,
    keeper: Keeper | None,
) -> None:
    """Become the program, under the library. Raises OSError and ValueError.

    *options* are those for child processes, if they are followed. With *progress*, a
    line on the terminal shows the number of events. If *lines* go to a FIFO, that stays
    open until the tracer takes over, as its reader may leave once nobody has it open.
    """
    import json

    environ = {**os.environ, **preloading(os.environ, _settings(options))}
    environ[VARIABLE] = encoded(options)
    answers = keeper.answers if keeper else ""
    is_fifo = lines.given < 0 and stat.S_ISFIFO(Real.fstat(lines.fd).st_mode)
    held = lines.fd if is_fifo else -1
    if held >= 0:
        os.set_inheritable(held, True)
    known = {"progress": progress, "answers": answers, "held": held}
    environ[FIRST] = json.dumps(known)
    if sys.stdout is not None:
        sys.stdout.flush()
    os.execve(sys.executable, program.command(), environ)  # noqa: S606


def is_preloaded() -> bool:
    """Whether the library is in this process, and has not been told to be silent."""
    return _ask(None) is not None


class Handover:
    """A record of the tracer while it takes over from the library.

    Other threads raise events meanwhile, which both see. It writes those of which the
    library has not told, and goes on from the last that it has. There is no lock, as a
    thread may fork while another has it.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self._numbers: dict[str, count[int]] = {}
        self._goes_on = False
        self._past: set[int] = set()  # threads in which the library has become silent

    def __call__(self, event: str, args: tuple[Any, ...], action: Any) -> None:
        thread = get_ident()
        if thread not in self._past:
            told = _ask(None)
            if told is not None and told[0] < 0:
                return
            self._go_on(told)
            self._past.add(thread)
        self._record(event, args, action)

    def finish(self) -> Record:
        """Have the library be silent from now on, and return what goes on.

        With other threads, that is this: one may be in an event that was told already.
        """
        self._go_on(_ask(True))
        return self if _count() else self._record

    def _go_on(self, told: tuple[int, int] | None) -> None:
        """Have the record go on. Several threads may do that, with the same numbers."""
        go_on = getattr(self._record, "_go_on", None)
        if not self._goes_on and go_on is not None:
            number, time = told or (0, 0)
            go_on(self._numbers.setdefault("next", count(number + 1)), time)
        self._goes_on = True


def _ask(what: bool | None) -> tuple[int, int] | None:
    """Return what the library answers, or None if it is not there.

    That is the number of its last line and, where times are relative to that, its time.
    """
    try:
        sys.audit(PRIVATE, what)
    except InterruptedError as answer:
        number, time = answer.args
        return number, time
    return None
