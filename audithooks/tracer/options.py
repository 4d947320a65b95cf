"""The options of the command line, and their result."""

from __future__ import annotations

import argparse
import os
import sys
from collections import namedtuple

from .._real import Real
from ..records.fields import Fields
from ..records.secrets import hide_python
from ..records.selection import Selection, only_exceptions, refuse_doubts
from ..rules.rules import current_folder
from .habits import divide, hint, is_script, pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal, NoReturn

# Characters of an argument that are shown, by format.
LONGEST = {"text": 80, "json": 1000, "chrome": 1000}

PAGES = "https://audithooks.readthedocs.io/en/latest"  # of the documentation
EXAMPLES = f"""\
examples:
  %(prog)s script.py
        every event, a line each
  %(prog)s --mine -k script.py
        what the files of this folder do, and in which line
  %(prog)s -e '@file,!os.*' -m pip list
        a group of events without some of it
  %(prog)s -C -c 'import json'
        lines, and a table at the end
  %(prog)s -f -o run.json --chrome -m venv new
        for ui.perfetto.dev, with child processes
  %(prog)s --deny @network -m pip download six
        a program without the network
  %(prog)s --allow '@write(path=./build|{{tmp}})' build.py
        a program that may write in these folders only
  %(prog)s -e none --permissive --deny @network -m pytest
        what would break without the network
  %(prog)s -f --json --stack 30 -o run.jsonl -m pip list
  %(prog)s report run.jsonl
        a page that says what a program did
  %(prog)s diff old.jsonl run.jsonl
        what it does now that it did not do then
  %(prog)s -p 1234 -e @connect
        what a process connects to that runs already
  %(prog)s events @process
        list a group of events

PATTERN is a name, a shell-style pattern such as 'socket.*' or a group such as
@file, several with commas, and an exception with a '!' before it.
`%(prog)s events` lists them.

What it can do, job by job, and every option, rule and field of JSON:
  {PAGES}/how-to/trace.html
  {PAGES}/reference/command-line.html
  {PAGES}/reference/rules.html
  {PAGES}/reference/json-lines.html
"""


class Options(
    namedtuple(  # noqa: PYI024
        "Options",
        "events mine folder rulings default permissive decisions follow output append "
        "apart channel format longest redact environments secrets frames timestamps "
        "threads color lines summary progress command began",
    )
):
    """What is traced, and how it is shown. It can be encoded as JSON."""

    __slots__ = ()

    events: list[str]  # what is shown, as Selection takes it
    mine: str  # a folder; if not empty, only what its files raise is shown
    folder: str  # on which relative paths in rules stand
    rulings: list[list[str]]  # the rules of the policy, as Ruling has them
    default: str  # of the policy
    permissive: bool  # nothing is refused, and what would be is told
    decisions: str  # the path of a file; if not empty, the decisions are written to it
    follow: bool  # into child processes
    output: str  # the path of a file; if empty, stderr
    append: bool  # to what the file has
    apart: bool  # a file for each process
    channel: str  # the path that leads to the keeper
    format: Literal["text", "json", "chrome"]
    longest: int  # characters of an argument
    redact: list[str]
    environments: bool  # whether they are shown
    secrets: bool  # whether passwords and the like are shown
    frames: int  # how many callers are shown
    timestamps: Literal["", "absolute", "relative", "delta"]
    threads: bool
    color: bool
    lines: bool  # one for each event
    summary: bool
    progress: bool
    command: str  # the program and its arguments, to be shown
    began: int  # the start, in nanoseconds since the epoch


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Text for at most 80 columns, in which no word is broken at a hyphen."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._width = min(self._width, 78)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        shown = super()._format_action_invocation(action)
        return shown.replace(" [DIR]", "[=DIR]")  # without the = it is the program

    def _split_lines(self, text: str, width: int) -> list[str]:
        from textwrap import wrap

        text = " ".join(text.split())
        return wrap(text, width, break_on_hyphens=False, break_long_words=False)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")


def command_name() -> str:
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    if name == "__main__.py" or not name.startswith("audithooks"):
        return "python -m audithooks"
    return name


