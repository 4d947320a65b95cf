"""Native hooks that Python code passes, as capsules or from ctypes, in both domains."""

import gc
import sys
from contextvars import copy_context
from types import SimpleNamespace

import pytest

import audithooks._core.domain

ctypes = pytest.importorskip("ctypes", reason="this Python was built without ctypes")

PROTOTYPE = (ctypes.c_int, ctypes.c_char_p, ctypes.py_object, ctypes.c_void_p)

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="native hooks need CPython"
)


@pytest.fixture
def library(client):
    """The client, loaded by ctypes."""
    return ctypes.PyDLL(client.__file__)


def exported(library):
    function = library.log_hook
    function.restype, *function.argtypes = PROTOTYPE
    return function


def test_a_capsule_is_a_hook(domain, client):
    seen = []
    subscription = domain.subscribe(client.capsule("log", seen), "x")
    domain.audit("x", 1, (2,))
    domain.audit("y")
    assert "capsule" in repr(subscription)
    subscription.close()
    domain.audit("x")
    assert seen == [("x", (1, (2,)))]


def test_a_capsule_may_be_permanent(domain, client):
    seen = []
    domain.addaudithook(client.capsule("log", seen))
    domain.audit("x", 1)
    domain.audit("é")
    assert [record for record in seen if record[0] in "xé"] == [
        ("x", (1,)),
        ("é", ()),
    ]


def test_a_native_hook_comes_before_those_in_python(domain, client):
    seen = []
    domain.subscribe(lambda event, args: seen.append("python"), "x")
    domain.subscribe(client.capsule("log", seen), "x")
    domain.subscribe(lambda event, args: seen.append("python"), "x")
    domain.subscribe(client.capsule("positive", seen), "x")
    domain.audit("x")
    assert seen == [("x", ()), ("x", ()), "python", "python"]


@pytest.mark.parametrize("scope", ["thread", "context"])
def test_a_native_hook_of_a_scope_comes_before_those_in_python(domain, client, scope):
    seen = []
    domain.subscribe(lambda event, args: seen.append("python"), "x")
    domain.subscribe(lambda event, args: seen.append("python"), "x", scope=scope)
    domain.subscribe(client.capsule("log", seen), "x", scope=scope)
    domain.audit("x")
    assert seen == [("x", ()), "python", "python"]


@pytest.mark.parametrize("next_hook", ["log", "empty"])
def test_an_exception_of_a_native_hook_stops_the_dispatch(domain, client, next_hook):
    seen = []
    domain.subscribe(client.capsule("fail", seen), "fail")
    domain.subscribe(client.capsule(next_hook, seen), "fail")
    with pytest.raises(ValueError, match="7"):
        domain.audit("fail", 7)
    assert seen == []


def test_a_failure_without_an_exception_is_a_system_error(domain, client):
    domain.subscribe(client.capsule("silent", []), "fail")
    with pytest.raises(SystemError, match="of fail failed without an exception"):
        domain.audit("fail")


def test_an_exception_may_be_reported_instead(domain, client, monkeypatch):
    reports = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda report: reports.append(report.exc_value.args)
    )
    domain.subscribe(client.capsule("fail", []), "fail", on_error="unraisable")
    domain.audit("fail", 7)
    assert reports == [(7,)]


def test_a_scope_holds_for_native_hooks(domain, client):
    seen = []
    outside = copy_context()
    domain.subscribe(client.capsule("log", seen), "x", scope="context")
    outside.run(domain.audit, "x", 1)
    domain.audit("x", 2)
    assert seen == [("x", (2,))]


def test_a_native_hook_that_is_closed_is_not_entered_any_more(domain, client):
    # Its data may be freed, and the dispatch uses the list as it was when it started.
    subscriptions, seen = [], []
    closing = ctypes.PYFUNCTYPE(*PROTOTYPE)(
        lambda event, args, data: subscriptions[0].close() or 0
    )
    domain.subscribe(closing, "x")
    subscriptions.append(domain.subscribe(client.capsule("log", seen), "x"))
    domain.audit("x")
    assert seen == []


def test_a_capsule_lives_as_long_as_its_hook(domain, client):
    class Data(list):
        pass

    import weakref

    data = Data()
    gone = weakref.ref(data)
    subscription = domain.subscribe(client.capsule("log", data), "x")
    del data
    gc.collect()
    domain.audit("x")
    assert gone() == [("x", ())]
    subscription.close()
    del subscription
    domain.audit("x")
    gc.collect()
    assert gone() is None


def test_a_native_hook_is_refused_where_there_is_no_cpython(
    dispatcher, client, monkeypatch
):
    interpreter = SimpleNamespace(
        modules=sys.modules, implementation=SimpleNamespace(name="pypy")
    )
    monkeypatch.setattr(audithooks._core.domain, "sys", interpreter)
    with pytest.raises(NotImplementedError, match="native hooks need CPython"):
        dispatcher.subscribe(client.capsule("log", []), "x")
    assert dispatcher.subscriptions == ()


def test_what_was_not_added_is_taken_out_without_another(child, client_folder):
    """The native hook has the first rank there is."""
    printed = child.run(
        """
import client
from audithooks import Dispatcher
dispatcher, seen = Dispatcher(), []
dispatcher.subscribe(client.capsule("log", seen), "x", scope="thread")
dispatcher._addition(print, events=(), scope="thread").undo()
dispatcher.audit("x")
print(seen)
""",
        environ={"PYTHONPATH": str(client_folder)},
    )
    assert printed == "[('x', ())]\n"


