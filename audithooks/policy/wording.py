"""The words of a decision: what an event is about, and which rule would allow it."""

from __future__ import annotations

import re

from ..catalogue import CAPABILITIES
from ..records.secrets import cleaner, hide_users, hide_words
from ..records.text import printable
from ..rules import hosts as hosts  # now, as an event must not lead to an import
from ..rules import subjects
from ..rules.grammar import in_quotes, quoted
from ..rules.paths import absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from ..rules import Rule, Subject
    from ..rules.paths import Place

# What a path is used for, by event; `open` tells itself.
_VERBS = {
    "os.chmod": "change the mode of",
    "os.chown": "change the owner of",
    "os.link": "link",
    "os.listdir": "list",
    "os.mkdir": "make the folder",
    "os.remove": "remove",
    "os.removexattr": "change attributes of",
    "os.rename": "rename",
    "os.rmdir": "remove the folder",
    "os.scandir": "list",
    "os.setxattr": "change attributes of",
    "os.symlink": "make the link",
    "os.truncate": "truncate",
    "os.utime": "change the times of",
    "shutil.copyfile": "copy",
    "shutil.copytree": "copy",
    "shutil.move": "move",
    "shutil.rmtree": "remove all of",
    "sqlite3.connect": "open the database",
}
_PORTS = {"ftp": 21, "http": 80, "https": 443}
_URL = re.compile(
    r"(?P<scheme>\w+)://(?:[^/?#]*@)?(?P<host>\[[^]/?#]*\]|[^/?#:]+)"
    r"(?::(?P<port>\d{1,5}))?(?=[/?#]|\Z)"
)
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh", "fish", "cmd.exe")


def phrase(subject: Subject, rules: Collection[Rule] = ()) -> str:
    """Return what an event is about in words, absolute paths first.

    *rules* are those that decide.
    """
    event = subject.event
    if event in subjects.SPAWNS:
        return _program(subject)
    address = None if subjects.has_places(event) else subject.address()
    if address is not None and not isinstance(address, subjects.Untold):
        return _address(subject)
    paths = [
        printable(_resolved(place) or place.text)
        for place in subject.places()
        if not isinstance(place, subjects.Untold)
    ]
    url = subject.args[0] if event == "urllib.Request" and subject.args else None
    if url and isinstance(url, str):
        return f"request {printable(cleaner(event, 'fullurl').text(url))}"
    if not paths:
        return f"raise {printable(event)}"
    verb = _intent(subject, rules) or _VERBS.get(event, f"do {event} with")
    return f"{verb} {' to '.join(paths)}"


def _intent(subject: Subject, rules: Collection[Rule]) -> str | None:
    """Return what a file is opened for, "write" or "read"; None for other events.

    If it is opened for both, that is the one of which the *rules* are.
    """
    if subject.event != "open":
        return None
    bits = subject.bits()
    if rules and all(rule.events == "@read" for rule in rules):
        return "read"
    changes = isinstance(bits, subjects.Untold) or bits & subjects.CHANGES
    return "write" if changes else "read"


def _resolved(place: Place) -> str | None:
    """Return where a path leads, or None if there is a loop of symbolic links."""
    try:
        return place.resolved()
    except OSError:
        return None


def _program(subject: Subject) -> str:
    argv = subject.program()
    if isinstance(argv, subjects.Untold):
        return "start a program that it does not name"
    program = printable(argv[0])
    if program.rpartition("/")[2] in _SHELLS and argv[1:2] in (("-c",), ("/c",)):
        command = printable(" ".join(hide_words(argv[2:]))[:200])
        return f"start the shell {program} with {command!r}"
    found = subject.candidates
    if found and "/" not in program and len(found) == 1:
        return f"start {program} ({printable(found[0][1])})"
    return f"start {program}"


