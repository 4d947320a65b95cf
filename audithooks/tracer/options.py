"""The options of the command line, and their result."""

from __future__ import annotations

import argparse
import os
import sys
from collections import namedtuple

from .. import Dispatcher
from ..records.fields import Fields
from ..records.real import Real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, NoReturn

# Characters of an argument that are shown, by format.
LONGEST = {"text": 80, "json": 1000, "chrome": 1000}

EXAMPLES = """\
examples:
  %(prog)s script.py                       every event, a line each
  %(prog)s -e @file -e '!os.*' -m pip list  a group of events without some of it
  %(prog)s -C -c 'import json'              lines, and a table at the end
  %(prog)s -f -o run.json --chrome -m venv new
                                           for ui.perfetto.dev, with child processes
  %(prog)s --deny @network -m pip download six
                                           a program without the network
  %(prog)s events @process                  list a group of events

PATTERN is a name, a shell-style pattern such as 'socket.*' or a group such as @file;
`%(prog)s events` lists them.
"""


class Options(
    namedtuple(  # noqa: PYI024
        "Options",
        "events exclude deny follow output append apart channel format longest redact "
        "environments frames timestamps threads color lines summary progress command "
        "began",
    )
):
    """What is traced, and how it is shown. It can be encoded as JSON."""

    __slots__ = ()

    events: list[str]  # patterns, as in subscribe()
    exclude: list[str]
    deny: list[str]
    follow: bool  # into child processes
    output: str  # the path of a file; if empty, stderr
    append: bool  # to what the file has
    apart: bool  # a file for each process
    channel: str  # the path that leads to the keeper
    format: Literal["text", "json", "chrome"]
    longest: int  # characters of an argument
    redact: list[str]
    environments: bool  # whether they are shown
    frames: int  # how many callers are shown
    timestamps: Literal["", "absolute", "relative", "delta"]
    threads: bool
    color: bool
    lines: bool  # one for each event
    summary: bool
    progress: bool
    command: str  # the program and its arguments, to be shown
    began: int  # the start, in nanoseconds since the epoch


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def command_name() -> str:
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    if name == "__main__.py" or not name.startswith("audithooks"):
        return "python -m audithooks"
    return name


