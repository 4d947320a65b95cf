"""The runtime domain, compiled: the interpreter's own audit stream. Its mirror in pure
Python is runtime_py.py.

One native hook connects the two. It is called for every event of every interpreter in
the process, and what it does for an event that nobody wants is what a subscription
costs the rest of the program. So it finds the route by the address of the name, which
is nearly always that of a literal, and then compares the name itself.

CPython cannot take a native hook back, and may drop one without a word. So each attempt
to add one carries a number, a private event shows whether that one is called, and the
first that is stays in charge. Others, if there ever are any, do nothing.
"""

import sys
from _thread import _count as threads_started

from cpython.object cimport PyObject
from libc.stdint cimport uint32_t, uint64_t, uintptr_t
from libc.string cimport strcmp, strlen, strncmp

from audithooks._core.python cimport (
    METH_FASTCALL, PyCFunction_NewEx, PyErr_Clear, PyErr_Format, PyErr_Occurred,
    PyErr_SetNone, PyEval_GetFrame, PyInterpreterState, PyInterpreterState_Get,
    PyLong_AsSsize_t, PyMethodDef, PySys_AddAuditHook, PySys_Audit, PyTuple_CheckExact,
    PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_GetSlice, PyTuple_New, PyTuple_SET_ITEM,
    PyUnicode_AsUTF8, PyUnicode_AsUTF8AndSize, PyUnicode_FromString, Py_DECREF,
    Py_INCREF, Py_XDECREF
)

from .domain import AuditHooksWarning, Domain, HookRejected


cdef extern from *:
    """
    /* Public from CPython 3.13 on. */
    #if PY_VERSION_HEX < 0x030D0000
    #define Py_IsFinalizing _Py_IsFinalizing
    #endif

    /* Of each thread, as several may add a hook at a time without the lock. */
    static AuditHooks_THREAD_LOCAL int AuditHooks_announcing = 0;
    static AuditHooks_THREAD_LOCAL void *AuditHooks_reached = NULL;

    /* Kept out of on_event(), which else saves registers that only these need. */
    #ifdef __GNUC__
    static int AuditHooks_deliver(const char *, PyObject *, PyObject *, PyObject *)
        __attribute__((noinline));
    static int AuditHooks_meet(const char *, PyObject *) __attribute__((noinline));
    #endif
    """
    bint Py_IsFinalizing()
    # Whether the addition that is seen next is one of ours.
    bint announcing "AuditHooks_announcing"
    # The number of the native hook that the last probe reached.
    void *reached "AuditHooks_reached"


# An event that was met under an address. It is still the one that is raised there if
# the name reads the same, and its route still holds if the list is at that version.
# There is none without the lock.
cdef struct Met:
    const char *address     # of the name, as it was passed to the native hook
    const char *name        # a copy that stays: the UTF-8 of event
    PyObject *event         # owned, an exact str
    PyObject *route         # borrowed from the chain of that version
    uint64_t version

cdef Met met[256]           # 128 sets of two

cdef HookList runtime_hooks         # of the runtime domain
cdef PyInterpreterState *owner      # the interpreter they belong to
cdef void *connection = NULL        # the number of the native hook in charge, or NULL
cdef Py_ssize_t attempts = 0        # the numbers given out
cdef int others = False             # whether there may be hooks beside ours

cdef const char *PROBE = b"audithooks.connect"
cdef const char *ADDITION = b"sys.addaudithook"
cdef const char *LAST = b"cpython.PyInterpreterState_Clear"
cdef const char *AFTER = b"cpython._PySys_ClearAuditHooks"  # for native hooks alone


cdef inline Met *set_of(const char *address) noexcept:
    return &met[(<uint32_t> (<uintptr_t> address >> 3) * 2654435761U >> 25) * 2]


cdef int on_event(const char *name, PyObject *args, void *number) noexcept:
    """The native hook. Hooks of other interpreters are none of its business."""
    cdef Met *entry
    if number != load_pointer(&connection):
        return answer(name, args, number)
    if PyInterpreterState_Get() != load_pointer(<void **> &owner):
        if strcmp(name, ADDITION) == 0:
            note_addition()  # of a native hook, it may be, which is called here, too
        return 0
    if not load_size(&runtime_hooks.listening):
        if is_last(name):
            disconnect()
        elif strcmp(name, ADDITION) == 0:
            note_addition()
        return 0
    if FREE_THREADED:
        if not load_size(&runtime_hooks.scoped) and is_missed(
            name, strlen(name), load_version(&runtime_hooks.version)
        ):
            return 0
        return meet(name, args)
    entry = set_of(name)
    if entry.address != name:
        entry += 1
    if (
        entry.address == name
        and entry.version == runtime_hooks.version
        and strcmp(entry.name, name) == 0
    ):
        if not runtime_hooks.scoped and is_empty(entry.route):
            return 0
        return deliver_named(name, entry.route, entry.event, args)
    return meet(name, args)


