"""The core: what an event passes through, and what adds and removes hooks.

choice.py picks the implementation. Of what comes in pairs, *_c.pxi is a part of the
compiled core_c.pyx and *_py.py its mirror; the other modules serve both.
docs/development/architecture.md has a picture of it all.

What `import audithooks` loads has its annotations in quotes: __future__ is a module.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import types as hints
else:
    from .._late import Late

    hints = Late("audithooks._core.types")
