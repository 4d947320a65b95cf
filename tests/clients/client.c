/* A C extension that calls every function of audithooks.h for the tests. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <audithooks.h>

static const AuditHooks_API *api;

/* The hooks. Their data is a list, or NULL. */

int
log_hook(const char *event, PyObject *args, void *data)
{
    PyObject *record;
    int status = -1;
    if (PyErr_Occurred() || !PyTuple_CheckExact(args)) {
        return -1;
    }
    record = Py_BuildValue("(sO)", event, args);
    if (record != NULL) {
        status = data == NULL ? 0 : PyList_Append((PyObject *)data, record);
        Py_DECREF(record);
    }
    return status;
}

static int
fail_hook(const char *event, PyObject *args, void *data)
{
    if (strcmp(event, "fail") == 0) {
        PyErr_SetObject(PyExc_ValueError, args);
        return -1;
    }
    return log_hook(event, args, data);
}

static int
veto_hook(const char *event, PyObject *args, void *data)
{
    if (strcmp(event, "sys.addaudithook") == 0
        || strcmp(event, "audithooks.unsubscribe") == 0) {
        PyErr_SetString(PyExc_RuntimeError, "no more hooks");
        return -1;
    }
    return log_hook(event, args, data);
}

static int
silent_hook(const char *event, PyObject *args, void *data)
{
    return strcmp(event, "fail") == 0 ? -1 : log_hook(event, args, data);
}

static int
careless_hook(const char *event, PyObject *args, void *data)
{
    if (strcmp(event, "fail") == 0) {
        PyErr_SetString(PyExc_ValueError, "set, but not returned");
        return 0;
    }
    return log_hook(event, args, data);
}

static int
positive_hook(const char *event, PyObject *args, void *data)
{
    return log_hook(event, args, data) == 0 ? 7 : -1;
}

static int
empty_hook(const char *event, PyObject *args, void *data)
{
    return 0;
}

static int
raising_hook(const char *event, PyObject *args, void *data)
{
    if (strcmp(event, "inner") != 0
        && AuditHooks_Audit(api, (PyObject *)data, "inner", "s", event) < 0) {
        return -1;
    }
    return 0;
}

/* Raises each event again. */
static int
endless_hook(const char *event, PyObject *args, void *data)
{
    return AuditHooks_Audit(api, (PyObject *)data, event, NULL);
}

static Py_AuditHookFunction
hook_named(const char *name)
{
    static const struct {
        const char *name;
        Py_AuditHookFunction hook;
    } hooks[] = {{"log", log_hook},         {"fail", fail_hook},
                 {"veto", veto_hook},       {"silent", silent_hook},
                 {"careless", careless_hook}, {"positive", positive_hook},
                 {"empty", empty_hook},     {"raising", raising_hook},
                 {"endless", endless_hook}};
    size_t i;
    for (i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
        if (strcmp(hooks[i].name, name) == 0) {
            return hooks[i].hook;
        }
    }
    return NULL; /* a wrong argument, for tests of errors */
}

/* An exception that is set when the next function of the API is called, as it is where C
   code cleans up; or the class of one, or a function that raises it. */
static PyObject *held;

static PyObject *
hold(PyObject *self, PyObject *error)
{
    Py_INCREF(error);
    Py_XDECREF(held);
    held = error;
    Py_RETURN_NONE;
}

/* Set what is held, and return whether there was any. Stands right before a function of
   the API is called. */
static int
begin(void)
{
    PyObject *error = held;
    if (error == NULL) {
        return 0;
    }
    held = NULL; /* as a hook may call other functions of this module */
    if (PyType_Check(error)) {
        PyErr_SetNone(error);
    }
    else if (PyCallable_Check(error)) {
        Py_XDECREF(PyObject_CallObject(error, NULL));
    }
    else {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    }
    Py_DECREF(error);
    return 1;
}

/* Return an object or the status of a function of the API as Python does; in a pair with
   the exception that is set now if one was set before. */
static PyObject *
end(int was_set, int status, PyObject *result)
{
    PyObject *kind, *value, *traceback;
    if (!was_set) {
        if (status >= 0 && result == NULL) {
            Py_RETURN_NONE;
        }
        return result;
    }
    PyErr_Fetch(&kind, &value, &traceback);
    if (kind != NULL) {
        PyErr_NormalizeException(&kind, &value, &traceback);
    }
    Py_XDECREF(kind);
    Py_XDECREF(traceback);
    if (result == NULL) {
        result = PyLong_FromLong(status);
    }
    return Py_BuildValue("(NN)", result, value != NULL ? value : Py_BuildValue(""));
}

