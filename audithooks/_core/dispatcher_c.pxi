"""Dispatcher, and Event, compiled. Their mirror in pure Python is dispatcher_py.py.

`audit` is a METH_FASTCALL method made by hand: Cython would pack the arguments into a
tuple before the first line of a method of its own. An Event is called by the vectorcall
protocol (PEP 590) for the same reason, which Cython does not give to a class.
"""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from audithooks._core.python cimport (
    METH_FASTCALL, PyDescr_NewMethod, PyErr_Format, PyMethodDef, PyTuple_GET_SIZE,
    PyTypeObject, PyType_Modified, PyUnicode_AsUTF8AndSize, PyUnicode_CheckExact,
    PyUnicode_FromObject, PyVectorcall_Call, PyVectorcall_NARGS, Py_DECREF, Py_INCREF,
    Py_TPFLAGS_HAVE_VECTORCALL, Py_XDECREF, call_with_tuple, utf8_of
)

from .domain import Domain
from .patterns import event_name


cdef extern from *:
    """
    /* Kept out of audit_here(), which else saves registers that only this one needs. */
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
    if known.event == event and known.version == hooks.version:
        route = known.route
        if not hooks.scoped and is_empty(route):
            return 0
        Py_INCREF(route)  # a hook may change the list, and with it drop the route
        status = deliver(hooks, route, event, args, length)
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
    status = deliver(hooks, route, event, args, length)
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
    cdef int status
    if name == NULL:
        return -1
    if not load_size(&hooks.scoped) and is_missed(name, size, version):
        return 0
    route = route_of(hooks, event, &kept)
    if route == NULL:
        return -1
    if is_empty(route):
        miss(name, size, version)
    status = deliver(hooks, route, event, args, length)
    Py_DECREF(route)
    return status


cdef inline int deliver(
    HookList hooks, PyObject *route, PyObject *event, PyObject **args, Py_ssize_t length
) noexcept:
    """Call the hooks of an owned route with arguments that are not packed yet."""
    cdef Arguments arguments
    cdef int status
    arguments.items = args
    arguments.length = length
    arguments.packed = NULL
    arguments.name = NULL
    status = dispatch(hooks, <Route> route, event, &arguments, False)
    Py_XDECREF(arguments.packed)
    return status


cdef PyObject *audit_otherwise "AuditHooks_otherwise"(
    PyObject *self, PyObject **args, Py_ssize_t length
) noexcept:
    """Raise an event that hooks may want, or whose name is no exact str."""
    cdef PyObject *event
    cdef int status
    if length >= 1 and PyUnicode_CheckExact(args[0]):
        status = raise_event(<HookList> self, args[0], args + 1, length - 1)
    elif not has_event(args, length):
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


cdef PyObject *audit_here(PyObject *self, PyObject **args, Py_ssize_t length) noexcept:
    if (
        length < 1
        or not PyUnicode_CheckExact(args[0])
        or load_size(&(<HookList> self).listening)
    ):
        return audit_otherwise(self, args, length)
    Py_INCREF(<PyObject *> None)
    return <PyObject *> None


class Dispatcher(Domain, HookList):
    """A separate domain: its events reach only its own hooks.

    *name*, a str, is shown by the repr. Raises TypeError if it is none.

    Thread-safety: a dispatcher may be used from any thread, and its hooks may change
    while events are raised; a change takes effect with the next event.

    >>> bank = audithooks.Dispatcher("bank")
    >>> with bank.subscribe(print, "transfer"):
    ...     bank.audit("transfer", "alice", 30)
    transfer ('alice', 30)

    Added in 0.1.
    """

    __slots__ = ("__weakref__", "name")

    def __init__(self, name=""):
        if not isinstance(name, str):
            raise TypeError(f"name must be a str, not {type(name).__name__}")
        self.name = name

    def event(self, name):
        """Return an Event of this dispatcher, for a *name* that is raised often.

        Raises TypeError and ValueError as Event does.
        """
        return Event(name, self)

    def __repr__(self):
        name = getattr(self, "name", "")  # a subclass may do without __init__()
        return f"<Dispatcher {name!r}>" if name else object.__repr__(self)


cdef PyMethodDef METHOD
METHOD.ml_name = b"audit"
METHOD.ml_meth = <void *> audit_here
METHOD.ml_flags = METH_FASTCALL
METHOD.ml_doc = b"""audit($self, event, /, *args)
--

