"""The verified open hook in pure Python: it takes C. The mirror of open_code_c.pxi."""

from __future__ import annotations

from . import hints


def set_open_code_hook(hook: hints.Callable[[str], hints.Any]) -> None:
    """Let *hook* open every file from which Python code is read, permanently.

    *hook* is called with the path, an exact str, which is absolute if the import system
    calls it, and returns a binary file, such as io.BytesIO, or raises to refuse. It is
    called for imports, for archives of modules, by runpy and by io.open_code(), not for
    the script on the command line, which is already open by then. To read the file, it
    uses open(). If it imports modules, it is called for these, too.

    A process can have one such hook; it cannot be replaced or removed, and is called
    until the interpreter has ended. Other interpreters cannot call it, and are refused
    every file with a PermissionError: creating one fails, which up to CPython 3.11 ends
    the process.

    First CPython raises an event without arguments, setopencodehook. If a hook raises a
    RuntimeError for it, this raises HookRejected. Raises TypeError if *hook* is not
    callable, RuntimeError if there is already an open code hook, and
    NotImplementedError in pure Python. See PEP 578, "Verified Open Hook", and
    PyFile_SetOpenCodeHook().

    >>> def verified(path): return open(path, "rb")  # look at it before
    >>> audithooks.set_open_code_hook(verified)

    Added in 0.1.
    """
    if not callable(hook):
        raise TypeError(f"hook must be callable, not {type(hook).__name__}")
    raise NotImplementedError("the open code hook needs the compiled implementation")
