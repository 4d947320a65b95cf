"""The types that the core speaks of.

Type checkers read this, and typing.get_type_hints(), by `hints` in __init__.py. Unions
stand here, as 3.9 cannot evaluate `int | None` in an annotation.
"""

from __future__ import annotations

import os
import types
from collections.abc import Callable as Callable
from collections.abc import Iterable as Iterable
from collections.abc import Iterator as Iterator
from collections.abc import Mapping
from types import CodeType as CodeType
from types import FrameType as FrameType
from typing import Any as Any
from typing import Literal, Protocol
from typing import NamedTuple as NamedTuple
from typing import NoReturn as NoReturn
from typing import Optional as Optional
from typing import Union as Union

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import CapsuleType
    from typing_extensions import Self as Self
else:
    Self = Any  # of typing from 3.11 on
    CapsuleType = getattr(types, "CapsuleType", object)  # from 3.13 on

Arguments = tuple[Any, ...]
Callback = Callable[[str, Arguments], object]
HookFunction = Union[Callback, CapsuleType]
Patterns = Union[str, Iterable[str]]
Scope = Literal["process", "thread", "context"]
OnError = Literal["raise", "unraisable"]

# What tells the names that are wanted: see wants() in patterns.py.
Globs = tuple[Callable[[str], bool], ...]
Wants = Union[
    None,
    frozenset[str],
    tuple[Optional[frozenset[str]], Globs, frozenset[str], Globs, dict[str, bool]],
]


class HasDescriptor(Protocol):
    """An open file, as far as a sink knows."""

    def fileno(self) -> int: ...


# What lines are written to.
Output = Union[str, bytes, os.PathLike[str], os.PathLike[bytes], int, HasDescriptor]

# What became of an event, in a record: a word, or members by their names.
Action = Union[str, Mapping[str, Any]]

# Where the function and the data of a native hook are.
Native = tuple[int, int]

# What is in a PyCapsule: its name, its pointer and its context.
Unpacked = Optional[tuple[Optional[str], int, int]]
