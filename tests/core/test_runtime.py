"""The runtime domain and its connection to sys, each test in a child process."""

import pytest
from features import CPYTHON_EVENTS, DROPS, PROCESSES, needs, prints

needs_the_end = needs(CPYTHON_EVENTS, "the interpreter raises no event at exit")
imports_without = needs(
    not PROCESSES or prints("import sys; del sys.audit; import colorsys; print(1)"),
    "every import calls sys.audit() here, so it cannot be removed",
)


def test_audit_is_that_of_sys_where_sys_is_lazy(child):
    printed = child.run(
        """
import sys, audithooks
print(audithooks.audit is sys.audit)
print(audithooks.IMPLEMENTATION == "cython" and sys.version_info >= (3, 14))
"""
    )
    same, lazy = printed.split()
    assert (same == "True") is (lazy == "False")


def test_importing_adds_no_hook(child):
    printed = child.run(
        """
import sys
def hook(event, args):
    if event in ("sys.addaudithook", "audithooks.connect"):
        print(event)
sys.addaudithook(hook)
import audithooks
print("imported")
audithooks.subscribe(print, "test.event")
"""
    )
    # In pure Python, this event tests whether a hook was added. Hooks of sys see it.
    probe = "audithooks.connect\n" if child.implementation == "python" else ""
    assert printed == f"imported\nsys.addaudithook\n{probe}"


def test_events_reach_the_hooks_of_both(child):
    printed = child.run(
        """
import sys, audithooks
sys.addaudithook(lambda e, a: e.startswith("test.") and print("sys", e, a))
audithooks.subscribe(lambda e, a: print("audithooks", e, a), "test.*")
sys.audit("test.sys", 1)
audithooks.audit("test.audithooks", 2)
"""
    )
    lines = printed.splitlines()
    for event in ("test.sys (1,)", "test.audithooks (2,)"):
        assert sorted(line for line in lines if event in line) == [
            f"audithooks {event}",
            f"sys {event}",
        ]


def test_compiled_hooks_stand_before_those_of_sys(compiled, child_of):
    printed = child_of("cython").run(
        """
import sys, audithooks
sys.addaudithook(lambda e, a: e == "test.event" and print("sys"))
audithooks.addaudithook(lambda e, a: e == "test.event" and print("audithooks"))
sys.audit("test.event")
"""
    )
    assert printed == "audithooks\nsys\n"


def test_a_hook_sees_what_the_interpreter_raises(child):
    printed = child.run(
        """
import audithooks, os
seen = []
code = compile("1", "", "exec")
with audithooks.subscribe(lambda e, a: seen.append((e, a[0])), "open", "exec"):
    open(os.devnull).close()
    exec(code)
open(os.devnull).close()
print(seen == [("open", os.devnull), ("exec", code)], seen)
"""
    )
    assert printed.startswith("True")


def test_a_hook_may_refuse_what_the_interpreter_does(child):
    printed = child.run(
        """
import audithooks
def refuse(event, args):
    raise PermissionError(args[0])
with audithooks.subscribe(refuse, "open"):
    try:
        open("secret")
    except PermissionError as error:
        print("refused", error)
"""
    )
    assert printed == "refused secret\n"


def test_a_hook_may_log_open_and_import(child):
    printed = child.run(
        """
import audithooks, logging, os, sys
logging.basicConfig(stream=sys.stdout, format="%(message)s")
def hook(event, args):
    import colorsys
    open(os.devnull).close()
    logging.warning("saw %s", event)
audithooks.subscribe(hook)
audithooks.audit("test.event")
logging.getLogger().disabled = True
"""
    )
    assert "saw test.event\n" in printed


def test_a_hook_of_sys_that_comes_after_several_of_ours_gets_an_event(child):
    printed = child.run("""
import sys
from audithooks import Event, subscribe
for _ in range(3):
    subscribe(lambda event, args: None, "test.other")
event = Event("test.x")
event()
seen = []
def hook(event, args):
    if event == "test.x":
        seen.append(args)
sys.addaudithook(hook)
event(1)
print(seen)
""")
    assert printed == "[(1,)]\n"


def test_a_hook_of_sys_that_refuses_once_leaves_no_hook_deaf(child):
    printed = child.run("""
import sys
refusals = [RuntimeError]
def refuse(event, args):
    if event == "sys.addaudithook" and refusals:
        raise refusals.pop()
sys.addaudithook(refuse)
from audithooks import HookRejected, subscribe, subscriptions
seen = []
def hook(event, args):
    seen.append(event)
try:
    subscribe(hook, "test.x")
except HookRejected:
    print(subscriptions())
subscribe(hook, "test.x")
sys.audit("test.x")
print(seen)
""")
    assert printed == "()\n['test.x']\n"


