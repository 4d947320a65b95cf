"""A model of a hook list, and random programs that are run on it and on a domain.

    python model.py IMPLEMENTATION-KIND [--steps N] [--seed N]

runs at least that many steps, in as many programs as needed, in its own process because
of the hooks that cannot be removed. test_model.py starts it.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import Context, copy_context
from fnmatch import fnmatchcase
from itertools import cycle, islice, product

from conftest import load
from features import DROPS
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from audithooks import HookRejected

try:
    from greenlet import greenlet
except ImportError:
    greenlet = None


class Model:
    """A domain at its simplest: every event goes through a list."""

    vetoes = RuntimeError  # addaudithook() silently ignores these

    def __init__(self):
        self.hooks = []
        # Where events come from: the thread, the stack of calls, and the hooks of the
        # context.
        self.thread = "main"
        self.stack = object()
        self.here = []

    def run(self, place, function, *arguments):
        """Call a function in another thread, greenlet or context."""
        before = self.thread, self.stack, self.here
        if place in ("thread", "greenlet"):
            self.stack = object()
        if place == "thread":
            self.thread = "other"
        self.here = [*self.here] if place == "copy" else []
        try:
            return function(*arguments)
        finally:
            self.thread, self.stack, self.here = before

    def audit(self, event, *args, ending=None):
        """Raise an event; *ending* is a hook that is not asked about its own end."""
        for hook in [hook for hook in self.hooks if hook.wants(event)]:
            nested = self.stack in hook.inside and not hook.reentrant
            if nested or hook is ending or not hook.is_reached():
                continue
            before, hook.inside = hook.inside, {*hook.inside, self.stack}
            try:
                hook.function(event, args)
            except Exception:
                if hook.on_error == "raise":
                    raise
            finally:
                hook.inside = before

    def addaudithook(self, function):
        try:
            self.audit("sys.addaudithook")
        except self.vetoes:
            return
        self.hooks.append(ModelHook(self, function, reentrant=True, permanent=True))

    def subscribe(self, function, *events, **options):
        try:
            self.audit("sys.addaudithook")
        except HookRejected:
            raise
        except RuntimeError as error:
            raise HookRejected(f"a hook refused the subscription: {error}") from error
        hook = ModelHook(self, function, events, **options)
        self.hooks.append(hook)
        if hook.scope == "context":
            self.here.append(hook)
        return hook


class ModelHook:
    """A hook of a model, which is its own subscription."""

    exclude, scope, on_error = (), "process", "raise"
    reentrant = permanent = paused = closed = False
    inside = frozenset()  # the stacks on which it runs

    def __init__(self, model, function, events=(), **options):
        self.model, self.function, self.events = model, function, events
        self.thread = model.thread
        vars(self).update(options)

    def is_reached(self):
        if self.scope == "thread":
            return self.thread == self.model.thread
        return self.scope == "process" or self in self.model.here

    def wants(self, event):
        wanted = any(fnmatchcase(event, pattern) for pattern in self.events or ["*"])
        unwanted = any(fnmatchcase(event, pattern) for pattern in self.exclude)
        return wanted and not unwanted and not self.paused

    def announce_end(self):
        asked = any(pattern.startswith("audithooks.") for pattern in self.events)
        ending = None if asked else self
        self.model.audit("audithooks.unsubscribe", self.events, ending=ending)

    def close(self):
        if not self.closed:
            self.announce_end()
            self.leave()

    def leave(self):
        self.closed = True
        self.model.hooks = [hook for hook in self.model.hooks if hook is not self]

    def pause(self):
        if self.closed:
            raise ValueError
        if not self.paused:
            self.announce_end()
            self.paused = self.paused or not self.closed

    def resume(self):
        if self.closed:
            raise ValueError
        self.paused = False


class ModelOfSys(Model):
    """A domain whose addaudithook() is that of sys; subscriptions share one hook."""

    vetoes = Exception if DROPS else RuntimeError

    def audit(self, event, *args, ending=None):
        self.hooks.sort(key=lambda hook: hook.permanent)
        super().audit(event, *args, ending=ending)


NAMES = ["a", "b", "a.b", "a.c", "\N{SNOWMAN}"]
OWN = ["sys.addaudithook", "audithooks.unsubscribe"]
ERRORS = {"fail": ValueError, "stop": KeyboardInterrupt, "veto": RuntimeError}
ACTIONS = ["close", "pause", "resume"]
PLACES = ["thread", "context", "copy"]
KINDS = ["log", "log", "nest", "add", "refuse", *ERRORS, *ACTIONS]
if greenlet is not None:
    PLACES.append("greenlet")
    KINDS.append("switch")
POOL = ThreadPoolExecutor(1)


class Domain:
    """A domain of audithooks, and what else a Model can do."""

    def __init__(self, found):
        self.found = found
        self.audit, self.subscribe = found.audit, found.subscribe
        self.addaudithook = found.addaudithook

    @property
    def subscriptions(self):
        found = self.found.subscriptions
        return found() if callable(found) else found

    def run(self, place, function, *arguments):
        if place == "thread":
            return POOL.submit(Context().run, function, *arguments).result()
        if place == "greenlet":
            return greenlet(function).switch(*arguments)
        context = copy_context() if place == "copy" else Context()
        return context.run(function, *arguments)


class Interrupt(BaseException):
    """Raised by a signal handler."""


@contextmanager
def interrupted(seconds):
    """Raise Interrupt after so many seconds, if the block still runs."""

    def handler(*_):
        if armed:
            raise Interrupt

    armed = True
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)


class Side:
    """Performs steps on a domain or a model, and records everything observable."""

    def __init__(self, domain):
        self.domain = domain
        self.subscriptions = []
        self.log = []
        self.depth = 0
        self.over = False

    def hook(self, kind, number):
        """Return a hook of that kind, which knows a subscription by its number."""

        def hook(event, args):
            if self.over or event not in (*NAMES, *OWN):
                return  # an event of the interpreter
            self.log.append((number, kind, event, args))
            own = event in OWN
            if kind in ERRORS and own == (kind == "veto") and len(self.log) % 3 == 0:
                raise ERRORS[kind](number)
            if kind == "refuse" and own and len(self.log) % 3 == 0:
                raise ValueError(number)
            if self.depth < 2 and len(self.log) < 40:
                self.depth += 1
                try:
                    self.act(kind, number)
                finally:
                    self.depth -= 1

        return hook

    def act(self, kind, number):
        if kind == "nest":
            self.domain.audit("a.b", number)
        elif kind == "add" and len(self.subscriptions) < 10:
            self.subscribe("log", ["a.*"], {})
        elif kind == "switch":
            self.domain.run("greenlet", self.domain.audit, "a.b", number)
        elif kind in ACTIONS and number < len(self.subscriptions):
            getattr(self.subscriptions[number], kind)()

    def subscribe(self, kind, events, options):
        hook = self.hook(kind, len(self.subscriptions) // 2)
        self.subscriptions.append(self.domain.subscribe(hook, *events, **options))

    def do(self, name, *arguments):
        if name == "audit":
            self.domain.audit(*arguments)
        elif name == "elsewhere":
            place, step = arguments
            self.domain.run(place, self.do, *step)
        elif name == "addaudithook":
            self.domain.addaudithook(self.hook(*arguments))
        elif name == "subscribe":
            self.subscribe(*arguments)
        else:
            self.act(*arguments)

    def perform(self, step):
        """Perform a step, and return its result."""
        try:
            self.do(*step)
            outcome = None
        except (ValueError, RuntimeError, KeyboardInterrupt) as error:
            number = error.args[0] if error.args else None
            outcome = type(error), number if isinstance(number, int) else None
        return outcome, self.states()

    def states(self):
        return [(s.closed, s.paused, s.events) for s in self.subscriptions]

    def perform_interrupted(self, step, seconds):
        """Perform a step that may be interrupted; return its result, or None if so.

        Then subscriptions that are new are closed, whether they were returned or not.
        """
        known = [*self.subscriptions]
        try:
            with interrupted(seconds):
                return self.perform(step)
        except Interrupt:
            self.depth = 0
        self.over = True  # hooks do nothing
        for one in self.domain.subscriptions:
            if one not in known:
                one.close()
        self.subscriptions[:] = known
        self.over = False
        return None

    def follow(self, states):
        """Take over what became of the subscriptions in an interrupted step."""
        del self.log[:]
        for hook, (closed, paused, _) in zip(self.subscriptions, states):
            hook.paused = paused
            if closed and not hook.closed:
                hook.leave()


# All possible steps, so that one number selects one.
EVENTS = [[], ["a"], ["b", "a"], ["a.*"], ["?"], ["[!a]", "a.b"], OWN]
EXCLUDE = [[], [], ["a"], ["a*"], ["?.[!b]"]]
OPTIONS = [
    {"exclude": exclude, "scope": scope, "reentrant": reentrant, "on_error": on_error}
    for exclude in EXCLUDE
    for scope in ("process", "process", "thread", "context")
    for reentrant in (False, True)
    for on_error in ("raise", "raise", "unraisable")
]
AUDIT = list(product(["audit"], NAMES, range(10)))
SUBSCRIBE = list(product(["subscribe"], KINDS, EVENTS, OPTIONS))
FOREVER = list(product(["addaudithook"], KINDS, range(10)))
CHANGE = list(product(["act"], ACTIONS, range(10)))
ELSEWHERE = [
    *product(["elsewhere"], PLACES, AUDIT),
    *product(["elsewhere"], PLACES, SUBSCRIBE),
    *product(["elsewhere"], PLACES, CHANGE),
]
INTERRUPTED = [
    ("interrupted", step, microseconds * 1e-6)
    for microseconds in range(2, 60, 3)
    for step in [*AUDIT, *CHANGE, *SUBSCRIBE[::30]]
]
STEPS = [AUDIT, AUDIT, AUDIT, ELSEWHERE, ELSEWHERE, SUBSCRIBE, SUBSCRIBE, SUBSCRIBE]
STEPS += [FOREVER, CHANGE, CHANGE]
# PyPy may call a signal handler between a call and what is done with its result.
if hasattr(signal, "setitimer") and sys.implementation.name != "pypy":
    STEPS += [INTERRUPTED]
STEPS = [step for kind in STEPS for step in islice(cycle(kind), 10_000)]


def machine_for(implementation, kind):
    """Return a state machine that runs a domain and its model side by side."""
    names = load(implementation)
    of_sys = (implementation, kind) == ("python", "runtime")
    if kind == "runtime":
        names.subscribe(print, "a").close()  # connected, before any hook of sys

    class Machine(RuleBasedStateMachine):
        steps = 0

        def __init__(self):
            super().__init__()
            self.model = Side(ModelOfSys() if of_sys else Model())
            found = names.domain if kind == "runtime" else names.Dispatcher()
            self.real = Side(Domain(found))

        @rule(steps=st.lists(st.sampled_from(STEPS), min_size=10, max_size=20))
        def perform(self, steps):
            for step in steps:
                Machine.steps += 1
                if step[0] == "interrupted":
                    _, step, seconds = step
                    found = self.real.perform_interrupted(step, seconds)
                    if found is None:
                        self.model.follow(self.real.states())
                        del self.real.log[:]
                        continue
                else:
                    found = self.real.perform(step)
                expected = self.model.perform(step)
                assert found == expected, (step, found, expected)
                assert self.real.log == self.model.log, step
                # The length of the log decides which hooks raise.
                del self.real.log[2:], self.model.log[2:]

        def teardown(self):
            self.real.over = True
            for subscription in self.real.subscriptions:
                subscription.close()

    return Machine


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("domain")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    machine = machine_for(*options.domain.split("-"))
    sys.unraisablehook = lambda report: None
    print(f"{options.domain}: --seed {options.seed}", flush=True)
    number = options.seed
    while machine.steps < options.steps:
        run_state_machine_as_test(
            seed(number)(machine),
            settings=settings(
                max_examples=50,
                stateful_step_count=5,
                deadline=None,
                database=None,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
        number += 1
    print(f"{options.domain}: {machine.steps} steps")


if __name__ == "__main__":
    main()
