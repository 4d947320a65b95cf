# cython: language_level=3, freethreading_compatible=True
"""Event, compiled. Its mirror in pure Python is _event_py.py.

An Event is called by the vectorcall protocol (PEP 590), which Cython does not give to a
class: `__call__` would find its arguments packed into a tuple.
"""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from audithooks._hooklist_c cimport (
    FREE_THREADED, Arguments, HookList, dispatch, load_int, load_size, load_version,
    route_of, store_version
)
from audithooks._runtime_c cimport hooks as runtime_hooks
from audithooks._runtime_c cimport others_listen, raise_in_sys

from ._subscription import event_name


cdef extern from "Python.h":
    ctypedef PyObject *(*ternaryfunc)(PyObject *, PyObject *, PyObject *) noexcept
    ctypedef struct PyTypeObject:
        Py_ssize_t tp_vectorcall_offset
        unsigned long tp_flags
        ternaryfunc tp_call
    const unsigned long Py_TPFLAGS_HAVE_VECTORCALL

    Py_ssize_t PyDict_GET_SIZE(PyObject *)
    void PyErr_Format(object, const char *, ...)
    Py_ssize_t PyTuple_GET_SIZE(PyObject *)
    void PyType_Modified(PyTypeObject *)
    const char *PyUnicode_AsUTF8(object) except NULL
    PyObject *PyVectorcall_Call(PyObject *, PyObject *, PyObject *) noexcept
    object call_with_tuple "PyVectorcall_Call"(object, object, PyObject *)
    Py_ssize_t PyVectorcall_NARGS(size_t)
    void Py_DECREF(PyObject *)
    void Py_INCREF(PyObject *)
    void Py_XDECREF(PyObject *)


@cython.final
@cython.no_gc_clear  # as of a HookList
cdef class Event:
    """An event that is raised often: a name in a domain, resolved once.

    *name* is a str, *dispatcher* a Dispatcher, or None for the runtime domain. Calling
    the Event with some arguments does what audit() does with the name and them. It is
    true if a hook may be called, so that `if event: event(costly())` does nothing in
    vain.

    In the runtime domain hooks of sys count as well. The interpreter does not tell
    which there are: an Event may be true there and call nobody, but not the reverse.

    Raises TypeError for an argument of another type, and ValueError for a name with a
    null character or a lone surrogate.

    Thread-safety: an Event may be used from any thread while hooks come and go.
    """

    def __cinit__(self, name, dispatcher=None):
        if dispatcher is not None and not isinstance(dispatcher, HookList):
            kind = type(dispatcher).__name__
            raise TypeError(f"dispatcher must be a Dispatcher or None, not {kind}")
        self._name = event_name(name)
        self._dispatcher = dispatcher
        if dispatcher is None:
            self.hooks = runtime_hooks
            self.utf8 = PyUnicode_AsUTF8(self._name)
            self.vectorcall = call_in_sys
            self.emitter.enabled = True
        else:
            self.hooks = dispatcher
            self.vectorcall = call
            self.hooks.link(&self.emitter)

    def __dealloc__(self):
        if self.hooks is not None:
            self.hooks.unlink(&self.emitter)

    @property
    def name(self):
        """The name of the event, a str."""
        return self._name

    @property
    def dispatcher(self):
        """The Dispatcher, or None for the runtime domain."""
        return self._dispatcher

    def __call__(self, *args):
        """Raise the event with any arguments."""
        return call_with_tuple(self, args, NULL)  # as Event.__call__(event, ...)

    def __bool__(self):
        if load_size(&self.hooks.listening) and wanted(self):
            return True
        return self.utf8 != NULL and others_listen()

    def __reduce__(self):
        raise TypeError("cannot copy or pickle an Event")

    def __repr__(self):
        of = "" if self._dispatcher is None else f" of {self._dispatcher!r}"
        return f"<Event {self._name!r}{of}>"


