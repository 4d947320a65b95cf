"""Builds a launcher, of _start/host.c, with the compiler of this machine."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from tempfile import TemporaryDirectory

if sys.platform == "win32":
    from . import nt

SOURCES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "_start")


def _config(name: str) -> str:
    return str(sysconfig.get_config_var(name) or "")


def _compiler() -> list[str]:
    given = os.environ.get("CC") or _config("CC")
    if sys.platform != "win32":
        return shlex.split(given or "cc")
    if given:  # its paths have a backslash
        return [word.strip('"') for word in shlex.split(given, posix=False)]
    for name in "gcc", "clang":
        if shutil.which(name):
            return [name]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    return ["gcc"]


def _library(static: bool) -> str | None:
    """Return the path of the interpreter as a library, or None if there is none."""
    if sys.platform == "darwin" and _config("PYTHONFRAMEWORK"):
        path = os.path.join(_config("PYTHONFRAMEWORKPREFIX"), _config("LDLIBRARY"))
        return path if os.path.exists(path) and not static else None
    name = f"libpython{_config('LDVERSION')}"
    name += ".a" if static else ".dylib" if sys.platform == "darwin" else ".so"
    for folder in (_config("LIBPL"), _config("LIBDIR")):
        path = os.path.join(folder, name)
        if folder and os.path.exists(path):
            return path
    return None


def _is_shared(static: bool) -> bool:
    return not static and _library(False) is not None


def missing(static: bool) -> str | None:
    """Return what is missing to build one, or None."""
    if sys.platform not in ("linux", "darwin", "win32"):
        return "this needs Linux, macOS or Windows"
    if sys.implementation.name != "cpython":
        return "this needs CPython"
    command = _compiler()[0]
    if shutil.which(command) is None:
        why = f"there is no C compiler {command!r}"
        if sys.platform == "win32":
            why += " (clang is one, too, and what pip install ziglang installs)"
        return why
    if sys.platform == "win32":
        return "Windows has no static library of Python" if static else None
    if not _is_shared(static) and _library(True) is None:
        kind = "static" if static else "shared or static"
        why = f"this Python has no {kind} library"
        if sys.platform == "linux":
            why += f" (Debian has them in libpython{_config('VERSION')}-dev)"
        return why
    return None


def build(target: str, options: str, static: bool) -> None:
    """Build the launcher *target* with *options*, in the place of what is there.

    Of several names in one folder, as in a virtual environment, all lead to it then. On
    Windows, what was there gets the suffix .old. Raises OSError, and CalledProcessError
    with what the compiler said.
    """
    target = os.path.abspath(target)
    beside = os.path.dirname(target)
    while os.path.islink(target) and os.sep not in os.readlink(target):
        target = os.path.join(beside, os.readlink(target))
    with TemporaryDirectory(prefix=".audithooks-", dir=beside) as folder:
        with open(os.path.join(folder, "options.h"), "w", encoding="ascii") as header:
            header.write(f"#define OPTIONS {_literal(options)}\n")
            if sys.platform == "win32":
                header.write(f"#define LIBRARY {_literal(nt.library())}\n")
        made = os.path.join(folder, os.path.basename(target))
        command = [
            *_compiler(),
            *("-std=gnu11", "-O2", "-g", "-Wall", "-I", folder, "-I", SOURCES),
            *("-o", made),
            os.path.join(SOURCES, "host.c"),
            *_linking(static),
        ]
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        if sys.platform == "win32":
            nt.give_manifest(made)
            if os.path.exists(target):  # it may run: then it can only be renamed
                os.replace(target, f"{target}.old")
        os.replace(made, target)


def _linking(static: bool) -> list[str]:
    """Return the options by which the interpreter is linked."""
    if sys.platform == "win32":  # it is loaded
        return ["-s", "-static", "-municode", f"-Wl,--stack,{nt.stack()}"]
    others = [
        *shlex.split(f"{_config('LIBS')} {_config('SYSLIBS')}"),
        "-ldl",
        "-pthread",
    ]
    if sys.platform == "darwin":
        words = shlex.split(_config("LINKFORSHARED"))
        others += [word for word in words if word != _config("LDLIBRARY")]
    if _is_shared(static):
        folder = os.path.dirname(os.path.realpath(str(_library(False))))
        name = f"-lpython{_config('LDVERSION')}"
        if sys.platform == "darwin":  # a framework has another name
            name = str(_library(False))
        return [f"-L{folder}", f"-Wl,-rpath,{folder}", name, *others]
    # Debian's have spaces with a backslash among them.
    modules = [word for word in shlex.split(_config("MODLIBS")) if word.strip()]
    # All of it, as modules that are loaded may need what nothing else does.
    if sys.platform == "darwin":
        return [f"-Wl,-force_load,{_library(True)}", *modules, *others]
    whole = ["-no-pie", "-Wl,-export-dynamic", "-Wl,--whole-archive"]
    return [*whole, str(_library(True)), "-Wl,--no-whole-archive", *modules, *others]


def _literal(text: str) -> str:
    """Return a text as a literal of C."""
    safe = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}"
        for byte in os.fsencode(text)
    )
    return f'"{safe}"'
