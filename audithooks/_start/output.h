/* The output: a file, a pipe or a terminal that the program may close or replace. A
   part of start.c. */

static struct {
    int fd, was_open, is_pipe, is_over, is_torn, has_stderr;
    int failure; /* an error that nobody was told of yet */
    dev_t device;
    ino_t inode;
    size_t most; /* bytes that stay together in one write */
    char path[PATH_MAX];
} out = {.fd = -1};
static atomic_int lock;
static atomic_llong sequence, left_out, last;
static pid_t pid, first_pid;

static void complain_of(const char *what, int error, const char *path)
{
    char line[PATH_MAX + 512], told[400];
    const char *quote = path[0] == '\0' ? "" : "'";
    int length;
    describe(error, told, sizeof told);
    length = snprintf(line, sizeof line, "audithooks: %s: %s%s%s%s%s\n", what, told,
                      path[0] == '\0' ? "" : ": ", quote, path, quote);
    if (out.has_stderr && length > 0 && write_stderr(line, (size_t)length) < 0)
        return; /* there is none any more */
}

static void complain(const char *what, int error)
{
    complain_of(what, error, "");
}

/* Say that nothing more is written, why, and to what. */
static void complain_of_end(int error)
{
    complain_of("the trace ends here", error,
                out.path[0] == '\0' ? wanted.output : out.path);
}

#ifdef _WIN32
#include "handle.h"
#else
static int find_output(void);

enum { STILL = 2000000000 }; /* nanoseconds that the clock of a file system may be late */
#define NOBODY_READS(error) ((error) == ENXIO || (error) == EPIPE)
#define IS_TOO_MANY(error) ((error) == EMFILE || (error) == ENFILE)

static int is_there(int fd)
{
    struct stat found;
    return fd >= 0 && fstat(fd, &found) == 0 && found.st_dev == out.device
        && found.st_ino == out.inode;
}

/* Return the descriptor that the output is, or -1 if it is a path. */
static int given(void)
{
    return wanted.output[0] == '&' ? atoi(wanted.output + 1) : -1;
}

/* Duplicate to a high number: a program that closes what it does not know opens its own
   files with the lowest. */
static int duplicate(int fd)
{
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 960);
    if (high < 0 && errno == EINVAL)
        high = fcntl(fd, F_DUPFD_CLOEXEC, 200);
    if (high < 0 && errno == EINVAL)
        high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return high;
}

static int open_path(const char *path)
{
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int fd = open(path, flags, 0666), high, error;
    if (fd < 0)
        return -1;
    high = fcntl(fd, F_SETFL, O_APPEND) < 0 ? -1 : duplicate(fd);
    error = errno;
    close(fd);
    errno = error;
    return high;
}

/* Open the output, or open it again. Return 0, or -1 with errno. */
static int open_output(void)
{
    int is_new = !out.was_open, is_given = given() >= 0, fd;
    struct stat found;
    if (is_given && (is_new || is_there(given()))) {
        if ((fd = duplicate(given())) < 0)
            return -1;
        if (find_path(fd, out.path) < 0)
            out.path[0] = '\0';
    } else {
        if (!is_given && wanted.apart)
            snprintf(out.path, sizeof out.path, "%s.%d", wanted.output, (int)pid);
        else if (!is_given)
            snprintf(out.path, sizeof out.path, "%s", wanted.output);
        if (out.path[0] == '\0') { /* a pipe of which only the descriptor was known */
            errno = EBADF;
            return -1;
        }
        if ((fd = open_path(out.path)) < 0)
            return -1;
        /* The path of another descriptor may lead elsewhere by now. */
        if (!is_new && (is_given || strncmp(out.path, "/proc/", 6) == 0)
            && !is_there(fd)) {
            close(fd);
            errno = EBADF;
            return -1;
        }
    }
    if (fstat(fd, &found) < 0) {
        close(fd);
        return -1;
    }
    if (is_new && wanted.apart && !wanted.append && S_ISREG(found.st_mode)
        && found.st_mtim.tv_sec * 1000000000LL + found.st_mtim.tv_nsec
               < wanted.began - STILL
        && ftruncate(fd, 0) < 0) { /* it is that of an earlier process */
        close(fd);
        return -1;
    }
    out.device = found.st_dev;
    out.inode = found.st_ino;
    out.is_pipe = S_ISFIFO(found.st_mode) || S_ISSOCK(found.st_mode);
    out.most = S_ISFIFO(found.st_mode) ? (size_t)fpathconf(fd, _PC_PIPE_BUF) : SIZE_MAX;
    out.fd = fd;
    return 0;
}

/* Close the descriptor, unless it is the program's by now. */
static void close_output(void)
{
    if (is_there(out.fd))
        close(out.fd);
    out.fd = -1;
}

/* Write a line in one write that is not split. */
static void write_line(const char *line, size_t length)
{
    size_t written = 0;
    int is_lost = 0;
    if (out.is_pipe) { /* SIGPIPE may still end the process */
        struct pollfd asked = {out.fd, 0, 0};
        if (poll(&asked, 1, 0) > 0 && (asked.revents & NO_READER)) {
            out.is_over = 1;
            return;
        }
    }
    if (out.is_torn && write(out.fd, "\n", 1) == 1)
        out.is_torn = 0;
    while (written < length) {
        ssize_t some = write(out.fd, line + written, length - written);
        if (some >= 0) {
            written += (size_t)some;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN) { /* given as a descriptor that does not block */
            struct pollfd asked = {out.fd, POLLOUT, 0};
            poll(&asked, 1, -1);
            continue;
        }
        if (errno == EBADF && !is_lost) { /* closed in this moment, or for reading */
            is_lost = 1;
            out.fd = -1;
            if (find_output() < 0)
                return;
            continue;
        }
        out.is_torn = written > 0;
        out.is_over = 1;
        if (errno != EPIPE)
            complain_of_end(errno);
        return;
    }
}
#endif

/* See to it that there is an output. Return 0, or -1 if a line cannot be written. */
static int find_output(void)
{
    int status = 0, error;
    if (out.is_over)
        return -1;
    while (atomic_exchange(&lock, 1))
        yield();
    /* Before that, there is no program that could have closed it. */
    if (out.fd < 0 || (py.Py_IsInitialized() && !is_there(out.fd))) {
        out.fd = -1;
        status = open_output();
    }
    error = last_error();
    out.was_open |= status == 0;
    atomic_store(&lock, 0);
    if (status == 0)
        return 0;
    if (IS_TOO_MANY(error)) {
        atomic_fetch_add(&left_out, 1);
        return -1;
    }
    out.is_over = 1;
    if (NOBODY_READS(error))
        return -1;
    if (wanted.python != NULL && !out.was_open)
        out.failure = error; /* the tracer will say so, if it comes */
    else
        complain_of_end(error);
    return -1;
}
