"""A service with an audit log: JSON Lines, rotated, and without secrets.

    printf 'tea 4000-1234\njam 4000-9876\n' | python examples/service_log.py FOLDER

It takes orders from stdin, an item and the number of a card in each line, and writes an
invoice for each. FOLDER/audit.jsonl says what was ordered, written, started and
connected to. A log of more than LIMIT bytes becomes audit.jsonl.1, and that .2.
"""

import sys
from pathlib import Path

from audithooks import Event, subscribe
from audithooks.catalogue import describe
from audithooks.sinks import JsonLines

LIMIT, KEPT = 4000, 3

describe("shop.order", "item", "card")
ordered = Event("shop.order")


def rotate(log: Path) -> None:
    """Give the log another name if it is long. The next event begins a new one."""
    if log.stat().st_size < LIMIT:
        return
    for number in range(KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    log.replace(log.with_name(f"{log.name}.1"))


def take(item: str, card: str, folder: Path, number: int) -> None:
    """Take an order. Whoever wants to refuse it can do so by a hook of shop.order."""
    ordered(item, card)
    folder.joinpath(f"invoice-{number}.txt").write_text(f"1 {item}\n", encoding="utf-8")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "audit.jsonl"
    wanted = "shop.*", "@write", "@connect", "@spawn"
    # An order that cannot be logged is still taken: the error goes to stderr.
    with (
        JsonLines(log, redact="card") as sink,
        subscribe(sink, *wanted, on_error="unraisable"),
    ):
        for number, line in enumerate(sys.stdin, 1):
            item, card = line.split()
            take(item, card, folder, number)
            rotate(log)
    print(*sorted(path.name for path in folder.glob("audit.*")))


if __name__ == "__main__":
    main()
