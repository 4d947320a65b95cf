# cython: language_level=3
"""A Cython extension that uses audithooks by cimport."""

cimport audithooks
cimport cython
from cpython.object cimport PyObject

from audithooks import Dispatcher

cdef const audithooks.AuditHooks_API *api = audithooks.AuditHooks_Import()

shop = Dispatcher("shop")
cdef audithooks.AuditHooks_Event *sale = audithooks.AuditHooks_GetEvent(
    api, shop, "sale"
)
seen = []
freed = []
evaluated = 0


cdef api int log_hook(const char *event, object args, void *data):
    seen.append((event.decode(), args))
    return 0


cdef api int failing_hook(const char *event, object args, void *data) except -1:
    raise ValueError(event)


cdef api int careful_hook(const char *event, object args, void *data) noexcept:
    seen.append(args)
    return 0


cdef api int other(int number):
    return number


def costly(item):
    global evaluated
    evaluated += 1
    return item


def sell(item):
    if audithooks.AuditHooks_Enabled(sale):
        audithooks.AuditHooks_RaiseTuple(api, sale, (costly(item),))


def sell_by_format(item):
    audithooks.AuditHooks_AUDIT(api, sale, "Oi", <PyObject *> item, 1)


def subscribe(which):
    hooks = {"log": 0, "failing": 1, "careful": 2}
    cdef audithooks.Py_AuditHookFunction[3] functions
    functions[0] = log_hook
    functions[1] = failing_hook
    functions[2] = careful_hook
    cdef const char *events[2]
    events[0] = b"sale"
    events[1] = NULL
    return audithooks.AuditHooks_Subscribe(
        api, shop, functions[<int> hooks[which]], NULL, events, NULL, 0
    )


cdef void note(void *data) noexcept:
    freed.append(<object> data)


def subscribe_owning(data):
    """Add to freed what the data was when the subscription is closed."""
    return audithooks.AuditHooks_SubscribeOwning(
        api, shop, log_hook, <void *> data, NULL, NULL, 0, note
    )


def make(name):
    return audithooks.AuditHooks_NewDispatcher(api, name.encode())


def pause(subscription):
    audithooks.AuditHooks_Pause(api, subscription)


def resume(subscription):
    audithooks.AuditHooks_Resume(api, subscription)


def close(subscription):
    audithooks.AuditHooks_Close(api, subscription)


def audit(event, *args):
    audithooks.AuditHooks_AuditTuple(api, shop, event.encode(), args)


@cython.no_gc_clear
cdef class Farewell:
    """Makes calls when it is freed, perhaps after the collector cleared the rest."""

    cdef tuple calls

    def __cinit__(self, *calls):
        self.calls = calls

    def __dealloc__(self):
        for function, *args in self.calls:
            function(*args)
