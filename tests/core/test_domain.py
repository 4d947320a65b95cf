"""The rules of a hook list, in both domains."""

import copy
import gc
import os
import pickle
import sys
import threading
import weakref
from types import SimpleNamespace

import pytest
from features import DROPS, FORK, needs

from audithooks import HookRejected
from audithooks._core import unraisable


class Log(list):
    """A hook that keeps the events of tests, but not those of the interpreter."""

    def __call__(self, event, args):
        if event.startswith("test."):
            self.append((event, args))

    @property
    def events(self):
        return [event for event, _ in self]


def raiser(error, wanted="test.event"):
    def hook(event, args):
        if event == wanted:
            raise error

    return hook


# Order and calls.


def test_no_hook_returns_none(domain):
    assert domain.audit("test.event", 1, 2) is None


def test_hooks_are_called_in_order_of_addition(domain):
    order = []
    for i in range(5):
        domain.subscribe(lambda event, args, i=i: order.append(i), "test.event")
    domain.audit("test.event")
    assert order == [0, 1, 2, 3, 4]


def test_both_kinds_of_hooks_stand_in_one_order(domain):
    order = []
    domain.subscribe(lambda *_: order.append("first"), "test.event")
    domain.addaudithook(
        lambda event, _: event == "test.event" and order.append("second")
    )
    domain.subscribe(lambda *_: order.append("third"), "test.event")
    domain.audit("test.event")
    if (domain.implementation, domain.kind) == ("python", "runtime"):
        # All subscriptions share one hook of sys.
        assert order == ["first", "third", "second"]
    else:
        assert order == ["first", "second", "third"]


def test_the_same_hook_twice_is_called_twice(domain):
    log = Log()
    domain.addaudithook(log)
    domain.addaudithook(log)
    domain.audit("test.event")
    assert log.events == ["test.event"] * 2


def test_hooks_share_one_exact_tuple_of_the_very_arguments(domain):
    seen = []
    domain.subscribe(lambda event, args: seen.append(args), "test.event")
    domain.subscribe(lambda event, args: seen.append(args), "test.event")
    thing = object()
    domain.audit("test.event", thing, (1, 2))
    assert seen[0] is seen[1]
    assert type(seen[0]) is tuple
    assert seen[0][0] is thing
    assert seen[0][1] == (1, 2)


def test_a_single_tuple_is_one_argument(domain):
    log = Log()
    domain.addaudithook(log)
    domain.audit("test.event", ("a", "b"))
    assert log == [("test.event", (("a", "b"),))]


def test_no_arguments_are_the_empty_tuple(domain):
    log = Log()
    domain.addaudithook(log)
    domain.audit("test.event")
    assert log == [("test.event", ())]


def test_many_arguments(domain):
    log = Log()
    domain.addaudithook(log)
    domain.audit("test.event", *range(5000))
    assert log[0][1] == tuple(range(5000))


def test_a_hook_gets_an_exact_str_even_for_a_subclass(domain):
    class Name(str):
        __slots__ = ()

        def __str__(self):
            return "another"

    seen = []
    domain.subscribe(lambda event, args: seen.append(event), "test.event")
    domain.audit(Name("test.event"))
    assert [(type(name), name) for name in seen] == [(str, "test.event")]


def test_what_a_hook_returns_is_dropped(domain):
    domain.subscribe(lambda *_: NotImplemented, "test.event")
    assert domain.audit("test.event") is None


@pytest.mark.parametrize(
    "name", ["", "test.\N{SNOWMAN}", "x" * 256, "x" * 257, "x" * 200_000]
)
def test_any_name_will_do(domain, name):
    seen = []
    domain.subscribe(lambda event, args: seen.append(event), name or "*")
    domain.audit(name)
    assert name in seen


# Filters.


