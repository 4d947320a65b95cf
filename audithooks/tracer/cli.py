"""The command line: run a program and show the audit events it raises.

options.py reads the options, program.py runs the program, and tracer.py shows its
events, in child processes with following.py; attaching.py does that for a process that
runs. listing.py prints the catalogue, explaining.py says what rules decide,
reporting.py what a trace tells, differing.py what one has and another has not.
"""

from __future__ import annotations

import atexit
import os
import sys

from .. import FALLBACK_REASON, IMPLEMENTATION, get_include
from ..records.lines import (
    APPEND,
    Lines,
    append_always,
    complain,
    keep_stderr,
    place,
)
from .habits import find_program, other_program
from .options import Parser, make_parser, parse, read
from .output import open_output
from .program import Code, Module, Program, Script, Stdin
from .tracer import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from .keeper import Keeper
    from .options import Options
    from .refusing import Told

# The status if there is no stderr for the trace: Python's own if it cannot write there.
NO_OUTPUT = 120


def _version() -> str:
    import platform  # here, so that a traced program still has to import them itself

    from .. import __version__ as version

    python = f"{platform.python_implementation()} {platform.python_version()}"
    reason = f": {FALLBACK_REASON}" if FALLBACK_REASON else ""
    return f"audithooks {version} on {python}, implementation {IMPLEMENTATION}{reason}"


def _answer(question: str) -> str:
    """Say where compilers and build systems find what."""
    folder = get_include()
    if question == "--cflags":
        from shlex import quote

        return quote(f"-I{folder}")
    below = {"--cmakedir": ("cmake", "audithooks"), "--pkgconfigdir": ("pkgconfig",)}
    return os.path.join(folder, "share", *below[question])


def _program(parser: Parser, given: argparse.Namespace) -> Program:
    if not given.program:
        parser.error("the program must be one of: a SCRIPT, -m MODULE or -c CODE")
    program, *args = given.program
    if given.module:
        return Module(program, args)
    if given.code:
        return Code(program, args)
    if program == "-":
        return Stdin(args, read=not given.from_start)
    try:
        return Script(program, args)
    except OSError as error:
        path = find_program(program)
        if path is not None:
            return Script(path, args)
        reason = error.strerror or error
        parser.error(f"can't run {program!r}: {reason}{other_program(program)}")


def _keeper(
    parser: Parser, options: Options, lines: Lines, told: Told | None
) -> Keeper | None:
    """Start the keeper if this trace needs one and the system can have it."""
    is_alone = lines.given >= 0 and options.follow  # the output has no path
    is_needed = told or options.summary or options.format == "chrome"
    if not (is_alone or is_needed):
        return None
    from .tracer import make_ending

    if not hasattr(os, "fork"):
        return None
    from .keeper import Keeper

    try:
        ending = make_ending(options, lines)
        if told is not None:
            ending = told.beside(ending)
        return Keeper(lines, ending, options.follow)
    except OSError as error:
        parser.error(f"can't start the process that ends the trace: {error.strerror}")


def _followed(
    parser: Parser, options: Options, lines: Lines, keeper: Keeper | None
) -> Options:
    """Return the options for child processes, with an output that they can open."""
    output = os.fsdecode(lines.path or "")
    if options.apart:
        output = os.path.abspath(options.output)
    elif lines.given >= 0:
        output = keeper.output if keeper else ""
        try:
            os.close(os.open(output, APPEND))
        except OSError:
            parser.error("on this system -f needs an output file: -o FILE")
        append_always(lines.fd)
    return options._replace(output=output, channel=_channel(keeper), progress=False)


def _channel(keeper: Keeper | None) -> str:
    return keeper.path if keeper and os.path.exists(keeper.path) else ""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line *argv*, by default that of the process."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["events"]:
        from .listing import print_events

        print_events(argv[1:])
        return
    if argv[:1] == ["explain"]:
        from .explaining import explain

        explain(argv[1:])
        return
    if argv[:1] == ["diff"]:
        from .differing import diff

        diff(argv[1:])
        return
    if argv[:1] == ["report"]:
        from .reporting import report

        report(argv[1:])
        return
    parser = make_parser()
    given = parse(parser, argv)
    if given.version:
        print(_version())
        return
    if given.questions:
        print(*map(_answer, given.questions), sep="\n")
        return
    options = read(parser, given)
    if given.pid is not None:
        from .attaching import show

        sys.exit(show(parser, given, options))
    keep_stderr()
    if given.from_start:
        from .starting import hindrance

        why = "there is no stderr" if place(2) == (0, 0) else hindrance()
        if why is not None:
            complain(f"the trace begins with the program, not before: {why}")
            given.from_start = None
    program = _program(parser, given)
    told = None
    if options.permissive:
        from .refusing import Told

        try:
            told = Told(options, given.learn)
        except OSError as error:
            parser.error(f"can't write to {error.filename!r}: {error.strerror}")
        options = options._replace(decisions=told.path)
        if not hasattr(os, "fork"):  # and no keeper
            atexit.register(told.at_exit)  # first, so that it is called last
    if options.progress and not given.from_start:  # on a terminal
        from .written import Written

        atexit.register(Written(options))  # first, so that it is called last
    try:
        lines = open_output(options)
    except OSError as error:
        parser.error(f"can't write to {given.output!r}: {error.strerror}")
    is_nowhere = not options.output and lines.given < 0
    keeper = _keeper(parser, options, lines, told)
    if options.follow:
        followed = _followed(parser, options, lines, keeper)
    else:
        followed = options._replace(channel=_channel(keeper), progress=False)
    if given.from_start:
        from .starting import restart

        try:
            restart(program, followed, lines, options.progress, keeper)
        except (OSError, ValueError) as error:
            parser.error(f"can't start the program: {error}")
    if options.follow:
        from .following import set_environment
        from .starting import for_children

        is_early = given.from_start is not False
        try:
            set_environment(followed, for_children(followed) if is_early else None)
        except ValueError as error:
            parser.error(str(error))
    try:
        channel = keeper.channel if keeper else None
        start(options, lines, channel, begin=True)
    except RuntimeError as error:  # an existing hook refuses it
        parser.error(str(error))
    except OSError as error:
        path = error.filename or given.output
        parser.error(f"can't write to {path!r}: {error.strerror}")
    try:
        program.run()
    except SystemExit as end:
        if is_nowhere and end.code in (None, 0):
            sys.exit(NO_OUTPUT)
        raise
    if is_nowhere:
        sys.exit(NO_OUTPUT)
