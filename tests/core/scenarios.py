"""Scenarios for `sys` and its replacement; each prints what it saw.

    python scenarios.py NAME (sys | audithooks)

test_drop_in.py runs each in its own process and compares the output.
"""

import importlib
import sys


def show(*things):
    print(*things, flush=True)


def shown(prefix="test."):
    """Return a hook that prints the events with this prefix."""

    def hook(event, args):
        if event.startswith(prefix):
            show(event, args)

    return hook


def attempt(function, *args, **kwargs):
    try:
        show("returned", function(*args, **kwargs))
    except BaseException as error:
        show(type(error).__name__)


def raise_if(wanted, error):
    def hook(event, args):
        if event == wanted:
            raise error

    return hook


def order_and_arguments(api):
    api.addaudithook(shown())
    api.addaudithook(lambda event, args: event == "test.x" and show("second", args))
    api.audit("test.x")
    api.audit("test.x", 1, "two", (3,), None)
    api.audit("test.y", *range(30))


def events_of_the_interpreter(api):
    import os
    import socket

    def hook(event, args):
        if event in ("open", "socket.bind", "os.mkdir", "builtins.id", "exec"):
            show(event, args[-2:] if event == "open" else "")

    api.addaudithook(hook)
    open(os.devnull).close()
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
    attempt(os.mkdir, os.devnull)
    id(api)
    exec("1")


def aborting_an_operation(api):
    api.addaudithook(raise_if("open", PermissionError("no")))
    attempt(open, "anything")
    attempt(api.audit, "open")


def errors(api):
    for error in (ValueError, KeyboardInterrupt, SystemExit, StopIteration):
        name = f"test.{error.__name__}"
        api.addaudithook(raise_if(name, error))
        api.addaudithook(shown(name))
        attempt(api.audit, name)
    attempt(api.audit, "test.fine")


def veto(api):
    api.addaudithook(shown("sys."))
    api.addaudithook(raise_if("sys.addaudithook", RuntimeError))
    attempt(api.addaudithook, shown())
    attempt(api.audit, "test.unseen")


def veto_by_a_base_exception(api):
    api.addaudithook(raise_if("sys.addaudithook", KeyboardInterrupt))
    attempt(api.addaudithook, shown())
    attempt(api.audit, "test.unseen")


def additions_are_seen(api):
    for _ in range(3):
        api.addaudithook(shown("sys.addaudithook"))


def recursion(api):
    def hook(event, args):
        if event == "test.down" and args[0]:
            show(args)
            api.audit("test.down", args[0] - 1)

    api.addaudithook(hook)
    api.audit("test.down", 3)


def tracing(api):
    class Hook:
        def __call__(self, event, args):
            pass

    hook = Hook()
    calls = []

    def trace(frame, event, arg):
        if frame.f_code is Hook.__call__.__code__:
            calls.append(event)

    api.addaudithook(hook)
    sys.settrace(trace)
    api.audit("test.untraced")
    hook.__cantrace__ = False
    api.audit("test.untraced")
    hook.__cantrace__ = True
    api.audit("test.traced")
    hook.__cantrace__ = []
    api.audit("test.untraced")
    del hook.__cantrace__
    api.audit("test.untraced")
    sys.settrace(None)
    show(calls)


def tracing_of_functions(api):
    def plain(event, args):
        pass

    class Holder:
        def method(self, event, args):
            pass

    calls = []
    codes = {plain.__code__: "plain", Holder.method.__code__: "method"}

    def trace(frame, event, arg):
        if frame.f_code in codes:
            calls.append(codes[frame.f_code])

    api.addaudithook(plain)
    api.addaudithook(Holder().method)
    sys.settrace(trace)
    api.audit("test.untraced")
    calls.append("-")
    plain.__cantrace__ = True
    api.audit("test.traced")
    calls.append("-")
    Holder.method.__cantrace__ = True
    api.audit("test.traced")
    sys.settrace(None)
    show(calls)


def profiling(api):
    calls = []

    def hook(event, args):
        helper()

    def helper():
        pass

    def profile(frame, event, arg):
        if event == "call" and frame.f_code in (hook.__code__, helper.__code__):
            calls.append(frame.f_code.co_name)

    api.addaudithook(hook)
    sys.setprofile(profile)
    api.audit("test.unprofiled")
    hook.__cantrace__ = True
    api.audit("test.profiled")
    sys.setprofile(None)
    show(calls)


def a_broken_cantrace(api):
    class Hook:
        @property
        def __cantrace__(self):
            raise ValueError

        def __call__(self, event, args):
            show("called")

    api.addaudithook(Hook())
    attempt(api.audit, "test.event")


def a_cantrace_without_a_truth_value(api):
    class Truth:
        def __bool__(self):
            raise ZeroDivisionError

    class Hook:
        __cantrace__ = Truth()

        def __call__(self, event, args):
            show("called")

    api.addaudithook(Hook())
    attempt(api.audit, "test.event")


def tracing_outlives_an_error(api):
    api.addaudithook(raise_if("test.event", ValueError))
    lines = []

    def trace(frame, event, arg):
        if frame.f_code.co_name == "seen":
            lines.append(event)

    def seen():
        pass

    sys.settrace(trace)
    attempt(api.audit, "test.event")
    seen()
    sys.settrace(None)
    show(lines)


def the_frame_of_the_caller(api):
    api.addaudithook(
        lambda event, args: event == "test.x" and show(sys._getframe(1).f_code.co_name)
    )

    def caller():
        api.audit("test.x")

    caller()


def the_exception_being_handled(api):
    api.addaudithook(
        lambda event, args: event == "test.x" and show(sys.exc_info()[0].__name__)
    )
    try:
        raise KeyError
    except KeyError:
        api.audit("test.x")


def hooks_of_both(api):
    api.addaudithook(shown())
    sys.addaudithook(shown())
    api.audit("test.api")
    sys.audit("test.sys")


def threads(api):
    import threading

    seen = []
    api.addaudithook(lambda event, args: event == "test.x" and seen.append(args[0]))

    def emit(number):
        for _ in range(1000):
            api.audit("test.x", number)

    all_threads = [threading.Thread(target=emit, args=(i,)) for i in range(4)]
    for thread in all_threads:
        thread.start()
    for thread in all_threads:
        thread.join()
    show([seen.count(i) for i in range(4)])


def fork(api):
    import os

    api.addaudithook(shown())
    pid = os.fork()
    if pid == 0:
        api.audit("test.child")
        os._exit(0)
    os.waitpid(pid, 0)
    api.audit("test.parent")


def the_end(api):
    import atexit
    import os

    def hook(event, args, write=os.write):
        if event.startswith(("cpython.", "test.")):
            write(1, event.encode() + b"\n")

    class Late:
        def __del__(self, audit=api.audit):
            audit("test.del")

    api.addaudithook(hook)
    atexit.register(api.audit, "test.atexit")
    sys.late = Late()


def bad_calls(api):
    def hook(event, args):
        pass

    attempt(api.addaudithook)
    attempt(api.addaudithook, hook, hook)
    attempt(api.addaudithook, nothing=hook)
    attempt(api.addaudithook, hook=hook)
    attempt(api.audit)
    attempt(api.audit, 1)
    attempt(api.audit, b"test.x")
    attempt(api.audit, None)
    attempt(api.audit, "test.\ud800")
    attempt(api.audit, "test.x")


SCENARIOS = [
    name
    for name, thing in list(globals().items())
    if getattr(thing, "__code__", None) and thing.__code__.co_varnames[:1] == ("api",)
]

if __name__ == "__main__":
    globals()[sys.argv[1]](importlib.import_module(sys.argv[2]))
