"""Many threads at once: nothing is lost, and nothing comes after the end."""

import os
import threading

EMITTERS, CHANGERS = 10, 6
PLACES = ["process", "thread", "context"]


def test_every_rule_holds_in_sixteen_threads(domain, seconds, figure):
    """What was open throughout has what was raised, and what is closed has no more."""
    raised = [0] * EMITTERS
    seen = [[0] * EMITTERS for _ in range(4)]
    out_of_order, nested, after_close, failures, rounds = [], [], [], [], []
    last = threading.local()
    finished = threading.Event()

    def stays(place):
        def hook(event, args):
            seen[place][args[0]] += 1
            if place and last.place != place - 1:
                out_of_order.append(event)
            last.place = place
            if place == 1:  # is not called for it itself, unlike the one before
                domain.audit("test.nested", args[0])

        return hook

    def inner(event, args):
        nested.append(event)
        if len(nested) > 1000:
            del nested[:]

    def vetoes(event, args):
        if args == (0,):
            raise PermissionError

    def emit(number):
        while not finished.is_set():
            for _ in range(100):
                domain.audit("test.event", number)
            raised[number] += 100
            try:
                domain.audit("test.veto", 0)
                failures.append("not refused")
            except PermissionError:
                pass

    def change(number):
        while not finished.is_set():
            own = []
            with domain.subscribe(
                lambda event, args, own=own: own.append(args),
                "test.*",
                scope=PLACES[number % 3],
                exclude=("test.veto", "test.nested"),
            ) as one:
                domain.audit("test.own", "open", number)
                if ("open", number) not in own:
                    failures.append("lost")
                one.pause()
                del own[:]
                domain.audit("test.own", "paused", number)
                if ("paused", number) in own:
                    after_close.append("paused")
                one.resume()
            del own[:]
            domain.audit("test.own", "closed", number)
            if ("closed", number) in own:
                after_close.append("closed")
            rounds.append(1)

    def guarded(function, number):
        try:
            function(number)
        except BaseException as error:
            failures.append(repr(error))

    for place in range(4):
        domain.subscribe(stays(place), "test.event" if place % 2 else "test.e*")
    domain.subscribe(inner, "test.nested")
    domain.subscribe(vetoes, "test.veto")
    threads = [
        threading.Thread(target=guarded, args=(function, number))
        for function, count in ((emit, EMITTERS), (change, CHANGERS))
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    finished.wait(seconds)
    finished.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen == [raised] * 4
    assert min(raised) > 0
    assert out_of_order == []
    assert after_close == []
    assert len(rounds) > CHANGERS
    figure("events of 10 threads, while 6 others change the list", sum(raised))
    figure("changes of the list meanwhile", len(rounds))


def test_a_fork_while_another_thread_changes_the_list(domain, size, figure):
    rounds = size(15, 500)
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
    figure("forks while other threads change the list", rounds)