@pytest.mark.parametrize(
    ("patterns", "exclude", "wanted"),
    [
        (["test.a"], (), ["test.a"]),
        (["test.a", "test.b"], (), ["test.a", "test.b"]),
        (["test.*"], (), ["test.a", "test.b", "test.A", "test.ab"]),
        (["test.?"], (), ["test.a", "test.b", "test.A"]),
        (["test.[ab]"], (), ["test.a", "test.b"]),
        (["test.[!ab]"], (), ["test.A"]),
        (["test.ab", "test.[b]"], (), ["test.b", "test.ab"]),
        (["test.*"], ["test.a"], ["test.b", "test.A", "test.ab"]),
        (["test.*"], "test.a*", ["test.b", "test.A"]),
        (["test.a", "test.b"], ["test.b"], ["test.a"]),
        (["test.a"], ["*"], []),
        (["test.a.*", "test.[", "est.a", "test.aa"], (), []),
    ],
)
def test_patterns(domain, patterns, exclude, wanted):
    seen = []
    hook = seen.append
    domain.subscribe(lambda event, args: hook(event), *patterns, exclude=exclude)
    for _ in range(2):  # matched first, cached then
        for name in ("test.a", "test.b", "test.A", "test.ab"):
            domain.audit(name)
    assert [event for event in seen if event.startswith("test.")] == wanted * 2


class Name(str):
    """A str that is not what it says."""

    __slots__ = ()

    def __str__(self):
        return "another"

    def __eq__(self, other):
        return False

    def __hash__(self):
        return 0

    def startswith(self, *_):
        return False

    def __contains__(self, part):
        return False


@pytest.mark.parametrize("pattern", ["test.event", "test.*"])
def test_a_pattern_of_a_subclass_of_str_is_taken_as_it_is(domain, pattern):
    log = Log()
    subscription = domain.subscribe(log, Name(pattern), exclude=[Name("test.no*")])
    domain.audit("test.event")
    domain.audit("test.no")
    assert log.events == ["test.event"]
    assert [type(event) for event in subscription.events] == [str]
    assert subscription.events == (pattern,)


def test_without_patterns_every_event_is_wanted_but_the_excluded(domain):
    log = Log()
    domain.subscribe(log, exclude=("test.b", "*.c"))
    for name in ("test.a", "test.b", "test.c"):
        domain.audit(name)
    assert log.events == ["test.a"]


def test_a_route_follows_what_is_added_and_closed(domain):
    log = Log()
    domain.audit("test.event")
    first = domain.subscribe(log, "test.event")
    domain.audit("test.event", 1)
    second = domain.subscribe(log, "test.*")
    domain.audit("test.event", 2)
    first.close()
    domain.audit("test.event", 3)
    second.close()
    domain.audit("test.event", 4)
    assert [args for _, args in log] == [(1,), (2,), (2,), (3,)]


def test_names_that_share_an_address_are_told_apart(domain):
    log = Log()
    domain.subscribe(log, "test.wanted*")
    for i in range(3000):  # each name is likely to have the address of the one before
        domain.audit(f"test.wanted{i:04}" if i % 3 == 0 else f"test.missed{i:04}")
    assert log.events == [f"test.wanted{i:04}" for i in range(0, 3000, 3)]


def test_more_names_than_routes_are_kept(domain):
    log = Log()
    subscription = domain.subscribe(log, "test.[0-9]*")
    for _ in range(2):
        for i in range(5000):
            domain.audit(f"test.{i}")
    assert len(log) == 10_000
    subscription.close()
    domain.audit("test.1")
    domain.audit("test.4999")
    assert len(log) == 10_000


def test_long_names_take_no_memory(domain):
    tracemalloc = pytest.importorskip("tracemalloc", reason="there is no tracemalloc")
    domain.subscribe(print, "test.wanted*")
    tracemalloc.start()
    try:
        for i in range(100):
            domain.audit(f"test.{i}" + "x" * 100_000)
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()


# Errors.


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyboardInterrupt(), SystemExit(3), StopIteration()]
)
def test_the_first_error_stops_the_dispatch_and_comes_back_unchanged(domain, error):
    log = Log()
    domain.addaudithook(log)
    domain.subscribe(raiser(error), "test.event")
    domain.subscribe(log, "test.event")
    with pytest.raises(type(error)) as caught:
        domain.audit("test.event")
    assert caught.value is error
    assert error.__context__ is None
    assert log.events == ["test.event"]


def test_a_hook_that_raised_is_called_again(domain):
    domain.subscribe(raiser(ValueError), "test.event")
    for _ in range(3):
        with pytest.raises(ValueError):  # noqa: PT011
            domain.audit("test.event")


def test_a_hook_with_the_wrong_signature_fails_when_it_is_called(domain):
    domain.subscribe(lambda event: None, "test.event")
    with pytest.raises(TypeError, match="positional argument"):
        domain.audit("test.event")


