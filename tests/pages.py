"""The how-to pages: their blocks, for tests that run them as a reader would."""

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parent.parent / "docs" / "how-to"


def block(page, kind, number=0):
    """Return the text of a fenced block of a page, by its number among its kind."""
    if not PAGES.exists():
        pytest.skip("the tests were copied without docs/")
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(rf"```{re.escape(kind)}\n(.*?)```", text, re.DOTALL)[number]


def replaced(text, values):
    """Return *text* with the values of this place for those that a reader replaces."""
    for old, new in values.items():
        assert old in text
        text = text.replace(old, str(new))
    return text
