"""Nothing leaks: memory and references are the same after many operations."""

import sys

import pytest
from conftest import Child
from features import needs

pytestmark = needs(hasattr(sys, "getallocatedblocks"), "blocks are not counted")

WARM = 1100  # CPython 3.9 and 3.10 make a cache for code when it runs 1,024 times

# Each runs many times; all of them refer to one object, the subject.
OPERATIONS = {
    "audit": "audit('test.event', subject)",
    "audit that misses": "audit('test.missed', subject)",
    "event": "event(subject)",
    "a hook that raises": """
try: audit('test.failing', subject)
except ValueError: pass""",
    "subscribe and close": "subscribe(hook, 'test.event').close()",
    "subscribe to patterns": "subscribe(hook, 'test.e*', exclude=['*.x']).close()",
    "subscribe in a context": """
with subscribe(hook, 'test.event', scope='context', on_error='unraisable'):
    audit('test.event', subject)""",
    "subscribe in a thread": """
with subscribe(hook, 'test.event', scope='thread', reentrant=True):
    audit('test.event', subject)""",
    "pause and resume": "one.pause(); one.resume()",
    "capture": """
with capture('test.event') as events: audit('test.event', subject)""",
    "Event": "Event('test.event', dispatcher)(subject)",
    "endless names": "audit(f'test.{i % 50_000}', subject)",
    "new names after a change": """
one.pause(); one.resume()
audit(f'test.{i}', subject)
Event(f'test.new{i}', dispatcher)(subject)""",
    "a refused subscription": """
global refuse
refuse = True
try: subscribe(hook)
except HookRejected: pass
refuse = False""",
    "bad input": """
for bad in ({'scope': 1}, {'on_error': ''}, {'exclude': ['']}):
    try: subscribe(hook, **bad)
    except (TypeError, ValueError): pass""",
}

# New names take memory until the cache of routes is full: fill() fills it.
PREPARE = """
import gc, sys, audithooks
from audithooks import Dispatcher, Event, HookRejected
dispatcher = {dispatcher}
domain = dispatcher or audithooks
audit, subscribe, capture = domain.audit, domain.subscribe, domain.capture
subject, refuse = object(), False
def hook(event, args): pass
def fail(event, args): raise ValueError
def veto(event, args):
    if refuse: raise RuntimeError
one = subscribe(hook, "test.event")
subscribe(fail, "test.failing")
subscribe(veto, "sys.addaudithook")
subscribe(hook, "test.[0-9]*")
event = Event("test.event", dispatcher)
def fill():
    for i in range(5000): audit(f"test.{{i}}")
"""

COUNT = """
def used():
    gc.collect()
    return sys.getallocatedblocks(), sys.getrefcount(subject), sys.getrefcount(hook)
def more(operation, warm, number):
    exec(f"def run(number):\\n for i in range(number):\\n  {operation}", globals())
    fill()
    run(warm)
    before = after = used()  # the numbers are there already
    run(number)
    after = used()
    return [two - one for one, two in zip(before, after)]
"""


@pytest.mark.parametrize("dispatcher", ["Dispatcher()", "None"])
def test_nothing_grows(implementation, dispatcher, size, figure):
    number = size(2000, 250_000)
    code = PREPARE.format(dispatcher=dispatcher) + COUNT
    for operation in OPERATIONS.values():
        body = operation.strip().replace("\n", "\n  ")
        code += f"print(*more({body!r}, {size(WARM, 5000)}, {number}))\n"
    printed = Child(implementation).run(code, timeout=1200)
    for name, line in zip(OPERATIONS, printed.splitlines()):
        blocks, *references = map(int, line.split())
        assert blocks < 50, f"{name}: {blocks} blocks more after {number} times"
        assert references == [0, 0], name
        figure("operations that leaked nothing", number)


def test_dispatchers_in_cycles_leave_nothing(implementation, size, figure):
    number = size(2000, 25_000)
    printed = Child(implementation).run(
        f"""
import gc, sys
from audithooks import Dispatcher
class Own(Dispatcher): pass
def hook(event, args): pass
class Hook:
    def __call__(self, event, args): pass
def run(number):
    for i in range(number):
        one = Own()
        one.hook = Hook()
        one.hook.dispatcher = one
        one.addaudithook(one.hook)
        one.addaudithook(hook)
        one.subscription = one.subscribe(one.hook, "test.*", scope="thread")
        one.event_ = one.event("test.event")
        one.event_(1)
        one.audit(f"test.{{i}}", one)  # a name that nobody else has
def used():
    for _ in range(3):  # without the lock, the interpreter frees some of them late
        gc.collect()
    return sys.getallocatedblocks(), sys.getrefcount(hook)
run({WARM}); before = after = used()
run({number}); after = used()
print(*[two - one for one, two in zip(before, after)])
"""
    )
    blocks, references = map(int, printed.split())
    assert blocks < 50
    assert references == 0
    figure("dispatchers in reference cycles that leaked nothing", number)