cdef int deliver_named "AuditHooks_deliver"(
    const char *name, PyObject *route, PyObject *event, PyObject *args
) noexcept:
    """Call the hooks of a route with the tuple of an event, which the caller owns."""
    cdef Arguments arguments
    cdef int status = -1
    # What runs meanwhile may change the list, or raise an event that takes the entry.
    if not FREE_THREADED:  # where the caller owns them
        Py_INCREF(route)
        Py_INCREF(event)
    arguments.name = name
    arguments.packed = args
    if PyTuple_CheckExact(args):
        status = dispatch(runtime_hooks, <Route> route, event, &arguments, True)
    else:  # an emitter in C may pass its own
        arguments.packed = PyTuple_GetSlice(args, 0, PyTuple_GET_SIZE(args))
        if arguments.packed != NULL:
            status = dispatch(runtime_hooks, <Route> route, event, &arguments, True)
            Py_DECREF(arguments.packed)
    if not FREE_THREADED:
        Py_DECREF(event)
        Py_DECREF(route)
    return status


cdef int meet "AuditHooks_meet"(const char *name, PyObject *args) noexcept:
    """Handle an event whose route is not at hand under the address of its name."""
    cdef bint last = is_last(name)
    cdef uint64_t version = load_version(&runtime_hooks.version)
    cdef bint kept
    cdef PyObject *event
    cdef PyObject *route = NULL
    cdef int status = -1
    if last and strcmp(name, AFTER) == 0:  # a native hook of before ours refused LAST
        forget()
        return 0
    event = PyUnicode_FromString(name)
    cdef bint addition = strcmp(name, ADDITION) == 0
    if addition:
        note_addition()
    if event != NULL:
        route = route_of(runtime_hooks, event, &kept)
    if route != NULL:
        status = 0
        if not addition and strcmp(name, LAST) != 0:
            if FREE_THREADED:
                if is_empty(route):
                    miss(name, strlen(name), version)
            elif kept:
                status = remember(name, event, route)
        if status == 0 and (load_size(&runtime_hooks.scoped) or not is_empty(route)):
            status = deliver_named(name, route, event, args)
        Py_DECREF(route)
    Py_XDECREF(event)
    if last:
        disconnect()
    return status


cdef int remember(const char *name, PyObject *event, PyObject *route) noexcept:
    """Note a route that the list keeps under the address of the name."""
    cdef Met *entry = set_of(name)
    cdef const char *copy = PyUnicode_AsUTF8(event)
    if copy == NULL:
        return -1
    if entry.address == name:
        Py_DECREF(entry.event)
    else:
        Py_XDECREF(entry[1].event)
        entry[1] = entry[0]
    Py_INCREF(event)
    entry.address = name
    entry.name = copy
    entry.event = event
    entry.route = route
    entry.version = runtime_hooks.version
    return 0


cdef void note_addition() noexcept:
    """Remember that somebody else adds a hook.

    An announcement of ours comes here before any other code is run, or others is true.
    """
    global announcing
    if not announcing or PyInterpreterState_Get() != load_pointer(<void **> &owner):
        store_int(&others, True)
    else:
        announcing = False


cdef PyObject *interrupt(void *_) noexcept:
    PyErr_SetNone(InterruptedError)
    return NULL


cdef bint anyone_listens() noexcept:
    """Ask the interpreter, which converts arguments only if there is a hook."""
    if PySys_Audit(PROBE, b"O&", <void *> interrupt, NULL) < 0:
        PyErr_Clear()
        return True
    return False


cdef bint others_listen() noexcept:
    if load_pointer(&connection) != NULL:
        return load_int(&others)
    return anyone_listens()


cdef bint is_last(const char *name) noexcept:
    """Whether the interpreter itself says that it lets go of its hooks.

    There is no frame then, unless it was C code under one that ended the process.
    """
    return (
        strncmp(name, LAST, 8) == 0  # that is, "cpython."
        and (strcmp(name, LAST) == 0 or strcmp(name, AFTER) == 0)
        and (PyEval_GetFrame() == NULL or Py_IsFinalizing())
    )


cdef void disconnect() noexcept:
    """Let go of the hooks where the interpreter lets go of those of sys, for good."""
    forget()
    runtime_hooks.clear()


cdef void forget() noexcept:
    """Call no hook any more. Without LAST none is freed: no Python code can run now."""
    store_pointer(&connection, NULL)
    store_pointer(<void **> &owner, NULL)


