"""Sinks under gevent, which replaces threads, locks and queues."""

import pytest
from features import PROCESSES, needs
from pages import block

pytestmark = needs(PROCESSES, "this system has no processes")
pytest.importorskip("gevent", reason="gevent is not installed", exc_type=ImportError)

PATCH = "from gevent import monkey; monkey.patch_all()"
CODE = """
import logging, sys
{before}
import audithooks
from audithooks.sinks import Limited, Logging
{behind}
import gevent

class Handler(logging.Handler):
    def emit(self, record):
        told.append((record.audit_event, *record.audit_args.values()))

told = []
logging.basicConfig(handlers=[Handler()], level="INFO")

def work(number):
    for item in range(5):
        sys.audit("test.use", number, item)
        gevent.sleep(0.001)

sink = {sink}
with sink, audithooks.subscribe(sink, "test.*"):
    gevent.joinall([gevent.spawn(work, number) for number in range(3)])
{end}
"""
ALL = "print(sorted(told) == [('test.use', i, j) for i in range(3) for j in range(5)])"
SOME = "print([entry for entry in told if entry[0] != 'test.use'], len(told))"
ORDERS = [
    pytest.param((PATCH, ""), id="patched_first"),
    pytest.param(("", PATCH), id="patched_later"),
    pytest.param(("", ""), id="not_patched"),
]


@pytest.mark.parametrize("order", ORDERS)
def test_logging_delivers_every_event(child, order):
    before, behind = order
    code = CODE.format(before=before, behind=behind, sink="Logging('x')", end=ALL)
    assert child.run(code) == "True\n"


@pytest.mark.parametrize("order", ORDERS)
def test_limited_tells_what_it_left_out(child, order):
    before, behind = order
    sink = "Limited(Logging('x'), per_second=4)"
    code = CODE.format(before=before, behind=behind, sink=sink, end=SOME)
    assert child.run(code) == "[('audithooks.left_out', 'test.use', 11)] 5\n"


def test_the_program_of_the_page_prints_what_it_says(child):
    code = block("gevent", "{code-block} python")
    assert child.run(code) == block("gevent", "{code-block} none")
