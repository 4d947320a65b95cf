"""The plots of the report: SVG, readable on a light and on a dark page and on a phone.

A page shows a picture in the colours of its own theme only if it has two of them, so
there is one, transparent, in colours that differ enough from white and from black. It
is as wide as a phone, so that its text is not scaled down.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import FuncFormatter, NullLocator

from bench_dispatch import DISPATCHER, NUMBERS, SYS, place
from bench_runtime import (
    EVENTS,
    FILTERING,
    HIT,
    MISS,
    NATIVE,
    NOBODY,
    OF_SYS,
)

if TYPE_CHECKING:
    from report import Figure

INK = "#76808b"  # a grey for either page, and colours
BLUE = "#2f81f7"
ORANGE = "#d4731c"
STYLE: Any = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "font.size": 8.5,
    "grid.alpha": 0.35,
    "grid.color": INK,
    "savefig.transparent": True,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "audithooks",
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.color": INK,
}
WIDTH = 3.9  # inches: a phone has 390 pixels, of which an inch is 96


def save(picture: Picture, path: Path) -> None:
    picture.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(picture)


def time(nanoseconds: float) -> str:
    power = 0 if nanoseconds < 1e3 else 1 if nanoseconds < 1e6 else 2
    value = nanoseconds / 1000**power
    return f"{value:.{int(power > 0 and value < 10)}f} {('ns', 'µs', 'ms')[power]}"


def tick(nanoseconds: float, _: object = None) -> str:
    return time(nanoseconds).replace(".0 ", " ")


def spread(heights: list[float], distance: float) -> list[float]:
    """Return heights of labels, in order, that are at least a distance apart."""
    placed = sorted(heights)
    for _ in range(200):
        for i in range(len(placed) - 1):
            missing = distance - (placed[i + 1] - placed[i])
            if missing > 0:
                placed[i] -= missing / 2
                placed[i + 1] += missing / 2
    order = sorted(range(len(heights)), key=heights.__getitem__)
    found = dict(zip(order, placed))
    return [found[i] for i in range(len(heights))]


def listeners(
    found: dict[str, Figure], ours: list[str], peers: list[str], path: Path
) -> None:
    """Draw the cost of an event by the number of its hooks, a line for each label."""
    labels = ours + peers
    numbers = NUMBERS[1:]  # a logarithmic axis has no 0
    last = numbers[-1]
    with plt.rc_context(STYLE):
        picture, axes = plt.subplots(figsize=(WIDTH, 4.2))
        for label in labels:
            own = label in ours
            axes.plot(
                numbers,
                [found[place(label, hooks)].value for hooks in numbers],
                color=BLUE if own else ORANGE if label == SYS else INK,
                linewidth=2 if own else 1.3,
                marker="o",
                markersize=3,
                clip_on=False,
            )
        axes.set_yscale("log")
        axes.set_xscale("log")
        axes.set_xlim(numbers[0], last)
        axes.set_xticks(numbers, [f"{number}" for number in numbers])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("hooks of the event, each called")
        axes.yaxis.set_major_formatter(FuncFormatter(tick))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.grid(axis="y")
        bottom, top = axes.get_ylim()
        ends = [found[place(label, last)].value for label in labels]
        heights = spread([math.log(end) for end in ends], math.log(top / bottom) / 21)
        for label, end, height in zip(labels, ends, heights):
            axes.annotate(
                label,
                (last, end),
                xytext=(last * 1.25, math.exp(height)),
                annotation_clip=False,
                arrowprops={
                    "arrowstyle": "-",
                    "color": INK,
                    "linewidth": 0.5,
                    "relpos": (0, 0.5),
                    "shrinkA": 0,
                    "shrinkB": 4,
                },
                color=BLUE if label in ours else ORANGE if label == SYS else INK,
                fontweight="bold" if label in ours else "normal",
                va="center",
            )

        def with_ten(label: str) -> float:
            return found[place(label, 10)].value

        dispatcher, sys, worst = (
            with_ten(label) for label in (DISPATCHER, SYS, max(peers, key=with_ten))
        )
        title(
            axes,
            f"Ten hooks take {time(dispatcher)} by a Dispatcher,\n"
            f"{time(sys)} by sys.audit, up to {time(worst)} elsewhere",
        )
        save(picture, path)


def title(axes: Axes, text: str) -> None:
    axes.figure.suptitle(text, x=0.01, ha="left", fontsize=9.5, fontweight="bold")


def overhead(found: dict[str, Figure], path: Path) -> None:
    """Draw what hooks add to operations that raise runtime events, and those alone.

    A line is the range of a figure. What it does not tell from nothing has no dot,
    but an arrow down from its end.
    """
    kinds = [NOBODY, NATIVE, MISS, FILTERING, OF_SYS, HIT]
    names = {NOBODY: "the operation itself"}
    colours = {MISS: BLUE, HIT: BLUE, FILTERING: ORANGE, OF_SYS: ORANGE}
    height = len(kinds) + 1.6
    with plt.rc_context(STYLE):
        picture, axes = plt.subplots(figsize=(WIDTH, 6.4))
        axes.set_xscale("log")
        ticks, labels = [], []
        for number, (event, (_, statement)) in enumerate(EVENTS.items()):
            top = -number * height
            axes.text(
                *(0, top, statement.rpartition("; ")[2]),
                transform=axes.get_yaxis_transform(),
                family="monospace",
                fontweight="bold",
                va="center",
            )
            for row, kind in enumerate(kinds, 1):
                each = found[f"{event}, {kind}"]
                y = top - row
                colour = colours.get(kind, INK)
                ticks.append(y)
                labels.append(names.get(kind, f"+ {kind}"))
                if each.is_noise:
                    end, text = each.bound, f"< {time(each.bound)}"
                    axes.plot(end, y, "<", color=colour, fillstyle="none", ms=5)
                else:
                    end, text = each.high, time(each.value)
                    shape = "s" if kind == NOBODY else "o"
                    axes.plot([each.low, each.high], [y, y], color=colour, lw=1.5)
                    axes.plot(each.value, y, shape, color=colour, ms=5)
                axes.annotate(
                    *(text, (end, y), (7, 0)),
                    textcoords="offset points",
                    va="center",
                    color=colour,
                )
        axes.set_yticks(ticks, labels)
        axes.tick_params("y", length=0)
        axes.tick_params("x", labelsize=7)
        axes.set_xlabel("hollow: hidden by the noise", fontsize=8)
        axes.set_ylim(min(ticks) - 0.6, 0.6)
        axes.xaxis.set_major_formatter(FuncFormatter(tick))
        axes.xaxis.set_minor_locator(NullLocator())
        low, high = axes.get_xlim()
        axes.set_xlim(max(low, 1), high * 25)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        miss, filtering = (found[f"id, {kind}"] for kind in (MISS, FILTERING))
        title(
            axes,
            f"An event that no hook wants: +{time(miss.value)} for id(0),\n"
            f"+{time(filtering.value)} with a hook of sys that filters",
        )
        save(picture, path)
