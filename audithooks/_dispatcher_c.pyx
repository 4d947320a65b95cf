# cython: language_level=3, freethreading_compatible=True
"""Dispatcher, compiled. Its mirror in pure Python is _dispatcher_py.py.

`audit` is a METH_FASTCALL method made by hand: Cython would pack the arguments into a
tuple before the first line of a method of its own.
"""

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from audithooks._hooklist_c cimport (
    FREE_THREADED, Arguments, HookList, Known, dispatch, is_missed, known_as, load_size,
    load_version, miss, route_of
)

from ._hooklist_c import HookList
from ._subscription import Domain


cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        const char *tp_name
    ctypedef struct PyMethodDef:
        const char *ml_name
        void *ml_meth
        int ml_flags
        const char *ml_doc
    const int METH_FASTCALL

    Py_ssize_t PyDict_GET_SIZE(PyObject *)
    object PyDescr_NewMethod(PyTypeObject *, PyMethodDef *)
    void PyErr_Format(object, const char *, ...)
    Py_ssize_t PyTuple_GET_SIZE(PyObject *)
    const char *PyUnicode_AsUTF8AndSize(PyObject *, Py_ssize_t *)
    bint PyUnicode_Check(PyObject *)
    bint PyUnicode_CheckExact(PyObject *)
    PyObject *PyUnicode_FromObject(PyObject *)
    PyTypeObject *Py_TYPE(PyObject *)
    void Py_DECREF(PyObject *)
    void Py_INCREF(PyObject *)
    void Py_XDECREF(PyObject *)


cdef extern from *:
    """
    /* Kept out of audit(), which else saves registers that only this one needs. */
    #ifdef __GNUC__
    static PyObject *AuditHooks_otherwise(PyObject *, PyObject **, Py_ssize_t)
        __attribute__((noinline));
    #endif
    """


cdef int raise_event(
    HookList hooks, PyObject *event, PyObject **args, Py_ssize_t length
) noexcept:
    """Call the hooks that want event, an exact str."""
    cdef Known *known = known_as(hooks, event)
    cdef PyObject *route
    cdef bint kept
    cdef int status
    if FREE_THREADED:
        return raise_apart(hooks, event, args, length)
    if (
        known.event == event
        and known.version == hooks.version
        and PyDict_GET_SIZE(<PyObject *> hooks.routes) > 0  # the collector clears it
    ):
        if PyTuple_GET_SIZE(known.route) == 0:
            return 0
        route = known.route
        Py_INCREF(route)  # a hook may change the list, and with it drop the route
        status = deliver(route, event, args, length)
        Py_DECREF(route)
        return status
    route = route_of(hooks, event, &kept)
    if route == NULL:
        return -1
    if kept:
        Py_INCREF(event)
        Py_XDECREF(known.event)
        known.event = event
        known.route = route
        known.version = hooks.version
    status = 0 if PyTuple_GET_SIZE(route) == 0 else deliver(route, event, args, length)
    Py_DECREF(route)
    return status


cdef int raise_apart(
    HookList hooks, PyObject *event, PyObject **args, Py_ssize_t length
) noexcept:
    """Do what raise_event() does, without the lock and what is known by it."""
    cdef uint64_t version = load_version(&hooks.version)
    cdef Py_ssize_t size
    cdef const char *name = PyUnicode_AsUTF8AndSize(event, &size)
    cdef PyObject *route
    cdef bint kept
    cdef int status = 0
    if name == NULL:
        return -1
    if is_missed(name, size, version):
        return 0
    route = route_of(hooks, event, &kept)
    if route == NULL:
        return -1
    if PyTuple_GET_SIZE(route) == 0:
        miss(name, size, version)
    else:
        status = deliver(route, event, args, length)
    Py_DECREF(route)
    return status


cdef inline int deliver(
    PyObject *route, PyObject *event, PyObject **args, Py_ssize_t length
) noexcept:
    """Call the hooks of an owned route with arguments that are not packed yet."""
    cdef Arguments arguments
    cdef int status
    arguments.items = args
    arguments.length = length
    arguments.packed = NULL
    arguments.name = NULL
    status = dispatch(route, event, &arguments)
    Py_XDECREF(arguments.packed)
    return status


cdef PyObject *audit_otherwise "AuditHooks_otherwise"(
    PyObject *self, PyObject **args, Py_ssize_t length
) noexcept:
    """Raise an event that hooks may want, or whose name is no exact str."""
    cdef PyObject *event
    cdef int status
    if length < 1:
        PyErr_Format(
            TypeError, b"audit() missing 1 required positional argument: 'event'"
        )
        return NULL
    if PyUnicode_CheckExact(args[0]):
        status = raise_event(<HookList> self, args[0], args + 1, length - 1)
    elif not PyUnicode_Check(args[0]):
        PyErr_Format(
            TypeError,
            b"audit() argument 'event' must be str, not %.200s",
            Py_TYPE(args[0]).tp_name,
        )
        return NULL
    elif load_size(&(<HookList> self).listening):
        event = PyUnicode_FromObject(args[0])
        if event == NULL:
            return NULL
        status = raise_event(<HookList> self, event, args + 1, length - 1)
        Py_DECREF(event)
    else:
        status = 0
    if status < 0:
        return NULL
    Py_INCREF(<PyObject *> None)
    return <PyObject *> None


cdef PyObject *audit(PyObject *self, PyObject **args, Py_ssize_t length) noexcept:
    if (
        length < 1
        or not PyUnicode_CheckExact(args[0])
        or load_size(&(<HookList> self).listening)
    ):
        return audit_otherwise(self, args, length)
    Py_INCREF(<PyObject *> None)
    return <PyObject *> None


class Dispatcher(Domain, HookList):
    """A domain of its own: its events reach its own hooks, and nobody else's.

    *name*, a str, is for those who read the repr.

    Thread-safety: a dispatcher may be used from any thread, and its hooks changed
    while events are raised; a change counts from the next event on.
    """

    __slots__ = ("__weakref__", "name")

    def __init__(self, name=""):
        if not isinstance(name, str):
            raise TypeError(f"name must be a str, not {type(name).__name__}")
        self.name = name

    def event(self, name):
        """Return an Event of this dispatcher, for a *name* that is raised often."""
        from ._event_c import Event

        return Event(name, self)

    def __repr__(self):
        name = getattr(self, "name", "")  # a subclass may do without __init__()
        return f"<Dispatcher {name!r}>" if name else object.__repr__(self)


cdef PyMethodDef AUDIT
AUDIT.ml_name = b"audit"
AUDIT.ml_meth = <void *> audit
AUDIT.ml_flags = METH_FASTCALL
AUDIT.ml_doc = b"""audit($self, event, /, *args)
--

Raise an event with any arguments.

*event* is a str, the name. The hooks that want it are called in the order in
which they were added, with *event* and the tuple of *args*. The first exception
that a hook raises comes back to the caller, and later hooks are not called.
Raises TypeError if *event* is no str, and ValueError if there are hooks and it
holds a null character or a lone surrogate.

Without a hook that wants the event this costs next to nothing: compiled, the
tuple is not even made. See sys.audit() and PEP 578, "API Summary".
"""
Dispatcher.audit = PyDescr_NewMethod(<PyTypeObject *> Dispatcher, &AUDIT)
