"""Bad and good input for everything that takes input, from the choices of a fuzzer.

`play(choose)` is one round, in which *choose* gives a number below another.
test_fuzz.py has hypothesis choose; soak/fuzz.py has atheris do so, by coverage.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from conftest import load

from audithooks import HookRejected

PIECES = list("a*?[]!-\\()|^$\0\ud800\U0001f600é\n.")
PIECES += ["test.", "{1000}", "(?i)", "%s", "x" * 300, ""]
THINGS = [None, 0, -1, 2**70, 1.5, b"a", (), [], {}, 3j, NotImplemented, "a\0"]
ERRORS = (TypeError, ValueError, HookRejected, SystemError, OverflowError, KeyError)


class Name(str):
    """A subclass of str."""

    __slots__ = ()

    def __str__(self):
        raise KeyError

    def __hash__(self):
        raise KeyError

    def __eq__(self, other):
        raise KeyError


def text(choose):
    made = "".join(PIECES[choose(len(PIECES))] for _ in range(choose(6)))
    return Name(made) if choose(10) == 0 else made


def anything(choose):
    kind = choose(8)
    if kind < 5:
        return text(choose)
    if kind < 7:
        return THINGS[choose(len(THINGS))]
    return [text(choose) for _ in range(choose(3))]


class Player:
    """Holds the dispatchers, the subscriptions and the clients of a round."""

    def __init__(self, choose, client=None):
        self.choose = choose
        self.seen = []
        self.client = client
        names = [load("python")]
        if client is not None:
            names.append(load("cython"))
        self.names = names[choose(len(names))]
        self.dispatcher = self.names.Dispatcher()
        self.subscriptions = []
        self.dispatcher.addaudithook(self.hook)

    def hook(self, event, args):
        assert type(event) is str
        assert type(args) is tuple
        event.encode()
        assert "\0" not in event
        self.seen.append(event)

    def audit(self):
        name = anything(self.choose)
        args = [anything(self.choose) for _ in range(self.choose(3))]
        before = len(self.seen)
        self.dispatcher.audit(name, *args)
        assert self.seen[before] == str.__str__(name)

    def event(self):
        event = self.names.Event(anything(self.choose), self.dispatcher)
        before = len(self.seen)
        event(1)
        assert self.seen[before] == event.name
        assert event

    def subscribe(self):
        choose = self.choose
        scopes = ["process", "thread", "context", anything(choose)]
        capsule = self.client and self.client.capsule("log", [], self.named())
        hooks = [self.hook, self.hook, capsule, anything(choose), *THINGS]
        self.subscriptions.append(
            self.dispatcher.subscribe(
                hooks[choose(len(hooks))],
                *(anything(choose) for _ in range(choose(3))),
                exclude=anything(choose) if choose(2) else (),
                scope=scopes[choose(len(scopes))],
                on_error=["raise", "unraisable", anything(choose)][choose(3)],
            )
        )

    def named(self):
        """Return the name of a capsule, or None."""
        right = "int (const char *, PyObject *, void *)"
        others = right[: self.choose(len(right))].encode() if self.choose(2) else None
        return right if self.choose(3) else others and others.decode()

    def change(self):
        if self.subscriptions:
            one = self.subscriptions[self.choose(len(self.subscriptions))]
            getattr(one, ["close", "pause", "resume", "__repr__"][self.choose(4)])()

    def raise_in_c(self):
        """Raise by the C API, with formats that fit two objects, and with nonsense."""
        if self.client is None or self.names.name != "cython":
            return
        letters = "OO()[]{}:, \t!N?"
        form = "".join(
            letters[self.choose(len(letters))] for _ in range(self.choose(9))
        )
        if form.count("O") > 2 or "N" in form.replace("N", "", 1):
            return
        event = self.client.get_event(self.dispatcher, text(self.choose))
        self.client.raise_(event, form, [], {})
        self.client.audit(self.dispatcher, text(self.choose), form, (), "two")
        self.client.raise_tuple(event, anything(self.choose))


MOVES = [Player.audit, Player.event, Player.subscribe, Player.change, Player.raise_in_c]


def play(choose, client=None):
    """Make some moves; bad input must be refused with an error of the right kind."""
    player = Player(choose, client)
    for _ in range(choose(12)):
        with suppress(*ERRORS):
            MOVES[choose(len(MOVES))](player)
        assert sys.exc_info() == (None, None, None)
    before = len(player.seen)
    player.dispatcher.audit("test.last")
    assert player.seen[before] == "test.last"
