"""A line of JsonLines has the same bytes compiled and in pure Python."""

from __future__ import annotations

import asyncio
import os
import select
import threading
from contextlib import contextmanager
from unittest import mock

import pytest
import written
from conftest import PureJsonLines
from features import PROCESSES, needs
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from audithooks._real import Real
from audithooks.sinks import JsonLines

pytestmark = needs(PROCESSES, "this system has no descriptors of its own")


class Text(str):
    """A str whose methods lie."""

    __slots__ = ()

    def __len__(self):
        return 1

    def __str__(self):
        return "lie"

    __repr__ = __str__

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash("open")

    def isascii(self):
        return True

    def __contains__(self, part):
        return False


class Number(int):
    """An int whose methods lie."""

    def __repr__(self):
        return "lie"

    __str__ = __repr__

    def __lt__(self, other):
        return True

    __le__ = __gt__ = __ge__ = __lt__


class Raising:
    def __repr__(self):
        raise RuntimeError


characters = st.one_of(
    st.sampled_from(
        "a@:/=<>\"'\\\n\r\t\b\f\0\x1f\x7f\x85\u2028\u2029\ud800\U0001f600 "
    ),
    st.characters(exclude_categories=()),
)
texts = st.one_of(
    st.text(characters),
    st.text(characters, min_size=200, max_size=1200),
    st.sampled_from(
        [
            "https://user:word@host/",
            "password=secret",
            "Authorization: Bearer abc",
            "--token abc",
            "user@host",
        ]
    ),
)
integers = st.one_of(
    st.integers(),
    st.builds(
        lambda bits, sign, off: sign * 2**bits + off,
        st.sampled_from([0, 8, 31, 32, 62, 63, 64, 65, 20_000]),
        st.sampled_from([1, -1]),
        st.integers(-2, 2),
    ),
)
plain = st.one_of(
    st.none(),
    st.booleans(),
    integers,
    st.floats(),
    texts,
    st.binary(max_size=1100),
    st.builds(Text, texts),
    st.builds(Number, integers),
    st.builds(Raising),
)
values = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(texts, st.integers()), inner, max_size=4),
    ),
    max_leaves=8,
)
events = st.one_of(
    st.sampled_from(
        [
            *("open", "exec", "os.putenv", "subprocess.Popen", "http.client.send"),
            *("socket.connect", "smtplib.send", "app.login", "import", "x\u2028é"),
        ]
    ),
    texts,
    st.builds(Text, st.just("app.x")),
)
names = st.one_of(st.none(), texts)


@pytest.fixture(scope="module")
def sinks(tmp_path_factory):
    """Pairs of a compiled and a pure sink with the same options, and their files."""
    folder = tmp_path_factory.mktemp("lines")
    made = []
    for options in (
        {},
        {"longest": 20},
        {"longest": 0},
        {"redact": ["path", "arg1"], "secrets": True},
        {"environments": True, "frames": 1},
    ):
        pair = []
        for kind in JsonLines, PureJsonLines:
            path = folder / str(len(made) * 2 + len(pair))
            pair.append((kind(path, **options), path))
        made.append(pair)
    return made


def line_of(sink, path, *given):
    """Return the line of an event, or the error of a name that cannot be encoded."""
    try:
        sink(*given)
    except UnicodeEncodeError as error:
        return str(error)
    line = path.read_bytes()
    os.truncate(path, 0)
    return line


@contextmanager
def in_task(name):
    """Run in a task of that name, as far as task_name() can see, unless it is None."""
    if name is None:
        yield
        return
    loop = asyncio.new_event_loop()
    task = loop.create_task(asyncio.sleep(0), name=name)
    asyncio._set_running_loop(loop)
    asyncio.tasks._enter_task(loop, task)
    try:
        yield
    finally:
        asyncio.tasks._leave_task(loop, task)
        asyncio._set_running_loop(None)
        loop.run_until_complete(task)
        loop.close()


@given(
    event=events,
    args=st.lists(values, max_size=5).map(tuple),
    many=st.booleans(),
    action=st.one_of(st.just(""), texts.filter(str.isascii)),
    now=st.integers(0, 2**62),
    thread=names,
    task=names,
)
@example("open", ("a", None, True), False, "", 951_782_400 * 10**9, None, None)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_line_has_the_same_bytes(
    compiled, sinks, event, args, many, action, now, thread, task
):
    args = args * 20 if many else args
    current = threading.current_thread()
    with (
        mock.patch.object(Real, "time_ns", return_value=now),
        mock.patch.object(current, "_name", thread),
        in_task(task),
    ):
        for pair in sinks:
            one, other = (line_of(*each, event, args, action) for each in pair)
            assert one == other


def test_a_line_that_is_given_up_has_no_number(implementation, tmp_path):
    """As when a signal handler raises while the text of a value is asked for."""

    class Interrupted:
        def __repr__(self):
            raise KeyboardInterrupt

    path = tmp_path / "lines"
    with JsonLines(path) as sink:
        sink("x", (1,))
        with pytest.raises(KeyboardInterrupt):
            sink("x", (Interrupted(),))
        sink("x", (2,))
    assert [record["seq"] for record in written.records(path)] == [1, 2]


@pytest.mark.parametrize("seconds", [0, 951_782_399, 951_782_400, 4_107_542_399])
def test_dates_around_leap_days(compiled, sinks, seconds):
    """2000 has one, 2100 has none."""
    with mock.patch.object(Real, "time_ns", return_value=seconds * 10**9):
        one, other = (line_of(*each, "x", ()) for each in sinks[0])
    assert one == other


def test_a_line_in_a_pipe_is_cut_at_the_same_length(compiled):
    for size in range(3800, 4100, 7):
        lines = []
        for kind in JsonLines, PureJsonLines:
            reader, writer = os.pipe()
            with (
                mock.patch.object(Real, "time_ns", return_value=0),
                kind(writer, longest=5000) as sink,
            ):
                sink("x", ("a" * size,))
            lines.append(os.read(reader, 1 << 16))
            os.close(reader)
            os.close(writer)
        assert lines[0] == lines[1]
        assert len(lines[0]) <= select.PIPE_BUF
