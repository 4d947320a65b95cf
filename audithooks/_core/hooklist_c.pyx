# cython: language_level=3, freethreading_compatible=True
"""The hook list, compiled. Its mirror in pure Python is hooklist_py.py.

A list keeps its hooks in order and answers one question for every event: which of
them want it? The answer, a *route*, is worked out when an event is first raised and
kept by name, so that an event nobody wants costs one look-up, however many hooks
there are. A route is an immutable tuple: a dispatch runs over the list as it was when
it started.

No lock is taken, here or in a dispatch. Every change is a single operation on a dict,
followed by new routes; one that is worked out meanwhile lands in the old ones. A lock
would deadlock instead when a finalizer or a signal handler, which may run in the middle
of any allocation, changes the list that its own thread is changing. That holds without
the global interpreter lock, too; what needs more care there is in threads.h. Only the
emitters, which C code keeps and no Python code is run for, have a lock then.

Hooks are called through the C API alone: Cython's own calls would add frames of this
file to the traceback of a hook's exception.
"""

cimport cython
from cpython.dict cimport PyDict_Items, PyDict_Keys
from cpython.exc cimport PyErr_ExceptionMatches, PyErr_WriteUnraisable
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.pycapsule cimport (
    PyCapsule_CheckExact, PyCapsule_GetContext, PyCapsule_GetName, PyCapsule_GetPointer
)
from libc.stdint cimport uint64_t, uintptr_t

from audithooks._core.python cimport (
    PY_VECTORCALL_ARGUMENTS_OFFSET, PyCFunction_Type, PyContextVar_Get,
    PyDict_GetItemWithError, PyErr_NoMemory, PyErr_Occurred, PyFunctionObject,
    PyFunction_Type, PyMethod_GET_FUNCTION, PyMethod_Type, PyObject_IsTrue,
    PyObject_Vectorcall, PyThreadState, PyThreadState_Get, PyThreadState_GetID,
    PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM,
    Py_AuditHookFunction, Py_DECREF, Py_EnterRecursiveCall, Py_INCREF,
    Py_LeaveRecursiveCall, Py_TYPE, Py_XDECREF, utf8_and_size,
    vectorcallfunc
)


cdef extern from "threads.h":
    uint64_t add_version "AuditHooks_AddVersion"(uint64_t *) noexcept
    PyObject *get_route "AuditHooks_GetRoute"(
        PyObject *, PyObject *, PyObject *
    ) noexcept
    # These stand after `if FREE_THREADED:` alone.
    PyObject *get "AuditHooks_Get"(PyObject *, PyObject *) noexcept
    void share "AuditHooks_Share"(PyObject *) noexcept
    int enter_here "AuditHooks_Enter"(void *) noexcept
    void leave_here "AuditHooks_Leave"(void *) noexcept


cdef extern from *:
    """
    /* Public from CPython 3.11 on; before, these are the fields that sys.audit itself
       changes around Python hooks. */
    #if PY_VERSION_HEX >= 0x030B0000
    #define AuditHooks_EnterTracing PyThreadState_EnterTracing
    #define AuditHooks_LeaveTracing PyThreadState_LeaveTracing
    #else
    #if PY_VERSION_HEX >= 0x030A0000
    #define AuditHooks_USE_TRACING(ts) ((ts)->cframe->use_tracing)
    #else
    #define AuditHooks_USE_TRACING(ts) ((ts)->use_tracing)
    #endif
    static void AuditHooks_EnterTracing(PyThreadState *ts) {
        ts->tracing++;
        AuditHooks_USE_TRACING(ts) = 0;
    }
    static void AuditHooks_LeaveTracing(PyThreadState *ts) {
        ts->tracing--;
        AuditHooks_USE_TRACING(ts) =
            !ts->tracing && (ts->c_tracefunc != NULL || ts->c_profilefunc != NULL);
    }
    #endif

    /* Public from CPython 3.13 on, under the second name. It does not make an
       AttributeError only to drop it, which would cost more than the hook. */
    #if PY_VERSION_HEX < 0x030D0000
    #define PyObject_GetOptionalAttr _PyObject_LookupAttr
    #endif
    """
    void AuditHooks_EnterTracing(PyThreadState *) noexcept
    void AuditHooks_LeaveTracing(PyThreadState *) noexcept
    int PyObject_GetOptionalAttr(PyObject *, PyObject *, PyObject **) noexcept


