"""What a signal handler that raises leaves of a change: all of it, or nothing."""

import contextlib
import signal
import sys

import pytest
from features import PROCESSES, needs

needs_timers = needs(
    PROCESSES and hasattr(signal, "setitimer"), "there are no timers here"
)

HANDLER = """
import signal, sys, time
import audithooks
class Boom(BaseException):
    pass
armed = False
def handler(*_):
    if armed:
        raise Boom
signal.signal(signal.SIGALRM, handler)
"""

# Interrupts a loop of changes at another moment in each round. What was not returned
# must not be in the list; what was is in it for every name alike.
ROUNDS = (
    HANDLER
    + """
domain = {domain}
def opened():
    found = domain.subscriptions
    return found() if callable(found) else found
domain.capture("test.x")  # which imports a module; 3.13 may report a signal in that
seen = []
def hook(event, args):
    seen.append(event)
def names():
    del seen[:]
    domain.audit("test.x")
    domain.audit("test.y")
    return len(seen)
def handed_on():
    return domain.subscribe(hook, "test.x", "test.y", {options})
def changes():  # in a function, as 3.13 may leave a loop in a try statement unguarded
    global armed, subscription
    armed = True
    until = time.monotonic() + 0.5  # where a signal was lost, in a finalizer
    signal.setitimer(signal.ITIMER_REAL, 2e-5 + rounds % 60 * 1e-6)
    while time.monotonic() < until:
        {step}
    armed = False
torn = left = unlisted = rounds = 0
end = time.monotonic() + {seconds}
while rounds <= 20 or time.monotonic() < end:
    rounds += 1
    subscription = None
    try:
        changes()
    except Boom:
        armed = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    torn += names() % 2
    if subscription is not None:
        subscription.close()
    left += names() > 0 or opened() != ()
    for one in opened():
        one.close()
    unlisted += names() > 0
print(torn, left, unlisted)
"""
)

STEPS = {
    "subscribe": """
        subscription = None
        subscription = domain.subscribe(hook, "test.x", "test.y", {options})
        subscription.close()
""",
    "handed on": """
        subscription = None
        subscription = handed_on()
        subscription.close()
""",
    "pause": """
        subscription = None
        subscription = domain.subscribe(hook, "test.x", "test.y", {options})
        subscription.pause()
        subscription.resume()
        subscription.close()
""",
    "capture": """
        with domain.capture("test.x", "test.y", {options}):
            pass
""",
}


@needs_timers
@pytest.mark.skipif(
    sys.implementation.name == "pypy",
    reason="PyPy may call a signal handler between a call and what is done with it",
)
@pytest.mark.parametrize("where", ["audithooks", "audithooks.Dispatcher()"])
@pytest.mark.parametrize("scope", ["process", "thread", "context"])
@pytest.mark.parametrize("step", STEPS)
def test_an_interrupted_change_is_whole(child, size, where, scope, step):
    code = ROUNDS.format(
        domain=where,
        seconds=size(0.12, 20),
        options=f"scope={scope!r}",
        step=STEPS[step].format(options=f"scope={scope!r}").strip(),
    )
    assert child.run(code) == "0 0 0\n"


# What becomes of a handle in the statement that subscribes, and how many hooks stay.
DROPS = {
    "domain.subscribe(hook)": 1,
    "any(map(domain.subscribe, [hook]))": 1,
    "[domain.subscribe(hook), 1 / 0]": 1,
    "[*map(domain.subscribe, [hook, hook]), 1 / 0]": 2,
    "for one in [domain.subscribe(hook)]: 1 / 0": 1,
    "len(domain.subscribe(hook))": 1,
}


@pytest.mark.parametrize("statement", DROPS)
def test_a_handle_that_no_signal_dropped_leaves_its_hook(dispatcher, statement):
    """CPython 3.9 and 3.10 need to be asked which drop is which."""
    names = {"domain": dispatcher, "hook": lambda event, args: None}
    with contextlib.suppress(ZeroDivisionError, TypeError):
        exec(statement, names)
    assert len(dispatcher.subscriptions) == DROPS[statement]


