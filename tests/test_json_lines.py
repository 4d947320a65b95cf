"""The examples of docs/how-to/query.md print what it says."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "how-to" / "query.md"


@pytest.mark.soak
def test_a_million_lines_are_read_back(child, tmp_path):
    pytest.importorskip("duckdb", reason="DuckDB is not installed")
    text = PAGE.read_text(encoding="utf-8")
    code, output = (
        "".join(re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL))
        for kind in ("python", "text")
    )
    assert child.run(code, cwd=tmp_path) == output
