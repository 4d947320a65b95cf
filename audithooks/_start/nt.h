/* What is different on Windows. A part of system.h, for gcc and clang. */

#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <psapi.h>

#include "match.h"

#undef OPTIONAL
#undef PATH_MAX
#define PATH_MAX 4096 /* bytes of UTF-8 */
#define EXPORTED
#define O_SHORT_LIVED _O_SHORT_LIVED
#define OPEN_FLAGS(X) \
    X(O_CREAT) X(O_EXCL) X(O_TRUNC) X(O_APPEND) X(O_BINARY) X(O_NOINHERIT) \
    X(O_RANDOM) X(O_SEQUENTIAL) X(O_SHORT_LIVED) X(O_TEMPORARY) X(O_TEXT)
#define gmtime_r(seconds, clock) gmtime_s(clock, seconds)
#define localtime_r(seconds, clock) localtime_s(clock, seconds)
#define this_thread() GetCurrentThreadId()
#define is_main_thread() (GetCurrentThreadId() == main_thread)
#define yield() SwitchToThread()

#define KEEP_ERRORS \
    int error_number = errno; \
    DWORD error_code = GetLastError()
#define RESTORE_ERRORS errno = error_number, SetLastError(error_code)
#define last_error() ((int)GetLastError())

static DWORD main_thread;

/* Return a function or variable of the Python in this process, or NULL. */
static void *look_up(const char *name)
{
    static HMODULE python;
    HMODULE modules[1024];
    DWORD size = 0, number;
    FARPROC found;
    void *address;
    if (python == NULL
        && EnumProcessModules(GetCurrentProcess(), modules, sizeof modules, &size))
        for (number = 0; number < size / sizeof *modules && number < 1024; number++)
            if (GetProcAddress(modules[number], "PySys_AddAuditHook") != NULL) {
                python = modules[number];
                break;
            }
    found = python == NULL ? NULL : GetProcAddress(python, name);
    memcpy(&address, &found, sizeof address);
    return address;
}

static const uint32_t *find_code(const uint32_t *codes, uint32_t c, size_t length)
{
    for (; length > 0; length--, codes++)
        if (*codes == c)
            return codes;
    return NULL;
}

static const void *memmem(const void *in, size_t length, const void *what, size_t size)
{
    const char *at = in, *last = at + length - size;
    if (size <= length)
        for (; at <= last; at++)
            if (memcmp(at, what, size) == 0)
                return at;
    return NULL;
}

static long long time_ns(void)
{
    FILETIME now; /* in steps of 100 nanoseconds since 1601 */
    GetSystemTimePreciseAsFileTime(&now);
    return (((long long)now.dwHighDateTime << 32 | now.dwLowDateTime)
            - 116444736000000000LL)
        * 100;
}

/* Return a text of UTF-8 with 16 bits for each unit, or NULL: free() it. */
static wchar_t *widened(const char *text)
{
    int size = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    wchar_t *wide = size > 0 ? malloc((size_t)size * sizeof *wide) : NULL;
    if (wide != NULL)
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, size);
    return wide;
}

static void describe(int error, char *told, size_t size)
{
    int length = snprintf(told, size, "[WinError %d] ", error);
    FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS
                       | FORMAT_MESSAGE_MAX_WIDTH_MASK,
                   NULL, (DWORD)error, 0, told + length, (DWORD)(size - (size_t)length),
                   NULL);
}

static int has_stderr(void)
{
    return GetFileType(GetStdHandle(STD_ERROR_HANDLE)) != FILE_TYPE_UNKNOWN;
}

static int write_stderr(const char *line, size_t length)
{
    DWORD written;
    HANDLE to = GetStdHandle(STD_ERROR_HANDLE);
    return WriteFile(to, line, (DWORD)length, &written, NULL) ? 0 : -1;
}
