"""The tracer in a child process that is followed; _follow/sitecustomize.py calls it."""

from __future__ import annotations

import os
import sys
from math import inf

from ..records.lines import Lines, complain, keep_stderr
from ..records.secrets import hide_words
from .following import VARIABLE, decoded
from .options import Options
from .output import open_followed
from .tracer import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .keeper import Channel


def _channel(options: Options) -> Channel | None:
    if not options.channel:
        return None
    from .keeper import Channel

    channel = Channel(Lines(options.channel, wait=False, patience=inf))
    channel.begin()
    return channel


def follow() -> None:
    """Trace this process if a parent wants it. If it fails, write why to stderr."""
    encoded = os.environ.get(VARIABLE)
    if encoded is None:
        return
    try:
        options = Options(**decoded(encoded))
        # The command line is known only from 3.10 on.
        command = getattr(sys, "orig_argv", [sys.executable])
        shown = command if options.secrets else hide_words(command)
        options = options._replace(command=" ".join(shown))
        keep_stderr()
        start(options, open_followed(options), _channel(options))
    except BrokenPipeError:  # nobody reads any more
        pass
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        complain(f"process {os.getpid()} is not followed: {error}")
