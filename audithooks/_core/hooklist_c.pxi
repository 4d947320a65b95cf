"""The hook list, compiled. Its mirror in pure Python is hooklist_py.py.

A list keeps its hooks in order and answers one question for every event: which of
them want it? The answer, a *route*, is worked out when an event is first raised and
kept by name, so that an event nobody wants costs one look-up, however many hooks
there are. A route is immutable: a dispatch runs over the list as it was when it
started. Hooks of one thread or context are in no route, as those would change with
every task: an event asks for those of its own thread and context alone.

No lock is taken, here or in a dispatch. Every change swaps in a new tuple, or is a
single operation on a dict, followed by new routes; one that is worked out meanwhile
lands in the old ones. A lock would deadlock instead when a finalizer or a signal
handler, which may run in the middle of any allocation, changes the list that its own
thread is changing. Without the global interpreter lock a change has a lock of its list
while no Python code is run; what else needs care there is in threads.h.

What the collector can find is immutable, or is not relied on: a dict may be changed by
anybody who asks gc.get_referents() for it.

Hooks are called through the C API alone: Cython's own calls would add frames of this
file to the traceback of a hook's exception.
"""

import sys

cimport cython
from cpython.contextvars cimport PyContextVar_New, PyContextVar_Set
from cpython.exc cimport PyErr_ExceptionMatches, PyErr_WriteUnraisable
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Realloc
from cpython.object cimport PyObject
from cpython.pycapsule cimport (
    PyCapsule_CheckExact, PyCapsule_GetContext, PyCapsule_GetName, PyCapsule_GetPointer
)
from cpython.version cimport PY_VERSION_HEX
from libc.stdint cimport uint64_t, uintptr_t
from libc.string cimport strrchr

from audithooks._core.python cimport (
    PY_VECTORCALL_ARGUMENTS_OFFSET, PyCFunction_Type, PyContextVar_Get,
    PyDict_GET_SIZE, PyErr_Clear, PyErr_Fetch, PyErr_NoMemory, PyErr_Occurred,
    PyErr_Restore, PyEval_GetFrame, PyFrameObject, PyFunctionObject,
    PyFunction_GetCode, PyFunction_Type, PyMethod_GET_FUNCTION, PyMethod_Type,
    PyObject_CallObject, PyObject_GetAttrString, PyObject_Hash, PyObject_IsTrue,
    PyObject_Vectorcall, PyThreadState, PyThreadState_Get, PyThreadState_GetID,
    PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM, PyTypeObject,
    PyType_Modified, PyUnicode_CompareWithASCIIString, PyWeakref_NewRef,
    Py_AuditHookFunction, Py_DECREF, Py_EnterRecursiveCall, Py_INCREF,
    Py_LeaveRecursiveCall, Py_TYPE, Py_XDECREF, utf8_and_size, vectorcallfunc
)

from .patterns import MAX_DECIDED, UNSUBSCRIBE


cdef extern from "threads.h":
    uint64_t add_version "AuditHooks_AddVersion"(uint64_t *) noexcept
    PyObject *get_route "AuditHooks_GetRoute"(
        PyObject *, PyObject *, PyObject *
    ) noexcept
    # These stand after `if FREE_THREADED:` alone.
    PyObject *get "AuditHooks_Get"(PyObject *, PyObject *) noexcept
    void share "AuditHooks_Share"(PyObject *) noexcept
    int enter_here "AuditHooks_Enter"(void *, void *) noexcept
    void leave_here "AuditHooks_Leave"(void *, void *) noexcept


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

    /* What is declared inline is on the way of an event. GCC makes calls of it where it
       has several callers, which takes up to a twentieth more instructions. */
    #ifdef __GNUC__
    #undef CYTHON_INLINE
    #define CYTHON_INLINE inline __attribute__((always_inline))
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

cdef Py_ssize_t max_decided = MAX_DECIDED

# Hooks in Python come after all native ones.
cdef uint64_t IN_PYTHON = <uint64_t> 1 << 62

# The last rank, and without the lock the last version, of all lists.
cdef uint64_t ranks = 0
cdef uint64_t versions = 0

# The ranks of the hooks that are called in this context, of all lists: a tuple. One
# variable serves, as a context would keep one of each list when the list is gone.
cdef object here = PyContextVar_New("audithooks", NULL)

# The ranks in any context that are not closed.
cdef dict open_ranks = {}  # rank -> None; a set may hang when memory has run out

# For a thread that closes or pauses a subscription, by its number: the hook.
cdef dict leaving = {}

# At the end of the interpreter C code may close what is open, when no globals are left.
cdef str unsubscribe = UNSUBSCRIBE

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


# greenlet.getcurrent(), once it is known that the program uses greenlets.
cdef object getcurrent = None

cdef dict modules = sys.modules  # which is gone when the last event comes


