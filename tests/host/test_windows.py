"""The launcher in CPython for Windows, under Wine.

The library of CPython and its compiled modules come from a wheel of Panda3D, which has
them for programs that are frozen; the others are those of the Python that runs this.
The compiler is MinGW's, outside of Wine: what is called inside hands over to it.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
import zipfile
from pathlib import Path

import building as compiling
import pytest
from features import FREE_THREADED, needs

import audithooks

WHEEL = "panda3d==1.10.16"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "audithooks")
MINOR = sys.version_info[1]
LIBRARY = f"python3{MINOR}.dll"
MINGW = "x86_64-w64-mingw32"
PACKAGES = Path(audithooks.__file__).parents[1]
IS_PLAIN = sys.implementation.name == "cpython" and not FREE_THREADED

pytestmark = [
    pytest.mark.soak,
    needs(shutil.which("wine"), "there is no wine"),
    needs(shutil.which(f"{MINGW}-gcc"), f"there is no {MINGW}-gcc"),
    needs(IS_PLAIN, "the wheel has CPython with the GIL"),
]

COMPILER = """
import json, os, sys, time
folder = os.path.dirname(__file__)
def path(name):
    return os.path.join(folder, name)
with open(path("asked.new"), "w") as file:
    json.dump(sys.argv[1:], file)
os.rename(path("asked.new"), path("asked"))
while not os.path.exists(path("answer")):
    time.sleep(0.05)
with open(path("answer")) as file:
    status, said = json.load(file)
os.remove(path("answer"))
sys.exit(said or status)
"""

MANIFEST = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v1" manifestVersion="1.0"/>
"""


