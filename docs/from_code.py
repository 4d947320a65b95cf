"""An extension of Sphinx: what pages take from the code, and names of Python's.

* `{events}` is the table of the catalogue, `{event}` refers to a row of it, `{groups}`
  is the table of groups.
* `{pytest-plugin}` is what the plugin gives: a fixture, markers, options.
* A page that says `<!-- this page is ../../FILE -->` has the text of that file, with
  its links led to pages, or to files of the repository.
* python.txt lists the names of Python's documentation that pages refer to, so that they
  are links without a network. A line is a name, its kind, and its place.
"""

from __future__ import annotations

import inspect
import os
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_id

from audithooks import pytest_plugin
from audithooks.catalogue import ALIASES, EVENTS, GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.config import Config

    from audithooks.catalogue import Entry

HERE = Path(__file__).parent
PYTHON = "https://docs.python.org/3"


class Events(SphinxDirective):
    """The events of CPython, a row for each, and a field that filters them."""

    def run(self) -> list[nodes.Node]:
        heads = ["event and arguments", "groups", "versions", "remark"]
        table = nodes.table(classes=["events"])
        group = nodes.tgroup("", *(nodes.colspec(colwidth=w) for w in (50, 20, 15, 15)))
        group["cols"] = len(heads)
        group += nodes.thead("", row(*(nodes.Text(head) for head in heads)))
        group += nodes.tbody("", *(self.row(entry) for entry in EVENTS.values()))
        table += group
        return [table]

    def row(self, entry: Entry) -> nodes.row:
        others = [alias for alias, name in ALIASES.items() if name == entry.name]
        remarks = [entry.note] if entry.note else []
        remarks += [f"documented as {', '.join(others)}"] if others else []
        found = row(
            nodes.literal("", f"{entry.name}({', '.join(entry.arguments)})"),
            nodes.Text(" ".join(f"@{group}" for group in entry.groups)),
            nodes.Text(versions(entry)),
            nodes.Text("; ".join(remarks)),
        )
        anchor = make_id(self.env, self.state.document, "event", entry.name)
        found["ids"].append(anchor)
        self.env.domains.standard_domain.note_object("event", entry.name, anchor)
        return found


def row(*cells: nodes.Node) -> nodes.row:
    return nodes.row(
        "", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells)
    )


def versions(entry: Entry) -> str:
    """Return the versions that raise an event, or nothing if that is all of them."""
    since = ".".join(map(str, entry.since))
    if entry.until is not None:
        return f"{since} to {'.'.join(map(str, entry.until))}"
    return "" if entry.since == (3, 8) else f"{since}+"


class Written(SphinxDirective):
    """Something that is written here as Markdown."""

    def lines(self) -> Iterator[str]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        text = "\n".join(self.lines())
        return self.parse_text_to_nodes(text, allow_section_headings=True)


class Groups(Written):
    def lines(self) -> Iterator[str]:
        yield from ("| group | events |", "| --- | --- |")
        for group, events in GROUPS.items():
            names = ", ".join(f"`{name}`" for name in sorted(events))
            yield f"| `@{group}` | {names} |"


class Plugin(Written):
    """The fixture, the markers and the options of the pytest plugin."""

    def lines(self) -> Iterator[str]:
        self.options = [["option", "in the configuration", "what it does"]]
        pytest_plugin.pytest_addoption(self)  # type: ignore[arg-type]
        fixture = inspect.unwrap(pytest_plugin.audit_events)
        doc = inspect.getdoc(getattr(fixture, "_get_wrapped_function", fixture))
        yield from (
            "### Fixture",
            "",
            "`audit_events`",
            f": {doc}".replace("\n", "\n  "),
        )
        yield from ("", "### Markers", "")
        for marker in pytest_plugin.MARKERS:
            name, _, what = marker.partition(": ")
            yield from (f"`@pytest.mark.{name}`", f": {what}", "")
        yield from ("### Options", "")
        self.options.insert(1, ["---"] * 3)
        for cells in self.options:
            yield f"| {' | '.join(cells)} |"

    # It takes the place of pytest's parser.

    def getgroup(self, name: str) -> Plugin:
        return self

    def addoption(self, name: str, *, metavar: str, help: str, **_: object) -> None:
        self.options.append([f"`{name}={metavar}`", "", help])

    def addini(self, name: str, help: str, **_: object) -> None:
        self.options.append(["", f"`{name}`", help])


IS_FILE = re.compile(r"<!-- this page is (\S+) -->\s*")
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def file_of(page: Path) -> Path | None:
    """Return the file whose text a page has, if it says so."""
    match = IS_FILE.fullmatch(page.read_text(encoding="utf-8"))
    return (page.parent / match[1]).resolve() if match else None


def take_files(app: Sphinx, docname: str, source: list[str]) -> None:
    page = Path(app.srcdir, f"{docname}.md")
    file = file_of(page)
    if file is None:
        return
    pages = {file_of(other): other for other in HERE.glob("*/*.md")}

    def led(match: re.Match[str]) -> str:
        target = (file.parent / match[1]).resolve()
        if target in pages or target.is_relative_to(HERE):
            return os.path.relpath(pages.get(target, target), page.parent)
        return f"repo:{os.path.relpath(target, HERE.parent)}"

    app.env.note_dependency(str(file))
    source[0] = LINK.sub(led, file.read_text(encoding="utf-8"))


def inventory(app: Sphinx, config: Config) -> None:
    """Make an inventory of python.txt, as intersphinx reads it."""
    lines = []
    for line in (HERE / "python.txt").read_text(encoding="utf-8").splitlines():
        name, kind, place = line.split()
        lines.append(f"{name} {kind} 1 {place} -\n")
    path = Path(app.doctreedir, "python.inv")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"# Sphinx inventory version 2\n# Project: Python\n# Version: 3\n# zlib\n"
        + zlib.compress("".join(lines).encode())
    )
    config.intersphinx_mapping = {"python": (PYTHON, str(path))}


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", inventory, priority=1)
    app.connect("source-read", take_files)
    app.add_object_type("event", "event", "audit event; %s")
    app.add_directive("events", Events)
    app.add_directive("groups", Groups)
    app.add_directive("pytest-plugin", Plugin)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