cdef bint notice_greenlets() except -1:
    """Whether the program uses greenlets, or is about to."""
    global getcurrent
    if getcurrent is None:
        module = modules.get("greenlet")
        if module is None:
            return False
        getcurrent = getattr(module, "getcurrent", None)  # later, while it is imported
    return True


cdef void *current_greenlet() noexcept:
    """Return what stands for the greenlet that runs, or NULL; keep the exception."""
    cdef PyObject *kind
    cdef PyObject *value
    cdef PyObject *traceback
    cdef PyObject *greenlet
    if getcurrent is None:
        return NULL
    PyErr_Fetch(&kind, &value, &traceback)
    greenlet = PyObject_CallObject(<PyObject *> getcurrent, NULL)
    if greenlet == NULL:
        PyErr_Clear()
    else:
        Py_DECREF(greenlet)  # it runs, so it stays
    PyErr_Restore(kind, value, traceback)
    return greenlet


cdef bint is_main(void *greenlet) noexcept:
    """Whether a greenlet is the one that a thread began with."""
    cdef PyObject *parent = PyObject_GetAttrString(<PyObject *> greenlet, b"parent")
    if parent == NULL:
        PyErr_Clear()
        return True
    Py_DECREF(parent)
    return parent == <PyObject *> None


# The collector need not clear these to break a cycle, as a tuple or a dict is on every
# way back, and what it had cleared might be asked for an event again.


@cython.no_gc_clear
@cython.final
cdef class Hook:
    """One hook as it stands in a list, with the conditions under which it is called."""

    def __dealloc__(self):
        PyMem_Free(self.inside)
        if self.in_context and not self.is_closed and open_ranks is not None:
            open_ranks.pop(self.key, None)


@cython.no_gc_clear
@cython.final
cdef class Route:
    """Who wants one event."""


# A function of Cython's own, which a method is with binding, takes anything for self:
# Subscription.close(1) would crash. What inspect reads is then in the docstrings.


@cython.binding(False)
@cython.embedsignature(True)
@cython.embedsignature.format("clinic")
@cython.final
cdef class Addition:
    """A hook that is about to be added, for the function that adds it."""

    cdef HookList hooks
    cdef Hook hook
    cdef object capture             # a weak reference

    @property
    def closed(self):
        """Whether the hook was added and taken out again."""
        return bool(load_int(&self.hook.is_closed))

    def commit(self):
        """Add the hook, which is called from the next event on."""
        self.hooks.add(self.hook)

    def handle(self, receipt=None):
        """Return the Subscription; *receipt* is called if it is dropped while open."""
        return handle_of(self.hooks, self.hook, receipt)

    def undo(self, _=None):
        """Take the hook out, if it was added: nobody got the handle."""
        self.hooks.remove(self.hook)

    def undo_without(self, capture):
        """Take the hook out when *capture* is dropped while it has this addition."""
        twin = <Addition> Addition.__new__(Addition)  # so that there is no cycle
        twin.hooks = self.hooks
        twin.hook = self.hook
        self.capture = PyWeakref_NewRef(capture, twin.undo)


# Stands for that of a capture, until it is made.
cdef Addition ENTERING = Addition.__new__(Addition)


@cython.binding(False)
@cython.embedsignature(True)
@cython.embedsignature.format("clinic")
@cython.final
cdef class Subscription:
    """Subscription()\n--\n
    The result of subscribe(): it stops or pauses the calls of a hook.

    As a context manager it closes itself at the end of the block. Dropping it does not
    close it: Dispatcher.subscriptions and audithooks.subscriptions() return it again.

    Thread-safety: every method may be called from any thread, and from the hook itself.
    Events raised after close() or pause() returned do not reach the hook. A dispatch
    that has already started is not changed, except that it does not call a closed
    native hook. If a signal handler raises meanwhile, a method has either done its work
    or changed nothing.

    >>> subscription = audithooks.subscribe(print, "shop.*")
    >>> subscription.close()
    >>> audithooks.audit("shop.sell", "tea")

    Added in 0.1.
    """

    def __reduce__(self):
        raise TypeError("cannot copy or pickle a Subscription")

    @property
    def events(self):
        """The patterns as given, including groups; empty if all events are wanted."""
        return self.hook.events

    @property
    def closed(self):
        """Whether the subscription is closed, which is permanent."""
        return bool(load_int(&self.hook.is_closed))

    @property
    def paused(self):
        """Whether the hook is not called until resume()."""
        return bool(load_int(&self.hook.is_paused))

    def close(self):
        """End the subscription. May be called again.

        First raises the event audithooks.unsubscribe with the tuple of the patterns. A
        hook may refuse: its exception goes to the caller, and nothing is changed. The
        hook of this subscription is asked only if its patterns name that event: by its
        name, or by a pattern that begins with "audithooks.".
        """
        if not load_int(&self.hook.is_closed):
            self.hooks.announce_end(self.hook)
            self.hooks.remove(self.hook)

    def pause(self):
        """Do not call the hook until resume(). It keeps its place in the order.

        Raises the event audithooks.unsubscribe as close() does. Raises ValueError if
        the subscription is closed.
        """
        check_open(self)
        if not load_int(&self.hook.is_paused):
            self.hooks.announce_end(self.hook)
            self.hooks.pause(self.hook, True)

    def resume(self):
        """Call the hook again after pause(). Raises ValueError if closed."""
        check_open(self)
        self.hooks.pause(self.hook, False)

    def __enter__(self):
        check_open(self)
        return self

    def __exit__(self, kind, error, traceback):
        self.close()

    def __repr__(self):
        hook = self.hook.callable
        name = getattr(hook, "__qualname__", None) or repr(hook)
        events = ", ".join(map(repr, self.events)) or "every event"
        state = "closed" if self.closed else "paused" if self.paused else "open"
        return f"<Subscription of {name} to {events}, {state}>"


