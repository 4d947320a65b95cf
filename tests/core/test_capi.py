"""The C API: clients in C, C++ and Cython, and a program that embeds Python.

They are compiled for this run against the installed header.
"""

import contextlib
import functools
import gc
import importlib.machinery
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import weakref
from contextvars import copy_context
from importlib.util import find_spec
from pathlib import Path

import building
import pytest
from features import FREE_THREADED, is_compiled, needs

import audithooks
from audithooks import Dispatcher, HookRejected, Subscription

REENTRANT, UNRAISABLE, THREAD, CONTEXT = 1, 2, 4, 8
VERSION = 2


@pytest.fixture
def api(compiled, client):
    """The client, connected; compiled comes first, so that --pure skips it."""
    assert client.connect() == VERSION
    return client


@pytest.fixture
def seen():
    return []


def names(seen):
    return [event for event, _ in seen]


# Adding and removing.


def test_a_permanent_hook_gets_every_event(compiled, domain, api, seen):
    api.addaudithook(domain.dispatcher, "log", seen)
    domain.audit("x", 1, (2,))
    domain.audit("é")
    assert [record for record in seen if record[0] in ("x", "é")] == [
        ("x", (1, (2,))),
        ("é", ()),
    ]


def test_a_subscription_gets_what_it_names(compiled, domain, api, seen):
    subscription = api.subscribe(
        domain.dispatcher, "log", seen, (b"x", b"a.*"), (b"a.c",), 0
    )
    assert isinstance(subscription, Subscription)
    assert subscription.events == ("x", "a.*")
    for event in ("x", "y", "a.b", "a.c"):
        domain.audit(event)
    assert names(seen) == ["x", "a.b"]


def test_a_subscription_without_events_gets_every_one(compiled, domain, api, seen):
    api.subscribe(domain.dispatcher, "log", seen, None, None, 0)
    domain.audit("x")
    domain.audit("y")
    assert [name for name in names(seen) if name in "xy"] == ["x", "y"]


def test_close_ends_a_subscription(compiled, domain, api, seen):
    subscription = api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, 0)
    api.close(subscription)
    api.close(subscription)
    domain.audit("x")
    assert subscription.closed
    assert seen == []


def test_a_subscription_can_be_paused_and_resumed(compiled, domain, api, seen):
    subscription = api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, 0)
    subscription.pause()
    domain.audit("x", 1)
    subscription.resume()
    domain.audit("x", 2)
    assert seen == [("x", (2,))]


def test_an_addition_is_announced_to_native_hooks(compiled, domain, api, seen):
    api.addaudithook(domain.dispatcher, "log", seen)
    domain.addaudithook(lambda event, args: None)
    assert ("sys.addaudithook", ()) in seen


def test_a_native_hook_may_refuse_a_subscription(compiled, domain, api, seen):
    api.addaudithook(domain.dispatcher, "veto", seen)
    with pytest.raises(HookRejected, match="no more hooks"):
        api.subscribe(domain.dispatcher, "log", seen, None, None, 0)


def test_a_permanent_hook_that_is_refused_is_no_error(compiled, domain, api, seen):
    other = []
    api.addaudithook(domain.dispatcher, "veto", seen)
    api.addaudithook(domain.dispatcher, "log", other)
    domain.audit("x")
    assert other == []


def test_a_native_hook_may_refuse_a_close(compiled, domain, api, seen):
    subscription = api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, 0)
    api.addaudithook(domain.dispatcher, "veto", seen)
    with pytest.raises(RuntimeError, match="no more hooks"):
        api.close(subscription)
    assert not subscription.closed


def test_flags_are_the_arguments_of_subscribe(compiled, domain, api, seen, capsys):
    from threading import Thread

    api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, THREAD | REENTRANT)
    thread = Thread(target=domain.audit, args=("x", "thread"))
    thread.start()
    thread.join()
    domain.audit("x", "here")
    assert seen == [("x", ("here",))]


@pytest.mark.parametrize(
    ("flags", "outcome"),
    [(0, contextlib.nullcontext()), (REENTRANT, pytest.raises(RecursionError))],
    ids=["not reentrant", "reentrant"],
)
def test_the_reentrant_flag_lets_a_hook_see_its_own_events(
    compiled, api, flags, outcome
):
    dispatcher = Dispatcher()
    api.subscribe(dispatcher, "endless", dispatcher, (b"x",), None, flags)
    with outcome:
        dispatcher.audit("x")


@needs(hasattr(sys, "getallocatedblocks"), "blocks are not counted")
@pytest.mark.parametrize("formats", ["O", "OO", "OO,"])
def test_events_from_c_leave_nothing(compiled, api, formats):
    dispatcher = Dispatcher()
    dispatcher.subscribe(lambda event, args: None, "x")
    event = api.get_event(dispatcher, "x")

    def blocks():
        for _ in range(1000):
            api.audit(dispatcher, "x", formats, 1, 2)
            api.audit_tuple(dispatcher, "x", (1,))
            api.raise_(event, "O", 1)
        gc.collect()
        return sys.getallocatedblocks()

    blocks()
    before = blocks()
    assert blocks() - before < 100


def test_the_context_flag_leaves_other_contexts_out(compiled, domain, api, seen):
    from contextvars import Context

    api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, CONTEXT)
    Context().run(domain.audit, "x", "elsewhere")
    domain.audit("x", "here")
    assert seen == [("x", ("here",))]


def test_the_unraisable_flag_reports_an_error(compiled, domain, api, seen, monkeypatch):
    reports = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: reports.append(report))
    api.subscribe(domain.dispatcher, "fail", seen, (b"fail",), None, UNRAISABLE)
    domain.audit("fail", 1)
    assert [type(report.exc_value) for report in reports] == [ValueError]
    assert "capsule" in repr(reports[0].object)
    del reports[:]


def test_a_hook_that_raises_events_is_not_called_for_them(compiled, api, seen):
    dispatcher = Dispatcher()
    dispatcher.subscribe(lambda event, args: seen.append((event, args)))
    api.subscribe(dispatcher, "raising", dispatcher, None, None, 0)
    dispatcher.audit("outer")
    assert seen[-2:] == [("inner", ("outer",)), ("outer", ())]


def test_endless_recursion_of_a_native_hook_is_an_error(compiled, api):
    dispatcher = Dispatcher()
    hook = api.capsule("raising", dispatcher)
    dispatcher.subscribe(hook, "outer")

    def again(event, args):
        dispatcher.audit("outer")

    dispatcher.subscribe(hook, "outer", reentrant=True)
    dispatcher.subscribe(again, "inner", reentrant=True)
    with pytest.raises(RecursionError):
        dispatcher.audit("outer")


def test_endless_recursion_in_c_alone_is_an_error(compiled, api):
    dispatcher = Dispatcher()
    hook = api.capsule("endless", dispatcher)
    dispatcher.subscribe(hook, "x", reentrant=True)
    with pytest.raises(RecursionError):
        dispatcher.audit("x")


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((7, "log", [], None, None, 0), TypeError, "dispatcher must be a Dispatcher"),
        ((None, "nothing", [], None, None, 0), ValueError, "hook must not be NULL"),
        ((None, "log", [], (b"",), None, 0), ValueError, "empty pattern"),
        ((None, "log", [], (), None, 0), ValueError, "events must not be empty"),
        ((None, "log", [], (b"\xff",), None, 0), UnicodeDecodeError, "0xff"),
        ((None, "log", [], None, (b"",), 0), ValueError, "exclude must not hold"),
        ((None, "log", [], None, None, 16), ValueError, "flags must be"),
        ((None, "log", [], None, None, THREAD | CONTEXT), ValueError, "one scope"),
    ],
)
def test_wrong_arguments_of_subscribe(api, arguments, error, text):
    with pytest.raises(error, match=text):
        api.subscribe(*arguments)


def test_wrong_arguments_of_addaudithook(api):
    with pytest.raises(TypeError, match="must be a Dispatcher, NULL or None, not int"):
        api.addaudithook(7, "log", [])
    with pytest.raises(ValueError, match="hook must not be NULL"):
        api.addaudithook(Dispatcher(), "nothing", [])


@pytest.mark.parametrize("function", ["close", "pause", "resume"])
def test_only_a_subscription_is_changed(api, function):
    with pytest.raises(TypeError, match="must be a Subscription, not int"):
        getattr(api, function)(7)
    with pytest.raises(TypeError, match="must be a Subscription, not NULL"):
        getattr(api, f"{function}_null")()


def test_c_code_pauses_and_resumes(compiled, domain, api, seen):
    subscription = api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, 0)
    for _ in range(2):
        api.pause(subscription)
        assert subscription.paused
    domain.audit("x", 1)
    for _ in range(2):
        api.resume(subscription)
        assert not subscription.paused
    domain.audit("x", 2)
    assert seen == [("x", (2,))]


def test_what_is_closed_cannot_be_paused_or_resumed(compiled, domain, api, seen):
    subscription = api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, 0)
    api.close(subscription)
    for change in (api.pause, api.resume):
        with pytest.raises(ValueError, match="the subscription is closed"):
            change(subscription)


def test_a_native_hook_may_refuse_a_pause(compiled, domain, api, seen):
    subscription = api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, 0)
    api.addaudithook(domain.dispatcher, "veto", seen)
    with pytest.raises(RuntimeError, match="no more hooks"):
        api.pause(subscription)
    assert not subscription.paused


def test_c_code_makes_a_dispatcher(compiled, api, seen):
    dispatcher = api.new_dispatcher("café")
    assert type(dispatcher) is Dispatcher
    assert dispatcher.name == "café"
    assert api.new_dispatcher(None).name == ""
    api.subscribe(dispatcher, "log", seen, (b"x",), None, 0)
    api.audit(dispatcher, "x", "O", 1)
    assert seen == [("x", (1,))]


# Data that is freed with its hook.


class Owner:
    """What a hook in C calls: with an event, or with nothing when it is freed."""

    def __init__(self):
        self.seen = []
        self.freed = 0

    def __call__(self, *event):
        if not event:
            self.freed += 1
            return
        assert not self.freed
        self.seen.append(event)


def test_data_is_freed_when_its_subscription_is_closed(compiled, domain, api):
    owner = Owner()
    subscription = api.subscribe_owning(domain.dispatcher, owner, "x")
    domain.audit("x", 1)
    assert owner.freed == 0
    api.close(subscription)
    assert owner.freed == 1
    domain.audit("x", 2)
    assert subscription.closed
    del subscription
    gc.collect()
    assert owner.freed == 1
    assert owner.seen == [("x", (1,))]


