/* audithooks.h: audit hooks for extensions in C, C++ and Cython.

   PEP 578 gives C code PySys_AddAuditHook() and PySys_Audit(). This header gives it the
   same with filters, removal and isolated domains, like the Python API:

       const AuditHooks_API *api = AuditHooks_Import();
       AuditHooks_Event *sale = AuditHooks_GetEvent(api, NULL, "shop.sale");
       ...  NULL from either is an error
       if (AuditHooks_AUDIT(api, sale, "On", item, price(item)) < 0)
           return NULL;

   In all functions, *dispatcher* is an audithooks.Dispatcher, borrowed, or NULL or None
   for the runtime domain, which is the interpreter's own stream of events; anything
   else is a TypeError. Strings are in UTF-8, borrowed and copied. A NULL where a value
   is required is a ValueError or a TypeError.

   All functions may be called while an exception is set, as it is where C code cleans
   up. No hook sees it. It is still set afterwards if the function succeeds; if not, it
   is the last __context__ of the exception of the failure, which is set then.
   AuditHooks_Close() closes a subscription in any case if an exception is set.

   It compiles as C from C99 on and as C++ from C++98 on, where the macros that take any
   number of arguments are missing. It also compiles with Py_LIMITED_API: with 0x03090000
   one .abi3.so works on every CPython from 3.9 on, except on free-threaded builds; with
   Py_TARGET_ABI3T, one .abi3t.so works on all from 3.15 on.

   When the interpreter ends and has cleared the modules, events may still be raised and
   subscriptions closed, paused and resumed; what adds or makes something is then a
   RuntimeError.

   What needs the GIL needs an attached thread state on a free-threaded build. There
   several threads may call a hook at once, and a dispatch that started before its
   subscription was closed may still enter the hook: so have AuditHooks_Subscribe() free
   its data. */

#ifndef AUDITHOOKS_H
#define AUDITHOOKS_H

#include <Python.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The features of this header: all that says "since N" with N up to this number. The
   table only ever grows, and this number with it. */
#define AUDITHOOKS_API_VERSION 2

/* The binary interface of this header. Another number would say that what was built
   with this one cannot work; there has been no other. */
#define AUDITHOOKS_ABI_VERSION 1

/* The features that a client needs. Defined before this header is included, it leaves
   out what is newer, and AuditHooks_Import() takes an audithooks that is that old. */
#ifndef AUDITHOOKS_TARGET_VERSION
#define AUDITHOOKS_TARGET_VERSION AUDITHOOKS_API_VERSION
#endif
#if AUDITHOOKS_TARGET_VERSION < 1 || AUDITHOOKS_TARGET_VERSION > AUDITHOOKS_API_VERSION
#error "AUDITHOOKS_TARGET_VERSION must be from 1 to AUDITHOOKS_API_VERSION"
#endif
#if AUDITHOOKS_TARGET_VERSION < 2 && defined(Py_TARGET_ABI3T)
#error "Py_TARGET_ABI3T needs an AUDITHOOKS_TARGET_VERSION of 2 or more"
#endif

/* A hook: CPython's Py_AuditHookFunction, which Py_LIMITED_API leaves out. */
typedef int (*AuditHooks_HookFunction)(const char *event, PyObject *args, void *data);

/* What frees the data of a hook: see AuditHooks_Subscribe(). */
typedef void (*AuditHooks_FreeFunction)(void *data);

/* The name of a PyCapsule that holds such a function, with the data as context.
   Python code may pass it to subscribe() and addaudithook(). A reference is kept until
   the last dispatch has left the hook and the subscription is dropped, so the
   destructor of the capsule may free the data. C code need not make one: it has
   AuditHooks_Subscribe() free the data. */
#define AUDITHOOKS_HOOK "int (const char *, PyObject *, void *)"

/* Flags of AuditHooks_Subscribe(), each an argument of subscribe() in Python. */
#define AUDITHOOKS_REENTRANT 1  /* reentrant=True */
#define AUDITHOOKS_UNRAISABLE 2 /* on_error="unraisable" */
#define AUDITHOOKS_THREAD 4     /* scope="thread" */
#define AUDITHOOKS_CONTEXT 8    /* scope="context" */

/* An audithooks.Event. Only its first field is public, and none with Py_TARGET_ABI3T,
   where no object has a layout that is known. */
