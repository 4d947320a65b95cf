"""The features of the interpreter that runs the tests, found by trying them.

A test that needs one says so: `@needs(raises("os.mkdir", "..."), "why")`.
"""

import _thread
import errno
import gc
import importlib.machinery
import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
import time
from functools import cache

import pytest


def needs(there, reason):
    """Skip a test if something is missing, with a reason."""
    return pytest.mark.skipif(not there, reason=reason)


# WebAssembly has no clock for each thread.
thread_time = getattr(time, "thread_time", time.process_time)

# WebAssembly has these functions, too, but they raise.
PROCESSES = sys.platform not in ("emscripten", "wasi")
FORK = PROCESSES and hasattr(os, "fork")


def _threads():
    try:
        _thread.start_new_thread(int, ())
    except RuntimeError:
        return False
    return True


THREADS = _threads()

# Whether this is a build without the global interpreter lock.
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

# WebAssembly would have to unwind the stack for that.
EVENT_LOOPS = sys.platform != "emscripten"


def _full():
    try:
        with open("/dev/full", "wb", 0) as file:
            file.write(b"x")
    except OSError as error:
        return error.errno == errno.ENOSPC
    return False


FULL = _full()


@cache
def prints(code):
    """Return the output of *code* in its own process, without audithooks."""
    if not PROCESSES:
        return ""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True).stdout


@cache
def raises(event, code):
    """Whether the interpreter raises *event* for *code*, or at exit.

    Without processes this cannot be found out, and tests that ask are skipped.
    """
    hook = f"""
import os, sys
def hook(event, args, write=os.write):
    if event == {event!r}:
        write(1, b"raised ")
sys.addaudithook(hook)
"""
    return not PROCESSES or "raised" in prints(hook + code)


MKDIR = raises("os.mkdir", "try: os.mkdir(os.devnull)\nexcept OSError: pass")

# Whether there are events of the interpreter itself, such as at exit.
CPYTHON_EVENTS = raises("cpython.PyInterpreterState_Clear", "")

# Whether sys.addaudithook() silently drops a hook for any Exception: up to 3.15.
DROPS = not prints(
    """
import sys
def hook(event, args):
    if event == "sys.addaudithook":
        raise ValueError
sys.addaudithook(hook)
try:
    sys.addaudithook(hook)
except ValueError:
    print("raised")
"""
)

# Whether the collector comes as soon as there are more objects than its threshold.
AT_ONCE = hasattr(gc, "set_threshold") and "came" in prints(
    """
import gc
class Garbage:
    def __init__(self):
        self.itself = self
    def __del__(self):
        print("came", flush=True)
gc.disable()
Garbage()
gc.set_threshold(1)
gc.enable()
kept = [[] for _ in range(20)]
gc.disable()
import os
os._exit(0)
"""
)

# Whether the interpreter runs a module by -m if the current folder is gone.
RUNS_NOWHERE = os.name == "posix" and bool(
    prints(
        """
import os, subprocess, sys, tempfile
os.chdir(tempfile.mkdtemp())
os.rmdir(os.getcwd())
subprocess.run([sys.executable, "-m", "this"], stderr=subprocess.DEVNULL)
"""
    )
)

# Whether an object goes with its last reference.
COUNTS_REFERENCES = "gone" in prints(
    """
import os
class Object:
    def __del__(self):
        print("gone", flush=True)
Object()
os._exit(0)
"""
)

# Whether a pure Event can find out from sys that there is no hook.
TOLD = sys.implementation.name == "cpython" and sys.version_info < (3, 14)

# Whether looking for the callers of an event raises an event, in pure Python.
TELLS_OF_FRAMES = raises("sys._getframe", "sys._getframe()")


def is_compiled(name):
    """Whether there is a module of that name that is not a Python substitute."""
    spec = importlib.util.find_spec(name)
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    return spec is not None and (spec.origin or "").endswith((*suffixes, "built-in"))


def shown(value):
    """Return what names a parameter of a test, the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