@pytest.mark.parametrize("flags", [0, REENTRANT, THREAD, CONTEXT, UNRAISABLE])
def test_data_of_each_kind_of_hook_is_freed_by_python(compiled, domain, api, flags):
    owner = Owner()
    with api.subscribe_owning(domain.dispatcher, owner, "x", flags):
        domain.audit("x", 1)
    assert (owner.freed, len(owner.seen)) == (1, 1)


def test_data_is_kept_while_its_subscription_is_open(compiled, domain, api):
    owner = Owner()
    subscription = api.subscribe_owning(domain.dispatcher, owner, "x")
    subscription.pause()
    del subscription
    gc.collect()
    assert owner.freed == 0
    if domain.kind == "dispatcher":
        (subscription,) = domain.dispatcher.subscriptions
        subscription.resume()
        domain.audit("x")
        assert owner.freed == 0
        subscription.close()
        assert owner.freed == 1


def test_data_is_freed_with_its_dispatcher(compiled, api):
    owner = Owner()
    dispatcher = Dispatcher()
    api.subscribe_owning(dispatcher, owner, "x")
    dispatcher.audit("x")
    del dispatcher
    gc.collect()
    assert (owner.freed, len(owner.seen)) == (1, 1)


@pytest.mark.parametrize("raises", [False, True])
def test_data_is_freed_after_the_hook_that_closes_itself(compiled, domain, api, raises):
    freed = []

    def hook(*event):
        if not event:
            freed.append("freed")
            return
        api.close(subscription)
        freed.append("closed")
        if raises:
            raise KeyError("of the hook")

    subscription = api.subscribe_owning(domain.dispatcher, hook, "x", REENTRANT)
    outcome = pytest.raises(KeyError) if raises else contextlib.nullcontext()
    with outcome:
        domain.audit("x")
    assert freed == ["closed", "freed"]


def test_data_is_freed_after_the_last_of_several_calls(compiled, api):
    dispatcher = Dispatcher()
    freed = []

    def hook(*event):
        if not event:
            freed.append("freed")
            return
        (depth,) = event[1]
        if depth < 3:
            dispatcher.audit("x", depth + 1)
        else:
            api.close(subscription)
        freed.append(depth)

    subscription = api.subscribe_owning(dispatcher, hook, "x", REENTRANT)
    dispatcher.audit("x", 0)
    assert freed == [3, 2, 1, 0, "freed"]


def test_data_is_freed_after_the_last_of_several_threads(compiled, api, seconds):
    from threading import Barrier, Thread

    for _ in range(20):
        dispatcher = Dispatcher()
        owner = Owner()
        inside = Barrier(3)
        closed = Barrier(3)

        def hook(*event, owner=owner, inside=inside, closed=closed):
            if event:
                inside.wait(30)
                closed.wait(30)
            owner(*event)

        subscription = api.subscribe_owning(dispatcher, hook, "x")
        threads = [Thread(target=dispatcher.audit, args=("x",)) for _ in range(2)]
        for thread in threads:
            thread.start()
        inside.wait(30)
        api.close(subscription)
        assert owner.freed == 0
        closed.wait(30)
        for thread in threads:
            thread.join()
        assert (owner.freed, len(owner.seen)) == (1, 2)


def test_data_is_freed_once_while_threads_raise_events(compiled, api, seconds):
    from threading import Thread
    from time import monotonic

    end = monotonic() + seconds
    dispatcher = Dispatcher()
    owners, failures = [], []

    def raise_events():
        try:
            while monotonic() < end:
                dispatcher.audit("x")
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=raise_events) for _ in range(3)]
    for thread in threads:
        thread.start()
    while monotonic() < end:
        owners.append(Owner())
        with api.subscribe_owning(dispatcher, owners[-1], "x"):
            dispatcher.audit("x")
    for thread in threads:
        thread.join()
    assert failures == []
    assert {owner.freed for owner in owners} == {1}
    assert all(owner.seen for owner in owners)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("", 0, False), ValueError),
        (("x", 128, False), ValueError),
        (("x", 0, True), ValueError),
        (("x", 0, False), HookRejected),
    ],
    ids=["pattern", "flag", "hook", "refusal"],
)
@pytest.mark.parametrize("is_set", [False, True])
def test_data_is_freed_by_a_call_that_fails(
    compiled, domain, api, arguments, error, is_set
):
    if error is HookRejected:
        api.addaudithook(domain.dispatcher, "veto", [])
    owner = Owner()
    call = "subscribe_owning", domain.dispatcher, owner, *arguments
    if is_set:
        before = KeyError("before")
        result, raised = cleaning_up(api, before, *call)
        assert result == -1
        assert contexts(raised)[-1] is before
    else:
        with pytest.raises(error) as caught:
            getattr(api, call[0])(*call[1:])
        raised = caught.value
    assert type(raised) is error
    assert owner.freed == 1  # though the traceback is still there
    del raised
    gc.collect()
    assert owner.freed == 1


def test_data_of_no_domain_is_freed(compiled, api):
    owner = Owner()
    with pytest.raises(TypeError, match="dispatcher must be a Dispatcher"):
        api.subscribe_owning(7, owner, "x")
    assert owner.freed == 1


def test_data_is_freed_if_c_code_cleans_up(compiled, domain, api, monkeypatch):
    owner = Owner()
    subscription = api.subscribe_owning(domain.dispatcher, owner, "x")
    refused_while_cleaning_up(domain, api, subscription, monkeypatch)
    assert owner.freed == 1


def test_an_exception_of_what_frees_is_reported(compiled, domain, api, monkeypatch):
    reports = []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: reports.append(report))

    def hook(*event):
        raise ValueError(len(event))

    subscription = api.subscribe_owning(domain.dispatcher, hook, "x")
    with pytest.raises(ValueError, match="2"):
        domain.audit("x")
    api.close(subscription)
    assert [str(report.exc_value) for report in reports] == ["0"]
    del reports[:]


@pytest.mark.parametrize("of", ["None", "Dispatcher()"])
@pytest.mark.parametrize("kept", ["nothing", "subscription", "all"])
def test_data_is_freed_when_the_interpreter_ends(
    compiled, child_of, client_folder, of, kept
):
    done = child_of("cython").start(
        "-c",
        f"""
import sys
import client
from audithooks import Dispatcher
client.connect()
of = {of}
class Late:
    def __del__(self, audit=client.audit, of=of): audit(of, "say.late", None)
late = Late()
for name in "first", "second":
    subscription = client.subscribe_owning(of, name, None)
    if {kept!r} != "nothing":
        client.leak(subscription)
if {kept!r} == "all":
    client.leak(of)
    client.leak(client.get_event(of, "say.event"))
client.subscribe_owning(of, "third", "say.x").close()
client.audit(of, "say.y", None)
""",
        environ={"PYTHONPATH": str(client_folder)},
    )
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert lines[0] == "freed third 1"
    assert lines[1:3] == ["first say.y", "second say.y"]
    freed = [line.split()[1] for line in lines if line.startswith("freed")]
    assert sorted(freed) == ["first", "second", "third"]
    for name in "first", "second":  # nothing calls it afterwards
        (last,) = [line for line in lines if line.startswith(f"freed {name}")]
        after = lines[lines.index(last) :]
        assert not [line for line in after if line.startswith(f"{name} say.")]


def test_data_is_freed_when_each_of_several_interpreters_ends(
    compiled, embed, client_folder
):
    code = """
import client
client.connect()
client.leak(client.subscribe_owning(None, "data", "say.x"))
client.audit(None, "say.x", None)
"""
    env = {**environment(client_folder), "AUDITHOOKS_PURE_PYTHON": "0"}
    done = subprocess.run(
        [str(embed), sys.executable, code], env=env, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "data say.x\nfreed data 1\n")


def test_data_is_kept_though_another_subscribes_first_meanwhile(
    compiled, child_of, client_folder
):
    """Whoever sees to the end of the interpreter first does so for all."""
    printed = child_of("cython").run(
        """
import ctypes
import client
from audithooks import Dispatcher
client.connect()
freed = []
class Hook:
    def __call__(self, *event):
        freed.extend([] if event else [1])
class Key:  # stands where the key of audithooks will
    inner = None
    def __hash__(self): return hash("audithooks")
    def __eq__(self, other):
        if Key.inner is None:
            Key.inner = ()
            Key.inner = client.subscribe_owning(dispatcher, Hook(), "x")
        return False
dispatcher = Dispatcher()
get, ctypes.pythonapi.PyInterpreterState_Get.restype = (
    ctypes.pythonapi.PyInterpreterState_GetDict, ctypes.c_void_p
)
get.restype, get.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
kept = ctypes.c_void_p(get(ctypes.pythonapi.PyInterpreterState_Get()))
ctypes.cast(ctypes.byref(kept), ctypes.POINTER(ctypes.py_object))[0][Key()] = None
outer = client.subscribe_owning(dispatcher, Hook(), "x")
print(Key.inner.closed, outer.closed, freed)
""",
        environ={"PYTHONPATH": str(client_folder)},
    )
    assert printed == "False False []\n"


@pytest.mark.parametrize("of", ["None", "Dispatcher()"])
def test_c_code_closes_subscriptions_when_no_modules_are_left(
    compiled, child_of, client_folder, of
):
    """As what is dropped at the very end does; all else says that it cannot."""
    printed = child_of("cython").run(
        f"""
import os, sys
import client
from audithooks import Dispatcher
client.connect()
of = {of}
class Last:
    def __init__(self, *arguments):
        self.arguments = arguments
    def __del__(self, write=os.write, error=RuntimeError):
        close, make, get, of, subscription = self.arguments
        write(1, b"close\\n" if close(subscription) is None else b"")
        for function, arguments in (make, ("x",)), (get, (of, "x")):
            try:
                function(*arguments)
            except error as found:
                write(1, b"%a\\n" % found)
subscription = client.subscribe(of, "log", [], None, (), 0)
sys.last = Last(client.close, client.new_dispatcher, client.get_event, of, subscription)
""",
        environ={"PYTHONPATH": str(client_folder)},
    )
    ended = "RuntimeError('the interpreter ends, and audithooks has ended')\n"
    assert printed == f"close\n{ended}{ended}"


# Order and errors.


def test_native_hooks_come_first(compiled, domain, api, seen):
    def python(event, args):
        seen.append(("python", args))

    domain.subscribe(python, "x")
    domain.addaudithook(lambda event, args: event == "x" and seen.append(("sys", args)))
    api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, 0)
    domain.subscribe(python, "x")
    api.subscribe(domain.dispatcher, "positive", seen, (b"x",), None, 0)
    domain.audit("x")
    assert names(seen) == ["x", "x", "python", "sys", "python"]
    # Again, with a route that was kept through the change.
    del seen[:]
    api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, 0)
    domain.audit("x")
    assert names(seen) == ["x", "x", "x", "python", "sys", "python"]


