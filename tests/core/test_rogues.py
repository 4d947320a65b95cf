"""Hooks that misbehave: the list of hooks stays intact, and the process alive."""

import inspect
import os
import sys
import threading

import pytest
from features import FORK, needs


class Boom(Exception):
    pass


@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize("error", [Boom, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_hook_that_raises_at_any_position(domain, position, error):
    seen = []

    def hook(number):
        def hook(event, args):
            seen.append(number)
            if number == position and args:
                raise error

        return hook

    for number in range(5):
        domain.subscribe(hook(number), "test.event", "test.*")
    for _ in range(2):
        with pytest.raises(error):
            domain.audit("test.event", 1)
        assert seen == list(range(position + 1))
        del seen[:]
    domain.audit("test.event")
    assert seen == list(range(5))


@pytest.mark.parametrize("native", [False, True])
def test_a_hook_may_close_all_there_are(request, domain, native):
    if native:
        if sys.implementation.name != "cpython":
            pytest.skip("native hooks need CPython")
        client = request.getfixturevalue("client")
    seen, subscriptions = [], []

    def closer(event, args):
        seen.append("closer")
        for subscription in subscriptions:
            subscription.close()

    subscriptions.append(domain.subscribe(closer, "test.event"))
    for number in range(3):
        hook = client.capsule("log", seen) if native else seen.append
        if not native:
            hook = lambda event, args, number=number: seen.append(number)  # noqa: E731
        subscriptions.append(domain.subscribe(hook, "test.event"))
    domain.audit("test.event")
    before = len(seen)
    assert before == 4
    domain.audit("test.event")
    assert len(seen) == before
    assert all(subscription.closed for subscription in subscriptions)


@needs(FORK, "this system has no fork")
def test_a_hook_may_fork(domain):
    seen, children = [], []

    def hook(event, args):
        children.append(os.fork())
        seen.append(event)

    with domain.subscribe(hook, "test.event"):
        domain.audit("test.event")
    (child,) = children
    if child == 0:
        status = 1
        try:
            with domain.subscribe(lambda *call: seen.append(call), "test.*"):
                domain.audit("test.child", 1)
            status = seen != ["test.event", ("test.child", (1,))]
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert seen == ["test.event"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_hook_may_exit_its_thread(domain):
    from _thread import exit

    seen = []

    def hook(event, args):
        seen.append(args)
        if args == ("exit",):
            exit()

    def run():
        domain.audit("test.event", "exit")
        seen.append("not reached")

    domain.subscribe(hook, "test.event")
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    domain.audit("test.event", "after")
    assert seen == [("exit",), ("after",)]


@pytest.mark.parametrize("call", ["sys.exit(7)", "os._exit(7)", "quit(7)"])
def test_a_hook_may_exit_the_process(child, call):
    done = child.start(
        "-c",
        f"""
import os, sys, audithooks
audithooks.subscribe(lambda event, args: {call}, "open", on_error="unraisable")
open(os.devnull)
""",
    )
    assert (done.returncode, done.stderr) == (7, "")


@pytest.mark.parametrize("where", ["__get__", "__bool__"])
def test_a_hook_whose_cantrace_changes_the_list(domain, where):
    seen = []

    class Truth:
        def __bool__(self):
            if where == "__bool__":
                change()
            return True

    class Hook:
        @property
        def __cantrace__(self):
            if where == "__get__":
                change()
            return Truth()

        def __call__(self, event, args):
            seen.append("hook")

    def change():
        for subscription in subscriptions:
            subscription.close()
        raise Boom

    subscriptions = [domain.subscribe(Hook(), "test.event")]
    subscriptions += [
        domain.subscribe(lambda *_: seen.append("later"), "test.event") for _ in "12"
    ]
    # A Dispatcher does not look up __cantrace__, nor does pure Python.
    compiled = domain.implementation == "cython" and domain.kind == "runtime"
    if compiled:
        with pytest.raises(Boom):
            domain.audit("test.event")
        assert seen == []
    else:
        domain.audit("test.event")
        assert seen == ["hook", "later", "later"]
    del seen[:]
    if compiled:
        domain.audit("test.event")
        assert seen == []


@needs(
    sys.implementation.name != "pypy",
    "near the limit, PyPy may fail at the start of a finally clause",
)
@pytest.mark.parametrize("on_error", ["raise", "unraisable"])
def test_recursion_to_the_limit_leaves_the_list_whole(domain, on_error, monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: None)

    def hook(event, args):
        if args:
            domain.audit("test.event", 1)

    for _ in range(3):
        domain.subscribe(hook, "test.*", reentrant=True, on_error=on_error)
    domain.subscribe(lambda event, args: seen.append(event), "test.*")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        if on_error == "raise":
            with pytest.raises(RecursionError):
                domain.audit("test.event", 1)
        attempt(deep, lambda: attempt(domain.audit, "test.other"))
    finally:
        sys.setrecursionlimit(limit)
    del seen[:]
    domain.audit("test.event")
    assert seen == ["test.event"]


@needs(
    sys.implementation.name != "pypy",
    "near the limit, PyPy may fail at the start of a finally clause",
)
@pytest.mark.parametrize("method", ["subscribe", "addaudithook"])
def test_a_recursion_error_is_no_refusal(domain, method):
    """At each depth, a hook is added, or a RecursionError says that it was not."""
    asked = []
    domain.subscribe(lambda event, args: asked.append(event), "sys.addaudithook")

    def add():
        seen = []
        try:
            getattr(domain, method)(lambda event, args: seen.append(event))
        except RecursionError:
            return
        added.append(seen)

    added = []
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 60)
    try:
        attempt(deep, add)
    finally:
        sys.setrecursionlimit(limit)
    domain.audit("test.event")
    lost = [seen for seen in added if "test.event" not in seen]
    assert (len(added) > 10, lost) == (True, [])


def test_a_recursion_error_about_one_hook_says_nothing_of_another(domain):
    """A hook is asked about one, and adds another, about which it is asked as well."""
    seen, inner = [], []

    def hook(event, args):
        if inner:
            raise RecursionError
        inner.append(True)
        with pytest.raises(RecursionError):
            domain.addaudithook(print)

    domain.subscribe(hook, "sys.addaudithook", reentrant=True)
    domain.addaudithook(lambda event, args: seen.append(event))
    domain.audit("test.event")
    assert inner
    assert "test.event" in seen


def deep(function):
    """Call a function at each depth of the stack, from the recursion limit outwards."""
    try:
        deep(function)
    finally:
        function()


def attempt(function, *arguments):
    try:
        function(*arguments)
    except RecursionError:
        pass


# PyPy may run the handler in a weak reference callback, where exceptions are reported.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seconds", [0.5])
def test_a_signal_handler_that_raises_leaves_no_hook_deaf(domain, seconds):
    signal = pytest.importorskip("signal")
    if not hasattr(signal, "setitimer"):
        pytest.skip("this system has no interval timers")
    from time import monotonic

    seen = []

    def handler(number, frame):
        raise Boom

    domain.subscribe(lambda event, args: seen.append(event), "test.event")
    end = monotonic() + seconds
    interrupted = 0
    before = signal.signal(signal.SIGALRM, handler)
    try:
        while monotonic() < end:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0002)
                for _ in range(10_000):
                    domain.audit("test.event")
            except Boom:
                interrupted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 10
    del seen[:]
    domain.audit("test.event")
    assert seen == ["test.event"]


@pytest.mark.parametrize("name", ["Addition", "Capture", "Subscription"])
def test_what_only_a_list_makes_cannot_be_created(impl, name):
    kind = getattr(impl.hooklist_module, name)
    with pytest.raises(TypeError):
        kind()
    if impl.name == "cython":  # where one without its hook would crash
        for create in (kind.__new__, object.__new__, type.__call__):
            with pytest.raises(TypeError):
                create(kind)


def test_what_a_domain_makes_is_no_base_class(dispatcher):
    made = dispatcher.event("x"), dispatcher.capture(), dispatcher.subscribe(print)
    for thing in made:
        with pytest.raises(TypeError, match="base"):
            type("Own", (type(thing),), {})


@pytest.mark.parametrize(
    ("name", "method", "args"),
    [
        ("Addition", "commit", ()),
        ("Addition", "handle", ()),
        ("Addition", "undo", ()),
        ("Addition", "undo_without", (None,)),
        ("Capture", "__enter__", ()),
        ("Capture", "__exit__", (None, None, None)),
        ("HookList", "_addition", (print,)),
        ("Subscription", "__enter__", ()),
        ("Subscription", "__exit__", (None, None, None)),
        ("Subscription", "close", ()),
        ("Subscription", "pause", ()),
        ("Subscription", "resume", ()),
    ],
)
def test_a_method_is_not_called_with_another_self(compiled, name, method, args):
    function = getattr(getattr(compiled.hooklist_module, name), method)
    for other in (1, compiled.Dispatcher(), Foreign()):
        if name != "HookList" or not isinstance(other, compiled.Dispatcher):
            with pytest.raises(TypeError):
                function(other, *args)


class Foreign:
    """It is no hook list, but seems to have what one has."""

    def __getattr__(self, name):
        return self
