"""The types that the core speaks of. Type checkers read this; no program imports it."""

from __future__ import annotations

from collections.abc import Callable as Callable
from collections.abc import Iterable as Iterable
from collections.abc import Iterator as Iterator
from types import CodeType as CodeType
from types import FrameType as FrameType
from typing import Any as Any
from typing import Literal, Optional
from typing import NoReturn as NoReturn
from typing import Union as Union

Arguments = tuple[Any, ...]
HookFunction = Callable[[str, Arguments], object]
Scope = Literal["process", "thread", "context"]
OnError = Literal["raise", "unraisable"]

# What tells the names that are wanted: see wants() in patterns.py.
Globs = tuple[Callable[[str], bool], ...]
Wants = Union[
    None,
    frozenset[str],
    tuple[Optional[frozenset[str]], Globs, frozenset[str], Globs, dict[str, bool]],
]

# Where the function and the data of a native hook are.
Native = tuple[int, int]

# What is in a PyCapsule: its name, its pointer and its context.
Unpacked = Optional[tuple[Optional[str], int, int]]
