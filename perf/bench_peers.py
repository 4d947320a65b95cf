"""What an event costs in other libraries, by the grid of bench_dispatch.py.

Each raises its event and adds its listeners as its documentation shows. Those that are
not installed are left out by `make perf`.
"""

from __future__ import annotations

from bench import main
from bench_dispatch import AUDIT, FILTER, HOOK, Library, grid

LISTENER = """
def make():
    def listener(one=None, two=None):
        pass
    return listener
"""

PEERS = {
    "sysaudit": Library(
        f"{HOOK}{FILTER}from sysaudit import addaudithook, audit\n",
        "addaudithook(make())",
        "addaudithook(make_filter())",
        {"sysaudit": AUDIT},
        of_sys=True,
    ),
    "subaudit": Library(
        f"{LISTENER}from subaudit import audit, subscribe\n",
        "subscribe('x.y', make())",
        "subscribe('other', make())",
        {"subaudit": AUDIT},
        of_sys=True,
    ),
    "blinker": Library(
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
    "pluggy": Library(
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
    "psygnal": Library(
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
    "ddtrace": Library(
        f"""{LISTENER}
from ddtrace.internal import core
event = f"x.y {{id(make)}}"  # one for each set-up, as all share one hub
""",
        "core.on(event, make())",
        "core.on('other', make())",
        {"ddtrace": ("core.dispatch(event)", "core.dispatch(event, (1, 2))")},
    ),
}
CASES = [case for name, peer in PEERS.items() for case in grid(peer, name)]

if __name__ == "__main__":
    main(CASES)