@pytest.mark.parametrize(
    ("error", "expected"), [("RuntimeError", "HookRejected"), ("OSError", "OSError")]
)
def test_a_hook_of_sys_may_refuse_the_connection(child, error, expected):
    """CPython silently drops a native hook for a RuntimeError."""
    if child.implementation == "python" and DROPS:
        expected = "HookRejected"
    printed = child.run(
        f"""
import sys, audithooks
refuse = True
def hook(event, args):
    if refuse and event == "sys.addaudithook":
        raise {error}
sys.addaudithook(hook)
def seen(event, args):
    print(event, args)
for _ in range(2):
    try:
        audithooks.subscribe(seen, "test.event")
    except Exception as error:
        print(type(error).__name__)
sys.audit("test.event", "unseen")
refuse = False
audithooks.subscribe(seen, "test.event")
sys.audit("test.event", "seen")
"""
    )
    assert printed == f"{expected}\n{expected}\ntest.event ('seen',)\n"


def test_addaudithook_says_nothing_of_a_refused_connection(child):
    printed = child.run(
        """
import sys, audithooks
def refuse(event, args):
    if event == "sys.addaudithook":
        raise RuntimeError
sys.addaudithook(refuse)
print(audithooks.addaudithook(lambda e, a: e == "test.event" and print(e)))
sys.audit("test.event")
"""
    )
    assert printed == "None\n"


def test_an_addition_is_seen_once_by_hooks_of_sys(child):
    printed = child.run(
        """
import sys, audithooks
seen = []
sys.addaudithook(lambda e, a: seen.append(e))
audithooks.subscribe(print, "test.event")
audithooks.subscribe(print, "test.event")
audithooks.addaudithook(lambda e, a: None)
print(seen.count("sys.addaudithook"))
"""
    )
    assert printed == "3\n"


def test_a_hook_that_subscribes_during_the_first_addition(child):
    """It starts a second connection during the first; one of them must stay idle."""
    printed = child.run(
        """
import sys, audithooks
def hook(event, args):
    if event == "sys.addaudithook" and not done:
        done.append(1)
        audithooks.subscribe(lambda e, a: print("inner", a), "test.event")
done = []
sys.addaudithook(hook)
audithooks.subscribe(lambda e, a: print("outer", a), "test.event")
sys.audit("test.event", 1)
"""
    )
    assert sorted(printed.splitlines()) == ["inner (1,)", "outer (1,)"]


@needs_the_end
def test_the_last_event_is_seen_and_nothing_after(child):
    """Also by a subscription, and when the builtins are already cleared."""
    printed = child.run(
        """
import audithooks, os, atexit, sys
class Late:
    def __init__(self, name):
        self.name = name
    def __del__(self, audit=audithooks.audit):
        audit("test." + self.name)
def hook(event, args, write=os.write):
    write(1, event.encode() + b"\\n")
audithooks.subscribe(hook, "cpython.*", "test.*", on_error="unraisable")
audithooks.subscribe(hook, exclude="[!c]*", scope="thread")
late = Late("late")
sys.later = Late("later")
atexit.register(audithooks.audit, "test.atexit")
"""
    )
    assert printed.splitlines() == [
        "test.atexit",
        "test.later",
        "cpython.PyInterpreterState_Clear",
        "cpython.PyInterpreterState_Clear",
    ]


@needs_the_end
def test_the_last_event_may_raise_others(child):
    """A hook of sys sees it when the builtins are cleared, and raises others."""
    printed = child.run(
        """
import os, sys
from audithooks import Dispatcher, Event
def hook(event, args, write=os.write):
    write(1, event.encode() + b"\\n")
bank = Dispatcher("bank")
bank.addaudithook(hook)
bank.subscribe(hook, exclude="[!t]*", scope="thread")
both = bank.event("test.bank"), Event("test.runtime")
def relay(event, args, audit=bank.audit, both=both, hook=hook):
    if event == "cpython.PyInterpreterState_Clear":
        audit("test.audit", 1)
        for event in both:
            if event:
                event(2)
    elif event[:5] == "test.":
        hook(event, args)
sys.addaudithook(relay)
"""
    )
    seen = ["test.audit"] * 2 + ["test.bank"] * 2 + ["test.runtime"]
    assert printed.splitlines()[-5:] == seen


LAZY = """
import sys
from audithooks._core import core_c
audit = core_c.lazy_audit
"""


def test_the_lazy_audit_reaches_all_hooks(compiled, child_of):
    printed = child_of("cython").run(
        LAZY
        + """
audit("test.none", 1)
sys.addaudithook(lambda e, a: e.startswith("test.") and print("sys", e, a))
core_c.subscribe(lambda e, a: print("audithooks", e, a), "test.*")
class Name(str): pass
audit("test.event")
audit("test.event", (1,))
audit(Name("test.name"), 1, 2)
"""
    )
    calls = ["test.event ()", "test.event ((1,),)", "test.name (1, 2)"]
    expected = [f"{who} {call}" for call in calls for who in ("audithooks", "sys")]
    assert printed.splitlines() == expected