def test_all_hooks_share_one_tuple(compiled, api, seen):
    dispatcher = Dispatcher()
    dispatcher.addaudithook(lambda event, args: seen.append((event, args)))
    api.subscribe(dispatcher, "log", seen, None, None, 0)
    dispatcher.audit("x", 1)
    (_, one), (_, two) = seen[-2:]
    assert one is two


def test_an_error_stops_the_dispatch(compiled, domain, api, seen):
    api.subscribe(domain.dispatcher, "log", seen, (b"fail",), None, 0)
    api.subscribe(domain.dispatcher, "fail", seen, (b"fail",), None, 0)
    api.subscribe(domain.dispatcher, "log", seen, (b"fail",), None, 0)
    domain.subscribe(lambda event, args: seen.append("python"), "fail")
    with pytest.raises(ValueError, match="7"):
        domain.audit("fail", 7)
    assert seen == [("fail", (7,))]


def test_an_error_without_an_exception_names_the_event(compiled, domain, api, seen):
    api.subscribe(domain.dispatcher, "silent", seen, (b"fail",), None, 0)
    with pytest.raises(SystemError, match="hook of fail failed without an exception"):
        domain.audit("fail")


def test_an_exception_without_an_error_is_one(compiled, domain, api, seen):
    api.subscribe(domain.dispatcher, "careless", seen, (b"fail",), None, 0)
    with pytest.raises(ValueError, match="set, but not returned"):
        domain.audit("fail")


def test_a_traceback_shows_nothing_of_audithooks(compiled, domain, api, seen):
    api.subscribe(domain.dispatcher, "fail", seen, (b"fail",), None, 0)
    with pytest.raises(ValueError, match="7") as raised:
        api.audit(domain.dispatcher, "fail", "O", 7)
    files = {Path(str(entry.path)).name for entry in raised.traceback}
    assert files == {"test_capi.py"}


def test_python_code_of_a_native_hook_is_traced(compiled, api):
    class Data(list):
        def __repr__(self):
            return "data"

    calls = []
    dispatcher = Dispatcher()
    inner = Dispatcher()
    dispatcher.addaudithook(lambda event, args: None)
    api.subscribe(dispatcher, "raising", inner, (b"x",), None, 0)
    inner.addaudithook(lambda event, args: calls.append("traced"))

    def profile(frame, event, arg):
        if event == "call":
            calls.append(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        dispatcher.audit("x")
    finally:
        sys.setprofile(None)
    assert sorted(calls) == ["<lambda>", "<lambda>", "traced"]


# Raising events by name.


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ((None,), ()),
        (("",), ()),
        ((" ,",), ()),
        (("O, O :", 1, 2), (1, 2)),
        (("O", 1), (1,)),
        (("O", (1, 2)), ((1, 2),)),
        (("(O)", 1), ((1,),)),
        (("OO", (1,), None), ((1,), None)),
        (("(OO)", 1, 2), ((1, 2),)),
        (("[OO]", 1, 2), ([1, 2],)),
        ((" [OO]:", 1, 2), ([1, 2],)),
        (("{OO}", 1, 2), ({1: 2},)),
        (("O" + " " * 200 + "O", 1, 2), (1, 2)),
    ],
)
def test_each_value_of_a_format_is_an_argument(
    compiled, domain, api, seen, arguments, args
):
    domain.subscribe(lambda event, args: seen.append(args), "x")
    api.audit(domain.dispatcher, "x", *arguments)
    api.raise_(api.get_event(domain.dispatcher, "x"), *arguments)
    assert seen == [args, args]
    assert {type(args) for args in seen} == {tuple}


def test_every_kind_of_value_can_be_given(compiled, domain, api, seen):
    api.subscribe(domain.dispatcher, "log", seen, (b"values",), None, 0)
    api.audit_values(domain.dispatcher)
    assert seen == [("values", (1, "two", b"\0three", [4, 5], (6, 7), {"eight": 9.0}))]


@pytest.mark.parametrize("length", range(60, 67))
def test_a_format_may_have_any_length(compiled, domain, api, seen, length):
    domain.subscribe(lambda event, args: seen.append(args), "x")
    api.audit_numbers(domain.dispatcher, "x", "i" * length)
    api.audit_numbers(domain.dispatcher, "x", "ii".ljust(length))
    api.audit_numbers(domain.dispatcher, "x", "i".ljust(length - 1) + "i")
    api.audit_numbers(domain.dispatcher, "x", "ii".rjust(length))
    assert seen == [tuple(range(1, length + 1)), (1, 2), (1, 2), (1, 2)]


def test_a_format_is_copied_with_room_for_its_end(compiled, child_of, client_folder):
    printed = child_of("cython").run(
        """
import client
from audithooks import Dispatcher
client.connect()
dispatcher = Dispatcher()
dispatcher.subscribe(lambda event, args: None, "x")
for length in range(2, 67):
    client.audit_numbers(dispatcher, "x", "i" * length + " ")
print("survived")
""",
        # Which ends the process if a byte behind the copy was written.
        environ={"PYTHONPATH": str(client_folder), "PYTHONMALLOC": "debug"},
    )
    assert printed == "survived\n"


@pytest.mark.parametrize(
    "formats", ["N", "(", ")", "O)(O", "O]", "{OO)", "!", "#", "(NO)", "O[N]"]
)
def test_a_wrong_format_is_seen_only_for_a_hook(compiled, domain, api, seen, formats):
    api.audit(domain.dispatcher, "x", formats, 1, 2)
    api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, 0)
    with pytest.raises(SystemError):
        api.audit(domain.dispatcher, "x", formats, 1, 2)
    assert seen == []


def test_a_tuple_is_passed_as_the_arguments(compiled, domain, api, seen):
    class Other(tuple):
        pass

    domain.subscribe(lambda event, args: seen.append(args), "x")
    given = ((1,), 2)
    api.audit_tuple(domain.dispatcher, "x", given)
    api.audit_tuple(domain.dispatcher, "x", Other(given))
    api.audit_tuple(domain.dispatcher, "x")
    assert seen == [given, given, ()]
    assert {type(args) for args in seen} == {tuple}


def test_an_event_that_nobody_wants_is_not_built(compiled, domain, api, seen):
    domain.subscribe(lambda event, args: seen.append(args), "y")
    if domain.kind == "dispatcher":  # the other one uses the format if it has any hook
        api.audit(domain.dispatcher, "x", "!")
    api.audit_tuple(domain.dispatcher, "x", (1,))
    assert seen == []


def test_wrong_arguments_of_audit(compiled, domain, api):
    with pytest.raises(TypeError, match="dispatcher must be a Dispatcher, NULL or Non"):
        api.audit(7, "x", None)
    with pytest.raises(TypeError, match="dispatcher must be a Dispatcher, NULL or Non"):
        api.audit_tuple([], "x")
    with pytest.raises(ValueError, match="event must not be NULL"):
        api.audit(domain.dispatcher, None, None)
    with pytest.raises(ValueError, match="event must not be NULL"):
        api.audit_tuple(domain.dispatcher, None)
    with pytest.raises(TypeError, match="args must be a tuple or NULL, not list"):
        api.audit_tuple(domain.dispatcher, "x", [])


def test_the_name_of_an_event_is_utf_8(compiled, domain, api, seen):
    api.addaudithook(domain.dispatcher, "log", seen)
    api.audit(domain.dispatcher, "é", None)
    assert seen[-1] == ("é", ())


def test_a_null_dispatcher_is_the_runtime_domain(compiled, child_of, client_folder):
    printed = child_of("cython").run(
        """
import client, sys
client.connect()
sys.addaudithook(lambda event, args: event == "client.null" and print(event, args))
client.audit_null()
""",
        environ={"PYTHONPATH": str(client_folder)},
    )
    assert printed == "client.null ()\n"


# With an exception set, as where C code cleans up.


def cleaning_up(api, error, function, *arguments):
    """Call a function with *error* set; return its result and what is set then."""
    api.hold(error)
    return getattr(api, function)(*arguments)


def contexts(error):
    """Return an exception and its contexts."""
    found = [error]
    while found[-1].__context__ is not None and len(found) < 9:
        found.append(found[-1].__context__)
    return found


def unwanted(api, of):
    """Return a subscription to an event that is not raised."""
    return api.subscribe(of, "log", [], (b"z",), None, 0)


def paused(api, of):
    subscription = unwanted(api, of)
    subscription.pause()
    return subscription


def closed(api, of):
    subscription = unwanted(api, of)
    subscription.close()
    return subscription


# Every function but close, called so that it succeeds: its name and arguments.
CALLS = {
    "connect": lambda api, of: ("connect",),
    "addaudithook": lambda api, of: ("addaudithook", of, "log", []),
    "subscribe": lambda api, of: ("subscribe", of, "log", [], (b"x",), None, 0),
    "subscribe_owning": lambda api, of: ("subscribe_owning", of, Owner(), "x"),
    "pause": lambda api, of: ("pause", unwanted(api, of)),
    "resume": lambda api, of: ("resume", paused(api, of)),
    "new_dispatcher": lambda api, of: ("new_dispatcher", "x"),
    "audit": lambda api, of: ("audit", of, "x", "O", 1),
    "audit_tuple": lambda api, of: ("audit_tuple", of, "x", (1,)),
    "get_event": lambda api, of: ("get_event", of, "x"),
    "raise_": lambda api, of: ("raise_", api.get_event(of, "x"), "O", 1),
    "raise_tuple": lambda api, of: ("raise_tuple", api.get_event(of, "x"), (1,)),
    "raise_by_macro": lambda api, of: ("raise_by_macro", api.get_event(of, "x")),
    "enabled": lambda api, of: ("enabled", api.get_event(of, "x")),
}


def test_every_function_of_the_table_is_called_with_an_exception_set():
    header = Path(audithooks.get_include(), "audithooks.h").read_text(encoding="utf-8")
    table = header.partition("/* The table.")[2].partition("} AuditHooks_API;")[0]
    functions = set(re.findall(r"(?m)^    \S.*?\(\*(\w+)\)\(", table))
    names = {"raise_event": "raise_", "raise_event_tuple": "raise_tuple"}
    functions = {names.get(function, function) for function in functions}
    assert len(functions) == 12
    assert functions == {"close", *CALLS} - {"connect", "enabled", "raise_by_macro"}
    assert functions <= {call.partition(" ")[0].strip(",") for call in FAILURES}


@pytest.mark.parametrize("call", CALLS)
def test_success_keeps_an_exception_that_was_set(compiled, domain, api, call):
    error = KeyError("before")
    for wanted in (None, "y", "x"):
        if wanted is not None:
            domain.subscribe(lambda event, args: None, wanted)
        arguments = CALLS[call](api, domain.dispatcher)
        result, afterwards = cleaning_up(api, error, *arguments)
        assert result != -1
        assert afterwards is error
        assert contexts(error) == [error]


