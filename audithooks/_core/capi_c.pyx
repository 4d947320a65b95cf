# cython: language_level=3, freethreading_compatible=True
"""The C API: the table behind audithooks.h, which says what each function does.

What adds and removes hooks is the Python API, called with a capsule. What raises events
builds their arguments only for a hook, and uses the C API of Python alone: Cython's own
calls would add frames of this file to the traceback of a hook's exception.

C code may call any of them while it cleans up, with an exception set. hold() puts that
away, so that nothing here and no hook sees it, and settle() brings it back.
"""

cimport cython
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_RawFree, PyMem_RawMalloc
from cpython.object cimport PyObject
from cpython.pycapsule cimport (
    PyCapsule_GetContext, PyCapsule_New, PyCapsule_SetContext, PyCapsule_SetDestructor
)
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, strlen

from audithooks._core.core_c cimport Event as ResolvedEvent
from audithooks._core.core_c cimport (
    FREE_THREADED, Arguments, HookList, Route, Subscription, add_size, calls_scoped,
    dispatch, end_native, find, is_empty, is_missed, load_int, load_size, load_version,
    miss, route_of, store_int, take_pointer, watch_ends
)
from audithooks._core.python cimport (
    PyErr_Fetch, PyErr_Format, PyErr_NoMemory, PyErr_NormalizeException, PyErr_Occurred,
    PyErr_Restore, PyErr_WriteUnraisable, PyException_GetContext,
    PyException_SetContext, PyException_SetTraceback, PyInterpreterState_Get,
    PyInterpreterState_GetDict, PySys_Audit, PyTuple_Check, PyTuple_GET_SIZE,
    PyTuple_GetSlice, PyTuple_New, PyTuple_SET_ITEM, PyTypeObject, PyUnicode_FromString,
    Py_AuditHookFunction, Py_DECREF, Py_INCREF, Py_TYPE, Py_XDECREF
)

from .core_c import Dispatcher, Event, runtime


ctypedef void (*Free)(void *) noexcept


cdef extern from *:
    """
    #include <stdarg.h>
    #include "audithooks.h"

    /* What an event is raised with, looked at only for a hook. */
    typedef struct {
        PyObject *args;         /* a tuple, borrowed; or NULL for */
        const char *format;     /* that of Py_BuildValue(), or NULL */
        va_list values;
    } AuditHooks_Given;

    /* Below, in Cython, which cannot take any number of arguments. */
    static int AuditHooks_raise_given(PyObject *, const char *, AuditHooks_Given *);
    static int AuditHooks_raise_event_given(PyObject *, AuditHooks_Given *);

    static int AuditHooks_audit(
        PyObject *dispatcher, const char *event, const char *format, ...)
    {
        AuditHooks_Given given = {NULL, format};
        int status;
        va_start(given.values, format);
        status = AuditHooks_raise_given(dispatcher, event, &given);
        va_end(given.values);
        return status;
    }

    static int AuditHooks_raise_event(
        AuditHooks_Event *event, const char *format, ...)
    {
        AuditHooks_Given given = {NULL, format};
        int status;
        va_start(given.values, format);
        status = AuditHooks_raise_event_given((PyObject *)event, &given);
        va_end(given.values);
        return status;
    }
    """
    ctypedef struct va_list:
        pass
    ctypedef struct Given "AuditHooks_Given":
        PyObject *args
        const char *format
        va_list values
    ctypedef struct AuditHooks_Event:
        int enabled
    ctypedef struct AuditHooks_API:
        int version
        int (*addaudithook)(PyObject *, Py_AuditHookFunction, void *) noexcept
        PyObject *(*subscribe)(
            PyObject *,
            Py_AuditHookFunction,
            void *,
            const char *const *,
            const char *const *,
            int,
        ) noexcept
        int (*close)(PyObject *) noexcept
        int (*audit)(PyObject *, const char *, const char *, ...) noexcept
        int (*audit_tuple)(PyObject *, const char *, PyObject *) noexcept
        AuditHooks_Event *(*get_event)(PyObject *, const char *) noexcept
        int (*raise_event)(AuditHooks_Event *, const char *, ...) noexcept
        int (*raise_event_tuple)(AuditHooks_Event *, PyObject *) noexcept
        int abi_version
        size_t size
        size_t enabled_offset
        PyObject *(*subscribe_owning)(
            PyObject *,
            Py_AuditHookFunction,
            void *,
            const char *const *,
            const char *const *,
            int,
            Free,
        ) noexcept
        int (*pause)(PyObject *) noexcept
        int (*resume)(PyObject *) noexcept
        PyObject *(*new_dispatcher)(const char *) noexcept

    const int AUDITHOOKS_API_VERSION
    const int AUDITHOOKS_ABI_VERSION
    const size_t ENABLED_OFFSET "offsetof(AuditHooks_Event, enabled)"
    const char *AUDITHOOKS_HOOK
    const int AUDITHOOKS_REENTRANT
    const int AUDITHOOKS_UNRAISABLE
    const int AUDITHOOKS_THREAD
    const int AUDITHOOKS_CONTEXT
    int AuditHooks_audit(PyObject *, const char *, const char *, ...) noexcept
    int AuditHooks_raise_event(AuditHooks_Event *, const char *, ...) noexcept
    PyObject *Py_VaBuildValue(const char *, va_list)


