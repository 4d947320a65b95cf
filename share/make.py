"""Make what is written from the code: make share.

It is the man page and the completions for shells, from the parser; the table of
docs/explanation/guard-rail.md and that of the preloaded library, from the catalogue;
and from pyproject.toml the version for build systems, and the SBOM that wheels have.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage

from audithooks.catalogue import BLIND, EVENTS, GROUPS
from audithooks.records.fields import PATHS, Fields
from audithooks.records.secrets import cleaner, is_secret
from audithooks.tracer.options import make_parser
from audithooks.tracer.text import COLORS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SHARE = Path(__file__).parent
PROJECT = SHARE.parent / "pyproject.toml"
# Not that of the installed distribution, which may be older.
VERSION = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"]
FILES = {
    "bash": SHARE / "bash-completion" / "completions" / "audithooks",
    "zsh": SHARE / "zsh" / "site-functions" / "_audithooks",
    "man": SHARE / "man" / "man1" / "audithooks.1",
}
GUARD_RAIL = SHARE.parent / "docs" / "explanation" / "guard-rail.md"
TABLE = re.compile(r"(<!-- blind.*-->\n).*(<!-- end -->\n)", re.DOTALL)
SBOM = SHARE / "audithooks.cdx.json"
FOUND = SHARE.parent / "audithooks" / "share"
VERSIONED = {
    FOUND / "pkgconfig" / "audithooks.pc": r"(?<=^Version: ).+",
    FOUND / "cmake" / "audithooks" / "audithooks-config-version.cmake": (
        r'(?<=^set\(PACKAGE_VERSION ")[^"]+'
    ),
}
EARLY = SHARE.parent / "audithooks" / "_start" / "events.h"
NAMES = " ".join([*EVENTS, *(f"@{group}" for group in GROUPS)])
PATTERNS = {"bash": "_audithooks_events", "zsh": "_audithooks_events"}
PREAMBLE = {
    "bash": f'_audithooks_events() {{ compgen -W "{NAMES}" -- "$1"; }}\n',
    "zsh": f"_audithooks_events() {{ compadd -- {NAMES}; }}\n",
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with what shells complete."""
    parser = make_parser()
    parser.prog = "audithooks"
    for action in parser._actions:
        if action.metavar in ("PATTERN", "RULE"):
            action.complete = PATTERNS  # type: ignore[attr-defined]
        elif action.metavar in ("FILE", "DIR"):
            what = shtab.FILE if action.metavar == "FILE" else shtab.DIRECTORY
            action.complete = what  # type: ignore[attr-defined]
    program = parser.add_argument("program", nargs="?", help="the script that is run")
    program.complete = shtab.FILE  # type: ignore[attr-defined]
    return parser


def manual() -> str:
    made = make_parser()
    made.prog = "audithooks"
    epilog = made.format_help().partition("examples:\n")[2]
    made.epilog = None
    about = {
        "project_name": "audithooks",
        "version": VERSION,
        "description": "run a Python program and show the audit events that it raises",
        "manual_title": "User Commands",
    }
    page = str(Manpage(made, about))
    page = re.sub(r'^(\.TH \S+ "?1"?) \S+', r'\1 ""', page)  # without the date
    page = re.sub(  # each form on a line of its own
        r" audithooks (?=\[|[a-z]+ [\[A-Z])", "\n.br\n.B audithooks\n", page
    )
    examples = epilog.replace("\\", "\\e").replace("-", r"\-")
    return f"{page.rstrip()}\n\n.SH EXAMPLES\n.nf\n{examples.rstrip()}\n.fi\n"


def blind(page: str) -> str:
    """Return a page with the table of what raises no event."""
    rows = "".join(f"| {what} | {seen} |\n" for what, seen in BLIND.items())
    table = f"| what a program does | what is seen of it |\n| --- | --- |\n{rows}"
    return TABLE.sub(lambda match: match[1] + table + match[2], page)


# What is looked for in an argument by the cleaner of this one, as secrets.py has it.
KINDS = {
    cleaner("import", "module"): "u",  # the user part of a URL
    cleaner("a.name", "of.ones.own"): "n",  # a name and a value, too
    cleaner("socket.bind", "address"): "h",  # the user part of a host, too
}


def early() -> str:
    """Return the events as C, for lines that are written before Python can run."""
    fields = Fields()
    rows = []
    for name, entry in sorted(EVENTS.items(), key=lambda item: item[0].encode()):
        words = []
        for argument in entry.arguments:
            kind = KINDS.get(cleaner(name, argument), "x")  # never shown
            if f"{name}.{argument}".endswith((".env", "os.putenv.value")):
                kind = "e"  # shown with --environments only
            elif is_secret(argument) or fields._hides(name, argument):
                kind = "x"
            path = "/" if argument in PATHS else ""
            words.append(f"{kind}{path}{argument}")
        color = next((COLORS[group] for group in entry.groups if group in COLORS), "1")
        rows.append(f'{{"{name}", "{color}", "{" ".join(words)}"}},\n')
    return f"/* Made from the catalogue by make share. */\n{''.join(rows)}"


def bill() -> str:
    """Return the software bill of materials: audithooks, which contains no other."""
    command = ["-m", "cyclonedx_py", "requirements", "-", "--pyproject", PROJECT]
    options = ["--mc-type", "library", "--output-reproducible"]
    return subprocess.run(
        [sys.executable, *command, *options],
        input="",
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    ).stdout


def main() -> None:
    made = {
        shell: shtab.complete(parser(), shell, preamble=PREAMBLE)
        for shell in ("bash", "zsh")
    }
    made["man"] = manual()
    for what, path in FILES.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[what], encoding="utf-8")
        print(path.relative_to(SHARE.parent), file=sys.stderr)
    page = GUARD_RAIL.read_text(encoding="utf-8")
    GUARD_RAIL.write_text(blind(page), encoding="utf-8")
    EARLY.write_text(early(), encoding="utf-8")
    SBOM.write_text(bill(), encoding="utf-8")
    for path, pattern in VERSIONED.items():
        text = path.read_text(encoding="utf-8")
        text, number = re.subn(pattern, VERSION, text, flags=re.MULTILINE)
        if number != 1:
            sys.exit(f"{path} has {number} versions, not one")
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
