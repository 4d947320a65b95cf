"""The core: what an event passes through, and what adds and removes hooks.

choice.py picks the implementation. Of the modules that come in pairs, *_c.pyx is
compiled and *_py.py its mirror; the others serve both. docs/architecture.md has a
picture of it all.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import types as hints
else:
    from .._late import Late

    hints = Late("audithooks._core.types")