# An exception that was set, and is not while this is in use; all NULL for none.
cdef struct Pending:
    PyObject *kind
    PyObject *value
    PyObject *traceback


cdef inline void hold(Pending *pending) noexcept:
    """Put the exception that is set away, if there is one."""
    PyErr_Fetch(&pending.kind, &pending.value, &pending.traceback)


cdef inline int settle(Pending *pending, int status) noexcept:
    """Set the exception that was put away again, or make it a context of a new one."""
    if status >= 0:
        PyErr_Restore(pending.kind, pending.value, pending.traceback)
    elif pending.kind != NULL:
        chain(pending)
    return status


cdef void chain(Pending *before) noexcept:
    """Let the exception that is set have *before* as the last of its contexts."""
    cdef Pending now
    cdef PyObject *last
    cdef PyObject *other
    hold(&now)
    if now.kind == NULL:  # a hook of sys failed without one
        PyErr_Restore(before.kind, before.value, before.traceback)
        return
    normalize(before)
    normalize(&now)
    last = last_of(now.value)
    other = last_of(before.value)
    if last != NULL and other != NULL and last != other:  # or they have some in common
        Py_INCREF(before.value)
        PyException_SetContext(last, before.value)
    Py_XDECREF(last)
    Py_XDECREF(other)
    Py_XDECREF(before.kind)
    Py_XDECREF(before.value)
    Py_XDECREF(before.traceback)
    PyErr_Restore(now.kind, now.value, now.traceback)


cdef void normalize(Pending *pending) noexcept:
    """Have the value be the exception, which knows its traceback."""
    PyErr_NormalizeException(&pending.kind, &pending.value, &pending.traceback)
    if pending.traceback != NULL:
        PyException_SetTraceback(pending.value, pending.traceback)


cdef PyObject *last_of(PyObject *error) noexcept:
    """Return the end of a chain of contexts, owned; NULL if it seems to go round."""
    cdef PyObject *context
    Py_INCREF(error)
    for _ in range(1000):
        context = PyException_GetContext(error)
        if context == NULL:
            return error
        Py_DECREF(error)
        error = context
    Py_DECREF(error)
    return NULL


cdef int check_alive() except -1:
    """Say so if the interpreter has cleared this module, as it does at its end."""
    if Dispatcher is None:
        raise RuntimeError("the interpreter ends, and audithooks has ended")
    return 0


cdef domain_of(PyObject *dispatcher):
    """Return the domain that C code names."""
    check_alive()
    if dispatcher == NULL or dispatcher == <PyObject *> None:
        return runtime
    if isinstance(<object> dispatcher, Dispatcher):
        return <object> dispatcher
    kind = type(<object> dispatcher).__name__
    raise TypeError(f"dispatcher must be a Dispatcher, NULL or None, not {kind}")


