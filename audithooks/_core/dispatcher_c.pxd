# What the C API needs of an Event; the reasons are in the .pyx.

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t

from audithooks._core.hooklist_c cimport Emitter, HookList
from audithooks._core.python cimport vectorcallfunc


cdef class Event:
    cdef Emitter emitter        # stays first: audithooks.h reads its first field
    cdef vectorcallfunc vectorcall
    cdef str _name
    cdef HookList _dispatcher
    cdef HookList hooks         # of the dispatcher or the runtime domain
    cdef const char *utf8       # the name, in the runtime domain; else NULL
    cdef PyObject *route        # borrowed from the chain of that version, or NULL
    cdef uint64_t version       # without the lock, one at which nobody wanted the event


# Return the route of the event, owned, or NULL with an exception.
cdef PyObject *find(Event event) noexcept