cdef PyObject *find(Event event) noexcept:
    cdef PyObject *route
    cdef bint kept
    if FREE_THREADED:
        return find_apart(event)
    if (
        event.route != NULL
        and event.version == event.hooks.version
        and PyDict_GET_SIZE(<PyObject *> event.hooks.routes) > 0  # the collector clears
    ):
        Py_INCREF(event.route)
        return event.route
    route = route_of(event.hooks, <PyObject *> event._name, &kept)
    if route != NULL and kept:
        event.route = route
        event.version = event.hooks.version
        if event.utf8 == NULL:
            event.emitter.enabled = PyTuple_GET_SIZE(route) > 0
    return route


cdef PyObject *find_apart(Event event) noexcept:
    """Do what find() does, without the lock: note only that nobody wants the event."""
    cdef uint64_t version = load_version(&event.hooks.version)
    cdef bint kept
    cdef PyObject *route = route_of(event.hooks, <PyObject *> event._name, &kept)
    if route != NULL and PyTuple_GET_SIZE(route) == 0:
        store_version(&event.version, version)
        if event.utf8 == NULL:
            event.hooks.disable(&event.emitter, version)
    return route


cdef bint wanted(Event event) except -1:
    """Whether a hook of audithooks may be called."""
    cdef PyObject *route
    cdef Py_ssize_t size
    if (
        FREE_THREADED
        and load_version(&event.version) == load_version(&event.hooks.version)
    ):
        return False
    route = find(event)
    if route == NULL:
        return -1
    size = PyTuple_GET_SIZE(route)
    Py_DECREF(route)
    return size > 0


cdef int raise_here(Event event, Arguments *arguments) noexcept:
    """Call the hooks of a Dispatcher."""
    cdef PyObject *route = find(event)
    cdef int status = 0
    if route == NULL:
        return -1
    if PyTuple_GET_SIZE(route) > 0:
        arguments.packed = NULL
        arguments.name = NULL
        status = dispatch(route, <PyObject *> event._name, arguments)
        Py_XDECREF(arguments.packed)
    Py_DECREF(route)
    return status


cdef PyObject *call(
    PyObject *event, PyObject *const *args, size_t flags, PyObject *keywords
) noexcept:
    """Call an Event of a Dispatcher."""
    cdef Arguments arguments
    if keywords != NULL:
        return refuse_keywords(event, args, flags, keywords)
    if load_int(&(<Event> event).emitter.enabled):
        arguments.items = <PyObject **> args
        arguments.length = PyVectorcall_NARGS(flags)
        if raise_here(<Event> event, &arguments) < 0:
            return NULL
    Py_INCREF(<PyObject *> None)
    return <PyObject *> None


cdef PyObject *call_in_sys(
    PyObject *event, PyObject *const *args, size_t flags, PyObject *keywords
) noexcept:
    """Call an Event of the runtime domain."""
    cdef Arguments arguments
    if keywords != NULL:
        return refuse_keywords(event, args, flags, keywords)
    arguments.items = <PyObject **> args
    arguments.length = PyVectorcall_NARGS(flags)
    if raise_in_sys((<Event> event).utf8, &arguments) < 0:
        return NULL
    Py_INCREF(<PyObject *> None)
    return <PyObject *> None


cdef PyObject *refuse_keywords(
    PyObject *event, PyObject *const *args, size_t flags, PyObject *keywords
) noexcept:
    """Call without keywords, if there are none."""
    if PyTuple_GET_SIZE(keywords) == 0:
        return (<Event> event).vectorcall(event, args, flags, NULL)
    PyErr_Format(TypeError, b"an Event takes no keyword arguments")
    return NULL


cdef void call_by_vector() except *:
    """Have the type call its instances by the pointer that each of them holds."""
    cdef Event event = Event.__new__(Event, "audithooks")
    cdef PyTypeObject *kind = <PyTypeObject *> Event
    kind.tp_vectorcall_offset = <char *> &event.vectorcall - <char *> <PyObject *> event
    kind.tp_call = PyVectorcall_Call
    kind.tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL
    PyType_Modified(kind)


call_by_vector()
