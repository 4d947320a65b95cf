/* A client in the common part of C and C++ that is built once, for every CPython; with
   Py_TARGET_ABI3T for every one from 3.15 on, without the global interpreter lock, too. */

#ifndef Py_TARGET_ABI3T
#define Py_LIMITED_API 0x03090000
#endif
#include <audithooks.h>

static const AuditHooks_API *api;

static int
append(const char *event, PyObject *args, void *data)
{
    PyObject *record = Py_BuildValue("(sO)", event, args);
    int status = record == NULL ? -1 : PyList_Append((PyObject *)data, record);
    Py_XDECREF(record);
    return status;
}

static AuditHooks_HookFunction const hook = append;

static PyObject *
done(int status)
{
    if (status < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
connect(PyObject *self, PyObject *unused)
{
    api = AuditHooks_Import();
    return api == NULL ? NULL : PyLong_FromLong(api->version);
}

static PyObject *
addaudithook(PyObject *self, PyObject *args)
{
    PyObject *dispatcher, *list;
    if (!PyArg_ParseTuple(args, "OO", &dispatcher, &list)) {
        return NULL;
    }
    Py_INCREF(list); /* the hook is permanent */
    return done(AuditHooks_AddAuditHook(api, dispatcher, hook, list));
}

static PyObject *
subscribe(PyObject *self, PyObject *args)
{
    static const char *const events[] = {"limited.*", NULL};
    static const char *const exclude[] = {"limited.left_out", NULL};
    PyObject *dispatcher, *list;
    if (!PyArg_ParseTuple(args, "OO", &dispatcher, &list)) {
        return NULL;
    }
    Py_INCREF(list); /* for as long as the program runs */
    return AuditHooks_Subscribe(api, dispatcher, hook, list, events, exclude,
                                AUDITHOOKS_REENTRANT);
}

#if AUDITHOOKS_TARGET_VERSION >= 2
static int freed;

static void
free_data(void *data)
{
    ++*(int *)data;
}

static int
ignore(const char *event, PyObject *args, void *data)
{
    return 0;
}

/* Do what is new in version 2 in a dispatcher of its own; return how often data was
   freed. */
static PyObject *
subscribe_owning(PyObject *self, PyObject *unused)
{
    PyObject *dispatcher = AuditHooks_NewDispatcher(api, "limited");
    PyObject *subscription = dispatcher == NULL
        ? NULL
        : AuditHooks_Subscribe(api, dispatcher, ignore, &freed, NULL, NULL, 0, free_data);
    int failed = subscription == NULL || AuditHooks_Pause(api, subscription) < 0
        || AuditHooks_Resume(api, subscription) < 0
        || AuditHooks_Close(api, subscription) < 0;
    Py_XDECREF(subscription);
    Py_XDECREF(dispatcher);
    return failed ? NULL : PyLong_FromLong(freed);
}
#endif

static PyObject *
close_subscription(PyObject *self, PyObject *subscription)
{
    return done(AuditHooks_Close(api, subscription));
}

/* Raise each kind of event that there is, and return how often the argument of the macro
   was evaluated. */
static PyObject *
raise_all(PyObject *self, PyObject *dispatcher)
{
    long evaluated = 0;
    PyObject *one = Py_BuildValue("(i)", 1);
    AuditHooks_Event *event = AuditHooks_GetEvent(api, dispatcher, "limited.resolved");
    int failed = one == NULL || event == NULL
        || AuditHooks_Audit(api, dispatcher, "limited.named", "si", "a", 2) < 0
        || AuditHooks_AuditTuple(api, dispatcher, "limited.named", one) < 0
        || AuditHooks_Audit(api, dispatcher, "limited.left_out", NULL) < 0
        || AuditHooks_Raise(api, event, "i", 3) < 0
        || AuditHooks_RaiseTuple(api, event, one) < 0
        || AuditHooks_AUDIT(api, event, "l", ++evaluated + 10) < 0
#ifndef Py_TARGET_ABI3T
        || AuditHooks_Enabled(event) < 0
#endif
        || AuditHooks_AUDIT(api, event, NULL) < 0;
    Py_XDECREF((PyObject *)event);
    Py_XDECREF(one);
    return failed ? NULL : PyLong_FromLong(evaluated);
}

static PyMethodDef methods[] = {
    {"connect", connect, METH_NOARGS, NULL},
    {"addaudithook", addaudithook, METH_VARARGS, NULL},
    {"subscribe", subscribe, METH_VARARGS, NULL},
    {"close", close_subscription, METH_O, NULL},
    {"raise_all", raise_all, METH_O, NULL},
#if AUDITHOOKS_TARGET_VERSION >= 2
    {"subscribe_owning", subscribe_owning, METH_NOARGS, NULL},
#endif
    {NULL, NULL, 0, NULL}};

#ifdef Py_TARGET_ABI3T

PyABIInfo_VAR(abi_info);

static PySlot module_slots[] = {
    PySlot_PTR_STATIC(Py_mod_abi, &abi_info), PySlot_PTR_STATIC(Py_mod_name, "limited"),
    PySlot_PTR_STATIC(Py_mod_methods, methods),
    PySlot_PTR(Py_mod_gil, Py_MOD_GIL_NOT_USED), PySlot_END};

PyMODEXPORT_FUNC
PyModExport_limited(void)
{
    return module_slots;
}

#else

static PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED /* where it is built without the limited API */
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "limited", NULL, 0,
                                        methods, slots, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit_limited(void)
{
    return PyModuleDef_Init(&definition);
}

#endif
