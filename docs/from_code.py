"""An extension of Sphinx: what pages take from the code, and names of Python's.

* `{events}` is the table of the catalogue; `{event}` refers to a row of it.
* python.txt lists the names of Python's documentation that pages refer to, so that they
  are links without a network. A line is a name, its kind, and its page.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_id

from audithooks.catalogue import ALIASES, EVENTS

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

    from audithooks.catalogue import Entry

HERE = Path(__file__).parent
PYTHON = "https://docs.python.org/3"


class Events(SphinxDirective):
    """The events of CPython, a row for each."""

    def run(self) -> list[nodes.Node]:
        table = nodes.table(classes=["events"])
        group = nodes.tgroup(cols=4)
        table += group
        for width in (50, 20, 15, 15):
            group += nodes.colspec(colwidth=width)
        head = nodes.thead()
        head += row("event and arguments", "groups", "versions", "remark")
        group += head
        body = nodes.tbody()
        group += body
        for name, entry in EVENTS.items():
            body += self.row(name, entry)
        return [table]

    def row(self, name: str, entry: Entry) -> nodes.row:
        found = row("", " ".join(f"@{each}" for each in entry.groups), versions(entry))
        anchor = make_id(self.env, self.state.document, "event", name)
        found[0][0] += nodes.literal("", f"{name}({', '.join(entry.arguments)})")
        found["ids"].append(anchor)
        self.env.domains.standard_domain.note_object("event", name, anchor)
        remark = nodes.entry()
        others = [alias for alias, of in ALIASES.items() if of == name]
        words = [entry.note] if entry.note else []
        words += [f"documented as {', '.join(others)}"] if others else []
        self.state.nested_parse(StringList(["; ".join(words)]), 0, remark)
        found += remark
        return found


def row(*texts: str) -> nodes.row:
    found = nodes.row()
    for text in texts:
        entry = nodes.entry()
        entry += nodes.paragraph("", text)
        found += entry
    return found


def versions(entry: Entry) -> str:
    """Return the versions that raise an event; a range without a begin is all to it."""
    since = "" if entry.since == (3, 8) else ".".join(map(str, entry.since))
    until = "" if entry.until is None else ".".join(map(str, entry.until))
    if until:
        return f"{since or '3.8'} to {until}"
    return f"from {since} on" if since else ""


def inventory(app: Sphinx, config: Config) -> None:
    """Make an inventory of python.txt, as intersphinx reads it."""
    lines = []
    for line in (HERE / "python.txt").read_text(encoding="utf-8").splitlines():
        name, kind, page = line.split()
        place = page if "#" in page else f"{page}#{name}"
        lines.append(f"{name} {kind} 1 {place} -\n")
    path = Path(app.outdir, ".python.inv")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"# Sphinx inventory version 2\n# Project: Python\n# Version: 3\n# zlib\n"
        + zlib.compress("".join(lines).encode())
    )
    config.intersphinx_mapping = {"python": (PYTHON, str(path))}


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", inventory, priority=1)
    app.add_object_type("event", "event", "audit event; %s")
    app.add_directive("events", Events)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
