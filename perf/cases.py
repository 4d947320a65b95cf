"""The measured cases: one registry for the clock, callgrind and the plots.

A case is a statement and its set-up. Its cost is that of the statement minus that of
its empty arm: a case of the same shape in which nobody listens. The grid is the same
for every library; each raises its event and adds its listeners as its documentation
shows. The listener of a *miss* waits for another event.
"""

from __future__ import annotations

from typing import NamedTuple

LOOP = "empty loop"
DISPATCHER = "Dispatcher.audit"
DISPATCHER_EVENT = "Event of a Dispatcher"
RUNTIME = "audithooks.audit"
RUNTIME_EVENT = "Event"
SYS = "sys.audit"
PURE = "pure "

NUMBERS = (0, 1, 10, 50)  # of hooks
ARGUMENTS = (0, 2)


class Case(NamedTuple):
    name: str
    setup: str
    statement: str
    empty: str = LOOP  # the case whose cost is subtracted, or ""
    library: str = "audithooks"  # the name to import
    pure: bool = False  # with audithooks in pure Python
    alone: bool = False  # adds a hook to sys, which stays: needs its own process
    once: bool = False  # can be run only once in a process
    weighed: int = 0  # if not 0, measures memory divided by this, instead of time
    turns: int = 1  # of a loop in C inside the statement
    counted: bool = False  # has a budget of instructions
    slack: int = 0  # instructions that vary with the alignment of strings, by strcmp()


class Library(NamedTuple):
    name: str  # the name to import
    setup: str
    hit: str  # adds a listener for the event
    miss: str  # adds a listener for another event
    entries: dict[str, tuple[str, str]]  # label: statements with no and two arguments
    of_sys: bool = False  # its listeners are hooks of sys
    pure: bool = False


HOOK = """
def make():
    def hook(event, args):
        pass
    return hook
"""
LISTENER = """
def make():
    def listener(one=None, two=None):
        pass
    return listener
"""
FILTER = """
def make_filter():
    wanted = frozenset(["other"])
    def hook(event, args):
        if event not in wanted:
            return
    return hook
"""
AUDIT = ("audit('x.y')", "audit('x.y', 1, 2)")
CALL = ("event()", "event(1, 2)")

OURS = (
    Library(
        "audithooks",
        f"""{HOOK}
from audithooks import Dispatcher
domain = Dispatcher()
audit = domain.audit
event = domain.event('x.y')
""",
        "domain.addaudithook(make())",
        "domain.subscribe(make(), 'other')",
        {DISPATCHER: AUDIT, DISPATCHER_EVENT: CALL},
    ),
    Library(
        "audithooks",
        f"""{HOOK}
from audithooks import Event, addaudithook, audit, subscribe
event = Event('x.y')
""",
        "addaudithook(make())",
        "subscribe(make(), 'other')",
        {RUNTIME: AUDIT, RUNTIME_EVENT: CALL},
        of_sys=True,
    ),
)
PEERS = (
    Library(
        "sys",
        f"{HOOK}{FILTER}from sys import addaudithook, audit\n",
        "addaudithook(make())",
        "addaudithook(make_filter())",
        {SYS: AUDIT},
        of_sys=True,
    ),
    Library(
        "sysaudit",
        f"{HOOK}{FILTER}from sysaudit import addaudithook, audit\n",
        "addaudithook(make())",
        "addaudithook(make_filter())",
        {"sysaudit": AUDIT},
        of_sys=True,
    ),
    Library(
        "subaudit",
        f"{LISTENER}from subaudit import audit, subscribe\n",
        "subscribe('x.y', make())",
        "subscribe('other', make())",
        {"subaudit": AUDIT},
        of_sys=True,
    ),
    Library(
        "blinker",
        """
from blinker import Signal
event = Signal()
other = Signal()
listeners = []  # to which it has weak references
def make():
    def listener(sender, **arguments):
        pass
    listeners.append(listener)
    return listener
""",
        "event.connect(make())",
        "other.connect(make())",
        {"blinker": ("event.send(None)", "event.send(None, one=1, two=2)")},
    ),
    Library(
        "pluggy",
        """
import pluggy
specification = pluggy.HookspecMarker('perf')
implementation = pluggy.HookimplMarker('perf')
class Specification:
    @specification
    def none(self): pass
    @specification
    def both(self, one, two): pass
    @specification
    def other(self): pass
class Plugin:
    @implementation
    def none(self): pass
    @implementation
    def both(self, one, two): pass
class Other:
    @implementation
    def other(self): pass
manager = pluggy.PluginManager('perf')
manager.add_hookspecs(Specification)
""",
        "manager.register(Plugin())",
        "manager.register(Other())",
        {"pluggy": ("manager.hook.none()", "manager.hook.both(one=1, two=2)")},
    ),
    Library(
        "psygnal",
        f"""{LISTENER}
from psygnal import Signal
class Emitter:
    none = Signal()
    both = Signal(int, int)
    other = Signal()
emitter = Emitter()
""",
        "emitter.none.connect(make()); emitter.both.connect(make())",
        "emitter.other.connect(make())",
        {"psygnal": ("emitter.none.emit()", "emitter.both.emit(1, 2)")},
    ),
    Library(
        "ddtrace",
        f"""{LISTENER}
from ddtrace.internal import core
event = f"x.y {{id(make)}}"  # one for each set-up, as all share one hub
""",
        "core.on(event, make())",
        "core.on('other', make())",
        {"ddtrace": ("core.dispatch(event)", "core.dispatch(event, (1, 2))")},
    ),
)


