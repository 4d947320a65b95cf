"""What an event costs: the domains of audithooks, sys, and the floors below them.

The grid is the same for every library, by hooks and by arguments; see bench_peers.py
for the others. The hooks of a *miss* wait for another event.
"""

from __future__ import annotations

from collections import namedtuple

from bench import Case, main

DISPATCHER = "Dispatcher.audit"
DISPATCHER_EVENT = "Event of a Dispatcher"
RUNTIME = "audithooks.audit"
RUNTIME_EVENT = "Event"
SYS = "sys.audit"

NUMBERS = (0, 1, 10, 50)  # of hooks
ARGUMENTS = (0, 2)

HOOK = """
def make():
    def hook(event, args):
        pass
    return hook
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


# How a library raises an event, by statements with no and with two arguments for each
# label, and adds a listener for the event, a hit, or for another one, a miss. Listeners
# that are hooks of sys stay.
Library = namedtuple(  # noqa: PYI024 - callgrind would count long to import typing
    "Library", "setup hit miss entries of_sys", defaults=[False]
)

OURS = (
    Library(
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
OF_SYS = Library(
    f"{HOOK}{FILTER}from sys import addaudithook, audit\n",
    "addaudithook(make())",
    "addaudithook(make_filter())",
    {SYS: AUDIT},
    of_sys=True,
)


def repeated(number: int, statement: str) -> str:
    return f"for _ in range({number}): {statement}\n" if number else ""


def place(label: str, hooks: int, hit: bool = True, arguments: int = 2) -> str:
    """Return the name of a case of the grid."""
    which = f"{hooks} {'hook' if hooks == 1 else 'hooks'}"
    miss = "" if hit or not hooks else " for other events"
    return f"{label}, {which}{miss}, {arguments} arguments"


# The paths of the grid that have a budget.
COUNTED = (
    *(place(label, 0) for label in (DISPATCHER, DISPATCHER_EVENT, RUNTIME_EVENT)),
    place(DISPATCHER, 10, hit=False),
    place(DISPATCHER_EVENT, 10, hit=False),
    *(place(DISPATCHER, hooks) for hooks in (1, 10)),
    place(DISPATCHER_EVENT, 1),
)
PURE_COUNTED = (
    *(place(DISPATCHER, hooks) for hooks in (0, 1)),
    place(DISPATCHER, 10, hit=False),
    place(DISPATCHER_EVENT, 10, hit=False),
    place(RUNTIME_EVENT, 0),
)


def grid(library: Library, process: str = "", pure: bool = False) -> list[Case]:
    """Return the cases of one library: its entries, by hooks and by arguments."""
    cases = []
    for hooks in NUMBERS:
        for hit in (True, False) if hooks else (True,):
            added = repeated(hooks, library.hit if hit else library.miss)
            setup = library.setup + added
            for label, statements in library.entries.items():
                for arguments, statement in zip(ARGUMENTS, statements):
                    name = place(label, hooks, hit, arguments)
                    cases.append(
                        Case(
                            name,
                            setup,
                            statement,
                            pure=pure,
                            process=setup if library.of_sys and hooks else process,
                            counted=name in (PURE_COUNTED if pure else COUNTED),
                        )
                    )
    return cases


DOMAIN = f"""{HOOK}hook = make()
from audithooks import Dispatcher
domain = Dispatcher()
audit = domain.audit
addaudithook = domain.addaudithook
"""
RUNTIME_DOMAIN = "from audithooks import addaudithook, audit\n"
RAISE = """
def hook(event, args):
    if event == 'x.y':
        raise ValueError
addaudithook(hook)
"""
ATTEMPT = """
try:
    audit('x.y', 1, 2)
except ValueError:
    pass