def test_an_exception_that_was_set_by_its_class_is_kept(compiled, domain, api):
    domain.subscribe(lambda event, args: None, "x")
    _, error = cleaning_up(api, KeyError, "audit", domain.dispatcher, "x", None)
    assert type(error) is KeyError


def test_a_hook_does_not_see_an_exception_that_was_set(compiled, domain, api, seen):
    def look(event, args):
        seen.append(sys.exc_info())

    domain.subscribe(look, "x", "sys.addaudithook", "audithooks.unsubscribe")
    # This one fails if an exception is set.
    api.subscribe(domain.dispatcher, "log", [], None, None, 0)
    for call in CALLS.values():
        cleaning_up(api, KeyError("before"), *call(api, domain.dispatcher))
    subscription = api.subscribe(domain.dispatcher, "log", [], (b"y",), None, 0)
    cleaning_up(api, KeyError("before"), "close", subscription)
    assert len(seen) > 5
    assert set(seen) == {(None, None, None)}


# The same for calls that fail, with the exception.
FAILURES = {
    "addaudithook": (lambda api, of: ("addaudithook", 7, "log", []), TypeError),
    "subscribe": (
        lambda api, of: ("subscribe", of, "log", [], (b"x",), None, 0),
        HookRejected,
    ),
    "close": (lambda api, of: ("close", 7), TypeError),
    "close NULL": (lambda api, of: ("close_null",), TypeError),
    "subscribe_owning": (
        lambda api, of: ("subscribe_owning", of, Owner(), "x"),
        HookRejected,
    ),
    "pause": (lambda api, of: ("pause", unwanted(api, of)), RuntimeError),
    "pause, closed": (lambda api, of: ("pause", closed(api, of)), ValueError),
    "resume": (lambda api, of: ("resume", closed(api, of)), ValueError),
    "resume NULL": (lambda api, of: ("resume_null",), TypeError),
    "new_dispatcher": (lambda api, of: ("new_dispatcher", b"\xff"), UnicodeDecodeError),
    "audit": (lambda api, of: ("audit", of, "fail", "O", 1), ValueError),
    "audit, no name": (lambda api, of: ("audit", of, None, None), ValueError),
    "audit, no domain": (lambda api, of: ("audit", 7, "x", None), TypeError),
    "audit_tuple": (lambda api, of: ("audit_tuple", of, "fail", (1,)), ValueError),
    "audit_tuple, no tuple": (lambda api, of: ("audit_tuple", of, "x", []), TypeError),
    "get_event": (lambda api, of: ("get_event", of, None), ValueError),
    "raise_": (
        lambda api, of: ("raise_", api.get_event(of, "fail"), "O", 1),
        ValueError,
    ),
    "raise_, no event": (lambda api, of: ("raise_", 7, None), TypeError),
    "raise_tuple": (
        lambda api, of: ("raise_tuple", api.get_event(of, "fail"), (1,)),
        ValueError,
    ),
    "raise_tuple, no event": (lambda api, of: ("raise_tuple", 7, ()), TypeError),
    "raise_by_macro, no event": (lambda api, of: ("raise_null_by_macro",), TypeError),
    "raise_by_macro": (
        lambda api, of: ("raise_by_macro", api.get_event(of, "fail")),
        ValueError,
    ),
}


@pytest.mark.parametrize("call", FAILURES)
def test_a_failure_has_the_exception_that_was_set_as_context(
    compiled, domain, api, call
):
    function, kind = FAILURES[call]
    call = function(api, domain.dispatcher)
    api.subscribe(domain.dispatcher, "fail", [], (b"fail",), None, 0)
    api.subscribe(domain.dispatcher, "veto", [], None, None, 0)
    error = KeyError("before")
    result, afterwards = cleaning_up(api, error, *call)
    assert result == -1
    assert type(afterwards) is kind
    assert contexts(afterwards)[-1] is error


def test_an_exception_that_was_set_by_its_class_is_a_context(compiled, domain, api):
    api.subscribe(domain.dispatcher, "fail", [], (b"fail",), None, 0)
    _, error = cleaning_up(api, KeyError, "audit", domain.dispatcher, "fail", None)
    assert [*map(type, contexts(error))] == [ValueError, KeyError]


def test_a_context_keeps_its_traceback(compiled, domain, api):
    def fails():
        raise KeyError("before")

    api.subscribe(domain.dispatcher, "fail", [], (b"fail",), None, 0)
    _, error = cleaning_up(api, fails, "audit", domain.dispatcher, "fail", None)
    assert error.__context__.__traceback__.tb_frame.f_code is fails.__code__


def test_the_contexts_of_a_failure_come_first(compiled, domain, api):
    def hook(event, args):
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            raise ValueError from None

    domain.subscribe(hook, "x")
    before = KeyError("before")
    _, error = cleaning_up(api, before, "audit", domain.dispatcher, "x", None)
    assert [*map(type, contexts(error))] == [ValueError, ZeroDivisionError, KeyError]


@pytest.mark.parametrize("raised", ["the same", "its context", "a ring"])
def test_contexts_do_not_go_round(compiled, domain, api, raised):
    before = KeyError("before")
    before.__context__ = ZeroDivisionError("earlier")
    error = {"the same": before, "its context": before.__context__}.get(raised)
    if error is None:
        error = ValueError("one")
        error.__context__ = ValueError("other")
        error.__context__.__context__ = error

    def hook(event, args):
        raise error

    domain.subscribe(hook, "x")
    _, afterwards = cleaning_up(api, before, "audit", domain.dispatcher, "x", None)
    assert afterwards is error
    if raised != "a ring":
        assert len(contexts(before)) == 2
        assert len(contexts(error)) <= 2


def test_close_keeps_an_exception_that_was_set(compiled, domain, api, seen):
    subscription = api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, 0)
    error = KeyError("before")
    assert cleaning_up(api, error, "close", subscription) == (0, error)
    assert cleaning_up(api, error, "close", subscription) == (0, error)
    assert subscription.closed
    domain.audit("x")
    assert seen == []


def refused_while_cleaning_up(domain, api, subscription, monkeypatch):
    """Close a subscription while a hook refuses; return what is reported of it."""
    reports = []

    def report(unraisable):
        reports.append(
            (unraisable.exc_value, unraisable.object, unraisable.object.closed)
        )

    monkeypatch.setattr(sys, "unraisablehook", report)
    api.addaudithook(domain.dispatcher, "veto", [])
    error = KeyError("before")
    assert cleaning_up(api, error, "close", subscription) == (0, error)
    assert contexts(error) == [error]
    return reports


def test_no_hook_refuses_a_close_while_c_code_cleans_up(
    compiled, domain, api, seen, monkeypatch
):
    subscription = api.subscribe(
        domain.dispatcher, "log", seen, (b"x",), None, REENTRANT
    )
    domain.audit("x", 1)
    refused_while_cleaning_up(domain, api, subscription, monkeypatch)
    domain.audit("x", 2)
    assert seen == [("x", (1,))]
    assert subscription.closed
    api.close(subscription)


def test_a_refusal_of_a_close_while_c_code_cleans_up_is_reported(
    compiled, domain, api, monkeypatch
):
    subscription = api.subscribe(domain.dispatcher, "log", [], (b"x",), None, 0)
    reports = refused_while_cleaning_up(domain, api, subscription, monkeypatch)
    ((error, subject, closed),) = reports
    assert (type(error), str(error)) == (RuntimeError, "no more hooks")
    assert subject is subscription
    assert closed
    del reports, subject


def test_a_python_hook_cannot_refuse_either_while_c_code_cleans_up(
    compiled, domain, api, seen, monkeypatch
):
    subscription = domain.subscribe(lambda event, args: seen.append(args), "x")
    refused_while_cleaning_up(domain, api, subscription, monkeypatch)
    domain.audit("x")
    assert seen == []
    assert subscription.closed


def test_a_context_is_left_in_spite_of_a_refusal(compiled, domain, api, monkeypatch):
    def held():
        """The hooks that are kept in this context, by rank; the mirror has others."""
        values = copy_context().values()
        tuples = [value for value in values if type(value) is tuple]
        return [rank for value in tuples for rank in value if type(rank) is int]

    subscription = api.subscribe(domain.dispatcher, "log", [], (b"x",), None, CONTEXT)
    mine = held()[-1]
    refused_while_cleaning_up(domain, api, subscription, monkeypatch)
    assert mine not in held()


@needs(
    is_compiled("_testcapi"),
    "this Python was installed without _testcapi, which makes allocations fail",
)
@needs(not FREE_THREADED, "the interpreter itself crashes if it cannot allocate a list")
@pytest.mark.parametrize("name", ["None", "Dispatcher()"])
def test_no_lack_of_memory_keeps_a_hook_while_c_code_cleans_up(
    compiled, child_of, client_folder, name
):
    printed = child_of("cython").run(
        f"""
import _testcapi, sys
import client
from audithooks import Dispatcher, audit
client.connect()
sys.unraisablehook = lambda report: None
dispatcher = {name}
audit = audit if dispatcher is None else dispatcher.audit
error = KeyError("before")
closed = failed = 0
for n in range(150):
    seen = []
    kept = client.subscribe(dispatcher, "log", seen, (b"x",), None, 0)
    subscription = client.subscribe(dispatcher, "log", seen, (b"x",), None, 0)
    audit("x", 1)
    client.hold(error)
    # From the n-th allocation on, so that the second attempt fails as well.
    _testcapi.set_nomemory(n, n + 40)
    try:
        pair = client.close(subscription)
    except MemoryError:  # of the client
        failed += 1
        pair = 0, error
    finally:
        _testcapi.remove_mem_hooks()
    assert pair == (0, error), pair
    assert subscription.closed
    audit("x", 2)
    assert seen == [("x", (1,))] * 2 + [("x", (2,))], seen
    kept.close()
    closed += 1
print("closed", closed, failed < 150)
""",
        environ={"PYTHONPATH": str(client_folder)},
    )
    assert printed == "closed 150 True\n"


# Resolved events.


def test_an_event_is_an_event_of_python(compiled, domain, api, seen):
    event = api.get_event(domain.dispatcher, "x")
    assert isinstance(event, audithooks.Event)
    assert (event.name, event.dispatcher) == ("x", domain.dispatcher)
    api.subscribe(domain.dispatcher, "log", seen, (b"x",), None, 0)
    event(1)
    api.raise_(event, "O", 2)
    api.raise_tuple(event, (3,))
    api.raise_tuple(event)
    assert seen == [("x", (1,)), ("x", (2,)), ("x", (3,)), ("x", ())]


