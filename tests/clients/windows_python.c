/* What python.exe is on Windows: it calls the library, whose name is PYTHON. */

#include <windows.h>

int _dowildcard = 0;

int wmain(int argc, wchar_t **argv)
{
    HMODULE python = LoadLibraryW(PYTHON);
    FARPROC run = python == NULL ? NULL : GetProcAddress(python, "Py_Main");
    return run == NULL ? 99 : ((int (*)(int, wchar_t **))(void *)run)(argc, argv);
}
