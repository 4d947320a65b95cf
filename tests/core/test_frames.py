"""The frames of the callers, as records look at them."""

import sys

from features import needs


def test_the_frame_that_runs_is_found(impl):
    frame = impl.frames_module.current_frame()
    assert frame is sys._getframe()


def test_the_code_of_a_frame_is_its_f_code(impl):
    frame = sys._getframe()
    assert impl.frames_module.code_of(frame) is frame.f_code


@needs(hasattr(sys, "getrefcount"), "references are not counted")
def test_the_code_of_a_frame_is_not_kept(impl):
    frame = sys._getframe()
    before = sys.getrefcount(frame.f_code)
    for _ in range(100):
        impl.frames_module.code_of(frame)
    assert sys.getrefcount(frame.f_code) < before + 50


def test_frames_raise_no_event_if_compiled(compiled, child_of):
    printed = child_of("cython").run(
        """
import sys
from audithooks._core import core_c
seen = []
def look():
    return core_c.code_of(core_c.current_frame())
code = look.__code__
sys.addaudithook(lambda event, args: seen.append(event))
print(look() is code, seen)
"""
    )
    assert printed == "True []\n"