#ifdef Py_TARGET_ABI3T
typedef struct AuditHooks_Event AuditHooks_Event;
#else
typedef struct AuditHooks_Event {
    PyObject_HEAD
    /* 0 if no hook wants the event. After a change of the hooks it may be 1 although no
       hook wants the event, until the event is raised or its truth value is tested; in
       the runtime domain it is always 1. Without the GIL it may be read, but may be
       outdated. On a free-threaded build it is written at any time: read it by
       AuditHooks_Enabled(). */
    int enabled;
} AuditHooks_Event;
#endif

/* The table. Call its functions by those below, which document them. */
typedef struct {
    int version; /* the features of the audithooks that is imported */
    int (*addaudithook)(PyObject *dispatcher, AuditHooks_HookFunction hook, void *data);
    PyObject *(*subscribe)(PyObject *dispatcher, AuditHooks_HookFunction hook,
                           void *data, const char *const *events,
                           const char *const *exclude, int flags);
    int (*close)(PyObject *subscription);
    int (*audit)(PyObject *dispatcher, const char *event, const char *format, ...);
    int (*audit_tuple)(PyObject *dispatcher, const char *event, PyObject *args);
    AuditHooks_Event *(*get_event)(PyObject *dispatcher, const char *name);
    int (*raise_event)(AuditHooks_Event *event, const char *format, ...);
    int (*raise_event_tuple)(AuditHooks_Event *event, PyObject *args);
    /* Since 2. */
    int abi_version;       /* the binary interface */
    size_t size;           /* of this table */
    size_t enabled_offset; /* where the field of an event is, in bytes */
    PyObject *(*subscribe_owning)(PyObject *dispatcher, AuditHooks_HookFunction hook,
                                  void *data, const char *const *events,
                                  const char *const *exclude, int flags,
                                  AuditHooks_FreeFunction free);
    int (*pause)(PyObject *subscription);
    int (*resume)(PyObject *subscription);
    PyObject *(*new_dispatcher)(const char *name);
} AuditHooks_API;

/* Whether a table is what this header and its target need; if not, say so. */
static inline int
AuditHooks_private_fits(const AuditHooks_API *api)
{
#if AUDITHOOKS_TARGET_VERSION >= 2
    size_t least = sizeof(AuditHooks_API);
#else
    size_t least = offsetof(AuditHooks_API, abi_version);
#endif
    int fits;
    if (api->version < AUDITHOOKS_TARGET_VERSION) {
        PyErr_Format(PyExc_ImportError,
                     "version %d of the C API of audithooks is needed, not %d",
                     AUDITHOOKS_TARGET_VERSION, api->version);
        return 0;
    }
    if (api->version < 2) { /* which said no more of itself */
        return 1;
    }
    if (api->abi_version != AUDITHOOKS_ABI_VERSION) {
        PyErr_Format(PyExc_ImportError,
                     "this module was built for ABI %d of audithooks, not %d: "
                     "build it again",
                     AUDITHOOKS_ABI_VERSION, api->abi_version);
        return 0;
    }
    fits = api->size >= least;
#ifndef Py_TARGET_ABI3T
    fits = fits && api->enabled_offset == offsetof(AuditHooks_Event, enabled);
#endif
    if (!fits) {
        PyErr_SetString(PyExc_ImportError,
                        "this module was built for a Python with other objects, or for "
                        "another audithooks: build it again");
    }
    return fits;
}

/* Import audithooks and return its table. Since 1.

   Needs the GIL. The table is borrowed, and lasts as long as the calling interpreter:
   keep it in the state of a module, as the next interpreter of the process may have
   none. Raises ImportError and returns NULL if audithooks runs in pure Python, which
   has no C API, or if it is older than the target of this header, or built for another
   ABI. In a subinterpreter, and in an interpreter after Py_Finalize(), it runs in pure
   Python: the exception says why. An exception that was set before is still set if the
   table is returned, and dropped for that of the failure if not. */
static inline const AuditHooks_API *
AuditHooks_Import(void)
{
    const AuditHooks_API *api;
    PyObject *kind, *value, *traceback;
    PyErr_Fetch(&kind, &value, &traceback);
#ifdef __cplusplus
    api = static_cast<const AuditHooks_API *>(PyCapsule_Import("audithooks._C_API", 0));
#else
    api = (const AuditHooks_API *)PyCapsule_Import("audithooks._C_API", 0);
#endif
    if (api != NULL && AuditHooks_private_fits(api)) {
        PyErr_Restore(kind, value, traceback);
        return api;
    }
    Py_XDECREF(kind);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return NULL;
}

