/* The output on Windows: a file, by a handle that the program does not know. A part of
   output.h. */

static HANDLE file;

#define NOBODY_READS(error) ((error) == ERROR_NO_DATA || (error) == ERROR_BROKEN_PIPE)
#define IS_TOO_MANY(error) ((error) == ERROR_TOO_MANY_OPEN_FILES)

static int is_there(int fd)
{
    return fd >= 0; /* nobody can close it */
}

/* Open the output. Return 0, or -1 with GetLastError(). */
static int open_output(void)
{
    wchar_t *path = widened(wanted.output);
    DWORD error;
    if (path == NULL) {
        SetLastError(ERROR_INVALID_NAME);
        return -1;
    }
    /* With this right alone, each write goes to the end, also with other processes. */
    file = CreateFileW(path, FILE_APPEND_DATA | SYNCHRONIZE,
                       FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                       OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    error = GetLastError();
    free(path);
    SetLastError(error);
    if (file == INVALID_HANDLE_VALUE)
        return -1;
    SetHandleInformation(file, HANDLE_FLAG_PROTECT_FROM_CLOSE,
                         HANDLE_FLAG_PROTECT_FROM_CLOSE);
    out.most = SIZE_MAX;
    out.fd = 0;
    return 0;
}

static void close_output(void)
{
    if (out.fd < 0)
        return;
    SetHandleInformation(file, HANDLE_FLAG_PROTECT_FROM_CLOSE, 0);
    CloseHandle(file);
    out.fd = -1;
}

static void write_line(const char *line, size_t length)
{
    DWORD written;
    if (WriteFile(file, line, (DWORD)length, &written, NULL))
        return;
    out.is_over = 1;
    if (!NOBODY_READS(last_error()))
        complain_of_end(last_error());
}
