"""What a process runs that is attached to, behind sitecustomize.py: see attaching.py.

Nothing may be raised here: the interpreter would write that to the program's stderr.
"""


def attach(path, folder):
    """Connect to *path*, and show the events with the audithooks around *folder*."""
    frozen = len.__self__.__loader__.find_spec.__globals__  # those of importlib
    everywhere = len.__self__.__dict__  # the builtins
    kept = everywhere["__import__"], frozen["_verbose_message"]
    try:
        if names_imports(frozen["sys"]):
            everywhere["__import__"] = quiet(frozen)
            frozen["_verbose_message"] = lambda *message, **options: None
        return connect(path, folder)
    finally:  # without a call, where a signal could come
        everywhere["__import__"], frozen["_verbose_message"] = kept


def names_imports(sys):
    """Whether the interpreter writes each import to stderr, as by -v."""
    environ = sys.modules["posix"].environ
    is_timed = "importtime" in sys._xoptions or b"PYTHONPROFILEIMPORTTIME" in environ
    return bool(sys.flags.verbose or is_timed)


def quiet(frozen):
    """Return an __import__() that does not write what it does."""
    sys = frozen["sys"]

    def imported(name, scope=None, local=None, names=(), level=0):
        full = name
        if level:
            package = frozen["_calc___package__"](scope)
            full = frozen["_resolve_name"](name, package, level)
        if full not in sys.modules:  # as the other one does
            paths = sys.path, sys.meta_path, sys.path_hooks
            sys.audit("import", full, None, *paths)
        module = frozen["_gcd_import"](full)
        if not names:
            return frozen["__import__"](name, scope, local, names, level)
        if hasattr(module, "__path__"):
            return frozen["_handle_fromlist"](module, names, imported)
        return module

    return imported


def connect(path, folder):
    global os, sys  # of load(), too
    import os
    import sys
    from _socket import AF_UNIX, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_SEQPACKET, socket

    given = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
    try:
        given.settimeout(2)
        given.connect(path)
        try:
            if "audithooks" not in sys.modules:
                load(folder)  # noqa: F821
            from audithooks.tracer.attached import attach

            attach(given)
        except BaseException as error:
            why = come_again(error)
            kind = type(error).__name__
            text = "again" if why else "failed %s: %s" % (kind, error)
            given.send(text.encode("utf-8", "replace")[:9999], MSG_NOSIGNAL)
            return why
    finally:
        given.close()
    return ()


def come_again(error):
    """Return what has a signal come again whose handler raised *error* in here."""
    try:
        import _signal
        import _thread
        from functools import partial

        codes = []
        traceback = error.__traceback__
        while traceback is not None:
            codes.append(traceback.tb_frame.f_code)
            traceback = traceback.tb_next
        found = _signal.SIGINT if isinstance(error, KeyboardInterrupt) else None
        for number in _signal.valid_signals():
            handler = _signal.getsignal(number)
            handler = getattr(handler, "__func__", handler)
            if getattr(handler, "__code__", None) in codes:
                found = number
        if found is None:
            return ()
        return iter(partial(_thread.interrupt_main, found), None)
    except BaseException:  # refused by a hook of the program
        return ()
