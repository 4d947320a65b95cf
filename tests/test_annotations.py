"""What editors, help() and libraries ask of the public names: signatures and types.

`make types` asks type checkers, by tests/typing/.
"""

# Every public function, and every method that a class of ours has.
MEMBERS = """
import collections.abc, inspect, typing
import audithooks, audithooks.catalogue, audithooks.sinks

USUAL = "__call__", "__enter__", "__exit__", "_replace"
MODULES = audithooks, audithooks.catalogue, audithooks.sinks

def members():
    for module in MODULES:
        for public in module.__all__:
            thing = getattr(module, public)
            if callable(thing):
                yield public, thing
            if isinstance(thing, type):
                for base in thing.__mro__:
                    if base.__module__.startswith("audithooks"):
                        for name, member in vars(base).items():
                            if not name.startswith("_") or name in USUAL:
                                yield f"{public}.{name}", member
"""

SIGNATURES = """
for name, thing in members():
    if name == "audit" or isinstance(thing, type) and issubclass(thing, Exception):
        continue  # those of CPython have none, and audit may be that of sys
    if isinstance(thing, type) or inspect.isroutine(thing):
        parameters = inspect.signature(thing).parameters.values()
        # The self of a method in C can only be given by its position.
        print(
            name,
            [(p.name, p.name == "self" or p.kind.name, p.default) for p in parameters],
        )
"""

HINTS = """
for module in MODULES:
    typing.get_type_hints(module)
for name, thing in members():
    thing = getattr(thing, "fget", thing)  # of a property
    if isinstance(thing, type) or inspect.isroutine(thing):
        typing.get_type_hints(thing)
hints = typing.get_type_hints(audithooks.subscribe)
assert hints == typing.get_type_hints(audithooks.Dispatcher.subscribe)
print(hints["events"], hints["scope"], hints["on_error"])
print(hints["exclude"] == typing.Union[str, collections.abc.Iterable[str]])
print(hints["return"] is audithooks.Subscription)
print(typing.get_type_hints(audithooks.capture)["return"] is audithooks.Capture)
print(typing.get_type_hints(audithooks.Record)["event"])
"""


def test_both_implementations_give_the_same_signatures(compiled, child_of):
    ours, mirror = (
        child_of(name).run(MEMBERS + SIGNATURES).splitlines()
        for name in ("cython", "python")
    )
    assert {*ours} == {*mirror}
    assert len(ours) > 50
    required = "'POSITIONAL_OR_KEYWORD', <class 'inspect._empty'>"
    optional = "'POSITIONAL_OR_KEYWORD', None"
    assert f"Event [('name', {required}), ('dispatcher', {optional})]" in ours


def test_every_annotation_can_be_evaluated(child):
    assert child.run(MEMBERS + HINTS).splitlines() == [
        "<class 'str'> typing.Literal['process', 'thread', 'context'] "
        "typing.Literal['raise', 'unraisable']",
        "True",
        "True",
        "True",
        "<class 'str'>",
    ]


def test_no_annotation_is_evaluated_before_it_is_asked_for(child):
    code = """
import sys
before = {*sys.modules}
import audithooks
audithooks.subscribe(lambda event, args: None, "open")
audithooks.capture("open")
print({"typing", "inspect", "audithooks._core.types"} & ({*sys.modules} - before))
"""
    assert child.run(code) == "set()\n"
