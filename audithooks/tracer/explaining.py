"""The subcommand `explain`: what a policy decides of an event, without running it."""

from __future__ import annotations

import os
import re
import sys

from ..catalogue import CAPABILITIES, EVENTS
from ..catalogue.readable import readable
from ..policy.policy import Policy, rulings_of
from ..records.decision import ALLOWED, DENIED, REPORTED
from ..rules import parse
from ..rules.paths import expand
from ..rules.rules import current_folder
from .habits import pattern
from .options import Formatter, Parser, command_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ..records.decision import Decision
    from ..rules import Rule

# The events that a capability is tried with.
_TRIED = {
    "write": ("open",),
    "read": ("open",),
    "connect": ("socket.getaddrinfo", "socket.connect"),
    "listen": ("socket.bind",),
    "spawn": ("subprocess.Popen",),
}


def _parser() -> Parser:
    parser = Parser(
        prog=f"{command_name()} explain",
        description="Say what rules decide of an EVENT, and why, without running it.",
        epilog="EVENT looks like a line of the tracer or a rule:\n"
        "  'open(path=/etc/passwd, mode=w)'\n"
        "  '@connect(host=example.com, port=443)'\n"
        "  '@spawn(program=git)'\n"
        "\nThe status is 0 if it is allowed, and 1 if it is denied.",
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("event", metavar="EVENT", help="what the program would do")
    parser.add_argument("--policy", metavar="FILE", help="the file with the rules")
    for name in ("deny", "allow"):
        parser.add_argument(
            f"--{name}",
            metavar="RULE",
            action="append",
            default=[],
            help=f"a rule that {name}s, as of the tracer; repeatable",
        )
    return parser


def explain(argv: Sequence[str]) -> None:
    """Print what the rules that *argv* names decide of the event that it names."""
    parser = _parser()
    given = parser.parse_args(argv)
    try:
        rulings = rulings_of(
            {
                name: [pattern(parser, f"--{name}", t) for t in getattr(given, name)]
                for name in ("deny", "allow")
            }
        )
        default, folder = "allow", ""
        if given.policy:
            policy = Policy.load(given.policy)
            default, folder = policy.default, policy.folder
            rulings += policy.rulings
        elif not rulings:
            parser.error("it needs rules: --policy FILE, --deny or --allow")
        policy = Policy(rulings, default, folder)
        events = [*_events(parse(given.event))]
    except OSError as error:
        parser.error(f"can't read {given.policy!r}: {error.strerror}")
    except ValueError as error:
        parser.error(str(error))
    found = [policy.decide(event, args) for event, args in events]
    denied = [d for d in found if d is not None and d.action == DENIED]
    made = [d for d in found if d is not None]
    print(_said(denied[0] if denied else made[0] if made else None))
    sys.exit(1 if denied else 0)


def _said(decision: Decision | None) -> str:
    if decision is None:
        return "allowed: no rule is about it, and the default is to allow"
    word = {ALLOWED: "allowed", REPORTED: "allowed, and reported"}.get(
        decision.action, decision.action
    )
    lines = [f"{word}: {decision.subject} [{decision.event}]"]
    lines.append(f"  because: {decision.because}")
    if decision.action == DENIED:
        lines.append(
            f"  to allow it: --allow {decision.to_allow!r}"
            if decision.to_allow
            else "  a rule with arguments denies it: make an exception of that, '!...'"
        )
    return "\n".join(lines)


def _events(rule: Rule) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the events that *rule* describes, with their arguments."""
    values: dict[str, Any] = {}
    intents = []
    for item in rule.items:
        if item.name == "flags" and rule.events == "open" and not item.is_negated:
            values["flags"] = _flags([value.text for value in item.values])
            continue
        if item.is_negated or len(item.values) > 1:
            raise ValueError(f"{rule.text!r}: an event has one value of {item.name}")
        if item.values:
            text, is_exact = item.values[0]
            values[item.name] = text if is_exact else expand(text, current_folder())
        else:
            intents.append(item.name)
    name = rule.events[1:] if rule.events.startswith("@") else None
    if name is not None and name not in CAPABILITIES:
        known = ", ".join(f"@{name}" for name in CAPABILITIES)
        raise ValueError(f"{rule.events} is no event: name one, or {known}")
    if name is None and rule.events not in EVENTS:
        raise ValueError(f"there is no event {rule.events!r}; `events` lists them")
    tried = (rule.events,) if name is None else _TRIED[name]
    if "path" in values and name == "connect":
        tried = ("socket.connect",)  # nobody looks up a path
    for event in tried:
        if event == "open" and not {"mode", "flags"} & {*values}:
            writes = name == "write" or bool({*intents} - {"read"})
            values = {**values, "mode": "w" if writes else "r"}
        yield event, _arguments(event, values, rule)


def _flags(names: list[str]) -> int:
    """Return the number of flags of `open`, such as O_WRONLY, or their digits."""
    flags = 0
    for name in names:
        flag = int(name, 0) if name[:1].isdigit() else getattr(os, name, None)
        if not isinstance(flag, int):
            raise ValueError(f"there is no flag {name!r} of open")
        flags |= flag
    return flags


def _arguments(event: str, values: dict[str, Any], rule: Rule) -> tuple[Any, ...]:
    """Return the arguments of an event; those that are not given say nothing."""
    host, port = values.get("host", ""), values.get("port", "0")
    given: dict[str, Any] = {}
    if {"address", "sockaddr"} & {*EVENTS[event].arguments}:
        import socket

        if port and not port.isdigit():
            raise ValueError(f"{rule.text!r}: port must be a number, not {port!r}")
        is_unix = "path" in values
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if is_unix:
            family = socket.AF_UNIX
        with socket.socket(family) as example:
            given["self"] = example
        given["address"] = values["path"] if is_unix else (host, int(port))
        given["sockaddr"] = given["address"]
    if "program" in values or "argv" in values:
        words = (values.get("argv") or values.get("program", "")).split()
        program = values.get("program", words[0] if words else "")
        given.update(dict.fromkeys(("executable", "path", "application_name"), program))
        given.update(dict.fromkeys(("args", "argv"), words))
        given.update(dict.fromkeys(("command", "command_line"), " ".join(words)))
        given["exec_list"] = [os.fsencode(program)]
    defaults = {"flags": 0, "family": 0, "type": 0, "protocol": 0, "env": None}
    folders = dict.fromkeys(("dir_fd", "src_dir_fd", "dst_dir_fd"), -1)
    known = {**defaults, **folders, **given, **values}
    first = next(iter(EVENTS[event].arguments), None)
    if "path" in values and first is not None:
        known.setdefault(first, values["path"])
    return tuple(
        _plain(event, argument, known.get(argument))
        for argument in EVENTS[event].arguments
    )


def _plain(event: str, argument: str, value: Any) -> Any:
    """Return a number for the digits of one that has a name; others as they are."""
    is_number = isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value)
    if not is_number or readable(event, argument, int(value)) is None:
        return value
    return int(value)
