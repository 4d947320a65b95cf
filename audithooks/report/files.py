"""The tree of files, with how many were read, written and removed in each folder."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..reading.touches import FILES, REMOVES, WRITES
from ..records.text import shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..reading.trace import Use

MOST_DEEP = 24
_MOST_OPEN = 30  # files in a folder that is shown open


@dataclass
class Folder:
    """A folder or, if nothing is below it, a file.

    *name* is its part of the path, or several in one. *files* counts the files in it by
    what was done, *times* how often; *left_out* are files that are not shown.
    """

    name: str
    files: dict[str, int] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    below: list[Folder] = field(default_factory=list)
    left_out: int = 0
    is_file: bool = False

    @property
    def total(self) -> int:
        return sum(self.files.values())

    @property
    def counts(self) -> str:
        """What was done, in words: of a file how often, of a folder to how many."""
        found = self.times if self.is_file else self.files
        words = []
        for kind in FILES:
            count = found.get(kind)
            if count and self.is_file:
                times = f" {count:,} times" if count > 1 else ""
                words.append(f"{kind}{times}")
            elif count:
                words.append(f"{count:,} {kind}")
        return ", ".join(words)

    @property
    def kinds(self) -> str:
        """The classes of its row in a page."""
        return " ".join(kind for kind in FILES if self.files.get(kind))

    @property
    def is_open(self) -> bool:
        """Whether it is shown open: it has changes, and not too much beside them."""
        changes = self.files.get(WRITES, 0) + self.files.get(REMOVES, 0)
        return changes > 0 and self.total <= _MOST_OPEN


class _Node:
    __slots__ = ("below", "count", "files", "times")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.count = 0  # of the paths that are it, or below it
        self.files: dict[str, int] = {}
        self.times: dict[str, int] = {}


def folders(files: Mapping[str, Mapping[str, Use]], most: int, longest: int) -> Folder:
    """Return the tree of *files*, of which at most so many are shown.

    Those that were changed are shown first, then those that were touched most often.
    """
    order = sorted(
        files,
        key=lambda path: (
            not {WRITES, REMOVES} & {*files[path]},
            -sum(use.count for use in files[path].values()),
            path,
        ),
    )
    root, shown = _Node(), _Node()
    for place, path in enumerate(order):
        node, kept = root, shown
        for part in ("", *_parts(path)):
            if part:
                node = node.below.setdefault(part, _Node())
                if place < most:
                    kept = kept.below.setdefault(part, _Node())
            node.count += 1
            for kind in files[path]:
                node.files[kind] = node.files.get(kind, 0) + 1
        node.times = {kind: use.count for kind, use in files[path].items()}
    return _folder("", root, shown, longest)


def _parts(path: str) -> list[str]:
    """Return the parts of a path; what is too deep is one part."""
    divider = "\\" if path[1:3] == ":\\" or path.startswith("\\\\") else "/"
    *parts, last = path.split(divider, MOST_DEEP)
    return [*(f"{part}{divider}" for part in parts), *filter(None, [last])]


def _folder(name: str, node: _Node, kept: _Node, longest: int) -> Folder:
    # A folder with nothing but another folder is one with that.
    while len(node.below) == 1 and not node.times and len(kept.below) == 1:
        ((part, node),) = node.below.items()
        name += part
        kept = kept.below[part]
    below = [
        _folder(part, node.below[part], kept.below[part], longest)
        for part in sorted(kept.below, key=lambda part: (part[-1] not in "/\\", part))
    ]
    return Folder(
        shortened(name, longest),
        node.files,
        node.times,
        below,
        left_out=node.count
        - bool(node.times)
        - sum(node.below[part].count for part in kept.below),
        is_file=not node.below,
    )
