"""A library that raises events of its own, which cost nearly nothing without a hook.

    python examples/own_events.py

The library is a cache with three events: cache.get (key), cache.put (key, value) and
cache.evict (key, age). Programs that use it count them, log them or refuse them by
hooks, and the library needs no code for that.
"""

import time
from collections import Counter

from audithooks import Event, subscribe
from audithooks.catalogue import describe

describe("cache.get", "key", groups=["cache"])
describe("cache.put", "key", "value", groups=["cache"])
describe("cache.evict", "key", "age", groups=["cache"])
_get, _put, _evict = Event("cache.get"), Event("cache.put"), Event("cache.evict")


class Cache:
    """A dict that keeps the *most* newest items."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: dict[str, tuple[object, float]] = {}

    def get(self, key: str) -> object:
        _get(key)
        return self._items[key][0] if key in self._items else None

    def put(self, key: str, value: object) -> None:
        _put(key, value)  # first, as a hook may refuse it
        while len(self._items) >= self._most:
            oldest = next(iter(self._items))
            if _evict:  # only a hook needs the age
                _evict(oldest, time.monotonic() - self._items[oldest][1])
            del self._items[oldest]
        self._items[key] = value, time.monotonic()


def main() -> None:
    """A program that uses the cache: it counts events, and wants no empty values."""
    cache, counts = Cache(most=2), Counter()

    def refuse_empty(event: str, args: tuple[object, ...]) -> None:
        if not args[1]:
            raise ValueError(f"an empty value for {args[0]}")

    with subscribe(lambda event, args: counts.update([event]), "@cache"):
        with subscribe(refuse_empty, "cache.put"):
            for key, value in ("a", 1), ("b", 0), ("c", 3), ("d", 4):
                try:
                    cache.put(key, value)
                except ValueError as error:
                    print("refused:", error)
        print(*map(cache.get, "abcd"))
    print(*(f"{event}: {count}" for event, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