class _Once(argparse.Action):
    """Keep a value, of which there may be one."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        given: argparse.Namespace,
        values: object,
        option: str | None = None,
    ) -> None:
        if getattr(given, self.dest) is not None:
            parser.error(f"there are two {option}: one is taken")
        setattr(given, self.dest, values)


def make_parser() -> Parser:
    parser = Parser(
        prog=command_name(),
        usage=(
            "%(prog)s [OPTION]... (SCRIPT|-m MODULE|-c CODE|-) [ARG]...\n"
            "       %(prog)s [OPTION]... -p PID [--duration SECONDS]\n"
            "       %(prog)s events [PATTERN]...\n"
            "       %(prog)s explain EVENT --policy FILE\n"
            "       %(prog)s diff OLD NEW [--gone] [--json|--policy]\n"
            "       %(prog)s report FILE... [-o FILE|--text]"
        ),
        description="Run a Python program and show the audit events that it raises.",
        epilog=EXAMPLES,
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    what = parser.add_argument_group("which events")
    what.add_argument(
        "-e",
        metavar="PATTERN",
        dest="patterns",
        action="append",
        default=[],
        help="show events that match, or with '!PATTERN' leave them out; several with "
        "commas; repeatable",
    )
    what.add_argument(
        "--mine",
        metavar="DIR",
        nargs="?",
        const=".",
        help="show only what files below the current folder raise, or below DIR, by "
        "themselves or by the standard library",
    )
    what.add_argument(
        "-f",
        "--follow",
        action="count",
        default=0,
        help="also trace child processes: forked ones, and Pythons that are started; "
        "-ff writes a file for each process, FILE.PID",
    )
    what.add_argument(
        "--from-start",
        action="store_true",
        default=None,
        help="also show what the interpreter does before the program, from its first "
        "event on; needs Linux and CPython",
    )
    what.add_argument(
        "--no-from-start",
        dest="from_start",
        action="store_false",
        help="do not show that of child processes either; preload nothing into them",
    )
    process = parser.add_argument_group("a process that runs")
    process.add_argument(
        "-p",
        "--pid",
        metavar="PID",
        type=int,
        action=_Once,
        help="attach to the process PID, CPython 3.14 or later on Linux, and show its "
        "events until Ctrl-C; -f is for the children that it forks",
    )
    process.add_argument(
        "--duration",
        metavar="SECONDS",
        type=float,
        help="detach after so many seconds",
    )
    may = parser.add_argument_group(
        "what the program may do",
        "RULE is a PATTERN, maybe with arguments: '@write(path!=./build)'.\n"
        "This is a guard rail against mistakes, and no sandbox.",
    )
    may.add_argument(
        "--deny",
        metavar="RULE",
        action="append",
        default=[],
        help="make matching operations fail with a PermissionError, or with '!RULE' do "
        "not; repeatable",
    )
    may.add_argument(
        "--allow",
        metavar="RULE",
        action="append",
        default=[],
        help="of its kind allow only this, as in '@write(path=./build)', also where "
        "--deny has no arguments; repeatable",
    )
    may.add_argument(
        "--policy",
        metavar="FILE",
        action=_Once,
        help="take rules from a TOML file, or from a pyproject.toml",
    )
    may.add_argument(
        "--permissive",
        action="store_true",
        help="refuse nothing, and say at the end what would be, as options to paste",
    )
    may.add_argument(
        "--decisions",
        metavar="FILE",
        action=_Once,
        help="write what the rules decide to FILE, as JSON Lines",
    )
    may.add_argument(
        "--learn",
        metavar="FILE",
        action=_Once,
        help="write a policy that allows what the program does to FILE, and refuse "
        "nothing",
    )
    where = parser.add_argument_group("output")
    where.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write to FILE, not to stderr; - is standard output",
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
        "--secrets",
        action="store_true",
        help="show passwords, tokens and other secrets, which are hidden by default",
    )
    shown.add_argument(
        "--color",
        choices=["auto", "always", "never"],
        default="auto",
        help="color lines; auto colors them on a terminal, but not if NO_COLOR is set, "
        "and on any stderr if FORCE_COLOR is set",
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
    build = parser.add_argument_group("to compile extensions in C")
    for option, text in {
        "--cflags": "show the options for compilers that find audithooks.h",
        "--cmakedir": "show the folder for audithooks_DIR, by which CMake finds it",
        "--pkgconfigdir": "show the folder of audithooks.pc, for PKG_CONFIG_PATH",
    }.items():
        build.add_argument(
            option,
            dest="questions",
            action="append_const",
            const=option,
            default=[],
            help=text,
        )
    # For the help: parse() takes the program apart. What is behind is for it.
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a MODULE")
    parser.add_argument("-c", dest="code", metavar="CODE", help="run a piece of CODE")
    return parser


def parse(parser: Parser, argv: Sequence[str]) -> argparse.Namespace:
    """Return the options, and what is to be run as *program*, a list."""
    options, how, program = divide(parser, argv)
    given, unknown = parser.parse_known_args(options)
    if unknown:
        told = hint(parser, unknown[0])
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{told}")
    given.module, given.code, given.program = how == "-m", how == "-c", program
    if given.module and program[:1] and program[0].startswith("-"):
        given.program = []  # no module has such a name
    if given.code and program[:1] and is_script(program[0]):
        words = " ".join(["-C", *program])
        parser.error(f"-c takes CODE, and this is a file: did you mean {words}?")
    given.patterns = [pattern(parser, "-e", text) for text in given.patterns]
    given.deny = [pattern(parser, "--deny", text) for text in given.deny]
    given.allow = [pattern(parser, "--allow", text) for text in given.allow]
    for name in ("decisions", "learn", "policy"):
        if getattr(given, name) in ("", "-"):
            parser.error(f"--{name} needs the path of a FILE")
    if given.output == "-":
        given.output = "/dev/stdout"
    return given


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
    if given.from_start:
        _refuse_from_start(parser, given)
    _check_process(parser, given)
    terminal = os.isatty(2)
    options = Options(
        events=given.patterns,
        mine=_folder(parser, given.mine),
        folder=current_folder(),
        rulings=[],
        default="allow",
        permissive=given.permissive or given.learn is not None,
        decisions=os.path.abspath(given.decisions) if given.decisions else "",
        follow=given.follow > 0,
        output=given.output or "",
        append=given.append,
        apart=given.follow > 1,
        channel="",
        format=given.format,
        longest=longest,
        redact=given.redact,
        environments=given.environments,
        secrets=given.secrets,
        frames=given.frames,
        timestamps=given.timestamps,
        threads=given.threads,
        color=_color(
            given.color, terminal and given.output is None, given.output is not None
        ),
        lines=not given.summary_only,
        summary=given.summary or given.summary_only,
        progress=terminal and given.output is not None and not given.quiet,
        command=_command(given),
        began=Real.time_ns(),
    )
    try:
        Selection("-e", options.events)
        refuse_doubts(options.events)
        Fields(options.redact)
        options = _with_rules(parser, given, options)
        if given.from_start and Selection("events", options.events).needs_arguments:
            parser.error("--from-start takes PATTERNs of -e without arguments")
    except OSError as error:
        parser.error(f"can't read {given.policy!r}: {error.strerror}")
    except ValueError as error:
        parser.error(str(error))
    return options


def _check_process(parser: Parser, given: argparse.Namespace) -> None:
    """Exit if the options of a process that runs do not fit."""
    if given.pid is None:
        if given.duration is not None:
            parser.error("--duration is for a process that runs: it needs -p PID")
        return
    if given.program or given.module or given.code:
        parser.error("-p takes no program")
    if sys.platform != "linux":
        parser.error("-p needs Linux")
    if given.from_start is not None:
        parser.error("a process that runs has started: -p takes no --from-start")
    if given.pid <= 0:
        parser.error(f"-p takes the identifier of a process, not {given.pid}")
    if given.duration is not None and not given.duration > 0:
        parser.error(f"--duration must be positive: {given.duration:g}")


def _refuse_from_start(parser: Parser, given: argparse.Namespace) -> None:
    """Exit if what is asked for takes more than there is before the program."""
    table = given.summary or given.summary_only
    if table or given.format == "chrome":
        other = "-C" if table else "--chrome"
        parser.error(f"--from-start is for lines of events, and not for {other}")
    if given.mine is not None:
        parser.error("--from-start shows what no file of yours does: not with --mine")
    if given.frames:
        option = "-k" if given.frames == 1 else "--stack"
        parser.error(f"--from-start knows no callers before the program: no {option}")


def _with_rules(parser: Parser, given: argparse.Namespace, options: Options) -> Options:
    """Add the rules of the options and of the policy; relative paths made absolute."""
    is_any = given.deny or given.allow or given.policy or given.learn
    if not is_any:
        for name in ("permissive", "decisions"):
            if getattr(given, name):
                parser.error(f"--{name} needs rules: --deny, --allow or --policy")
        return options
    from ..policy.policy import Policy, rulings_of

    rulings = rulings_of({"deny": given.deny, "allow": given.allow})
    for option in ("deny", "allow"):
        texts = [ruling.text for ruling in rulings if ruling.tier == option]
        if only_exceptions(texts):
            parser.error(f"--{option} has only exceptions: it needs a RULE beside them")
    default = "allow"
    if given.learn is not None:
        if rulings or given.policy:
            parser.error("--learn writes a policy, and takes no rules")
        default = "deny"
    Policy(rulings, default, options.folder)  # for its errors
    if given.policy:
        policy = Policy.load(given.policy)
        default = policy.default
        if policy.folder != options.folder:
            for ruling in rulings:
                _check_folder(parser, ruling.text, given.policy)
        rulings += policy.rulings
        options = options._replace(folder=policy.folder)
    return options._replace(rulings=[[*r] for r in rulings], default=default)


def _check_folder(parser: Parser, text: str, path: str) -> None:
    """Exit if a rule of an option may stand on another folder than those of a file."""
    from ..rules import parse

    for item in parse(text.lstrip("!")).items:
        for value, _ in item.values:
            is_path = item.name in ("path", "program", "src", "dst") and "/" in value
            if is_path and not value.startswith(("/", "~", "{", "**/")):
                parser.error(
                    f"{text!r} has a relative path, but the rules of {path} stand on "
                    "the folder of that file: write it in full"
                )


def _folder(parser: Parser, path: str | None) -> str:
    """Return the path of a folder with a separator at its end, or an empty one."""
    if path is None:
        return ""
    if not os.path.isdir(path):
        parser.error(f"--mine: {path!r} is no folder")
    return os.path.join(os.path.abspath(path), "")


def _command(given: argparse.Namespace) -> str:
    """Return the program and its arguments, to be shown."""
    words = ["-m"] * given.module + ["-c"] * given.code + given.program
    return " ".join(words if given.secrets else hide_python(["", *words])[1:])


def _color(choice: str, terminal: bool, is_file: bool) -> bool:
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return not is_file
    return terminal and os.environ.get("TERM") != "dumb"
