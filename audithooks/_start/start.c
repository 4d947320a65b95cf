/* Audit events from before the interpreter is there, as lines of the tracer.

   PySys_AddAuditHook() is called before the runtime is initialised. As a library that is
   preloaded, this does so by itself, in every process whose Python exports that function,
   and follows what such a process starts; see audithooks/tracer/starting.py. In a program
   that embeds Python, AuditHooks_Start() of audithooks.h does so.

   One binary serves every CPython from 3.8 on: nothing is known of Python.h, and each
   function is looked up by its name. Arguments may hold secrets, so what cannot be told
   apart without the rest of audithooks is hidden as a whole. */

#include "system.h"

#include "names.h"
#include "wanted.h"
#include "text.h"
#include "arguments.h"
#include "output.h"
#include "lines.h"

/* An event by which the Python side of audithooks speaks to this library. The answer is
   an InterruptedError, so that no other hook sees it; see answer(). */
#define PRIVATE "audithooks.start"
/* That by which the Python side asks whether its own hook is called. */
#define PROBE "audithooks.connect"

static char block[64] __attribute__((aligned(16))); /* for the entry of the hook */
static int is_lent, is_running, has_tried, is_python_first;
static Allocator lender;
static _Atomic(PyObject *) owner; /* the interpreter whose events the tracer shows */
static char *trace, *first; /* the options of the tracer, and of its first process */
static __thread int is_inside, is_loading, is_calling;
static __thread int is_told; /* whether the last event of this thread was this one's */
/* The arguments of an import that may be that of the tracer. */
static __thread PyObject *held;

static void *lend(void *context, size_t size)
{
    if (!is_lent && size <= sizeof block) {
        is_lent = 1;
        return block;
    }
    return lender.malloc(context, size);
}

static void give_back(void *context, void *some)
{
    Allocator now;
    if (some != block) {
        lender.free(context, some);
        return;
    }
    is_lent = 0;
    py.PyMem_GetAllocator(RAW, &now);
    if (now.free == give_back) /* and not that of another such hook */
        py.PyMem_SetAllocator(RAW, &lender);
}

/* Return the allocator that there is, and have it lend. */
static Allocator find_lender(void)
{
    Allocator now;
    py.PyMem_GetAllocator(RAW, &now);
    if (now.free != give_back)
        lender = now;
    return now;
}

/* CPython frees the entry of a hook that was added before the runtime was initialised by
   another allocator than the one that made it, if it is told to debug the allocators.
   So the entry is no memory of either. */
static void expect_free(void)
{
    Allocator changed;
    if (!is_lent)
        return;
    changed = find_lender();
    changed.free = give_back;
    py.PyMem_SetAllocator(RAW, &changed);
}

static int is_of_tracer(PyObject *args)
{
    struct characters from = {NULL, NULL, 0, NULL};
    PyObject *type;
    size_t place, length;
    if (wanted.python == NULL || args == NULL || py.PyTuple_Size(args) < 1)
        return 0;
    from.str = py.PyTuple_GetItem(args, 0);
    type = py.PyObject_Type(from.str);
    py.Py_DecRef(type);
    length = strlen(wanted.python);
    if (type != py.PyUnicode_Type
        || (size_t)py.PyUnicode_GetLength(from.str) < length)
        return 0;
    for (place = length; place > 0; place--) /* they differ at their end, mostly */
        if (character(&from, place - 1) != (unsigned char)wanted.python[place - 1])
            return 0;
    return 1;
}

static int is_sitecustomize(const char *event, PyObject *args)
{
    struct characters from = {NULL, NULL, 0, NULL};
    PyObject *type;
    if (!is_python_first || strcmp(event, "import") != 0 || py.PyTuple_Size(args) < 1)
        return 0;
    from.str = py.PyTuple_GetItem(args, 0);
    type = py.PyObject_Type(from.str);
    py.Py_DecRef(type);
    if (type != py.PyUnicode_Type)
        return 0;
    from.length = (size_t)py.PyUnicode_GetLength(from.str);
    return from.length == 13 && has(&from, 13, "sitecustomize");
}

static int is_shown(const char *event)
{
    return (wanted.show.length == 0 || is_among(event, &wanted.show))
        && !is_among(event, &wanted.hide);
}

/* Whether this is the interpreter whose events the tracer shows by now. */
static int is_of_owner(void)
{
    return (atomic_load(&sequence) & CLOSED) && owner == py.PyInterpreterState_Get();
}