def repeated(number: int, statement: str) -> str:
    return f"for _ in range({number}): {statement}\n" if number else ""


def place(label: str, hooks: int, hit: bool = True, arguments: int = 2) -> str:
    """Return the name of a case of the grid."""
    which = f"{hooks} {'hook' if hooks == 1 else 'hooks'}"
    miss = "" if hit or not hooks else " for other events"
    return f"{label}, {which}{miss}, {arguments} arguments"


def grid(library: Library, counted: tuple[str, ...]) -> list[Case]:
    """Return the cases of one library: its entries, by hooks and by arguments."""
    cases = []
    before = PURE if library.pure else ""
    for hooks in NUMBERS:
        for hit in (True, False) if hooks else (True,):
            added = repeated(hooks, library.hit if hit else library.miss)
            for label, statements in library.entries.items():
                for arguments, statement in zip(ARGUMENTS, statements):
                    name = before + place(label, hooks, hit, arguments)
                    cases.append(
                        Case(
                            name,
                            library.setup + added,
                            statement,
                            library=library.name,
                            pure=library.pure,
                            alone=library.of_sys and hooks > 0,
                            counted=name in counted,
                        )
                    )
    return cases


RAISE = """
error = ValueError()
def hook(event, args):
    if event == 'x.y':
        raise error
addaudithook(hook)
"""
ATTEMPT = """
try:
    audit('x.y', 1, 2)
except ValueError:
    pass
"""


def raising(label: str, setup: str, alone: bool, pure: bool = False) -> Case:
    """Return the case of a hook that aborts the operation."""
    name = f"{label}, a hook that raises"
    return Case(
        PURE * pure + name,
        setup + RAISE,
        ATTEMPT,
        pure=pure,
        alone=alone,
        counted=label == DISPATCHER and not pure,
    )


DOMAIN = f"""{HOOK}hook = make()
from audithooks import Dispatcher
domain = Dispatcher()
audit = domain.audit
addaudithook = domain.addaudithook
"""
METHOD = "domain.audit('x.y', 1, 2)"
CONDITIONS = {
    "plain": "reentrant=True",
    "not reentrant": "",
    "of this thread": "reentrant=True, scope='thread'",
    "of this context": "reentrant=True, scope='context'",
    "unraisable": "reentrant=True, on_error='unraisable'",
}


def others(number: int) -> str:
    """Return the set-up of a Dispatcher with subscriptions to other events."""
    return (
        f"{DOMAIN}for i in range({number}):\n"
        f"    domain.subscribe(hook, f'other{{i}}.*', f'another{{i}}')\n"
    )


def one_that_is(condition: str) -> str:
    return f"Dispatcher.audit, one subscription that is {condition}"


def with_others(number: int) -> str:
    return f"Dispatcher.audit, {number:,} subscriptions to other events"


DISPATCHER_CASES = [
    Case("Dispatcher.audit as a method, no hook", DOMAIN, METHOD),
    *(
        Case(
            one_that_is(name),
            f"{DOMAIN}domain.subscribe(hook, 'x.y', {options})",
            AUDIT[1],
            counted=True,
        )
        for name, options in CONDITIONS.items()
    ),
    *(
        Case(with_others(number), others(number), AUDIT[1])
        for number in (1, 10, 100, 1000)
    ),
    Case(
        "subscribe and close, 1,000 others",
        others(1000),
        "domain.subscribe(hook, 'x.*').close()",
    ),
]

# The minimum that a call costs, from Python and from C.
FLOOR = "from floor import Callable, caller, empty\n"
EMPTY = """
class Empty:
    __slots__ = ('hooks',)
    def __init__(self):
        self.hooks = {}
    def audit(self, event, /, *args):
        """
