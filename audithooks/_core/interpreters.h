/* Which interpreter may have the compiled modules: the main one, whoever asks first.

   A module of Cython works in one interpreter of a process, the one that imports it
   first. It asks for the number of that, where -1 tells of an exception; so a
   subinterpreter gets one, and leaves the modules, and with them the C API, to the main
   interpreter. See https://github.com/cython/cython/issues/732. */

#ifndef AUDITHOOKS_INTERPRETERS_H
#define AUDITHOOKS_INTERPRETERS_H

#include <Python.h>

static inline int64_t
AuditHooks_GetMainID(PyInterpreterState *interpreter)
{
    if (interpreter != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError,
                        "the compiled modules are for the main interpreter, and this is "
                        "another (https://github.com/cython/cython/issues/732)");
        return -1;
    }
    return PyInterpreterState_GetID(interpreter);
}

#define PyInterpreterState_GetID AuditHooks_GetMainID

#endif
