"""The tests under AddressSanitizer and UndefinedBehaviorSanitizer, and memcheck; the
library of _start/ by preloaded.py, with ThreadSanitizer, too.

    python tests/soak/sanitize.py [arguments of pytest]

The compiled modules are built again, with the checks, in a copy of this tree. A finding
is anything that a sanitizer writes, in any process: they check the modules and the
clients of the tests, and the memory of the whole process.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import building
import figures
import preloaded

CHECKS = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
COPIED = ["audithooks", "tests", "perf", "pyproject.toml", "README.md", "Makefile"]
COPIED += ["build_ext.py", "docs"]

# Left out: callgrind and memcheck cannot run a program with a sanitizer, and memcheck
# has its own run. test_build.py makes other builds, without the checks; test_frozen.py
# starts a program without the libraries of the sanitizers. A fork while other threads
# are busy may leave the allocator of AddressSanitizer locked in the child permanently.
# A Python with another environment lacks those libraries, as do many children that the
# tracer follows, and those with another LD_PRELOAD. Greenlets copy pieces of the stack,
# with the bytes around variables that AddressSanitizer guards.
LEFT_OUT = [f"--ignore=tests/test_{name}.py" for name in ("gate", "build", "frozen")]
LEFT_OUT += ["--ignore=tests/core/test_greenlets.py"]
LEFT_OUT += ["--ignore=tests/sinks/test_gevent.py"]
LEFT_OUT += ["--ignore=tests/tracer/test_children.py"]
LEFT_OUT += ["--ignore=tests/start", "--ignore=tests/host"]
WORDS = ["memcheck", "fork_while", "another_environment", "environment_is_replaced"]
LEFT_OUT += ["-k", " and ".join(f"not {word}" for word in WORDS)]


def copied(folder):
    """Copy what the tests need, except built files, and return the modules."""
    unwanted = shutil.ignore_patterns("*.so", "*.c", "__pycache__", "results")
    for name in COPIED:
        source, target = figures.ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=unwanted)
        else:
            shutil.copy(source, target)
    clients = Path("tests", "clients")
    for client in (figures.ROOT / clients).glob("*.c"):
        shutil.copy(client, folder / clients)
    return sorted((folder / "audithooks").glob("*/*.pyx"))


def build(modules, folder):
    for module in modules:
        c_file = module.with_suffix(".c")
        cython = [sys.executable, "-m", "cython", "-3", "-o", str(c_file), str(module)]
        building.run(*cython, cwd=folder)
        building.extension(c_file, module.parent, options=CHECKS)
        c_file.unlink()


def library(name):
    """Return the path of a library of the compiler."""
    return building.run("gcc", f"-print-file-name={name}").strip()


def run_tests(arguments, folder, environ=None):
    """Run pytest and show its output; return whether it failed, and what passed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    passed = 0
    for line in process.stdout:
        print(line, end="", flush=True)
        found = re.search(r"(\d+) passed", line)
        passed = int(found[1]) if found else passed
    return process.wait() != 0, passed


def main():
    start = time.monotonic()
    # A background job ignores SIGINT, but some tests send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with TemporaryDirectory() as name:
        folder = Path(name)
        modules = copied(folder)
        build(modules, folder)
        reports = folder / "reports"
        reports.mkdir()
        log = f"log_path={reports}/found"
        environ = {
            **os.environ,
            "AUDITHOOKS_PURE_PYTHON": "0",
            "CLIENT_CHECKS": " ".join(CHECKS),
            # The allocators of Python would hide memory that is used after it is freed.
            "PYTHONMALLOC": "malloc",
            "PYTHONPATH": str(folder),
            # The sanitizer has to find what throws the exceptions of C++ in greenlet.
            "LD_PRELOAD": f"{library('libasan.so')} {library('libstdc++.so.6')}",
            # CPython itself leaks; test_leaks.py and memcheck look for leaks of ours.
            "ASAN_OPTIONS": f"detect_leaks=0:{log}",
            "UBSAN_OPTIONS": f"print_stacktrace=1:{log}",
        }
        failed, passed = run_tests([*LEFT_OUT, *sys.argv[1:]], folder, environ)
        found = [path.read_text(errors="replace") for path in reports.iterdir()]
        print(*found, sep="\n")
    memcheck = ["tests/core/test_capi.py", "-k", "memcheck"]
    mistaken, programs = run_tests(memcheck, figures.ROOT)
    torn, lines = preloaded.main(seconds=20)
    failed = failed or mistaken or torn or bool(found)
    numbers = [
        ("modules built with AddressSanitizer and UBSan", len(modules)),
        ("tests passed with them", passed),
        ("findings", len(found)),
        ("programs of the C API passed under memcheck", programs),
        *lines,
        ("seconds", round(time.monotonic() - start)),
    ]
    figures.print_table(numbers)
    if not failed and not sys.argv[1:]:
        figures.keep("sanitize", "all", numbers)
    sys.exit(failed)


if __name__ == "__main__":
    main()
