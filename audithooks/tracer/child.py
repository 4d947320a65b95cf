"""The tracer in a child process that is followed; _follow/sitecustomize.py calls it."""

from __future__ import annotations

import atexit
import json
import os
import sys
from math import inf

from ..records.lines import Lines, complain, keep_stderr
from ..records.secrets import hide_python
from .following import VARIABLE, decoded
from .options import Options
from .output import open_followed
from .tracer import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .keeper import Channel


def _channel(options: Options, answers: str = "") -> Channel | None:
    """Open the channel to the keeper, which answers the first process at *answers*."""
    if not options.channel:
        return None
    from .keeper import Channel

    lines = Lines(options.channel, wait=False, patience=inf)
    channel = Channel(lines, path=answers)
    if not answers:
        channel.begin()
    return channel


def _begin(options: Options, encoded: str) -> tuple[Options, Channel | None]:
    """Begin in the process that the command line has become, with what it knows."""
    known = json.loads(encoded)
    if known["held"] >= 0:
        os.close(known["held"])  # the output is open without it
    channel = _channel(options, known["answers"]) if known["answers"] else None
    if options.follow:
        from .following import START, set_environment

        set_environment(options, os.environ.get(START))
    if known["progress"]:
        from .written import Written

        options = options._replace(progress=True)
        atexit.register(Written(options))  # first, so that it is called last
    return options, channel


def _has_rules(options: Options) -> bool:
    """Whether something may be refused."""
    is_any = options.default != "allow" or bool(options.rulings)
    return is_any and not options.permissive


def _opened(options: Options, is_first: bool) -> tuple[Lines, Channel | None]:
    """Open what the trace is written to.

    If there are rules, they hold in a process that cannot be shown, too.
    """
    try:
        return open_followed(options), None if is_first else _channel(options)
    except OSError as error:
        if not _has_rules(options):
            raise
        if not isinstance(error, BrokenPipeError):  # or else nobody reads any more
            complain(f"process {os.getpid()} is not shown, its rules hold: {error}")
        return Lines(os.devnull), None


def follow(encoded: str | None = None, first: str = "") -> bool:
    """Trace this process if a parent wants it. If it fails, write why to stderr.

    Return whether it is traced. *encoded* are the options of the trace, if the
    environment has lost them. *first* is what only the process that the command line
    has become is told, and empty in others. If something may be refused, a process that
    cannot be traced ends.
    """
    encoded = encoded or os.environ.get(VARIABLE)
    if encoded is None:
        return False
    options = None
    try:
        options = Options(**decoded(encoded))
        keep_stderr()
        lines, channel = _opened(options, bool(first))
        if first:
            options, channel = _begin(options, first)
        else:
            # The command line is known only from 3.10 on.
            command = getattr(sys, "orig_argv", [sys.executable])
            shown = command if options.secrets else hide_python(command)
            options = options._replace(command=" ".join(shown))
        start(options, lines, channel)
        return True
    except BrokenPipeError:  # nobody reads any more
        pass
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        complain(f"process {os.getpid()} is not followed: {error}")
        if options is not None and _has_rules(options):
            sys.exit(1)
    return False