cdef capsule_of(Py_AuditHookFunction hook, void *data):
    """Return a native hook as Python takes it."""
    if hook == NULL:
        raise ValueError("hook must not be NULL")
    capsule = PyCapsule_New(<void *> hook, AUDITHOOKS_HOOK, NULL)
    PyCapsule_SetContext(capsule, data)
    return capsule


cdef list strings_of(const char *const *strings):
    """Return the strings of an array that ends with NULL, or is NULL."""
    found = []
    while strings != NULL and strings[0] != NULL:
        found.append((<bytes> strings[0]).decode())
        strings += 1
    return found


# Data with an end, which is freed when its hook is not needed any more. In its place
# stands a hook of our own, which knows whether a thread is in the other one.


cdef struct Owned:
    Py_AuditHookFunction hook
    void *data
    Free free               # NULL when it was called
    Py_ssize_t inside       # how many calls of the hook are under way
    Py_ssize_t is_over      # 1 when none will begin
    Owned *next             # of those that are not over
    Owned **link            # what points here; NULL when it is over

cdef Owned *owned = NULL
cdef object lock = object()         # of that list, without the global one
cdef bint is_end_watched = False


cdef owning(Py_AuditHookFunction hook, void *data, Free free):
    """Return a native hook as Python takes it. Its data is freed if that fails, too."""
    cdef Owned *new = NULL
    global owned
    try:
        if hook == NULL:
            raise ValueError("hook must not be NULL")
        watch_end()
        new = <Owned *> PyMem_RawMalloc(sizeof(Owned))
        if new == NULL:
            raise MemoryError
        capsule = PyCapsule_New(<void *> call_owned, AUDITHOOKS_HOOK, drop)
    except BaseException:
        PyMem_RawFree(new)
        call_free(free, data)
        raise
    new.hook = hook
    new.data = data
    new.free = free
    new.inside = new.is_over = 0
    PyCapsule_SetContext(capsule, new)
    with cython.critical_section(lock):
        new.next = owned
        new.link = &owned
        if owned != NULL:
            owned.link = &new.next
        owned = new
    return capsule


cdef int call_owned(const char *event, PyObject *args, void *pointer) noexcept:
    """Call the hook, unless it is over."""
    cdef Owned *mine = <Owned *> pointer
    cdef int status = 0
    add_size(&mine.inside, 1)  # before the question, as end() asks after it said so
    if not add_size(&mine.is_over, 0):
        status = mine.hook(event, args, mine.data)
    if add_size(&mine.inside, -1) == 0 and add_size(&mine.is_over, 0):
        free_once(mine)
    return status


cdef void end(Owned *mine) noexcept:
    """Let no call of the hook begin, and free its data after the last one."""
    with cython.critical_section(lock):
        if mine.link != NULL:
            mine.link[0] = mine.next
            if mine.next != NULL:
                mine.next.link = mine.link
            mine.link = NULL
            add_size(&mine.is_over, 1)
    if add_size(&mine.inside, 0) == 0:
        free_once(mine)


cdef void free_once(Owned *mine) noexcept:
    cdef Free free = <Free> take_pointer(<void **> &mine.free)
    if free != NULL:
        call_free(free, mine.data)


cdef void call_free(Free free, void *data) noexcept:
    cdef Pending pending
    hold(&pending)
    free(data)
    if PyErr_Occurred() != NULL:
        PyErr_WriteUnraisable(NULL)
    PyErr_Restore(pending.kind, pending.value, pending.traceback)


cdef void drop(object capsule) noexcept:
    """The destructor: the last dispatch has left, and nothing refers to the hook."""
    cdef Owned *mine = <Owned *> PyCapsule_GetContext(capsule)
    if mine != NULL:
        end(mine)
        PyMem_RawFree(mine)


