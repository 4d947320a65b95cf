# What an Event of the runtime domain needs of it; the reasons are in the .pyx.

from cpython.object cimport PyObject

from audithooks._core.hooklist_c cimport Arguments, HookList
from audithooks._core.python cimport (
    PySys_Audit, PyTuple_New, PyTuple_SET_ITEM, Py_INCREF
)


cdef HookList hooks     # of the runtime domain

# Whether hooks may be there that are not those of audithooks.
cdef bint others_listen() noexcept


cdef inline PyObject *pack(void *arguments) noexcept:
    """Make the tuple, which PySys_Audit() asks for only if there is a hook."""
    cdef Arguments *view = <Arguments *> arguments
    cdef PyObject *args = PyTuple_New(view.length)
    cdef Py_ssize_t i
    if args != NULL:
        for i in range(view.length):
            Py_INCREF(view.items[i])
            PyTuple_SET_ITEM(args, i, view.items[i])
    return args


cdef inline int raise_in_sys(const char *name, Arguments *arguments) noexcept:
    """Raise an event in the interpreter's own stream, packing nothing in vain."""
    return PySys_Audit(name, b"O&", <void *> pack, <void *> arguments)