# A list keeps at most so many routes, of names that are no longer than that. Others are
# worked out for every event.
cdef enum:
    MAX_ROUTES = 4096
    MAX_LENGTH = 256
    MAX_CARRIED = 64    # how many routes are taken over by a change of the list

# The last version of all lists without the lock.
cdef uint64_t versions = 0

# Under which routes_of() finds the routes without the lock.
cdef str ROUTES = "routes"

cdef str CANTRACE = "__cantrace__"
cdef PyObject *NO_ATTRIBUTES = NULL
cdef PyObject *ANY_ATTRIBUTES = <PyObject *> CANTRACE


cdef PyObject **attributes_of(PyObject *hook) noexcept:
    """Return where to look for a NULL that tells that hook has no __cantrace__.

    A plain function has that attribute in its __dict__ or not at all, a method takes
    it from its function, and a builtin has no __dict__. Anything else is asked.
    """
    if Py_TYPE(hook) == &PyMethod_Type:
        hook = PyMethod_GET_FUNCTION(hook)
    if Py_TYPE(hook) == &PyFunction_Type:
        return &(<PyFunctionObject *> hook).func_dict
    if Py_TYPE(hook) == &PyCFunction_Type:
        return &NO_ATTRIBUTES
    return &ANY_ATTRIBUTES


# The collector need not clear a hook or a list to break a cycle, as a dict of the list
# is on every way back, and what it had cleared might be asked for an event again.


@cython.no_gc_clear
cdef class Hook:
    """One hook as it stands in a list, with the conditions under which it is called."""

    def __cinit__(
        self,
        callable,
        wants,
        bint one_thread,
        context,
        bint reentrant,
        bint reported,
        native,
    ):
        self.callable = callable
        if native is not None:
            function, data = native
            self.native = <Py_AuditHookFunction> <uintptr_t> function
            self.data = <void *> <uintptr_t> data
        self.wants = wants
        self.context = context
        self.attributes = attributes_of(<PyObject *> callable)
        if one_thread:
            self.conditions |= ONE_THREAD
            self.thread = PyThreadState_GetID(PyThreadState_Get())
        if context is not None:
            self.conditions |= ONE_CONTEXT
        if not reentrant:
            self.conditions |= NOT_NESTED
        if reported:
            self.conditions |= REPORTED

    def __dealloc__(self):
        PyMem_Free(self.inside)

    @property
    def paused(self):
        return bool(load_int(&self.is_paused))