def test_an_event_is_enabled_while_a_hook_may_want_it(compiled, api, seen):
    dispatcher = Dispatcher()
    event = api.get_event(dispatcher, "x")
    assert api.enabled(event) == 0
    subscription = api.subscribe(dispatcher, "log", seen, (b"x",), None, 0)
    assert api.enabled(event) == 1
    event()
    assert api.enabled(event) == 1
    subscription.close()
    assert api.enabled(event) == 0


def test_an_event_that_nobody_wants_is_disabled_when_it_is_raised(compiled, api, seen):
    dispatcher = Dispatcher()
    event = api.get_event(dispatcher, "x")
    other = api.subscribe(dispatcher, "log", seen, (b"y",), None, 0)
    api.raise_(event, None)
    assert api.enabled(event) == 0
    assert not event
    wanted = api.subscribe(dispatcher, "log", seen, (b"x",), None, 0)
    assert api.enabled(event) == 1
    wanted.pause()
    event()
    assert api.enabled(event) == 0
    wanted.resume()
    assert api.enabled(event) == 1
    event()
    assert seen == [("x", ())]
    other.close()
    wanted.close()
    assert api.enabled(event) == 0


@pytest.mark.parametrize("flag", [THREAD, CONTEXT])
def test_an_event_is_enabled_while_there_is_a_hook_of_a_scope(
    compiled, api, seen, flag
):
    dispatcher = Dispatcher()
    event = api.get_event(dispatcher, "x")
    other = dispatcher.subscribe(print, "y")
    event()
    assert api.enabled(event) == 0
    subscription = api.subscribe(dispatcher, "log", seen, (b"x",), None, flag)
    assert api.enabled(event) == 1
    api.raise_(event, "i", 1)
    assert api.enabled(event) == 1
    assert len(seen) == 1
    subscription.close()
    other.pause()  # a change of those that are called everywhere
    event()
    assert api.enabled(event) == 0


def test_an_event_stays_enabled_for_a_context_that_did_not_raise_it(
    compiled, api, seen
):
    dispatcher = Dispatcher()
    event = api.get_event(dispatcher, "x")
    there = copy_context()
    there.run(api.subscribe, dispatcher, "log", seen, (b"x",), None, CONTEXT)
    api.raise_(event, "i", 1)
    assert api.enabled(event) == 1
    there.run(api.raise_, event, "i", 1)
    assert len(seen) == 1


def test_an_event_that_is_made_later_is_enabled_if_there_are_hooks(compiled, api):
    dispatcher = Dispatcher()
    dispatcher.addaudithook(lambda event, args: None)
    assert api.enabled(dispatcher.event("x")) == 1


def test_events_come_and_go_while_hooks_do(compiled, api):
    dispatcher = Dispatcher()
    events = {number: dispatcher.event(f"x{number}") for number in range(10)}
    for number in (0, 4, 9, 3, 5):
        del events[number]
    other = Dispatcher()  # whose events are where those were
    others = [other.event(f"y{number}") for number in range(20)]
    with dispatcher.subscribe(lambda event, args: None, "x7"):
        assert {api.enabled(event) for event in events.values()} == {1}
        wanted = {number for number, event in events.items() if event}
        assert wanted == {7}
        enabled = {number for number, event in events.items() if api.enabled(event)}
        assert enabled == {7}
        assert {api.enabled(event) for event in others} == {0}
    assert {api.enabled(event) for event in events.values()} == {0}


def test_the_macro_evaluates_its_arguments_only_if_enabled(compiled, api, seen):
    dispatcher = Dispatcher()
    event = api.get_event(dispatcher, "x")
    assert api.evaluations(event) == 0
    with dispatcher.subscribe(lambda event, args: None, "y"):
        assert api.evaluations(event) == 1  # to find out that no hook wants it
        assert api.evaluations(event) == 0
    with api.subscribe(dispatcher, "log", seen, (b"x",), None, 0):
        assert api.evaluations(event) == 100
    assert [args for _, args in seen] == [(i,) for i in range(1, 101)]


def test_an_event_of_the_runtime_domain_is_always_enabled(compiled, api):
    event = api.get_event(None, "client.unheard")
    assert api.enabled(event) == 1
    assert api.evaluations(event) == 100


def test_an_event_belongs_to_a_cycle_that_is_collected(compiled, api):
    class Owner(Dispatcher):
        def remember(self, event, args):
            pass

    owner = Owner()
    owner.events = [owner.event("x"), owner.event("y")]
    owner.addaudithook(owner.remember)
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("of", ["dispatcher", "None"])
def test_a_hook_may_drop_the_event_that_is_raised(
    compiled, child_of, client_folder, of
):
    printed = child_of("cython").run(
        f"""
import sys
import client
from audithooks import Dispatcher, subscribe
client.connect()
dispatcher = Dispatcher()
of = {of}
subscribe_to = subscribe if of is None else of.subscribe
seen = []
def drop(event, args):
    del event
    events.clear()
    subscribe_to(print, "other")  # with new routes, so that none holds the name
    subscribe_to(print, "another")
def see(event, args):
    if args == (1,):
        seen.append(event)
subscribe_to(drop, "x*")
if of is None:
    sys.addaudithook(see)
else:
    of.subscribe(see, "x*")
for i in range(100):
    events = [client.get_event(of, "x" * 9 + str(i))]
    client.raise_from(events)
print(seen == ["x" * 9 + str(i) for i in range(100)])
""",
        # Which overwrites what is freed.
        environ={"PYTHONPATH": str(client_folder), "PYTHONMALLOC": "debug"},
    )
    assert printed == "True\n"


def test_wrong_arguments_of_events(compiled, domain, api):
    event = api.get_event(domain.dispatcher, "x")
    with pytest.raises(TypeError, match="must be a Dispatcher, NULL or None, not int"):
        api.get_event(7, "x")
    with pytest.raises(ValueError, match="name must not be NULL"):
        api.get_event(domain.dispatcher, None)
    with pytest.raises(TypeError, match="args must be a tuple or NULL, not int"):
        api.raise_tuple(event, 7)
    with pytest.raises(TypeError, match="event must be an Event"):
        api.raise_("x", None)
    with pytest.raises(TypeError, match="event must be an Event"):
        api.raise_tuple([], ())
    with pytest.raises(TypeError, match="event must be an Event"):
        api.raise_null()
    with pytest.raises(TypeError, match="event must be an Event"):
        api.raise_null_by_macro()


def test_null_counts_as_enabled_so_that_it_is_refused(api):
    assert api.enabled_null() == 1


# Documentation.


LABELS = (
    "Thread safety",
    "References",
    "Failure",
    "Exception set before",
    "Since",
)
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "c-api.md"


def declarations(text):
    """Return the functions that the header has, by name: without, macros, as None."""
    text = re.sub(r"(?s)/\*.*?\*/", "", text)
    found = {}
    pattern = r"(?m)^static inline ([\w *]+?)\n(AuditHooks_\w+)\(((?:.|\n)*?)\)\n\{"
    for kind, name, arguments in re.findall(pattern, text):
        arguments = arguments.replace(" = NULL", "")
        shown = f"{kind} {name}({' '.join(arguments.split())})".replace("* ", "*")
        found.setdefault(name, set()).add(shown)
    for name in re.findall(r"(?m)^#define (AuditHooks_\w+)\(", text):
        found.setdefault(name, None)
    for kind, name, arguments in re.findall(
        r"(?m)^([\w ]+\*)(AuditHooks_\w+)\(([^()]*)\);", text
    ):
        found[name] = {f"{kind}{name}({arguments})"}
    return {n: value for n, value in found.items() if "_private_" not in n}


@needs(PAGE.exists(), "the tests were copied without docs/")
def test_every_function_of_the_header_is_documented_and_no_other():
    header = Path(audithooks.get_include(), "audithooks.h").read_text(encoding="utf-8")
    declared = declarations(header)
    page = PAGE.read_text(encoding="utf-8")
    documented = {}
    for section in page.split("```{eval-rst}\n.. c:function:: ")[1:]:
        signature, _, text = section.partition("\n```\n")
        name = re.search(r"(AuditHooks_\w+)\(", signature)[1]
        documented[name] = signature
        for label in LABELS:
            assert len(re.findall(rf"(?m)^\* {label}: \S", text)) == 1, (name, label)
    assert documented.keys() == declared.keys()
    assert len(documented) == 15
    for name, signatures in declared.items():
        if signatures is not None:
            assert documented[name] in signatures


# Importing.


def test_the_header_is_in_the_folder_of_the_package(compiled):
    folder = Path(audithooks.get_include())
    assert (folder / "audithooks.h").is_file()
    assert (folder / "__init__.pxd").is_file()
    assert folder == Path(audithooks.__file__).parent


def test_pure_python_has_no_c_api(compiled, client_folder, child_of):
    done = child_of("python").start(
        "-c",
        "import client; client.connect()",
        environ={"PYTHONPATH": str(client_folder)},
    )
    assert done.stderr.splitlines()[-1] == (
        "ImportError: audithooks runs in pure Python, without a C API: "
        "AUDITHOOKS_PURE_PYTHON asks for it"
    )


def test_an_older_runtime_is_refused(compiled, tmp_path):
    header = Path(audithooks.get_include(), "audithooks.h").read_text(encoding="utf-8")
    newer = header.replace(f"API_VERSION {VERSION}", "API_VERSION 7")
    assert newer != header
    (tmp_path / "newer.h").write_text(newer, encoding="utf-8")
    code = (building.CLIENTS / "client.c").read_text(encoding="utf-8")
    source = tmp_path / "client.c"
    source.write_text(code.replace("<audithooks.h>", '"newer.h"'), encoding="utf-8")
    client = building.load(building.extension(source, tmp_path))
    text = f"version 7 of the C API of audithooks is needed, not {VERSION}"
    with pytest.raises(ImportError, match=text):
        client.connect()


OLDER_RUNTIME = """
import ctypes, sys
import audithooks
# An audithooks of the first version, whose table says nothing else of itself.
get = ctypes.pythonapi.PyCapsule_GetPointer
get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
name = b"audithooks._C_API"
class Table(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_int), ("functions", ctypes.c_void_p * 8),
        ("abi_version", ctypes.c_int), ("size", ctypes.c_size_t),
        ("enabled_offset", ctypes.c_size_t), ("rest", ctypes.c_void_p * 4),
    ]
real = Table.from_address(get(audithooks._C_API, name))
assert real.size == ctypes.sizeof(Table), real.size
table = Table.from_buffer_copy(real)
new = ctypes.pythonapi.PyCapsule_New
new.restype = ctypes.py_object
new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
audithooks._C_API = new(ctypes.addressof(table), name, None)
def outcome(module):
    try:
        return module.connect()
    except ImportError as error:
        return str(error)
def seen(module):
    dispatcher, seen = audithooks.Dispatcher(), []
    subscription = module.subscribe(dispatcher, seen)
    module.raise_all(dispatcher)
    module.close(subscription)
    return len(seen)
"""


