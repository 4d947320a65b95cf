"""Hooks that switch to another greenlet, as one that logs over the network does."""

import pytest

greenlet = pytest.importorskip("greenlet", reason="greenlet is not installed")


def test_a_hook_that_switches_is_called_for_other_greenlets(domain):
    main = greenlet.getcurrent()
    refused = []

    def guard(event, args):
        main.switch()  # until it is this one's turn again
        raise PermissionError(args[0])

    def request(number):
        try:
            domain.audit("test.delete", number)
        except PermissionError:
            refused.append(number)

    domain.subscribe(guard, "test.*")
    jobs = [greenlet.greenlet(request) for _ in range(4)]
    for number, job in enumerate(jobs):
        job.switch(number)
    for job in jobs:
        job.switch()
    assert refused == [0, 1, 2, 3]


def test_a_hook_does_not_see_what_it_raises_in_its_own_greenlet(domain):
    seen = []

    def hook(event, args):
        seen.append(event)
        domain.audit("test.inner")

    domain.subscribe(hook, "test.*")
    greenlet.greenlet(domain.audit).switch("test.outer")
    domain.audit("test.main")
    assert seen == ["test.outer", "test.main"]


@pytest.mark.parametrize("kind", [ValueError, None])
def test_a_hook_is_called_again_after_a_switch(domain, kind):
    main = greenlet.getcurrent()
    seen = []

    def hook(event, args):
        seen.append(event)
        if greenlet.getcurrent() is not main:
            main.switch()
        if kind is not None:
            raise kind

    def call():
        for _ in range(3):
            try:
                domain.audit("test.x")
            except ValueError:
                pass

    domain.subscribe(hook, "test.*")
    job = greenlet.greenlet(call)
    while not job.dead:
        job.switch()
        call()
    assert len(seen) == 3 + 3 * 4


@pytest.mark.parametrize("where", ["audithooks", "audithooks.Dispatcher()"])
def test_a_hook_may_be_the_first_to_import_greenlet(child, where):
    """It runs in the main greenlet then, as it did before."""
    printed = child.run(
        f"""
import sys
import audithooks
assert "greenlet" not in sys.modules
domain = {where}
seen = []
def hook(event, args):
    seen.append(event)
    import greenlet
    domain.audit("test.inner")
    if event == "test.outer":
        greenlet.greenlet(domain.audit).switch("test.other")
        domain.audit("test.inner")
domain.subscribe(hook, "test.*")
domain.audit("test.outer")
domain.audit("test.after")
print(seen)
"""
    )
    assert printed == "['test.outer', 'test.other', 'test.after']\n"


@pytest.mark.parametrize("known", ["", 'domain.audit("test.x", 0)'])
@pytest.mark.parametrize("where", ["audithooks", "audithooks.Dispatcher()"])
def test_a_hook_that_is_older_than_greenlet_may_switch(child, where, known):
    """Also if it was called for such an event before."""
    printed = child.run(
        f"""
import sys
import audithooks
assert "greenlet" not in sys.modules
def guard(event, args):
    if args[0]:
        seen.append(args)
        main.switch()  # until it is this one's turn again
seen = []
domain = {where}
domain.subscribe(guard, "test.*")
{known}
import greenlet
main = greenlet.getcurrent()
job = greenlet.greenlet(domain.audit)
job.switch("test.x", 1)
domain.audit("test.x", 2)
job.switch()
print(seen)
"""
    )
    assert printed == "[(1,), (2,)]\n"


@pytest.mark.parametrize("where", ["audithooks", "audithooks.Dispatcher()"])
def test_a_switch_may_be_the_first_that_is_known_of_greenlets(child, where):
    printed = child.run(
        f"""
import sys
import audithooks
domain = {where}
seen = []
def hook(event, args):
    seen.append(args)
    if args == ("outer",):
        import greenlet
        greenlet.greenlet(domain.audit).switch("test.x", "other")
        domain.audit("test.x", "inner")
domain.subscribe(hook, "test.x")
domain.audit("test.x", "first")  # it is known from now on who wants this
assert "greenlet" not in sys.modules
domain.audit("test.x", "outer")
print(seen)
"""
    )
    assert printed == "[('first',), ('outer',), ('other',)]\n"


@pytest.mark.parametrize("where", ["audithooks", "audithooks.Dispatcher()"])
def test_a_hook_that_is_younger_than_greenlet_may_switch(child, where):
    """Although it was known before that nobody else wants the event."""
    printed = child.run(
        f"""
import audithooks
domain = {where}
domain.subscribe(print, "other.x", scope="thread")
domain.audit("test.x")
domain.audit("sys.addaudithook")
import greenlet
main = greenlet.getcurrent()
seen = []
def guard(event, args):
    seen.append(args)
    main.switch()
domain.subscribe(guard, "test.x", scope="thread")
job = greenlet.greenlet(domain.audit)
job.switch("test.x", 1)
domain.audit("test.x", 2)
print(seen)
"""
    )
    assert printed == "[(1,), (2,)]\n"


def test_threads_are_those_that_gevent_has_replaced(child_of):
    """In pure Python; compiled code asks the interpreter itself."""
    printed = child_of("python").run(
        """
import _thread, sys, types
asked = []
def get_original(module, name):
    asked.append((module, name))
    return original
original, _thread._local = _thread._local, None
sys.modules["gevent.monkey"] = types.SimpleNamespace(get_original=get_original)
import audithooks
print(asked)
"""
    )
    assert printed == "[('_thread', '_local')]\n"
