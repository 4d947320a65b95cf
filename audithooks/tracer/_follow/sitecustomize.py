"""Every Python that a tracer follows imports this: see audithooks/tracer/following.py.

Or a library that was there before runs it: see audithooks/tracer/starting.py. It may be
a Python of any version. The program finds the same sys.path and the same sitecustomize
as without the tracer.
"""

import os
import sys


def complain(why):
    message = "audithooks: process %d is not followed: %s\n" % (os.getpid(), why)
    if sys.stderr is not None:
        sys.stderr.write(message)


def has_library(*going_on):
    """Whether the library is there. With False, it no longer waits for the tracer."""
    try:
        sys.audit("audithooks.start", *going_on)
    except AttributeError:  # an old version, which may not know the next name either
        pass
    except InterruptedError:
        return True
    return False


def load(folder):
    """Import the audithooks around *folder*, whatever sys.path is."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    package = os.path.dirname(os.path.dirname(folder))
    around = os.path.dirname(package)  # perhaps a zip file
    is_new = around not in sys.path_importer_cache
    spec = PathFinder.find_spec("audithooks", [around])
    if is_new:
        del sys.path_importer_cache[around]
    sys.modules["audithooks"] = module = module_from_spec(spec)
    try:
        if hasattr(spec.loader, "exec_module"):
            spec.loader.exec_module(module)
        else:  # zipimport of Python 3.9
            spec.loader.load_module("audithooks")
    except BaseException:
        sys.modules.pop("audithooks", None)
        raise


def leave_path(folder):
    """Take *folder* out of sys.path, as if it had never been there."""
    sys.path[:] = [path for path in sys.path if os.path.normpath(path) != folder]
    sys.path_importer_cache.pop(folder, None)


def follow(folder, *given):
    """Trace this process, and return whether it is traced."""
    leave_path(folder)  # with -S, too, where site may be imported later
    try:
        load(folder)
        from audithooks.tracer.child import follow
    except ImportError as error:  # for instance, compiled for another version
        sys.modules.pop("audithooks", None)
        complain(error)
        return False
    return follow(*given)


if __name__ == "sitecustomize":
    folder = os.path.dirname(os.path.abspath(__file__))
    leave_path(folder)
    is_there = has_library()
    is_traced = sys.version_info >= (3, 9) and follow(folder)
    if is_there and not is_traced:
        has_library(False)
    elif sys.version_info < (3, 9):
        complain("it is Python %d.%d, and 3.9 is the first" % sys.version_info[:2])

    # site.py would have imported this one without this file.
    this = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # noqa: F401
    except ImportError:
        sys.modules["sitecustomize"] = this  # zipimport of Python 3.9 takes it away
        raise