@pytest.fixture(scope="module")
def targets(compiled, tmp_path_factory):
    """The folder of a client for the first version, and one for the newest."""
    folder = tmp_path_factory.mktemp("targets")
    source = (building.CLIENTS / "limited.c").read_text(encoding="utf-8")
    source = source.replace("#define Py_LIMITED_API 0x03090000\n", "")
    for name, options in {
        "first": ["-DAUDITHOOKS_TARGET_VERSION=1"],
        "newest": [],
    }.items():
        path = folder / f"{name}.c"
        path.write_text(source.replace("PyInit_limited", f"PyInit_{name}"))
        building.extension(path, folder, options=[*building.WARNINGS, *options])
    return folder


@pytest.mark.parametrize(
    ("change", "first", "newest"),
    [
        ("pass", VERSION, VERSION),
        (
            "table.version, table.abi_version = 1, 0",
            1,
            f"version {VERSION} of the C API of audithooks is needed, not 1",
        ),
        ("table.version, table.size = 9, 9 * table.size", 9, 9),
        (
            "table.abi_version = 2",
            *2 * ["this module was built for ABI 1 of audithooks, not 2"],
        ),
        ("table.size -= 8", VERSION, "built for a Python with other objects"),
        ("table.size = 8", *2 * ["built for a Python with other objects"]),
        ("table.enabled_offset += 16", *2 * ["built for a Python with other objects"]),
    ],
    ids=["this", "older", "newer", "abi", "shorter", "shortest", "objects"],
)
def test_a_client_works_with_each_runtime_that_has_its_target(
    compiled, child_of, targets, change, first, newest
):
    printed = child_of("cython").run(
        f"""{OLDER_RUNTIME}
{change}
import first, newest
for module in first, newest:
    found = outcome(module)
    print(found, seen(module) if type(found) is int else "")
""",
        environ={"PYTHONPATH": str(targets)},
    )
    for line, wanted in zip(printed.splitlines(), (first, newest)):
        if isinstance(wanted, int):
            assert line == f"{wanted} 6"
        else:
            assert wanted in line


def test_the_table_begins_as_that_of_the_first_version():
    """Where pointers are as long as int, nothing may stand in between."""
    header = Path(audithooks.get_include(), "audithooks.h").read_text(encoding="utf-8")
    table = re.search(r"typedef struct \{([^}]*)\} AuditHooks_API;", header)[1]
    fields = re.findall(r"^    \w[^(;]*?(\w+);|^    \w[^(]*\(\*(\w+)\)", table, re.M)
    assert [a or b for a, b in fields][:10] == [
        *("version", "addaudithook", "subscribe", "close", "audit", "audit_tuple"),
        *("get_event", "raise_event", "raise_event_tuple", "abi_version"),
    ]


def test_a_target_that_is_not_known_does_not_compile(compiled, tmp_path):
    source = tmp_path / "target.c"
    source.write_text("#include <audithooks.h>\n", encoding="utf-8")
    for target in (0, VERSION + 1):
        option = f"-DAUDITHOOKS_TARGET_VERSION={target}"
        with pytest.raises(AssertionError, match="must be from 1 to AUDITHOOKS_API_V"):
            building.extension(source, tmp_path, options=[option])


STANDARDS = ["c99", "c11", "c17", "c2x", "c++98", "c++11", "c++17", "c++20"]


@pytest.mark.parametrize("standard", STANDARDS)
def test_the_header_compiles_without_a_warning(compiled, tmp_path, standard):
    """As strictly as compilers do; what is in Python.h is not looked at."""
    plus = standard.startswith("c++")
    variadic = """
int raise_all(const AuditHooks_API *api, PyObject *d, AuditHooks_Event *event) {
    if (AuditHooks_Audit(api, d, "x", NULL) < 0) return -1;
    if (AuditHooks_Raise(api, event, "i", 1) < 0) return -1;
    return AuditHooks_AUDIT(api, event, "ii", 1, 2);
}
"""
    templates = """
template <class A, class B> struct Pair { static void *both() { return 0; } };
void with_commas(const AuditHooks_API *api, PyObject *d, AuditHooks_HookFunction hook) {
    AuditHooks_Subscribe(api, d, hook, Pair<int, long>::both(), 0, 0, 0);
    AuditHooks_AddAuditHook(api, d, hook, Pair<int, long>::both());
}
"""
    literals = """
PyObject *with_literals(const AuditHooks_API *, PyObject *, AuditHooks_HookFunction);
PyObject *with_literals(const AuditHooks_API *api, PyObject *d,
                        AuditHooks_HookFunction hook) {
    return AuditHooks_Subscribe(api, d, hook, (long[]){1, 2},
                                (const char *const[]){"a", "b", NULL},
                                (const char *const[]){"a.b", NULL}, 0);
}
"""
    source = tmp_path / ("client.cpp" if plus else "client.c")
    source.write_text(
        f"""
#include <audithooks.h>
int use(PyObject *d, AuditHooks_HookFunction hook, void (*end)(void *));
int use(PyObject *d, AuditHooks_HookFunction hook, void (*end)(void *)) {{
    const AuditHooks_API *api = AuditHooks_Import();
    PyObject *s, *t, *n;
    AuditHooks_Event *event;
    if (api == NULL) return -1;
    s = AuditHooks_Subscribe(api, d, hook, NULL, NULL, NULL, 0);
    t = AuditHooks_Subscribe(api, d, hook, NULL, NULL, NULL, 0, end);
    n = AuditHooks_NewDispatcher(api, "n");
    event = AuditHooks_GetEvent(api, n, "x");
    return AuditHooks_AddAuditHook(api, d, hook, NULL) || AuditHooks_Close(api, s)
        || AuditHooks_Pause(api, t) || AuditHooks_Resume(api, t)
        || AuditHooks_AuditTuple(api, d, "x", NULL) || AuditHooks_Enabled(event)
        || AuditHooks_RaiseTuple(api, event, NULL);
}}
{variadic.replace("int", "static inline int", 1) if standard != "c++98" else ""}
{templates if plus else literals}
""",
        encoding="utf-8",
    )
    compiler = "CXX" if plus else "CC"
    if building.missing(compiler):
        pytest.skip(building.missing(compiler))
    includes = [sysconfig.get_path("include"), sysconfig.get_path("platinclude")]
    command = [*shlex.split(building.config(compiler)), f"-std={standard}", "-c"]
    for include in includes:
        command += ["-isystem", include]
    command += ["-o", str(tmp_path / "client.o")]
    alone = tmp_path / f"alone{source.suffix}"
    alone.write_text("#include <Python.h>\n")
    done = subprocess.run([*command, str(alone)], capture_output=True)
    if done.returncode:
        pytest.skip(f"this compiler does not take Python.h itself as {standard}")
    building.run(
        *command,
        *("-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-function"),
        *([] if plus else ["-Wstrict-prototypes", "-Wmissing-prototypes"]),
        *("-I", audithooks.get_include(), str(source)),
    )


@pytest.mark.parametrize("arguments", [4, 6, 9])
def test_a_wrong_number_of_arguments_does_not_compile(compiled, tmp_path, arguments):
    given = ["api", "NULL", "hook", "NULL", "NULL", "NULL", "0", "end", "1"][:arguments]
    source = tmp_path / "wrong.c"
    source.write_text(
        f"""
#include <audithooks.h>
PyObject *use(const AuditHooks_API *api, AuditHooks_HookFunction hook,
              AuditHooks_FreeFunction end) {{
    return AuditHooks_Subscribe({", ".join(given)});
}}
""",
        encoding="utf-8",
    )
    with pytest.raises(AssertionError, match="AuditHooks_private_subscribe"):
        building.extension(source, tmp_path, options=building.WARNINGS)


def test_the_header_has_no_cast_of_c_in_cplusplus(compiled, tmp_path):
    """GCC looks for one only where the linkage is that of C++, Clang everywhere."""
    header = Path(audithooks.get_include(), "audithooks.h").read_text(encoding="utf-8")
    assert 'extern "C" {' in header
    text = header.replace('extern "C" {', 'extern "C++" {')
    (tmp_path / "audithooks.h").write_text(text, encoding="utf-8")
    source = tmp_path / "casts.cpp"
    source.write_text('#include "audithooks.h"\n', encoding="utf-8")
    options = ("-Wold-style-cast", "-Werror")
    include = sysconfig.get_path("include")
    if building.missing("CXX"):
        pytest.skip(building.missing("CXX"))
    compiler = shlex.split(building.config("CXX"))
    building.run(*compiler, *options, "-isystem", include, "-fsyntax-only", str(source))


def test_cplusplus_compiles_the_header(compiled, tmp_path):
    source = tmp_path / "plus.cpp"
    source.write_text(
        """
#include <audithooks.h>
static PyObject *connect(PyObject *, PyObject *) {
    const AuditHooks_API *api = AuditHooks_Import();
    if (api == nullptr) return nullptr;
    AuditHooks_Event *event = AuditHooks_GetEvent(api, nullptr, "plus.plus");
    if (event == nullptr) return nullptr;
    int status = AuditHooks_AUDIT(api, event, "s", "C++");
    Py_DECREF(reinterpret_cast<PyObject *>(event));
    return status < 0 ? nullptr : PyLong_FromLong(api->version);
}
static PyMethodDef methods[] = {
    {"connect", connect, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
static PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "plus", nullptr, 0, methods,
                                 slots, nullptr, nullptr, nullptr};
PyMODINIT_FUNC PyInit_plus() { return PyModuleDef_Init(&definition); }
""",
        encoding="utf-8",
    )
    target = tmp_path / f"plus{building.config('EXT_SUFFIX')}"
    building.compile_c(source, target, "-shared", *building.WARNINGS, compiler="CXX")
    assert building.load(target).connect() == VERSION


# The stable ABI: a client is built once, by this Python, and works on others.


@pytest.fixture(scope="module", params=["C", "C++"])
def limited_folder(compiled, tmp_path_factory, request):
    """The folder of the extension module limited, in C or C++."""
    folder = tmp_path_factory.mktemp("limited")
    source = building.CLIENTS / "limited.c"
    if request.param == "C++":
        source = shutil.copy(source, folder / "limited.cpp")
    compiler = {"C": "CC", "C++": "CXX"}[request.param]
    target = folder / "limited.abi3.so"
    building.compile_c(source, target, "-shared", *building.WARNINGS, compiler=compiler)
    return folder