/* Add a hook for every event of this interpreter, permanently. Since 1. Only hooks of
   PySys_AddAuditHook() see what other interpreters raise, and what comes after
   cpython.PyInterpreterState_Clear.

   A hook is called with the GIL and without an exception set, by any thread and by
   several at once if it releases the GIL. Its name and exact tuple are borrowed. It
   returns 0 to continue, or -1 with an exception to abort the operation. Native hooks
   are called before Python hooks.

   Needs the GIL. *data* is borrowed until the interpreter ends. Returns 0, also if an
   existing hook refuses the new one with a RuntimeError for the event sys.addaudithook,
   or -1 with an exception. An exception that was set before is still set if the result
   is 0, and the last __context__ of the new one if not. The hook is called from the
   next event on. */
static inline int
AuditHooks_AddAuditHook(const AuditHooks_API *api, PyObject *dispatcher,
                        AuditHooks_HookFunction hook, void *data)
{
    return api->addaudithook(dispatcher, hook, data);
}

/* Add a hook for some events. Since 1, *free* since 2; it may be left out.

   *events* and *exclude* are arrays of names and patterns that end with NULL. *events*
   may be NULL for every event, but not empty; *exclude* may be NULL or empty for none.
   *flags* is 0 or some of the flags above.

   Needs the GIL. Returns a new reference to an audithooks.Subscription, which does not
   close itself when it is dropped. Returns NULL with an exception:
   audithooks.HookRejected if an existing hook refuses, ValueError for a wrong pattern
   or flag, or for no event. An exception that was set before is still set if a
   subscription is returned, and the last __context__ of the new one if not. The hook is
   called from the next event on.

   Without *free*, *data* is borrowed until the subscription is closed and no thread is
   in the hook, which cannot be told. With *free*, *data* is taken over, also by a call
   that fails: free(data) is called exactly once, when no thread is in the hook any more
   and none will enter it. That is before a call that fails returns; or else when the
   subscription is closed, by whoever leaves the hook last, its own thread included; or
   when the dispatcher is dropped; or when the interpreter ends, after the last event,
   be the subscription open and whoever refers to it. Only a thread that never leaves the
   hook, as a daemon thread at that end, or in a forked child another one of its parent,
   prevents it. It is called with the GIL and without an exception set; one that it sets
   goes to sys.unraisablehook(). In it, as in tp_dealloc, references may be dropped; at
   the end of the interpreter no modules are left. The collector does not look into the
   data: if that refers to the dispatcher, both stay until the subscription is closed. */
#if AUDITHOOKS_TARGET_VERSION >= 2
#ifdef __cplusplus
static inline PyObject *
AuditHooks_Subscribe(const AuditHooks_API *api, PyObject *dispatcher,
                     AuditHooks_HookFunction hook, void *data,
                     const char *const *events, const char *const *exclude, int flags,
                     AuditHooks_FreeFunction free = NULL)
{
    return api->subscribe_owning(dispatcher, hook, data, events, exclude, flags, free);
}
#else /* C has no default arguments: NULL is added, once more than is looked at */
typedef struct AuditHooks_private_End AuditHooks_private_End; /* which nothing else is */

static inline PyObject *
AuditHooks_private_subscribe(const AuditHooks_API *api, PyObject *dispatcher,
                             AuditHooks_HookFunction hook, void *data,
                             const char *const *events, const char *const *exclude,
                             int flags, AuditHooks_FreeFunction free,
                             const AuditHooks_private_End *end, ...)
{
    (void)end;
    return api->subscribe_owning(dispatcher, hook, data, events, exclude, flags, free);
}
#define AuditHooks_Subscribe(...) AuditHooks_private_subscribe(__VA_ARGS__, NULL, NULL)
#endif
#else
static inline PyObject *
AuditHooks_Subscribe(const AuditHooks_API *api, PyObject *dispatcher,
                     AuditHooks_HookFunction hook, void *data,
                     const char *const *events, const char *const *exclude, int flags)
{
    return api->subscribe(dispatcher, hook, data, events, exclude, flags);
}
#endif