def test_unraisable_errors_are_reported_and_later_hooks_called(domain, monkeypatch):
    reports = []
    monkeypatch.setattr(sys, "unraisablehook", reports.append)
    log = Log()
    error = ValueError("reported")
    hook = raiser(error)
    domain.subscribe(hook, "test.event", on_error="unraisable")
    domain.subscribe(log, "test.event")
    domain.audit("test.event")
    assert log.events == ["test.event"]
    (report,) = reports
    assert report.object is hook
    assert report.exc_value is error
    assert report.exc_type is ValueError


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_is_raised_all_the_same(domain, error):
    domain.subscribe(raiser(error), "test.event", on_error="unraisable")
    with pytest.raises(error):
        domain.audit("test.event")


def test_a_failing_unraisablehook_is_no_end(domain, monkeypatch, capfd):
    def broken(_):
        raise ZeroDivisionError

    monkeypatch.setattr(sys, "unraisablehook", broken)
    log = Log()
    domain.subscribe(raiser(ValueError), "test.event", on_error="unraisable")
    domain.subscribe(log, "test.event")
    domain.audit("test.event")
    assert log.events == ["test.event"]
    told = capfd.readouterr().err
    assert "Exception ignored in sys.unraisablehook" in told
    assert "ZeroDivisionError" in told


def test_what_fails_in_a_failing_unraisablehook_is_told_from_there_on(
    domain, monkeypatch, capfd
):
    def broken(_):
        raise ZeroDivisionError

    monkeypatch.setattr(sys, "unraisablehook", broken)
    domain.subscribe(raiser(ValueError), "test.event", on_error="unraisable")
    domain.audit("test.event")
    _, told = capfd.readouterr().err.split("Traceback")  # and none of the ValueError
    (frame,) = [line for line in told.splitlines() if "File" in line]
    assert frame.endswith("in broken")


def test_a_report_is_made_where_its_type_is_that_of_pypy(monkeypatch):
    """Which has a second text at the end, and None for neither."""

    class UnraisableHookArgs(tuple):
        __slots__ = ()

    kinds = SimpleNamespace(__subclasses__=lambda: [tuple, UnraisableHookArgs])
    reports = []
    interpreter = SimpleNamespace(
        implementation=SimpleNamespace(name="pypy"), unraisablehook=reports.append
    )
    monkeypatch.setattr(unraisable, "tuple", kinds, raising=False)
    monkeypatch.setattr(unraisable, "sys", interpreter)
    error = ValueError("reported")
    unraisable.report(print, error)
    (report,) = reports
    assert report == (ValueError, error, None, "", print, "")
    interpreter.unraisablehook = lambda report: report.missing
    interpreter.__unraisablehook__ = reports.append
    unraisable.report(print, error)
    assert reports[1][0] is AttributeError
    assert reports[1][3] == "Exception ignored in sys.unraisablehook"


def test_a_report_is_made_where_it_has_no_type(monkeypatch):
    kinds = SimpleNamespace(__subclasses__=list)
    reports = []
    monkeypatch.setattr(unraisable, "tuple", kinds, raising=False)
    monkeypatch.setattr(sys, "unraisablehook", reports.append)
    error = ValueError("reported")
    unraisable.report(print, error)
    assert [vars(report) for report in reports] == [
        {
            "exc_type": ValueError,
            "exc_value": error,
            "exc_traceback": None,
            "err_msg": None,
            "object": print,
        }
    ]


@pytest.mark.parametrize("where", ["audithooks", "audithooks.Dispatcher()"])
def test_a_report_is_an_event_of_the_interpreter(child, where):
    printed = child.run(
        f"""
import sys
import audithooks
def told(report):
    print("told", report.exc_value)
def failing(event, args):
    raise ValueError("reported")
def hook(event, args):
    if event == "sys.unraisablehook":
        print(args[0] is told, args[1].exc_value, args[1].object is failing)
sys.unraisablehook = told
sys.addaudithook(hook)
domain = {where}
domain.subscribe(failing, "test.event", on_error="unraisable")
domain.audit("test.event")
"""
    )
    assert printed == "True reported True\ntold reported\n"


def test_a_hook_is_not_called_for_the_report_of_its_own_error(domain, monkeypatch):
    reports = []

    def report(unraisable):
        reports.append(unraisable)
        domain.audit("test.event")

    monkeypatch.setattr(sys, "unraisablehook", report)
    domain.subscribe(raiser(ValueError), "test.event", on_error="unraisable")
    domain.audit("test.event")
    assert len(reports) == 1