def _address(subject: Subject) -> str:
    address: Any = subject.address()
    event = subject.event
    if event == "socket.__new__":
        return f"make a socket of {address.family}"
    verb = "connect to"
    if event in subjects.LOOK_UPS:
        verb = "look up"
    elif event == "socket.bind":
        verb = "listen on"
    elif event in ("socket.sendto", "socket.sendmsg"):
        verb = "send to"
    if address.path is not None:
        return f"{verb} {printable(address.path)}"
    if address.host is None:
        return f"{verb} an address of {address.family or 'its own'}"
    host = printable(_without_secrets(address.host))
    if address.numbers and address.names:
        host += f" ({', '.join(map(printable, address.names))})"
    if address.port is not None and event not in subjects.LOOK_UPS:
        return f"{verb} {host} port {address.port}"
    return f"{verb} {host}"


def _without_secrets(host: str) -> str:
    return hide_users(cleaner("socket.connect", "address").text(host))


def suggestion(
    subject: Subject, others: Collection[Rule] = (), is_step: bool = False
) -> str:
    """Return the rule that allows an event, and as little else as can be said.

    It is none of *others*, which do not. If the event *is a step* to a connection, the
    rule allows that, as the event alone would lead to the next refusal.
    """
    event = subject.event
    if is_step and event == "urllib.Request":
        return _allow_url(subject)
    if event in subjects.SPAWNS:
        argv = subject.program()
        if isinstance(argv, subjects.Untold):
            return "@spawn"
        rule = f"@spawn(program={quoted(argv[0])})"
        if subject.candidates and any(rule == other.text for other in others):
            files = dict.fromkeys(file for _, file in subject.candidates)
            rule = f"@spawn(program={'|'.join(map(quoted, files))})"
        return rule
    if not subjects.has_places(event):
        address = subject.address()
        if address is not None and not isinstance(address, subjects.Untold):
            if is_step and address.host is None:
                family = address.family
                is_of_hosts = family in ("inet", "inet6")
                return "@connect" if is_of_hosts else f"@connect(family={family})"
            return _allow_address("socket.connect" if is_step else event, address)
    if is_step:
        return "@connect"
    capability = _intent(subject, others) or subjects.capability_of(event)
    name = event if capability is None else f"@{capability}"
    leads = [
        _resolved(place)
        for place in subject.places()
        if not isinstance(place, subjects.Untold)
        and (capability is None or capability[0] in place.use)
    ]
    paths = [quoted(path) for path in dict.fromkeys(leads) if path is not None]
    if paths:
        return f"{name}(path={'|'.join(paths)})"
    if event == "sqlite3.connect" and subject.args[:1] == (":memory:",):
        return f"{event}(database=:memory:)"
    return name if event == "open" else event  # of a descriptor


def _allow_url(subject: Subject) -> str:
    url = subject.args[0] if subject.args else None
    match = _URL.match(url) if isinstance(url, str) else None
    if match is None or match["scheme"].lower() not in _PORTS:
        return subject.event  # there is no host to connect to
    port = match["port"] or _PORTS[match["scheme"].lower()]
    if int(port) > 65535:
        return subject.event
    host = cleaner(subject.event, "fullurl").text(match["host"].strip("[]"))
    return f"@connect({_host(host)}, port={port})"


def _host(host: str) -> str:
    is_plain = re.fullmatch(r"[\w.:-]+", host)
    return f"host={quoted(host) if is_plain else in_quotes(host)}"


def _allow_address(event: str, address: Any) -> str:
    name = "@listen" if event == "socket.bind" else "@connect"
    if event not in CAPABILITIES["connect"] | CAPABILITIES["listen"]:
        name = event
    if address.path is not None:
        try:
            path = absolute(address.path)
        except OSError:  # there is no current folder
            path = address.path
        return f"{name}(path={quoted(path)})"
    if address.family == "unix" and "path" in subjects.SEMANTIC[event]:
        return f"{name}(family=unix, path=None)"
    if address.host is None:
        return name if address.family is None else f"{name}(family={address.family})"
    host = _without_secrets(address.names[0] if address.names else address.host)
    items = [_host(host)]
    port = address.port
    if port is not None and event not in subjects.LOOK_UPS:
        items.append(f"port={port}")
    return f"{name}({', '.join(items)})"