@cython.no_gc_clear
cdef class HookList:
    """The hooks of one domain, in order of addition, and who wants which event."""

    def __cinit__(self):
        self.hooks = {}
        self.routes = {}
        if FREE_THREADED:
            self.changed({})

    def __dealloc__(self):
        for i in range(KNOWN):
            Py_XDECREF(self.known[i].event)

    def _add(
        self,
        callable,
        wants=None,
        one_thread=False,
        context=None,
        reentrant=True,
        reported=False,
        native=None,
    ):
        """Append a hook that is called from the next event on, and return its place.

        Of a native hook, *native* holds the addresses of its function and its data.
        """
        hook = Hook(callable, wants, one_thread, context, reentrant, reported, native)
        routes = carried(self, hook, True)  # first: it may fail, or run other code
        self.hooks[hook] = None
        add_size(&self.listening, 1)
        self.changed(routes)
        return hook

    def _remove(self, Hook hook not None):
        """Take *hook* out of the list; one that is not in it is no error.

        A dispatch that is under way still calls it, unless it is native.
        """
        routes = carried(self, hook, False)
        if hook.native != NULL:
            store_int(&hook.conditions, hook.conditions | REMOVED)
        if self.hooks.pop(hook, False) is None:
            add_size(&self.listening, -1)
            self.changed(routes)
        elif FREE_THREADED:  # who removes it may not have come to that
            self.changed(routes)

    @staticmethod
    def _unpack(capsule):
        """Return the name, the pointer and the context of a PyCapsule, or None.

        Both are addresses, the context 0 if there is none. None is for anything else.
        """
        if not PyCapsule_CheckExact(capsule):
            return None
        name = PyCapsule_GetName(capsule)
        return (
            None if name == NULL else (<bytes> name).decode(errors="replace"),
            <uintptr_t> PyCapsule_GetPointer(capsule, name),
            <uintptr_t> PyCapsule_GetContext(capsule),
        )

    def _pause(self, Hook hook not None, bint paused):
        """Leave *hook* out of every route, or put it back where it stood."""
        routes = {}
        if hook in self.hooks and (FREE_THREADED or hook.is_paused != paused):
            store_int(&hook.is_paused, paused)
            self.changed(routes)

    cdef void clear(self) noexcept:
        """Drop every hook and every route."""
        store_size(&self.listening, 0)
        self.changed({})
        self.hooks.clear()

    cdef void link(self, Emitter *emitter) noexcept:
        """Have *emitter* enabled and disabled from now on, until unlink()."""
        with cython.critical_section(self):
            store_int(&emitter.enabled, load_size(&self.listening) > 0)
            emitter.next = self.emitters
            emitter.link = &self.emitters
            if emitter.next != NULL:
                emitter.next.link = &emitter.next
            self.emitters = emitter

    cdef void unlink(self, Emitter *emitter) noexcept:
        """Undo link()."""
        with cython.critical_section(self):
            if emitter.link != NULL:
                emitter.link[0] = emitter.next
                if emitter.next != NULL:
                    emitter.next.link = emitter.link

    cdef void disable(self, Emitter *emitter, uint64_t version) noexcept:
        """Have *emitter* disabled unless the list has changed since that version."""
        with cython.critical_section(self):
            if load_version(&self.version) == version:
                store_int(&emitter.enabled, False)

    cdef void changed(self, dict routes) noexcept:
        """Go on with other routes, once it is settled which hooks they are of."""
        cdef Emitter *emitter
        cdef bint enabled
        if FREE_THREADED:
            share(<PyObject *> routes)
            self.routes[ROUTES] = routes  # which replaces one, so it cannot fail
        else:
            self.routes = routes
        with cython.critical_section(self):
            if FREE_THREADED:
                store_version(&self.version, add_version(&versions))
            else:
                self.version += 1
            enabled = load_size(&self.listening) > 0  # until it is known who wants it
            emitter = self.emitters
            while emitter != NULL:
                store_int(&emitter.enabled, enabled)
                emitter = emitter.next


cdef dict routes_of(HookList hooks):
    """Return the routes as they are now; they stay as they are after a change.

    Without the lock they are a value of the dict in their place, as a reference to what
    may be replaced cannot be taken in one step there but from a dict.
    """
    cdef PyObject *found
    if not FREE_THREADED:
        return hooks.routes
    found = get(<PyObject *> hooks.routes, <PyObject *> ROUTES)
    if found == NULL:
        return {}  # the collector clears it
    routes = <dict> found
    Py_DECREF(found)
    return routes


cdef bint wanted(Hook hook, event) except -1:
    """Whether *hook* wants *event*."""
    if hook.wants is None:
        return True
    if type(hook.wants) is frozenset:
        return event in <frozenset> hook.wants
    return bool(hook.wants(event))