"""


def raising(label: str, setup: str, pure: bool = False) -> Case:
    """Return the case of a hook that aborts the operation."""
    own = label == DISPATCHER
    return Case(
        f"{label}, a hook that raises",
        setup + RAISE,
        ATTEMPT,
        pure=pure,
        process="" if own else setup + RAISE,
        written=1,  # what an error costs depends on the length of the code
        counted=own and not pure,
    )


CONDITIONS = {
    "plain": "reentrant=True",
    "not reentrant": "",
    "of this thread": "reentrant=True, scope='thread'",
    "of this context": "reentrant=True, scope='context'",
    "unraisable": "reentrant=True, on_error='unraisable'",
}


def one_that_is(condition: str) -> str:
    return f"Dispatcher.audit, one subscription that is {condition}"


def with_others(number: int) -> str:
    return f"Dispatcher.audit, {number:,} subscriptions to other events"


def others(number: int) -> str:
    """Return the set-up of a Dispatcher with subscriptions to other events."""
    return (
        f"{DOMAIN}for i in range({number}):\n"
        f"    domain.subscribe(hook, f'other{{i}}.*', f'another{{i}}')\n"
    )


AS_METHOD = "Dispatcher.audit as a method, no hook"
CHURN = "subscribe and close, 1,000 others"

# The minimum that a call costs, from Python and from C.
FLOOR = "from floor import Callable, caller, empty\n"
EMPTY = """
class Empty:
    __slots__ = ('hooks',)
    def __init__(self):
        self.hooks = {}
    def audit(self, event, /, *args):
        """
LOOKING = "Python method that looks its event up, and tests that it is a str"
CALLING = "Python method that calls its hook"


def bare(hooks: int) -> str:
    return f"{hooks} bare {'call' if hooks == 1 else 'calls'} from C"


IN_CONTEXT = "PyContextVar_Get before a bare call from C"
EMPTY_METHOD = "empty Python method"
EMPTY_CALL = "empty __call__ in Python"
FLOORS = [
    Case("empty builtin", FLOOR, "empty('x.y', 1, 2)"),
    Case(EMPTY_METHOD, f"{EMPTY}pass\naudit = Empty().audit", AUDIT[1]),
    Case(
        LOOKING,
        f"""{EMPTY}
        if event in self.hooks and type(event) is str:
            return
        raise NotImplementedError
empty = Empty()
empty.hooks['x.y'] = None
audit = empty.audit
""",
        AUDIT[1],
    ),
    Case(
        CALLING,
        f"""{HOOK}{EMPTY}self.hooks(event, args)
empty = Empty()
empty.hooks = make()
audit = empty.audit
""",
        AUDIT[1],
    ),
    Case(
        EMPTY_CALL,
        f"{EMPTY.replace('audit(self, event,', '__call__(self,')}pass\nevent = Empty()",
        CALL[1],
    ),
    Case("empty object", f"{FLOOR}event = Callable(raises=False)", CALL[1]),
    Case(
        "object that calls PySys_Audit",
        f"{FLOOR}event = Callable(raises=True)",
        CALL[1],
    ),
    *(
        Case(
            bare(number),
            f"{HOOK}{FLOOR}call = caller(*[make() for _ in range({number})])",
            "call('x.y', 1, 2)",
        )
        for number in NUMBERS[1:]
    ),
    Case(
        IN_CONTEXT,
        f"{HOOK}{FLOOR}call = caller(make(), in_context=True)",
        "call('x.y', 1, 2)",
        without=bare(1),
    ),
]

# CPython is slower at calling an object with a __call__() in Python than at calling a
# method, so what each adds to an empty one is compared.
OWN_OF_AUDIT = "Dispatcher.audit, no hook, without the call"
OWN_OF_EVENT = "Event of a Dispatcher, no hook, without the call"


# An event raised by C, this many times for one call from Python.
TURNS = 1000
C_LOOP = "empty loop in C"
C_AUDIT = "AuditHooks_AUDIT, nobody listens"
C_SYS = "PySys_Audit, nobody listens"


def emitter(name: str, function: str) -> Case:
    return Case(
        name,
        f"from native import {function}",
        f"{function}({TURNS})",
        without="" if name == C_LOOP else C_LOOP,
        written=1,
        turns=TURNS,
        counted=name == C_AUDIT,
        timed=False,  # less than a nanosecond
    )


CASES = [
    *FLOORS,
    *grid(OF_SYS),
    *(case for pure in (False, True) for each in OURS for case in grid(each, "", pure)),
    Case(OWN_OF_AUDIT, OURS[0].setup, AUDIT[1], pure=True, without=EMPTY_METHOD),
    Case(OWN_OF_EVENT, OURS[0].setup, CALL[1], pure=True, without=EMPTY_CALL),
    Case(AS_METHOD, DOMAIN, "domain.audit('x.y', 1, 2)"),
    *(
        Case(
            one_that_is(name),
            f"{DOMAIN}domain.subscribe(hook, 'x.y', {options})",
            AUDIT[1],
            counted=True,
        )
        for name, options in CONDITIONS.items()
    ),
    *(Case(with_others(number), others(number), AUDIT[1]) for number in (1, 100, 1000)),
    Case(CHURN, others(1000), "domain.subscribe(hook, 'x.*').close()"),
    raising(SYS, "from sys import addaudithook, audit"),
    *(
        raising(label, setup, pure)
        for pure in (False, True)
        for label, setup in ((DISPATCHER, DOMAIN), (RUNTIME, RUNTIME_DOMAIN))
    ),
    *(
        emitter(name, function)
        for name, function in {
            C_LOOP: "loop",
            C_AUDIT: "audit",
            C_SYS: "sys_audit",
        }.items()
    ),
]

if __name__ == "__main__":
    main(CASES)
