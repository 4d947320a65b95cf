"""The page: HTML in one file, with all that it needs inside and nothing from outside.

Jinja escapes every value, and what a reader could not see is made visible first. The
Content-Security-Policy allows the style and the script of this page, by their hashes,
and nothing else: no request, no other script, no handler in an attribute.

This is the only module that needs Jinja.
"""

from __future__ import annotations

import pkgutil
from base64 import b64encode
from hashlib import sha256

import jinja2
import markupsafe

from ..records.text import number, printable
from .contents import Limits, contents, seconds
from .timeline import KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..reading.trace import Trace
    from .timeline import Recorder

MOST_BYTES = 2_000_000


class TooLong(Exception):
    """A page that cannot be made short enough."""


def page(trace: Trace, recorder: Recorder, most: int = MOST_BYTES) -> bytes:
    """Return the page about *trace*, in at most so many bytes.

    *recorder* has seen its records. What there is no room for is left out, and the page
    says so.
    """
    from .. import __version__

    limits = Limits()
    template = _template()
    style, script = _read("page.css"), _read("page.js")
    while True:
        made = template.render(
            made=contents(trace, limits),
            timeline=recorder.timeline(trace, limits.events),
            policy=_policy(style, script),
            style=markupsafe.Markup(style),  # noqa: S704  # both are of this package
            script=markupsafe.Markup(script),  # noqa: S704
            version=__version__,
        )
        encoded: bytes = made.encode("utf-8", "backslashreplace")
        if len(encoded) <= most:
            return encoded
        if limits.rows <= 1:
            raise TooLong(f"the page has {len(encoded):,} bytes at least")
        limits = limits.smaller()


def _read(name: str) -> str:
    data = pkgutil.get_data(__package__, name)  # also from a zip file
    if data is None:
        raise FileNotFoundError(name)
    return data.decode().replace("\r\n", "\n")


def _template() -> Any:
    def visible(value: Any) -> Any:
        """Show what a value has of characters that are invisible or change others."""
        if isinstance(value, markupsafe.Markup):
            return value
        return printable(value) if isinstance(value, str) else value

    environment = jinja2.Environment(
        autoescape=True,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(number=number, seconds=seconds)
    environment.globals.update(kinds=KINDS)
    return environment.from_string(_read("page.html.jinja"))


def _policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy for a page with this style and script."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