@cython.binding(False)
@cython.embedsignature(True)
@cython.embedsignature.format("clinic")
@cython.final
cdef class Capture:
    """Capture()\n--\n
    A context manager that collects Record objects. See Dispatcher.capture().

    It can be used again, but not while it is in use: that is a RuntimeError. If it is
    dropped in its block, as by a signal handler that raises where the block ends, it
    collects no more.

    >>> sales = audithooks.capture("shop.*")
    >>> with sales as events: audithooks.audit("shop.sell", "tea")
    >>> len(events)
    1

    Added in 0.1.
    """

    cdef Addition addition          # None: it is not in use
    cdef HookList list
    cdef tuple arguments
    cdef object __weakref__

    def __reduce__(self):
        raise TypeError("cannot copy or pickle a Capture")

    def __enter__(self):
        with cython.critical_section(self):
            if self.addition is not None:
                raise RuntimeError("this capture() is already in use")
            self.addition = ENTERING  # before other hooks are told of it
        try:
            recorder, *arguments = self.arguments
            hook, records = recorder(self.list)
            addition = <Addition> self.list._prepare(hook, *arguments, is_asked=False)
            addition.undo_without(self)
            self.addition = addition
            addition.commit()
            return records
        except BaseException:
            if self.addition is not ENTERING:  # a signal handler raised
                self.addition.undo()
            self.addition = None
            raise

    def __exit__(self, kind, error, traceback):
        addition = self.addition
        if addition is not None and addition is not ENTERING:
            try:
                addition.handle().close()
            finally:  # a hook that refuses, or a signal handler, may have raised
                if addition.closed:
                    self.addition = None


cdef PyObject *refuse(
    PyTypeObject *kind, PyObject *arguments, PyObject *keywords
) noexcept:
    """Stand in tp_new of what only this module makes, which does not look there."""
    cdef const char *name = strrchr(kind.tp_name, c".") + 1
    cdef const char *maker = b"subscribe()"
    if kind == <PyTypeObject *> Capture:
        maker = b"capture()"
    PyErr_Format(TypeError, b"cannot create a %s: %s does", name, maker)
    return NULL


for kind in (Addition, Subscription, Capture):
    (<PyTypeObject *> kind).tp_new = refuse
    (<PyTypeObject *> kind).tp_vectorcall = NULL  # which calls the one of Cython
    PyType_Modified(<PyTypeObject *> kind)
del kind


# What is told of a native hook that is taken out, for capi_c.pyx.
cdef Ended ended = NULL


cdef void watch_ends(Ended function) noexcept:
    global ended
    ended = function


cdef void end_native(Hook hook) noexcept:
    store_int(&hook.conditions, load_int(&hook.conditions) | REMOVED)
    if ended != NULL:
        ended(hook.native, hook.data)


cdef int check_open(Subscription subscription) except -1:
    if load_int(&subscription.hook.is_closed):
        raise ValueError(f"the subscription is closed: {subscription!r}")
    return 0


cdef Subscription handle_of(HookList hooks, Hook hook, receipt=None):
    """Return the Subscription of a hook: the one that there is, or else a new one."""
    found = None if hook.handle is None else hook.handle()
    if found is None:
        found = Subscription.__new__(Subscription)
        (<Subscription> found).hooks = hooks
        (<Subscription> found).hook = hook
        hook.handle = PyWeakref_NewRef(found, receipt)
    return found


