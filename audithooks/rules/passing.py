"""What is another one in each run: temporary names, numbers of processes, ports."""

from __future__ import annotations

import re

EPHEMERAL = 32768
"""From this port on the system chooses one."""

NUMBER = re.compile(r"(?<=-)\d+$")
"""The number at the end of a name, as of pytest's folders."""

_LAST = r"[a-z0-9_]{8}(?=(?:\.\w+)?$)"  # of tempfile, maybe with a suffix
_ALONE = r"(?<![a-z0-9_])[a-z0-9_]{8}(?![a-z0-9_])"

MADE = re.compile(f"{_LAST}|{NUMBER.pattern}")
"""What may differ in a name among temporary files."""

TEMPORARY = re.compile("tmp[a-z0-9_]{8}")
"""A name that tempfile makes by default."""

_PASSING = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"  # a UUID
    r"|\d{4}-\d\d-\d\d(?:[T_ ]\d\d[-:.]?\d\d[-:.]?\d\d(?:\.\d+)?)?"  # a time
    r"|(?<=\.pyc\.)\d+$"  # of importlib
    r"|(?<![^\W_])(?P<tmp>tmp)[a-z0-9_]{8}(?![a-z0-9_])"  # of tempfile
    r"|(?<=[-_.])(?=[a-z_]*\d)[a-z0-9_]{8}$"  # likewise, with a prefix
    r"|(?<=\.)X[a-zA-Z]{6}x$"  # of coverage
    r"|(?<![^\W_])(?=[a-f]*\d|[A-F]*\d)(?:[0-9a-f]{8,}|[0-9A-F]{8,})(?![^\W_])"
    r"|(?<![^\W_])(?=\w*[a-z])(?=\w*[A-Z])(?=\w*[a-zA-Z]\d+[a-zA-Z])[^\W_]{8,}"
    r"|\d{4,}"  # a process, perhaps
)


def loosened(name: str) -> str:
    """Return a pattern for a name that may be another one in the next run."""
    return _PASSING.sub(lambda match: f"{match['tmp'] or ''}*", name)


def of_tempfile(name: str) -> str:
    """Return a pattern for names that are made like this one, which tempfile made."""
    for regex in (r"(?<=^tmp)[a-z0-9_]{8}", _ALONE, _LAST):
        found = [*re.finditer(regex, name)]
        if found:
            return f"{name[: found[-1].start()]}*{name[found[-1].end() :]}"
    return name


def is_loopback(host: str) -> bool:
    return host == "::1" or re.fullmatch(r"127\.[\d.]+", host) is not None