cdef int answer(const char *name, PyObject *args, void *number) noexcept:
    """Tell connect() that the native hook of that number is called."""
    global reached
    if load_pointer(&connection) == NULL and strcmp(name, ADDITION) == 0:
        store_int(&others, True)
    if (
        PyInterpreterState_Get() == load_pointer(<void **> &owner)
        and strcmp(name, PROBE) == 0
        and PyTuple_GET_SIZE(args) == 1
    ):
        if <void *> PyLong_AsSsize_t(PyTuple_GET_ITEM(args, 0)) == number:
            reached = number
            PyErr_SetNone(InterruptedError)  # so that nobody after us sees the probe
            return -1
        PyErr_Clear()
    return 0


cdef bint connect() except -1:
    """Add the native hook if there is none. Return whether it was added now.

    CPython raises sys.addaudithook where it is added.
    """
    global reached
    cdef void *number
    if load_pointer(&connection) != NULL:
        return False
    if load_pointer(<void **> &owner) == NULL:
        raise HookRejected("the interpreter has already cleared its hooks")
    # Without the lock another thread may add its hook between the two.
    store_int(&others, anyone_listens() or (FREE_THREADED and threads_started() > 0))
    number = <void *> add_size(&attempts, 1)
    if PySys_AddAuditHook(on_event, number) < 0:
        if PyErr_Occurred() == NULL:
            raise SystemError("a native hook failed without an exception")
        return -1
    if PySys_Audit(PROBE, b"n", <Py_ssize_t> number) < 0:
        if reached != number:
            return -1
        PyErr_Clear()
        reached = NULL
        store_first(&connection, number)
        return True
    raise HookRejected("a hook of sys refused the native hook of audithooks")


cdef PyObject *pack_for_sys(void *arguments) noexcept:
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
    return PySys_Audit(name, b"O&", <void *> pack_for_sys, <void *> arguments)


# An event that was not looked at, as long as it is not known that there are hooks.
cdef struct Raised:
    Arguments arguments
    const char *name        # in UTF-8
    Py_ssize_t size         # of name in bytes


cdef PyObject *check_and_pack(void *raised) noexcept:
    """Refuse a name that would be cut short, or make the tuple."""
    cdef Raised *event = <Raised *> raised
    if <Py_ssize_t> strlen(event.name) != event.size:
        PyErr_Format(ValueError, b"embedded null character in the name of an event")
        return NULL
    return pack_for_sys(&event.arguments)


cdef PyObject *audit_lazily(PyObject *_, PyObject **args, Py_ssize_t length) noexcept:
    cdef Raised event
    if not has_event(args, length):
        return NULL
    event.name = PyUnicode_AsUTF8AndSize(args[0], &event.size)
    if event.name == NULL:
        return NULL
    event.arguments.items = args + 1
    event.arguments.length = length - 1
    if PySys_Audit(
        event.name, b"O&", <void *> check_and_pack, <void *> &event
    ) < 0:
        return NULL
    Py_INCREF(<PyObject *> None)
    return <PyObject *> None


cdef PyMethodDef FUNCTION
FUNCTION.ml_name = b"audit"
FUNCTION.ml_meth = <void *> audit_lazily
FUNCTION.ml_flags = METH_FASTCALL
FUNCTION.ml_doc = b"""audit(event, /, *args)
--

Raise an event with any arguments, as sys.audit() does.

*event* is a str, the name. It reaches the hooks of sys and of audithooks. The tuple of
*args* is created only if there is a hook.

>>> with audithooks.subscribe(print, "shop.*"):
...     audithooks.audit("shop.sell", "tea")
shop.sell ('tea',)

Added in 0.1.
"""
lazy_audit = PyCFunction_NewEx(&FUNCTION, NULL, "audithooks")

# From 3.14 on, sys.audit() packs its arguments before it asks whether anyone listens. A
# program may have replaced it.
audit = getattr(sys, "audit", None)
if sys.version_info >= (3, 14) or getattr(audit, "__self__", None) is not sys:
    audit = lazy_audit


class Runtime(Domain, HookList):
    """The domain of the interpreter's own events. There is one."""

    __slots__ = ()

    _warning = AuditHooksWarning

    audit = staticmethod(audit)

    def _announce(self):
        global announcing
        if not connect():
            announcing = True
            try:
                audit("sys.addaudithook")
            finally:  # a hook of sys may refuse before ours is asked
                announcing = False


def subscriptions():
    """Return the open subscriptions, including paused ones, in order of calls.

    See Dispatcher.subscriptions.

    >>> with audithooks.subscribe(print, "shop.*"):
    ...     audithooks.subscriptions()
    (<Subscription of print to 'shop.*', open>,)

    Added in 0.1.
    """
    return runtime.subscriptions


runtime = runtime_hooks = Runtime()
owner = PyInterpreterState_Get()
addaudithook = runtime.addaudithook
capture = runtime.capture
subscribe = runtime.subscribe
