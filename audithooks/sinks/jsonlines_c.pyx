# cython: language_level=3, freethreading_compatible=True
"""The way of an event to its line of JSON, compiled. Its mirror in pure Python is
jsonlines_py.py.

What does not happen for most events is in jsonlines.py, once for both. A line is built
in a buffer on the stack, so that threads and signal handlers do not meet there.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

import sys
from _thread import get_ident

from .._real import Real
from ..catalogue import described
from ..records.lines import json_text
from ..records.origin import name_of_thread, short, task_name

cdef extern from "../_core/threads.h":
    Py_ssize_t load_size "AuditHooks_LoadSize"(Py_ssize_t *)
    void store_size "AuditHooks_StoreSize"(Py_ssize_t *, Py_ssize_t)
    Py_ssize_t add_size "AuditHooks_AddSize"(Py_ssize_t *, Py_ssize_t)

cdef extern from *:
    """
    #ifdef MS_WINDOWS
    #include <process.h>
    #define AuditHooks_GetPid _getpid
    #define AuditHooks_BeginPid() ((void)0)
    #define AuditHooks_Write(fd, device, inode, path, line, size, end) -1
    #else
    #include <pthread.h>
    #include <sys/stat.h>
    #include <unistd.h>
    #ifdef STATX_INO
    #include <fcntl.h>
    #include <sys/sysmacros.h>
    #endif

    static int AuditHooks_pid;  /* 0 after a fork. getpid() is a call of the system. */

    static void
    AuditHooks_ForgetPid(void)
    {
        AuditHooks_StoreInt(&AuditHooks_pid, 0);
    }

    static void
    AuditHooks_BeginPid(void)
    {
        pthread_atfork(NULL, NULL, AuditHooks_ForgetPid);
    }

    static int
    AuditHooks_GetPid(void)
    {
        int pid = AuditHooks_LoadInt(&AuditHooks_pid);
        if (pid == 0) {
            pid = (int)getpid();
            AuditHooks_StoreInt(&AuditHooks_pid, pid);
        }
        return pid;
    }

    /* Whether a descriptor, or else a path, leads to a file. */
    static int
    AuditHooks_LeadsTo(int fd, const char *path, uint64_t device, uint64_t inode)
    {
    #ifdef STATX_INO  /* Linux writes times more often to a file asked for them. */
        struct statx found;
        return (path ? statx(AT_FDCWD, path, 0, STATX_INO, &found)
                     : statx(fd, "", AT_EMPTY_PATH, STATX_INO, &found)) == 0
            && found.stx_ino == inode
            && makedev(found.stx_dev_major, found.stx_dev_minor) == device;
    #else
        struct stat found;
        return (path ? stat(path, &found) : fstat(fd, &found)) == 0
            && (uint64_t)found.st_ino == inode && (uint64_t)found.st_dev == device;
    #endif
    }

    /* Write to a file if its descriptor, and its path if there is one, lead there.
       Otherwise, and where an error comes, return -1. A descriptor that stands at *end,
       where the last line ended, is still the same. Then *end is set to its end. */
    static Py_ssize_t
    AuditHooks_Write(int fd, uint64_t device, uint64_t inode, const char *path,
                     const char *line, size_t size, Py_ssize_t *end)
    {
        Py_ssize_t at = (Py_ssize_t)lseek(fd, 0, SEEK_CUR), written;
        if ((at <= 0 || at != *end)
            && !AuditHooks_LeadsTo(fd, NULL, device, inode)) {
            return -1;
        }
        if (path != NULL && !AuditHooks_LeadsTo(-1, path, device, inode)) {
            return -1;
        }
        written = write(fd, line, size);
        *end = at < 0 || written < 0 ? 0 : at + written;
        return written;
    }
    #endif
    """
    void begin_pid "AuditHooks_BeginPid"() noexcept
    int getpid "AuditHooks_GetPid"() noexcept
    Py_ssize_t write_to "AuditHooks_Write"(
        int, uint64_t, uint64_t, const char *, const char *, size_t, Py_ssize_t *
    ) nogil

cdef extern from "Python.h":
    int64_t PyLong_AsLongLongAndOverflow(object, int *) except? -1
    uint64_t PyLong_AsUnsignedLongLongMask(object) except? -1
    Py_ssize_t PyUnicode_GET_LENGTH(object)
    Py_UCS4 PyUnicode_MAX_CHAR_VALUE(object)
    const char *PyUnicode_AsUTF8AndSize(object, Py_ssize_t *) except NULL

# As globals of a module they would be gone before the last event.
cdef dict modules = sys.modules
cdef object real = Real
cdef object identifier_of_thread = get_ident
cdef object name_in_threading = name_of_thread
cdef object shortened = short
cdef object name_of_task = task_name
cdef object escaped = json_text
cdef list in_catalogue = described

cdef enum:
    STAMP = 128     # bytes of the time and the numbers that a line begins with
    ROOM = 4096     # bytes of a line that is built here
    SHORT = 512     # bytes that stay together in any pipe
    MAX_NAME = 200  # that of text.py; there is room for two names
    ESCAPED = 1     # kinds of characters; the others are those of secrets.py
    AT = 2
    NAMED = 4
    ANY = 8

cdef uint64_t DAY = 86400 * 1000000     # microseconds

cdef unsigned char[128] KINDS       # of each character
cdef char[128] LETTERS              # behind a backslash
cdef char[200] PAIRS                # of digits, of each number below 100


cdef void learn_characters() noexcept:
    cdef int character
    for character in range(128):
        KINDS[character] = ANY | (ESCAPED if character < 32 else 0)
        LETTERS[character] = b"u"
    for character in b'"\\':
        KINDS[character] |= ESCAPED
        LETTERS[character] = <char> character
    for character in b"=:<":
        KINDS[character] |= NAMED
    KINDS[<int> b"@"] |= AT
    LETTERS[8], LETTERS[9], LETTERS[10] = b"b", b"t", b"n"
    LETTERS[12], LETTERS[13] = b"f", b"r"
    for character in range(100):
        PAIRS[2 * character] = <char> (48 + character // 10)
        PAIRS[2 * character + 1] = <char> (48 + character % 10)


learn_characters()
begin_pid()


cdef inline char *put(char *place, const char *text, Py_ssize_t size) noexcept:
    """Write a text and return the place behind it."""
    memcpy(place, text, size)
    return place + size


cdef inline char *put_before(char *end, const char *text, Py_ssize_t size) noexcept:
    """Write a text in front of *end* and return its place."""
    memcpy(end - size, text, size)
    return end - size


cdef inline char *put_two(char *end, uint64_t number) noexcept:
    """Write two digits in front of *end* and return their place."""
    return put_before(end, PAIRS + 2 * number, 2)


cdef char *put_number(char *end, uint64_t number) noexcept:
    """Write a number in front of *end* and return its place."""
    while number > 99:
        end = put_two(end, number % 100)
        number //= 100
    if number > 9:
        return put_two(end, number)
    end -= 1
    end[0] = <char> (48 + number)
    return end


cdef char *put_time(char *end, int64_t now) noexcept:
    """Write nanoseconds since the epoch in front of *end*, by RFC 3339."""
    # From March of the year 0 on: then leap days are the last of 4, 100 and 400 years.
    cdef uint64_t time = <uint64_t> (now // 1000) + 719468 * DAY
    cdef uint64_t day = time // DAY % 146097
    cdef uint64_t year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    cdef uint64_t month
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    year += time // DAY // 146097 * 400 + (month >= 10)
    time %= DAY
    end = put_two(end, time % 100)
    end = put_two(end, time // 100 % 100)
    end = put_two(end, time // 10000 % 100)
    time //= 1000000
    end = put_two(put_before(end, b".", 1), time % 60)
    end = put_two(put_before(end, b":", 1), time // 60 % 60)
    end = put_two(put_before(end, b":", 1), time // 3600)
    end = put_two(put_before(end, b"T", 1), day + 1)
    end = put_two(put_before(end, b"-", 1), (month + 2) % 12 + 1)
    end = put_two(put_before(end, b"-", 1), year % 100)
    return put_two(end, year // 100)


cdef char *put_quoted(char *place, char *limit, str text, int unwanted) except? NULL:
    """Write a str in quotes and return the place behind it, or NULL if it may not fit,
    is not ASCII, or has a character of an unwanted kind.
    """
    cdef Py_ssize_t size = PyUnicode_GET_LENGTH(text)
    cdef const char *source
    cdef int character, found = 0
    if PyUnicode_MAX_CHAR_VALUE(text) > 127 or size * 6 + 2 > limit - place:
        return NULL
    source = PyUnicode_AsUTF8AndSize(text, NULL)
    for character in source[:size]:
        found |= KINDS[character]
    if found & unwanted:
        return NULL
    place = put(place, b'"', 1)
    if found & ESCAPED:
        for character in source[:size]:
            place = put_escaped(place, character)
    else:
        place = put(place, source, size)
    return put(place, b'"', 1)


cdef char *put_escaped(char *place, int character) noexcept:
    """Write a character, as an escape if it needs one; return the place behind it."""
    if not KINDS[character] & ESCAPED:
        place[0] = <char> character
        return place + 1
    place[0] = b"\\"
    place[1] = LETTERS[character]
    if LETTERS[character] != b"u":
        return place + 2
    place = put(place + 2, b"00", 2)
    place[0] = b"01"[character >> 4]
    place[1] = b"0123456789abcdef"[character & 15]
    return place + 2


cdef char *put_integer(char *place, char *limit, value) except? NULL:
    """Write an int and return the place behind it, or NULL if it has over 64 bits."""
    cdef char[20] digits
    cdef char *start
    cdef int overflow
    cdef int64_t integer = PyLong_AsLongLongAndOverflow(value, &overflow)
    if overflow or limit - place < 20:
        return NULL
    if integer < 0:
        place = put(place, b"-", 1)
    start = put_number(
        digits + 20, -<uint64_t> integer if integer < 0 else <uint64_t> integer
    )
    return put(place, start, digits + 20 - start)


cdef class Writer:
    """Writes a line for each event. JsonLines has what this needs."""

    cdef public dict _kinds
    cdef Py_ssize_t number      # of the last line
    cdef Py_ssize_t position    # of its end in the file, or 0 if that is not known

    def _go_on(self, numbers, time):
        """Go on with these numbers."""
        cdef Py_ssize_t last = numbers.__next__() - 1
        # Another thread that goes on with the same ones may have come further.
        if last > load_size(&self.number):
            store_size(&self.number, last)

    def __call__(self, event, args, action=""):
        """__call__($self, /, event, args, action='')\n--\n
        Write an event; *action* is what became of it, if that is known.
        """
        cdef char[ROOM] buffer
        cdef char *limit = buffer + ROOM
        cdef char *names = buffer + STAMP   # and their end
        cdef char *start
        cdef char *end = NULL
        cdef const char *path = NULL
        cdef Py_ssize_t size, position, written = 0
        cdef uint64_t device, inode
        cdef int fd
        file = self._file
        if file is None:
            raise ValueError("an event came after close() of this JsonLines")
        thread = identifier_of_thread()
        if "threading" in modules:
            name = name_in_threading(thread)
            if (
                type(name) is not str
                or PyUnicode_GET_LENGTH(name) > MAX_NAME
                or PyUnicode_MAX_CHAR_VALUE(name) > 127
            ):
                name = shortened(name)
            names = self.put_name(names, b',"thread_name":', name)
        if "asyncio.tasks" in modules:
            names = self.put_name(names, b',"task":', name_of_task())
        if not action:
            end = self.put_plain(names, limit, event, args)
        rest = b""
        # A pipe takes SHORT bytes at once, by POSIX.
        if end == NULL or (
            end - buffer > SHORT and file.direct is None and end - buffer > file.most
        ):
            end = names
            rest = self._rest(event, args, action, file.most - (names - buffer))
            if len(<bytes> rest) <= limit - end:
                end = put(end, <bytes> rest, len(<bytes> rest))
                rest = b""
        # These come last: what was called before may have raised, or torn a line.
        start = self.put_stamp(buffer + STAMP, thread)
        direct = file.direct
        size = end - start
        if direct is not None and not rest:
            fd = direct[0]
            device = PyLong_AsUnsignedLongLongMask(direct[1])
            inode = PyLong_AsUnsignedLongLongMask(direct[2])
            if direct[3] is not None:
                path = <bytes> direct[3]
            position = load_size(&self.position)
            with nogil:
                written = write_to(fd, device, inode, path, start, size, &position)
            store_size(&self.position, position)
            if written == size:
                return
        file.write(start[:size] + rest, max(written, 0))

    cdef char *put_name(self, char *place, bytes member, name) except NULL:
        """Write a member, if it has a name, and return the place behind it."""
        cdef char *end
        if name is None:
            return place
        place = put(place, member, len(member))
        end = put_quoted(place, place + 6 * MAX_NAME + 2, name, 0)
        if end == NULL:
            text = escaped(self._quote(name)).encode()  # at most seven for a character
            end = put(place, text, len(text))
        return end

    cdef char *put_stamp(self, char *end, thread) except NULL:
        """Write the start of a line in front of *end*, and return its place."""
        cdef int64_t now = real.time_ns()
        end = put_number(end, <uint64_t> thread)
        end = put_number(put_before(end, b',"thread":', 10), getpid())
        end = put_number(put_before(end, b',"pid":', 7), add_size(&self.number, 1))
        end = put_time(put_before(end, b'Z","seq":', 9), now)
        return put_before(end, b'{"time":"', 9)

    cdef char *put_plain(
        self, char *place, char *limit, event, args
    ) except? NULL:
        """Write a line from the event on and return the place behind it, or NULL if it
        is not made of plain values, or has no room.
        """
        cdef Py_ssize_t count, known, number, longest, size
        cdef const char *text
        cdef int unwanted
        if type(event) is not str or type(args) is not tuple:
            return NULL
        kind = self._kinds.get(event)
        if kind is not None:
            count, known, parts, last, longest = <tuple> kind
        if kind is None or count != len(<tuple> args) or known != len(in_catalogue):
            kind = self._learn(event, args)
            if kind is None:
                return NULL
            _, _, parts, last, longest = <tuple> kind
        for number, before, _, unwanted in <tuple> parts:
            text = PyUnicode_AsUTF8AndSize(before, &size)
            if size + 5 > limit - place:
                return NULL
            place = put(place, text, size)
            value = (<tuple> args)[number]
            if type(value) is str:
                if PyUnicode_GET_LENGTH(value) > longest:
                    return NULL
                place = put_quoted(place, limit, value, unwanted)
            elif type(value) is int:
                place = put_integer(place, limit, value)
            elif value is None:
                place = put(place, b"null", 4)
            elif value is True:
                place = put(place, b"true", 4)
            elif value is False:
                place = put(place, b"false", 5)
            else:
                return NULL
            if place == NULL:
                return NULL
        text = PyUnicode_AsUTF8AndSize(last, &size)
        return put(place, text, size) if size <= limit - place else NULL
