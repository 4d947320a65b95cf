# What the other compiled modules share of the hook list; the reasons are in the .pyx.

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t, uintptr_t


cdef extern from "Python.h":
    ctypedef int (*Py_AuditHookFunction)(const char *, PyObject *, void *) noexcept


cdef class Hook:
    cdef readonly object callable   # called with (event, args), or keeps native alive
    cdef Py_AuditHookFunction native  # called instead, if it is not NULL
    cdef void *data                 # what native is called with
    cdef readonly bint paused       # it stands in the list, but in no route
    cdef object wants               # None: every event; frozenset of names; matcher
    cdef int conditions             # ONE_THREAD | ONE_CONTEXT | NOT_NESTED | REPORTED
    cdef uint64_t thread            # ONE_THREAD: the thread it is called in
    cdef object context             # ONE_CONTEXT: a ContextVar, set where it is called
    cdef uint64_t *inside           # NOT_NESTED: the threads that run the hook, owned
    cdef Py_ssize_t insiders        # how many they are
    cdef Py_ssize_t room            # for how many there is room
    cdef PyObject **attributes      # borrowed: where the hook's __dict__ is found


cdef enum:
    KNOWN = 16                      # how many routes a list has by the identity


# A route by the identity of a name. It holds while the list is at that version.
cdef struct Known:
    PyObject *event                 # owned, an exact str, or NULL
    PyObject *route                 # borrowed from the routes of that version
    uint64_t version


# What raises one event of a list and was resolved once.
cdef struct Emitter:
    int enabled                     # 0 if it is known that no hook wants the event
    Emitter *next                   # of those of the same list
    Emitter **link                  # what points here, or NULL


cdef class HookList:
    cdef dict hooks                 # an ordered set, in order of addition: Hook -> None
    cdef dict routes                # event -> tuple of the hooks that want it
    cdef uint64_t version           # how many times routes was replaced
    cdef Py_ssize_t listening       # how many hooks there are, paused ones too
    cdef Known known[KNOWN]         # by the address of the name
    cdef Emitter *emitters          # each belongs to an object that owns the list

    cdef void link(self, Emitter *emitter) noexcept
    cdef void changed(self, dict routes) noexcept
    cdef void clear(self) noexcept


# The arguments of one event. The tuple is packed when a hook is about to be called.
cdef struct Arguments:
    PyObject **items                # borrowed, as the interpreter passed them
    Py_ssize_t length               # of items
    PyObject *packed                # an exact tuple, owned by whoever filled this in


cdef inline Known *known_as(HookList hooks, PyObject *event) noexcept:
    """Return where the route of event, an exact str, is if it is known."""
    return &hooks.known[(<uintptr_t> event >> 4) % KNOWN]


cdef inline void unlink(Emitter *emitter) noexcept:
    """Undo HookList.link()."""
    if emitter.link != NULL:
        emitter.link[0] = emitter.next
        if emitter.next != NULL:
            emitter.next.link = emitter.link


# Find the route of an event, an exact str, or work it out; kept tells whether the list
# keeps it. Return an owned tuple, or NULL with an exception.
cdef PyObject *route_of(HookList hooks, PyObject *event, bint *kept) noexcept

# Call the hooks of a route with an exact str and the arguments. Return 0, or -1 with
# the exception of the first hook that raised.
cdef int dispatch(PyObject *route, PyObject *event, Arguments *arguments) noexcept
