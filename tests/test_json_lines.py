"""The examples of docs/how-to/query.md print what it says."""

import pytest
from pages import block

PYTHON = "{code-block} python"
DUCKDB = 1, 2  # the numbers of the blocks, and of those of their outputs
CLICKHOUSE = (3,)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("package", "numbers"), [("duckdb", DUCKDB), ("chdb", CLICKHOUSE)]
)
def test_a_million_lines_are_read_back(child, tmp_path, package, numbers):
    pytest.importorskip(package, reason=f"{package} is not installed")
    code = "".join(block("query", PYTHON, number) for number in (0, *numbers))
    output = "".join(block("query", "text", number - 1) for number in numbers)
    assert child.run(code, cwd=tmp_path) == output
