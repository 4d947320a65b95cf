# cython: language_level=3, freethreading_compatible=True
"""Frames without an event, compiled: fields.py says what pure Python does instead.

sys._getframe() and the f_code of a frame raise one event each, and from CPython 3.14 on
so does ctypes with a function of the C API. An extension that calls it does not.
"""

from cpython.object cimport PyObject


cdef extern from "Python.h":
    ctypedef struct PyFrameObject
    PyObject *PyEval_GetFrame()  # borrowed, or NULL
    object PyFrame_GetCode(PyFrameObject *)


def current_frame():
    """Return the frame of the Python function that runs, or None if there is none."""
    cdef PyObject *frame = PyEval_GetFrame()
    return None if frame == NULL else <object> frame


def code_of(frame not None):
    """Return the f_code of a frame, which nothing else may be passed as."""
    return PyFrame_GetCode(<PyFrameObject *> <PyObject *> frame)
