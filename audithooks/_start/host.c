/* A Python with a hook that was added before the runtime was initialised: it is made by
   python -m audithooks.host build, which writes options.h. In all else it is that Python.

   Without its hook it does not start. */

#include "start.c"

#include "options.h"

/* Where host check finds what is compiled in. */
const char audithooks_host[] __attribute__((used)) = "audithooks host:\n" OPTIONS;

#define BEGIN "audithooks: this Python does not start without "

/* Return the options that are compiled in. */
static const char *own_options(void)
{
    return audithooks_host + sizeof "audithooks host:\n" - 1;
}

/* Add the hook. Return 0, or -1 and say on stderr what is wrong. */
static int begin_with(const char *options)
{
    const char *wrong = AuditHooks_Start(options);
    if (wrong != NULL)
        fprintf(stderr, BEGIN "its hook: %s\n", wrong);
    return wrong == NULL ? 0 : -1;
}

#ifdef _WIN32

int _dowildcard = 0; /* the C runtime is not to expand arguments */

/* Load the library of the Python; see host/nt.py. Return 0, or -1 and say on stderr what
   is wrong. */
static int load_python(void)
{
    wchar_t *path = widened(LIBRARY);
    HMODULE python = path == NULL
        ? NULL
        : LoadLibraryExW(path, NULL, LOAD_WITH_ALTERED_SEARCH_PATH);
    if (python == NULL) {
        char told[400];
        describe(last_error(), told, sizeof told);
        fprintf(stderr, BEGIN "its library: %s: %s\n", LIBRARY, told);
    }
    free(path);
    return python == NULL ? -1 : 0;
}

int wmain(int argc, wchar_t **argv)
{
    static wchar_t own[32768];
    int (*run)(int, wchar_t **);
    void *found;
    /* So that children of multiprocessing are no Python that a virtual environment was
       made of: what starts another one says by this which is meant. */
    if (_wgetenv(L"__PYVENV_LAUNCHER__") == NULL
        && GetModuleFileNameW(NULL, own, sizeof own / sizeof *own) > 0)
        _wputenv_s(L"__PYVENV_LAUNCHER__", own);
    if (load_python() < 0 || begin_with(own_options()) < 0)
        return 1;
    if ((found = look_up("Py_Main")) == NULL) {
        fprintf(stderr, BEGIN "Py_Main() in its library\n");
        return 1;
    }
    memcpy(&run, &found, sizeof run);
    return run(argc, argv);
}

#else

int Py_BytesMain(int argc, char **argv);

/* Return the options in a file that only root may write, or NULL with what is wrong. */
static char *read_options(const char *path, const char **wrong)
{
    enum { MOST = 65536 };
    struct stat found;
    char *text = NULL;
    ssize_t length = 0, some;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *wrong = NULL;
    if (fd < 0 || fstat(fd, &found) < 0)
        *wrong = strerror(errno);
    else if (found.st_uid != 0 || (found.st_mode & (S_IWGRP | S_IWOTH)))
        *wrong = "others than root may write it";
    else if (!S_ISREG(found.st_mode) || found.st_size > MOST)
        *wrong = "it must be a file of at most 65536 bytes";
    else if ((text = calloc(1, MOST + 1)) == NULL)
        *wrong = "there is no memory";
    while (*wrong == NULL && length < MOST
           && (some = read(fd, text + length, (size_t)(MOST - length))) != 0) {
        if (some < 0)
            *wrong = strerror(errno);
        else
            length += some;
    }
    if (fd >= 0)
        close(fd);
    return *wrong == NULL ? text : NULL;
}

int main(int argc, char **argv)
{
    const char *options = own_options(), *wrong;
    char *text = NULL;
    if (strncmp(options, "options ", 8) == 0) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%.*s", (int)strcspn(options + 8, "\n"), options + 8);
        if ((options = text = read_options(path, &wrong)) == NULL) {
            fprintf(stderr, BEGIN "its options: %s: %s\n", path, wrong);
            return 1;
        }
    }
    if (begin_with(options) < 0)
        return 1;
    free(text);
    return Py_BytesMain(argc, argv);
}

#endif
