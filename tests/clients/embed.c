/* Runs each script of its command line in a new interpreter, one after the other. A hook
   that is added before counts the events whose name begins with "embed.", and refuses the
   event whose name is in the environment as EMBED_REFUSES. */

#include <Python.h>
#include <stdlib.h>
#include <string.h>

static const char *refused;
static int seen;

static int
count(const char *event, PyObject *args, void *data)
{
    seen += strncmp(event, "embed.", 6) == 0;
    if (refused != NULL && strcmp(event, refused) == 0) {
        PyErr_SetString(PyExc_ValueError, "refused");
        return -1;
    }
    return 0;
}

int
main(int argc, char **argv)
{
    int i, status = 0;
    refused = getenv("EMBED_REFUSES");
    for (i = 2; i < argc; i++) {
        PyConfig config;
        PyConfig_InitPythonConfig(&config);
        config.install_signal_handlers = 0;
        seen = 0;
        if (PySys_AddAuditHook(count, NULL) < 0
            || PyStatus_Exception(
                PyConfig_SetBytesString(&config, &config.program_name, argv[1]))
            || PyStatus_Exception(Py_InitializeFromConfig(&config))) {
            fprintf(stderr, "no interpreter\n");
            return 2;
        }
        PyConfig_Clear(&config);
        status |= PyRun_SimpleString(argv[i]) != 0;
        status |= Py_FinalizeEx() != 0;
        printf("seen by the hook of before: %d\n", seen);
        fflush(stdout);
    }
    return status;
}