@cython.binding(False)
@cython.embedsignature(True)
@cython.embedsignature.format("clinic")
@cython.no_gc_clear
cdef class HookList:
    """The hooks of one domain, in order of addition, and who wants which event."""

    def __cinit__(self):
        self.hooks = ()
        self.in_thread = {}
        self.in_context = {}
        self.routes = {}
        if FREE_THREADED:
            self.changed({}, None)

    def __dealloc__(self):
        release(self.newest)
        for i in range(KNOWN):
            Py_XDECREF(self.known[i].event)

    def _addition(
        self,
        callable,
        wants=None,
        events=None,
        is_asked=True,
        scope="process",
        reentrant=True,
        reported=False,
        native=None,
    ):
        """Prepare a hook for the list, and return what adds it: an Addition.

        *wants* is that of patterns.py. *events* are the patterns of a Subscription, or
        None for a hook that cannot be removed; *is_asked* is whether it wants the event
        of its own end. Of a native hook, *native* holds the addresses of its function
        and its data.
        """
        cdef Hook hook = Hook.__new__(Hook)
        hook.callable = callable
        hook.wants = wants
        hook.events = events
        hook.is_asked = is_asked
        if native is not None:
            function, data = native
            hook.native = <Py_AuditHookFunction> <uintptr_t> function
            hook.data = <void *> <uintptr_t> data
        hook.attributes = attributes_of(<PyObject *> callable)
        hook.in_context = scope == "context"
        if scope == "thread":
            hook.thread = PyThreadState_GetID(PyThreadState_Get())
        if not reentrant:
            hook.conditions |= NOT_NESTED
            hook.inside = <Running *> PyMem_Calloc(1, sizeof(Running))
            if hook.inside == NULL:
                raise MemoryError
            hook.room = 1
            hook.modules = <PyObject *> modules
        if reported:
            hook.conditions |= REPORTED
        addition = <Addition> Addition.__new__(Addition)
        addition.hooks = self
        addition.hook = hook
        return addition

    def _capture(self, *arguments):
        """Return what capture() returns; see recorder() and Domain.capture()."""
        capture = Capture.__new__(Capture)
        (<Capture> capture).arguments = arguments
        (<Capture> capture).list = self
        return capture

    @property
    def subscriptions(self):
        """A tuple of the open subscriptions, including paused ones, in order of calls.

        Hooks of addaudithook() are not included.
        """
        cdef Hook hook
        cdef list found = list(hooks_of(self))
        for hooks in list(self.in_thread.values()):
            found.extend(hooks)
        found.extend(list(self.in_context.values()))
        handles = [
            (hook.rank, handle_of(self, hook))
            for hook in found
            if hook.events is not None
        ]
        handles.sort()
        return tuple([handle for _, handle in handles])

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

    @staticmethod
    def _flags(function):
        """Return the co_flags of what has code, or 0; a function raises no event."""
        if Py_TYPE(<PyObject *> function) == &PyFunction_Type:
            return (<object> PyFunction_GetCode(<PyObject *> function)).co_flags
        try:
            return getattr(getattr(function, "__code__", None), "co_flags", 0)
        except Exception:
            return 0

    @staticmethod
    def _current_frame():
        """Return the frame of the function that runs, or None; raise no event."""
        cdef PyFrameObject *frame = PyEval_GetFrame()
        return None if frame == NULL else <object> frame

    cdef int add(self, Hook hook) except -1:
        """Add a hook. It is called from the next event on."""
        cdef dict routes
        cdef Route old = None
        hook.rank = add_version(&ranks)
        if hook.native == NULL:
            hook.rank |= IN_PYTHON
        hook.key = hook.rank
        if hook.in_context:
            open_ranks[hook.key] = None
            self.in_context[hook.key] = hook
            try:
                set_ranks(ranks_here() + (hook.key,))
            except BaseException:
                del self.in_context[hook.key]
                open_ranks.pop(hook.key, None)
                raise
            with cython.critical_section(self):
                self.count(1)
            return 0
        if hook.thread is not None:
            with cython.critical_section(self):
                while True:
                    before = self.in_thread.get(hook.thread)
                    after = with_hook(() if before is None else before, hook)
                    if self.in_thread.get(hook.thread) is before:
                        break
                self.in_thread[hook.thread] = after
                self.count(1)
            return 0
        with cython.critical_section(self):
            while True:
                before = self.hooks
                routes, newest = carried(self, hook, True)
                after = with_hook(before, hook)
                if self.hooks is before and is_next(self, newest):
                    break  # else what ran meanwhile has changed the list
            self.hooks = after
            add_size(&self.listening, 1)
            old = self.changed(routes, newest)
        release(old)
        return 0

    cdef int remove(self, Hook hook) except -1:
        """Take a hook out of the list; one that is not in it is no error.

        A dispatch that is under way still calls it, unless it is native.
        """
        cdef dict routes
        cdef Route old = None
        if load_int(&hook.is_closed):
            return 0
        if hook.in_context:
            with cython.critical_section(self):
                if self.in_context.pop(hook.key, None) is hook:
                    self.count(-1)
                store_int(&hook.is_closed, True)
            open_ranks.pop(hook.key, None)
            set_ranks_if_possible()
        elif hook.thread is not None:
            with cython.critical_section(self):
                while True:
                    before = self.in_thread.get(hook.thread)
                    after = without_hook(() if before is None else before, hook)
                    if self.in_thread.get(hook.thread) is before:
                        break
                if before is not None and len(after) < len(<tuple> before):
                    if after:
                        self.in_thread[hook.thread] = after
                    else:
                        del self.in_thread[hook.thread]
                    self.count(-1)
                store_int(&hook.is_closed, True)
        else:
            with cython.critical_section(self):
                while True:
                    before = self.hooks
                    routes, newest = carried(self, hook, False)
                    after = without_hook(before, hook)
                    if self.hooks is before and is_next(self, newest):
                        break
                if len(after) < len(before):
                    self.hooks = after
                    add_size(&self.listening, -1)
                    old = self.changed(routes, newest)
                store_int(&hook.is_closed, True)
            release(old)
        if hook.native != NULL:
            end_native(hook)
        if PY_VERSION_HEX < 0x030B0000:
            hook.handle = None  # whose receipt has nothing to undo
        return 0

    cdef int pause(self, Hook hook, bint paused) except -1:
        """Leave a hook out, or call it again, at the place where it stood."""
        cdef dict routes = {}
        cdef Route old = None
        with cython.critical_section(self):
            if not hook.is_closed and hook.is_paused != paused:
                store_int(&hook.is_paused, paused)
                self.found = None
                self.changes += 1
                if hook.thread is None and not hook.in_context:
                    old = self.changed(routes, None)
        release(old)
        return 0

    cdef int announce_end(self, Hook hook) except -1:
        """Raise UNSUBSCRIBE, which hooks may refuse, for a hook that is to be left out.
        """
        me = PyThreadState_GetID(PyThreadState_Get())
        outer = leaving.get(me)  # a hook that is asked may close another
        leaving[me] = hook
        if not hook.is_asked:
            store_int(&hook.conditions, load_int(&hook.conditions) | LEAVING)
        try:
            self.audit(unsubscribe, hook.events)
        finally:
            if outer is not None:
                leaving[me] = outer
            else:
                leaving.pop(me, None)
        return 0

    cdef void count(self, Py_ssize_t number) noexcept:
        """Count hooks of a thread or context that come and go."""
        self.found = None
        self.changes += 1
        add_size(&self.listening, number)
        if add_size(&self.scoped, number) == number:  # the first
            self.enable()

    cdef void clear(self) noexcept:
        """Drop every hook and every route."""
        cdef Route old
        cdef dict in_thread = self.in_thread
        cdef dict in_context = self.in_context
        store_size(&self.listening, 0)
        store_size(&self.scoped, 0)
        self.hooks = ()
        self.in_thread = {}
        self.in_context = {}
        self.found = None
        self.changes += 1
        old = self.changed({}, None)
        release(old)
        in_thread.clear()
        in_context.clear()

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

    cdef Route changed(self, dict routes, Route newest):
        """Go on with other routes, and return those that held so far for release().

        *newest* is the chain of the new ones, or None.
        """
        cdef Route old = self.newest
        if FREE_THREADED:
            share(<PyObject *> routes)
            self.routes[ROUTES] = routes  # which replaces one, so it cannot fail
            store_version(&self.version, add_version(&versions))
        else:
            self.routes = routes
            self.version += 1
        self.newest = newest
        self.enable()
        return old

    cdef void enable(self) noexcept:
        """Enable the emitters, if there are hooks, until it is known who wants what."""
        cdef bint enabled = load_size(&self.listening) > 0
        cdef Emitter *emitter = self.emitters
        while emitter != NULL:
            store_int(&emitter.enabled, enabled)
            emitter = emitter.next


