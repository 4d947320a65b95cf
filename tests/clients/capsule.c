/* A client that knows nothing but the capsule, as bindings of other languages do: the
   table is declared here once more, as Rust would with #[repr(C)], and nothing is
   included of audithooks. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

struct Table {
    int version;
    int (*addaudithook)(PyObject *, int (*)(const char *, PyObject *, void *), void *);
    PyObject *(*subscribe)(PyObject *, int (*)(const char *, PyObject *, void *), void *,
                           const char *const *, const char *const *, int);
    int (*close)(PyObject *);
    int (*audit)(PyObject *, const char *, const char *, ...);
    int (*audit_tuple)(PyObject *, const char *, PyObject *);
    PyObject *(*get_event)(PyObject *, const char *);
    int (*raise_event)(PyObject *, const char *, ...);
    int (*raise_event_tuple)(PyObject *, PyObject *);
    int abi_version;
    size_t size;
    size_t enabled_offset;
    PyObject *(*subscribe_owning)(PyObject *,
                                  int (*)(const char *, PyObject *, void *), void *,
                                  const char *const *, const char *const *, int,
                                  void (*)(void *));
    int (*pause)(PyObject *);
    int (*resume)(PyObject *);
    PyObject *(*new_dispatcher)(const char *);
};

static int
count(const char *event, PyObject *args, void *data)
{
    *(long *)data += (long)PyTuple_GET_SIZE(args);
    return 0;
}

static long freed;

static void
free_count(void *data)
{
    freed = *(long *)data;
    PyMem_RawFree(data);
}

static int
is_enabled(const struct Table *table, PyObject *event)
{
    return *(const int *)((const char *)event + table->enabled_offset);
}

/* Return how many arguments the hook counted, and whether the event was enabled before,
   while and after it was there. */
static PyObject *
run(PyObject *self, PyObject *unused)
{
    static const char *const events[] = {"capsule.*", NULL};
    const struct Table *table = PyCapsule_Import("audithooks._C_API", 0);
    PyObject *dispatcher, *event, *subscription, *args;
    long *counted = PyMem_RawCalloc(1, sizeof(long));
    int before, meanwhile, after, failed;
    if (table == NULL) {
        PyMem_RawFree(counted);
        return NULL;
    }
    if (table->abi_version != 1 || table->version < 2
        || table->size < sizeof(struct Table)) {
        PyMem_RawFree(counted);
        return PyErr_Format(PyExc_ImportError, "version %d", table->version);
    }
    dispatcher = table->new_dispatcher("capsule");
    event = table->get_event(dispatcher, "capsule.event");
    args = Py_BuildValue("(ii)", 1, 2);
    before = is_enabled(table, event);
    subscription = table->subscribe_owning(dispatcher, count, counted, events, NULL, 0,
                                           free_count);
    meanwhile = is_enabled(table, event);
    failed = table->raise_event_tuple(event, args)
        || table->raise_event(event, "i", 1)
        || table->audit(dispatcher, "capsule.named", "iii", 1, 2, 3)
        || table->audit_tuple(dispatcher, "capsule.named", args)
        || table->audit(dispatcher, "other", "i", 1) || table->pause(subscription)
        || table->raise_event(event, "i", 1) || table->resume(subscription)
        || table->close(subscription);
    after = is_enabled(table, event);
    Py_DECREF(args);
    Py_DECREF(subscription);
    Py_DECREF(event);
    Py_DECREF(dispatcher);
    return failed ? NULL : Py_BuildValue("(liii)", freed, before, meanwhile, after);
}

static PyMethodDef methods[] = {{"run", run, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "capsule", NULL, 0,
                                        methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit_capsule(void)
{
    return PyModuleDef_Init(&definition);
}