static int tell_of(const char *event, PyObject *args, const char *action)
{
    int64_t interpreter = 0;
    long long number;
    if (action == NULL && (!is_shown(event) || strcmp(event, PROBE) == 0
                           || strcmp(event, PRIVATE) == 0))
        return 0;
    if (find_output() < 0)
        return 0;
    show_left_out();
    number = next_number();
    if (number == 0) {
        if (is_of_owner()) { /* since this very moment */
            is_told = 0;
            return 0;
        }
        interpreter = py.PyInterpreterState_GetID(py.PyInterpreterState_Get());
    }
    return show(event, args, number, interpreter, action);
}

static int tell_held(void)
{
    PyObject *args = held;
    int status;
    held = NULL;
    if (args == NULL)
        return 0;
    status = tell_of("import", args, NULL);
    py.Py_DecRef(args);
    return status;
}

/* Whether the Python side is there, which may have been removed. */
static int has_tracer(void)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/sitecustomize.py", wanted.python);
    if (access(path, R_OK) == 0)
        return 1;
    complain("the tracer does not take over", errno);
    return 0;
}

static const char SOURCE[] =
    "path = folder + '/sitecustomize.py'\n"
    "with open(path, 'rb') as file:\n"
    "    code = compile(file.read(), path, 'exec')\n"
    "names = {'__name__': 'audithooks.start', '__file__': path}\n"
    "exec(code, names)\n"
    "names['follow'](folder, trace, first)\n";

/* Have the Python side take over. Return 0, or -1 with an error. */
static int call_python(void)
{
    PyObject *code, *names, *result = NULL;
    PyObject *folder = py.PyUnicode_DecodeFSDefault(wanted.python);
    PyObject *options = py.PyUnicode_DecodeFSDefault(trace);
    PyObject *more = py.PyUnicode_DecodeFSDefault(first == NULL ? "" : first);
    code = py.Py_CompileString(SOURCE, "<audithooks>", FILE_INPUT);
    names = py.PyDict_New();
    if (folder != NULL && options != NULL && more != NULL && code != NULL && names != NULL
        && py.PyDict_SetItemString(names, "__builtins__", py.PyEval_GetBuiltins()) == 0
        && py.PyDict_SetItemString(names, "folder", folder) == 0
        && py.PyDict_SetItemString(names, "trace", options) == 0
        && py.PyDict_SetItemString(names, "first", more) == 0)
        result = py.PyEval_EvalCode(code, names, names);
    py.Py_DecRef(folder);
    py.Py_DecRef(options);
    py.Py_DecRef(more);
    py.Py_DecRef(code);
    py.Py_DecRef(names);
    py.Py_DecRef(result);
    return result == NULL ? -1 : 0;
}

/* Whether the interpreter itself says that it lets go of its hooks. */
static int is_last(const char *event)
{
    if (strcmp(event, "cpython._PySys_ClearAuditHooks") != 0)
        return 0;
    return py.PyEval_GetFrame() == NULL
        || (py.Py_IsFinalizing != NULL && py.Py_IsFinalizing())
        || (py._Py_IsFinalizing != NULL && py._Py_IsFinalizing());
}

/* Whether the Python side asks, with nothing or with None. */
static int is_asked(PyObject *args, int with_none)
{
    ssize_t length = args == NULL ? 0 : py.PyTuple_Size(args);
    return with_none ? length == 1 && py.PyTuple_GetItem(args, 0) == py.none
                     : length == 0;
}

/* Answer the Python side, which asks whether the library is there, with None whether it
   has told of the event that this thread is in, and says True to take over, or False to
   go on without. The answer is the number of the last event, or -1 if it has told, and
   the time of the last line, where the next is relative to that. */
static int answer(PyObject *args)
{
    PyObject *asked = is_asked(args, 0) ? NULL : py.PyTuple_GetItem(args, 0), *told;
    if (asked != NULL && asked != py.none) {
        is_loading = 0;
        has_tried = 1;
        if (asked == py.true_ && py.PyInterpreterState_Get != NULL) {
            is_inside = 1;
            if (find_output() == 0)
                show_left_out();
            is_inside = 0;
            owner = py.PyInterpreterState_Get();
            atomic_fetch_or(&sequence, CLOSED);
            close_output();
        }
    }
    told = py.Py_BuildValue("(LL)",
                            asked == py.none && is_told ? -1LL
                                                        : atomic_load(&sequence) & ~CLOSED,
                            (long long)atomic_load(&last));
    if (told != NULL) {
        py.PyErr_SetObject(*py.PyExc_InterruptedError, told);
        py.Py_DecRef(told);
    }
    return -1;
}

