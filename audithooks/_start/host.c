/* A Python with a hook that was added before the runtime was initialised: it is made by
   python -m audithooks.host build, which writes options.h. In all else it is that Python.

   Without its hook it does not start. */

#include "start.c"

#include "options.h"

int Py_BytesMain(int argc, char **argv);

/* Where host check finds what is compiled in. */
const char audithooks_host[] __attribute__((used)) = "audithooks host:\n" OPTIONS;

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
    const char *options = audithooks_host + sizeof "audithooks host:\n" - 1, *wrong;
    char *text = NULL;
    if (strncmp(options, "options ", 8) == 0) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%.*s", (int)strcspn(options + 8, "\n"), options + 8);
        if ((options = text = read_options(path, &wrong)) == NULL) {
            fprintf(stderr, "audithooks: this Python does not start without its options: "
                            "%s: %s\n", path, wrong);
            return 1;
        }
    }
    if ((wrong = AuditHooks_Start(options)) != NULL) {
        fprintf(stderr, "audithooks: this Python does not start without its hook: %s\n",
                wrong);
        return 1;
    }
    free(text);
    return Py_BytesMain(argc, argv);
}
