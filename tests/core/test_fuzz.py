"""Names, patterns, formats and capsules of every kind: an error, or the right result.

soak/fuzz.py does the same for longer, guided by coverage.
"""

import time

import pytest
from features import needs, thread_time
from fuzzing import play
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_any_input_is_refused_or_does_what_it_should(compiled, client, data):
    assert client.connect() > 0
    play(lambda below: data.draw(st.integers(0, below - 1)), client)


# A backtracking matcher tries a great number of ways before each of these fails.
SLOW = [
    lambda size: (["*a" * 8 + "b"], "a" * size),
    lambda size: (["?*" * 8 + "b"], "a" * size),
    lambda size: (["*" * size + "b"], "a" * size),
    lambda size: (["*[ab]" * 8 + "c"], "ab" * size),
    lambda size: ([f"{'*a' * n}b" for n in range(8)], "a" * size),
]


@needs(hasattr(time, "thread_time"), "there is no clock that others do not move")
@pytest.mark.parametrize("slow", range(len(SLOW)))
def test_a_pattern_takes_time_in_proportion_to_the_name(impl, slow):
    """The names are so long that no route is cached and each is matched again."""

    def cost(size):
        patterns, name = SLOW[slow](size)
        dispatcher = impl.Dispatcher()
        dispatcher.subscribe(print, *patterns)
        dispatcher.audit(name)
        best = float("inf")
        for _ in range(5):
            start = thread_time()
            dispatcher.audit(name)
            best = min(best, thread_time() - start)
        return best

    # A name 8 times as long: the ratio is 8 if time is linear, 64 if it is quadratic.
    assert cost(8 * 2000) < 24 * cost(2000) + 0.001
