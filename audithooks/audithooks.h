/* audithooks.h: audit hooks for extensions in C, C++ and Cython.

   PEP 578 gives C code PySys_AddAuditHook() and PySys_Audit(). This gives it the same
   with filters, removal and isolated domains, in the terms of the Python API:

       const AuditHooks_API *api = AuditHooks_Import();
       AuditHooks_Event *sale = AuditHooks_GetEvent(api, NULL, "shop.sale");
       ...
       if (AuditHooks_AUDIT(api, sale, "On", item, price(item)) < 0)
           return NULL;

   Every function needs the GIL, and may be called from any thread that holds it, from a
   hook, and while hooks come and go: a dispatch runs over the hooks that were there when
   it started. None of them consumes a reference. Those that return an int return 0, or
   -1 with an exception; those that return a pointer return NULL with an exception.

   *dispatcher* is an audithooks.Dispatcher, borrowed, or NULL or None for the runtime
   domain, which is the interpreter's own stream of events. Anything else is a
   TypeError. Strings are in UTF-8 and copied.

   The functions are in a table that AuditHooks_Import() finds. It is that of one
   interpreter: keep the pointer in the state of a module, not in a static variable, if
   the module may be loaded into subinterpreters. */

#ifndef AUDITHOOKS_H
#define AUDITHOOKS_H

#include <Python.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. The table only ever grows, and its version with it. */
#define AUDITHOOKS_API_VERSION 1

/* The name of a PyCapsule that holds a Py_AuditHookFunction, with the data as context.
   Python code may pass it to subscribe() and addaudithook(). The hook list owns the
   capsule until the last dispatch has left the hook, so that a destructor may free the
   data. */
#define AUDITHOOKS_HOOK "int (const char *, PyObject *, void *)"

/* Flags of AuditHooks_Subscribe(), each an argument of subscribe() in Python. */
#define AUDITHOOKS_REENTRANT 1  /* reentrant=True */
#define AUDITHOOKS_UNRAISABLE 2 /* on_error="unraisable" */
#define AUDITHOOKS_THREAD 4     /* scope="thread" */
#define AUDITHOOKS_CONTEXT 8    /* scope="context" */

/* An audithooks.Event. Only its first field is for others. */
typedef struct {
    PyObject_HEAD
    /* 0 if no hook wants the event. After a change of the hooks it may be 1 for nothing
       until the event is raised or its truth asked; in the runtime domain it always is.
       It may be read without the GIL: the answer is then that of a moment ago. */
    int enabled;
} AuditHooks_Event;

/* The table. Call the functions by the macros below, which say what they do. */
typedef struct {
    int version;
    int (*addaudithook)(PyObject *dispatcher, Py_AuditHookFunction hook, void *data);
    PyObject *(*subscribe)(PyObject *dispatcher, Py_AuditHookFunction hook, void *data,
                           const char *const *events, const char *const *exclude,
                           int flags);
    int (*close)(PyObject *subscription);
    int (*audit)(PyObject *dispatcher, const char *event, const char *format, ...);
    int (*audit_tuple)(PyObject *dispatcher, const char *event, PyObject *args);
    AuditHooks_Event *(*get_event)(PyObject *dispatcher, const char *name);
    int (*raise_event)(AuditHooks_Event *event, const char *format, ...);
    int (*raise_event_tuple)(AuditHooks_Event *event, PyObject *args);
} AuditHooks_API;

/* Import audithooks and return its table, which lasts as long as the process. Raises
   ImportError if audithooks runs in pure Python, which has none, or is older than this
   header. */