class Builds:
    """audithooks for other Pythons, built from the sources beside the tests."""

    def __init__(self, folder):
        self.folder = folder
        self.made = set()

    def translate(self):
        """Copy the sources, and make C of them."""
        sources = Path(__file__).parents[2] / "audithooks"
        if not any(sources.glob("_core/*.pyx")):
            pytest.skip("the sources of audithooks are not here")
        built = shutil.ignore_patterns("*.so", "*.c", "*.txt", "__pycache__")
        shutil.copytree(sources, self.folder / "audithooks", ignore=built)
        modules = self.folder.glob("audithooks/_core/*.pyx")
        command = sys.executable, "-m", "cython", "-3", *map(str, modules)
        building.run(*command, cwd=self.folder)

    def build(self, python):
        """Build audithooks for a Python, and return the folder to import it from."""
        if not self.made:
            self.translate()
        if python not in self.made:
            code = (
                "from sysconfig import *; print(get_path('include'), "
                "get_path('platinclude'), get_config_var('EXT_SUFFIX'), sep='\\n')"
            )
            include, platform, suffix = building.run(python, "-c", code).splitlines()
            for source in self.folder.glob("audithooks/_core/*.c"):
                building.run(
                    *shlex.split(building.config("CC")),
                    *("-O0", "-w", "-fPIC", "-shared", "-I", include, "-I", platform),
                    *("-I", str(self.folder / "audithooks")),
                    *("-o", str(source.with_suffix(suffix)), str(source)),
                )
            self.made.add(python)
        return self.folder


@pytest.fixture(scope="module")
def builds(compiled, tmp_path_factory):
    return Builds(tmp_path_factory.mktemp("builds"))


@functools.cache
def other_pythons():
    """Return the commands of other CPythons that are found, by their minor version."""
    from matrix.run import at_hand

    return {
        python.minor: python.command
        for python in at_hand()
        if python.name.startswith("CPython") and "free-threaded" not in python.name
        if not python.pure and python.minor != sys.version_info[:2]
    }


USE_LIMITED = """
import limited
from audithooks import Dispatcher, IMPLEMENTATION, audit
print(IMPLEMENTATION, limited.connect())
for dispatcher in Dispatcher(), None:
    seen, every = [], []
    limited.raise_all(dispatcher)
    limited.addaudithook(dispatcher, every)
    subscription = limited.subscribe(dispatcher, seen)
    print(limited.raise_all(dispatcher))
    limited.close(subscription)
    print(subscription.closed, limited.raise_all(dispatcher))
    for event, args in seen:
        print(event, *args)
    print(sum(event == "limited.left_out" for event, _ in every))
print(limited.raise_all(Dispatcher()), limited.subscribe_owning())
"""

EVENTS_OF_LIMITED = """\
limited.named a 2
limited.named 1
limited.resolved 3
limited.resolved 1
limited.resolved 11
limited.resolved
"""


@needs(not FREE_THREADED, "there is no limited API without the global interpreter lock")
@pytest.mark.parametrize(
    "minor",
    [
        pytest.param(
            minor,
            marks=[pytest.mark.soak] * (minor != sys.version_info[1]),
            id=f"3.{minor}",
        )
        for minor in range(9, 16)
    ],
)
def test_one_build_with_the_limited_api_works_on_every_cpython(
    limited_folder, builds, minor
):
    if sys.version_info[:2] == (3, minor):
        python, package = sys.executable, Path(audithooks.get_include()).parent
    else:
        python = other_pythons().get((3, minor))
        if python is None:
            pytest.skip(f"CPython 3.{minor} was not found")
        package = builds.build(python)
    environ = {**os.environ, "PYTHONPATH": str(package), "AUDITHOOKS_PURE_PYTHON": "0"}
    command = python, "-c", USE_LIMITED  # which imports from the folder, too
    printed = building.run(*command, cwd=limited_folder, env=environ)
    of_a_domain = f"1\nTrue 1\n{EVENTS_OF_LIMITED}2\n"
    assert printed == f"cython {VERSION}\n{of_a_domain}{of_a_domain}0 1\n"


@needs(
    ".abi3t.so" in importlib.machinery.EXTENSION_SUFFIXES,
    "this Python knows no stable ABI for all builds (abi3t)",
)
@pytest.mark.parametrize("language", ["C", "C++"])
def test_one_build_works_with_and_without_the_lock(compiled, tmp_path, language):
    """It is built as for both, and this Python takes it."""
    source = building.CLIENTS / "limited.c"
    if language == "C++":
        source = shutil.copy(source, tmp_path / "limited.cpp")
    options = "-shared", "-DPy_TARGET_ABI3T=0x030f0000", *building.WARNINGS
    building.compile_c(
        source,
        tmp_path / "limited.abi3t.so",
        *(*options, "-Wno-missing-field-initializers"),
        compiler={"C": "CC", "C++": "CXX"}[language],
    )
    printed = building.run(
        *(sys.executable, "-c", USE_LIMITED),
        cwd=tmp_path,
        env={**environment(), "AUDITHOOKS_PURE_PYTHON": "0"},
    )
    of_a_domain = f"1\nTrue 1\n{EVENTS_OF_LIMITED}2\n"
    assert printed == f"cython {VERSION}\n{of_a_domain}{of_a_domain}0 1\n"


# Cython.