static int refuse(const char *event)
{
    PyObject *args;
    char told[300];
    snprintf(told, sizeof told, "%.200s is denied by audithooks", event);
    args = py.Py_BuildValue("(is)", EPERM, told);
    if (args != NULL) {
        py.PyErr_SetObject(*py.PyExc_PermissionError, args);
        py.Py_DecRef(args);
    }
    return -1;
}

static int handle(const char *event, PyObject *args)
{
    if (is_last(event))
        is_running = 0;
    if (pid != first_pid && !wanted.follow && wanted.refuse.length == 0)
        return 0;
    if (is_of_owner()) {
        is_told = 0;
        return 0;
    }
    if (is_loading)
        return 0;
    if (is_of_tracer(args)) {
        if (held != NULL)
            py.Py_DecRef(held);
        held = NULL;
        is_loading = strcmp(event, "open") == 0;
        return 0;
    }
    if (tell_held() < 0)
        return -1;
    if (is_sitecustomize(event, args)) {
        py.Py_IncRef(args);
        held = args;
        return 0;
    }
    if (is_among(event, &wanted.refuse)) {
        if (tell_of(event, args, "denied") < 0)
            return -1;
        return refuse(event);
    }
    if (!has_tried && trace != NULL && wanted.python != NULL
        && py.PyInterpreterState_Get != NULL && strncmp(event, "cpython.run_", 12) == 0) {
        int status = 0;
        has_tried = 1;
        if (has_tracer()) {
            is_calling = 1;
            status = call_python();
            is_calling = 0;
        }
        if (status < 0)
            return -1;
        if (is_of_owner()) { /* its hooks are called after this one */
            is_told = 0;
            return 0;
        }
    }
    if (pid != first_pid && !wanted.follow)
        return 0;
    return tell_of(event, args, NULL);
}

static int on_event(const char *event, PyObject *args, void *unused)
{
    KEEP_ERRORS;
    int status;
    (void)unused;
    if (strcmp(event, PRIVATE) == 0
        && (is_loading || is_calling || is_asked(args, trace != NULL)))
        return answer(args);
    if (is_inside) /* it is raised by what this does */
        return 0;
    is_inside = is_told = 1;
    status = handle(event, args);
    is_inside = 0;
    if (!is_running) { /* that was the last */
        if (out.failure != 0 && !has_tried)
            complain_of_end(out.failure);
        close_output();
        expect_free();
        atomic_fetch_and(&sequence, ~CLOSED);
        has_tried = 0;
    }
    RESTORE_ERRORS;
    return status;
}

#ifndef _WIN32
static void after_fork(void)
{
    pid = getpid();
    atomic_store(&lock, 0);
    if (wanted.apart) {
        close_output();
        out.was_open = 0;
    }
}
#endif

/* Add the hook, before there is a runtime. Return 0 or -1. */
static int add_hook(void)
{
    Allocator before, changed;
    int status;
#ifdef _WIN32
    main_thread = GetCurrentThreadId();
#else
    static int is_told_of_forks;
    if (!is_told_of_forks && pthread_atfork(NULL, NULL, after_fork) != 0)
        return -1;
    is_told_of_forks = 1;
#endif
    changed = before = find_lender();
    changed.malloc = lend;
    py.PyMem_SetAllocator(RAW, &changed);
    status = py.PySys_AddAuditHook(on_event, NULL);
    py.PyMem_SetAllocator(RAW, &before);
    pid = first_pid = getpid();
    out.has_stderr = has_stderr();
    is_running = status == 0;
    return status;
}

const char *AuditHooks_Start(const char *options); /* see audithooks.h */

EXPORTED const char *AuditHooks_Start(const char *options)
{
    static char wrong[200];
    const char *missing;
    if (is_running)
        return "the hook is there already";
    if (options == NULL)
        return "options must not be NULL";
    if ((missing = find_python()) != NULL) {
        snprintf(wrong, sizeof wrong, "this program has no %s", missing);
        return wrong;
    }
    if (py.Py_IsInitialized())
        return "Python is initialised already";
    if (read_wanted(options, wrong, sizeof wrong) < 0)
        return wrong;
    return add_hook() < 0 ? "PySys_AddAuditHook() failed" : NULL;
}

#ifdef AUDITHOOKS_PRELOADED
#include "preload.h"
#endif
