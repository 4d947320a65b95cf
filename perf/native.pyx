# cython: language_level=3
# distutils: include_dirs = ../audithooks
# distutils: define_macros = AUDITHOOKS_TARGET_VERSION=1
"""Events that C or Cython code raises, and hooks in C, to be measured."""

cimport audithooks

from audithooks import Dispatcher

cdef extern from "Python.h":
    int PySys_Audit(const char *, const char *, ...) except -1

cdef extern from *:
    """
    /* Keeps the compiler from merging turns of a loop: memory may have changed. */
    #define ANOTHER_TURN() __asm__ volatile("" : : : "memory")
    """
    void ANOTHER_TURN()

cdef const audithooks.AuditHooks_API *api = audithooks.AuditHooks_Import()

domain = Dispatcher()
cdef audithooks.AuditHooks_Event *event = audithooks.AuditHooks_GetEvent(
    api, domain, b"x.y"
)


def loop(Py_ssize_t turns):
    """Do nothing."""
    for _ in range(turns):
        ANOTHER_TURN()


def audit(Py_ssize_t turns):
    """Raise an event of a Dispatcher."""
    for _ in range(turns):
        ANOTHER_TURN()
        audithooks.AuditHooks_AUDIT(api, event, b"ii", <int> 1, <int> 2)


def sys_audit(Py_ssize_t turns):
    """Raise an event of the interpreter."""
    for _ in range(turns):
        ANOTHER_TURN()
        PySys_Audit(b"x.y", b"ii", <int> 1, <int> 2)


cdef int ignore(const char *name, object args, void *data) except? -1:
    return 0


def addaudithook():
    """Add an empty hook to the runtime domain."""
    audithooks.AuditHooks_AddAuditHook(api, None, ignore, NULL)


def subscribe(bytes name, bint reentrant=False):
    """Subscribe an empty hook to one runtime event."""
    cdef const char *names[2]
    names[0] = name
    names[1] = NULL
    audithooks.AuditHooks_Subscribe(
        api,
        None,
        ignore,
        NULL,
        names,
        NULL,
        audithooks.AUDITHOOKS_REENTRANT if reentrant else 0,
    )
