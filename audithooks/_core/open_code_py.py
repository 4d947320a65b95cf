"""The verified open hook in pure Python: it takes C. The mirror of open_code_c.pyx."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .types import Any, Callable


def set_open_code_hook(hook: Callable[[str], Any]) -> None:
    """Have *hook* open every file that Python code is read from, for good.

    *hook* is called with the path, an exact str, which is absolute if the import system
    asks, and returns a binary file, such as io.BytesIO, or raises to refuse. It is
    asked for imports, for archives of modules, by runpy and by io.open_code(), not for
    the script on the command line, which is open by then. To read the file itself it
    uses open(). What it imports when it is called comes back to it.

    There can be one such hook in a process; it cannot be replaced or removed, and is
    called until the interpreter has ended. Other interpreters cannot ask it, and are
    refused every file with a PermissionError: to create one fails, which up to CPython
    3.11 ends the process.

    First CPython raises an event without arguments, setopencodehook. If a hook raises a
    RuntimeError for it, so does this: a HookRejected. Raises TypeError if *hook* cannot
    be called, RuntimeError if there is an open code hook already, and
    NotImplementedError in pure Python. See PEP 578, "Verified Open Hook", and
    PyFile_SetOpenCodeHook().
    """
    if not callable(hook):
        raise TypeError(f"hook must be callable, not {type(hook).__name__}")
    raise NotImplementedError("the open code hook needs the compiled implementation")
