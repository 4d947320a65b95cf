# cython: language_level=3
"""A Cython extension that does without the GIL what the header allows without it."""

cimport audithooks

from audithooks import Dispatcher

cdef const audithooks.AuditHooks_API *api = audithooks.AuditHooks_Import()

shop = Dispatcher("shop")
cdef audithooks.AuditHooks_Event *sale = audithooks.AuditHooks_GetEvent(
    api, shop, "sale"
)


cdef bint is_wanted(const audithooks.AuditHooks_Event *event) noexcept nogil:
    return audithooks.AuditHooks_Enabled(event)


def count(int turns):
    """Return how often the event is found enabled, by the function and by the field."""
    cdef int wanted = 0
    cdef int enabled = 0
    cdef int _
    with nogil:
        for _ in range(turns):
            wanted += is_wanted(sale)
            enabled += sale.enabled
    return wanted, enabled


def sell(int turns):
    """Raise the event in a loop that takes the GIL only if a hook may want it."""
    cdef int i
    with nogil:
        for i in range(turns):
            if audithooks.AuditHooks_Enabled(sale):
                with gil:
                    audithooks.AuditHooks_Raise(api, sale, "i", i)