# Adding, and refusals.


def test_an_addition_is_announced_to_the_hooks_there(domain):
    seen = []
    domain.subscribe(lambda *call: seen.append(call), "sys.addaudithook")
    assert seen == []
    domain.subscribe(lambda *call: None)
    domain.addaudithook(lambda *call: None)
    assert seen == [("sys.addaudithook", ())] * 2


@pytest.mark.parametrize("error", [RuntimeError("no"), NotImplementedError("no")])
def test_a_runtime_error_vetoes_an_addition(domain, error):
    log = Log()
    domain.subscribe(raiser(error, "sys.addaudithook"))
    assert domain.addaudithook(log) is None
    with pytest.raises(HookRejected, match="no") as caught:
        domain.subscribe(log)
    assert caught.value.__cause__ is error
    domain.audit("test.event")
    assert log == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, RecursionError])
def test_any_other_error_vetoes_an_addition_aloud(domain, error):
    log = Log()
    domain.subscribe(raiser(error, "sys.addaudithook"))
    of_sys = (domain.implementation, domain.kind) == ("python", "runtime")
    if of_sys and error is ValueError and DROPS:
        domain.addaudithook(log)  # this is sys.addaudithook()
    else:
        with pytest.raises(error):
            domain.addaudithook(log)
    with pytest.raises(error):
        domain.subscribe(log)
    domain.audit("test.event")
    assert log == []


def test_a_hook_that_subscribes_at_every_addition_ends(domain):
    log = Log()

    def add(event, args):
        if event == "sys.addaudithook":
            domain.subscribe(log, "test.event")

    domain.subscribe(add, reentrant=True)
    with pytest.raises(RecursionError):
        domain.subscribe(log, "test.event")
    domain.audit("test.event")
    assert log == []


# Closing and pausing.


def test_close_ends_the_calls(domain):
    log = Log()
    subscription = domain.subscribe(log, "test.event")
    assert type(subscription).__name__ == "Subscription"
    assert not subscription.closed
    subscription.close()
    assert subscription.closed
    domain.audit("test.event")
    assert log == []


def test_close_twice_is_close_once(domain):
    seen = []
    domain.subscribe(lambda *call: seen.append(call), "audithooks.unsubscribe")
    subscription = domain.subscribe(Log(), "test.a", "test.b*")
    subscription.close()
    subscription.close()
    assert seen == [("audithooks.unsubscribe", (("test.a", "test.b*"),))]


def test_a_block_closes_its_subscription(domain):
    log = Log()
    with domain.subscribe(log, "test.event") as subscription:
        domain.audit("test.event")
    assert subscription.closed
    domain.audit("test.event")
    assert log.events == ["test.event"]


def test_a_block_that_fails_closes_its_subscription(domain):
    with pytest.raises(KeyError), domain.subscribe(Log()) as subscription:
        raise KeyError
    assert subscription.closed


def test_dropping_the_handle_does_not_close(domain):
    log = Log()
    domain.subscribe(log, "test.event")
    gc.collect()
    domain.audit("test.event")
    assert log.events == ["test.event"]


def test_pause_and_resume_keep_the_place(domain):
    order = []
    domain.subscribe(lambda *_: order.append(1), "test.event")
    middle = domain.subscribe(lambda *_: order.append(2), "test.event")
    domain.subscribe(lambda *_: order.append(3), "test.event")
    middle.pause()
    assert middle.paused
    domain.audit("test.event")
    middle.resume()
    assert not middle.paused
    domain.audit("test.event")
    assert order == [1, 3, 1, 2, 3]


def test_pausing_is_announced_and_resuming_is_not(domain):
    seen = []
    domain.subscribe(lambda *call: seen.append(call), "audithooks.*")
    subscription = domain.subscribe(Log(), "test.event")
    subscription.pause()
    subscription.pause()
    subscription.resume()
    subscription.resume()
    assert seen == [("audithooks.unsubscribe", (("test.event",),))]


@pytest.mark.parametrize("method", ["close", "pause"])
def test_a_veto_leaves_a_subscription_as_it_was(domain, method):
    log = Log()
    domain.subscribe(raiser(PermissionError, "audithooks.unsubscribe"))
    subscription = domain.subscribe(log, "test.event")
    with pytest.raises(PermissionError):
        getattr(subscription, method)()
    assert not subscription.closed
    assert not subscription.paused
    domain.audit("test.event")
    assert log.events == ["test.event"]