def test_a_capsule_with_another_name_is_refused(domain, client):
    for name in ("int (void)", "", None):
        capsule = client.capsule("log", [], name)
        with pytest.raises(TypeError, match=r"a capsule named 'int \(const char \*"):
            domain.subscribe(capsule, "x")
        with pytest.raises(TypeError, match="hook must be a capsule named"):
            domain.addaudithook(capsule)


def test_a_function_of_a_library_is_a_hook(domain, library):
    seen = []
    domain.subscribe(lambda event, args: seen.append(args), "x")
    domain.subscribe(exported(library), "x")
    domain.audit("x", 1)  # the hook has no list to write to
    assert seen == [(1,)]


@pytest.mark.parametrize("kind", [ctypes.PYFUNCTYPE, ctypes.CFUNCTYPE])
def test_a_callback_of_ctypes_is_a_hook(domain, kind):
    seen = []

    def hook(event, args, data):
        seen.append((event, args, data))
        return 0

    subscription = domain.subscribe(kind(*PROTOTYPE)(hook), "x")
    domain.audit("x", 1)
    subscription.close()
    domain.audit("x", 2)
    assert seen == [(b"x", (1,), None)]


def test_other_prototypes_are_refused(domain, library):
    wrong = [
        ctypes.PYFUNCTYPE(*PROTOTYPE[:-1]),
        ctypes.PYFUNCTYPE(*PROTOTYPE, ctypes.c_void_p),
        ctypes.PYFUNCTYPE(ctypes.c_long, *PROTOTYPE[1:]),
        ctypes.PYFUNCTYPE(None, *PROTOTYPE[1:]),
        ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, *PROTOTYPE[2:]),
    ]
    hooks = [kind(lambda *args: 0) for kind in wrong]
    untyped = ctypes.PyDLL(library._name).log_hook
    for hook in (*hooks, untyped):
        with pytest.raises(TypeError, match="a ctypes function of the prototype"):
            domain.subscribe(hook, "x")
        with pytest.raises(TypeError, match="a ctypes function of the prototype"):
            domain.addaudithook(hook)


def test_a_null_pointer_is_refused(domain):
    with pytest.raises(TypeError, match="not a null pointer"):
        domain.subscribe(ctypes.PYFUNCTYPE(*PROTOTYPE)(), "x")


def test_what_is_refused_is_not_announced(domain, client):
    seen = []
    domain.addaudithook(lambda event, args: seen.append(event))
    del seen[:]
    with pytest.raises(TypeError):
        domain.subscribe(client.capsule("log", [], "other"))
    assert "sys.addaudithook" not in seen


def test_pure_python_and_ctypes_are_only_loaded_for_native_hooks(child):
    printed = child.run(
        """
import sys, audithooks
audithooks.subscribe(lambda event, args: None)
print("ctypes" in sys.modules)
"""
    )
    assert printed == "False\n"


CALLBACK = """
import ctypes
import audithooks
seen = []
@ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.py_object, ctypes.c_void_p)
def hook(event, args, data, seen=seen):
    seen.append(event)
    return 0
getattr(audithooks, {how!r})(hook)
del hook
audithooks.audit("x")
print(seen.count(b"x"))
"""


@pytest.mark.parametrize("how", ["subscribe", "addaudithook"])
def test_the_process_ends_cleanly_with_a_callback_of_ctypes(child, how):
    assert child.run(CALLBACK.format(how=how)) == "1\n"


def test_native_hooks_see_events_as_of_ctypes(domain, client):
    """But not events of the ctypes calls by which pure Python calls native hooks."""
    seen = []
    for _ in range(2):
        domain.subscribe(
            client.capsule("log", seen), "ctypes.call_function", reentrant=True
        )
    del seen[:]  # events of preparing a capsule
    for pointer in [], 7, None:
        domain.audit("ctypes.call_function", pointer, ())
    assert [args[0] for _, args in seen] == [[], [], 7, 7, None, None]


def test_a_class_of_that_name_is_no_capsule(domain):
    seen = []

    class PyCapsule:
        def __call__(self, event, args):
            seen.append(event)

    domain.subscribe(PyCapsule(), "x")
    domain.audit("x")
    assert seen == ["x"]


def test_no_native_hook_gets_what_pure_python_does_to_call_one(domain, library):
    """From CPython 3.14 on that is an event, with the address of the hook."""
    seen = []
    function = exported(library)
    address = ctypes.cast(function, ctypes.c_void_p).value
    domain.subscribe(function, "ctypes.call_function", reentrant=True)
    domain.subscribe(lambda event, args: seen.append(args), "ctypes.call_function")
    native = []
    domain.subscribe(counting(native), "ctypes.call_function", reentrant=True)
    del seen[:], native[:]
    domain.audit("ctypes.call_function", address, ())
    domain.audit("ctypes.call_function", address + 1, ())
    # A Python hook gets it, with the arguments of the call.
    assert [args for args in seen if not args[1]] == [(address, ()), (address + 1, ())]
    expected = [address, address + 1]
    assert native == (expected if domain.implementation == "cython" else expected[1:])


def counting(seen):
    """Return a native hook that notes the first argument of each event."""
    return ctypes.PYFUNCTYPE(*PROTOTYPE)(
        lambda event, args, data: seen.append(args[0]) or 0
    )