/* Call a function of the API and return what it returns, by both of the above. */
#define RETURN_STATUS(...)                 \
    do {                                   \
        int was_set = begin();             \
        int status = __VA_ARGS__;          \
        return end(was_set, status, NULL); \
    } while (0)
#define RETURN_OBJECT(...)                                    \
    do {                                                      \
        int was_set = begin();                                \
        PyObject *result = (PyObject *)__VA_ARGS__;           \
        return end(was_set, result != NULL ? 0 : -1, result); \
    } while (0)

static PyObject *
connect(PyObject *self, PyObject *unused)
{
    int was_set = begin();
    api = AuditHooks_Import();
    return end(was_set, api == NULL ? -1 : 0,
               api == NULL ? NULL : PyLong_FromLong(api->version));
}

static PyObject *
addaudithook(PyObject *self, PyObject *args)
{
    PyObject *dispatcher, *data;
    const char *hook;
    if (!PyArg_ParseTuple(args, "OsO", &dispatcher, &hook, &data)) {
        return NULL;
    }
    Py_INCREF(data); /* the hook is permanent */
    RETURN_STATUS(AuditHooks_AddAuditHook(api, dispatcher, hook_named(hook), data));
}

/* Make an array of the strings in a tuple; NULL for None. */
static int
strings_of(PyObject *strings, const char **array, const char ***found)
{
    Py_ssize_t i;
    *found = strings == Py_None ? NULL : array;
    for (i = 0; strings != Py_None && i < PyTuple_GET_SIZE(strings); i++) {
        array[i] = PyBytes_AsString(PyTuple_GET_ITEM(strings, i));
        if (array[i] == NULL) {
            return -1;
        }
    }
    array[i] = NULL;
    return 0;
}

static PyObject *
subscribe(PyObject *self, PyObject *args)
{
    PyObject *dispatcher, *data, *events, *exclude;
    const char *wanted[8], *unwanted[8], **some, **others, *hook;
    int flags;
    if (!PyArg_ParseTuple(args, "OsOOOi", &dispatcher, &hook, &data, &events,
                          &exclude, &flags)
        || strings_of(events, wanted, &some) < 0
        || strings_of(exclude, unwanted, &others) < 0) {
        return NULL;
    }
    Py_INCREF(data); /* for as long as the tests run */
    RETURN_OBJECT(AuditHooks_Subscribe(api, dispatcher, hook_named(hook), data, some,
                                       others, flags));
}

static PyObject *
close_(PyObject *self, PyObject *subscription)
{
    RETURN_STATUS(AuditHooks_Close(api, subscription));
}

static PyObject *
close_null(PyObject *self, PyObject *unused)
{
    RETURN_STATUS(AuditHooks_Close(api, NULL));
}

static PyObject *
pause_(PyObject *self, PyObject *subscription)
{
    RETURN_STATUS(AuditHooks_Pause(api, subscription));
}

static PyObject *
pause_null(PyObject *self, PyObject *unused)
{
    RETURN_STATUS(AuditHooks_Pause(api, NULL));
}

static PyObject *
resume(PyObject *self, PyObject *subscription)
{
    RETURN_STATUS(AuditHooks_Resume(api, subscription));
}

static PyObject *
resume_null(PyObject *self, PyObject *unused)
{
    RETURN_STATUS(AuditHooks_Resume(api, NULL));
}

/* Make a dispatcher; its name is a str, bytes or None. */
static PyObject *
new_dispatcher(PyObject *self, PyObject *name)
{
    const char *text = NULL;
    if (name != Py_None) {
        text = PyBytes_Check(name) ? PyBytes_AsString(name) : PyUnicode_AsUTF8(name);
        if (text == NULL) {
            return NULL;
        }
    }
    RETURN_OBJECT(AuditHooks_NewDispatcher(api, text));
}

/* The data of a hook that is freed: a reference to a callable, which is called with what
   it finds. Used after that, it is found by valgrind and the sanitizers. */
typedef struct {
    PyObject *callable;
} Data;

static void
free_data(void *data)
{
    PyObject *callable = ((Data *)data)->callable;
    if (PyErr_Occurred()) { /* none may be set here */
        abort();
    }
    free(data);
    Py_XDECREF(PyObject_CallObject(callable, NULL)); /* an exception stays set */
    Py_DECREF(callable);
}

