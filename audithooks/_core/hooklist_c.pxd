# What the other compiled modules share of the hook list; the reasons are in the .pyx.

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t, uintptr_t

from audithooks._core.python cimport (
    PyErr_Format, PyErr_Occurred, PyThreadState, PyThreadState_Get, PyThreadState_GetID,
    PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyUnicode_AsUTF8, PyUnicode_Check,
    Py_AuditHookFunction, Py_EnterRecursiveCall, Py_LeaveRecursiveCall, Py_TYPE
)


# What takes a lock or care where there is no global one; that header says why.
cdef extern from "threads.h":
    const bint FREE_THREADED "AuditHooks_FREE_THREADED"
    int load_int "AuditHooks_LoadInt"(int *) noexcept
    void store_int "AuditHooks_StoreInt"(int *, int) noexcept
    Py_ssize_t load_size "AuditHooks_LoadSize"(Py_ssize_t *) noexcept
    void store_size "AuditHooks_StoreSize"(Py_ssize_t *, Py_ssize_t) noexcept
    Py_ssize_t add_size "AuditHooks_AddSize"(Py_ssize_t *, Py_ssize_t) noexcept
    void *load_pointer "AuditHooks_LoadPointer"(void **) noexcept
    void store_pointer "AuditHooks_StorePointer"(void **, void *) noexcept
    void store_first "AuditHooks_StoreFirst"(void **, void *) noexcept
    uint64_t load_version "AuditHooks_LoadVersion"(uint64_t *) noexcept
    void store_version "AuditHooks_StoreVersion"(uint64_t *, uint64_t) noexcept
    bint is_missed "AuditHooks_IsMissed"(const char *, Py_ssize_t, uint64_t) noexcept
    void miss "AuditHooks_Miss"(const char *, Py_ssize_t, uint64_t) noexcept


# The conditions under which a hook is called, or its exception kept from the caller.
cdef enum:
    ONE_THREAD = 1      # only in the thread that added it
    ONE_CONTEXT = 2     # only where its context variable is set
    NOT_NESTED = 4      # not for what the hook raises itself
    REPORTED = 8        # an Exception goes to sys.unraisablehook
    REMOVED = 16        # it is native, and its data may be gone


cdef class Hook:
    cdef readonly object callable   # called with (event, args), or keeps native alive
    cdef Py_AuditHookFunction native  # called instead, if it is not NULL
    cdef void *data                 # what native is called with
    cdef int is_paused              # it stands in the list, but in no route
    cdef object wants               # None: every event; frozenset of names; matcher
    cdef int conditions             # ONE_THREAD | ONE_CONTEXT | NOT_NESTED | REPORTED
    cdef uint64_t thread            # ONE_THREAD: the thread it is called in
    cdef object context             # ONE_CONTEXT: a ContextVar, set where it is called
    # With the lock; without it each thread knows by itself which hooks it runs.
    cdef uint64_t *inside           # NOT_NESTED: the threads that run the hook, owned
    cdef Py_ssize_t insiders        # how many they are
    cdef Py_ssize_t room            # for how many there is room
    cdef PyObject **attributes      # borrowed: where the hook's __dict__ is found


cdef enum:
    KNOWN = 16                      # how many routes a list has by the identity


# A route by the identity of a name. It holds while the list is at that version. There
# are none without the lock.
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
    cdef dict routes                # event -> tuple of who wants it, by routes_of()
    cdef uint64_t version           # another one whenever routes was replaced
    cdef Py_ssize_t listening       # how many hooks there are, paused ones too
    cdef Known known[KNOWN]         # by the address of the name
    cdef Emitter *emitters          # each belongs to an object that owns the list

    cdef void link(self, Emitter *emitter) noexcept
    cdef void unlink(self, Emitter *emitter) noexcept
    cdef void disable(self, Emitter *emitter, uint64_t version) noexcept
    cdef void changed(self, dict routes) noexcept
    cdef void clear(self) noexcept


# The arguments of one event. The tuple is packed when a hook is about to be called.
cdef struct Arguments:
    PyObject **items                # borrowed, as the interpreter passed them
    Py_ssize_t length               # of items
    PyObject *packed                # an exact tuple, owned by whoever filled this in
    const char *name                # the event in UTF-8 where it is at hand, or NULL


