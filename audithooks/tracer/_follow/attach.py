"""What a process runs that is attached to, behind sitecustomize.py: see attaching.py.

Nothing may be raised here: the interpreter would write that to the program's stderr.
"""

import sys


def attach(path, folder):
    """Connect to *path*, and show the events with the audithooks around *folder*."""
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
