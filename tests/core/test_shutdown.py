"""The exit of a process: events are raised until the end, and nothing crashes."""

import pytest
from conftest import Child
from features import FREE_THREADED

# A program with late events. They and the kind of exit vary with the number of the run.
PROGRAM = """
import atexit, gc, os, sys, threading, time
{prepare}
number = int(sys.argv[1])
audit = sys.audit
class Late:
    def __init__(self):
        self.itself = self
    def __del__(self, audit=audit):
        audit("test.late", self)
        audit("test.other")
late = Late()
sys.late = Late()
threading.late = Late()
atexit.register(audit, "test.atexit")
atexit.register(lambda: audit("test.atexit"))
def endless():
    while True:
        audit("test.daemon", number)
        time.sleep(number % 3 / 10_000)
for _ in range(number % 4):
    threading.Thread(target=endless, daemon=True).start()
def failing():
    raise ZeroDivisionError
if number % 5 == 0:
    atexit.register(failing)
# Where AddressSanitizer is there, its allocator may stay locked in the child.
if number % 7 == 0 and "libasan" not in os.environ.get("LD_PRELOAD", ""):
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] >> 8 == number % 2 * 3
if number % 3 == 1:
    gc.disable()
time.sleep(number % 10 / 1000)
if number % 2:
    sys.exit(3)
"""

HOOKS = """
import audithooks
from audithooks import Dispatcher, Event
def hook(event, args, seen=[]):
    del seen[10:]
    seen.append((event, args))
def closer(event, args):
    one.close()
one = audithooks.subscribe(hook)
two = audithooks.subscribe(closer, "test.late", on_error="unraisable")
audithooks.subscribe(hook, "test.*", "cpython.*", scope="context", reentrant=True)
audithooks.subscribe(lambda event, args: hook(event, args), scope="thread")
audithooks.addaudithook(hook)
class Own(Dispatcher): pass
dispatcher = Own()
dispatcher.addaudithook(hook)
dispatcher.itself = [Event("test.event", dispatcher), dispatcher]
class Owner:
    def __del__(self, hook=hook, dispatcher=dispatcher, event=Event("test.event")):
        event(self)
        dispatcher.audit("test.event", self)
        dispatcher.subscribe(hook, "test.event").close()
owner = Owner()
"""


def test_the_end_is_that_without_audithooks(implementation, size, figure):
    if FREE_THREADED and implementation == "python":
        pytest.skip(
            "at exit the interpreter itself may hang at the lock of a dict that a"
            " daemon thread holds"
        )
    number = size(14, 200)
    child = Child(implementation)
    for i in range(number):
        plain = child.start("-c", PROGRAM.format(prepare="pass"), str(i))
        done = child.start("-c", PROGRAM.format(prepare=HOOKS), str(i))
        assert done.returncode == plain.returncode, done.stderr
        assert "Fatal" not in done.stderr
    figure("processes that ended as without audithooks", number)


@pytest.mark.parametrize(
    "way", ["del sys.modules['audithooks']", "sys.modules.clear()"]
)
def test_the_modules_may_go_first(child, way):
    done = child.start(
        "-c",
        f"""
import sys, os, audithooks
audithooks.subscribe(lambda event, args, write=os.write: write(1, b"seen"), "test.x")
audit = sys.audit
{way}
del audithooks
audit("test.x")
""",
    )
    assert (done.returncode, done.stdout) == (0, "seen")