cdef inline bint has_event(PyObject **args, Py_ssize_t length) noexcept:
    """Whether audit() is called with a str first; if not, say what is wrong."""
    if length < 1:
        PyErr_Format(
            TypeError, b"audit() missing 1 required positional argument: 'event'"
        )
    elif not PyUnicode_Check(args[0]):
        PyErr_Format(
            TypeError,
            b"audit() argument 'event' must be str, not %.200s",
            Py_TYPE(args[0]).tp_name,
        )
    else:
        return True
    return False


cdef inline Known *known_as(HookList hooks, PyObject *event) noexcept:
    """Return where the route of event, an exact str, is if it is known."""
    return &hooks.known[(<uintptr_t> event >> 4) % KNOWN]


# Find the route of an event, an exact str, or work it out; kept tells whether the list
# keeps it. Return an owned tuple, or NULL with an exception.
cdef PyObject *route_of(HookList hooks, PyObject *event, bint *kept) noexcept

# Return the argument tuple, borrowed, made at the first call; NULL with an exception.
cdef PyObject *pack(Arguments *arguments) noexcept

# Note that thread runs hook. Return 1, or 0 if it did already, or -1 with an exception.
cdef int enter_beside(Hook hook, uint64_t thread) noexcept

# Undo that.
cdef void leave_others(Hook hook, uint64_t thread) noexcept

# Call a hook that has conditions, if they are met.
cdef int call_if(
    Hook hook, PyThreadState *thread, PyObject *event, Arguments *arguments
) noexcept

# Call the hooks of a route from the i-th on, which are in Python.
cdef int call_from(
    Py_ssize_t i, PyObject *route, PyObject *event, Arguments *arguments
) noexcept


cdef inline int enter(Hook hook, uint64_t thread) noexcept:
    """Do what enter_beside() does, at once if no other thread runs the hook."""
    if not FREE_THREADED and hook.insiders == 0 and hook.room > 0:
        hook.inside[0] = thread
        hook.insiders = 1
        return 1
    return enter_beside(hook, thread)


cdef inline void leave(Hook hook, uint64_t thread) noexcept:
    """Undo enter()."""
    if not FREE_THREADED and hook.insiders == 1:
        hook.insiders = 0
    else:
        leave_others(hook, thread)


cdef inline int call_native(
    Hook hook, PyObject *event, Arguments *arguments
) noexcept:
    """Call one native hook, as CPython would: tracing is none of its concern."""
    cdef const char *name = arguments.name
    cdef PyObject *args = arguments.packed
    cdef int status
    if args == NULL:
        args = pack(arguments)
    if name == NULL:
        name = PyUnicode_AsUTF8(event)
    if args == NULL or name == NULL:
        return -1
    status = hook.native(name, args, hook.data)
    if PyErr_Occurred() != NULL:
        return -1
    if status < 0:
        PyErr_Format(
            SystemError, b"a native hook of %s failed without an exception", name
        )
        return -1
    return 0


cdef inline int call_natives(
    PyObject *route, PyObject *event, Arguments *arguments
) noexcept:
    """Call the native hooks of a route, which are first in it, and then the others."""
    cdef bint guarded = arguments.name == NULL  # PySys_Audit() does without
    cdef Py_ssize_t size = PyTuple_GET_SIZE(route)
    cdef Py_ssize_t i = 0
    cdef PyObject *hook
    cdef uint64_t me
    cdef int conditions
    cdef int status = 0
    if guarded and Py_EnterRecursiveCall(b" while calling an audit hook"):
        return -1
    while i < size and status == 0:
        hook = PyTuple_GET_ITEM(route, i)
        if (<Hook> hook).native == NULL:
            break
        conditions = load_int(&(<Hook> hook).conditions)
        if conditions == NOT_NESTED:
            me = PyThreadState_GetID(PyThreadState_Get())
            status = enter(<Hook> hook, me)
            if status > 0:
                status = call_native(<Hook> hook, event, arguments)
                leave(<Hook> hook, me)
        elif conditions:
            status = call_if(<Hook> hook, PyThreadState_Get(), event, arguments)
        else:
            status = call_native(<Hook> hook, event, arguments)
        i += 1
    if guarded:
        Py_LeaveRecursiveCall()
    if status == 0 and i < size:
        status = call_from(i, route, event, arguments)
    return status


cdef inline int dispatch(
    PyObject *route, PyObject *event, Arguments *arguments
) noexcept:
    """Call the hooks of a route, which are some, with an exact str and the arguments.

    The caller owns a reference to each. Return 0, or -1 with the exception of the first
    hook that raised.
    """
    if (<Hook> PyTuple_GET_ITEM(route, 0)).native != NULL:
        return call_natives(route, event, arguments)
    return call_from(0, route, event, arguments)
