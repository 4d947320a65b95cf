/* Runs each script of its command line in a new interpreter, one after the other, with
   the hook of AuditHooks_Start() and the options in the environment as START_OPTIONS. */

#include <audithooks.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
    int i, status = 0;
    for (i = 1; i < argc; i++) {
        const char *wrong = AuditHooks_Start(getenv("START_OPTIONS"));
        if (wrong != NULL) {
            fprintf(stderr, "%s\n", wrong);
            return 3;
        }
        Py_Initialize();
        wrong = AuditHooks_Start(getenv("START_OPTIONS"));
        fprintf(stderr, "%s\n", wrong == NULL ? "added twice" : wrong);
        if (getenv("START_IMPORTS") != NULL && AuditHooks_Import() == NULL)
            PyErr_Print();
        status |= PyRun_SimpleString(argv[i]) != 0;
        status |= Py_FinalizeEx() != 0;
    }
    return status;
}
