"""When what was done: events one by one, and how many there were at each time.

Memory does not grow with the trace: the events are thinned out evenly, and the spans in
which they are counted become longer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ..reading.touches import (
    CODE,
    CONNECTS,
    HOSTS,
    LISTENS,
    LOOKS_UP,
    READS,
    REMOVES,
    STARTS,
    WRITES,
)
from ..records.text import shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..reading.records import Record
    from ..reading.touches import Touch
    from ..reading.trace import Process, Trace

REFUSED = "refused"
KINDS = (
    (REFUSED, "refused"),
    ("started", "programs started"),
    ("hosts", "hosts"),
    ("changed", "files written and removed"),
    ("read", "files read"),
    ("code", "code"),
    ("other", "other events"),
)
"""The kinds of events, by name and in words: the first ones are shown first of all."""

_PLACES = {name: place for place, (name, _) in enumerate(KINDS)}
_OF_TOUCH = {
    **dict.fromkeys(HOSTS, "hosts"),
    **dict.fromkeys(CODE, "code"),
    STARTS: "started",
    WRITES: "changed",
    REMOVES: "changed",
    READS: "read",
}
_SAID = {
    CONNECTS: "connect to",
    LOOKS_UP: "look up",
    LISTENS: "listen on",
    READS: "read",
    WRITES: "write",
    REMOVES: "remove",
    STARTS: "start",
}

MOST_LANES = 40
_MOST_KEPT = 20_000  # events of a kind
_MOST_SPANS = 40_000
_BARS = 200  # across the width


@dataclass(frozen=True)
class Moment:
    """An event of the timeline; *time* is since the first event, in microseconds."""

    time: int
    process: int
    kind: int
    event: str
    text: str


@dataclass
class Lane:
    """A process of the timeline, with how many events were in each part of the time."""

    process: Process
    bars: list[int]

    def path(self, tallest: int) -> str:
        """Return the bars as a path of SVG, 20 high; small numbers are seen, too."""
        return "".join(
            f"M{place} 20v-{(count / tallest) ** 0.5 * 20:.1f}h1V20z"
            for place, count in enumerate(self.bars)
            if count
        )


@dataclass
class Timeline:
    """*moments* are some of the *total* events; *lanes* have all of their processes."""

    start: int
    length: int
    lanes: list[Lane]
    moments: list[Moment]
    total: int
    lanes_left_out: int

    @property
    def bars(self) -> int:
        """How many bars there are across."""
        return _BARS

    @property
    def tallest(self) -> int:
        return max((max(lane.bars) for lane in self.lanes), default=1) or 1

    def data(self) -> dict[str, Any]:
        """Return what the script of a page needs: numbers, and each text once."""
        texts: dict[str, int] = {}
        lanes = {lane.process.number: at for at, lane in enumerate(self.lanes)}
        events = [
            [
                moment.time,
                lanes[moment.process],
                moment.kind,
                texts.setdefault(moment.event, len(texts)),
                texts.setdefault(moment.text, len(texts)),
            ]
            for moment in self.moments
        ]
        return {
            "length": self.length,
            "kinds": [words for _, words in KINDS],
            "bars": [lane.bars for lane in self.lanes],
            "texts": [*texts],
            "events": events,
        }


class Recorder:
    """Takes the records of a trace, one by one, for a Timeline."""

    def __init__(self, longest: int = 120) -> None:
        self._longest = longest
        self._kept: list[list[Moment]] = [[] for _ in KINDS]
        self._steps = [1] * len(KINDS)  # of so many events one is kept
        self._seen = [0] * len(KINDS)
        self._width = 1000  # of a span, in microseconds
        self._spans: Counter[tuple[int, int]] = Counter()  # by process and span
        self._total = 0

    def __call__(self, record: Record, process: Process, found: list[Touch]) -> None:
        kind = _kind(record, found)
        self._total += 1
        self._spans[process.number, record.time // self._width] += 1
        if len(self._spans) > _MOST_SPANS:
            self._widen()
        self._seen[kind] += 1
        if self._seen[kind] % self._steps[kind]:
            return
        kept = self._kept[kind]
        text = shortened(_text(record, found), self._longest)
        event = shortened(record.event, self._longest)
        kept.append(Moment(record.time, process.number, kind, event, text))
        if len(kept) > _MOST_KEPT:
            del kept[::2]
            self._steps[kind] *= 2

    def _widen(self) -> None:
        self._width *= 2
        spans, self._spans = self._spans, Counter()
        for (process, span), count in spans.items():
            self._spans[process, span // 2] += count
        if len(self._spans) > _MOST_SPANS // 2 and self._width < 1 << 62:
            self._widen()

    def timeline(self, trace: Trace, most: int) -> Timeline:
        """Return the timeline, with so many events one by one."""
        start = trace.first
        length = max(trace.last - start, 1)
        busiest = sorted(trace.processes, key=lambda p: (-p.events, p.number))
        lanes = sorted(
            (Lane(process, [0] * _BARS) for process in busiest[:MOST_LANES]),
            key=lambda lane: (lane.process.first, lane.process.number),
        )
        by_number = {lane.process.number: lane for lane in lanes}
        for (number, span), count in self._spans.items():
            if number in by_number:
                since = min(max(span * self._width - start, 0), length)
                bar = min(since * _BARS // length, _BARS - 1)
                by_number[number].bars[bar] += count
        moments = [
            Moment(m.time - start, m.process, m.kind, m.event, m.text)
            for m in self._chosen(by_number, most)
        ]
        moments.sort(key=lambda moment: (moment.time, moment.process))
        left_out = len(trace.processes) - len(lanes)
        return Timeline(start, length, lanes, moments, self._total, left_out)

    def _chosen(self, lanes: dict[int, Lane], most: int) -> Iterator[Moment]:
        """Yield the events that there is room for, of each kind evenly."""
        for kept in self._kept:
            found = [moment for moment in kept if moment.process in lanes]
            step = -(-len(found) // most) if most else 0
            chosen = found[::step] if step else []
            most -= len(chosen)
            yield from chosen


def _kind(record: Record, found: list[Touch]) -> int:
    if record.action in ("denied", "would deny"):
        return _PLACES[REFUSED]
    kinds = [_PLACES[_OF_TOUCH[touch.kind]] for touch in found]
    return min(kinds, default=_PLACES["other"])


def _text(record: Record, found: list[Touch]) -> str:
    """Return what an event was about, in a few words."""
    if found:
        touch = found[0]
        port = f" port {touch.detail}" if touch.kind in HOSTS and touch.detail else ""
        words = touch.detail if touch.kind == STARTS else ""
        behind = " ".join(["", *words.split("\0")]) if words else port
        return f"{_SAID.get(touch.kind, '')} {touch.what}{behind}".strip()
    return next((str(value) for value in record.args.values() if value), "")