static int
call_hook(const char *event, PyObject *args, void *data)
{
    PyObject *result = PyObject_CallFunction(((Data *)data)->callable, "sO", event, args);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

/* Says how often it was called on stderr, without Python. */
static int frees;

static void
say_free(void *data)
{
    fprintf(stderr, "freed %s %d\n", (const char *)data, ++frees);
}

static int
say_hook(const char *event, PyObject *args, void *data)
{
    if (strncmp(event, "say.", 4) == 0) {
        fprintf(stderr, "%s %s\n", (const char *)data, event);
    }
    return 0;
}

/* Subscribe a hook that calls a callable, and call that without arguments when it is
   freed; of a str, write it to stderr instead. */
static PyObject *
subscribe_owning(PyObject *self, PyObject *args)
{
    PyObject *dispatcher, *callable;
    const char *names[2] = {NULL, NULL};
    int flags = 0, is_text, wrong = 0;
    Data *data = NULL;
    if (!PyArg_ParseTuple(args, "OOz|ip", &dispatcher, &callable, &names[0], &flags,
                          &wrong)) {
        return NULL;
    }
    is_text = PyUnicode_Check(callable);
    Py_INCREF(callable); /* a text for as long as the process lives */
    if (!is_text) {
        data = malloc(sizeof(Data));
        data->callable = callable;
    }
    RETURN_OBJECT(AuditHooks_Subscribe(
        api, dispatcher, wrong ? NULL : is_text ? say_hook : call_hook,
        is_text ? (void *)PyUnicode_AsUTF8(callable) : data,
        names[0] == NULL ? NULL : names, NULL, flags, is_text ? say_free : free_data));
}

/* Keep an object for ever, as a static variable of C code does. */
static PyObject *
leak(PyObject *self, PyObject *object)
{
    Py_INCREF(object);
    Py_RETURN_NONE;
}

static PyObject *
audit(PyObject *self, PyObject *args)
{
    PyObject *dispatcher, *one = NULL, *two = NULL;
    const char *event, *format;
    if (!PyArg_ParseTuple(args, "Ozz|OO", &dispatcher, &event, &format, &one, &two)) {
        return NULL;
    }
    RETURN_STATUS(AuditHooks_Audit(api, dispatcher, event, format, one, two));
}

static PyObject *
audit_null(PyObject *self, PyObject *unused)
{
    RETURN_STATUS(AuditHooks_Audit(api, NULL, "client.null", NULL));
}

static PyObject *
audit_values(PyObject *self, PyObject *args)
{
    PyObject *dispatcher;
    if (!PyArg_ParseTuple(args, "O", &dispatcher)) {
        return NULL;
    }
    RETURN_STATUS(AuditHooks_Audit(api, dispatcher, "values", "isy#[ii](ii){s:d}", 1,
                                   "two", "\0three", (Py_ssize_t)6, 4, 5, 6, 7, "eight",
                                   9.0));
}

/* Raise an event with a format that takes up to 70 numbers: 1, 2, and so on. */
static PyObject *
audit_numbers(PyObject *self, PyObject *args)
{
    PyObject *dispatcher;
    const char *event, *format;
    if (!PyArg_ParseTuple(args, "Oss", &dispatcher, &event, &format)) {
        return NULL;
    }
#define TEN(n) n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8, n + 9, n + 10
    RETURN_STATUS(AuditHooks_Audit(api, dispatcher, event, format, TEN(0), TEN(10),
                                   TEN(20), TEN(30), TEN(40), TEN(50), TEN(60)));
#undef TEN
}

static PyObject *
audit_tuple(PyObject *self, PyObject *args)
{
    PyObject *dispatcher, *given = NULL;
    const char *event;
    if (!PyArg_ParseTuple(args, "Oz|O", &dispatcher, &event, &given)) {
        return NULL;
    }
    RETURN_STATUS(AuditHooks_AuditTuple(api, dispatcher, event, given));
}

static PyObject *
get_event(PyObject *self, PyObject *args)
{
    PyObject *dispatcher;
    const char *name;
    if (!PyArg_ParseTuple(args, "Oz", &dispatcher, &name)) {
        return NULL;
    }
    RETURN_OBJECT(AuditHooks_GetEvent(api, dispatcher, name));
}

static PyObject *
enabled(PyObject *self, PyObject *event)
{
    int was_set = begin();
    int is_enabled = AuditHooks_Enabled((AuditHooks_Event *)event);
    return end(was_set, 0, PyLong_FromLong(is_enabled));
}

static PyObject *
raise_(PyObject *self, PyObject *args)
{
    PyObject *event, *one = NULL, *two = NULL;
    const char *format;
    if (!PyArg_ParseTuple(args, "Oz|OO", &event, &format, &one, &two)) {
        return NULL;
    }
    RETURN_STATUS(AuditHooks_Raise(api, (AuditHooks_Event *)event, format, one, two));
}

/* Raise the event that is in a list, to which nothing else refers. */
static PyObject *
raise_from(PyObject *self, PyObject *list)
{
    PyObject *event = PyList_GetItem(list, 0);
    if (event == NULL) {
        return NULL;
    }
    RETURN_STATUS(AuditHooks_Raise(api, (AuditHooks_Event *)event, "i", 1));
}

static PyObject *
raise_null(PyObject *self, PyObject *unused)
{
    RETURN_STATUS(AuditHooks_Raise(api, (AuditHooks_Event *)NULL, NULL));
}

static PyObject *
raise_tuple(PyObject *self, PyObject *args)
{
    PyObject *event, *given = NULL;
    if (!PyArg_ParseTuple(args, "O|O", &event, &given)) {
        return NULL;
    }
    RETURN_STATUS(AuditHooks_RaiseTuple(api, (AuditHooks_Event *)event, given));
}

/* Raise an event a hundred times by the macro, and return how often its argument was
   evaluated. */
static PyObject *
evaluations(PyObject *self, PyObject *object)
{
    AuditHooks_Event *event = (AuditHooks_Event *)object;
    long count = 0;
    int i;
    for (i = 0; i < 100; i++) {
        if (AuditHooks_AUDIT(api, event, "l", ++count) < 0) {
            return NULL;
        }
    }
    return PyLong_FromLong(count);
}

/* Raise no event by the macro. */
static PyObject *
raise_null_by_macro(PyObject *self, PyObject *unused)
{
    RETURN_STATUS(AuditHooks_AUDIT(api, (AuditHooks_Event *)NULL, "i", 1));
}

static PyObject *
enabled_null(PyObject *self, PyObject *unused)
{
    return PyLong_FromLong(AuditHooks_Enabled(NULL));
}

/* Raise an event once by the macro. */
static PyObject *
raise_by_macro(PyObject *self, PyObject *event)
{
    RETURN_STATUS(AuditHooks_AUDIT(api, (AuditHooks_Event *)event, "i", 1));
}

static void
drop_data(PyObject *capsule)
{
    Py_XDECREF((PyObject *)PyCapsule_GetContext(capsule));
}

/* Put a hook into a capsule that owns its data. */
static PyObject *
capsule(PyObject *self, PyObject *args)
{
    PyObject *data, *found;
    const char *hook, *name = AUDITHOOKS_HOOK;
    static char kept[100];
    if (!PyArg_ParseTuple(args, "sO|z", &hook, &data, &name)) {
        return NULL;
    }
    if (name != NULL && strcmp(name, AUDITHOOKS_HOOK) == 0) {
        name = AUDITHOOKS_HOOK;
    }
    else if (name != NULL) {
        name = strncpy(kept, name, sizeof(kept) - 1);
    }
    found = PyCapsule_New((void *)hook_named(hook), name, drop_data);
    if (found != NULL) {
        Py_INCREF(data);
        PyCapsule_SetContext(found, data);
    }
    return found;
}

static PyMethodDef methods[] = {
    {"hold", hold, METH_O, NULL},
    {"connect", connect, METH_NOARGS, NULL},
    {"addaudithook", addaudithook, METH_VARARGS, NULL},
    {"subscribe", subscribe, METH_VARARGS, NULL},
    {"close", close_, METH_O, NULL},
    {"close_null", close_null, METH_NOARGS, NULL},
    {"pause", pause_, METH_O, NULL},
    {"pause_null", pause_null, METH_NOARGS, NULL},
    {"resume", resume, METH_O, NULL},
    {"resume_null", resume_null, METH_NOARGS, NULL},
    {"new_dispatcher", new_dispatcher, METH_O, NULL},
    {"subscribe_owning", subscribe_owning, METH_VARARGS, NULL},
    {"leak", leak, METH_O, NULL},
    {"audit", audit, METH_VARARGS, NULL},
    {"audit_null", audit_null, METH_NOARGS, NULL},
    {"audit_values", audit_values, METH_VARARGS, NULL},
    {"audit_numbers", audit_numbers, METH_VARARGS, NULL},
    {"audit_tuple", audit_tuple, METH_VARARGS, NULL},
    {"get_event", get_event, METH_VARARGS, NULL},
    {"enabled", enabled, METH_O, NULL},
    {"raise_", raise_, METH_VARARGS, NULL},
    {"raise_from", raise_from, METH_O, NULL},
    {"raise_null", raise_null, METH_NOARGS, NULL},
    {"raise_tuple", raise_tuple, METH_VARARGS, NULL},
    {"evaluations", evaluations, METH_O, NULL},
    {"raise_by_macro", raise_by_macro, METH_O, NULL},
    {"raise_null_by_macro", raise_null_by_macro, METH_NOARGS, NULL},
    {"enabled_null", enabled_null, METH_NOARGS, NULL},
    {"capsule", capsule, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "client", NULL, 0,
                                        methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit_client(void)
{
    return PyModuleDef_Init(&definition);
}