static inline const AuditHooks_API *
AuditHooks_Import(void)
{
    const AuditHooks_API *api = NULL;
    PyObject *capsule = NULL, *reason = NULL;
    PyObject *package = PyImport_ImportModule("audithooks");
    if (package == NULL) {
        return NULL;
    }
    capsule = PyObject_GetAttrString(package, "_C_API");
    if (capsule == Py_None) {
        reason = PyObject_GetAttrString(package, "FALLBACK_REASON");
        if (reason != NULL) {
            PyErr_Format(PyExc_ImportError,
                         "audithooks runs in pure Python, without a C API: %S", reason);
        }
    }
    else if (capsule != NULL) {
        api = (const AuditHooks_API *)PyCapsule_GetPointer(capsule, "audithooks._C_API");
        if (api != NULL && api->version < AUDITHOOKS_API_VERSION) {
            PyErr_Format(PyExc_ImportError,
                         "version %d of the C API of audithooks is needed, not %d",
                         AUDITHOOKS_API_VERSION, api->version);
            api = NULL;
        }
    }
    Py_XDECREF(reason);
    Py_XDECREF(capsule);
    Py_DECREF(package);
    return api;
}

/* Add a hook for every event, for good: what PySys_AddAuditHook() does. The code and
   *data*, which is passed to the hook, are borrowed until the interpreter ends. If a
   hook that is there raises a RuntimeError for the event sys.addaudithook, the new one
   is not added and the result is 0. A NULL hook is a ValueError.

   A hook is called with the GIL and no exception set, with the name and a tuple, both
   borrowed. It returns 0 to go on, or -1 with an exception to abort the operation. */
#define AuditHooks_AddAuditHook(api, dispatcher, hook, data) \
    ((api)->addaudithook((dispatcher), (hook), (data)))

/* Add a hook for some events, and return a new audithooks.Subscription; dropping it does
   not end it. *events* and *exclude* are arrays of names and patterns that end with
   NULL, or NULL for every event and for none. *flags* are some of the above. *data* is
   borrowed until the subscription is closed and no thread is in the hook any more. If a
   hook that is there objects, audithooks.HookRejected is raised. */
#define AuditHooks_Subscribe(api, dispatcher, hook, data, events, exclude, flags) \
    ((api)->subscribe((dispatcher), (hook), (data), (events), (exclude), (flags)))

/* Close a subscription, as its close() does. A hook may object: its exception is
   raised, and the subscription stays open. */
#define AuditHooks_Close(api, subscription) ((api)->close((subscription)))

/* Raise an event. *format* and what follows it are those of Py_BuildValue(), but that
   each value is an argument, be it a tuple or not; NULL and "" give none. They are
   looked at only if a hook wants the event (in the runtime domain: if there is any hook),
   so a reference cannot be handed over: "N" is a SystemError then. The exception of the
   first hook that raises is raised. One that was set before is still set afterwards,
   unless a hook replaces it. */
#define AuditHooks_Audit(api, dispatcher, ...) ((api)->audit((dispatcher), __VA_ARGS__))

/* Raise an event with a tuple of arguments, borrowed, or NULL for none. Anything else is
   a TypeError, hooks or not. The hooks get an exact tuple. */
#define AuditHooks_AuditTuple(api, dispatcher, event, args) \
    ((api)->audit_tuple((dispatcher), (event), (args)))

/* Resolve an event that is raised often. Returns a new reference to an
   audithooks.Event, which Python code can use, too. */
#define AuditHooks_GetEvent(api, dispatcher, name) \
    ((api)->get_event((dispatcher), (name)))

/* Raise a resolved event, with a format and values or with a tuple, as above. */
#define AuditHooks_Raise(api, event, ...) ((api)->raise_event((event), __VA_ARGS__))
#define AuditHooks_RaiseTuple(api, event, args) ((api)->raise_event_tuple((event), (args)))

/* Raise a resolved event with a format and values, which are evaluated only if the event
   is enabled. *event* is evaluated twice. */
#define AuditHooks_AUDIT(api, event, ...) \
    ((event)->enabled ? (api)->raise_event((event), __VA_ARGS__) : 0)

#ifdef __cplusplus
}
#endif
#endif
