/* Python, by the names of its functions. A part of start.c. */

typedef struct python_object PyObject;
typedef int (*Hook)(const char *, PyObject *, void *);
typedef struct {
    void *ctx;
    void *(*malloc)(void *, size_t);
    void *(*calloc)(void *, size_t, size_t);
    void *(*realloc)(void *, void *, size_t);
    void (*free)(void *, void *);
} Allocator;
enum { RAW = 0, FILE_INPUT = 257 };

#define FUNCTIONS(X) \
    X(int, PySys_AddAuditHook, (Hook, void *)) \
    X(void, PyMem_GetAllocator, (int, Allocator *)) \
    X(void, PyMem_SetAllocator, (int, Allocator *)) \
    X(int, Py_IsInitialized, (void)) \
    X(void, Py_DecRef, (PyObject *)) \
    X(void, Py_IncRef, (PyObject *)) \
    X(PyObject *, PyObject_Type, (PyObject *)) \
    X(PyObject *, PyObject_Repr, (PyObject *)) \
    X(int, PyObject_HasAttrString, (PyObject *, const char *)) \
    X(int, PyType_IsSubtype, (PyObject *, PyObject *)) \
    X(PyObject *, PyOS_FSPath, (PyObject *)) \
    X(ssize_t, PyTuple_Size, (PyObject *)) \
    X(PyObject *, PyTuple_GetItem, (PyObject *, ssize_t)) \
    X(PyObject *, PySequence_Tuple, (PyObject *)) \
    X(PyObject *, PyDict_Items, (PyObject *)) \
    X(PyObject *, PyDict_New, (void)) \
    X(int, PyDict_SetItemString, (PyObject *, const char *, PyObject *)) \
    X(ssize_t, PyUnicode_GetLength, (PyObject *)) \
    X(uint32_t, PyUnicode_ReadChar, (PyObject *, ssize_t)) \
    X(uint32_t *, PyUnicode_AsUCS4, (PyObject *, uint32_t *, ssize_t, int)) \
    X(PyObject *, PyUnicode_DecodeFSDefault, (const char *)) \
    X(int, PyBytes_AsStringAndSize, (PyObject *, char **, ssize_t *)) \
    X(long long, PyLong_AsLongLongAndOverflow, (PyObject *, int *)) \
    X(PyObject *, PyNumber_ToBase, (PyObject *, int)) \
    X(double, PyFloat_AsDouble, (PyObject *)) \
    X(PyObject *, Py_BuildValue, (const char *, ...)) \
    X(PyObject *, Py_CompileString, (const char *, const char *, int)) \
    X(PyObject *, PyEval_EvalCode, (PyObject *, PyObject *, PyObject *)) \
    X(PyObject *, PyEval_GetBuiltins, (void)) \
    X(PyObject *, PyEval_GetFrame, (void)) \
    X(void, PyErr_SetObject, (PyObject *, PyObject *)) \
    X(PyObject *, PyErr_Occurred, (void)) \
    X(int, PyErr_ExceptionMatches, (PyObject *)) \
    X(void, PyErr_Clear, (void))
#define OPTIONAL(X) \
    X(PyObject *, PyInterpreterState_Get, (void)) /* from 3.9 on */ \
    X(int64_t, PyInterpreterState_GetID, (PyObject *)) \
    X(int, Py_IsFinalizing, (void)) /* from 3.13 on */ \
    X(int, _Py_IsFinalizing, (void)) \
    X(int, _PyUnicode_IsPrintable, (uint32_t))
#define TYPES(X) \
    X(PyUnicode_Type) X(PyLong_Type) X(PyBool_Type) X(PyFloat_Type) X(PyBytes_Type) \
    X(PyTuple_Type) X(PyList_Type) X(PySet_Type) X(PyFrozenSet_Type) X(PyDict_Type) \
    X(PyCode_Type) X(PyType_Type) X(PyFunction_Type)
#define EXCEPTIONS(X) \
    X(PyExc_PermissionError) X(PyExc_InterruptedError) X(PyExc_KeyboardInterrupt)

static struct {
#define FIELD(result, name, arguments) result (*name) arguments;
    FUNCTIONS(FIELD)
    OPTIONAL(FIELD)
#undef FIELD
#define FIELD(name) PyObject *name;
    TYPES(FIELD)
#undef FIELD
#define FIELD(name) PyObject **name;
    EXCEPTIONS(FIELD)
#undef FIELD
    PyObject *none, *true_;
} py;

/* Return the name that this process lacks, or NULL. */
static const char *find_python(void)
{
    void *found;
#define FIND(name) \
    if ((found = look_up(#name)) == NULL) \
        return #name; \
    memcpy(&py.name, &found, sizeof found);
#define FIND_FUNCTION(result, name, arguments) FIND(name)
    FUNCTIONS(FIND_FUNCTION)
    TYPES(FIND)
    EXCEPTIONS(FIND)
#define FIND_OPTIONAL(result, name, arguments) \
    found = look_up(#name); \
    memcpy(&py.name, &found, sizeof found);
    OPTIONAL(FIND_OPTIONAL)
    py.none = look_up("_Py_NoneStruct");
    py.true_ = look_up("_Py_TrueStruct");
    return py.none == NULL || py.true_ == NULL ? "_Py_NoneStruct" : NULL;
}