def refuse(event, args):
    raise PermissionError


@pytest.mark.parametrize("pattern", ["audithooks.unsubscribe", "audithooks.*"])
def test_a_hook_that_asks_for_it_may_refuse_its_own_end(domain, pattern):
    subscription = domain.subscribe(refuse, "other", pattern)
    with pytest.raises(PermissionError):
        subscription.close()
    assert not subscription.closed


@pytest.mark.parametrize("method", ["close", "pause"])
@pytest.mark.parametrize(
    ("events", "exclude"),
    [((), ()), (("*",), ()), (("[a-z]*",), ()), (("audithooks.*",), "*.unsubscribe")],
    ids=repr,
)
def test_a_hook_that_refuses_everything_may_leave(domain, events, exclude, method):
    subscription = domain.subscribe(refuse, *events, exclude=exclude)
    getattr(subscription, method)()
    domain.audit("audithooks.test")


def test_a_hook_that_refuses_everything_keeps_the_error_of_its_block(domain):
    with pytest.raises(ZeroDivisionError), domain.subscribe(refuse):
        raise ZeroDivisionError
    domain.audit("test.event")


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_hook_is_asked_about_the_end_of_others_while_it_leaves(domain, reentrant):
    def close_other(event, args):
        if not other.closed:
            other.close()

    seen = []
    other = domain.subscribe(Log(), "test.other")
    domain.subscribe(close_other, "audithooks.unsubscribe")
    leaving = domain.subscribe(
        lambda *call: seen.append(call), exclude="[!a]*", reentrant=reentrant
    )
    leaving.close()
    assert seen == [("audithooks.unsubscribe", (("test.other",),))]


@pytest.mark.parametrize("where", ["audithooks", "audithooks.Dispatcher()"])
def test_nothing_is_left_of_an_end(child, where):
    """In a process of its own, where no other end came before."""
    printed = child.run(
        f"""
import audithooks
domain = {where}
def hook(event, args):
    if event == "audithooks.unsubscribe":
        seen.append(args)
def refuse(event, args):
    raise PermissionError
seen = []
leaving = domain.subscribe(hook)
domain.subscribe(refuse, "audithooks.unsubscribe")
try:
    leaving.close()
except PermissionError:
    print("refused")
try:
    domain.audit("audithooks.unsubscribe", "by hand")
except PermissionError:
    pass
print(seen)
"""
    )
    assert printed == "refused\n[('by hand',)]\n"


@pytest.mark.parametrize("method", ["pause", "resume", "__enter__"])
def test_a_closed_subscription_cannot_be_used(domain, method):
    subscription = domain.subscribe(Log(), "test.event")
    subscription.close()
    with pytest.raises(ValueError, match="closed"):
        getattr(subscription, method)()


def test_a_paused_subscription_can_be_closed(domain):
    log = Log()
    subscription = domain.subscribe(log, "test.event")
    subscription.pause()
    subscription.close()
    domain.audit("test.event")
    domain.subscribe(log, "test.other")
    domain.audit("test.other")
    assert log.events == ["test.other"]


def test_a_subscription_that_is_closed_while_it_is_to_pause_is_not_paused(domain):
    subscription = domain.subscribe(print, "test.event")
    other = domain.subscribe(
        lambda event, args: subscription.close(), "audithooks.unsubscribe"
    )
    subscription.pause()
    other.close()
    assert (subscription.closed, subscription.paused) == (True, False)


def test_what_belongs_to_this_process_is_not_copied(domain):
    subscription = domain.subscribe(Log(), "test.event")
    for thing in (subscription, domain.capture("test.event"), domain.dispatcher):
        if thing is not None:
            kind = type(thing).__name__
            with pytest.raises(TypeError, match=f"cannot copy or pickle a {kind}"):
                copy.copy(thing)
            with pytest.raises(TypeError, match=f"cannot copy or pickle a {kind}"):
                pickle.dumps(thing)


def test_the_repr_tells_hook_patterns_and_state(domain):
    def my_hook(event, args): ...

    subscription = domain.subscribe(my_hook, "test.a", "test.b*")
    assert "my_hook to 'test.a', 'test.b*', open>" in repr(subscription)
    subscription.pause()
    assert repr(subscription).endswith(", paused>")
    subscription.close()
    assert repr(subscription).endswith(", closed>")
    assert "to every event" in repr(domain.subscribe(Log()))


