"""The limits of audithooks that docs/explanation/trust.md describes.

And that its figures are those of the last runs.
"""

import gc
import json
import sys
from pathlib import Path

import pytest
from features import FREE_THREADED, needs

sys.path.insert(0, str(Path(__file__).parent.parent / "soak"))

import figures


def test_hostile_code_can_find_a_subscription_and_close_it(child):
    """But that is an event, which a hook may refuse."""
    printed = child.run(
        """
import gc
from audithooks import Dispatcher
dispatcher = Dispatcher()
dispatcher.subscribe(lambda event, args: print(event, args), "seen", "audithooks.*")
dispatcher.audit("seen")
for subscription in dispatcher.subscriptions:
    subscription.close()
dispatcher.audit("seen")
"""
    )
    assert printed == "seen ()\naudithooks.unsubscribe (('seen', 'audithooks.*'),)\n"


@pytest.mark.parametrize("name", ["Dispatcher()", "None"])
def test_what_the_collector_finds_does_not_take_a_hook_out(child, name):
    """Nor does it crash, whatever is written to the dicts that are found."""
    printed = child.run(
        f"""
import gc, sys
import audithooks
from audithooks import Dispatcher
dispatcher = {name}
domain = dispatcher or audithooks
seen = []
def hook(event, args):
    if event in "xy":
        seen.append(event)
domain.addaudithook(hook)
domain.subscribe(hook, "x")
domain.subscribe(hook, "x", scope="thread")
domain.subscribe(hook, "[xy]", scope="context")
found = [thing for thing in gc.get_referents(domain) if type(thing) is dict]
found += [d for thing in found for d in thing.values() if type(d) is dict]
domain.audit("x")
assert seen == list("xxxx"), seen
routes = [
    thing
    for thing in (gc.get_referents(dispatcher) if dispatcher else [])
    if type(thing) is dict and "x" in thing
]
for thing in routes:
    for junk in ((), None, (1, 2), object(), {{}}):
        if junk or sys.argv[1] == "cython" or junk == ():
            thing["x"] = junk if sys.argv[1] == "cython" else ()
            del seen[:]
            domain.audit("x")
            assert seen == list("xxxx"), (junk, seen)
for name in "_remove", "_pause", "remove", "pause":
    assert not hasattr(domain, name), name
print("fine")
""",
        child.implementation,
    )
    assert printed == "fine\n"


@needs(not FREE_THREADED, "the collector finds no routes without the lock")
def test_routes_that_are_moved_are_not_taken_for_others(compiled):
    """Nor are those of before a change."""
    seen = []
    dispatcher = compiled.Dispatcher()
    dispatcher.subscribe(lambda *_: seen.append("x"), "x")
    dispatcher.subscribe(lambda *_: seen.append("y"), "y")

    def routes():
        (found,) = [
            thing
            for thing in gc.get_referents(dispatcher)
            if type(thing) is dict and "x" in thing
        ]
        return found

    def raise_each():
        del seen[:]
        for name in ("x", "y"):
            dispatcher.audit("".join(name))
            dispatcher.event(name)()
        return "".join(seen)

    assert raise_each() == "xxyy"
    moved = routes()
    before = dict(moved)
    moved["x"], moved["y"] = moved["y"], moved["x"]
    dispatcher.event("x")(), dispatcher.event("y")()
    assert raise_each() == "xxyy"
    dispatcher.subscribe(lambda *_: seen.append("z"), "x")
    dispatcher.event("x")()
    routes().update(before)
    assert raise_each() == "xzxzyy"


def test_a_process_that_is_spawned_has_no_hooks(child):
    printed = child.run(
        """
import subprocess, sys
import audithooks
audithooks.subscribe(lambda event, args: print("seen", flush=True), "test.event")
sys.audit("test.event")
subprocess.run([sys.executable, "-c", "import sys; sys.audit('test.event')"])
"""
    )
    assert printed == "seen\n"


def test_what_native_code_does_raises_no_events(child):
    pytest.importorskip("ctypes", reason="this Python was built without ctypes")
    printed = child.run(
        """
import ctypes, os
import audithooks
libc = ctypes.CDLL(None)
with audithooks.capture("open", "os.*") as events:
    descriptor = libc.open(os.devnull.encode(), os.O_RDONLY)
print(descriptor >= 0, events)
"""
    )
    assert printed == "True []\n"


def test_the_figures_of_the_page_are_those_of_the_last_runs():
    kept = json.loads(figures.FIGURES.read_text(encoding="utf-8"))
    page = figures.PAGE.read_text(encoding="utf-8")
    shown = page.partition(figures.START)[2].partition(figures.END)[0]
    assert shown == figures.rendered(kept)