cdef void release(Route route) noexcept:
    """Let go of a chain of routes, one by one."""
    cdef Route next
    while route is not None:
        next = route.next
        route.next = None
        route = next


cdef tuple carried(HookList hooks, Hook hook, bint added):
    """Return the routes as they are with one hook more, or less, and their chain.

    If they are many, it costs less to work out anew those that are asked for.
    """
    cdef dict changed = {}
    cdef dict routes = hooks.routes  # kept, as a finalizer may replace it in items()
    cdef Route newest = None
    cdef Route route
    cdef Route other
    if FREE_THREADED or len(routes) > MAX_CARRIED:
        return changed, None
    for event, found in list(routes.items()):
        if type(found) is not Route or type(event) is not str:
            continue
        route = <Route> found
        if route.version != hooks.version:
            continue
        other = Route.__new__(Route)
        other.hash = route.hash
        other.version = hooks.version + 1
        other.is_kept = True
        if not added:
            other.hooks = route.hooks
            if hook in route.hooks:
                other.hooks = without_hook(route.hooks, hook)
        elif not load_int(&hook.is_paused) and wanted_quietly(hook, event):
            other.hooks = with_hook(route.hooks, hook)
        else:
            other.hooks = route.hooks
        changed[event] = other
        other.next = newest
        newest = other
    return changed, newest


