"""The events of CPython: arguments, versions, groups, decoders.

EVENTS holds an entry for every event that CPython documents or raises; the table is in
_table.py. describe() adds events of one's own. A group, such as "@file", stands for its
events wherever patterns are accepted: _core/patterns.py expands it with this module,
and is the only module of the core that uses it.
"""

from __future__ import annotations

import os
import re
import sys
from collections import namedtuple
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from .._real import Real
from .._table import BLIND as _BLIND
from .._table import CAPABILITIES as _CAPABILITIES
from .._table import TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing

    # What type checkers see of the classes below.
    class _Entry(typing.NamedTuple):
        name: str
        arguments: tuple[str, ...]
        groups: tuple[str, ...]
        since: tuple[int, ...]
        until: tuple[int, ...] | None
        note: str

    class _OpenIntent(typing.NamedTuple):
        read: bool
        write: bool
        create: bool
        append: bool
        truncate: bool

else:
    from .._late import Late

    typing = Late("typing")
    _Entry = namedtuple("_Entry", "name arguments groups since until note")  # noqa: PYI024
    _OpenIntent = namedtuple("_OpenIntent", "read write create append truncate")  # noqa: PYI024

Version = tuple[int, ...]

__all__ = (
    "ALIASES",
    "BLIND",
    "CAPABILITIES",
    "EVENTS",
    "GROUPS",
    "PARTIAL",
    "WRITE",
    "Entry",
    "OpenIntent",
    "describe",
    "expand",
    "is_write",
    "named",
    "open_bits",
    "open_intent",
    "spawn_argv",
)

_OLDEST = (3, 8)  # the version of PEP 578
_LINE = re.compile(
    r"(?P<name>[^(]+)\((?P<arguments>.*?)\)"
    r"(?: (?P<since>[\d.]+)-)?(?: -(?P<until>[\d.]+))?(?: # (?P<note>.*))?"
)


class Entry(_Entry):
    """The description of one event.

    *name* and *arguments*, a tuple of names, are those of CPython's documentation.
    *groups* is a tuple of names without the "@". *since* is the version that introduced
    the event, such as (3, 12); (3, 8) is the first version with audit hooks. *until* is
    the last version that raises it, or None. *note* is a remark, or empty.

    >>> EVENTS["os.walk"].since
    (3, 9)

    Added in 0.1.
    """

    __slots__ = ()

    if not TYPE_CHECKING:
        name: str
        arguments: tuple[str, ...]
        groups: tuple[str, ...]
        since: Version
        until: typing.Optional[Version]
        note: str

    def in_version(self, version: Version) -> bool:
        """Whether a Python of *version*, a tuple such as sys.version_info, has it."""
        version = tuple(version[:2])
        return self.since <= version and (self.until is None or version <= self.until)

    def arguments_in(self, version: Version) -> tuple[str, ...]:
        """The names of the arguments that a Python of *version* passes."""
        version = tuple(version[:2])
        return tuple(
            argument
            for argument in self.arguments
            if _LATER.get((self.name, argument), _OLDEST) <= version
        )


_LATER: dict[tuple[str, str], Version] = {}  # the arguments newer than their event


def _version(text: str) -> Version:
    return tuple(map(int, text.split(".")))


def _read(table: str) -> Iterator[Entry]:
    groups: tuple[str, ...] = ()
    for line in filter(None, table.splitlines()):
        if line.endswith(":"):
            groups = tuple(line[:-1].split())
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"the table of events has an invalid line: {line!r}")
        arguments = []
        for argument in filter(None, match["arguments"].split(", ")):
            word, _, since = argument.partition(" ")
            if since:
                _LATER[match["name"], word] = _version(since)
            arguments.append(word)
        yield Entry(
            match["name"],
            tuple(arguments),
            groups,
            _version(match["since"]) if match["since"] else _OLDEST,
            _version(match["until"]) if match["until"] else None,
            match["note"] or "",
        )


_events = {entry.name: entry for entry in _read(TABLE)}
_of_python = frozenset(_events)

EVENTS: Mapping[str, Entry] = MappingProxyType(_events)
"""The Entry of every event, by its name: those of Python, and those of describe().

>>> EVENTS["os.mkdir"].arguments
('path', 'mode', 'dir_fd')

Added in 0.1.
"""


def _groups() -> dict[str, frozenset[str]]:
    members: dict[str, list[str]] = {}
    for entry in EVENTS.values():
        for group in entry.groups:
            members.setdefault(group, []).append(entry.name)
    return {group: frozenset(members[group]) for group in sorted(members)}


