"""The verified open hook, compiled. Pure Python cannot have it: see open_code_py.py.

The hook is one for the process and outlives the interpreter that set it. So C asks who
is calling before it touches the handler, and lets go of it when the interpreter ends.
"""

from cpython.object cimport PyObject

from audithooks._core.python cimport (
    PyErr_Format, PyFile_SetOpenCodeHook, PyImport_ImportModule, PyInterpreterState,
    PyInterpreterState_Get, PyObject_CallFunctionObjArgs, PyObject_CallMethod,
    PyObject_HasAttrString, PyUnicode_FromObject, Py_AtExit, Py_DECREF, Py_INCREF,
    Py_TYPE
)


cdef PyObject *handler = NULL       # owned until the interpreter has ended
cdef PyInterpreterState *handler_owner      # the interpreter it belongs to
cdef bint remembered = False        # whether that will be called


cdef PyObject *open_code(PyObject *path, void *_) noexcept:
    """Open a file of code as the handler wants it, as PyFile_OpenCode() asks for it."""
    cdef PyObject *found
    if load_pointer(<void **> &handler) == NULL:
        return open_plainly(path)
    if PyInterpreterState_Get() != handler_owner:
        PyErr_Format(
            PermissionError,
            b"the open code hook belongs to another interpreter, it cannot open %R",
            path,
        )
        return NULL
    path = PyUnicode_FromObject(path)  # a subclass may have methods of its own
    if path == NULL:
        return NULL
    found = PyObject_CallFunctionObjArgs(handler, path, NULL)
    Py_DECREF(path)
    if found != NULL and not PyObject_HasAttrString(found, b"read"):
        PyErr_Format(
            TypeError,
            b"an open code hook must return a binary file, not %.200s",
            Py_TYPE(found).tp_name,
        )
        Py_DECREF(found)
        return NULL
    return found


cdef PyObject *open_plainly(PyObject *path) noexcept:
    """Do what is done where there is no hook, for a later interpreter."""
    cdef PyObject *io = PyImport_ImportModule(b"_io")
    cdef PyObject *found = NULL
    if io != NULL:
        found = PyObject_CallMethod(io, b"open", b"Os", path, b"rb")
        Py_DECREF(io)
    return found


cdef void forget_handler() noexcept:
    """Let go of the handler, whose interpreter has ended and taken it along."""
    store_pointer(<void **> &handler, NULL)


cdef void remember_to_forget() except *:
    """See to it that forget_handler() is called, once."""
    global remembered
    if not remembered and Py_AtExit(forget_handler) < 0:
        raise RuntimeError("too many functions are registered by Py_AtExit()")
    remembered = True


def set_open_code_hook(hook):
    """Let *hook* open every file from which Python code is read, permanently.

    *hook* is called with the path, an exact str, which is absolute if the import system
    calls it, and returns a binary file, such as io.BytesIO, or raises to refuse. It is
    called for imports, for archives of modules, by runpy and by io.open_code(), not for
    the script on the command line, which is already open by then. To read the file, it
    uses open(). If it imports modules, it is called for these, too.

    A process can have one such hook; it cannot be replaced or removed, and is called
    until the interpreter has ended. Other interpreters cannot call it, and are refused
    every file with a PermissionError: creating one fails, which up to CPython 3.11 ends
    the process.

    First CPython raises an event without arguments, setopencodehook. If a hook raises a
    RuntimeError for it, this raises HookRejected. Raises TypeError if *hook* is not
    callable, RuntimeError if there is already an open code hook, and
    NotImplementedError in pure Python. See PEP 578, "Verified Open Hook", and
    PyFile_SetOpenCodeHook().

    >>> def verified(path): return open(path, "rb")  # look at it before
    >>> audithooks.set_open_code_hook(verified)

    Added in 0.1.
    """
    global handler_owner
    if not callable(hook):
        raise TypeError(f"hook must be callable, not {type(hook).__name__}")
    remember_to_forget()
    try:
        if PyFile_SetOpenCodeHook(open_code, NULL) < 0:
            raise SystemError("a native hook failed without an exception")
    except RuntimeError as error:
        raise HookRejected(f"a hook refused the open code hook: {error}") from error
    except SystemError as error:
        if str(error) != "failed to change existing open_code hook":
            raise  # of a hook
        raise RuntimeError(f"the open code hook cannot be set: {error}") from error
    handler_owner = PyInterpreterState_Get()  # before other threads find the handler
    Py_INCREF(<PyObject *> hook)
    store_pointer(<void **> &handler, <void *> hook)
