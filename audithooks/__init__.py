"""PEP 578 audit hooks as a library: filtered, removable, isolated, and fast.

The functions of this module belong to the interpreter's own audit stream: audit() and
addaudithook() replace those of sys, subscribe() adds a removable hook for some events.
A Dispatcher is an isolated domain with the same methods. C and Cython code finds the
same in audithooks.h: see get_include().

audithooks.catalogue describes the events of CPython, audithooks.sinks has hooks that
write them, and audithooks.policy decides what may be done. `python -m audithooks` shows
the events of a program. https://audithooks.readthedocs.io has how-to pages.

>>> with audithooks.subscribe(print, "shop.*"):
...     audithooks.audit("shop.sell", "tea")
shop.sell ('tea',)

PYTEST_DONT_REWRITE
"""
# That word is for pytest, which warns without it if this module was imported before its
# plugin. To hide it from help() takes a class, and so time at each import.

import os

from ._core.choice import (
    FALLBACK_REASON,
    IMPLEMENTATION,
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

__all__ = (
    "FALLBACK_REASON",
    "IMPLEMENTATION",
    "Attachment",
    "AuditHooksWarning",
    "Capture",
    "Dispatcher",
    "Event",
    "HookRejected",
    "Record",
    "RemoteRecord",
    "Subscription",
    "addaudithook",
    "attach",
    "audit",
    "capture",
    "get_include",
    "set_open_code_hook",
    "subscribe",
    "subscriptions",
)


def get_include() -> str:
    """Return the folder of audithooks.h, for compilers of C and Cython extensions.

    >>> os.path.exists(os.path.join(audithooks.get_include(), "audithooks.h"))
    True

    Added in 0.1.
    """
    return os.path.dirname(__file__)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._core.capture import Record
    from .tracer.remote import Attachment, RemoteRecord, attach

    __version__: str
else:

    def __getattr__(name: str) -> object:
        """Return what most programs do without, and what is therefore loaded late.

        __version__ is that of the installed distribution, or "0+unknown" if there is
        none, as in a program that was frozen without it. _C_API is the capsule of
        audithooks.h; PyCapsule_Import() raises the ImportError of where there is none.
        """
        value: object
        if name == "Record":
            from ._core.capture import Record as value
        elif name in ("attach", "Attachment", "RemoteRecord"):
            from .tracer import remote

            value = getattr(remote, name)
        elif name == "_C_API":
            if IMPLEMENTATION == "python":
                raise ImportError(
                    "audithooks runs in pure Python, without a C API: "
                    f"{FALLBACK_REASON}",
                    name="audithooks",
                )
            from ._core.capi_c import _C_API as value
        elif name == "__version__":
            from importlib.metadata import PackageNotFoundError, version

            try:
                value = version("audithooks")
            except PackageNotFoundError:
                value = "0+unknown"
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, "__version__"})
