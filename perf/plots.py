"""The plots of the report: SVG that is readable on a light and on a dark page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from cases import (
    EVENTS,
    FILTERING,
    HIT,
    MISS,
    NATIVE,
    NOBODY,
    NUMBERS,
    OF_SYS,
    place,
)
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#8b949e"  # a grey for either page
STYLE: Any = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "grid.alpha": 0.3,
    "grid.color": INK,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "savefig.transparent": True,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "audithooks",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def listeners(
    costs: dict[str, float], ours: list[str], peers: list[str], path: Path
) -> None:
    """Draw the cost of an event by the number of its hooks, a line for each label."""
    labels = ours + peers
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 4.4))
        for index, label in enumerate(labels):
            axes.plot(
                range(len(NUMBERS)),
                [costs[place(label, hooks)] for hooks in NUMBERS],
                color=plt.get_cmap("tab10")(index),
                label=label,
                linestyle="-" if label in ours else "--",
                linewidth=2.2 if label in ours else 1.4,
                marker="o",
                markersize=4,
            )
        axes.set_yscale("log")
        axes.set_xticks(range(len(NUMBERS)), [str(number) for number in NUMBERS])
        axes.set_xlabel("hooks")
        axes.set_ylabel("ns for an event with two arguments")
        axes.grid(axis="y")
        order = sorted(range(len(labels)), key=lambda i: -costs[place(labels[i], 10)])
        lines, names = axes.get_legend_handles_labels()
        axes.legend(
            [lines[i] for i in order],
            [names[i] for i in order],
            loc="center left",
            bbox_to_anchor=(1, 0.5),
        )
        save(figure, path)


def overhead(costs: dict[str, float], medians: dict[str, float], path: Path) -> None:
    """Draw what hooks add to operations that raise runtime events.

    A value below the variation between the processes of one case has no bar.
    """
    kinds = [HIT, OF_SYS, FILTERING, MISS, NATIVE]
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(1, len(EVENTS), figsize=(9, 2.6), sharey=True)
        panels: list[Axes] = list(grid)
        for axes, (event, (_, statement)) in zip(panels, EVENTS.items()):
            base = f"{event}, {NOBODY}"
            added = [costs[f"{event}, {kind}"] / costs[base] * 100 for kind in kinds]
            noise = (medians[base] / costs[base] - 1) * 100
            colours = ["#2f81f7" if "subscription" in kind else INK for kind in kinds]
            shown = [value if value > noise else 0 for value in added]
            bars = axes.barh(kinds, shown, color=colours)
            labels = [f"{value:+.0f} %" if value else "in the noise" for value in shown]
            axes.bar_label(bars, labels, padding=3)
            axes.set_title(statement.rpartition("; ")[2], family="monospace", size=9)
            axes.set_xlim(0, max(*shown, 1) * 1.7)
            axes.set_xticks([])
            axes.spines["bottom"].set_visible(False)
        save(figure, path)