def make_parser() -> Parser:
    parser = Parser(
        prog=command_name(),
        usage=(
            "%(prog)s [OPTION]... (SCRIPT | -m MODULE | -c CODE | -) [ARG]...\n"
            "       %(prog)s events [PATTERN]..."
        ),
        description="Run a Python program and show the audit events that it raises.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what = parser.add_argument_group("which events")
    what.add_argument(
        "-e",
        metavar="PATTERN",
        dest="patterns",
        action="append",
        default=[],
        help="show events that match, or with '!PATTERN' leave them out; repeatable",
    )
    what.add_argument(
        "--deny",
        metavar="PATTERN",
        action="append",
        default=[],
        help="make matching operations fail with a PermissionError; repeatable",
    )
    what.add_argument(
        "-f",
        "--follow",
        action="count",
        default=0,
        help="also trace child processes: forked ones, and Pythons that are started; "
        "-ff writes a file for each process, FILE.PID",
    )
    where = parser.add_argument_group("output")
    where.add_argument(
        "-o", metavar="FILE", dest="output", help="write to FILE, not to stderr"
    )
    where.add_argument(
        "-A",
        "--append",
        action="store_true",
        help="append to FILE, and keep what it has",
    )
    formats = where.add_mutually_exclusive_group()
    formats.add_argument(
        "--json",
        dest="format",
        action="store_const",
        const="json",
        default="text",
        help="write JSON Lines, an object for each event",
    )
    formats.add_argument(
        "--chrome",
        dest="format",
        action="store_const",
        const="chrome",
        help="write a trace for ui.perfetto.dev or chrome://tracing",
    )
    where.add_argument(
        "-C",
        "--summary",
        action="store_true",
        help="at the end, write a table of the events and their counts",
    )
    where.add_argument(
        "--summary-only",
        action="store_true",
        help="write only the table, without a line for each event",
    )
    shown = parser.add_argument_group("details of events")
    shown.add_argument(
        "-t",
        "--time",
        metavar="HOW",
        dest="timestamps",
        choices=["absolute", "relative", "delta"],
        default="",
        help="begin lines with the time: absolute, relative to the start, or as the "
        "delta to the previous line",
    )
    shown.add_argument(
        "-T", "--threads", action="store_true", help="show the thread and asyncio task"
    )
    shown.add_argument(
        "-k",
        "--call-site",
        dest="frames",
        action="store_const",
        const=1,
        default=0,
        help="show the line that raised the event",
    )
    shown.add_argument(
        "--stack",
        metavar="N",
        dest="frames",
        type=int,
        help="show that line and its callers, N in total",
    )
    shown.add_argument(
        "-s",
        "--longest",
        metavar="N",
        type=int,
        help=f"show at most N characters of an argument (default {LONGEST['text']}, in "
        f"JSON {LONGEST['json']:,})",
    )
    shown.add_argument(
        "--redact",
        metavar="NAME",
        action="append",
        default=[],
        help="hide the argument NAME, or EVENT.NAME; repeatable",
    )
    shown.add_argument(
        "--environments",
        action="store_true",
        help="show the environments of child processes, which are hidden by default",
    )
    shown.add_argument(
        "--color",
        choices=["auto", "always", "never"],
        default="auto",
        help="color lines; auto colors them on a terminal unless NO_COLOR is set",
    )
    parser.add_argument(
        "-q",
        "--quiet",
        action="store_true",
        help="show no progress on the terminal if the output is a file",
    )
    parser.add_argument(
        "-V",
        "--version",
        action="store_true",
        help="show the version and the implementation",
    )
    # Arguments after these belong to the program, as after a SCRIPT.
    parser.add_argument("-m", dest="module", action="store_true", help="run a MODULE")
    parser.add_argument(
        "-c", dest="code", action="store_true", help="run a piece of CODE"
    )
    parser.add_argument("program", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def read(parser: Parser, given: argparse.Namespace) -> Options:
    """Return the result of the options, or exit with an error message."""
    longest = LONGEST[given.format] if given.longest is None else given.longest
    for option, number in (("--stack", given.frames), ("--longest", longest)):
        if number < 0:
            parser.error(f"{option} must not be negative: {number}")
    if given.format != "text" and (given.timestamps or given.threads):
        parser.error(
            f"-t and -T are for text lines; --{given.format} always shows both"
        )
    if given.format == "chrome" and given.output is None:
        parser.error("--chrome needs an output file: -o FILE")
    if given.append and given.output is None:
        parser.error("-A needs an output file: -o FILE")
    if given.follow > 1:
        if given.output is None:
            parser.error("-ff needs an output file: -o FILE")
        if given.format == "chrome" or given.summary or given.summary_only:
            parser.error("-ff is for lines: --chrome and -C have all processes in one")
    if given.format != "text" and (given.summary or given.summary_only):
        parser.error(f"the summary is a text table, not for --{given.format}")
    excluded = [pattern[1:] for pattern in given.patterns if pattern.startswith("!")]
    terminal = os.isatty(2)
    options = Options(
        events=[pattern for pattern in given.patterns if not pattern.startswith("!")],
        exclude=excluded,
        deny=given.deny,
        follow=given.follow > 0,
        output=given.output or "",
        append=given.append,
        apart=given.follow > 1,
        channel="",
        format=given.format,
        longest=longest,
        redact=given.redact,
        environments=given.environments,
        frames=given.frames,
        timestamps=given.timestamps,
        threads=given.threads,
        color=_color(given.color, terminal and given.output is None),
        lines=not given.summary_only,
        summary=given.summary or given.summary_only,
        progress=terminal and given.output is not None and not given.quiet,
        command=" ".join(["-m"] * given.module + ["-c"] * given.code + given.program),
        began=Real.time_ns(),
    )
    try:
        for patterns in (options.events, options.exclude, options.deny):
            Dispatcher().subscribe(print, *patterns)
        Fields(options.redact)
    except ValueError as error:
        parser.error(str(error))
    return options


def _color(choice: str, terminal: bool) -> bool:
    if choice != "auto":
        return choice == "always"
    return (
        terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
