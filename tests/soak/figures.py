"""The figures of the last runs: figures.json keeps them, and a page shows them."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FIGURES = HERE / "figures.json"
PAGE = ROOT / "docs" / "explanation" / "trust.md"
START = "<!-- make soak and make sanitize: from here -->\n"
END = "<!-- make soak and make sanitize: to here -->\n"


def rendered(kept):
    """Return the part of the page with the figures in *kept*."""
    block = ""
    for target, parts in sorted(kept.items(), reverse=True):
        notes = [note for part in parts.values() for note in part["notes"]]
        on = sorted({part["on"] for part in parts.values()})
        block += f"`make {target}`, on {' and '.join(on)}:\n\n"
        block += "| what | how many |\n| --- | ---: |\n"
        for _, part in sorted(parts.items()):
            for name, number in part["figures"]:
                block += f"| {name} | {number} |\n"
        block += "".join(f"\n{note}\n" for note in notes) + "\n"
    return block


def shown(number):
    return f"{number:,}" if isinstance(number, int) else str(number)


def keep(target, part, found, notes=()):
    """Write the figures of one part of a run to figures.json and to the page."""
    kept = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    kept.setdefault(target, {})[part] = {
        "on": f"CPython {platform.python_version()}, {os.cpu_count()} cores",
        "figures": [[name, shown(number)] for name, number in found],
        "notes": list(notes),
    }
    FIGURES.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    before, start, rest = PAGE.read_text(encoding="utf-8").partition(START)
    if start:
        after = rest.partition(END)[2]
        PAGE.write_text(before + START + rendered(kept) + END + after, encoding="utf-8")


def print_table(figures, notes=()):
    print()
    for name, number in figures:
        print(f"{shown(number):>14}  {name}")
    for note in notes:
        print(note)
