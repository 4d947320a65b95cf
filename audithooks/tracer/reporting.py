"""The subcommand `report`: what a trace in JSON Lines tells, as a page or as text."""

from __future__ import annotations

import os
import sys

from ..records.text import number
from .listing import print_lines
from .options import PAGES, Formatter, Parser, command_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..reading.trace import Trace
    from ..report.timeline import Recorder

OUTPUT = "report.html"


def _parser() -> Parser:
    parser = Parser(
        prog=f"{command_name()} report",
        description="Say what a traced program did: what ran, what it touched, whom it "
        "talked to,\nwhat it started, what was refused, what code it ran, and who did "
        "it.",
        epilog="FILE is what --json -o FILE or JsonLines wrote; - is standard input. "
        "Several\nare one report, such as those of -ff.\n\n"
        "The page is one file, which needs no network. It is made with Jinja:\n"
        "  pip install audithooks[report]\n\n"
        "A script that is called report runs as ./report.\n\n"
        f"What the page has:\n  {PAGES}/how-to/report.html",
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a trace")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"the page that is written, by default {OUTPUT}; - is standard output",
    )
    parser.add_argument(
        "--text", action="store_true", help="print it as text, without a page"
    )
    return parser


def report(argv: Sequence[str]) -> None:
    """Write the report about the traces that *argv* names."""
    parser = _parser()
    if not argv and os.path.isfile("report"):
        parser.error("it needs a FILE; the script of this name is run by ./report")
    given = parser.parse_args(argv)
    if given.text:
        if given.output:
            parser.error("--text prints, and takes no -o")
        _print_text(parser, given.files)
        return
    try:
        from ..report.page import TooLong, page
        from ..report.timeline import Recorder
    except ImportError as error:
        if error.name not in ("jinja2", "markupsafe"):
            raise
        needs = "the page needs Jinja, --text does not: pip install audithooks[report]"
        parser.exit(1, f"{parser.prog}: {needs}\n")
    recorder = Recorder()
    trace = _read(parser, given.files, recorder)
    output = given.output or OUTPUT
    try:
        made = page(trace, recorder)
        if output == "-":
            sys.stdout.buffer.write(made)
            sys.stdout.buffer.flush()
            return
        with open(output, "wb") as file:
            file.write(made)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except TooLong as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    except OSError as error:
        parser.error(f"can't write to {output!r}: {error.strerror}")
    told = (
        f"{number(trace.total, 'event')} of {number(len(trace.processes), 'process')}"
    )
    print(f"{output}: {told}, {number(len(made), 'byte')}")


def _print_text(parser: Parser, files: Sequence[str]) -> None:
    from shutil import get_terminal_size

    from ..report.plain import text

    trace = _read(parser, files, None)
    print_lines([text(trace, get_terminal_size().columns)])


def _read(parser: Parser, files: Sequence[str], recorder: Recorder | None) -> Trace:
    """Return the trace of some files, or exit if there is none."""
    from ..reading.trace import Trace

    try:
        trace = Trace.read(files, recorder)
    except OSError as error:
        parser.error(f"can't read {error.filename!r}: {error.strerror}")
    if not trace.total:
        names = ", ".join(files)
        parser.exit(
            1, f"{parser.prog}: there is no event in {names}: --json writes traces\n"
        )
    return trace
