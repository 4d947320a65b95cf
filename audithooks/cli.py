"""The command line: run a program and show the audit events it raises.

The program is run by program.py, its events are written by tracer.py.
"""

from __future__ import annotations

import argparse
import atexit
import os
import sys

from . import FALLBACK_REASON, IMPLEMENTATION, subscribe
from .program import Code, Module, Program, Script
from .tracer import Tracer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help tells more)\n")


def _version() -> str:
    import platform  # here, as the traced program may want to import them itself
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    try:
        version = version_of("audithooks")
    except PackageNotFoundError:
        version = "(not installed)"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    reason = f": {FALLBACK_REASON}" if FALLBACK_REASON else ""
    return f"audithooks {version} on {python}, implementation {IMPLEMENTATION}{reason}"


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m audithooks",
        usage="%(prog)s [OPTION]... (SCRIPT | -m MODULE | -c CODE | -) [ARG]...",
        description="Run a Python program and show the audit events it raises.",
        epilog="""examples:
  %(prog)s script.py                     every event, a line each
  %(prog)s -e open -e 'socket.*' -m pip  some events of a module
  %(prog)s --summary-only -c 'import json'""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "-e",
        metavar="GLOB",
        dest="events",
        action="append",
        default=[],
        help="show events that match, such as open or 'socket.*'; may be repeated",
    )
    add("-o", metavar="FILE", dest="output", help="write to FILE, not to stderr")
    add(
        "-C",
        "--summary",
        action="store_true",
        help="at the end, write a table of the events and how often they came",
    )
    add(
        "--summary-only",
        action="store_true",
        help="write the table, and no line for each event",
    )
    add("-V", "--version", action="store_true", help="say which version runs, and how")
    # What comes after these is the program's, as after a SCRIPT.
    add("-m", dest="module", action="store_true", help="run a MODULE")
    add("-c", dest="code", action="store_true", help="run a piece of CODE")
    add("program", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _program(parser: _Parser, options: argparse.Namespace) -> Program:
    program, *args = options.program or [None]
    if program == "--" and args:
        program, *args = args
    if program is None or (options.module and options.code):
        parser.error("what to run is one of: a SCRIPT, -m MODULE or -c CODE")
    if options.module:
        return Module(program, args)
    if options.code:
        return Code(program, args)
    if program == "-":
        return Code(sys.stdin.read(), args, "-", "<stdin>")
    try:
        return Script(program, args)
    except OSError as error:
        parser.error(f"can't run {program!r}: {error.strerror or error}")


def _output(parser: _Parser, path: str | None) -> int:
    """Return a file descriptor that the program will not close by chance."""
    if path is None:
        return os.dup(2)
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    except OSError as error:
        parser.error(f"can't write to {path!r}: {error.strerror}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the program that *argv*, by default that of the process, asks for."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.version:
        print(_version())
        return
    program = _program(parser, options)
    tracer = Tracer(
        _output(parser, options.output),
        lines=not options.summary_only,
        counts=options.summary or options.summary_only,
    )
    atexit.register(tracer.finish)  # now, so that it is called last
    try:
        subscribe(tracer, *options.events)
    except (ValueError, RuntimeError) as error:
        parser.error(str(error))
    program.run()