cdef bint is_next(HookList hooks, Route newest) noexcept:
    """Whether a chain of carried() is of the next version."""
    return newest is None or newest.version == hooks.version + 1


cdef tuple hooks_of(HookList hooks):
    """Return the hooks that are called in every thread and context."""
    with cython.critical_section(hooks):
        found = hooks.hooks
    return found


cdef tuple with_hook(tuple hooks, Hook hook):
    """Return hooks with one more at the place of its rank, which is mostly the last."""
    cdef Py_ssize_t place = len(hooks)
    while place > 0 and (<Hook> hooks[place - 1]).rank > hook.rank:
        place -= 1
    return hooks[:place] + (hook,) + hooks[place:]


cdef tuple without_hook(tuple hooks, Hook hook):
    return tuple([other for other in hooks if other is not hook])


cdef tuple ranks_here():
    """Return the ranks of the open hooks that are called in this context."""
    cdef PyObject *value = NULL
    if PyContextVar_Get(<PyObject *> here, NULL, &value) < 0:
        PyErr_Clear()
    if value == NULL:
        return ()
    found = <object> value
    Py_DECREF(value)
    if type(found) is not tuple:
        return ()
    return tuple([rank for rank in <tuple> found if rank in open_ranks])


cdef int set_ranks(tuple found) except -1:
    PyContextVar_Set(here, found)
    return 0


cdef void set_ranks_if_possible() noexcept:
    """Leave closed hooks out of this context; that they stay there does no harm."""
    try:
        set_ranks(ranks_here())
    except MemoryError:
        pass


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
    wants = hook.wants
    if wants is None:
        return True
    if type(wants) is frozenset:
        return event in <frozenset> wants
    names, globs, unwanted, unwanted_globs, _ = <tuple> wants
    if names is not None and event not in <frozenset> names:
        for glob in <tuple> globs:
            if glob(event):
                break
        else:
            return False
    if event in <frozenset> unwanted:
        return False
    for glob in <tuple> unwanted_globs:
        if glob(event):
            return False
    return True


cdef bint wanted_quietly(Hook hook, event) except -1:
    """Do what wanted() does; tracers see nothing of patterns matched in Python."""
    cdef PyThreadState *thread = PyThreadState_Get()
    AuditHooks_EnterTracing(thread)
    try:
        return wanted(hook, event)
    finally:
        AuditHooks_LeaveTracing(thread)


cdef bint decided(Hook hook, event) except -1:
    """Whether *hook*, which is in no route, wants *event*; patterns remember that."""
    cdef dict known
    wants = hook.wants
    if type(wants) is not tuple:
        return wanted(hook, event)
    known = (<tuple> wants)[4]
    found = known.get(event)
    if found is None:
        found = wanted_quietly(hook, event)
        if len(known) < max_decided and len(<str> event) <= MAX_LENGTH:
            known[event] = found
    return found is True


cdef Route resolve(HookList hooks, event):
    """Work out who wants *event*, an exact str, and keep it if there is room."""
    cdef Hook hook
    cdef Py_ssize_t size
    cdef dict routes = routes_of(hooks)  # before the list, which a change goes to first
    cdef uint64_t version = load_version(&hooks.version)
    cdef Route route = Route.__new__(Route)
    utf8_and_size(event, &size)  # for its UnicodeEncodeError
    if "\0" in event:
        raise ValueError("embedded null character in the name of an event")
    all_hooks = hooks_of(hooks)
    route.hooks = tuple(
        [
            hook
            for hook in all_hooks
            if not load_int(&hook.is_paused) and wanted(hook, event)
        ]
    )
    route.hash = hash(event)
    route.version = version
    if len(routes) < MAX_ROUTES and size <= MAX_LENGTH:
        if FREE_THREADED:
            share(<PyObject *> route)
            routes[event] = route
        elif version == hooks.version:  # what ran meanwhile has changed nothing
            routes[event] = route
            route.is_kept = True
            route.next = hooks.newest
            hooks.newest = route
    return route


cdef PyObject *resolve_or_raise(HookList hooks, PyObject *event) except NULL:
    """Do what resolve() does; tracers and debuggers see nothing of it."""
    cdef PyThreadState *thread = PyThreadState_Get()
    AuditHooks_EnterTracing(thread)
    try:
        route = resolve(hooks, <object> event)
    finally:
        AuditHooks_LeaveTracing(thread)
    Py_INCREF(<PyObject *> route)
    return <PyObject *> route


