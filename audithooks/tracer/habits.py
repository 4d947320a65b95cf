"""What people type who know strace, python or viztracer: it is understood, or told.

The program begins where python would see it: after -c or -m, which may have their word
attached, at the first word that is no option, or after "--".
"""

from __future__ import annotations

import os
import re
import sys

from ..catalogue import EVENTS, GROUPS
from ..rules import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from .options import Parser

_OF_PYTHON = "bBdEiIOPRSuvxWX"

_HINTS = {
    "-r": "-t delta has the time since the previous line",
    "--attach": "-p PID attaches to a process",
    "--count": "-C writes a table of counts",
    "--follow-forks": "-f follows child processes",
    "--log_audit": "-e PATTERN chooses events",
    "--output_file": "-o FILE names the output",
    "--string-limit": "-s N is how much of an argument is shown",
    "--tracer_entries": "there is no limit",
    "--trace": "-e PATTERN chooses events",
}


def divide(parser: Parser, argv: Sequence[str]) -> tuple[list[str], str, list[str]]:
    """Return the options in *argv*; "-c", "-m" or ""; the program and its arguments."""
    known = parser._option_string_actions
    options: list[str] = []
    place = 0
    while place < len(argv):
        word = argv[place]
        rest = [*argv[place + 1 :]]
        if word == "--":
            return options, "", rest
        if not word.startswith("-") or word == "-":
            return options, "", [word, *rest]
        place += 1
        if word.startswith("--"):
            action = known.get(word)
            needs_value = action is not None and action.nargs is None
            if action is not None and needs_value and rest:
                _check_value(parser, word, action, rest[0])
            options += argv[place - 1 : place + needs_value]
            place += needs_value
            continue
        for index in range(1, len(word)):
            letter, behind = f"-{word[index]}", word[index + 1 :]
            if letter in ("-c", "-m"):
                if index > 1:
                    options.append(word[:index])
                return options, letter, [behind, *rest] if behind else rest
            action = known.get(letter)
            if action is None or action.nargs is None:  # unknown, or with a value
                needs_value = action is not None and not behind
                if action is not None and (behind or rest):
                    _check_value(parser, letter, action, behind or rest[0])
                options += argv[place - 1 : place + needs_value]
                place += needs_value
                break
        else:
            options.append(word)
    return options, "", []


def is_script(word: str) -> bool:
    return word.endswith(".py") and os.path.isfile(word)


def _check_value(
    parser: Parser, option: str, action: argparse.Action, word: str
) -> None:
    """Exit with a hint if *word* was not meant as the value of *option*."""
    if action.choices is None or word in action.choices:
        return
    choices = [*action.choices]
    meant = f"{option} {choices[0]}"
    if is_script(word):
        parser.error(f"{option} takes one of {choices}: did you mean {meant} {word}?")
    if option == "-t" and not word.strip("t"):  # -tt and -ttt of strace
        parser.error(f"-t{word} is one of strace: did you mean {meant}?")


def hint(parser: Parser, unknown: str) -> str:
    """Return a hint for an option that there is not, or an empty text."""
    name = unknown.partition("=")[0]
    if name in _HINTS:
        return f"; {_HINTS[name]}"
    if not name.startswith("--") and name[1:2] in _OF_PYTHON:
        return f"; it is one of python: python {name} -m audithooks"
    from difflib import get_close_matches

    near = get_close_matches(name.replace("_", "-"), parser._option_string_actions)
    return f"; did you mean {near[0]}?" if name.startswith("--") and near else ""


def pattern(parser: argparse.ArgumentParser, option: str, text: str) -> str:
    """Return what *text*, an argument of -e or --deny, means: maybe strace's trace=."""
    word, equals, names = text.partition("=")
    is_of_strace = bool(equals) and re.fullmatch(r"[a-z]+", word) is not None
    if is_of_strace and word not in ("trace", "t"):
        parser.error(f"{option} {word}= is one of strace; here it takes a PATTERN")
    if not is_of_strace:
        names = text
    is_set = is_of_strace and names.startswith("!")  # "!" is for all names in it
    parts = []
    for part in split(names.lstrip("!" if is_set else "")):
        mark = "!" if part.startswith("!") else ""
        name = part[len(mark) :].strip()
        if name.startswith("%"):
            name = f"@{name[1:]}"
        elif is_of_strace and name == "all":
            name = "*"
        elif name in GROUPS and name not in EVENTS:
            if not is_of_strace:
                parser.error(f"there is no event {name!r}: did you mean @{name}?")
            name = f"@{name}"
        elif is_of_strace and name not in EVENTS and "." not in name:
            _find(parser, option, name)
        parts.append(f"{'!' if is_set else mark}{name}")
    return ",".join(parts)


def _find(parser: argparse.ArgumentParser, option: str, name: str) -> None:
    """Give the event for a system call, as an error, if its name is not the same."""
    others = {"openat": "open", "execve": "os.exec", "unlink": "os.remove"}
    others |= {"clone": "os.fork", "vfork": "os.fork", "getdents64": "os.listdir"}
    found = [event for event in EVENTS if event.rpartition(".")[2] == name]
    meant = others.get(name) or (found[0] if found else None)
    if meant:
        parser.error(f"{option}: there is no event {name!r}: did you mean {meant}?")


def find_program(name: str) -> str | None:
    """Return the path of a Python program *name* that a shell would find, or None."""
    if os.path.dirname(name):
        return None
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path if _is_python(path) else None
    return None


def _is_python(path: str) -> bool:
    """Whether a file is for Python by its first lines.

    Where the path of Python is long, pip writes a script for sh that calls it.
    """
    try:
        with open(path, "rb") as file:
            first = file.read(1000)
    except OSError:
        return False
    lines = first.split(b"\n")[:2]
    return (
        first.startswith(b"#!")
        and re.search(rb"python|pypy", b"".join(lines)) is not None
    )


def other_program(name: str) -> str:
    """Return a hint for a *name* that is no script, or an empty text."""
    from importlib.machinery import PathFinder

    if not name.isidentifier():
        return ""
    found = PathFinder.find_spec(name, [os.curdir, *sys.path])
    return f"; did you mean -m {name}?" if found is not None else ""
