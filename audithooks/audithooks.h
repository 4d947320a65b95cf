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

   It compiles as C and C++, also with Py_LIMITED_API: with 0x03090000 one .abi3.so
   works on every CPython from 3.9 on, except on free-threaded builds.

   What needs the GIL needs an attached thread state on a free-threaded build. There
   several threads may call a hook at once, and a dispatch that started before its
   subscription was closed may still enter the hook: see AUDITHOOKS_HOOK for how its
   data may be freed. */

#ifndef AUDITHOOKS_H
#define AUDITHOOKS_H

#include <Python.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. The table only ever grows, and its version with it. */
#define AUDITHOOKS_API_VERSION 1

/* A hook: CPython's Py_AuditHookFunction, which Py_LIMITED_API leaves out. */
typedef int (*AuditHooks_HookFunction)(const char *event, PyObject *args, void *data);

/* The name of a PyCapsule that holds such a function, with the data as context.
   Python code may pass it to subscribe() and addaudithook(). A reference is kept until
   the last dispatch has left the hook and the subscription is dropped, so the
   destructor of the capsule may free the data. */
#define AUDITHOOKS_HOOK "int (const char *, PyObject *, void *)"

/* Flags of AuditHooks_Subscribe(), each an argument of subscribe() in Python. */
#define AUDITHOOKS_REENTRANT 1  /* reentrant=True */
#define AUDITHOOKS_UNRAISABLE 2 /* on_error="unraisable" */
#define AUDITHOOKS_THREAD 4     /* scope="thread" */
#define AUDITHOOKS_CONTEXT 8    /* scope="context" */

/* An audithooks.Event. Only its first field is public. */
typedef struct {
    PyObject_HEAD
    /* 0 if no hook wants the event. After a change of the hooks it may be 1 although no
       hook wants the event, until the event is raised or its truth value is tested; in
       the runtime domain it is always 1. Without the GIL it may be read, but may be
       outdated. On a free-threaded build it is written at any time: read it by
       AuditHooks_Enabled(). */
    int enabled;
} AuditHooks_Event;

/* The table. Call its functions by the macros below, which document them. */
typedef struct {
    int version;
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
} AuditHooks_API;

/* Import audithooks and return its table.

   Needs the GIL. The table is borrowed, and lasts as long as the calling interpreter:
   keep it in the state of a module, as the next interpreter of the process may have
   none. Raises ImportError and returns NULL if audithooks runs in pure Python, which
   has no C API, or is older than this header. An exception that was set before is still
   set if the table is returned, and dropped for that of the failure if not. */
static inline const AuditHooks_API *
AuditHooks_Import(void)
{
    const AuditHooks_API *api = NULL;
    PyObject *package, *capsule = NULL, *reason = NULL;
    PyObject *kind, *value, *traceback;
    PyErr_Fetch(&kind, &value, &traceback);
    package = PyImport_ImportModule("audithooks");
    if (package != NULL) {
        capsule = PyObject_GetAttrString(package, "_C_API");
    }
    if (capsule == Py_None) {
        reason = PyObject_GetAttrString(package, "FALLBACK_REASON");
        if (reason != NULL) {
            PyErr_Format(PyExc_ImportError,
                         "audithooks runs in pure Python, without a C API: %S", reason);
        }
    }
    else if (capsule != NULL) {
        api = (const AuditHooks_API *)PyCapsule_GetPointer(
            capsule, "audithooks._C_API");
        if (api != NULL && api->version < AUDITHOOKS_API_VERSION) {
            PyErr_Format(PyExc_ImportError,
                         "version %d of the C API of audithooks is needed, not %d",
                         AUDITHOOKS_API_VERSION, api->version);
            api = NULL;
        }
    }
    Py_XDECREF(reason);
    Py_XDECREF(capsule);
    Py_XDECREF(package);
    if (api != NULL) {
        PyErr_Restore(kind, value, traceback);
    }
    else {
        Py_XDECREF(kind);
        Py_XDECREF(value);
        Py_XDECREF(traceback);
    }
    return api;
}

/* Add a hook for every event of this interpreter, permanently. Only hooks of
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
#define AuditHooks_AddAuditHook(api, dispatcher, hook, data) \
    ((api)->addaudithook((dispatcher), (hook), (data)))

/* Add a hook for some events. *events* and *exclude* are arrays of names and patterns
   that end with NULL. *events* may be NULL for every event, *exclude* for none. *flags*
   is 0 or some of the flags above.

   Needs the GIL. Returns a new reference to an audithooks.Subscription, which does not
   close itself when it is dropped. *data* is borrowed until the subscription is closed
   and no thread is in the hook; to be notified of that, see AUDITHOOKS_HOOK. Returns
   NULL with an exception: audithooks.HookRejected if an existing hook refuses,
   ValueError for a wrong pattern or flag. An exception that was set before is still set
   if a subscription is returned, and the last __context__ of the new one if not. The
   hook is called from the next event on. */
