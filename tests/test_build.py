"""Installing without a compiler, or with one that fails half-way."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import building
import pytest
from features import PROCESSES, needs

import audithooks

SOURCES = Path(__file__).parent.parent
PACKAGE = Path(audithooks.__file__).parent

COMPILER = shlex.split(sysconfig.get_config_var("CC") or "cc")

SHOW = "import audithooks as a; print(a.IMPLEMENTATION, a.FALLBACK_REASON)"
USE = f"""{SHOW}
with a.subscribe(print, "test.*"):
    a.audit("test.event", 1)
"""
USED = "test.event (1,)\n"

needs_sources = needs(
    PROCESSES and (SOURCES / "audithooks" / "_core" / "core_c.pyx").exists(),
    "the sources are not next to the tests",
)


def run(*command, **options):
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """Build the sdist from a copy, with the setuptools of this environment."""
    copy = tmp_path_factory.mktemp("sources") / "audithooks"
    built = shutil.ignore_patterns(
        ".*", "*.c", "*.so", "*.egg-info", "build", "dist", "__pycache__"
    )
    shutil.copytree(SOURCES, copy, ignore=built)
    build = "from setuptools.build_meta import build_sdist; build_sdist('..')"
    run(sys.executable, "-c", build, cwd=copy)
    (path,) = copy.parent.glob("*.tar.gz")
    return path


@pytest.fixture
def install(sdist, tmp_path):
    """Install the sdist in a new folder, and return a function that imports it."""

    def run_pip(**environ):
        folder = tmp_path / "installed"
        options = ["--no-deps", "--no-build-isolation", "--no-cache-dir"]
        env = {**os.environ, "CFLAGS": "-O0", **environ}
        pip = [sys.executable, "-m", "pip", "install", "--target", folder, *options]
        run(*pip, sdist, env=env)
        return folder

    return run_pip


def used(folder):
    """Return the output of a program that uses the package in *folder*."""
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    environ.pop("AUDITHOOKS_PURE_PYTHON", None)
    # Without site, as an editable install would be imported instead.
    return run(sys.executable, "-S", "-W", "error", "-c", USE, env=environ, cwd=folder)


@needs_sources
def test_without_a_compiler_the_sdist_gives_pure_python(install, tmp_path, monkeypatch):
    for variable in ("CC", "CXX", "LDSHARED"):
        monkeypatch.delenv(variable, raising=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    folder = install(PATH=str(empty))
    assert not list(folder.glob("audithooks/_core/*_c.*"))
    reason, line = used(folder).splitlines(keepends=True)
    assert reason.startswith(
        "python installed without compiled modules: no C compiler was found (Debian"
    )
    assert line == USED


@needs_sources
@pytest.mark.soak
@needs(
    sys.implementation.name == "cpython" and not building.missing(),
    "modules for this Python cannot be compiled here",
)
def test_a_compiler_that_gives_up_half_way_leaves_pure_python(install, tmp_path):
    compiler = tmp_path / "compiler"
    compiler.write_text(
        "#!/bin/sh\n"
        'case "$*" in *core_c.c*) echo "no more" >&2; exit 1;; esac\n'
        f'exec {shlex.join(COMPILER)} "$@"\n'
    )
    compiler.chmod(0o755)
    folder = install(CC=str(compiler))
    assert list(folder.glob("audithooks/_core/capi_c.*"))
    assert not list(folder.glob("audithooks/_core/core_c.*"))
    reason, line = used(folder).splitlines(keepends=True)
    assert reason == (
        "python installed without compiled modules: audithooks._core.core_c "
        "was not compiled (pip install -v shows the errors)\n"
    )
    assert line == USED


@needs_sources
def test_missing_headers_are_named(tmp_path):
    code = f"""
import sysconfig
sysconfig.get_path = lambda name: {str(tmp_path)!r}
import build_ext
print(build_ext.missing())
"""
    environ = {**os.environ, "CC": sys.executable}
    command = [sys.executable, "-c", code]
    missing = run(*command, cwd=SOURCES, env=environ)
    assert missing.startswith("Python.h was not found (Debian")
    (tmp_path / "Python.h").touch()
    assert run(*command, cwd=SOURCES, env=environ) == "\n"


@pytest.fixture
def without(compiled, tmp_path):
    """Return what makes a copy of the package without one compiled module."""

    def copy(missing):
        shutil.copytree(
            PACKAGE,
            tmp_path / "audithooks",
            ignore=shutil.ignore_patterns(
                *("__pycache__", "not_compiled.txt"),
                *(f"{missing}.*.so", f"{missing}.*.pyd"),
            ),
        )
        return tmp_path

    return copy


def test_without_the_compiled_core_pure_python_serves(without):
    reason, line = used(without("core_c")).splitlines(keepends=True)
    assert reason.startswith("python ")
    assert "core_c" in reason
    assert line == USED


def test_without_the_c_api_the_rest_is_compiled(without):
    """It is loaded when it is asked for, and says then that it is not there."""
    folder = without("capi_c")
    assert used(folder) == f"cython None\n{USED}"
    code = """
import audithooks, ctypes
get = ctypes.pythonapi.PyCapsule_Import
get.argtypes, get.restype = [ctypes.c_char_p, ctypes.c_int], ctypes.c_void_p
try:
    get(b"audithooks._C_API", 0)
except ImportError as error:
    print(error)
"""
    environ = {**os.environ, "PYTHONPATH": str(folder)}
    environ.pop("AUDITHOOKS_PURE_PYTHON", None)
    said = run(sys.executable, "-S", "-W", "error", "-c", code, env=environ, cwd=folder)
    assert "audithooks._core.capi_c" in said
