"""Makes traces in JSON Lines, as small as a test wants them."""

import json
from itertools import count

PROCESS = {
    "parent": 1,
    "command": "shop.py",
    "folder": "/srv/shop",
    "python": "cpython 3.14.0",
    "stdlib": "/usr/lib/python3.14",
}


class Writing:
    """A trace that is written: each event is a millisecond after the one before."""

    def __init__(self, path):
        self.path = path
        self._numbers = {}
        self._ticks = count()
        path.write_text("")

    def raw(self, text):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(text)

    def event(self, event, args, pid=10, stack=(), **members):
        tick = next(self._ticks)
        self._numbers[pid] = members.pop("seq", self._numbers.get(pid, 0) + 1)
        record = {
            "time": f"2026-01-01T00:{tick // 60000:02}:{tick // 1000 % 60:02}"
            f".{tick % 1000:03}000Z",
            "seq": self._numbers[pid],
            "pid": pid,
            "thread": 1,
            "event": event,
            "args": args,
            **members,
        }
        if stack:
            record["stack"] = [
                {"file": file, "line": line, "function": function}
                for file, line, function in stack
            ]
        self.raw(f"{json.dumps(record)}\n")

    def open(self, path, mode="r", flags=0, **members):
        self.event("open", {"path": path, "mode": mode, "flags": flags}, **members)
