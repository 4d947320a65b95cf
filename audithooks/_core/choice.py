"""The choice of the implementation: compiled, or pure Python.

The environment variable AUDITHOOKS_PURE_PYTHON decides. If it is unset or empty, the
compiled one is used if it can be imported. With 0 it is required: importing audithooks
raises ImportError if it cannot be imported. Any other value selects pure Python.
"""

import os

TYPE_CHECKING = False

FALLBACK_REASON: "str | None" = None
"""The reason why IMPLEMENTATION is "python", as text, or None if it is "cython".

>>> (audithooks.FALLBACK_REASON is None) == (audithooks.IMPLEMENTATION == "cython")
True

Added in 0.1.
"""


def _reason(error: ImportError) -> str:
    """Say why the compiled modules cannot be imported."""
    if not isinstance(error, ModuleNotFoundError):
        return str(error)
    try:  # build_ext.py writes this file
        path = os.path.join(os.path.dirname(__file__), "not_compiled.txt")
        with open(path, encoding="utf-8") as file:
            why = file.read().strip()
    except OSError:
        why = str(error)
    return f"installed without compiled modules: {why}"


_asked = os.environ.get("AUDITHOOKS_PURE_PYTHON", "")
REQUIRED = _asked == "0"
if TYPE_CHECKING or _asked not in ("", "0"):
    FALLBACK_REASON = "AUDITHOOKS_PURE_PYTHON asks for it"
else:
    # What compiled modules import is named by -X importtime, unless it is there.
    from . import domain as domain
    from . import patterns as patterns

    try:
        import audithooks._core.core_c as _module

        # Cython hands back the old module, whose globals are None or gone.
        if getattr(_module, "Dispatcher", None) is None:
            raise ImportError(
                "the compiled modules ended with another interpreter, and Cython "
                "cannot begin again (https://github.com/cython/cython/issues/732)"
            )
        # By name, as it is the old module if it is imported again, and so its classes.
        from .core_c import (
            AuditHooksWarning,
            Capture,
            Dispatcher,
            Event,
            HookRejected,
            Subscription,
            addaudithook,
            audit,
            capture,
            set_open_code_hook,
            subscribe,
            subscriptions,
        )
    except ImportError as error:  # no compiler, PyPy, a subinterpreter
        if REQUIRED:
            raise
        FALLBACK_REASON = _reason(error)

if FALLBACK_REASON is not None:
    from .dispatcher_py import Dispatcher, Event
    from .domain import AuditHooksWarning, HookRejected
    from .hooklist_py import Capture, Subscription
    from .open_code_py import set_open_code_hook
    from .runtime_py import (
        NO_HOOKS,
        addaudithook,
        audit,
        capture,
        subscribe,
        subscriptions,
    )

    if NO_HOOKS is not None:
        FALLBACK_REASON += f"; {NO_HOOKS}"

IMPLEMENTATION: str = "cython" if FALLBACK_REASON is None else "python"
"""The implementation that this process uses, "cython" or "python".

>>> audithooks.IMPLEMENTATION in ("cython", "python")
True

Added in 0.1.
"""

__all__ = (
    "FALLBACK_REASON",
    "IMPLEMENTATION",
    "AuditHooksWarning",
    "Capture",
    "Dispatcher",
    "Event",
    "HookRejected",
    "Subscription",
    "addaudithook",
    "audit",
    "capture",
    "set_open_code_hook",
    "subscribe",
    "subscriptions",
)
