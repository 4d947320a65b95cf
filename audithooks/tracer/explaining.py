"""The subcommand `explain`: what a policy decides of an event, without running it."""

from __future__ import annotations

import os
import re
import sys

from .._globs import is_glob
from ..catalogue import CAPABILITIES, EVENTS
from ..catalogue.readable import number, readable
from ..policy.policy import Policy, rulings_of
from ..policy.wording import suggestion
from ..records.decision import ALLOWED, DENIED, REPORTED
from ..rules import Subject, parse
from ..rules.grammar import SUBJECTS
from ..rules.paths import expand
from ..rules.rules import current_folder
from .habits import pattern
from .listing import print_lines
from .options import PAGES, Formatter, Parser, command_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ..records.decision import Decision
    from ..rules import Rule

# The events that a capability is tried with first, before all others that it has. And a
# socket has to be made.
_TRIED: dict[str, tuple[str, ...]] = {
    "write": ("open",),
    "read": ("open",),
    "connect": ("socket.getaddrinfo", "socket.connect", "socket.__new__"),
    "listen": ("socket.bind", "socket.__new__"),
    "spawn": ("subprocess.Popen",),
}


_ONE = ("path", "host", "program", "src", "dst")


def _parser() -> Parser:
    parser = Parser(
        prog=f"{command_name()} explain",
        description="Say what rules decide of an EVENT, and why, without running it.",
        epilog="EVENT looks like a line of the tracer or a rule:\n"
        "  'open(path=/etc/passwd, mode=w)'\n"
        "  '@connect(host=example.com, port=443)'\n"
        "  '@spawn(program=git)'\n"
        "\nThe status is 0 if it is allowed, and 1 if it is denied.\n\n"
        f"How rules are written, and which of them decides:\n"
        f"  {PAGES}/reference/rules.html",
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("event", metavar="EVENT", help="what the program would do")
    parser.add_argument("--policy", metavar="FILE", help="the file with the rules")
    for name, verb in (("deny", "denies"), ("allow", "allows")):
        parser.add_argument(
            f"--{name}",
            metavar="RULE",
            action="append",
            default=[],
            help=f"a rule that {verb}, as of the tracer; repeatable",
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
        # A line of the tracer tells what became of it behind the event.
        rule = parse(re.sub(r"\) = (?:denied|would be denied).*$", ")", given.event))
        events = [*_events(rule)]
        _refuse_vague(rule, policy)
    except OSError as error:
        parser.error(f"can't read {given.policy!r}: {error.strerror}")
    except ValueError as error:
        parser.error(str(error))
    found = [(policy.decide(*event), Subject(*event)) for event in events]
    made = [(decision, subject) for decision, subject in found if decision is not None]
    denied = [one for one in made if one[0].action == DENIED]
    print_lines([_said(*(denied or made or found)[0])])
    sys.exit(1 if denied else 0)


def _said(decision: Decision | None, subject: Subject) -> str:
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
            else "  to allow it, write an exception beside that rule: "
            f"{f'!{suggestion(subject)}'!r}"
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
            if item.name in _ONE and is_glob(text) and not is_exact:
                raise ValueError(
                    f"{rule.text!r}: an event has one {item.name} and no pattern; "
                    f"quote it if it is meant: {item.name}={text!r}"
                )
            values[item.name] = text if is_exact else expand(text, current_folder())
        else:
            intents.append(item.name)
    name = rule.events[1:] if rule.events.startswith("@") else None
    if name is not None and name not in CAPABILITIES:
        known = ", ".join(f"@{name}" for name in CAPABILITIES)
        raise ValueError(f"{rule.events} is no event: name one, or {known}")
    if name is None and rule.events not in EVENTS:
        raise ValueError(f"there is no event {rule.events!r}; `events` lists them")
    tried: tuple[str, ...] = (rule.events,)
    if name is not None:
        tried = _TRIED[name]
        if "path" in values and name == "connect":
            tried = tried[1:]  # nobody looks up a path
        elif not intents and name in ("write", "read"):
            both = CAPABILITIES["write"] & CAPABILITIES["read"]
            tried = (*tried, *sorted(CAPABILITIES[name] - both))
    for event in tried:
        if event == "open" and not {"mode", "flags"} & {*values}:
            writes = name == "write" or bool({*intents} - {"read"})
            values = {**values, "mode": "w" if writes else "r"}
        yield event, _arguments(event, values, rule)


def _refuse_vague(rule: Rule, policy: Policy) -> None:
    """Raise ValueError if *rule* leaves out what rules may ask for."""
    given = {item.name for item in rule.items}
    subject = SUBJECTS.get(rule.events)
    if subject is None and EVENTS[rule.events].arguments and not given:
        names = ", ".join(EVENTS[rule.events].arguments)
        raise ValueError(f"{rule.text!r}: {rule.events} has arguments: {names}")
    if subject is not None and not given & {*subject}:
        raise ValueError(f"{rule.text!r}: {' or '.join(subject)} is needed")
    asked = {
        item.name
        for ruling in policy.rulings
        for item in parse(ruling.text.lstrip("!")).items
    }
    is_address = rule.events in ("@connect", "@listen") and "host" in given
    if is_address and "port" in asked - given:
        raise ValueError(f"{rule.text!r}: the rules ask for a port: add port=...")


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
    if "address" in values:  # host:port, or the path of a Unix socket
        host, _, port = values["address"].partition(":")
        port = port or values.get("port", "0")
    if re.fullmatch(r"[^:]+:\d+", host):
        name, _, number = host.partition(":")
        raise ValueError(f"{rule.text!r}: write host={name}, port={number}")
    given: dict[str, Any] = {}
    if {"address", "sockaddr"} & {*EVENTS[event].arguments}:
        import socket

        if not port.isdigit() or int(port) > 65535:
            raise ValueError(
                f"{rule.text!r}: port must be a number up to 65535, not {port!r}"
            )
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
    if event == "socket.__new__":
        defaults["family"] = 1 if "path" in values else 2
    folders = dict.fromkeys(("dir_fd", "src_dir_fd", "dst_dir_fd"), -1)
    if "address" in given:
        values = {**values, "address": given["address"]}
    known = {**defaults, **folders, **given, **values}
    first = next(iter(EVENTS[event].arguments), None)
    if "path" in values and first is not None:
        known.setdefault(first, values["path"])
    return tuple(
        _plain(event, argument, known.get(argument))
        for argument in EVENTS[event].arguments
    )


def _plain(event: str, argument: str, value: Any) -> Any:
    """Return a number for its digits or names; other values as they are."""
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"[A-Z][A-Z_]+[A-Z0-9_|]*", value):
        found = number(event, argument, value)
        return value if found is None else found
    if re.fullmatch(r"-?[0-9]{1,18}", value) and (
        argument in ("fd", "path") or readable(event, argument, int(value)) is not None
    ):
        return int(value)
    return value