cdef void end_of(Py_AuditHookFunction native, void *data) noexcept:
    """End what belongs to a hook that was taken out of its list."""
    if native == call_owned:
        end(<Owned *> data)


cdef void end_all(object _) noexcept:
    """End what is left when the interpreter ends, whoever refers to it."""
    while owned != NULL:
        end(owned)


cdef int watch_end() except -1:
    """Have end_all() called where the interpreter lets go of what C code kept there."""
    global is_end_watched
    cdef PyObject *kept
    if not is_end_watched:
        kept = PyInterpreterState_GetDict(PyInterpreterState_Get())
        if kept == NULL:
            raise MemoryError
        # One that replaced another, of a thread that was faster, would end its hooks.
        watch = PyCapsule_New(&owned, b"audithooks", NULL)
        watch = (<dict> kept).setdefault("audithooks", watch)
        PyCapsule_SetDestructor(watch, end_all)
        is_end_watched = True
    return 0


watch_ends(end_of)


# Functions that work by the Python API. Each is called by one that holds the exception
# that was set, through a cast: Cython would report and drop an exception of it there.


cdef int add_hook(
    PyObject *dispatcher, Py_AuditHookFunction hook, void *data
) except -1:
    domain_of(dispatcher).addaudithook(capsule_of(hook, data))
    return 0


cdef int addaudithook(
    PyObject *dispatcher, Py_AuditHookFunction hook, void *data
) noexcept:
    cdef Pending pending
    add = <int (*)(PyObject *, Py_AuditHookFunction, void *) noexcept> add_hook
    hold(&pending)
    return settle(&pending, add(dispatcher, hook, data))


cdef PyObject *make_subscription(
    PyObject *dispatcher,
    PyObject *capsule,
    const char *const *events,
    const char *const *exclude,
    int flags,
) except NULL:
    scopes = flags & (AUDITHOOKS_THREAD | AUDITHOOKS_CONTEXT)
    known = scopes | AUDITHOOKS_REENTRANT | AUDITHOOKS_UNRAISABLE
    if flags & ~known or scopes == AUDITHOOKS_THREAD | AUDITHOOKS_CONTEXT:
        raise ValueError(f"flags must be AUDITHOOKS_*, at most one scope, not {flags}")
    if events != NULL and events[0] == NULL:
        raise ValueError("events must not be empty; NULL is for every event")
    subscription = domain_of(dispatcher).subscribe(
        <object> capsule,
        *strings_of(events),
        exclude=strings_of(exclude),
        scope={AUDITHOOKS_THREAD: "thread", AUDITHOOKS_CONTEXT: "context"}.get(
            scopes, "process"
        ),
        reentrant=bool(flags & AUDITHOOKS_REENTRANT),
        on_error="unraisable" if flags & AUDITHOOKS_UNRAISABLE else "raise",
    )
    Py_INCREF(<PyObject *> subscription)
    return <PyObject *> subscription


cdef PyObject *subscribe(
    PyObject *dispatcher,
    Py_AuditHookFunction hook,
    void *data,
    const char *const *events,
    const char *const *exclude,
    int flags,
) noexcept:
    return subscribe_owning(dispatcher, hook, data, events, exclude, flags, NULL)


cdef PyObject *subscribe_owning(
    PyObject *dispatcher,
    Py_AuditHookFunction hook,
    void *data,
    const char *const *events,
    const char *const *exclude,
    int flags,
    Free free,
) noexcept:
    cdef Pending pending
    cdef PyObject *capsule
    cdef PyObject *subscription = NULL
    enclose = <PyObject *(*)(
        Py_AuditHookFunction, void *, Free
    ) noexcept> make_capsule
    make = <PyObject *(*)(
        PyObject *, PyObject *, const char *const *, const char *const *, int
    ) noexcept> make_subscription
    hold(&pending)
    capsule = enclose(hook, data, free)
    if capsule != NULL:
        subscription = make(dispatcher, capsule, events, exclude, flags)
        if subscription == NULL and free != NULL:
            # At once: the traceback of the exception may keep the capsule.
            end(<Owned *> PyCapsule_GetContext(<object> capsule))
        Py_DECREF(capsule)
    settle(&pending, -1 if subscription == NULL else 0)
    return subscription


