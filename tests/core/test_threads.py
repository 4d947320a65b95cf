"""Many threads raise events while others change the hooks: no event is lost, and none
reaches a closed hook.

Without the global interpreter lock they do so at the same time. There,
tests/matrix/tsan.sh runs this file with ThreadSanitizer.
"""

import os
import threading
from contextlib import ExitStack

import pytest
from features import FREE_THREADED, needs

EMITTERS = range(8)
SCOPES = "process", "thread", "context"


def run(seconds, *functions, enough=lambda: True):
    """Call each function again and again, each in its own thread.

    On a busy machine it takes longer, until there was *enough*.
    """
    finished = threading.Event()
    failed = []

    def go_on(function):
        try:
            while not finished.is_set():
                function()
        except BaseException as error:
            failed.append(error)
            finished.set()

    threads = [threading.Thread(target=go_on, args=(f,)) for f in functions]
    for thread in threads:
        thread.start()
    finished.wait(seconds)
    for _ in range(600):
        if finished.is_set() or enough():
            break
        finished.wait(0.1)
    finished.set()
    for thread in threads:
        thread.join()
    assert failed == []


class Emitter:
    """Raises an event in every way, and counts."""

    def __init__(self, domain, number):
        self.domain, self.number = domain, number
        self.raised = self.seen = self.own = self.nested = 0
        self.event = domain.event("test.event")
        self.unwanted = domain.event("unwanted.event")
        self.started = False

    def __call__(self):
        if not self.started:
            self.started = True
            self.domain.subscribe(self.hook, "test.event", scope="thread")
        for _ in range(10):
            self.raised += 2
            self.domain.audit("test.event", self.number)
            self.event(self.number)
            self.domain.audit("unwanted.event", self.number)
            self.domain.audit("".join(("unwanted", ".event")), self.number)
            self.unwanted(self.number)

    def hook(self, event, args):
        assert args == (self.number,)
        self.own += 1


def test_every_rule_holds_in_sixteen_threads(domain, seconds, figure):
    """Open hooks get every event, in order; closed or paused ones get none."""
    emitters = [Emitter(domain, number) for number in EMITTERS]
    rounds = dict.fromkeys(("subscribe", "pause", "add", "refuse", "truth"), 0)
    permanent, out_of_order = [], []

    def stays(event, args):
        emitters[args[0]].seen += 1
        domain.audit("test.event", args[0])  # this hook does not see it

    def follows(event, args):
        emitter = emitters[args[0]]
        emitter.nested += 1
        if emitter.nested > 2 * emitter.seen:
            out_of_order.append(event)

    def subscribe():
        late, own = [], ("test.own", threading.get_ident())
        with ExitStack() as stack:
            for scope in SCOPES:
                one = domain.subscribe(
                    lambda event, args: late.append((event, *args)),
                    "test.o*",
                    exclude="*.others",
                    scope=scope,
                )
                stack.enter_context(one)
            del late[:]
            domain.audit("test.others")
            domain.audit(*own)
            assert late.count(own) == 3
            assert ("test.others",) not in late
        del late[:]
        domain.audit(*own)
        assert own not in late
        rounds["subscribe"] += 1

    def pause():
        late.clear()
        domain.audit("test.paused")
        paused.pause()
        domain.audit("test.paused")
        assert late == ["test.paused"]
        paused.resume()
        rounds["pause"] += 1

    def add():
        calls = []
        if len(permanent) < 4:
            domain.addaudithook(lambda event, args: event == "add" and calls.append(1))
            permanent.append(calls)
        for hook in permanent:
            del hook[:]
        domain.audit("add")
        assert permanent == [[1]] * len(permanent)
        rounds["add"] += 1

    def vetoes(event, args):
        raise PermissionError

    def refuse():
        with pytest.raises(PermissionError):
            domain.audit("test.veto")
        rounds["refuse"] += 1

    def truth():
        event = domain.event("test.truth")
        with domain.subscribe(lambda event, args: None, "test.truth"):
            assert event
        bool(event)
        rounds["truth"] += 1

    late = []
    paused = domain.subscribe(lambda event, args: late.append(event), "test.paused")
    domain.subscribe(vetoes, "test.veto")
    domain.subscribe(stays, "test.event")
    domain.subscribe(follows, "test.event", reentrant=True, on_error="unraisable")
    changers = pause, add, refuse, truth, *[subscribe] * 4
    run(seconds, *emitters, *changers, enough=lambda: min(rounds.values()) > 1)
    for emitter in emitters:
        assert emitter.raised > 0
        assert emitter.seen == emitter.raised
        assert emitter.nested == emitter.own == 2 * emitter.raised
    assert out_of_order == []
    assert min(rounds.values()) > 1
    raised = sum(emitter.raised for emitter in emitters)
    figure("events of 8 threads while 8 others change the hooks", raised)
    figure("changes of the hooks meanwhile", sum(rounds.values()))


