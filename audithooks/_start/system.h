/* What is different on other systems: here for Linux and macOS. A part of start.c. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#ifdef _WIN32
#include "nt.h"
#else

#include <dlfcn.h>
#include <fnmatch.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>

#define EXPORTED __attribute__((visibility("default")))
#define look_up(name) dlsym(RTLD_DEFAULT, name)
#define this_thread() ((uintptr_t)pthread_self())
#define yield() sched_yield()

/* Errors that the program may yet ask for. */
#define KEEP_ERRORS int error_number = errno
#define RESTORE_ERRORS errno = error_number
#define last_error() errno

static inline const uint32_t *find_code(const uint32_t *codes, uint32_t c, size_t length)
{
    return (const uint32_t *)wmemchr((const wchar_t *)codes, (wchar_t)c, length);
}

/* Return the nanoseconds since 1970. */
static inline long long time_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static inline void describe(int error, char *told, size_t size)
{
    snprintf(told, size, "[Errno %d] %s", error, strerror(error));
}

static inline int has_stderr(void)
{
    struct stat found;
    return fstat(2, &found) == 0;
}

static inline int write_stderr(const char *line, size_t length)
{
    return write(2, line, length) < 0 ? -1 : 0;
}

#ifdef __APPLE__
#define OPEN_FLAGS(X) \
    X(O_SYNC) X(O_CREAT) X(O_EXCL) X(O_NOCTTY) X(O_TRUNC) X(O_APPEND) X(O_NONBLOCK) \
    X(O_DSYNC) X(O_ASYNC) X(O_DIRECTORY) X(O_NOFOLLOW) X(O_CLOEXEC) X(O_SHLOCK) \
    X(O_EXLOCK) X(O_EVTONLY)
#define st_mtim st_mtimespec
#define NO_READER (POLLERR | POLLHUP) /* what poll() says of such a pipe */
#define is_main_thread() pthread_main_np()

/* Find the path of a descriptor. Return 0 or -1. */
static inline int find_path(int fd, char path[PATH_MAX])
{
    return fcntl(fd, F_GETPATH, path) < 0 ? -1 : 0;
}
#else
#include <sys/syscall.h>

#define OPEN_FLAGS(X) \
    X(O_SYNC) X(O_TMPFILE) X(O_CREAT) X(O_EXCL) X(O_NOCTTY) X(O_TRUNC) X(O_APPEND) \
    X(O_NONBLOCK) X(O_DSYNC) X(O_ASYNC) X(O_DIRECT) X(O_DIRECTORY) X(O_NOFOLLOW) \
    X(O_NOATIME) X(O_CLOEXEC) X(O_PATH)
#define NO_READER POLLERR
#define is_main_thread() (syscall(SYS_gettid) == pid)

static inline int find_path(int fd, char path[PATH_MAX])
{
    char link[40];
    ssize_t length;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, PATH_MAX - 1);
    if (length <= 0 || path[0] != '/')
        return -1;
    path[length] = '\0';
    return 0;
}
#endif
#endif