cdef PyObject *make_capsule(
    Py_AuditHookFunction hook, void *data, Free free
) except NULL:
    """Return a native hook as Python takes it, with data that it frees, maybe."""
    cdef object capsule
    capsule = capsule_of(hook, data) if free == NULL else owning(hook, data, free)
    Py_INCREF(<PyObject *> capsule)
    return <PyObject *> capsule


cdef Subscription subscription_of(PyObject *given):
    """Return the subscription that C code names."""
    if given == NULL:
        raise TypeError("subscription must be a Subscription, not NULL")
    if not isinstance(<object> given, Subscription):
        kind = type(<object> given).__name__
        raise TypeError(f"subscription must be a Subscription, not {kind}")
    return <Subscription> given


cdef int close_subscription(PyObject *subscription) except -1:
    subscription_of(subscription).close()
    return 0


cdef int pause_subscription(PyObject *subscription) except -1:
    subscription_of(subscription).pause()
    return 0


cdef int resume_subscription(PyObject *subscription) except -1:
    subscription_of(subscription).resume()
    return 0


cdef int remove_subscription(PyObject *pointer) except -1:
    """Do what is left of close() after its event, even if there is no memory."""
    cdef Subscription subscription = <Subscription> pointer
    try:
        subscription.hooks.remove(subscription.hook)
    except MemoryError:  # it stays in the list, but is not called any more
        store_int(&subscription.hook.is_closed, True)
        end_native(subscription.hook)
    return 0


cdef int close(PyObject *subscription) noexcept:
    cdef Pending pending
    cdef Pending refusal
    cdef int status
    ask = <int (*)(PyObject *) noexcept> close_subscription
    remove = <int (*)(PyObject *) noexcept> remove_subscription
    hold(&pending)
    status = ask(subscription)
    if (
        status < 0
        and pending.kind != NULL
        and subscription != NULL
        and isinstance(<object> subscription, Subscription)
    ):
        # Who cleans up has no use for a refusal, and frees the data of the hook next.
        hold(&refusal)
        status = settle(&refusal, remove(subscription))
        if status == 0:
            PyErr_WriteUnraisable(subscription)
    return settle(&pending, status)


cdef int pause(PyObject *subscription) noexcept:
    cdef Pending pending
    do = <int (*)(PyObject *) noexcept> pause_subscription
    hold(&pending)
    return settle(&pending, do(subscription))


cdef int resume(PyObject *subscription) noexcept:
    cdef Pending pending
    do = <int (*)(PyObject *) noexcept> resume_subscription
    hold(&pending)
    return settle(&pending, do(subscription))


cdef PyObject *make_dispatcher(const char *name) except NULL:
    check_alive()
    dispatcher = Dispatcher("" if name == NULL else (<bytes> name).decode())
    Py_INCREF(<PyObject *> dispatcher)
    return <PyObject *> dispatcher


cdef PyObject *new_dispatcher(const char *name) noexcept:
    cdef Pending pending
    cdef PyObject *dispatcher
    make = <PyObject *(*)(const char *) noexcept> make_dispatcher
    hold(&pending)
    dispatcher = make(name)
    settle(&pending, -1 if dispatcher == NULL else 0)
    return dispatcher


cdef PyObject *make_event(PyObject *dispatcher, const char *name) except NULL:
    if name == NULL:
        raise ValueError("name must not be NULL")
    domain = domain_of(dispatcher)
    event = Event((<bytes> name).decode(), None if domain is runtime else domain)
    Py_INCREF(<PyObject *> event)
    return <PyObject *> event


cdef AuditHooks_Event *get_event(PyObject *dispatcher, const char *name) noexcept:
    cdef Pending pending
    cdef PyObject *event
    make = <PyObject *(*)(PyObject *, const char *) noexcept> make_event
    hold(&pending)
    event = make(dispatcher, name)
    settle(&pending, -1 if event == NULL else 0)
    return <AuditHooks_Event *> event