# A dispatch uses the list as it was when it started.


def test_a_hook_added_meanwhile_counts_from_the_next_event(domain):
    log = Log()

    def add(event, args):
        if not log:
            domain.subscribe(log, "test.event")
            log.append("added")

    domain.subscribe(add, "test.event")
    domain.audit("test.event")
    assert log == ["added"]
    domain.audit("test.event")
    assert log == ["added", ("test.event", ())]


def test_a_hook_closed_meanwhile_counts_until_the_next_event(domain):
    log = Log()
    domain.subscribe(lambda *_: later.close(), "test.event")
    later = domain.subscribe(log, "test.event")
    domain.audit("test.event")
    domain.audit("test.event")
    assert log.events == ["test.event"]


@pytest.mark.parametrize("scope", ["thread", "context"])
def test_a_hook_of_a_scope_closed_meanwhile_counts_until_the_next_event(domain, scope):
    log = Log()
    domain.subscribe(lambda *_: later.close(), "test.event")
    later = domain.subscribe(log, "test.event", scope=scope)
    domain.audit("test.event")
    domain.audit("test.event")
    assert log.events == ["test.event"]


def test_a_known_route_may_be_dropped_while_it_is_run(domain):
    """All its hooks are called, although its memory may be reused meanwhile."""
    seen, junk = [], []

    def churn(event, args):
        if args:
            later.pause()
            later.resume()
            junk.append([(object(), object(), object()) for _ in range(3000)])

    domain.subscribe(churn, "test.event")
    later = domain.subscribe(lambda *_: seen.append(1), "test.event")
    domain.subscribe(lambda *_: seen.append(2), "test.event")
    for args in [(), (), (1,), (1,)]:
        domain.audit("test.event", *args)
    assert seen == [1, 2] * 4


def test_a_hook_may_close_itself(domain):
    seen = []

    def hook(event, args):
        seen.append(event)
        subscription.close()

    subscription = domain.subscribe(hook, "test.event")
    domain.audit("test.event")
    domain.audit("test.event")
    assert seen == ["test.event"]


# Re-entrancy.


def test_a_subscription_skips_what_its_hook_raises(domain):
    log = Log()

    def hook(event, args):
        log(event, args)
        domain.audit("test.inner")

    domain.subscribe(hook, "test.*")
    domain.audit("test.outer")
    assert log.events == ["test.outer"]


def test_another_hook_sees_what_a_hook_raises(domain):
    log = Log()
    domain.subscribe(lambda *_: domain.audit("test.inner"), "test.outer")
    domain.subscribe(log, "test.*")
    domain.audit("test.outer")
    assert log.events == ["test.inner", "test.outer"]


@pytest.mark.parametrize("add", ["addaudithook", "subscribe"])
def test_a_reentrant_hook_sees_what_it_raises(domain, add):
    log = Log()

    def hook(event, args):
        log(event, args)
        if event == "test.outer":
            domain.audit("test.inner")

    if add == "subscribe":
        domain.subscribe(hook, "test.*", reentrant=True)
    else:
        domain.addaudithook(hook)
    domain.audit("test.outer")
    assert log.events == ["test.outer", "test.inner"]


def test_a_hook_that_failed_is_not_taken_for_running(domain):
    log = Log()
    fail = True

    def hook(event, args):
        if fail:
            raise ValueError
        log(event, args)

    domain.subscribe(hook, "test.event")
    with pytest.raises(ValueError):  # noqa: PT011
        domain.audit("test.event")
    fail = False
    domain.audit("test.event")
    assert log.events == ["test.event"]


def test_events_of_other_threads_arrive_while_a_hook_runs(domain):
    seen = []
    inside, done = threading.Event(), threading.Event()

    def hook(event, args):
        seen.append(args)
        if args == ("first",):
            inside.set()
            done.wait(10)
            domain.audit("test.event", "nested")

    domain.subscribe(hook, "test.event")
    thread = threading.Thread(target=domain.audit, args=("test.event", "first"))
    thread.start()
    inside.wait(10)
    domain.audit("test.event", "second")
    done.set()
    thread.join()
    domain.audit("test.event", "third")
    assert seen == [("first",), ("second",), ("third",)]


def test_endless_recursion_of_hooks_is_a_recursion_error(domain):
    domain.addaudithook(
        lambda event, args: event == "test.event" and domain.audit("test.event")
    )
    with pytest.raises(RecursionError):
        domain.audit("test.event")


