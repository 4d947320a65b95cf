"""The command line: run a program and show the audit events it raises.

options.py reads the options, program.py runs the program, and tracer.py shows its
events, in child processes with following.py; listing.py prints the catalogue.
"""

from __future__ import annotations

import os
import sys

from .. import FALLBACK_REASON, IMPLEMENTATION
from ..records.lines import APPEND, duplicate, open_high
from .habits import find_program, other_program
from .options import Parser, make_parser, parse, read
from .program import Code, Module, Program, Script
from .tracer import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from .options import Options


def _version() -> str:
    import platform  # here, so that a traced program still has to import them itself

    from .. import __version__ as version

    python = f"{platform.python_implementation()} {platform.python_version()}"
    reason = f": {FALLBACK_REASON}" if FALLBACK_REASON else ""
    return f"audithooks {version} on {python}, implementation {IMPLEMENTATION}{reason}"


def _program(parser: Parser, given: argparse.Namespace) -> Program:
    if not given.program:
        parser.error("the program must be one of: a SCRIPT, -m MODULE or -c CODE")
    program, *args = given.program
    if given.module:
        return Module(program, args)
    if given.code:
        return Code(program, args)
    if program == "-":
        return Code(sys.stdin.read(), args, "-", "<stdin>")
    try:
        return Script(program, args)
    except OSError as error:
        path = find_program(program)
        if path is not None:
            return Script(path, args)
        reason = error.strerror or error
        parser.error(f"can't run {program!r}: {reason}{other_program(program)}")


def _output(parser: Parser, path: str | None) -> int:
    """Return a file descriptor that the program does not take for its own."""
    if path is None:
        return duplicate(2)
    try:
        return open_high(path, APPEND | os.O_TRUNC)
    except OSError as error:
        parser.error(f"can't write to {path!r}: {error.strerror}")


def _followed(parser: Parser, options: Options, fd: int) -> Options:
    """Return the options for child processes, with an output that they can open."""
    output = options.output
    if not output:
        # A child may have another stderr. This path leads to ours as long as this
        # process exists, even after os.exec().
        output = f"/proc/{os.getpid()}/fd/{fd}"
        try:
            os.close(os.open(output, APPEND))
        except OSError:
            parser.error("on this system -f needs an output file: -o FILE")
        os.set_inheritable(fd, True)
    return options._replace(output=output, progress=False)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line *argv*, by default that of the process."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["events"]:
        from .listing import print_events

        print_events(argv[1:])
        return
    parser = make_parser()
    given = parse(parser, argv)
    if given.version:
        print(_version())
        return
    options = read(parser, given)
    program = _program(parser, given)
    fd = _output(parser, given.output)
    if options.format == "chrome":
        from .chrome import HEAD

        os.write(fd, HEAD.encode())
    if options.follow:
        from .following import set_environment

        set_environment(_followed(parser, options, fd))
    try:
        start(options, fd)
    except RuntimeError as error:  # an existing hook refuses it
        parser.error(str(error))
    program.run()