CAPABILITIES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        name: frozenset(events.split())
        for name, _, events in (
            line.partition(": ") for line in _CAPABILITIES.strip().splitlines()
        )
    }
)
"""The groups that say what a program may do: write, read, connect, listen and spawn.

>>> "os.remove" in CAPABILITIES["write"]
True

Added in 0.1.
"""

WRITE = "@write"
"""The group of what changes files. It has every `open`: is_write() tells.

>>> {"open", "os.remove"} <= {*expand([WRITE])}
True

Added in 0.1.
"""

PARTIAL = frozenset({"read", "write"})
"""Those of them to which an `open` belongs or not, by what it is for.

>>> sorted(PARTIAL)
['read', 'write']

Added in 0.1.
"""

_members = {**_groups(), **CAPABILITIES}

GROUPS: Mapping[str, frozenset[str]] = MappingProxyType(_members)
"""The names of the events of every group, by the name of the group without the "@".

>>> "os.system" in GROUPS["process"]
True

Added in 0.1.
"""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "ctypes.seh_exception": "ctypes.set_exception",
        "sys.set_asyncgen_hooks_finalizer": "sys.set_asyncgen_hook_finalizer",
        "sys.set_asyncgen_hooks_firstiter": "sys.set_asyncgen_hook_firstiter",
    }
)
"""Names that CPython documents for events, and those that it raises in their place.

>>> ALIASES["ctypes.seh_exception"]
'ctypes.set_exception'

Added in 0.1.
"""

BLIND: Mapping[str, str] = MappingProxyType(
    dict(line.split(": ", 1) for line in _BLIND.strip().splitlines())
)
"""What programs do without an event, and which events are near to it, if any.

>>> BLIND["signal.signal(), signal.raise_signal()"]
'no event'

Added in 0.1.
"""


described: list[str] = []
"""The names that describe() was called for, in order. Its length tells of changes."""