def test_the_lazy_audit_checks_its_arguments(compiled, child_of):
    printed = child_of("cython").run(
        LAZY
        + """
import inspect
print(inspect.signature(audit), audit.__module__, audit.__name__)
def attempt(*args):
    try:
        print(audit(*args))
    except Exception as error:
        print(type(error).__name__, error)
attempt()
attempt(1)
attempt("test.\\ud800")
core_c.subscribe(print, "test.*")
attempt("test.\\0")
"""
    )
    assert printed.splitlines() == [
        "(event, /, *args) audithooks audit",
        "TypeError audit() missing 1 required positional argument: 'event'",
        "TypeError audit() argument 'event' must be str, not int",
        "UnicodeEncodeError 'utf-8' codec can't encode character '\\ud800'"
        " in position 5: surrogates not allowed",
        "ValueError embedded null character in the name of an event",
    ]


@imports_without
def test_without_audit_hooks_in_sys_a_dispatcher_stands_in(child_of):
    printed = child_of("python").run(
        """
import sys
del sys.audit, sys.addaudithook
import audithooks
with audithooks.subscribe(print, "test.*"):
    audithooks.audit("test.event", 1)
    open(__import__("os").devnull).close()
audithooks.audit("test.event", 2)
print(audithooks.addaudithook(print))
"""
    )
    assert printed == "test.event (1,)\nNone\n"


@imports_without
def test_without_audit_hooks_in_sys_an_event_must_be_a_str(child_of):
    printed = child_of("python").run(
        """
import sys
del sys.audit, sys.addaudithook
import audithooks
class Own(str): pass
audithooks.addaudithook(lambda event, args: print(type(event).__name__))
audithooks.audit(Own("test.event"))
try:
    audithooks.audit(1)
except TypeError as error:
    print(error)
"""
    )
    assert printed == "str\naudit() argument 'event' must be str, not int\n"


@imports_without
@pytest.mark.parametrize("name", ["audit", "addaudithook"])
def test_the_reason_says_that_sys_has_no_audit_hooks(child_of, name):
    printed = child_of("python").run(
        f"""
import sys
del sys.{name}
import audithooks
print(audithooks.FALLBACK_REASON)
"""
    )
    assert printed == (
        "AUDITHOOKS_PURE_PYTHON asks for it; sys has no audit hooks, so events of the "
        "interpreter are not seen\n"
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("del sys.audit, sys.addaudithook", marks=imports_without),
        pytest.param("sys.audit = sys.addaudithook = None", marks=imports_without),
        "sys.audit = sys.addaudithook = lambda *args: None",
    ],
)
def test_compiled_code_needs_no_function_of_sys(compiled, child_of, change):
    printed = child_of("cython").run(
        f"""
import sys
{change}
import audithooks
with audithooks.subscribe(print, "test.*", "sys.addaudithook"):
    audithooks.audit("test.event", 1)
    audithooks.addaudithook(lambda event, args: None)
"""
    )
    assert printed == "test.event (1,)\nsys.addaudithook ()\n"


def test_hooks_that_sys_does_not_call_are_an_error(child_of):
    done = child_of("python").start(
        "-c",
        """
import sys
audit, sys.audit = sys.audit, lambda *args: None
import audithooks
audithooks.subscribe(print)
""",
    )
    assert done.stderr.splitlines()[-1].endswith(
        "HookRejected: sys does not call the hook of audithooks: another hook refused "
        "it, or the program replaced sys.audit or sys.addaudithook"
    )


def test_a_hook_that_another_adds_while_one_is_announced_again_is_known(child):
    """Also if the first announcement, which was refused, is remembered."""
    printed = child.run(
        """
import sys
import audithooks
calls = []
announced = []
def guard(event, args):
    announced.append(event)
    if len(announced) == 1:
        raise RuntimeError
    if len(announced) == 2:
        sys.addaudithook(lambda event, args: calls.append(event))
audithooks.subscribe(guard, "sys.addaudithook")
try:
    audithooks.subscribe(print, "test.y")
except audithooks.HookRejected:
    pass
event = audithooks.Event("test.x")
audithooks.subscribe(print, "test.y")
calls.clear()
print(bool(event), event(), calls)
"""
    )
    assert printed == "True None ['test.x']\n"


def test_an_addition_is_noticed_however_often_nobody_wants_it(child_of):
    printed = child_of("python").run(
        """
import sys, audithooks
from audithooks._core.runtime_py import runtime
audithooks.subscribe(print, "test.other")
for _ in range(2):
    sys.audit("sys.addaudithook")
runtime._others = False
sys.addaudithook(lambda *_: None)
print(bool(audithooks.Event("test.event")))
"""
    )
    assert printed == "True\n"


def test_a_probe_that_another_connection_sees_still_arrives(child_of):
    printed = child_of("python").run(
        """
import sys, audithooks
from audithooks._core.runtime_py import runtime
audithooks.subscribe(print, "test.other")
sys.audit("audithooks.connect", 1)
runtime._connected = False  # as a second thread saw it
audithooks.subscribe(lambda *call: print(*call), "test.event")
sys.audit("test.event", 1)
"""
    )
    assert "test.event (1,)" in printed