cdef dict carried(HookList hooks, Hook hook, bint added):
    """Return the routes as they are with *hook* at the end of the list, or without it.

    If they are many, it costs less to work out anew those that are asked for. It begins
    again if what runs meanwhile has changed the list.
    """
    cdef dict routes = None
    cdef dict changed = None
    if FREE_THREADED:
        return {}  # as another change may come before the list has these
    while routes is not hooks.routes:
        routes = hooks.routes
        changed = {}
        if len(routes) > MAX_CARRIED:
            continue
        for event, route in PyDict_Items(routes):
            if added and wanted(hook, event):
                route = in_order([*route, hook])
            elif not added and hook in <tuple> route:
                route = tuple([other for other in <tuple> route if other is not hook])
            changed[event] = route
    return changed


cdef tuple in_order(list wanting):
    """Return a route: native hooks first, each kind in order of addition."""
    cdef Hook hook
    cdef list natives = [hook for hook in wanting if hook.native != NULL]
    if not natives:
        return tuple(wanting)
    return (*natives, *[hook for hook in wanting if hook.native == NULL])


cdef tuple resolve(HookList hooks, event):
    """Work out who wants *event*, an exact str, and keep it if there is room."""
    cdef Hook hook
    cdef Py_ssize_t size
    cdef list wanting = []
    cdef dict routes = routes_of(hooks)  # before the list, which a change goes to first
    utf8_and_size(event, &size)  # for its UnicodeEncodeError
    if "\0" in event:
        raise ValueError("embedded null character in the name of an event")
    for hook in PyDict_Keys(hooks.hooks):
        if not load_int(&hook.is_paused) and wanted(hook, event):
            wanting.append(hook)
    route = in_order(wanting)
    if len(routes) < MAX_ROUTES and size <= MAX_LENGTH:
        if FREE_THREADED:
            share(<PyObject *> route)
        elif not routes:
            hooks.version += 1  # the collector may have cleared it of what is known
        # What ran meanwhile may have put one there that is in use.
        return routes.setdefault(event, route)
    return route


cdef PyObject *resolve_or_raise(HookList hooks, PyObject *event) except NULL:
    route = resolve(hooks, <object> event)
    Py_INCREF(<PyObject *> route)
    return <PyObject *> route


cdef PyObject *route_of(HookList hooks, PyObject *event, bint *kept) noexcept:
    cdef PyObject *route
    route = get_route(<PyObject *> hooks.routes, <PyObject *> ROUTES, event)
    kept[0] = route != NULL
    if route == NULL and PyErr_Occurred() == NULL:
        # Cast, as Cython would report and drop an exception here.
        make = <PyObject *(*)(HookList, PyObject *) noexcept> resolve_or_raise
        route = make(hooks, event)
        if route != NULL and not FREE_THREADED:
            kept[0] = PyDict_GetItemWithError(<PyObject *> hooks.routes, event) == route
    return route


cdef inline int call(
    Hook hook, PyThreadState *thread, PyObject *event, PyObject *args
) noexcept:
    """Call one hook, with tracing on around it if its __cantrace__ is true."""
    cdef PyObject *stack[3]
    cdef PyObject *found = NULL
    cdef vectorcallfunc function
    cdef int traced = 0
    if load_pointer(<void **> hook.attributes) != NULL:
        if PyObject_GetOptionalAttr(
            <PyObject *> hook.callable, <PyObject *> CANTRACE, &found
        ) < 0:
            return -1
        if found != NULL:
            traced = PyObject_IsTrue(found)
            Py_DECREF(found)
            if traced < 0:
                return -1
    stack[0] = NULL  # room for the self of a method, which saves the callee a copy
    stack[1] = event
    stack[2] = args
    if traced:
        AuditHooks_LeaveTracing(thread)
    if Py_TYPE(<PyObject *> hook.callable) == &PyFunction_Type:
        # Which saves the checks of what C code of others returns.
        function = (<PyFunctionObject *> hook.callable).vectorcall
    else:
        function = PyObject_Vectorcall
    found = function(
        <PyObject *> hook.callable, stack + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
    )
    if traced:
        AuditHooks_EnterTracing(thread)
    if found == NULL:
        return -1
    Py_DECREF(found)
    return 0