IN_CONTEXT = "PyContextVar_Get before a bare call from C"
FLOORS = [
    Case("empty builtin", FLOOR, "empty('x.y', 1, 2)"),
    Case(
        "empty Python method",
        f"{EMPTY}pass\naudit = Empty().audit",
        AUDIT[1],
    ),
    Case(
        "Python method that tests its event and its hooks",
        f"""{EMPTY}
        if type(event) is not str:
            raise TypeError
        if self.hooks:
            raise NotImplementedError
audit = Empty().audit
""",
        AUDIT[1],
    ),
    Case("empty object", f"{FLOOR}event = Callable(raises=False)", CALL[1]),
    Case(
        "object that calls PySys_Audit",
        f"{FLOOR}event = Callable(raises=True)",
        CALL[1],
    ),
    *(
        Case(
            f"{number} bare {'call' if number == 1 else 'calls'} from C",
            f"{HOOK}{FLOOR}call = caller(*[make() for _ in range({number})])",
            "call('x.y', 1, 2)",
        )
        for number in NUMBERS[1:]
    ),
    Case(
        IN_CONTEXT,
        f"{HOOK}{FLOOR}call = caller(make(), in_context=True)",
        "call('x.y', 1, 2)",
        empty="1 bare call from C",
    ),
]

# An event raised by C, this many times for one call from Python.
TURNS = 1000
C_LOOP = "empty loop in C"
C_AUDIT = "AuditHooks_AUDIT, nobody listens"
EMITTERS = [
    Case(C_LOOP, "from native import loop", f"loop({TURNS})", "", turns=TURNS),
    *(
        Case(
            name,
            f"from native import {function}",
            f"{function}({TURNS})",
            C_LOOP,
            turns=TURNS,
            counted=name == C_AUDIT,
        )
        for name, function in {
            C_AUDIT: "audit",
            "PySys_Audit, nobody listens": "sys_audit",
        }.items()
    ),
]

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
# The set-up of all cases of one listener, as they share a process.
EVERY_EVENT = "".join(setup for setup, _ in EVENTS.values())


COUNTED_LISTENERS = (NOBODY, MISS, HIT, *NATIVE_LISTENERS)


def runtime_event(event: str, listener: str, pure: bool = False) -> Case:
    """Return the case of an operation of the interpreter with a listener."""
    _, statement = EVENTS[event]
    name = f"{event}, {listener}"
    return Case(
        PURE * pure + name,
        EVERY_EVENT + (LISTENERS | NATIVE_LISTENERS)[listener],
        statement,
        LOOP if listener == NOBODY else f"{event}, {NOBODY}",
        pure=pure,
        alone=listener != NOBODY,
        counted=event == "id" and listener in COUNTED_LISTENERS and not pure,
        slack=0 if listener == NOBODY else 16,
    )


MILLION = "for _ in repeat(None, 1_000_000): audit('x.y', 1, 2)"
REPEAT = "from itertools import repeat\n"
WEIGHTS = (
    Case(
        "memory of a subscription",
        DOMAIN + REPEAT,
        "kept = [domain.subscribe(hook, 'x.y') for _ in repeat(None, 1000)]",
        "",
        weighed=1000,
    ),
    *(
        Case(
            f"memory kept after a million events, {what}",
            DOMAIN + REPEAT + added,
            MILLION,
            "",
            weighed=1,
        )
        for what, added in {
            "no hook": "",
            "a hook": "domain.addaudithook(hook)",
            "a non-matching subscription": "domain.subscribe(hook, 'other')",
        }.items()
    ),
)

# The paths of the grid that have a budget.
COUNTED = (
    *(place(label, 0) for label in (DISPATCHER, DISPATCHER_EVENT, RUNTIME_EVENT)),
    place(DISPATCHER, 10, hit=False),
    place(DISPATCHER_EVENT, 10, hit=False),
    *(place(DISPATCHER, hooks) for hooks in (1, 10)),
    place(DISPATCHER_EVENT, 1),
    *(PURE + place(DISPATCHER, hooks) for hooks in (0, 1)),
    PURE + place(DISPATCHER, 10, hit=False),
)

ALL = [
    Case(LOOP, "", "pass", empty=""),
    *FLOORS,
    *(
        case
        for library in OURS
        for pure in (False, True)
        for case in grid(library._replace(pure=pure), COUNTED)
    ),
    *DISPATCHER_CASES,
    *(
        raising(label, setup, alone, pure)
        for pure in (False, True)
        for label, setup, alone in (
            (DISPATCHER, DOMAIN, False),
            (RUNTIME, "from audithooks import addaudithook, audit", True),
        )
    ),
    raising(SYS, "from sys import addaudithook, audit", True),
    *EMITTERS,
    *(runtime_event(event, listener) for listener in LISTENERS for event in EVENTS),
    *(runtime_event("id", listener) for listener in NATIVE_LISTENERS),
    *(
        runtime_event(event, listener, pure=True)
        for listener in (MISS, HIT)
        for event in EVENTS
    ),
    *(
        Case(PURE * pure + case.name, *case[1:])._replace(pure=pure)
        for pure in (False, True)
        for case in (
            Case("import audithooks", "", "import audithooks", "", once=True),
            *WEIGHTS,
        )
    ),
    *(case for library in PEERS for case in grid(library, COUNTED)),
]
