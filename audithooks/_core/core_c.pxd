# What capi_c.pyx needs of core_c.pyx; the reasons are in its parts, the .pxi.

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t, uintptr_t

from audithooks._core.python cimport (
    PyDict_GET_SIZE, PyErr_Format, PyErr_Occurred, PyThreadState, PyThreadState_Get,
    PyThreadState_GetID, PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyUnicode_AsUTF8,
    PyUnicode_Check, Py_AuditHookFunction, Py_EnterRecursiveCall,
    Py_LeaveRecursiveCall, Py_TYPE, vectorcallfunc
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
    void *take_pointer "AuditHooks_TakePointer"(void **) noexcept
    uint64_t load_version "AuditHooks_LoadVersion"(uint64_t *) noexcept
    void store_version "AuditHooks_StoreVersion"(uint64_t *, uint64_t) noexcept
    bint is_missed "AuditHooks_IsMissed"(const char *, Py_ssize_t, uint64_t) noexcept
    void miss "AuditHooks_Miss"(const char *, Py_ssize_t, uint64_t) noexcept


# The conditions under which a hook is called, or its exception kept from the caller.
cdef enum:
    NOT_NESTED = 1      # not for the events that the hook raises itself
    REPORTED = 2        # an Exception goes to sys.unraisablehook
    REMOVED = 4         # it is native, and its data may be gone
    LEAVING = 8         # it was closed or paused, and is not asked about that


# Where a hook runs.
cdef struct Running:
    uint64_t thread
    void *greenlet                  # compared only, or NULL if none is known


cdef class Hook:
    cdef object callable            # called with (event, args), or keeps native alive
    cdef Py_AuditHookFunction native  # called instead, if it is not NULL
    cdef void *data                 # what native is called with
    cdef object wants               # what wants() in patterns.py returns
    cdef uint64_t rank              # native hooks first, then by addition
    cdef object key                 # the rank as an int, where one is looked up
    cdef int conditions             # NOT_NESTED and so on
    cdef int is_paused              # it stands in the list, but in no route
    cdef int is_closed              # it is not in the list any more
    cdef bint is_asked              # it wants UNSUBSCRIBE of its own end
    cdef tuple events               # the patterns as given; None: it cannot be removed
    cdef object thread              # the number of the thread it is for, or None
    cdef bint in_context            # it is for the contexts that hold its rank
    cdef object handle              # a weak reference to its Subscription, or None
    # With the lock; without it each thread knows by itself which hooks it runs.
    cdef Running *inside            # NOT_NESTED: where the hook runs, owned
    cdef Py_ssize_t insiders        # how many they are
    cdef Py_ssize_t room            # for how many there is room
    cdef PyObject *modules          # borrowed: sys.modules, where greenlet would stand
    cdef int alone_among            # how many they were when it did not; else -1
    cdef PyObject **attributes      # borrowed: where the hook's __dict__ is found


# Who wants one event, of those that are called in every thread and context.
cdef class Route:
    cdef tuple hooks                # by rank
    cdef Py_hash_t hash             # of the name of the event
    cdef uint64_t version           # that of the list for which it holds
    cdef bint is_kept               # it is in the chain of the list
    cdef Route next                 # in that chain


cdef enum:
    KNOWN = 16                      # how many routes a list has by the identity


# A route by the identity of a name. It holds while the list is at that version. There
# are none without the lock.
cdef struct Known:
    PyObject *event                 # owned, an exact str, or NULL
    PyObject *route                 # borrowed from the chain of that version
    uint64_t version


# What raises one event of a list and was resolved once.
cdef struct Emitter:
    int enabled                     # 0 if it is known that no hook wants the event
    Emitter *next                   # of those of the same list
    Emitter **link                  # what points here, or NULL


cdef class HookList:
    cdef tuple hooks                # those of every thread and context, by rank
    cdef dict in_thread             # number of a thread -> tuple of its hooks, by rank
    cdef dict in_context            # rank -> Hook
    cdef Py_ssize_t scoped          # how many hooks those two hold
    # The last that with_scoped() found, and for what; dropped when those two change.
    cdef tuple found                # or None
    cdef Route found_route
    cdef object found_here          # what this context held, or None
    cdef uint64_t found_thread
    cdef uint64_t changes           # of those two, counted
    cdef Py_ssize_t listening       # how many hooks there are in all, paused ones too
    cdef dict routes                # event -> Route, by routes_of()
    cdef Route newest               # the chain that owns the routes of this version
    cdef uint64_t version           # another one whenever routes was replaced
    cdef Known known[KNOWN]         # by the address of the name
    cdef Emitter *emitters          # each belongs to an object that owns the list

    cdef void link(self, Emitter *emitter) noexcept
    cdef void unlink(self, Emitter *emitter) noexcept
    cdef void disable(self, Emitter *emitter, uint64_t version) noexcept
    cdef int add(self, Hook hook) except -1
    cdef int remove(self, Hook hook) except -1
    cdef int pause(self, Hook hook, bint paused) except -1
    cdef int announce_end(self, Hook hook) except -1
    cdef void count(self, Py_ssize_t number) noexcept
    cdef Route changed(self, dict routes, Route newest)
    cdef void enable(self) noexcept
    cdef void clear(self) noexcept


cdef class Subscription:
    cdef HookList hooks
    cdef Hook hook
    cdef object __weakref__


# The arguments of one event. The tuple is packed when a hook is about to be called.
cdef struct Arguments:
    PyObject **items                # borrowed, as the interpreter passed them
    Py_ssize_t length               # of items
    PyObject *packed                # an exact tuple, owned by whoever filled this in
    const char *name                # the event in UTF-8 where it is at hand, or NULL


# Find the route of an event, an exact str, or work it out; kept tells whether the list
# keeps it. Return an owned Route, or NULL with an exception.
cdef PyObject *route_of(HookList hooks, PyObject *event, bint *kept) noexcept

# Have a function called for each native hook that is taken out of its list.
ctypedef void (*Ended)(Py_AuditHookFunction, void *) noexcept
cdef void watch_ends(Ended function) noexcept

# Do not enter a native hook any more.
cdef void end_native(Hook hook) noexcept

# Return the argument tuple, borrowed, made at the first call; NULL with an exception.
cdef PyObject *pack(Arguments *arguments) noexcept

# Note that the hook runs in this thread. Return 1, or 0 if it did already, or -1 with
# an exception.
cdef int enter_beside(Hook hook, uint64_t thread) noexcept

# Undo that.
cdef void leave_others(Hook hook, uint64_t thread) noexcept

# Call a hook that has conditions, if they are met. In the runtime domain, here and
# below, hooks are quiet: tracing is off while they run.
cdef int call_if(
    Hook hook,
    PyThreadState *thread,
    PyObject *event,
    Arguments *arguments,
    bint quiet,
) noexcept

# Call hooks, a tuple, from the i-th on, which are in Python.
cdef int call_from(
    Py_ssize_t i, PyObject *hooks, PyObject *event, Arguments *arguments
) noexcept
cdef int call_quietly_from(
    Py_ssize_t i, PyObject *hooks, PyObject *event, Arguments *arguments
) noexcept

# Call the hooks of a route, and those of this thread and context, by rank.
cdef int dispatch_scoped(
    HookList hooks, Route route, PyObject *event, Arguments *arguments, bint quiet
) noexcept

# Whether that would call any: 1 or 0, or -1 with an exception.
cdef int calls_scoped(HookList hooks, Route route, PyObject *event) noexcept


cdef inline int enter(Hook hook, uint64_t thread) noexcept:
    """Do what enter_beside() does, at once if the hook runs nowhere else."""
    if (
        not FREE_THREADED
        and hook.insiders == 0
        and hook.alone_among == PyDict_GET_SIZE(hook.modules)
    ):
        hook.inside[0].thread = thread
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
    PyObject *hooks, PyObject *event, Arguments *arguments, bint quiet
) noexcept:
    """Call native hooks, which are first in a tuple, and then the others."""
    cdef bint guarded = arguments.name == NULL  # PySys_Audit() does without
    cdef Py_ssize_t size = PyTuple_GET_SIZE(hooks)
    cdef Py_ssize_t i = 0
    cdef PyObject *hook
    cdef uint64_t me
    cdef int conditions
    cdef int status = 0
    if guarded and Py_EnterRecursiveCall(b" while calling an audit hook"):
        return -1
    while i < size and status == 0:
        hook = PyTuple_GET_ITEM(hooks, i)
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
            status = call_if(<Hook> hook, PyThreadState_Get(), event, arguments, quiet)
        else:
            status = call_native(<Hook> hook, event, arguments)
        i += 1
    if guarded:
        Py_LeaveRecursiveCall()
    if status == 0 and i < size:
        if quiet:
            return call_quietly_from(i, hooks, event, arguments)
        return call_from(i, hooks, event, arguments)
    return status


