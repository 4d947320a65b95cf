# cython: language_level=3
"""The minimum that C code needs: the floors that the cases are compared with."""

from cpython.object cimport PyObject


cdef extern from "Python.h":
    ctypedef PyObject *(*ternaryfunc)(PyObject *, PyObject *, PyObject *) noexcept
    ctypedef struct PyTypeObject:
        Py_ssize_t tp_vectorcall_offset
        unsigned long tp_flags
        ternaryfunc tp_call
    const unsigned long Py_TPFLAGS_HAVE_VECTORCALL
    ctypedef struct PyMethodDef:
        const char *ml_name
        void *ml_meth
        int ml_flags
    const int METH_FASTCALL
    const int METH_O
    const size_t PY_VECTORCALL_ARGUMENTS_OFFSET

    ctypedef PyObject *(*vectorcallfunc)(
        PyObject *, PyObject *const *, size_t, PyObject *
    ) noexcept
    ctypedef struct PyFunctionObject:
        vectorcallfunc vectorcall
    object PyCFunction_NewEx(PyMethodDef *, PyObject *, PyObject *)
    PyObject *PyContextVar_New(const char *, PyObject *) except NULL
    PyObject *PyContextVar_Set(PyObject *, PyObject *) except NULL
    int PyContextVar_Get(PyObject *, PyObject *, PyObject **) except -1
    int PySys_AddAuditHook(int (*)(const char *, PyObject *, void *), void *) except -1
    int PySys_Audit(const char *, const char *, ...)
    PyObject *PyTuple_GET_ITEM(PyObject *, Py_ssize_t)
    Py_ssize_t PyTuple_GET_SIZE(PyObject *)
    PyObject *PyTuple_New(Py_ssize_t)
    void PyTuple_SET_ITEM(PyObject *, Py_ssize_t, PyObject *)
    void PyType_Modified(PyTypeObject *)
    PyObject *PyObject_CallNoArgs(PyObject *)
    PyObject *PyVectorcall_Call(PyObject *, PyObject *, PyObject *) noexcept
    void Py_DECREF(PyObject *)
    void Py_INCREF(PyObject *)


cdef PyObject *do_nothing(PyObject *_, PyObject **args, Py_ssize_t length) noexcept:
    Py_INCREF(<PyObject *> None)
    return <PyObject *> None


cdef PyObject *call_each(PyObject *hooks, PyObject **args, Py_ssize_t length) noexcept:
    """Call Python functions with an event and the tuple of its arguments."""
    cdef PyObject *stack[3]
    cdef PyObject *hook
    cdef PyObject *found
    cdef PyObject *packed = PyTuple_New(length - 1)
    cdef Py_ssize_t i
    if packed == NULL:
        return NULL
    for i in range(1, length):
        Py_INCREF(args[i])
        PyTuple_SET_ITEM(packed, i - 1, args[i])
    stack[1] = args[0]
    stack[2] = packed
    for i in range(PyTuple_GET_SIZE(hooks)):
        hook = PyTuple_GET_ITEM(hooks, i)
        found = (<PyFunctionObject *> hook).vectorcall(
            hook, stack + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL
        )
        if found == NULL:
            Py_DECREF(packed)
            return NULL
        Py_DECREF(found)
    Py_DECREF(packed)
    Py_INCREF(<PyObject *> None)
    return <PyObject *> None


cdef PyObject *variable = PyContextVar_New(b"variable", NULL)
PyContextVar_Set(variable, <PyObject *> None)


cdef PyObject *call_each_in_context(
    PyObject *hooks, PyObject **args, Py_ssize_t length
) noexcept:
    """The same after looking up a context variable, which has a value."""
    cdef PyObject *value = NULL
    if PyContextVar_Get(variable, NULL, &value) < 0 or value == NULL:
        return NULL
    Py_DECREF(value)
    return call_each(hooks, args, length)


cdef PyObject *raise_event(
    PyObject *_, PyObject *const *args, size_t flags, PyObject *keywords
) noexcept:
    if PySys_Audit(b"x.y", NULL) < 0:
        return NULL
    Py_INCREF(<PyObject *> None)
    return <PyObject *> None


cdef PyObject *return_none(
    PyObject *_, PyObject *const *args, size_t flags, PyObject *keywords
) noexcept:
    Py_INCREF(<PyObject *> None)
    return <PyObject *> None


cdef class Callable:
    """Does nothing, or raises an event of the interpreter without arguments."""

    cdef vectorcallfunc vectorcall

    def __cinit__(self, *, bint raises):
        self.vectorcall = raise_event if raises else return_none


cdef void call_by_vector() except *:
    cdef Callable called = Callable(raises=False)
    cdef PyTypeObject *kind = <PyTypeObject *> Callable
    kind.tp_vectorcall_offset = (
        <char *> &called.vectorcall - <char *> <PyObject *> called
    )
    kind.tp_call = PyVectorcall_Call
    kind.tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL
    PyType_Modified(kind)


call_by_vector()


cdef int ignore(const char *event, PyObject *args, void *data) noexcept:
    return 0


cdef PyMethodDef EMPTY
EMPTY.ml_name = b"empty"
EMPTY.ml_meth = <void *> do_nothing
EMPTY.ml_flags = METH_FASTCALL
empty = PyCFunction_NewEx(&EMPTY, NULL, NULL)  # the minimum that a call can cost


# callgrind counts what runs in this function: see instructions.py.
cdef PyObject *counted_by_callgrind(PyObject *_, PyObject *function) noexcept:
    return PyObject_CallNoArgs(function)


cdef PyMethodDef COUNTED
COUNTED.ml_name = b"counted"
COUNTED.ml_meth = <void *> counted_by_callgrind
COUNTED.ml_flags = METH_O
counted = PyCFunction_NewEx(&COUNTED, NULL, NULL)

cdef PyMethodDef CALLER
CALLER.ml_name = b"caller"
CALLER.ml_meth = <void *> call_each
CALLER.ml_flags = METH_FASTCALL
cdef PyMethodDef IN_CONTEXT = CALLER
IN_CONTEXT.ml_meth = <void *> call_each_in_context


def caller(*hooks, bint in_context=False):
    """Return a builtin that only calls Python functions, as a dispatch does."""
    return PyCFunction_NewEx(
        &IN_CONTEXT if in_context else &CALLER, <PyObject *> hooks, NULL
    )


def addaudithook():
    """Add an empty native hook to the interpreter."""
    PySys_AddAuditHook(ignore, NULL)