#define AuditHooks_Subscribe(api, dispatcher, hook, data, events, exclude, flags) \
    ((api)->subscribe((dispatcher), (hook), (data), (events), (exclude), (flags)))

/* Close a subscription; it is borrowed.

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
   use a capsule that frees the data itself: see AUDITHOOKS_HOOK. */
#define AuditHooks_Close(api, subscription) ((api)->close((subscription)))

/* Raise an event by its name: AuditHooks_Audit(api, dispatcher, event, format, ...).

   *format* and the values after it are those of Py_BuildValue(), except that each value
   is one argument, even a tuple; NULL and "" give none. They are used only if a hook
   wants the event, in the runtime domain if there is any hook. So they are borrowed,
   and "N" is a SystemError. Lengths of "#" are always Py_ssize_t.

   Needs the GIL. Returns 0, or -1 with the exception of the first hook that raised. An
   exception that was set before is still set if the result is 0, and the last
   __context__ of the new one if not. Calls the hooks that exist when it starts. */
#define AuditHooks_Audit(api, dispatcher, ...) ((api)->audit((dispatcher), __VA_ARGS__))

/* Raise an event with a tuple of arguments, borrowed, or NULL for none. The hooks get
   an exact tuple; anything but a tuple is a TypeError, even if there are no hooks.
   Otherwise like AuditHooks_Audit(), also with an exception that was set before. */
#define AuditHooks_AuditTuple(api, dispatcher, event, args) \
    ((api)->audit_tuple((dispatcher), (event), (args)))

/* Resolve an event that is raised often.

   Needs the GIL. Returns a new reference to an audithooks.Event, which keeps its
   dispatcher alive and may be used from any thread, also by Python code. Returns NULL
   with an exception if the name is wrong. An exception that was set before is still set
   if an Event is returned, and the last __context__ of the new one if not. */
#define AuditHooks_GetEvent(api, dispatcher, name) \
    ((api)->get_event((dispatcher), (name)))

/* Raise a resolved event: AuditHooks_Raise(api, event, format, ...). Otherwise like
   AuditHooks_Audit(), also with an exception that was set before. */
#define AuditHooks_Raise(api, event, ...) ((api)->raise_event((event), __VA_ARGS__))

/* Raise a resolved event with a tuple, as AuditHooks_AuditTuple() does, also with an
   exception that was set before. */
#define AuditHooks_RaiseTuple(api, event, args) \
    ((api)->raise_event_tuple((event), (args)))

/* Whether a hook may want a resolved event: the field *enabled*, read in one step. Does
   not need the GIL, and has nothing to do with exceptions. */
#ifdef Py_GIL_DISABLED
#define AuditHooks_Enabled(event) _Py_atomic_load_int_relaxed(&(event)->enabled)
#else
#define AuditHooks_Enabled(event) ((event)->enabled)
#endif

/* Raise a resolved event with a format and values, which are evaluated only if it is
   enabled: otherwise this is a load and a branch. *event* may be evaluated twice.
   Otherwise like AuditHooks_Raise(), also with an exception that was set before. */
#define AuditHooks_AUDIT(api, event, ...) \
    (AuditHooks_Enabled(event) ? (api)->raise_event((event), __VA_ARGS__) : 0)

/* Add a hook before Py_Initialize(), which writes events from the first one on.

   It is no function of the table: compile _start/start.c, which is beside this header,
   with the program, and link it with -ldl -pthread. That is plain C for Linux; the
   program must export the functions of Python, as it does if libpython is shared.

   *options* has a line for each: "output PATH" must be there; "json" writes JSON Lines,
   "show PATTERN" and "hide PATTERN" select events, "refuse PATTERN" refuses them with a
   PermissionError, which ends the interpreter where it needs them to start; "processes"
   begins lines with the process; "follow" goes on in forked children; "longest N" is
   for arguments; "secrets" shows what may be one. It is copied.

   Needs no GIL, as there is none yet. Returns NULL, or what is wrong in words, which stay
   valid until the next call. After Py_FinalizeEx() the hook is gone, and this may be
   called again; the numbers of the events go on. Call it from one thread at a time. */
const char *AuditHooks_Start(const char *options);

#ifdef __cplusplus
}
#endif
#endif