# Functions that raise events.


cdef PyObject *build(void *pointer) noexcept:
    """Return the tuple of arguments, or NULL with an exception."""
    cdef Given *given = <Given *> pointer
    cdef PyObject *args
    cdef PyObject *value
    cdef char *copy
    cdef Py_ssize_t count, length
    if given.args != NULL:  # an exact tuple comes back as it is
        return PyTuple_GetSlice(given.args, 0, PyTuple_GET_SIZE(given.args))
    if given.format == NULL:
        return PyTuple_New(0)
    count = values_of(given.format, &length)
    if count < 0:
        return NULL
    if count == 0:
        return PyTuple_New(0)
    if count == 1:  # of which Py_BuildValue() makes no tuple
        value = Py_VaBuildValue(given.format, given.values)
        if value == NULL:
            return NULL
        args = PyTuple_New(1)
        if args == NULL:
            Py_DECREF(value)
            return NULL
        PyTuple_SET_ITEM(args, 0, value)
        return args
    if given.format[length] == 0:
        return Py_VaBuildValue(given.format, given.values)
    copy = <char *> PyMem_Malloc(length + 1)
    if copy == NULL:
        return PyErr_NoMemory()
    memcpy(copy, given.format, length)
    copy[length] = 0
    args = Py_VaBuildValue(copy, given.values)
    PyMem_Free(copy)
    return args


cdef Py_ssize_t values_of(const char *format, Py_ssize_t *length) noexcept:
    """Return how many values a format has, and its length without separators behind.

    Py_BuildValue() ignores separators, except there if there are several values. What
    it would take, but must not be in a format here, is refused: -1 with an exception.
    """
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t depth = 0
    cdef Py_ssize_t i = 0
    cdef char letter = format[0]
    length[0] = 0
    while letter:
        i += 1
        if letter not in (c" ", c"\t", c",", c":"):
            length[0] = i
            if letter in (c")", c"]", c"}"):
                depth -= 1
            elif letter not in (c"#", c"&"):  # which belong to the letter before
                count += depth == 0
            if letter in (c"(", c"[", c"{"):
                depth += 1
            if depth < 0:
                PyErr_Format(SystemError, b"unmatched paren in the format of an event")
                return -1
            if letter == c"N":
                PyErr_Format(
                    SystemError,
                    b"the format of an event must not consume references ('N')",
                )
                return -1
        letter = format[i]
    if count == 0 and length[0] > 0:
        PyErr_Format(SystemError, b"the format of an event has no value for '#' or '&'")
        return -1
    return count


cdef int deliver(
    HookList hooks, PyObject *route, PyObject *event, Given *given
) noexcept:
    """Call the hooks of a route, which is an owned reference and consumed, or NULL."""
    cdef Arguments arguments
    cdef int status
    if route == NULL:
        return -1
    if load_size(&hooks.scoped):
        status = calls_scoped(hooks, <Route> route, event)
    else:
        status = not is_empty(route)
    if status > 0:
        status = -1
        arguments.packed = build(given)
        arguments.name = NULL
        if arguments.packed != NULL:
            status = dispatch(hooks, <Route> route, event, &arguments, False)
            Py_DECREF(arguments.packed)
    Py_DECREF(route)
    return status


cdef int raise_in_sys(const char *name, Given *given) noexcept:
    """Raise an event of the interpreter, which does not chain exceptions itself."""
    cdef Pending pending
    if PyErr_Occurred() == NULL:
        return PySys_Audit(name, b"O&", <void *> build, <void *> given)
    hold(&pending)
    return settle(&pending, PySys_Audit(name, b"O&", <void *> build, <void *> given))


