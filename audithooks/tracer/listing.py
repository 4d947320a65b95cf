"""The subcommand `events`: it prints the catalogue."""

from __future__ import annotations

import os
import sys
from textwrap import fill

from ..catalogue import ALIASES, BLIND, EVENTS, GROUPS, Entry
from ..records.selection import Selection
from .options import PAGES, Formatter, Parser, command_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# Systems that have an event, by how its note begins; others have it everywhere.
_SYSTEMS = {"Windows": os.name == "nt", "macOS and BSD": hasattr(os, "chflags")}


def _parser() -> Parser:
    parser = Parser(
        prog=f"{command_name()} events",
        description="List the events of Python, by default those of this system.",
        epilog="PATTERN is a name, a shell-style pattern such as 'socket.*' or a\n"
        "group such as @file; '!PATTERN' leaves out what matches.\n\n"
        f"The groups are:\n{_groups()}\n\n"
        f"A table to search in:\n  {PAGES}/reference/events.html",
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "patterns", metavar="PATTERN", nargs="*", help="which events; by default all"
    )
    parser.add_argument(
        "--all", action="store_true", help="those of other systems as well"
    )
    parser.add_argument(
        "--blind",
        action="store_true",
        help="what programs do without raising an event",
    )
    return parser


def _groups() -> str:
    words = " ".join(f"@{group}" for group in GROUPS)
    return fill(words, 70, initial_indent="  ", subsequent_indent="  ")


def print_events(argv: Sequence[str]) -> None:
    """Print the catalogue, or what *argv* chooses of it."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.blind:
        lines = [f"{what}:\n    {why}" for what, why in BLIND.items()]
    else:
        try:
            chosen = Selection("PATTERN", given.patterns, is_open=True)
        except ValueError as error:
            parser.error(str(error))
        found = [entry for name, entry in EVENTS.items() if chosen.has(name, ())]
        here = [entry for entry in found if given.all or _is_here(entry)]
        if not here:
            others = "on this system; --all has others" if found else ""
            words = " ".join(given.patterns)
            sys.exit(f"{parser.prog}: no event matches {words} {others}".rstrip())
        lines = [*map(_line, here)]
    print_lines(lines)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines, of which somebody may read only some, as `| head` does."""
    try:
        print(*lines, sep="\n", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_here(entry: Entry) -> bool:
    return all(is_it for note, is_it in _SYSTEMS.items() if entry.note.startswith(note))


def _line(entry: Entry) -> str:
    call = f"{entry.name}({', '.join(entry.arguments)})"
    return " ".join([f"{call:<50} ", *_remarks(entry)])


def _remarks(entry: Entry) -> Iterator[str]:
    for group in entry.groups:
        yield f"@{group}"
    if entry.since > (3, 8):
        yield f"since {'.'.join(map(str, entry.since))}"
    if entry.until:
        yield f"until {'.'.join(map(str, entry.until))}"
    if entry.note:
        yield f"({entry.note})"
    elif entry.name in ALIASES.values():
        yield f"(also {', '.join(a for a in ALIASES if ALIASES[a] == entry.name)})"
