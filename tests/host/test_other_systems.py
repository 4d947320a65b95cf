"""The launcher for Windows and macOS, made here by cross compilers."""

import fnmatch
import importlib.util
import os
import random
import shutil
import subprocess
import sys
import sysconfig

import building as compiling
import pytest
from features import PROCESSES, needs

from audithooks.host import building, checking

MINGW = "x86_64-w64-mingw32-gcc"
STRICT = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]

pytestmark = [
    needs(PROCESSES and os.name == "posix", "it is for other systems than this"),
    needs(sys.implementation.name == "cpython", "a launcher is of CPython"),
]
ZIG = [sys.executable, "-m", "ziglang"]
HAS_ZIG = needs(importlib.util.find_spec("ziglang"), "ziglang is not installed")


def test_names_match_on_windows_as_they_do_in_python(tmp_path):
    program = tmp_path / "match"
    source = compiling.CLIENTS / "match.c"
    compiling.compile_c(source, program, *STRICT, "-I", building.SOURCES)
    some = random.Random(1)
    pairs = [("os.*", "os.open"), ("[", "["), ("[]a]", "]"), ("[!]a]", "b"), ("", "")]
    for _ in range(20_000):
        pattern = "".join(some.choices("ab.*?[]!-", k=some.randrange(9)))
        pairs.append((pattern, "".join(some.choices("ab.-]", k=some.randrange(6)))))
    done = subprocess.run(
        [program],
        input="".join(f"{pattern}\n{name}\n" for pattern, name in pairs),
        capture_output=True,
        text=True,
        check=True,
    )
    expected = "".join("01"[fnmatch.fnmatchcase(n, p)] for p, n in pairs)
    differ = [pair for pair, a, b in zip(pairs, done.stdout, expected) if a != b]
    assert (len(done.stdout), differ) == (len(pairs), [])
    assert expected.count("1") > 500


def options_in(folder, options):
    text = f'#define OPTIONS {building._literal(options)}\n#define LIBRARY "x.dll"\n'
    (folder / "options.h").write_text(text, encoding="ascii")
    return ["-std=gnu11", "-O2", *STRICT, "-I", str(folder), "-I", building.SOURCES]


HOST = f"{building.SOURCES}/host.c"
LINE = "output x\nrefuse \u00e4.*\n"


@needs(shutil.which(MINGW), f"there is no {MINGW}")
def test_it_can_be_compiled_for_windows(tmp_path):
    target = tmp_path / "python.exe"
    words = [*options_in(tmp_path, LINE), "-static", "-municode", "-o", str(target)]
    compiling.run(MINGW, *words, HOST)
    assert target.read_bytes()[:2] == b"MZ"
    assert checking.compiled_options(str(target)) == LINE


TARGETS = ["x86_64-macos", "aarch64-macos", "aarch64-windows-gnu", "x86-windows-gnu"]


@HAS_ZIG
@pytest.mark.parametrize("target", TARGETS)
def test_it_can_be_compiled_by_zig(target, tmp_path):
    words = [*options_in(tmp_path, LINE), "-c", HOST, "-o", str(tmp_path / "host.o")]
    compiling.run(*ZIG, "cc", "-target", target, *words)


MACOS = {
    "LDVERSION": "3.x",
    "LDLIBRARY": "libpython3.x.dylib",
    "LIBS": "-ldl",
    "LINKFORSHARED": "-Wl,-stack_size,1000000",
}


@pytest.fixture
def macos(tmp_path, monkeypatch):
    """Seem to be on macOS; return the configuration of its Python, to change it."""
    values = {**MACOS, "LIBDIR": str(tmp_path), "LIBPL": str(tmp_path)}
    monkeypatch.setattr(sysconfig, "get_config_var", values.get)
    monkeypatch.setenv("CC", f"{sys.executable} -m ziglang cc -target aarch64-macos")
    monkeypatch.setattr(sys, "platform", "darwin")
    return values


@HAS_ZIG
@pytest.mark.soak
@pytest.mark.parametrize("static", [False, True])
def test_it_can_be_built_for_macos(static, tmp_path, macos):
    """With a library that has nothing but the function that a launcher calls."""
    source = tmp_path / "python.c"
    source.write_text("int Py_BytesMain(int c, char **v) { return v != 0; }\n")
    cc = building._compiler()
    if static:
        library = tmp_path / "libpython3.x.a"
        compiling.run(*cc, "-O2", "-c", str(source), "-o", f"{source}.o")
        compiling.run(*ZIG, "ar", "rcs", str(library), f"{source}.o")
    else:
        library = tmp_path / "libpython3.x.dylib"
        name = f"-Wl,-install_name,{library}"
        compiling.run(*cc, "-O2", "-shared", name, str(source), "-o", str(library))
    assert building.missing(static) is None
    made = tmp_path / "made"
    building.build(str(made), LINE, static)
    data = made.read_bytes()
    assert data[:4] == b"\xcf\xfa\xed\xfe"  # Mach-O of 64 bits
    assert (b"libpython3.x.dylib" in data) == (not static)
    assert checking.compiled_options(str(made)) == LINE


def test_macos_may_have_python_as_a_framework(tmp_path, macos):
    macos["PYTHONFRAMEWORK"] = "Python"
    macos["PYTHONFRAMEWORKPREFIX"] = str(tmp_path)
    macos["LDLIBRARY"] = "Python.framework/Versions/3.x/Python"
    macos["LINKFORSHARED"] += f" -framework CoreFoundation {macos['LDLIBRARY']}"
    (tmp_path / "libpython3.x.a").touch()  # which is no static library there
    assert building.missing(False) == "this Python has no shared or static library"
    library = tmp_path / macos["LDLIBRARY"]
    library.parent.mkdir(parents=True)
    library.touch()
    assert building.missing(False) is None
    assert building.missing(True) == "this Python has no static library"
    words = [f"-L{library.parent}", f"-Wl,-rpath,{library.parent}", str(library)]
    words += ["-ldl", "-ldl", "-pthread", "-Wl,-stack_size,1000000"]
    assert building._linking(False) == [*words, "-framework", "CoreFoundation"]


def test_windows_needs_one_of_several_compilers(tmp_path, monkeypatch):
    monkeypatch.setattr(sysconfig, "get_config_var", {}.get)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert building.missing(False) == (
        "there is no C compiler 'gcc' (clang is one, too, and what pip install ziglang "
        "installs)"
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    assert building._compiler() == [sys.executable, "-m", "ziglang", "cc"]
    monkeypatch.setenv("CC", r'"C:\Program Files\gcc.exe" -m64')
    assert building._compiler() == [r"C:\Program Files\gcc.exe", "-m64"]
    monkeypatch.setattr(shutil, "which", lambda name: name)
    assert building.missing(False) is None
    assert building.missing(True) == "Windows has no static library of Python"
