"""The types that the core speaks of. Type checkers read this; no program imports it."""

from __future__ import annotations

from collections.abc import Callable as Callable
from collections.abc import Iterable as Iterable
from contextvars import ContextVar as ContextVar
from contextvars import Token as Token
from types import CodeType as CodeType
from types import FrameType as FrameType
from typing import Any as Any
from typing import Literal, Optional, Protocol, Union
from typing import NoReturn as NoReturn

Arguments = tuple[Any, ...]
HookFunction = Callable[[str, Arguments], object]
Scope = Literal["process", "thread", "context"]
OnError = Literal["raise", "unraisable"]

# What tells the names that are wanted: see wants() in patterns.py.
Wants = Union[None, frozenset[str], Callable[[str], object]]

# Where the function and the data of a native hook are.
Native = tuple[int, int]

# What is in a PyCapsule: its name, its pointer and its context.
Unpacked = Optional[tuple[Optional[str], int, int]]


class Entry(Protocol):
    """A hook as it stands in a list: a Hook of either implementation."""

    @property
    def callable(self) -> HookFunction: ...
    @property
    def paused(self) -> bool: ...


class Hooks(Protocol):
    """What a Subscription needs of the domain that it belongs to."""

    def audit(self, event: str, /, *args: object) -> None: ...
    def _remove(self, hook: Any) -> None: ...
    def _pause(self, hook: Any, paused: bool) -> None: ...