def wheel():
    """Return the wheel of this version, from the cache or from an index."""
    folder = CACHE / "windows" / f"3.{MINOR}"
    if not folder.is_dir():
        new = folder.with_suffix(".new")
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
        command += ["--only-binary", ":all:", "--platform", "win_amd64"]
        command += ["--python-version", f"3.{MINOR}", "-d", str(new), WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{WHEEL} cannot be downloaded: {done.stderr.strip()[-200:]}")
        new.rename(folder)
    return next(folder.iterdir())


def inside(path):
    return "Z:" + str(path).replace("/", "\\")


def outside(text):
    return text.replace("Z:", "").replace("\\", "/")


class Windows:
    """A folder with CPython for Windows, and what runs there."""

    def __init__(self, folder):
        self.folder = folder
        self.python = folder / "python.exe"
        self.environ = {
            **os.environ,
            "WINEPREFIX": str(folder / "wine"),
            "WINEDEBUG": "-all",
            "PYTHONPATH": inside(PACKAGES),
            "CC": f'"{inside(self.python)}" "{inside(folder / "cc.py")}"',
        }
        with zipfile.ZipFile(wheel()) as archive:
            for name in archive.namelist():
                part, _, file = name.rpartition("/")
                beside = file.lower() in (LIBRARY, "vcruntime140.dll")
                if part == "deploy_libs" and not file.startswith("api-ms-"):
                    target = folder / ("" if beside else "DLLs") / file
                    target.parent.mkdir(exist_ok=True)
                    target.write_bytes(archive.read(name))
        others = "test", "site-packages", "*.so", "__pycache__"
        unwanted = shutil.ignore_patterns(*others)
        stdlib = sysconfig.get_path("stdlib")
        shutil.copytree(stdlib, folder / "Lib", ignore=unwanted)
        (folder / "cc.py").write_text(COMPILER)
        (folder / "manifest").write_text(MANIFEST)
        (folder / "manifest.rc").write_text('1 24 "manifest"\n')
        manifest = folder / "manifest.o"
        compiling.run(f"{MINGW}-windres", "manifest.rc", str(manifest), cwd=folder)
        options = f'-DPYTHON=L"{LIBRARY}"', "-municode", "-Wl,--stack,3145728"
        source = str(compiling.CLIENTS / "windows_python.c")
        gcc = f"{MINGW}-gcc"
        compiling.run(gcc, *options, source, str(manifest), "-o", str(self.python))

    def compile(self, process):
        """Run the compiler as often as it is asked for, until a process ends."""
        while process.poll() is None:
            time.sleep(0.05)
            try:
                words = json.loads((self.folder / "asked").read_text())
            except FileNotFoundError:
                continue
            (self.folder / "asked").unlink()
            command = [f"{MINGW}-gcc", *map(outside, words)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            new = self.folder / "answer.new"
            new.write_text(json.dumps([done.returncode, done.stderr]))
            new.rename(self.folder / "answer")

    def run(self, program, *words):
        process = subprocess.Popen(
            ["wine", str(program), *words],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        thread = threading.Thread(target=self.compile, args=[process])
        thread.start()
        try:
            stdout, stderr = process.communicate(timeout=120)
        finally:
            process.kill()
            thread.join()
        return process.returncode, stdout, stderr


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    found = Windows(tmp_path_factory.mktemp("windows"))
    status, stdout, stderr = found.run(found.python, "-c", "print(1)")
    assert (status, stdout) == (0, "1\n"), stderr
    yield found
    command = ["wineserver", "--kill"]
    subprocess.run(command, env=found.environ, check=False)


@pytest.fixture(scope="module")
def launcher(windows):
    """A launcher in a folder of its own, which writes beside it."""
    folder = windows.folder / "made"
    folder.mkdir()
    words = ["build", "-o", "made\\python", "--to", "made\\\u00e4.jsonl", "--json"]
    words += ["--refuse", "test.refused", "-e", "!marshal.*"]
    done = windows.run(windows.python, "-m", "audithooks.host", *words)
    assert done[0] == 0, done
    assert "The hook was there before the runtime: " in done[1]
    assert done[1].endswith("It refuses test.refused.\n")
    return folder / "python.exe"


def processes(path):
    """Return the events of each process, and delete them."""
    found = {}
    for line in path.read_text("utf-8").splitlines():
        record = json.loads(line)
        found.setdefault(record["pid"], []).append(record)
    path.unlink()
    for records in found.values():
        assert [r["seq"] for r in records] == [*range(1, len(records) + 1)]
    return [*found.values()]


PROGRAMS = {
    "paths": "import sys; print(sys.version, sys.base_prefix, sys.prefix)",
    "arguments": "import sys; print(sys.argv, sys.flags, sys.getwindowsversion())",
    "status": "raise SystemExit(3)",
    "error": "1 / 0",
    "modules": "import ctypes, hashlib, socket, ssl, sqlite3; print(1)",
}


@pytest.mark.parametrize("what", PROGRAMS)
@pytest.mark.parametrize("flags", [[], ["-X", "dev"], ["-I", "-S"]])
def test_it_is_that_python(windows, launcher, what, flags):
    command = [*flags, "-c", PROGRAMS[what], "L*", "?", '"b c"', "\u00e4", "\\"]
    plain = windows.run(windows.python, *command)
    assert windows.run(launcher, *command) == plain


def test_its_events_are_there_from_the_first_on(windows, launcher):
    launcher.with_name("\u00e4.jsonl").unlink(missing_ok=True)
    code = "import subprocess, sys; subprocess.run([sys.executable, '-I', '-c', ''])"
    assert windows.run(launcher, "-c", code) == (0, "", "")
    found = processes(launcher.with_name("\u00e4.jsonl"))
    assert len(found) == 2
    for records in found:
        modules = [r["args"]["module"] for r in records if r["event"] == "import"]
        assert "site" in modules[3:]
        assert records[-1]["event"] == "cpython._PySys_ClearAuditHooks"
        assert len({r["thread"] for r in records}) == 1
        assert not any(r["event"].startswith("marshal.") for r in records)


def test_it_refuses(windows, launcher):
    code = "import sys; sys.audit('test.refused'); print('not')"
    status, stdout, stderr = windows.run(launcher, "-c", code)
    assert (status, stdout) == (1, "")
    assert "PermissionError: [Errno 1] test.refused is denied by audithooks" in stderr


def test_it_has_the_manifest_and_the_stack_of_python(launcher):
    data = launcher.read_bytes()
    assert MANIFEST.encode() in data
    header = int.from_bytes(data[60:64], "little")
    assert int.from_bytes(data[header + 96 : header + 104], "little") == 3145728


def test_it_is_the_python_of_a_virtual_environment(windows, launcher):
    """Also for multiprocessing, which starts the Python that one was made of."""
    folder = windows.folder / "venv"
    python = folder / "Scripts" / "python.exe"
    python.parent.mkdir(parents=True)
    (folder / "Lib" / "site-packages").mkdir(parents=True)
    home = f"home = {inside(windows.folder)}\nversion = 3.{MINOR}\n"
    (folder / "pyvenv.cfg").write_text(home)
    shutil.copy(launcher, python)
    words = ["build", "-o", "venv\\Scripts\\python.exe", "--to", "venv\\out", "--json"]
    done = windows.run(python, "-m", "audithooks.host", *words)  # itself
    assert (done[0], done[2]) == (0, ""), done
    assert sorted(os.listdir(python.parent)) == ["python.exe", "python.exe.old"]
    (folder / "out").unlink()
    program = windows.folder / "program.py"
    program.write_text(
        "import multiprocessing, os, sys\n"
        "def told():\n"
        "    print(sys.prefix, sys.executable, '__PYVENV_LAUNCHER__' in os.environ)\n"
        "    sys.stdout.flush()\n"
        "if __name__ == '__main__':\n"
        "    told()\n"
        "    child = multiprocessing.get_context('spawn').Process(target=told)\n"
        "    child.start()\n"
        "    child.join()\n"
    )
    line = f"{inside(folder)} {inside(python)} False\n"
    assert windows.run(python, "program.py") == (0, line * 2, "")
    assert len(processes(folder / "out")) == 2


def test_it_does_not_start_without_the_library(windows, launcher, tmp_path):
    """Here with another path, which there is not."""
    other = tmp_path / "python.exe"
    path = inside(windows.folder / LIBRARY).encode()
    data = launcher.read_bytes()
    assert path in data
    other.write_bytes(data.replace(path, path[:-5] + b"_.dll"))
    status, stdout, stderr = windows.run(other, "-c", "print(1)")
    assert (status, stdout) == (1, "")
    assert "this Python does not start without its library: Z:" in stderr
    assert "[WinError 126]" in stderr


def test_what_windows_has_not_is_said(windows):
    for words, said in (
        (["--static", "--to", "x"], "Windows has no static library of Python"),
        (["--options", "x"], "--options needs a file of root, which Windows has not"),
    ):
        command = ["-m", "audithooks.host", "build", *words]
        status, stdout, stderr = windows.run(windows.python, *command)
        assert (status, stdout) == (2, "")
        assert said in stderr