@pytest.fixture(scope="module")
def cyclient(compiled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cyclient")
    source = building.CLIENTS / "cyclient.pyx"
    client = building.load(building.cython_extension(source, folder))
    yield client
    del client.seen[:]


def test_cython_raises_what_a_hook_wants(compiled, cyclient):
    del cyclient.seen[:]
    cyclient.sell("tea")
    assert cyclient.evaluated == 0
    with cyclient.subscribe("log"):
        cyclient.sell("jam")
        cyclient.sell_by_format("tea")
        cyclient.audit("sale", "by name")
    cyclient.sell("milk")
    assert cyclient.seen == [
        ("sale", ("jam",)),
        ("sale", ("tea", 1)),
        ("sale", ("by name",)),
    ]
    assert cyclient.evaluated == 1


def test_a_cython_hook_raises_as_python_does(compiled, cyclient):
    subscription = cyclient.subscribe("failing")
    with pytest.raises(ValueError, match="sale"):
        cyclient.sell("tea")
    cyclient.close(subscription)
    assert subscription.closed


def test_cython_has_data_freed(compiled, cyclient):
    data = object()
    subscription = cyclient.subscribe_owning(data)
    cyclient.pause(subscription)
    assert subscription.paused
    cyclient.resume(subscription)
    assert not subscription.paused
    assert cyclient.freed == []
    cyclient.close(subscription)
    assert cyclient.freed == [data]
    assert cyclient.make("shop").name == "shop"


@pytest.fixture(scope="module")
def translated(compiled, tmp_path_factory):
    """The file in C that Cython makes of unlocked, and what it says of that."""
    c_file = tmp_path_factory.mktemp("unlocked") / "unlocked.c"
    parent = str(Path(audithooks.get_include()).parent)
    command = [sys.executable, "-m", "cython", "-3", "-I", parent, "-o", str(c_file)]
    command += [str(building.CLIENTS / "unlocked.pyx")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return c_file, done.stdout + done.stderr


@pytest.fixture(scope="module", params=["all", "limited"])
def unlocked(compiled, tmp_path_factory, request):
    """The extension module unlocked, by all of the C API or by the limited one."""
    if request.param == "all":
        folder = tmp_path_factory.mktemp("unlocked")
        source = building.CLIENTS / "unlocked.pyx"
        return building.load(building.cython_extension(source, folder))
    if FREE_THREADED:
        pytest.skip("there is no limited API without the global interpreter lock")
    c_file, _ = request.getfixturevalue("translated")
    limits = ["-DPy_LIMITED_API=0x03090000", "-DCYTHON_LIMITED_API=1"]
    options = [*building.QUICKLY, *limits]
    return building.load(building.extension(c_file, c_file.parent, options=options))


def test_cython_asks_whether_an_event_is_enabled_without_the_gil(unlocked):
    assert unlocked.count(10) == (0, 0)
    with unlocked.shop.subscribe(lambda event, args: None, "sale"):
        assert unlocked.count(10) == (10, 10)


def test_cython_looks_for_no_exception_without_the_gil(translated):
    _, said = translated
    assert said == ""  # no performance hint that it has to


def test_cython_takes_the_gil_for_an_event_that_is_enabled(unlocked, seen):
    unlocked.sell(2)
    with unlocked.shop.subscribe(lambda event, args: seen.append(args), "sale"):
        unlocked.sell(3)
    assert seen == [(0,), (1,), (2,)]


def test_the_functions_cython_exports_are_hooks(compiled, cyclient, dispatcher):
    del cyclient.seen[:]
    exported = cyclient.__pyx_capi__
    dispatcher.subscribe(exported["log_hook"], "x")
    dispatcher.subscribe(exported["careful_hook"], "x")
    dispatcher.audit("x", 1)
    assert cyclient.seen == [("x", (1,)), (1,)]
    with pytest.raises(TypeError, match=r"not 'int \(int\)'"):
        dispatcher.subscribe(exported["other"])


@pytest.mark.parametrize("age", ["oldest", "middle", "youngest"])
def test_events_may_be_raised_while_the_collector_clears_their_list(
    compiled, child_of, cyclient, age
):
    """Nothing crashes, and an Event has its hooks, even if all else was cleared.

    A frozenset and a dict can be cleared, and with it what names a hook wants. Without
    the global interpreter lock, all is cleared before anything is freed.
    """
    printed = child_of("cython").run(
        f"""
import gc, itertools
from audithooks import Dispatcher
from cyclient import Farewell
class Own(Dispatcher): pass
class Hook:
    def __call__(self, event, args): seen.append(args)
def turn(order):
    cycle = []  # which keeps what raises events: objects are cleared by their age
    dispatcher = Own()
    if {age!r} == "middle":
        cycle = []
    dispatcher.hook = Hook()
    dispatcher.hook.dispatcher = dispatcher
    dispatcher.subscribe(dispatcher.hook, "known", "new")
    dispatcher.subscribe(scoped, "known", "new", scope="thread")
    event, missed = dispatcher.event("known"), dispatcher.event("missed")
    event(0); missed(0)
    if {age!r} == "youngest":
        cycle = []
    dispatcher.cycle = cycle
    calls = (
        (dispatcher.audit, "known", 1), (dispatcher.audit, "new", 1),
        (event, 1), (missed, 1),
    )
    cycle.extend([Farewell(*[calls[i] for i in order]), dispatcher, cycle])
def scoped(event, args): pass
seen = []
for order in itertools.permutations(range(4)):
    gc.collect(); gc.disable()
    turn(order)
    gc.collect()
    least = 0 if {FREE_THREADED} else 1 if {age!r} == "youngest" else 3
    assert seen[0] == (0,) and set(seen[1:]) <= {{(1,)}}, (order, seen)
    assert least <= len(seen) - 1 <= 3, (order, seen)
    del seen[:]
print("survived")
""",
        environ={"PYTHONPATH": str(Path(cyclient.__file__).parent)},
    )
    assert printed == "survived\n"


# Embedding.

LIFE = """
import sys
import audithooks
print(audithooks.IMPLEMENTATION, audithooks.FALLBACK_REASON)
seen = []
subscription = audithooks.subscribe(lambda *event: seen.append(event), "embed.*")
audithooks.addaudithook(lambda event, args: event == "embed.two" and seen.append(2))
audithooks.audit("embed.one", 1)
sys.audit("embed.two")
subscription.close()
audithooks.audit("embed.three")
dispatcher = audithooks.Dispatcher()
with dispatcher.capture("x") as events:
    dispatcher.audit("x")
print(seen, events)
"""


ENDED = (
    "the compiled modules ended with another interpreter, and Cython cannot begin "
    "again (https://github.com/cython/cython/issues/732)"
)


@pytest.fixture(scope="module")
def embed(compiled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("embed")
    return building.program(building.CLIENTS / "embed.c", folder)


def environment(*folders):
    package = Path(audithooks.get_include()).parent
    path = os.pathsep.join(map(str, (package, *folders)))
    return {**os.environ, "PYTHONPATH": path, "AUDITHOOKS_PURE_PYTHON": ""}


def test_an_embedded_interpreter_can_be_started_again(compiled, embed):
    printed = building.run(
        str(embed), sys.executable, LIFE, LIFE, LIFE, env=environment()
    )
    outcome = """\
[('embed.one', (1,)), ('embed.two', ()), 2] [Record(event='x', args=())]
seen by the hook of before: 3
"""
    ended = f"python {ENDED}\n"
    assert printed == f"cython None\n{outcome}{ended}{outcome}{ended}{outcome}"


def test_no_hook_outlives_its_interpreter_if_another_refuses_the_last_event(
    compiled, embed
):
    code = """
import os
import audithooks
def hook(event, args, write=os.write):
    if event.startswith("cpython."):
        write(1, event.encode())
audithooks.subscribe(hook)
"""
    refused = {"EMBED_REFUSES": "cpython.PyInterpreterState_Clear"}
    env = {**environment(), "AUDITHOOKS_PURE_PYTHON": "0", **refused}
    printed = building.run(str(embed), sys.executable, code, env=env)
    assert printed == "seen by the hook of before: 0\n"


def test_the_c_api_is_refused_in_the_next_interpreter(compiled, embed, client_folder):
    printed = building.run(
        str(embed),
        sys.executable,
        "import client; print(client.connect())",
        "import client\ntry: client.connect()\nexcept ImportError as e: print(e)",
        env=environment(client_folder),
    )
    lines = [line for line in printed.splitlines() if "before" not in line]
    assert lines == [
        str(VERSION),
        f"audithooks runs in pure Python, without a C API: {ENDED}",
    ]


@pytest.mark.parametrize("rounds", [1, 3])
def test_pure_python_serves_an_interpreter_after_the_main_one(
    compiled, embed, client_folder, rounds
):
    """Each later one has all that pure Python has, and says why it is no more."""
    code = """
import client
try:
    client.connect()
except ImportError as error:
    assert "https://github.com/cython/cython/issues/732" in str(error), error
    print("refused")
"""
    printed = building.run(
        *(str(embed), sys.executable, "import audithooks"),
        *rounds * [LIFE + code],
        env=environment(client_folder),
    )
    assert printed.count("refused\n") == rounds
    assert printed.count("[('embed.one', (1,)), ('embed.two', ()), 2]") == rounds


@needs(
    any(map(find_spec, ("_interpreters", "_xxsubinterpreters"))),
    "this Python has no module for subinterpreters",
)
def test_the_c_api_is_refused_in_a_subinterpreter(compiled, child_of, client_folder):
    printed = child_of(None).run(
        """
try:
    import _interpreters as interpreters
    other = interpreters.create("legacy")
except ImportError:  # before 3.13
    import _xxsubinterpreters as interpreters
    other = interpreters.create(isolated=False)
interpreters.run_string(other, '''
import client
try:
    client.connect()
except ImportError as error:
    print(error, flush=True)
''')
interpreters.destroy(other)
import client
print(client.connect(), flush=True)
""",
        environ={"PYTHONPATH": str(client_folder)},
    )
    assert printed == (
        "audithooks runs in pure Python, without a C API: the compiled modules are for "
        "the main interpreter, and this is another "
        f"(https://github.com/cython/cython/issues/732)\n{VERSION}\n"
    )


def test_an_open_code_hook_is_not_called_in_the_next_interpreter(compiled, embed):
    code = """
import audithooks
def opens(path):
    print("opened for the first")
    return open(path, "rb")
audithooks.set_open_code_hook(opens)
import colorsys
"""
    printed = building.run(
        *(str(embed), sys.executable, code, "import colorsys; print('again')"),
        env=environment(),
    )
    first, *others = [line for line in printed.splitlines() if "before" not in line]
    assert first == "opened for the first"
    assert others[-1] == "again"
    assert {*others[:-1]} <= {first}


# Memory.

WORKLOAD = """
import gc
import client
from audithooks import Dispatcher, audit

client.connect()

def fails(function, *arguments):
    try:
        function(*arguments)
    except (ImportError, RuntimeError, SystemError, TypeError, ValueError):
        return
    raise AssertionError(function)

def work(dispatcher, audit):
    seen = []
    client.addaudithook(dispatcher, "log", seen)
    for hook in ("log", "fail", "silent", "careless", "positive", "nothing"):
        arguments = dispatcher, hook, seen, (b"x", b"fail", b"a.*"), (b"a.c",), 0
        if hook == "nothing":
            fails(client.subscribe, *arguments)
            continue
        subscription = client.subscribe(*arguments)
        event = client.get_event(dispatcher, "x")
        audit("x", 1)
        audit("a.c")
        client.evaluations(event)
        client.raise_(event, "OO", 1, (2,))
        client.raise_tuple(event, (1, 2))
        client.audit(dispatcher, "x", "O" + " " * 100 + "O", 1, 2)
        for length in range(60, 67):
            client.audit_numbers(dispatcher, "x", "i" * length)
            client.audit_numbers(dispatcher, "x", "i" * length + ",")
        client.audit_values(dispatcher)
        for name in ("x", "fail"):
            client.hold(KeyError(1))
            client.audit(dispatcher, name, "O", 1)
        fails(client.audit, dispatcher, "x", "O)(N", 1)
        if hook in ("fail", "silent", "careless"):
            fails(audit, "fail")
        subscription.pause()
        client.evaluations(event)
        subscription.resume()
        client.close(subscription)
        client.close(subscription)
    owned = Owned()
    for pattern, flags, wrong in (
        ("x", 0, False), ("x", 1, False), ("x", 4, False), ("x", 8, False),
        ("", 0, False), ("x", 99, False), ("x", 0, True),
    ):
        arguments = dispatcher, owned, pattern, flags, wrong
        if wrong or flags == 99 or not pattern:
            fails(client.subscribe_owning, *arguments)
            continue
        with client.subscribe_owning(*arguments) as subscription:
            audit("x")
            client.pause(subscription)
            audit("x")
            client.resume(subscription)
            audit("x")
        fails(client.pause, subscription)
        fails(client.resume, subscription)
    subscription = client.subscribe_owning(dispatcher, owned.closing, "x", 1)
    owned.subscription = subscription
    audit("x")
    assert (owned.calls, owned.freed) == (9, 8), (owned.calls, owned.freed)
    for function in client.close, client.pause, client.resume:
        fails(function, 7)
    for function in client.close_null, client.pause_null, client.resume_null:
        fails(function)
    fails(client.subscribe, dispatcher, "log", seen, (), None, 0)
    fails(client.raise_null)
    fails(client.raise_null_by_macro)
    fails(client.raise_, 7, None)
    fails(client.new_dispatcher, bytes([255]))
    client.subscribe_owning(client.new_dispatcher("named"), owned, None)
    gc.collect()
    assert owned.freed == 9
    client.subscribe_owning(dispatcher, "an open subscription", "x")
    client.leak(client.subscribe_owning(dispatcher, "a kept subscription", "x"))
    client.subscribe(dispatcher, "veto", seen, None, None, 1)
    fails(client.subscribe, dispatcher, "log", seen, None, None, 0)
    fails(client.subscribe_owning, dispatcher, owned, "x")
    assert owned.freed == 10

class Owned:
    # Data of hooks, called with events, or with nothing when they are freed.
    calls = freed = 0
    def __call__(self, *event):
        if event:
            self.calls += 1
        else:
            self.freed += 1
    def closing(self, *event):
        self(*event)
        if event:
            client.close(self.subscription)

class Owner(Dispatcher):
    pass

for _ in range(3):
    dispatcher = Owner()
    dispatcher.itself = [dispatcher.event("x"), client.capsule("log", [])]
    dispatcher.addaudithook(dispatcher.itself[1])
    work(dispatcher, dispatcher.audit)
    del dispatcher
    gc.collect()
work(None, audit)
"""


MODULES = ["hooklist", "dispatcher", "runtime", "open_code", "frames", "capi"]


def errors_of_ours(report):
    """Return the errors in a report of memcheck that have a frame in our modules.

    CPython 3.13 never frees strings that a module interns at import: that is no leak.
    """
    from xml.etree import ElementTree

    found = []
    for error in ElementTree.parse(report).getroot().iter("error"):
        objects = [frame.findtext("obj") or "" for frame in error.iter("frame")]
        names = {Path(name).name.partition(".")[0] for name in objects}
        functions = [frame.findtext("fn") or "" for frame in error.iter("frame")]
        if "Leak" in (error.findtext("kind") or "") and any(
            function.startswith("__pyx_pymod_exec") for function in functions
        ):
            continue
        if names & {"client", *(f"{module}_c" for module in MODULES)}:
            found.append(ElementTree.tostring(error, encoding="unicode"))
    return found


@needs(
    not building.config("Py_GIL_DISABLED"),
    "without the global interpreter lock memory is not allocated by malloc()",
)
def test_memcheck_finds_no_error(compiled, client_folder, tmp_path):
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    report = tmp_path / "report.xml"
    suppressions = Path("/usr/lib/valgrind/python3.supp")  # the place in Debian
    building.run(
        *("valgrind", "--leak-check=full", "--show-leak-kinds=definite"),
        *([f"--suppressions={suppressions}"] if suppressions.exists() else []),
        *("--xml=yes", f"--xml-file={report}", "--num-callers=30"),
        *(sys.executable, "-c", WORKLOAD),
        env={**environment(client_folder), "PYTHONMALLOC": "malloc"},
    )
    assert errors_of_ours(report) == []