def test_an_event_as_its_own_hook_is_a_recursion_error(domain):
    event = domain.event("test.event")
    domain.subscribe(event, "test.event", reentrant=True)
    with pytest.raises(RecursionError):
        event()


# Bad input.


@pytest.mark.parametrize("add", ["addaudithook", "subscribe"])
@pytest.mark.parametrize("hook", [None, 1, "hook"])
def test_a_hook_must_be_callable(domain, add, hook):
    log = Log()
    with pytest.raises(TypeError, match=r"hook must be callable, not \w+"):
        getattr(domain, add)(hook)
    domain.subscribe(log, "test.event")
    domain.audit("test.event")
    assert log.events == ["test.event"]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ([""], {}, ValueError, "events must not hold an empty pattern"),
        (
            ["a", b"b"],
            {},
            TypeError,
            "events must hold patterns of type str, not bytes",
        ),
        ([["a"]], {}, TypeError, "events must hold patterns of type str, not list"),
        (["a\0b"], {}, ValueError, "events must not hold a null character"),
        ([], {"exclude": ""}, ValueError, "exclude must not hold an empty pattern"),
        ([], {"exclude": [None]}, TypeError, "exclude must hold patterns of type str"),
        ([], {"exclude": 1}, TypeError, "exclude must be"),
        ([], {"exclude": b"x"}, TypeError, "exclude must be a str .*, not bytes"),
        ([], {"scope": "task"}, ValueError, "scope must be 'process' or"),
        ([], {"scope": None}, TypeError, "scope must be a str, not NoneType"),
        ([], {"on_error": "log"}, ValueError, "on_error must be 'raise' or"),
        ([], {"on_error": 0}, TypeError, "on_error must be a str, not int"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_changed(
    domain, arguments, options, error, message
):
    seen = []
    domain.subscribe(lambda *call: seen.append(call), "sys.addaudithook")
    with pytest.raises(error, match=message):
        domain.subscribe(Log(), *arguments, **options)
    assert seen == []


# Scopes.


def test_scope_thread_is_the_thread_that_subscribed(domain):
    log = Log()
    domain.subscribe(log, "test.event", scope="thread")
    thread = threading.Thread(target=domain.audit, args=("test.event", "other"))
    thread.start()
    thread.join()
    domain.audit("test.event", "own")
    assert log == [("test.event", ("own",))]


def test_scope_context_is_the_context_that_subscribed_and_its_copies(domain):
    from contextvars import copy_context

    log = Log()
    before = copy_context()
    domain.subscribe(log, "test.event", scope="context")
    domain.audit("test.event", "own")
    copy_context().run(domain.audit, "test.event", "copy")
    before.run(domain.audit, "test.event", "before")
    assert [args for _, args in log] == [("own",), ("copy",)]


# Lifetime.


@needs(FORK, "this system has no fork")
def test_hooks_survive_a_fork(domain):
    log = Log()
    domain.subscribe(log, "test.event")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        domain.audit("test.event")
        os.write(writer, str(log.events).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as answer:
        assert answer.read() == "['test.event']"
    os.waitpid(pid, 0)
    assert log == []


def test_no_list_that_holds_the_hooks_is_visible_to_gc(domain):
    def hook(event, args): ...

    domain.addaudithook(hook)
    domain.subscribe(hook, "test.event")
    domain.audit("test.event")
    gc.collect()
    lists = [thing for thing in gc.get_objects() if isinstance(thing, list)]
    assert not any(hook is item for thing in lists for item in thing)


def test_a_closed_subscription_lets_go_of_its_hook(domain):
    class Hook(Log):
        pass

    hook = Hook()
    gone = weakref.ref(hook)
    subscription = domain.subscribe(hook, "test.event")
    domain.audit("test.event")
    subscription.close()
    del hook, subscription
    gc.collect()
    assert gone() is None


def test_a_finalizer_may_change_the_list(domain):
    """It runs when a change drops the last reference to a hook."""
    log = Log()

    class Hook:
        def __call__(self, event, args): ...

        def __del__(self):
            domain.subscribe(log, "test.event")

    subscription = domain.subscribe(Hook(), "test.event")
    domain.audit("test.event")
    subscription.close()
    del subscription
    gc.collect()
    domain.audit("test.event")
    assert log.events == ["test.event"]