def describe(
    name: str, *arguments: str, groups: Iterable[str] = (), note: str = ""
) -> Entry:
    """Describe an event of one's own, so that its arguments have names.

    *name* is that of the event, *arguments* are those of its arguments, in order.
    Lines, JSON, `redact=` and named() know them from then on, whichever domain raises
    the event. *groups* are those it belongs to, new ones or others, without the "@";
    subscriptions that are there keep the events that a group had. *note* is a remark.
    Describing an event again replaces what was said, also its groups.

    Raises TypeError or ValueError for what is no name, and for an event of Python.

    Thread-safety: may be called from any thread.

    >>> describe("shop.sell", "item", "price", groups=["shop"])
    Entry(name='shop.sell', arguments=('item', 'price'), groups=('shop',), ...)

    Added in 0.1.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    if re.fullmatch(r"[^\s\0@!,*?\[][^\s\0,*?\[]*", name) is None:
        raise ValueError(f"name must be one of an event, not {name!r}")
    if name in _of_python:
        raise ValueError(
            f"name must be one of your own: {name!r} is an event of Python"
        )
    names = _names("arguments", arguments, r"[^\s\0,()=]+")
    if isinstance(groups, (str, bytes)) or not hasattr(groups, "__iter__"):
        kind = type(groups).__name__
        raise TypeError(f"groups must be an iterable of str, not {kind}")
    if not isinstance(note, str):
        raise TypeError(f"note must be a str, not {type(note).__name__}")
    entry = Entry(
        name, names, _names("groups", groups, r"[\w.-]+"), _OLDEST, None, note
    )
    for group in {*entry.groups, *GROUPS}:
        others = GROUPS.get(group, frozenset()) - {name}
        members = others | ({name} if group in entry.groups else set())
        if members:
            _members[group] = members
        else:
            _members.pop(group, None)
    _events[name] = entry
    described.append(name)
    return entry


def _names(argument: str, names: Iterable[str], pattern: str) -> tuple[str, ...]:
    """Return *names* as a tuple, or say what is wrong with *argument*."""
    checked = tuple(names)
    for name in checked:
        if not isinstance(name, str):
            kind = type(name).__name__
            raise TypeError(f"{argument} must hold names of type str, not {kind}")
        if re.fullmatch(pattern, name) is None:
            raise ValueError(f"{argument} must hold names, not {name!r}")
    if len({*checked}) < len(checked):
        raise ValueError(f"{argument} must differ from each other: {checked!r}")
    return checked


def expand(patterns: str | Iterable[str]) -> tuple[str, ...]:
    """Return *patterns* with each group, such as "@file", replaced by its events.

    They are one or more. Raises TypeError for what is none, and ValueError for a group
    that does not exist.

    >>> expand(["shop.*", "@listen"])
    ('shop.*', 'socket.bind')

    Added in 0.1.
    """
    expanded: list[str] = []
    for pattern in (patterns,) if isinstance(patterns, str) else patterns:
        if not isinstance(pattern, str):
            kind = type(pattern).__name__
            raise TypeError(f"patterns must hold patterns of type str, not {kind}")
        if not pattern.startswith("@"):
            expanded.append(pattern)
        elif pattern[1:] in GROUPS:
            expanded += sorted(GROUPS[pattern[1:]])
        else:
            raise ValueError(no_group(pattern))
    return tuple(expanded)


def no_group(name: str) -> str:
    """Say that there is no group *name*, what was likely meant, and where all are."""
    from difflib import get_close_matches

    group = name[1:]
    near = [
        known
        for known in GROUPS
        if group and (known.startswith(group) or group.startswith(known))
    ]
    near = near or get_close_matches(group.lower(), GROUPS)
    meant = [f"@{known}" for known in near]
    if not meant and any(event.startswith(f"{group}.") for event in EVENTS):
        meant = [f"'{group}.*'"]
    elif not meant and group in EVENTS:
        meant = [group]
    hint = f"did you mean {' or '.join(meant)}? " if meant else ""
    return (
        f"there is no group {name!r}; {hint}"
        "`python -m audithooks events --help` lists all"
    )


def named(event: str, args: Sequence[typing.Any]) -> dict[str, typing.Any]:
    """Return the arguments *args* of *event* in a dict, by their names and in order.

    An argument that the catalogue does not know is named by its position, "arg0" for
    the first: any of an unknown event, or an extra one of a known event. Arguments that
    were not passed are not in the dict.

    >>> named("os.rename", ("old", "new", -1, -1))
    {'src': 'old', 'dst': 'new', 'src_dir_fd': -1, 'dst_dir_fd': -1}

    Added in 0.1.
    """
    entry = EVENTS.get(event)
    names = entry.arguments if entry is not None else ()
    mapping = dict(zip(names, args))
    for place in range(len(names), len(args)):
        mapping[f"arg{place}"] = args[place]
    return mapping


class OpenIntent(_OpenIntent):
    """What a file is opened for, as open_intent() tells.

    Each is a bool: *read*, *write*, *create*, *append* and *truncate*.

    >>> open_intent(("notes.txt", "w", os.O_WRONLY)).truncate
    True

    Added in 0.1.
    """

    __slots__ = ()

    if not TYPE_CHECKING:
        read: bool
        write: bool
        create: bool
        append: bool
        truncate: bool


def open_intent(args: Sequence[typing.Any]) -> OpenIntent:
    """Return what a file is opened for, given the arguments of an `open` event.

    *args* are the path, the mode and the flags. open() and io.open() pass mode and
    flags, os.open() only flags, and some others only a mode; an intent is true if mode
    or flags express it. On PyPy the flags are meaningless if there is a mode, so only
    the mode is used.

    A file may be created or truncated by the flags without being opened for writing.
    A file that is opened with O_PATH is neither read nor written.

    Raises TypeError or ValueError if *args* are not the arguments of an `open` event.

    >>> open_intent(("notes.txt", "a", os.O_WRONLY))
    OpenIntent(read=False, write=True, create=True, append=True, truncate=False)

    Added in 0.1.
    """
    if len(args) != _OPEN_LENGTH:
        raise ValueError(
            f"the arguments of open are path, mode and flags, not {args!r}"
        )
    _, mode, flags = args
    bits = open_bits(mode, flags)
    return OpenIntent(*(bool(bits & 1 << place) for place in range(5)))


def open_bits(mode: object, flags: object) -> int:
    """Return what open_intent() does as a number: 1 for read, 2 for write, and so on.

    It takes the *mode* and the *flags* of an `open` event, and raises TypeError for
    others.

    >>> open_bits("r+", os.O_RDWR)
    3

    Added in 0.1.
    """
    is_plain = (mode is None or type(mode) is str) and type(flags) is int
    if is_plain:
        found = _bits.get((mode, flags))
        if found is not None:
            return found
    if mode is not None and not isinstance(mode, str):
        raise TypeError(f"mode must be a str or None, not {type(mode).__name__}")
    if not isinstance(flags, int):
        raise TypeError(f"flags must be an int, not {type(flags).__name__}")
    bits = 0
    for letter in mode or "":
        bits |= _OF_LETTER.get(letter, 0)
    if not (mode is not None and sys.implementation.name == "pypy"):
        bits |= _bits_of_flags(flags, mode is None)
    if is_plain and len(_bits) < 256:
        _bits[mode, flags] = bits
    return bits


_OPEN_LENGTH = len(EVENTS["open"].arguments_in(sys.version_info[:2]))

_bits: dict[tuple[object, object], int] = {}  # what was found before

# The intents of a letter of the mode: a file that is truncated is created and written.
_OF_LETTER = {"r": 1, "+": 3, "w": 2 | 4 | 16, "a": 2 | 4 | 8, "x": 2 | 4}


def _bits_of_flags(flags: int, alone: bool) -> int:
    """Return the intents that flags express; *alone* is whether there is no mode."""
    if _has(flags, "O_PATH"):
        return 0
    access = flags & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
    # O_RDONLY is 0, which callers that only have a mode also pass.
    bits = {os.O_RDWR: 3, os.O_WRONLY: 2}.get(access, int(alone))
    bits |= 4 * (_has(flags, "O_CREAT") or _has(flags, "O_TMPFILE"))
    return bits | 8 * _has(flags, "O_APPEND") | 16 * _has(flags, "O_TRUNC")


def is_write(event: str, args: Sequence[typing.Any]) -> bool:
    """Return whether *event* with arguments *args* is of the group @write.

    That is, whether it may change a file. Of `open` these are the events that open a
    file for writing, create or truncate it; with arguments that are none of `open`, it
    is taken for one that does.

    >>> is_write("open", ("notes.txt", "r", os.O_RDONLY))
    False

    Added in 0.1.
    """
    if event != "open":
        return event in GROUPS[WRITE[1:]]
    try:
        intent = open_intent(args)
    except (TypeError, ValueError):
        return True
    return intent.write or intent.create or intent.truncate


def _has(flags: int, name: str) -> bool:
    flag = getattr(os, name, 0)  # not every platform has each flag
    return bool(flag) and flags & flag == flag


def spawn_argv(event: str, args: Sequence[typing.Any]) -> tuple[str, ...]:
    """Return the command line of a process that *event* starts with arguments *args*.

    The first item is the program that is run, as the caller named it, and not its
    argv[0]; the others are its arguments. A shell command becomes the shell, its option
    and the command. A command line of Windows is one string and is not split: it is the
    only item, or the last of two if a program was named. bytes and path objects become
    str as by os.fsdecode().

    Supports subprocess.Popen, os.exec, os.posix_spawn, os.spawn, os.system,
    os.startfile, os.startfile/2, pty.spawn, _posixsubprocess.fork_exec and
    _winapi.CreateProcess. Raises ValueError for other events and for wrong arguments.

    >>> spawn_argv("subprocess.Popen", ("/usr/bin/git", ["git", "pull"], None, None))
    ('/usr/bin/git', 'pull')

    Added in 0.1.
    """
    if event not in _SPAWNS:
        raise ValueError(
            f"spawn_argv() takes an event that starts a process, "
            f"such as {', '.join(_SPAWNS)}; not {event!r}"
        )
    expected = EVENTS[event].arguments_in(sys.version_info[:2])
    if len(args) < len(expected):
        raise ValueError(
            f"the arguments of {event} are {', '.join(expected)}, not {args!r}"
        )
    given = dict(zip(expected, args))
    if event == "os.system":
        return (*_shell(), Real.fsdecode(given["command"]))
    program_name, argv_name = _SPAWNS[event]
    program: typing.Any = given.get(program_name)
    if event == "_posixsubprocess.fork_exec":
        program = program[0]  # the candidates along PATH
    argv: typing.Any = given.get(argv_name) or ()
    if isinstance(argv, (str, bytes, os.PathLike)):
        words = [Real.fsdecode(argv)]
        return tuple(words if program is None else [Real.fsdecode(program), *words])
    words = [Real.fsdecode(word) for word in argv]
    if program is not None:
        words[:1] = [Real.fsdecode(program)]
    return tuple(words)


# Which of the arguments are the program and its argv.
_SPAWNS = {
    "subprocess.Popen": ("executable", "args"),
    "os.exec": ("path", "args"),
    "os.posix_spawn": ("path", "argv"),
    "os.spawn": ("path", "args"),
    "os.system": ("", "command"),
    "os.startfile": ("path", ""),
    "os.startfile/2": ("path", "arguments"),
    "pty.spawn": ("", "argv"),
    "_posixsubprocess.fork_exec": ("exec_list", "args"),
    "_winapi.CreateProcess": ("application_name", "command_line"),
}


def _shell() -> tuple[str, str]:
    if os.name == "nt":
        return os.environ.get("COMSPEC", "cmd.exe"), "/c"
    return "/bin/sh", "-c"