cdef int raise_given "AuditHooks_raise_given" (
    PyObject *dispatcher, const char *name, Given *given
) noexcept:
    """Raise an event by its name."""
    cdef Pending pending
    cdef PyObject *event
    cdef PyObject *route
    cdef uint64_t version
    cdef bint kept
    cdef int status = -1
    if name == NULL:
        hold(&pending)
        PyErr_Format(ValueError, b"event must not be NULL")
        return settle(&pending, -1)
    if dispatcher == NULL or dispatcher == <PyObject *> None:
        return raise_in_sys(name, given)
    if not isinstance(<object> dispatcher, HookList):
        hold(&pending)
        PyErr_Format(
            TypeError,
            b"dispatcher must be a Dispatcher, NULL or None, not %.200s",
            Py_TYPE(dispatcher).tp_name,
        )
        return settle(&pending, -1)
    if not load_size(&(<HookList> dispatcher).listening):
        return 0
    version = load_version(&(<HookList> dispatcher).version)
    if FREE_THREADED and not load_size(&(<HookList> dispatcher).scoped) and is_missed(
        name, strlen(name), version
    ):
        return 0
    hold(&pending)
    event = PyUnicode_FromString(name)
    if event != NULL:
        route = route_of(<HookList> dispatcher, event, &kept)
        if FREE_THREADED and route != NULL and is_empty(route):
            miss(name, strlen(name), version)
        status = deliver(<HookList> dispatcher, route, event, given)
        Py_DECREF(event)
    return settle(&pending, status)


cdef int raise_event_given "AuditHooks_raise_event_given" (
    PyObject *event, Given *given
) noexcept:
    """Raise an event that was resolved."""
    cdef Pending pending
    cdef int status
    if event == NULL or Py_TYPE(event) != <PyTypeObject *> ResolvedEvent:
        hold(&pending)
        PyErr_Format(TypeError, b"event must be an Event")
        return settle(&pending, -1)
    if not load_int(&(<ResolvedEvent> event).emitter.enabled):
        return 0
    Py_INCREF(event)  # a hook may make its owner drop it
    if (<ResolvedEvent> event).utf8 != NULL:
        status = raise_in_sys((<ResolvedEvent> event).utf8, given)
        Py_DECREF(event)
        return status
    hold(&pending)
    route = find(<ResolvedEvent> event)
    status = deliver(
        (<ResolvedEvent> event).hooks,
        route,
        <PyObject *> (<ResolvedEvent> event)._name,
        given,
    )
    Py_DECREF(event)
    return settle(&pending, status)


cdef bint fill(Given *given, PyObject *args) noexcept:
    """Note a tuple of arguments, or NULL for none; refuse anything else."""
    cdef Pending pending
    given.args = args
    given.format = NULL
    if args == NULL or PyTuple_Check(args):
        return True
    hold(&pending)
    PyErr_Format(
        TypeError, b"args must be a tuple or NULL, not %.200s", Py_TYPE(args).tp_name
    )
    settle(&pending, -1)
    return False


cdef int audit_tuple(
    PyObject *dispatcher, const char *event, PyObject *args
) noexcept:
    cdef Given given
    return raise_given(dispatcher, event, &given) if fill(&given, args) else -1


cdef int raise_event_tuple(AuditHooks_Event *event, PyObject *args) noexcept:
    cdef Given given
    if not fill(&given, args):
        return -1
    return raise_event_given(<PyObject *> event, &given)


cdef AuditHooks_API api
api.version = AUDITHOOKS_API_VERSION
api.addaudithook = addaudithook
api.subscribe = subscribe
api.close = close
api.audit = AuditHooks_audit
api.audit_tuple = audit_tuple
api.get_event = get_event
api.raise_event = AuditHooks_raise_event
api.raise_event_tuple = raise_event_tuple
api.abi_version = AUDITHOOKS_ABI_VERSION
api.size = sizeof(AuditHooks_API)
api.enabled_offset = ENABLED_OFFSET
api.subscribe_owning = subscribe_owning
api.pause = pause
api.resume = resume
api.new_dispatcher = new_dispatcher

_C_API = PyCapsule_New(&api, b"audithooks._C_API", NULL)