def test_many_threads_subscribe_for_the_first_time(domain):
    """All may connect to the interpreter at once; one connection remains."""
    barrier = threading.Barrier(len(EMITTERS))
    calls = []

    def subscribe(number):
        barrier.wait()
        domain.subscribe(lambda event, args: calls.append(number), "test.event")

    threads = [threading.Thread(target=subscribe, args=(i,)) for i in EMITTERS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    domain.audit("test.event")
    assert sorted(calls) == [*EMITTERS]


def test_one_subscription_is_closed_by_many_threads(domain):
    barrier = threading.Barrier(len(EMITTERS))
    calls = []

    def close():
        barrier.wait()
        subscription.close()
        domain.audit("test.event")

    for _ in range(20):
        subscription = domain.subscribe(
            lambda event, args: calls.append(event), "test.event", scope="context"
        )
        threads = [threading.Thread(target=close) for _ in EMITTERS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        domain.audit("test.event")
    assert calls == []


def test_each_thread_knows_which_hooks_it_runs(domain, seconds):
    """A chain of hooks; each raises its own event, the first one and the next one."""
    chain = range(20)
    calls = [[0] * len(chain) for _ in EMITTERS]
    raised = [0] * len(EMITTERS)

    def link(number):
        def hook(event, args):
            calls[args[0]][number] += 1
            for other in number, 0, number + 1:
                domain.audit(f"test.{other}", args[0])

        domain.subscribe(hook, f"test.{number}")

    def emitter(number):
        def emit():
            domain.audit("test.0", number)
            raised[number] += 1

        return emit

    for number in chain:
        link(number)
    run(seconds / 5, *map(emitter, EMITTERS))
    assert calls == [[times] * len(chain) for times in raised]


def test_native_hooks_come_and_go(compiled, client, domain, seconds):
    assert client.connect() > 0
    seen = [[] for _ in EMITTERS]
    raised = [0] * len(EMITTERS)

    def emitter(number):
        name = f"test.{number}"
        event = client.get_event(domain.dispatcher, name)
        client.subscribe(
            domain.dispatcher, "log", seen[number], (name.encode(),), None, 0
        )

        def emit():
            assert client.enabled(event)
            client.raise_(event, "O", number)
            client.audit(domain.dispatcher, name, "O", number)
            client.audit(domain.dispatcher, "unwanted.event", "O", number)
            client.raise_(unwanted, "O", number)
            raised[number] += 2

        return emit

    def come_and_go():
        late = []
        one = client.subscribe(domain.dispatcher, "log", late, (b"test.own",), None, 0)
        domain.audit("test.own")
        client.close(one)
        domain.audit("test.own")
        assert late == [("test.own", ())]

    unwanted = client.get_event(domain.dispatcher, "unwanted.event")
    run(seconds / 5, *map(emitter, EMITTERS), come_and_go)
    assert [len(records) for records in seen] == raised


@needs(
    not FREE_THREADED,
    "the child may hang at the lock of a dict that a thread of the parent holds",
)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_fork_while_another_thread_changes_the_list(domain, size, figure):
    rounds = size(8, 500)
    finished = threading.Event()
    seen = []

    def change():
        while not finished.is_set():
            with domain.subscribe(lambda *_: None, "test.*") as one:
                one.pause()
                one.resume()

    def in_the_child():
        domain.audit("test.event", 1)
        with domain.subscribe(lambda *call: seen.append(call), "test.*"):
            domain.audit("test.event", 2)
        domain.audit("test.event", 3)
        return [args[0] for _, args in seen] == [1, 2, 2, 3]

    domain.subscribe(lambda *call: seen.append(call), "test.event")
    threads = [threading.Thread(target=change) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(rounds):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    status = not in_the_child()
                finally:
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        finished.set()
        for thread in threads:
            thread.join()
    figure("forks while other threads change the hooks", rounds)