Raise an event with any arguments.

*event* is a str, the name. The hooks that want it are called in the order in
which they were added, with *event* and the tuple of *args*. The first exception
that a hook raises goes to the caller, and later hooks are not called. Raises
TypeError if *event* is not a str, and ValueError if there are hooks and it
contains a null character or a lone surrogate.

If no hook wants the event, this is very cheap: the compiled implementation does
not even create the tuple. See sys.audit() and PEP 578, "API Summary".
"""
Dispatcher.audit = PyDescr_NewMethod(<PyTypeObject *> Dispatcher, &METHOD)


@cython.binding(False)  # as of an Addition
@cython.final
@cython.no_gc_clear  # as of a HookList
cdef class Event:
    """Event(name, dispatcher=None)\n--\n
    An event that is raised often: a name in a domain, resolved once.

    *name* is a str, *dispatcher* a Dispatcher, or None for the runtime domain. Calling
    the Event with arguments does what audit() does with the name and the arguments. It
    is true if a hook may be called, so that `if event: event(costly())` computes
    nothing in vain.

    In the runtime domain hooks of sys count as well. The interpreter does not show
    which there are: an Event may be true there and call no hook, but not the reverse.

    Raises TypeError for an argument of another type, and ValueError for a name with a
    null character or a lone surrogate.

    Thread-safety: an Event may be used from any thread while hooks come and go.

    >>> sold = audithooks.Event("shop.sell")
    >>> with audithooks.subscribe(print, "shop.*"):
    ...     sold("tea")
    shop.sell ('tea',)

    Added in 0.1.
    """

    def __cinit__(self, name, dispatcher=None):
        if dispatcher is not None and not isinstance(dispatcher, HookList):
            kind = type(dispatcher).__name__
            raise TypeError(f"dispatcher must be a Dispatcher or None, not {kind}")
        self._name = event_name(name)
        self._dispatcher = dispatcher
        if dispatcher is None:
            self.hooks = runtime_hooks
            self.utf8 = utf8_of(self._name)
            self.vectorcall = call_in_sys
            self.emitter.enabled = True
        else:
            self.hooks = dispatcher
            self.vectorcall = call_event
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
        """__call__($self, /, *args)\n--\n\nRaise the event with any arguments."""
        return call_with_tuple(self, args, NULL)  # as Event.__call__(event, ...)

    def __bool__(self):
        if load_size(&self.hooks.listening) and event_wanted(self):
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
    if event.route != NULL and event.version == event.hooks.version:
        Py_INCREF(event.route)
        return event.route
    route = route_of(event.hooks, <PyObject *> event._name, &kept)
    if route != NULL and kept:
        event.route = route
        event.version = event.hooks.version
        if event.utf8 == NULL:
            event.emitter.enabled = event.hooks.scoped > 0 or not is_empty(route)
    return route


cdef PyObject *find_apart(Event event) noexcept:
    """Do what find() does, without the lock: note only that nobody wants the event."""
    cdef uint64_t version = load_version(&event.hooks.version)
    cdef bint kept
    cdef PyObject *route = route_of(event.hooks, <PyObject *> event._name, &kept)
    if route != NULL and is_empty(route) and not load_size(&event.hooks.scoped):
        store_version(&event.version, version)
        if event.utf8 == NULL:
            event.hooks.disable(&event.emitter, version)
    return route


cdef bint event_wanted(Event event) except -1:
    """Whether a hook of audithooks may be called."""
    cdef PyObject *route
    cdef int some
    if (
        FREE_THREADED
        and not load_size(&event.hooks.scoped)
        and load_version(&event.version) == load_version(&event.hooks.version)
    ):
        return False
    route = find(event)
    if route == NULL:
        return -1
    if load_size(&event.hooks.scoped):
        some = calls_scoped(event.hooks, <Route> route, <PyObject *> event._name)
    else:
        some = not is_empty(route)
    Py_DECREF(route)
    return some


cdef int raise_here(Event event, Arguments *arguments) noexcept:
    """Call the hooks of a Dispatcher."""
    cdef PyObject *route = find(event)
    cdef int status
    if route == NULL:
        return -1
    arguments.packed = NULL
    arguments.name = NULL
    status = dispatch(
        event.hooks, <Route> route, <PyObject *> event._name, arguments, False
    )
    Py_XDECREF(arguments.packed)
    Py_DECREF(route)
    return status


cdef PyObject *call_event(
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