cdef PyObject *route_of(HookList hooks, PyObject *event, bint *kept) noexcept:
    cdef PyObject *route
    route = get_route(<PyObject *> hooks.routes, <PyObject *> ROUTES, event)
    if route != NULL and not holds(hooks, route, event):
        Py_DECREF(route)
        route = NULL
    if route == NULL and PyErr_Occurred() == NULL:
        # Cast, as Cython would report and drop an exception here.
        make = <PyObject *(*)(HookList, PyObject *) noexcept> resolve_or_raise
        route = make(hooks, event)
    kept[0] = (
        route != NULL
        and (<Route> route).is_kept
        and (<Route> route).version == hooks.version
    )
    return route


cdef inline bint holds(HookList hooks, PyObject *route, PyObject *event) noexcept:
    """Whether what was found among the routes was put there by resolve()."""
    return (
        Py_TYPE(route) == <PyTypeObject *> Route
        and (<Route> route).hash == PyObject_Hash(event)
        and (FREE_THREADED or (<Route> route).version == hooks.version)
    )


cdef inline int call(
    Hook hook, PyThreadState *thread, PyObject *event, PyObject *args, bint quiet
) noexcept:
    """Call one hook; if it is quiet, with tracing on if its __cantrace__ is true."""
    cdef PyObject *stack[3]
    cdef PyObject *found = NULL
    cdef vectorcallfunc function
    cdef int traced = 0
    if quiet and load_pointer(<void **> hook.attributes) != NULL:
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


cdef void find_alone(Hook hook) noexcept:
    """Find out whether there may be greenlets, which only an import can change."""
    cdef PyObject *kind
    cdef PyObject *value
    cdef PyObject *traceback
    cdef int size = PyDict_GET_SIZE(hook.modules)
    PyErr_Fetch(&kind, &value, &traceback)
    find = <int (*)() noexcept> notice_greenlets
    if find() != 0:
        PyErr_Clear()
        size = -1  # it is asked again
    PyErr_Restore(kind, value, traceback)
    store_int(&hook.alone_among, size)


cdef int enter_beside(Hook hook, uint64_t thread) noexcept:
    cdef Running *longer
    cdef void *greenlet
    cdef Py_ssize_t i
    if load_int(&hook.alone_among) != PyDict_GET_SIZE(hook.modules):
        find_alone(hook)
    greenlet = current_greenlet()
    if FREE_THREADED:
        return enter_here(<void *> hook, greenlet)
    for i in range(hook.insiders):
        if hook.inside[i].thread != thread:
            continue
        # One that is not known came before there was any but the main one.
        if hook.inside[i].greenlet == greenlet or (
            hook.inside[i].greenlet == NULL and is_main(greenlet)
        ):
            return 0
    if hook.insiders == hook.room:
        longer = <Running *> PyMem_Realloc(
            hook.inside, 2 * hook.room * sizeof(Running)
        )
        if longer == NULL:
            PyErr_NoMemory()
            return -1
        hook.inside = longer
        hook.room = 2 * hook.room
    hook.inside[hook.insiders].thread = thread
    hook.inside[hook.insiders].greenlet = greenlet
    hook.insiders += 1
    return 1


cdef void leave_others(Hook hook, uint64_t thread) noexcept:
    cdef void *greenlet = current_greenlet()
    cdef Py_ssize_t found = -1
    cdef Py_ssize_t i
    if FREE_THREADED:
        leave_here(<void *> hook, greenlet)
        return
    for i in range(hook.insiders):
        if hook.inside[i].thread == thread:
            if hook.inside[i].greenlet == greenlet:
                found = i
                break
            if hook.inside[i].greenlet == NULL:
                found = i
    if found >= 0:
        hook.insiders -= 1
        hook.inside[found] = hook.inside[hook.insiders]


cdef bint is_end_of(Hook hook, uint64_t thread, PyObject *event) noexcept:
    """Whether announce_end() raised an event for this hook."""
    return (
        PyUnicode_CompareWithASCIIString(event, b"audithooks.unsubscribe") == 0
        and leaving.get(thread) is hook
    )


cdef inline int call_if_met(
    Hook hook,
    PyThreadState *thread,
    PyObject *event,
    Arguments *arguments,
    bint quiet,
) noexcept:
    """Call a hook that has conditions, if they are met; in line, in call_each()."""
    cdef uint64_t me = PyThreadState_GetID(thread)
    cdef int conditions = load_int(&hook.conditions)
    cdef PyObject *args
    cdef int status
    if conditions & REMOVED:
        return 0
    args = pack(arguments)
    if args == NULL:
        return -1
    if conditions & LEAVING and is_end_of(hook, me, event):
        return 0
    if conditions & NOT_NESTED:
        status = enter(hook, me)
        if status <= 0:
            return status
    if hook.native != NULL:
        status = call_native(hook, event, arguments)
    else:
        status = call(hook, thread, event, args, quiet)
    if status < 0 and conditions & REPORTED and PyErr_ExceptionMatches(Exception):
        PyErr_WriteUnraisable(hook.callable)
        status = 0
    if conditions & NOT_NESTED:
        leave(hook, me)
    return status


