"""The command line: build a launcher, and check one."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, NoReturn

from ..catalogue import expand
from .building import build, missing
from .checking import check, compiled_options

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "python -m audithooks.host"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{NAME}: {message} (see --help)\n")


def _parser() -> _Parser:
    parser = _Parser(
        prog=NAME,
        description="Make a Python executable with a hook that is added before the "
        "runtime is initialised. In all else it is the Python that runs this.",
        epilog="It is tested on Linux, and for Windows under Wine; for macOS it is "
        "compiled, but was never run.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("build", help="build one with the C compiler")
    made.add_argument(
        "-o",
        metavar="FILE",
        dest="target",
        default="python",
        help="the executable, such as the bin/python of a virtual environment "
        "(default: %(default)s)",
    )
    made.add_argument("--to", metavar="FILE", help="where the lines of events go")
    made.add_argument("--json", action="store_true", help="write JSON Lines")
    made.add_argument(
        "-e",
        metavar="PATTERN",
        dest="shown",
        action="append",
        default=[],
        help="write events that match, or with '!PATTERN' do not; repeatable",
    )
    made.add_argument(
        "--refuse",
        metavar="PATTERN",
        action="append",
        default=[],
        help="refuse events that match; what the interpreter needs ends it; repeatable",
    )
    made.add_argument(
        "--options",
        metavar="FILE",
        help="read all that at each start, from a file that only root may write; not "
        "on Windows",
    )
    made.add_argument(
        "--static",
        action="store_true",
        help="link the interpreter into it, and not its shared library",
    )
    checked = commands.add_parser("check", help="say what one does, and prove it")
    checked.add_argument("file", metavar="FILE")
    return parser


def _options(parser: _Parser, given: argparse.Namespace) -> str:
    """Return the options that are compiled in, or exit with an error message."""
    if given.options is not None:
        if given.to or given.json or given.shown or given.refuse:
            parser.error("--options has them all: it goes with -o and --static alone")
        if sys.platform == "win32":
            parser.error("--options needs a file of root, which Windows has not")
        lines = [f"options {os.path.abspath(given.options)}"]
    else:
        if given.to is None:
            parser.error("it needs --to FILE, or --options FILE")
        lines = [f"output {os.path.abspath(given.to)}", "processes", "follow"]
        lines += ["json"] * given.json
        try:
            for option, texts in (("show", given.shown), ("refuse", given.refuse)):
                patterns = [text for text in texts if not text.startswith("!")]
                lines += [f"{option} {name}" for name in _names(patterns)]
            hidden = [text[1:] for text in given.shown if text.startswith("!")]
            lines += [f"hide {name}" for name in _names(hidden)]
        except ValueError as error:
            parser.error(str(error))
    if any("\n" in line for line in lines):
        parser.error("no option may have the end of a line in it")
    return "\n".join(lines) + "\n"


def _names(patterns: list[str]) -> tuple[str, ...]:
    for pattern in patterns:
        if not pattern or "(" in pattern:
            raise ValueError(f"{pattern!r} must be a name of events, or a pattern")
    return expand(patterns)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line *argv*, by default that of the process."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.command == "build":
        options = _options(parser, given)
        why = missing(given.static)
        if why is not None:
            parser.error(f"no launcher can be built: {why}")
        if sys.platform == "win32" and not given.target.lower().endswith(".exe"):
            given.target += ".exe"
        try:
            build(given.target, options, given.static)
        except OSError as error:
            parser.error(f"can't write {given.target!r}: {error.strerror}")
        except subprocess.CalledProcessError as error:
            sys.exit(f"{shlex.join(error.cmd)}\n{error.stderr}")
        given.file = given.target
    try:
        options = compiled_options(given.file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        parser.error(f"can't check {given.file!r}: {reason}")
    sys.exit(check(given.file, options))