# Interrupts a step at each of its lines, as a signal does that comes just before.
LINES = """
import linecache, sys
from audithooks import Dispatcher
from audithooks._core import domain as domains, hooklist_py
class Boom(BaseException):
    pass
def at_line(number):
    def trace(frame, what, _):
        nonlocal number
        global is_over
        file = frame.f_code.co_filename
        if file not in (domains.__file__, hooklist_py.__file__):
            return None
        line = linecache.getline(file, frame.f_lineno).strip()
        if what == "line" and line != "try:":  # before which no signal is told
            number -= 1
            if number == 0:
                is_over = False
                raise Boom
        return trace
    return trace
seen = []
def hook(event, args):
    seen.append(event)
    if args:
        raise ValueError
def names():
    del seen[:]
    domain.audit("test.x")
    domain.audit("test.y")
    return len(seen)
def step():
    global subscription
    {step}
number, is_over = 0, False
domain = Dispatcher()
other = domain.subscribe(hook, "test.other")  # events go through the list meanwhile
while not is_over:
    number += 1
    subscription = None
    capture = domain.capture("test.x", "test.y", scope={scope!r})
    names()  # so that it is known who wants them
    is_over = True
    sys.settrace(at_line(number))
    try:
        step()
        assert is_over, number
    except Boom:
        pass
    finally:
        sys.settrace(None)
    if subscription is None:
        assert names() == 0, number
        capture.__exit__(None, None, None)
    else:
        opened = (subscription,) * (not subscription.closed)
        assert domain.subscriptions == (other, *opened), number
        assert names() == 2 * len(opened) * (not subscription.paused), number
        subscription.close()
    assert (names(), domain.subscriptions) == (0, (other,)), number
    with capture as events:
        names()
    assert len(events) == 2, number
print(number > 20)
"""

CHANGES = {
    "subscribe": """
    subscription = domain.subscribe(hook, "test.x", "test.y", scope={scope!r})
    names()
    subscription.close()
""",
    "pause": """
    subscription = domain.subscribe(hook, "test.x", "test.y", scope={scope!r})
    names()
    subscription.pause()
    names()
    subscription.resume()
""",
    "capture": """
    with capture:
        names()
""",
    "audit": """
    subscription = domain.subscribe(hook, "test.x", "test.y", scope={scope!r})
    try:
        domain.audit("test.x", "raise")
    except ValueError:
        pass
""",
}


@pytest.mark.parametrize("scope", ["process", "thread", "context"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_is_interrupted_at_any_line_is_whole(child_of, scope, change):
    """In pure Python; compiled code has no lines."""
    step = CHANGES[change].format(scope=scope).strip()
    printed = child_of("python").run(LINES.format(scope=scope, step=step))
    assert printed == "True\n"


def test_an_event_is_not_raised_after_an_error_of_a_signal_handler(child_of):
    """It is told from that of a __hash__, which the same lines pass over."""
    printed = child_of("python").run(
        """
import linecache, sys
from audithooks import Dispatcher
def trace(frame, what, _):
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    if what == "line" and "in self._misses" in line:
        raise ValueError
    return trace
dispatcher = Dispatcher()
dispatcher.addaudithook(print)
sys.settrace(trace)
try:
    dispatcher.audit("test.event")
except ValueError:
    print("interrupted")
"""
    )
    assert printed == "interrupted\n"


def test_a_hook_of_sys_is_counted_after_an_announcement_that_was_interrupted(child_of):
    """Which sys is told of next, and which is none of ours."""
    printed = child_of("python").run(
        """
import linecache, sys
import audithooks
class Boom(BaseException):
    pass
def trace(frame, what, _):
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    if what == "line" and line == '_sys_audit("sys.addaudithook")':
        raise Boom
    return trace
audithooks.subscribe(print, "test.other")
sys.settrace(trace)
try:
    audithooks.subscribe(print, "test.other")
except Boom:
    sys.addaudithook(lambda *_: None)
    print(bool(audithooks.Event("test.event")))
"""
    )
    assert printed == "True\n"


@needs_timers
def test_a_hook_that_raises_while_a_signal_comes_is_called_again(child, size):
    printed = child.run(
        HANDLER
        + f"""
def refuse(event, args):
    raise ValueError
dispatcher = audithooks.Dispatcher()
def refusals():
    global armed
    armed = True
    signal.setitimer(signal.ITIMER_REAL, 1e-5 + rounds % 60 * 3e-7)
    for _ in range(60):
        try:
            dispatcher.audit("test")
        except ValueError:
            pass
    armed = False
rounds = deaf = 0
end = time.monotonic() + {size(0.5, 20)}
while rounds <= 20 or time.monotonic() < end:
    rounds += 1
    subscription = dispatcher.subscribe(refuse, "test")
    try:
        refusals()
    except Boom:
        armed = False
    signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        dispatcher.audit("test")
        deaf += 1
    except ValueError:
        pass
    subscription.close()
print(deaf)
"""
    )
    assert printed == "0\n"
