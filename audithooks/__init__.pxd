# cimport audithooks: the C API of audithooks.h, which documents each function.
#
# Compile with audithooks.get_include() among the include_dirs. Where C takes a
# dispatcher or NULL, Cython takes a Dispatcher or None.


cdef extern from "audithooks.h":
    ctypedef int (*Py_AuditHookFunction "AuditHooks_HookFunction")(
        const char *event, object args, void *data
    ) except? -1

    ctypedef void (*AuditHooks_FreeFunction)(void *data) noexcept

    ctypedef struct AuditHooks_API:
        const int version
        const int abi_version

    ctypedef struct AuditHooks_Event:
        const int enabled

    const int AUDITHOOKS_API_VERSION
    const int AUDITHOOKS_ABI_VERSION
    const int AUDITHOOKS_TARGET_VERSION
    const char *AUDITHOOKS_HOOK
    const int AUDITHOOKS_REENTRANT
    const int AUDITHOOKS_UNRAISABLE
    const int AUDITHOOKS_THREAD
    const int AUDITHOOKS_CONTEXT

    const AuditHooks_API *AuditHooks_Import() except NULL

    int AuditHooks_AddAuditHook(
        const AuditHooks_API *api,
        object dispatcher,
        Py_AuditHookFunction hook,
        void *data,
    ) except -1
    object AuditHooks_Subscribe(
        const AuditHooks_API *api,
        object dispatcher,
        Py_AuditHookFunction hook,
        void *data,
        const char *const *events,
        const char *const *exclude,
        int flags,
    )
    # The same with its last argument, which may be left out in C.
    object AuditHooks_SubscribeOwning "AuditHooks_Subscribe"(
        const AuditHooks_API *api,
        object dispatcher,
        Py_AuditHookFunction hook,
        void *data,
        const char *const *events,
        const char *const *exclude,
        int flags,
        AuditHooks_FreeFunction free,
    )
    int AuditHooks_Close(const AuditHooks_API *api, object subscription) except -1
    int AuditHooks_Pause(const AuditHooks_API *api, object subscription) except -1
    int AuditHooks_Resume(const AuditHooks_API *api, object subscription) except -1
    object AuditHooks_NewDispatcher(const AuditHooks_API *api, const char *name)

    int AuditHooks_Audit(
        const AuditHooks_API *api,
        object dispatcher,
        const char *event,
        const char *format,
        ...
    ) except -1
    int AuditHooks_AuditTuple(
        const AuditHooks_API *api, object dispatcher, const char *event, object args
    ) except -1

    AuditHooks_Event *AuditHooks_GetEvent(
        const AuditHooks_API *api, object dispatcher, const char *name
    ) except NULL
    int AuditHooks_Raise(
        const AuditHooks_API *api, AuditHooks_Event *event, const char *format, ...
    ) except -1
    int AuditHooks_RaiseTuple(
        const AuditHooks_API *api, AuditHooks_Event *event, object args
    ) except -1
    bint AuditHooks_Enabled(const AuditHooks_Event *event) noexcept nogil
    int AuditHooks_AUDIT(
        const AuditHooks_API *api, AuditHooks_Event *event, const char *format, ...
    ) except -1