cdef inline bint is_empty(PyObject *route) noexcept:
    """Whether a Route has no hooks."""
    return PyTuple_GET_SIZE(<PyObject *> (<Route> route).hooks) == 0


cdef inline int dispatch(
    HookList hooks, Route route, PyObject *event, Arguments *arguments, bint quiet
) noexcept:
    """Call the hooks of a route with an exact str and the arguments.

    The caller owns a reference to each. Return 0, or -1 with the exception of the first
    hook that raised.
    """
    if load_size(&hooks.scoped):
        return dispatch_scoped(hooks, route, event, arguments, quiet)
    if is_empty(<PyObject *> route):
        return 0
    if (<Hook> PyTuple_GET_ITEM(<PyObject *> route.hooks, 0)).native != NULL:
        return call_natives(<PyObject *> route.hooks, event, arguments, quiet)
    if quiet:
        return call_quietly_from(0, <PyObject *> route.hooks, event, arguments)
    return call_from(0, <PyObject *> route.hooks, event, arguments)


cdef class Event:
    cdef Emitter emitter        # stays first: audithooks.h reads its first field
    cdef vectorcallfunc vectorcall
    cdef str _name
    cdef HookList _dispatcher
    cdef HookList hooks         # of the dispatcher or the runtime domain
    cdef const char *utf8       # the name, in the runtime domain; else NULL
    cdef PyObject *route        # borrowed from the chain of that version, or NULL
    cdef uint64_t version       # without the lock, one at which nobody wanted the event


# Return the route of the event, owned, or NULL with an exception.
cdef PyObject *find(Event event) noexcept