cdef int call_if(
    Hook hook,
    PyThreadState *thread,
    PyObject *event,
    Arguments *arguments,
    bint quiet,
) noexcept:
    return call_if_met(hook, thread, event, arguments, quiet)


cdef inline int call_each(
    Py_ssize_t i, PyObject *hooks, PyObject *event, Arguments *arguments, bint quiet
) noexcept:
    cdef PyThreadState *thread = PyThreadState_Get()
    cdef PyObject *hook
    cdef PyObject *args
    cdef int status = 0
    if Py_EnterRecursiveCall(b" while calling an audit hook"):
        return -1
    if quiet:
        AuditHooks_EnterTracing(thread)
    for i in range(i, PyTuple_GET_SIZE(hooks)):
        hook = PyTuple_GET_ITEM(hooks, i)
        if load_int(&(<Hook> hook).conditions):
            status = call_if_met(<Hook> hook, thread, event, arguments, quiet)
        else:
            args = pack(arguments)
            if args == NULL:
                status = -1
            else:
                status = call(<Hook> hook, thread, event, args, quiet)
        if status < 0:
            break
    if quiet:
        AuditHooks_LeaveTracing(thread)
    Py_LeaveRecursiveCall()
    return status


cdef int call_from(
    Py_ssize_t i, PyObject *hooks, PyObject *event, Arguments *arguments
) noexcept:
    return call_each(i, hooks, event, arguments, False)


cdef int call_quietly_from(
    Py_ssize_t i, PyObject *hooks, PyObject *event, Arguments *arguments
) noexcept:
    return call_each(i, hooks, event, arguments, True)


cdef int dispatch_scoped(
    HookList hooks, Route route, PyObject *event, Arguments *arguments, bint quiet
) noexcept:
    cdef PyObject *found
    cdef int status
    # Cast, as Cython would report and drop an exception here.
    find = <PyObject *(*)(HookList, Route, PyObject *) noexcept> with_scoped
    found = find(hooks, route, event)
    if found == NULL:
        return -1
    if PyTuple_GET_SIZE(found) == 0:
        status = 0
    elif (<Hook> PyTuple_GET_ITEM(found, 0)).native != NULL:
        status = call_natives(found, event, arguments, quiet)
    elif quiet:
        status = call_each(0, found, event, arguments, True)
    else:
        status = call_each(0, found, event, arguments, False)
    Py_DECREF(found)
    return status


cdef int calls_scoped(HookList hooks, Route route, PyObject *event) noexcept:
    cdef PyObject *found
    cdef bint some
    find = <PyObject *(*)(HookList, Route, PyObject *) noexcept> with_scoped
    found = find(hooks, route, event)
    if found == NULL:
        return -1
    some = PyTuple_GET_SIZE(found) > 0
    Py_DECREF(found)
    return some


cdef PyObject *with_scoped(
    HookList hooks, Route route, PyObject *event
) except NULL:
    """Return the hooks of a route and those of this thread and context, a tuple."""
    cdef PyObject *value = NULL
    cdef uint64_t me = 0
    cdef uint64_t changes
    cdef tuple found
    held = None
    if PyDict_GET_SIZE(<PyObject *> hooks.in_context) > 0:
        if PyContextVar_Get(<PyObject *> here, NULL, &value) < 0:
            return NULL
        if value != NULL:
            held = <object> value
            Py_DECREF(value)
    if PyDict_GET_SIZE(<PyObject *> hooks.in_thread) > 0:
        me = PyThreadState_GetID(PyThreadState_Get())
    if (
        not FREE_THREADED
        and <PyObject *> hooks.found != <PyObject *> None
        and <PyObject *> hooks.found_route == <PyObject *> route
        and <PyObject *> hooks.found_here == <PyObject *> held
        and hooks.found_thread == me
    ):
        Py_INCREF(<PyObject *> hooks.found)
        return <PyObject *> hooks.found
    changes = hooks.changes
    found = route.hooks
    if type(held) is tuple:
        for rank in <tuple> held:
            if type(rank) is not int:
                continue
            one = hooks.in_context.get(rank)
            if type(one) is Hook and is_wanted(<Hook> one, <object> event):
                found = with_hook(found, <Hook> one)
    if me:
        mine = hooks.in_thread.get(me)
        if type(mine) is tuple:
            for one in <tuple> mine:
                if type(one) is Hook and is_wanted(<Hook> one, <object> event):
                    found = with_hook(found, <Hook> one)
    if not FREE_THREADED and hooks.changes == changes and route.is_kept:
        hooks.found_route = route
        hooks.found_here = held
        hooks.found_thread = me
        hooks.found = found
    Py_INCREF(<PyObject *> found)
    return <PyObject *> found


cdef bint is_wanted(Hook hook, event) except -1:
    return not load_int(&hook.is_paused) and decided(hook, event)
