"""Hooks of one thread or context: what they cost, and what stays behind."""

import asyncio
import gc
import threading
from contextvars import Context, copy_context

import pytest
from features import COUNTS_REFERENCES, EVENT_LOOPS, THREADS, needs


@needs(EVENT_LOOPS, "an event loop cannot be run to its end here")
def test_a_context_does_not_grow_with_what_is_captured_in_it(dispatcher):
    async def main():
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def tick(n):
            with dispatcher.capture("test"):
                if n < 300:
                    loop.call_soon(tick, n + 1)
                else:
                    done.set_result([*copy_context().items()])

        loop.call_soon(tick, 0)
        return await done

    before = len([*copy_context().items()])
    found = asyncio.run(main())
    assert len(found) <= before + 2
    assert all(len(value) <= 2 for _, value in found if isinstance(value, tuple))


def test_a_context_keeps_nothing_of_dispatchers_that_are_gone(impl):
    impl.Dispatcher().subscribe(print, scope="context")
    before = len(copy_context())
    for _ in range(100):
        dispatcher = impl.Dispatcher()
        with dispatcher.capture("test"):
            dispatcher.audit("test")
        dispatcher.subscribe(print, scope="context")
    dispatcher = impl.Dispatcher()
    if not COUNTS_REFERENCES:
        gc.collect()
    dispatcher.subscribe(print, scope="context").close()
    assert len(copy_context()) == before
    assert all(
        len(value) < 10 for value in copy_context().values() if type(value) is tuple
    )


def test_a_context_keeps_nothing_of_a_hook_that_was_closed(dispatcher):
    def run():
        dispatcher.subscribe(print, scope="context").close()
        return [*copy_context().values()]

    assert Context().run(run) == [()]


def test_an_event_calls_no_hook_of_other_contexts(dispatcher):
    called = []
    for _ in range(100):
        copy_context().run(
            dispatcher.subscribe, lambda *_: called.append(1), scope="context"
        )
    dispatcher.audit("test")
    assert called == []


@pytest.mark.parametrize("scope", ["thread", "context"])
def test_hooks_of_a_scope_stand_among_the_others_in_order(domain, scope):
    seen = []

    def hook(name):
        return lambda event, args: seen.append(name)

    domain.subscribe(hook(1), "test.*")
    domain.subscribe(hook(2), "test.*", scope=scope)
    domain.addaudithook(lambda event, args: event == "test.x" and seen.append(3))
    domain.subscribe(hook(4), "test.*", scope=scope)
    domain.subscribe(hook(5), "test.*")
    domain.audit("test.x")
    # In pure Python those of addaudithook() are hooks of sys.
    last = (domain.implementation, domain.kind) == ("python", "runtime")
    assert seen == ([1, 2, 4, 5, 3] if last else [1, 2, 3, 4, 5])


@pytest.mark.parametrize("scope", ["process", "thread", "context"])
def test_subscriptions_are_the_open_ones_in_order(domain, scope):
    listed = domain.dispatcher
    if listed is None:
        pytest.skip("the runtime domain has a function for that")
    domain.addaudithook(print)
    first = domain.subscribe(print, "a", scope=scope)
    second = domain.subscribe(print, "b")
    third = domain.subscribe(print, "c", scope=scope)
    second.pause()
    assert listed.subscriptions == (first, second, third)
    first.close()
    assert listed.subscriptions == (second, third)


def test_a_dropped_subscription_is_found_and_can_be_closed(dispatcher):
    seen = []
    dispatcher.subscribe(lambda *call: seen.append(call), "test")
    (found,) = dispatcher.subscriptions
    assert found.events == ("test",)
    found.close()
    dispatcher.audit("test")
    assert seen == []
    assert dispatcher.subscriptions == ()


def test_subscriptions_of_the_runtime_domain(child):
    printed = child.run(
        """
import audithooks
audithooks.addaudithook(lambda *_: None)
subscription = audithooks.subscribe(print, "test")
print(audithooks.subscriptions() == (subscription,))
subscription.close()
print(audithooks.subscriptions())
"""
    )
    assert printed == "True\n()\n"


@needs(THREADS, "there are no threads here")
@pytest.mark.parametrize("scope", ["thread", "context"])
@pytest.mark.parametrize("others", [0, 1, 2])
def test_a_known_event_is_one_for_a_hook_of_a_scope(domain, scope, others):
    def audit(number):
        domain.audit("test.event", number)
        event(number)

    seen, event = [], domain.event("test.event")
    for _ in range(others):
        domain.subscribe(lambda *_: None, "test.event")
    audit(0)
    hook = domain.subscribe(lambda _, args: seen.append(*args), "test.*", scope=scope)
    audit(1)
    other = threading.Thread(target=Context().run, args=(audit, 2))
    other.start()
    other.join()
    hook.pause()
    audit(3)
    hook.resume()
    audit(4)
    hook.close()
    audit(5)
    assert seen == [1, 1, 4, 4]


@needs(THREADS, "there are no threads here")
def test_a_hook_of_a_thread_can_be_closed_by_another(domain):
    seen = []
    subscription = domain.subscribe(lambda *_: seen.append(1), "test.x", scope="thread")
    thread = threading.Thread(target=subscription.close)
    thread.start()
    thread.join()
    domain.audit("test.x")
    assert seen == []
    assert subscription.closed


@needs(THREADS, "there are no threads here")
def test_nothing_is_kept_of_threads_that_had_hooks(dispatcher):
    def run():
        with dispatcher.subscribe(print, "test.x", scope="thread"):
            dispatcher.audit("test.y")

    for _ in range(20):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    found = [thing for thing in gc.get_referents(dispatcher) if type(thing) is dict]
    assert [key for thing in found for key in thing if type(key) is not str] == []


@pytest.mark.parametrize("scope", ["process", "thread", "context"])
def test_a_hook_that_is_resumed_is_called_for_the_event_that_it_missed(domain, scope):
    seen = []
    subscription = domain.subscribe(
        lambda event, args: seen.append(args), "test.x", scope=scope
    )
    subscription.pause()
    domain.audit("test.x", 1)
    subscription.resume()
    domain.audit("test.x", 2)
    assert seen == [(2,)]
