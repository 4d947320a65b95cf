/* What holds without the global interpreter lock, and takes nothing with it.

   With the lock, what C code does between two calls of Python code is one step to other
   threads. So routes may be borrowed and noted with the version of the list they hold
   for. Without it (Py_GIL_DISABLED, PEP 703) nothing is borrowed that a change may drop.
   What is read and written by several threads is atomic, and the one thing noted is that
   nobody wants an event: each thread notes it for itself, as owned references would be
   counted by all, and outlive their list. */

#ifndef AUDITHOOKS_THREADS_H
#define AUDITHOOKS_THREADS_H

#include <Python.h>
#include <string.h>

#ifdef Py_GIL_DISABLED

#define AuditHooks_FREE_THREADED 1

#if defined(_MSC_VER)
#define AuditHooks_THREAD_LOCAL __declspec(thread)
#elif defined(__GNUC__)
#define AuditHooks_THREAD_LOCAL __thread
#else
#define AuditHooks_THREAD_LOCAL _Thread_local
#endif

#define AuditHooks_LoadInt(p) _Py_atomic_load_int_relaxed(p)
#define AuditHooks_StoreInt(p, value) _Py_atomic_store_int_relaxed((p), (value))
#define AuditHooks_LoadSize(p) _Py_atomic_load_ssize_relaxed(p)
#define AuditHooks_StoreSize(p, value) _Py_atomic_store_ssize_relaxed((p), (value))
#define AuditHooks_AddSize(p, value) (_Py_atomic_add_ssize((p), (value)) + (value))
#define AuditHooks_LoadPointer(p) _Py_atomic_load_ptr_acquire(p)
#define AuditHooks_StorePointer(p, value) _Py_atomic_store_ptr_release((p), (value))

/* A version is read before the routes that are found, and written after those that are
   changed. No list has one that another has had. */
#define AuditHooks_LoadVersion(p) _Py_atomic_load_uint64_acquire(p)
#define AuditHooks_StoreVersion(p, value) _Py_atomic_store_uint64_release((p), (value))
#define AuditHooks_AddVersion(p) (_Py_atomic_add_uint64((p), 1) + 1)

/* Set a pointer, if it is NULL. */
static inline void
AuditHooks_StoreFirst(void **p, void *value)
{
    void *expected = NULL;
    _Py_atomic_compare_exchange_ptr(p, &expected, value);
}

/* Return a pointer, and set it to NULL. */
static inline void *
AuditHooks_TakePointer(void **p)
{
    return _Py_atomic_exchange_ptr(p, NULL);
}

/* An event that nobody wanted when its list was at that version. Of a longer name
   nothing is noted. */
typedef struct {
    const char *address;    /* of the name, as it was passed */
    uint64_t version;
    Py_ssize_t size;        /* of name in bytes */
    char name[40];          /* a copy, as something else may lie there by now */
} AuditHooks_Missed;

static AuditHooks_THREAD_LOCAL AuditHooks_Missed AuditHooks_missed[128];

static inline AuditHooks_Missed *
AuditHooks_MissedAt(const char *name)
{
    return &AuditHooks_missed[(uint32_t)((uintptr_t)name >> 3) * 2654435761U >> 25];
}

static inline int
AuditHooks_IsMissed(const char *name, Py_ssize_t size, uint64_t version)
{
    const AuditHooks_Missed *missed = AuditHooks_MissedAt(name);
    return missed->address == name && missed->version == version
        && missed->size == size && memcmp(missed->name, name, (size_t)size) == 0;
}

static inline void
AuditHooks_Miss(const char *name, Py_ssize_t size, uint64_t version)
{
    AuditHooks_Missed *missed = AuditHooks_MissedAt(name);
    if (size <= (Py_ssize_t)sizeof(missed->name)) {
        missed->address = name;
        missed->version = version;
        missed->size = size;
        memcpy(missed->name, name, (size_t)size);
    }
}

/* Return a value of a dict, owned, or NULL, with an exception if there is one. */
static inline PyObject *
AuditHooks_Get(PyObject *dict, PyObject *key)
{
    PyObject *value;
    PyDict_GetItemRef(dict, key, &value);
    return value;
}

/* Have other threads take references to a value of a dict without a lock. */
static inline void
AuditHooks_Share(PyObject *value)
{
#if PY_VERSION_HEX >= 0x030E0000
    PyUnstable_EnableTryIncRef(value);
#else /* which is what that does */
    Py_ssize_t shared = _Py_atomic_load_ssize_relaxed(&value->ob_ref_shared);
    while ((shared & _Py_REF_SHARED_FLAG_MASK) == 0
           && !_Py_atomic_compare_exchange_ssize(
               &value->ob_ref_shared, &shared, shared | _Py_REF_MAYBE_WEAKREF)) {
    }
#endif
}

