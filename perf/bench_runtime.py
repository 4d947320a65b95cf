"""What listeners add to operations of the interpreter that raise events."""

from __future__ import annotations

from bench import Case, main
from bench_dispatch import FILTER, HOOK

EVENTS = {
    "id": ("", "id(0)"),
    "open": ("from os import devnull\n", "open(devnull).close()"),
    "import": (
        "import colorsys\nfrom sys import modules\n",
        "del modules['colorsys']; import colorsys",
    ),
    "logging.warning": (
        "import logging\nlogging.basicConfig(handlers=[logging.NullHandler()])\n",
        "logging.warning('x')",
    ),
}
NOBODY = "no hook"
NATIVE = "an empty C hook"
FILTERING = "a hook of sys that filters"
OF_SYS = "a hook of sys"
MISS = "a non-matching subscription"
HIT = "a matching subscription"
LISTENERS = {
    NOBODY: "",
    NATIVE: "import floor; floor.addaudithook()\n",
    FILTERING: f"{FILTER}import sys; sys.addaudithook(make_filter())\n",
    OF_SYS: f"{HOOK}import sys; sys.addaudithook(make())\n",
    MISS: f"{HOOK}import audithooks; audithooks.subscribe(make(), 'other')\n",
    HIT: f"{HOOK}import audithooks; audithooks.subscribe(make())\n",
}
# Hooks in C by the API of audithooks, only for the event builtins.id.
NATIVE_HOOK = "a native hook"
NATIVE_REENTRANT = "a native subscription that is reentrant"
NATIVE_HIT = "a matching native subscription"
NATIVE_MISS = "a non-matching native subscription"
NATIVE_LISTENERS = {
    NATIVE_HOOK: "import native; native.addaudithook()\n",
    NATIVE_REENTRANT: "import native; native.subscribe(b'builtins.id', True)\n",
    NATIVE_HIT: "import native; native.subscribe(b'builtins.id')\n",
    NATIVE_MISS: "import native; native.subscribe(b'other')\n",
}
COUNTED = (NOBODY, MISS, HIT, *NATIVE_LISTENERS)
PURE_COUNTED = (MISS,)
# All operations with one listener share a process, and so they share its set-up.
EVERY_EVENT = "".join(setup for setup, _ in EVENTS.values())


def operation(event: str, listener: str, pure: bool = False) -> Case:
    added = (LISTENERS | NATIVE_LISTENERS)[listener]
    return Case(
        f"{event}, {listener}",
        EVERY_EVENT + added,
        EVENTS[event][1],
        without="" if listener == NOBODY else f"{event}, {NOBODY}",
        pure=pure,
        process=added,
        counted=event == "id" and listener in (PURE_COUNTED if pure else COUNTED),
        timed=listener not in NATIVE_LISTENERS,
        # strcmp() depends on how the strings are aligned
        slack=0 if listener == NOBODY else 16,
    )


CASES = [
    *(operation(event, listener) for listener in LISTENERS for event in EVENTS),
    *(operation("id", listener) for listener in NATIVE_LISTENERS),
    *(operation(event, each, pure=True) for each in (MISS, HIT) for event in EVENTS),
]

if __name__ == "__main__":
    main(CASES)
