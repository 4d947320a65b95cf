"""Compile clients of the C API against the installed header, as their authors would."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

import pytest
from features import PROCESSES

import audithooks

CLIENTS = Path(__file__).parent / "clients"
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]
QUICKLY = ["-g0", "-O0"]  # for the long code that Cython writes


def load(path):
    """Import a module from its file."""
    name = path.name.partition(".")[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def missing(compiler="CC"):
    """What is missing to compile for this Python, in words, or ""."""
    if not PROCESSES:
        return "this system has no processes"
    # In a separate process, as setuptools changes what others import.
    code = f"import build_ext; print(build_ext.missing({compiler!r}), end='')"
    return run(sys.executable, "-c", code, cwd=Path(__file__).parent.parent)


COMPILED = [
    path
    for path in Path(audithooks.__file__).parent.glob("*/*_c.*")
    if path.suffix in (".so", ".pyd")
]


def config(name):
    return sysconfig.get_config_var(name) or ""


def run(*command, **options):
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def compile_c(source, target, *options, compiler="CC"):
    """Compile and link one file with the compiler that Python was built with."""
    if missing(compiler):
        pytest.skip(missing(compiler))
    run(
        *shlex.split(config(compiler)),
        *("-g", "-O1", "-fPIC"),
        *("-I", audithooks.get_include()),
        *("-I", sysconfig.get_path("include")),
        *("-I", sysconfig.get_path("platinclude")),
        *("-o", str(target), str(source)),
        *options,
        *shlex.split(os.environ.get("CLIENT_CHECKS", "")),  # of sanitize.py
    )


def extension(source, folder, name=None, options=WARNINGS):
    """Compile an extension module in C, and return its path."""
    target = folder / f"{name or source.stem}{config('EXT_SUFFIX')}"
    compile_c(source, target, "-shared", *options)
    return target


def cython_extension(source, folder):
    """Compile an extension module in Cython, and return its path."""
    c_file = folder / f"{source.stem}.c"
    parent = str(Path(audithooks.get_include()).parent)  # for editable installs
    run(
        *(sys.executable, "-m", "cython", "-3", "--warning-errors"),
        *("-X", "freethreading_compatible=True"),
        *("-I", parent, "-o", str(c_file), str(source)),
    )
    return extension(c_file, folder, options=QUICKLY)


def program(source, folder, *options):
    """Compile a program that embeds Python, and return its path."""
    target = folder / source.stem
    version = config("LDVERSION")
    compile_c(
        source,
        target,
        *WARNINGS,
        *("-L", config("LIBDIR"), "-L", config("LIBPL")),
        f"-Wl,-rpath,{config('LIBDIR')}",
        f"-lpython{version}",
        *shlex.split(f"{config('LIBS')} {config('SYSLIBS')}"),
        *shlex.split(config("LINKFORSHARED")),
        *map(str, options),
    )
    return target
