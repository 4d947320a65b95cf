"""The callers, frames and threads, compiled. Its mirror in pure Python is frames_py.py.

sys._getframe() and the f_code of a frame raise one event each, and from CPython 3.14 on
so does ctypes with any function. The C API does not.
"""

from cpython.object cimport PyObject

from audithooks._core.python cimport (
    PyCodeObject, PyEval_GetFrame, PyFrameObject, PyFrame_GetCode, Py_DECREF
)

cdef extern from *:
    """
    #include <frameobject.h>
    #if PY_VERSION_HEX >= 0x030D0000  /* f_locals writes through: PEP 667 */
    #define AuditHooks_LocalsToFast(frame) ((void)(frame))
    #else
    #define AuditHooks_LocalsToFast(frame) PyFrame_LocalsToFast((frame), 0)
    #endif
    """
    void AuditHooks_LocalsToFast(PyFrameObject *)


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


def set_local(frame not None, name, value):
    """Set a local variable of a frame; nothing else may be passed."""
    frame.f_locals[name] = value
    AuditHooks_LocalsToFast(<PyFrameObject *> frame)


def name_of_thread(ident):
    """Return the name of a thread, or None if the threading module does not know it.

    No lock is taken. A class of the program may make anything of the name.
    """
    try:
        return modules["threading"]._active[ident].name
    except Exception:  # not imported, not known, or of such a class
        return None
