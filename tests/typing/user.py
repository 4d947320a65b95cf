# pyright: strict
"""A program as users write it, which `make types` has mypy and pyright read.

Nothing in it may be unknown to them. What is wrong must be an error to both, which is
ignored; to ignore an error that is none is one as well.
"""

from __future__ import annotations

import ctypes
import io
import logging
from collections.abc import Callable
from typing import Any, Optional

from typing_extensions import CapsuleType, assert_type

import audithooks
from audithooks import (
    FALLBACK_REASON,
    IMPLEMENTATION,
    AuditHooksWarning,
    Capture,
    Dispatcher,
    Event,
    HookRejected,
    Record,
    Subscription,
    addaudithook,
    audit,
    capture,
    get_include,
    set_open_code_hook,
    subscribe,
    subscriptions,
)
from audithooks.catalogue import (
    EVENTS,
    GROUPS,
    Entry,
    OpenIntent,
    expand,
    named,
    open_intent,
    spawn_argv,
)
from audithooks.sinks import LEFT_OUT, JsonLines, Limited, Logging, OpenTelemetry


def log(event: str, args: tuple[Any, ...]) -> None:
    print(event, *args)


def strict(event: str, args: tuple[object, ...]) -> int:
    return len(event) + len(args)


class Guard:
    def __call__(self, event: str, args: tuple[Any, ...]) -> None: ...

    def method(self, event: str, args: tuple[Any, ...]) -> bool:
        return bool(args)


def open_code(path: str) -> io.BytesIO:
    return io.BytesIO(path.encode())


def the_module(native: CapsuleType, path: bytes) -> None:
    assert_type(audithooks.__version__, str)
    assert_type(IMPLEMENTATION, str)
    assert_type(FALLBACK_REASON, Optional[str])
    assert_type(get_include(), str)
    audit("shop.sell")
    audit("shop.sell", 1, None, path)
    for hook in (log, strict, Guard(), Guard().method, print):
        addaudithook(hook)
        assert_type(subscribe(hook), Subscription)
    addaudithook(native)
    prototype = ctypes.PYFUNCTYPE(
        ctypes.c_int, ctypes.c_char_p, ctypes.py_object, ctypes.c_void_p
    )
    subscribe(prototype(("on_event", ctypes.CDLL(None))), "open")
    subscribe(native, "open", "socket.*", exclude="socket.__new__", scope="thread")
    subscribe(log, exclude=("os.*", "@file"), reentrant=True, on_error="unraisable")
    subscribe(log, exclude=(name for name in GROUPS), scope="context")
    subscribe(lambda event, args: print(event.upper(), len(args)), "open")
    set_open_code_hook(open_code)
    assert_type(subscriptions(), "tuple[Subscription, ...]")


def what_subscribe_returns(subscription: Subscription) -> None:
    assert_type(subscription.events, "tuple[str, ...]")
    assert_type(subscription.closed, bool)
    assert_type(subscription.paused, bool)
    subscription.pause()
    subscription.resume()
    subscription.close()
    with subscribe(log, "open") as same:
        assert_type(same, Subscription)


def a_dispatcher() -> Event:
    bank = Dispatcher("bank")
    assert_type(bank, Dispatcher)
    assert_type(bank.name, str)
    bank.name = "savings"
    assert_type(bank.subscribe(log, "transfer"), Subscription)
    assert_type(bank.subscriptions, "tuple[Subscription, ...]")
    bank.addaudithook(log)
    bank.audit("transfer", "alice", 30)
    sale = bank.event("sale")
    assert_type(sale, Event)
    assert_type(sale.name, str)
    assert_type(sale.dispatcher, Optional[Dispatcher])
    if sale:
        sale("tea", 3)
    Event("sale")
    Event("sale", None)
    return Event("sale", dispatcher=bank)


class Shop(Dispatcher):
    def __init__(self, name: str, city: str) -> None:
        super().__init__(name)
        self.city = city


def a_capture(capturing: Capture) -> list[Record]:
    assert_type(Shop("tea", "Ghent"), Shop)
    assert_type(capture("shop.*", exclude=["shop.open"], scope="process"), Capture)
    with Shop("tea", city="Ghent").capture("sell") as records, capturing as others:
        assert_type(records, "list[Record]")
        assert_type(others, "list[Record]")
    record = records[0]
    assert_type(record.event, str)
    assert_type(record.args, "tuple[Any, ...]")
    assert_type(record.thread, int)
    assert_type(record.time, float)
    event, args = record
    assert_type(event, str)
    assert_type(args, "tuple[Any, ...]")
    # Strict pyright calls it protected, as it is not in a stub. Its types are right.
    other = record._replace(event="x", time=0.5)  # pyright: ignore[reportPrivateUsage]
    assert_type(other, Record)
    return [*records, *others]


def errors(hook: Callable[[str, tuple[Any, ...]], object]) -> None:
    try:
        subscribe(hook, "open")
    except HookRejected as rejected:
        assert_type(rejected.__cause__, Optional[BaseException])
    warning: type[UserWarning] = AuditHooksWarning
    error: type[RuntimeError] = HookRejected
    print(warning, error)


def the_catalogue(args: tuple[Any, ...]) -> None:
    entry = EVENTS["open"]
    assert_type(entry, Entry)
    assert_type(entry.name, str)
    assert_type(entry.arguments, "tuple[str, ...]")
    assert_type(entry.since, "tuple[int, ...]")
    assert_type(entry.until, "Optional[tuple[int, ...]]")
    assert_type(entry.in_version((3, 9)), bool)
    assert_type(entry.arguments_in((3, 9)), "tuple[str, ...]")
    assert_type(GROUPS["file"], "frozenset[str]")
    assert_type(expand(["@file", "open"]), "tuple[str, ...]")
    assert_type(named("open", args), "dict[str, Any]")
    intent = open_intent(args)
    assert_type(intent, OpenIntent)
    assert_type(intent.write, bool)
    assert_type(spawn_argv("os.system", args), "tuple[str, ...]")


def the_sinks() -> None:
    left_out: str = LEFT_OUT
    print(left_out)
    with JsonLines("events.jsonl", redact="*.env", longest=80) as lines:
        assert_type(lines, JsonLines)
        with Limited(lines, per_second=3, unique=0.5, every=1) as limited:
            assert_type(limited, Limited)
            subscribe(limited, "open")
        JsonLines(1, redact=["path", "open.mode"]).close()
    with Logging(logging.getLogger("audit"), logging.DEBUG, frames=2, most=9) as sink:
        assert_type(sink, Logging)
        assert_type(sink.flush(1.5), bool)
        subscribe(sink, "@network")
    with OpenTelemetry(environments=True) as telemetry:
        assert_type(telemetry, OpenTelemetry)


# What is wrong is an error, in both checkers.


def no_hook(event: str) -> None: ...


def what_is_wrong(bank: Dispatcher, record: Record) -> None:
    subscribe()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    subscribe(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    subscribe(no_hook)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    subscribe(log, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    subscribe(
        log,
        scope="task",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    subscribe(
        log,
        on_error="ignore",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    subscribe(
        log,
        exclude=3,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    subscribe(
        log,
        nested=True,  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    )
    capture(
        reentrant=True,  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    )
    addaudithook(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    audit(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    audit()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    bank.audit(
        event="x",  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    )
    bank.sell()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]
    Dispatcher(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Event()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Event(
        "x",
        "bank",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    )
    bank.event("x").name = "y"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    record.event = "y"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    set_open_code_hook(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Limited(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Logging(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    audithooks.nothing  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]  # noqa: B018
