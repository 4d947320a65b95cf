"""The subcommand `diff`: what a program does in one trace and not in another."""

from __future__ import annotations

import glob
import os
import sys
from json import dumps

from ..policy.learning import Learned
from ..reading.difference import Side, added, line_of
from ..reading.steady import UNKNOWN_FOLDER
from ..reading.touches import CONNECTS, LISTENS, LOOKS_UP, REMOVES, STARTS, WRITES
from ..records.lines import complain
from ..records.text import encodable, number, printable
from ..rules import paths
from ..rules.grammar import quoted
from .listing import print_lines
from .options import PAGES, Formatter, Parser, command_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from ..reading.difference import Finding


def _parser() -> Parser:
    parser = Parser(
        prog=f"{command_name()} diff",
        description="Say what a program does in the trace NEW and not in the trace "
        "OLD. Both are of --json.",
        epilog="OLD and NEW are files, or patterns in quotes for those of several\n"
        "processes; FILE also stands for the FILE.PID that -ff writes. One of them\n"
        "may be -, the standard input.\n\n"
        "The status is 0 if there is nothing, 1 if there is something, and 2 for\n"
        "what cannot be read.\n\n"
        "How to use it in CI, and what counts as the same:\n"
        f"  {PAGES}/how-to/compare.html",
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("old", metavar="OLD", help="the trace of a run before")
    parser.add_argument("new", metavar="NEW", help="the trace of a run now")
    parser.add_argument(
        "--gone",
        action="store_true",
        help="also say what is in OLD alone; this is something, too",
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument(
        "--json",
        action="store_true",
        help="write JSON Lines, an object for each finding",
    )
    shown.add_argument(
        "--policy",
        action="store_true",
        help="write the rules that a policy would need for what is new",
    )
    return parser


def diff(argv: Sequence[str]) -> None:
    """Compare the traces that *argv* names, and exit."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser()
    if not argv and os.path.isfile("diff"):
        parser.error("it needs OLD and NEW; the script of this name is run by ./diff")
    given = parser.parse_args(argv)
    if given.old == given.new == "-":
        parser.error("only one of OLD and NEW can be the standard input")
    old, new = _side(parser, given.old), _side(parser, given.new)
    found = [("+", finding) for finding in added(old, new)]
    if given.gone:
        found += [("-", finding) for finding in added(new, old)]
    sides = {"+": new, "-": old}
    if given.policy:
        print_lines(_policy([f for mark, f in found if mark == "+"], new))
    elif given.json:
        members = (_members(mark, f, sides[mark]) for mark, f in found)
        print_lines([dumps(line, ensure_ascii=False) for line in members])
    elif found:
        names = (("---", given.old, old), ("+++", given.new, new))
        titles = [f"{mark} {printable(name)}: {_size(s)}" for mark, name, s in names]
        print_lines([*titles, *(f"{mark} {line_of(f)}" for mark, f in found)])
    sys.exit(1 if found else 0)


def _side(parser: Parser, name: str) -> Side:
    """Return what the trace *name* has, or exit with an error message."""
    try:
        side = Side(_files(name))
    except OSError as error:
        parser.error(f"can't read {error.filename or name!r}: {error.strerror}")
    trace = side.trace
    if trace.unread and not trace.total:
        parser.error(
            f"{trace.first_unread}: no line of a trace; `audithooks --json` writes them"
        )
    if trace.unread:
        where, broken = trace.first_unread, number(trace.unread, "broken line")
        complain(f"{where}: left out from here on: {broken}")
    lost = sum(trace.left_out.values())
    if lost:
        complain(f"{name} lacks {number(lost, 'event')}, which could not be written")
    return side


def _files(name: str) -> list[str]:
    """Return the files of a trace."""
    if name == "-" or os.path.lexists(name):
        return [name]
    of_processes = [
        path
        for path in glob.glob(f"{glob.escape(name)}.*")
        if path[len(name) + 1 :].isdigit()
    ]
    return sorted(of_processes or glob.glob(name)) or [name]


def _size(side: Side) -> str:
    trace = side.trace
    return (
        f"{number(trace.total, 'event')} of {number(len(trace.processes), 'process')}"
    )


def _members(mark: str, finding: Finding, side: Side) -> dict[str, Any]:
    """Return a finding as it is written in JSON."""
    site = finding.site and {
        "file": encodable(finding.site[0]),
        "line": finding.site[1],
        "function": encodable(finding.site[2]),
    }
    return {
        "change": "new" if mark == "+" else "gone",
        "kind": finding.kind,
        "what": encodable(finding.what),
        "count": finding.count,
        "modules": sorted(map(encodable, finding.modules)),
        "denied": finding.denied,
        "event": encodable(finding.event),
        "time": finding.time,
        "pid": finding.pid,
        "site": site,
        "values": [
            encodable(value.replace("\0", " ").rstrip()) for value in finding.values
        ],
        "rules": [encodable(rule) for rule, _ in _learned([finding], side).rules()],
    }


def _policy(findings: list[Finding], side: Side) -> Iterator[str]:
    """Yield the lines of a policy file that allow what was found."""
    text = _learned(findings, side).part()
    if text:
        yield "# Relative paths stand on the folder in which the program began."
        yield from text.splitlines()
    else:
        yield "# No rule is needed: nothing else is written, connected to or started."


def _learned(findings: list[Finding], side: Side) -> Learned:
    """Return what would allow findings, as a policy whose default is to deny."""
    learned = Learned(side.folder or os.getcwd())
    for finding in findings:
        for value, (event, count) in finding.values.items():
            rule = _rule(finding.kind, value, side.folder)
            if rule is not None:
                learned.add(rule, event, count)
    return learned


def _rule(kind: str, value: str, folder: str) -> str | None:
    """Return the rule that allows a value of a finding, or None if none is needed.

    What is read or imported is not limited by default. Relative paths stand on
    *folder*, if it is not empty.
    """
    what, _, detail = value.partition("\0")
    if what.startswith(UNKNOWN_FOLDER):
        return "@write"  # which is too much, and is said
    if kind in (WRITES, REMOVES):
        return f"@write(path={quoted(_placed(what, folder))})"
    if kind == STARTS:
        return f"@spawn(program={quoted(what)})"
    if kind not in (CONNECTS, LISTENS, LOOKS_UP):
        return None
    name = "@listen" if kind == LISTENS else "@connect"
    if kind == LOOKS_UP:
        return f"{name}(host={quoted(what)})"
    if not detail:
        return f"{name}(path={quoted(_placed(what, folder))})"
    return f"{name}(host={quoted(what)}, port={detail})"


def _placed(path: str, folder: str) -> str:
    """Return where a path leads, as far as this machine knows."""
    path = os.path.join(folder, path)
    try:
        return paths.resolve(path) if os.path.isabs(path) else path
    except OSError:  # a loop of symbolic links
        return path
