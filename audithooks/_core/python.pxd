# What is declared from Python.h, once, for all .pyx.
#
# Objects are PyObject pointers, borrowed if they are arguments; what a function returns
# is owned where the name does not say GET or Get, and NULL tells of an exception. Where
# the type is `object`, Cython counts references and raises the exception.

from cpython.object cimport PyObject
from libc.stdint cimport uint64_t


cdef extern from "interpreters.h":  # for what Cython calls
    pass

cdef extern from "Python.h":
    # Types, and what is known of their fields.

    ctypedef PyObject *(*vectorcallfunc)(
        PyObject *, PyObject *const *, size_t, PyObject *
    ) noexcept
    ctypedef PyObject *(*ternaryfunc)(PyObject *, PyObject *, PyObject *) noexcept
    ctypedef int (*Py_AuditHookFunction)(const char *, PyObject *, void *) noexcept

    ctypedef struct PyTypeObject
    ctypedef PyObject *(*newfunc)(PyTypeObject *, PyObject *, PyObject *) noexcept
    ctypedef struct PyTypeObject:
        const char *tp_name
        Py_ssize_t tp_vectorcall_offset
        unsigned long tp_flags
        ternaryfunc tp_call
        newfunc tp_new
        vectorcallfunc tp_vectorcall
    ctypedef struct PyFunctionObject:
        PyObject *func_dict             # the __dict__ of a function, or NULL
        vectorcallfunc vectorcall       # what calls it
    ctypedef struct PyMethodDef:
        const char *ml_name
        void *ml_meth
        int ml_flags
        const char *ml_doc
    ctypedef struct PyCodeObject
    ctypedef struct PyFrameObject
    ctypedef struct PyInterpreterState
    ctypedef struct PyThreadState

    PyTypeObject PyCFunction_Type
    PyTypeObject PyFunction_Type
    PyTypeObject PyMethod_Type
    const int METH_FASTCALL
    const size_t PY_VECTORCALL_ARGUMENTS_OFFSET
    const unsigned long Py_TPFLAGS_HAVE_VECTORCALL

    # References and types.

    void Py_DECREF(PyObject *)
    void Py_INCREF(PyObject *)
    void Py_XDECREF(PyObject *)
    PyTypeObject *Py_TYPE(PyObject *)
    void PyType_Modified(PyTypeObject *)

    # Interpreters, threads and frames.

    bint Py_EnterRecursiveCall(const char *)
    void Py_LeaveRecursiveCall()
    int Py_AtExit(void (*)() noexcept)
    PyInterpreterState *PyInterpreterState_Get()
    PyObject *PyInterpreterState_GetDict(PyInterpreterState *)      # borrowed
    PyThreadState *PyThreadState_Get()
    uint64_t PyThreadState_GetID(PyThreadState *)
    PyFrameObject *PyEval_GetFrame()    # borrowed, or NULL without an exception
    PyCodeObject *PyFrame_GetCode(PyFrameObject *)

    # Audit hooks.

    int PySys_AddAuditHook(Py_AuditHookFunction, void *)
    int PySys_Audit(const char *, const char *, ...)
    int PyFile_SetOpenCodeHook(
        PyObject *(*)(PyObject *, void *) noexcept, void *
    ) except? -1

    # Exceptions.

    void PyErr_Clear()
    void PyErr_Fetch(PyObject **, PyObject **, PyObject **)
    void PyErr_Format(object, const char *, ...)
    PyObject *PyErr_NoMemory()
    void PyErr_NormalizeException(PyObject **, PyObject **, PyObject **)
    PyObject *PyErr_Occurred()          # borrowed
    void PyErr_Restore(PyObject *, PyObject *, PyObject *)  # which takes them over
    void PyErr_SetNone(object)
    void PyErr_WriteUnraisable(PyObject *)
    PyObject *PyException_GetContext(PyObject *)    # NULL if there is none
    void PyException_SetContext(PyObject *, PyObject *)     # which takes it over
    int PyException_SetTraceback(PyObject *, PyObject *)

    # Objects, and how they are called.

    int PyContextVar_Get(PyObject *, PyObject *, PyObject **)
    object PyCFunction_NewEx(PyMethodDef *, PyObject *, object)
    object PyDescr_NewMethod(PyTypeObject *, PyMethodDef *)
    Py_ssize_t PyDict_GET_SIZE(PyObject *)
    PyObject *PyDict_GetItemWithError(PyObject *, PyObject *)   # borrowed
    PyObject *PyDict_GetItemString(PyObject *, const char *)    # borrowed
    PyObject *PyFunction_GetCode(PyObject *)                    # borrowed
    PyObject *PyImport_GetModuleDict()                          # borrowed
    PyObject *PyImport_ImportModule(const char *)
    Py_ssize_t PyLong_AsSsize_t(PyObject *)
    PyObject *PyMethod_GET_FUNCTION(PyObject *)                 # borrowed
    PyObject *PyObject_CallFunctionObjArgs(PyObject *, ...)
    PyObject *PyObject_CallObject(PyObject *, PyObject *)
    PyObject *PyObject_CallMethod(PyObject *, const char *, const char *, ...)
    PyObject *PyObject_GetAttrString(PyObject *, const char *)
    Py_hash_t PyObject_Hash(PyObject *)
    int PyObject_HasAttrString(PyObject *, const char *)
    int PyObject_IsTrue(PyObject *)
    PyObject *PyObject_Vectorcall(PyObject *, PyObject *const *, size_t, PyObject *)
    PyObject *PyVectorcall_Call(PyObject *, PyObject *, PyObject *)
    object call_with_tuple "PyVectorcall_Call"(object, object, PyObject *)
    Py_ssize_t PyVectorcall_NARGS(size_t)
    object PyWeakref_NewRef(object, object)

    # Tuples and strings.

    bint PyTuple_Check(PyObject *)
    bint PyTuple_CheckExact(PyObject *)
    PyObject *PyTuple_GET_ITEM(PyObject *, Py_ssize_t)          # borrowed
    Py_ssize_t PyTuple_GET_SIZE(PyObject *)
    PyObject *PyTuple_GetSlice(PyObject *, Py_ssize_t, Py_ssize_t)
    PyObject *PyTuple_New(Py_ssize_t)
    void PyTuple_SET_ITEM(PyObject *, Py_ssize_t, PyObject *)   # which takes it over
    const char *PyUnicode_AsUTF8(PyObject *)
    const char *utf8_of "PyUnicode_AsUTF8"(object) except NULL
    const char *PyUnicode_AsUTF8AndSize(PyObject *, Py_ssize_t *)
    const char *utf8_and_size "PyUnicode_AsUTF8AndSize"(
        object, Py_ssize_t *
    ) except NULL
    int PyUnicode_CompareWithASCIIString(PyObject *, const char *)
    bint PyUnicode_Check(PyObject *)
    bint PyUnicode_CheckExact(PyObject *)
    PyObject *PyUnicode_FromObject(PyObject *)
    PyObject *PyUnicode_FromString(const char *)
