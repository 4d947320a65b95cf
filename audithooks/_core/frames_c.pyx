# cython: language_level=3, freethreading_compatible=True
"""The frames of the callers, compiled. Its mirror in pure Python is frames_py.py.

sys._getframe() and the f_code of a frame raise one event each, and from CPython 3.14 on
so does ctypes with any function. The C API does not.
"""

from cpython.object cimport PyObject

from audithooks._core.python cimport (
    PyCodeObject, PyEval_GetFrame, PyFrameObject, PyFrame_GetCode, Py_DECREF
)


def current_frame():
    """Return the frame of the Python function that runs, or None if there is none."""
    cdef PyFrameObject *frame = PyEval_GetFrame()
    return None if frame == NULL else <object> frame


def code_of(frame not None):
    """Return the f_code of a frame; nothing else may be passed."""
    cdef PyCodeObject *code = PyFrame_GetCode(<PyFrameObject *> frame)
    result = <object> code
    Py_DECREF(<PyObject *> code)
    return result