/* Close a subscription; it is borrowed. Since 1.

   Needs the GIL. Returns 0 if it is closed now, or was before: the hook is no longer
   entered, but other threads may still be in it. Anything but a Subscription is a
   TypeError. Whether a hook may refuse depends on whether an exception was set before:

   - If none was, this does what close() does in Python. A hook may refuse by raising
     for the event audithooks.unsubscribe: the result is -1 with its exception, and the
     subscription stays open. So free the data of the hook only if the result is 0.

   - If one was, the caller is cleaning up, and will free what the hook needs. The event
     is raised as before, but the subscription is closed whatever comes of that. An
     exception goes to sys.unraisablehook(), with the subscription, once it is closed.
     The result is 0, and the exception of before is still set.

   Where a result of -1 can only be ignored, as in a destructor without an exception,
   have AuditHooks_Subscribe() free the data. */
static inline int
AuditHooks_Close(const AuditHooks_API *api, PyObject *subscription)
{
    return api->close(subscription);
}

#if AUDITHOOKS_TARGET_VERSION >= 2
/* Do not call the hook of a subscription until AuditHooks_Resume(); it keeps its place in
   the order. The subscription is borrowed. Since 2.

   Needs the GIL. Returns 0 if it is paused now, or was before: the hook is no longer
   entered by new events, but other threads may still be in it. Returns -1 with an
   exception: that of a hook that refuses by raising for the event
   audithooks.unsubscribe, ValueError if the subscription is closed, TypeError for
   anything but a Subscription. An exception that was set before is still set if the
   result is 0, and the last __context__ of the new one if not. */
static inline int
AuditHooks_Pause(const AuditHooks_API *api, PyObject *subscription)
{
    return api->pause(subscription);
}

/* Call the hook of a subscription again after AuditHooks_Pause(), from the next event on;
   no hook is asked. The subscription is borrowed. Since 2.

   Needs the GIL. Returns 0 if it is not paused now, or was not before, or -1 with an
   exception: ValueError if the subscription is closed, TypeError for anything but a
   Subscription. An exception that was set before is still set if the result is 0, and the
   last __context__ of the new one if not. */
static inline int
AuditHooks_Resume(const AuditHooks_API *api, PyObject *subscription)
{
    return api->resume(subscription);
}

/* Make a dispatcher, an isolated domain of events. *name* is for its repr(), and may be
   NULL for none. Since 2.

   Needs the GIL. Returns a new reference to an audithooks.Dispatcher, or NULL with an
   exception, UnicodeDecodeError if the name is not UTF-8. An exception that was set
   before is still set if a dispatcher is returned, and the last __context__ of the new
   one if not. */
static inline PyObject *
AuditHooks_NewDispatcher(const AuditHooks_API *api, const char *name)
{
    return api->new_dispatcher(name);
}
#endif

/* Raise an event with a tuple of arguments, borrowed, or NULL for none. Since 1. The
   hooks get an exact tuple; anything but a tuple is a TypeError, even if there are no
   hooks. Otherwise like AuditHooks_Audit(), also with an exception that was set before.
   */
static inline int
AuditHooks_AuditTuple(const AuditHooks_API *api, PyObject *dispatcher,
                      const char *event, PyObject *args)
{
    return api->audit_tuple(dispatcher, event, args);
}

/* Resolve an event that is raised often. Since 1.

   Needs the GIL. Returns a new reference to an audithooks.Event, which keeps its
   dispatcher alive and may be used from any thread, also by Python code. Returns NULL
   with an exception if the name is wrong. An exception that was set before is still set
   if an Event is returned, and the last __context__ of the new one if not. */
static inline AuditHooks_Event *
AuditHooks_GetEvent(const AuditHooks_API *api, PyObject *dispatcher, const char *name)
{
    return api->get_event(dispatcher, name);
}

/* Raise a resolved event, borrowed, with a tuple, as AuditHooks_AuditTuple() does, also
   with an exception that was set before. Since 1. NULL for the event is a TypeError. */
static inline int
AuditHooks_RaiseTuple(const AuditHooks_API *api, AuditHooks_Event *event, PyObject *args)
{
    return api->raise_event_tuple(event, args);
}

