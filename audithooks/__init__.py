"""PEP 578 audit hooks as a library: filtered, removable, isolated, and fast.

The functions of this module belong to the interpreter's own audit stream: audit() and
addaudithook() stand in for those of sys, subscribe() adds a hook for some events that
can be taken away again. A Dispatcher is an isolated domain with the same methods.
"""

from ._impl import (
    FALLBACK_REASON,
    IMPLEMENTATION,
    Dispatcher,
    Event,
    addaudithook,
    audit,
    capture,
    subscribe,
)
from ._subscription import HookRejected, Subscription

__all__ = (
    "FALLBACK_REASON",
    "IMPLEMENTATION",
    "Dispatcher",
    "Event",
    "HookRejected",
    "Subscription",
    "addaudithook",
    "audit",
    "capture",
    "subscribe",
)