/* Return the route of an event, owned, or NULL, with an exception if there is one.
   *routes* holds the dict of routes under *key*, as that is replaced. */
static inline PyObject *
AuditHooks_GetRoute(PyObject *routes, PyObject *key, PyObject *event)
{
    PyObject *route = NULL;
    routes = AuditHooks_Get(routes, key);
    if (routes != NULL) {
        route = AuditHooks_Get(routes, event);
        Py_DECREF(routes);
    }
    return route;
}

/* The hooks that this thread runs, and in which greenlet, that are not to be called for
   what they raise themselves. */
typedef struct {
    void *hook;
    void *greenlet;         /* compared only; NULL if none is known */
} AuditHooks_Running;

static AuditHooks_THREAD_LOCAL struct {
    AuditHooks_Running few[8];  /* in use until there are more */
    AuditHooks_Running *more;   /* owned, or NULL */
    Py_ssize_t room;            /* in more */
    Py_ssize_t count;
} AuditHooks_running;

/* Note that this thread runs a hook. Return 1, or 0 if it did already, or -1 with an
   exception. */
static inline int
AuditHooks_Enter(void *hook, void *greenlet)
{
    AuditHooks_Running *running = AuditHooks_running.more;
    Py_ssize_t room = AuditHooks_running.room;
    Py_ssize_t i;
    if (running == NULL) {
        running = AuditHooks_running.few;
        room = Py_ARRAY_LENGTH(AuditHooks_running.few);
    }
    for (i = 0; i < AuditHooks_running.count; i++) {
        if (running[i].hook == hook && running[i].greenlet == greenlet) {
            return 0;
        }
    }
    if (i == room) {
        AuditHooks_Running *longer = (AuditHooks_Running *)PyMem_RawRealloc(
            AuditHooks_running.more, 2 * (size_t)room * sizeof(*longer));
        if (longer == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        if (AuditHooks_running.more == NULL) {
            memcpy(longer, running, (size_t)room * sizeof(*longer));
        }
        AuditHooks_running.more = running = longer;
        AuditHooks_running.room = 2 * room;
    }
    running[i].hook = hook;
    running[i].greenlet = greenlet;
    AuditHooks_running.count++;
    return 1;
}

/* Undo that. With greenlets it need not be the last one that was entered. */
static inline void
AuditHooks_Leave(void *hook, void *greenlet)
{
    AuditHooks_Running *running = AuditHooks_running.more;
    Py_ssize_t found = -1;
    Py_ssize_t i;
    if (running == NULL) {
        running = AuditHooks_running.few;
    }
    for (i = 0; i < AuditHooks_running.count; i++) {
        if (running[i].hook == hook && (found < 0 || running[i].greenlet == greenlet)) {
            found = i;  /* the first, if it was entered before greenlets were known */
        }
    }
    running[found] = running[--AuditHooks_running.count];
    if (AuditHooks_running.count == 0) {
        PyMem_RawFree(AuditHooks_running.more);  /* as nobody does when a thread ends */
        AuditHooks_running.more = NULL;
    }
}

#else

#define AuditHooks_FREE_THREADED 0
#define AuditHooks_THREAD_LOCAL

#define AuditHooks_LoadInt(p) (*(p))
#define AuditHooks_StoreInt(p, value) ((void)(*(p) = (value)))
#define AuditHooks_LoadSize(p) (*(p))
#define AuditHooks_StoreSize(p, value) ((void)(*(p) = (value)))
#define AuditHooks_AddSize(p, value) (*(p) += (value))
#define AuditHooks_LoadPointer(p) (*(p))
#define AuditHooks_StorePointer(p, value) ((void)(*(p) = (value)))
#define AuditHooks_LoadVersion(p) (*(p))
#define AuditHooks_StoreVersion(p, value) ((void)(*(p) = (value)))
#define AuditHooks_AddVersion(p) (++*(p))

static inline void
AuditHooks_StoreFirst(void **p, void *value)
{
    if (*p == NULL) {
        *p = value;
    }
}

static inline void *
AuditHooks_TakePointer(void **p)
{
    void *value = *p;
    *p = NULL;
    return value;
}

static inline PyObject *
AuditHooks_GetRoute(PyObject *routes, PyObject *key, PyObject *event)
{
    PyObject *route = PyDict_GetItemWithError(routes, event);
    Py_XINCREF(route);
    return route;
}

/* What stands after `if FREE_THREADED:` alone. */
#define AuditHooks_IsMissed(name, size, version) ((void)(version), 0)
#define AuditHooks_Miss(name, size, version) ((void)(version))
#define AuditHooks_Get(dict, key) ((PyObject *)NULL)
#define AuditHooks_Share(value) ((void)0)
#define AuditHooks_Enter(hook, greenlet) 0
#define AuditHooks_Leave(hook, greenlet) ((void)0)

#endif
#endif