/* Read the field of an event in one step. */
static inline int
AuditHooks_private_load(const int *enabled)
{
#ifndef Py_GIL_DISABLED
    return *enabled;
#elif defined(__GNUC__)
    return __atomic_load_n(enabled, __ATOMIC_RELAXED);
#else
    return *(const volatile int *)enabled;
#endif
}

/* Whether a hook may want a resolved event: the field *enabled*, read in one step. Since
   1. Does not need the GIL, and has nothing to do with exceptions. It is true for NULL,
   so that the function that raises the event is called, and refuses it. Not there with
   Py_TARGET_ABI3T: AuditHooks_AUDIT() is. */
#ifndef Py_TARGET_ABI3T
static inline int
AuditHooks_Enabled(const AuditHooks_Event *event)
{
    return event == NULL || AuditHooks_private_load(&event->enabled);
}
#define AUDITHOOKS_PRIVATE_ENABLED(api, event) AuditHooks_Enabled(event)
#else
static inline int
AuditHooks_private_enabled(const AuditHooks_API *api, const AuditHooks_Event *event)
{
    return event == NULL
        || AuditHooks_private_load(
               (const int *)((const char *)event + api->enabled_offset));
}
#define AUDITHOOKS_PRIVATE_ENABLED(api, event) AuditHooks_private_enabled((api), (event))
#endif

/* What follows takes any number of arguments, and is not there before C99 and C++11: call
   the functions of the table. */
#if !defined(__cplusplus) || __cplusplus >= 201103L || defined(_MSC_VER)

/* Raise an event by its name: AuditHooks_Audit(api, dispatcher, event, format, ...).
   Since 1.

   *format* and the values after it are those of Py_BuildValue(), except that each value
   is one argument, even a tuple; NULL and "" give none. They are used only if a hook
   wants the event, in the runtime domain if there is any hook. So they are borrowed,
   and "N" is a SystemError. Lengths of "#" are always Py_ssize_t.

   Needs the GIL. Returns 0, or -1 with the exception of the first hook that raised. An
   exception that was set before is still set if the result is 0, and the last
   __context__ of the new one if not. A name that is not UTF-8 is a UnicodeDecodeError
   for a hook. Calls the hooks that exist when it starts. */
#define AuditHooks_Audit(api, dispatcher, ...) ((api)->audit((dispatcher), __VA_ARGS__))

/* Raise a resolved event, borrowed: AuditHooks_Raise(api, event, format, ...). Since 1.
   NULL for the event is a TypeError. Otherwise like AuditHooks_Audit(), also with an
   exception that was set before. */
#define AuditHooks_Raise(api, event, ...) ((api)->raise_event((event), __VA_ARGS__))

/* Raise a resolved event with a format and values, which are evaluated only if it is
   enabled: otherwise this is a test for NULL, a load and a branch. Since 1. *event* may
   be evaluated twice. Otherwise like AuditHooks_Raise(), also with an exception that was
   set before. */
#define AuditHooks_AUDIT(api, event, ...)                                    \
    (AUDITHOOKS_PRIVATE_ENABLED((api), (event))                              \
         ? (api)->raise_event((event), __VA_ARGS__)                          \
         : 0)

#endif

/* Add a hook before Py_Initialize(), which writes events from the first one on. Since 1.

   It is no function of the table: compile _start/start.c, which is beside this header,
   with the program, and link it with -ldl -pthread, but on Windows with nothing. That is
   plain C for Linux, macOS and, by gcc or clang, Windows; the program must export the
   functions of Python, as it does if libpython is shared.

   *options* has a line for each: "output PATH" must be there; "json" writes JSON Lines,
   "show PATTERN" and "hide PATTERN" select events, "refuse PATTERN" refuses them with a
   PermissionError, which ends the interpreter where it needs them to start; "processes"
   begins lines with the process; "follow" goes on in forked children; "longest N" is
   for arguments; "secrets" shows what may be one. It is copied.

   Needs no GIL, as there is none yet. Returns NULL, or what is wrong in words, which stay
   valid until the next call. The output is opened at the first event; if it cannot be,
   stderr is told why and the program goes on. After Py_FinalizeEx() the hook is gone, and this may be
   called again; the numbers of the events go on. Call it from one thread at a time. */
const char *AuditHooks_Start(const char *options);

#ifdef __cplusplus
}
#endif
#endif
