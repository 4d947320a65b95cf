"""Builds a launcher, of _start/host.c, with the compiler of this machine."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from tempfile import TemporaryDirectory

SOURCES = os.path.join(os.path.dirname(os.path.dirname(__file__)), "_start")


def _config(name: str) -> str:
    return str(sysconfig.get_config_var(name) or "")


def _compiler() -> list[str]:
    return shlex.split(os.environ.get("CC") or _config("CC") or "cc")


def _library(static: bool) -> str | None:
    """Return the path of the interpreter as a library, or None if there is none."""
    name = f"libpython{_config('LDVERSION')}"
    name += ".a" if static else ".so"
    for folder in (_config("LIBPL"), _config("LIBDIR")):
        path = os.path.join(folder, name)
        if folder and os.path.exists(path):
            return path
    return None


def _is_shared(static: bool) -> bool:
    return not static and _library(False) is not None


def missing(static: bool) -> str | None:
    """Return what is missing to build one, or None."""
    if sys.platform != "linux":
        return "this needs Linux"
    if sys.implementation.name != "cpython":
        return "this needs CPython"
    command = _compiler()[0]
    if shutil.which(command) is None:
        return f"there is no C compiler {command!r}"
    if not _is_shared(static) and _library(True) is None:
        kind = "static" if static else "shared or static"
        package = f"libpython{_config('VERSION')}-dev"
        return f"this Python has no {kind} library (Debian has them in {package})"
    return None


def build(target: str, options: str, static: bool) -> None:
    """Build the launcher *target* with *options*, in the place of what is there.

    Of several names in one folder, as in a virtual environment, all lead to it then.
    Raises OSError, and CalledProcessError with what the compiler said.
    """
    target = os.path.abspath(target)
    beside = os.path.dirname(target)
    while os.path.islink(target) and os.sep not in os.readlink(target):
        target = os.path.join(beside, os.readlink(target))
    with TemporaryDirectory(prefix=".audithooks-", dir=beside) as folder:
        with open(os.path.join(folder, "options.h"), "w", encoding="ascii") as header:
            header.write(f"#define OPTIONS {_literal(options)}\n")
        made = os.path.join(folder, "python")
        command = [
            *_compiler(),
            *("-std=gnu11", "-O2", "-g", "-Wall", "-I", folder, "-I", SOURCES),
            *("-o", made),
            os.path.join(SOURCES, "host.c"),
            *_linking(static),
        ]
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
        os.replace(made, target)


def _linking(static: bool) -> list[str]:
    """Return the options by which the interpreter is linked."""
    others = [
        *shlex.split(f"{_config('LIBS')} {_config('SYSLIBS')}"),
        "-ldl",
        "-pthread",
    ]
    if _is_shared(static):
        folder = os.path.dirname(os.path.realpath(str(_library(False))))
        name = f"-lpython{_config('LDVERSION')}"
        return [f"-L{folder}", f"-Wl,-rpath,{folder}", name, *others]
    # Debian's have spaces with a backslash among them.
    modules = [word for word in shlex.split(_config("MODLIBS")) if word.strip()]
    # All of it, as modules that are loaded may need what nothing else does.
    whole = ["-no-pie", "-Wl,-export-dynamic", "-Wl,--whole-archive"]
    return [*whole, str(_library(True)), "-Wl,--no-whole-archive", *modules, *others]


def _literal(text: str) -> str:
    """Return a text as a literal of C."""
    safe = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}"
        for byte in os.fsencode(text)
    )
    return f'"{safe}"'