cdef PyObject *pack(Arguments *arguments) noexcept:
    cdef PyObject *item
    cdef Py_ssize_t i
    if arguments.packed == NULL:
        arguments.packed = PyTuple_New(arguments.length)
        if arguments.packed != NULL:
            for i in range(arguments.length):
                item = arguments.items[i]
                Py_INCREF(item)
                PyTuple_SET_ITEM(arguments.packed, i, item)
    return arguments.packed


cdef int enter_beside(Hook hook, uint64_t thread) noexcept:
    cdef uint64_t *longer
    cdef Py_ssize_t i
    if FREE_THREADED:
        return enter_here(<void *> hook)
    for i in range(hook.insiders):
        if hook.inside[i] == thread:
            return 0
    if hook.insiders == hook.room:
        longer = <uint64_t *> PyMem_Realloc(
            hook.inside, (2 * hook.room + 1) * sizeof(uint64_t)
        )
        if longer == NULL:
            PyErr_NoMemory()
            return -1
        hook.inside = longer
        hook.room = 2 * hook.room + 1
    hook.inside[hook.insiders] = thread
    hook.insiders += 1
    return 1


cdef void leave_others(Hook hook, uint64_t thread) noexcept:
    cdef Py_ssize_t i
    if FREE_THREADED:
        leave_here(<void *> hook)
        return
    for i in range(hook.insiders):
        if hook.inside[i] == thread:
            hook.insiders -= 1
            hook.inside[i] = hook.inside[hook.insiders]
            return


cdef inline int call_if_met(
    Hook hook, PyThreadState *thread, PyObject *event, Arguments *arguments
) noexcept:
    """Call a hook that has conditions, if they are met; in line, in call_from()."""
    cdef uint64_t me = PyThreadState_GetID(thread)
    cdef PyObject *value = NULL
    cdef PyObject *args
    cdef int status
    if load_int(&hook.conditions) & REMOVED:
        return 0
    if load_int(&hook.conditions) & ONE_THREAD and hook.thread != me:
        return 0
    if load_int(&hook.conditions) & ONE_CONTEXT:
        if PyContextVar_Get(<PyObject *> hook.context, NULL, &value) < 0:
            return -1
        if value == NULL:
            return 0
        Py_DECREF(value)
    args = pack(arguments)
    if args == NULL:
        return -1
    if load_int(&hook.conditions) & NOT_NESTED:
        status = enter(hook, me)
        if status <= 0:
            return status
    if hook.native != NULL:
        status = call_native(hook, event, arguments)
    else:
        status = call(hook, thread, event, args)
    if (
        status < 0
        and load_int(&hook.conditions) & REPORTED
        and PyErr_ExceptionMatches(Exception)
    ):
        PyErr_WriteUnraisable(hook.callable)
        status = 0
    if load_int(&hook.conditions) & NOT_NESTED:
        leave(hook, me)
    return status


cdef int call_if(
    Hook hook, PyThreadState *thread, PyObject *event, Arguments *arguments
) noexcept:
    return call_if_met(hook, thread, event, arguments)


cdef int call_from(
    Py_ssize_t i, PyObject *route, PyObject *event, Arguments *arguments
) noexcept:
    cdef PyThreadState *thread = PyThreadState_Get()
    cdef PyObject *hook
    cdef PyObject *args
    cdef int status = 0
    if Py_EnterRecursiveCall(b" while calling an audit hook"):
        return -1
    AuditHooks_EnterTracing(thread)
    for i in range(i, PyTuple_GET_SIZE(route)):
        hook = PyTuple_GET_ITEM(route, i)
        if load_int(&(<Hook> hook).conditions):
            status = call_if_met(<Hook> hook, thread, event, arguments)
        else:
            args = pack(arguments)
            status = -1 if args == NULL else call(<Hook> hook, thread, event, args)
        if status < 0:
            break
    AuditHooks_LeaveTracing(thread)
    Py_LeaveRecursiveCall()
    return status
