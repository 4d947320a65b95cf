"""A copy of the project in which a fault can be planted, with its own Python.

That Python finds the copy before anything else, whatever PYTHONPATH says. So tests run
the copy, and so do the processes that they start.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
CORE = ROOT / "audithooks" / "_core"
COPIED = ("audithooks", "docs", "perf", "share", "tests")
COPIED += ("README.md", "build_ext.py", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("*.so", "*_c.c", "__pycache__", "results")
MODULES = [path.stem for path in sorted(CORE.glob("*_c.pyx"))]

# What chooses the tests of one implementation; memcheck takes too long.
CHOICE = {
    "cython": (
        "-k",
        "not (python-dispatcher or python-runtime or [python or python] or memcheck)",
    ),
    "python": ("--pure",),
}


class Fault(NamedTuple):
    """A file with a fault."""

    file: str  # a path from _core/
    text: str  # its name, and the lines that change
    code: str  # all of it, with the fault
    breaks: str  # what does not work then, in words
    stages: tuple[tuple[str, ...], ...]  # the files of tests/ that may notice it


def in_folder(folder, stages):
    """Return stages with a folder of tests/ before each name."""
    return tuple(tuple(f"{folder}/{name}" for name in names) for names in stages)


def difference(before, after):
    """Return the number of the first line that changes, and the lines as in a diff."""
    before, after = before.splitlines(), after.splitlines()
    lines = difflib.unified_diff(before, after, n=0, lineterm="")
    changed = [line.rstrip() for line in lines if line[:3] not in ("---", "+++", "@@ ")]
    same = 0
    while before[same] == after[same]:
        same += 1
    return same + 1, "\n".join(changed)


def run(*command, timeout=600, cwd=None, **environ):
    """Run a command in a session of its own, of which nothing is left in the end.

    Return its status, or None if it took too long, and its output.
    """
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
        errors="replace",
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout)
            return process.returncode, output
        except subprocess.TimeoutExpired:
            return None, "it took too long"
        finally:
            with contextlib.suppress(ProcessLookupError):  # a fault may leave others
                os.killpg(process.pid, signal.SIGKILL)


class Tree:
    """A copy of the project, compiled without optimization."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.core = self.folder / "project" / "audithooks" / "_core"
        for name in COPIED:
            source, target = ROOT / name, self.folder / "project" / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=LEFT_OUT)
            else:
                shutil.copy(source, target)
        venv.create(self.folder / "venv", symlinks=True)
        self.python = self.folder / "venv" / "bin" / "python"
        paths = {"base": str(self.folder / "venv")}
        here = sysconfig.get_path("purelib", vars=paths)
        others = sysconfig.get_path("purelib")
        Path(here, "copy.pth").write_text(
            f"{self.folder / 'project'}\nimport site; site.addsitedir({others!r})\n"
        )
        for module in MODULES:
            self.compile(module)

    def compile(self, module):
        """Compile one module; that it cannot be is an error."""
        source = self.core / f"{module}.pyx"
        c_file = source.with_suffix(".c")
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        project = self.folder / "project"
        commands = (
            (sys.executable, "-m", "cython", "-3", "-I", project, "-o", c_file, source),
            (
                *shlex.split(sysconfig.get_config_var("CC")),
                *("-O0", "-w", "-fPIC", "-shared"),
                *("-I", sysconfig.get_path("include"), "-I", project / "audithooks"),
                *("-I", self.core, "-o", source.with_name(module + suffix), c_file),
            ),
        )
        for command in commands:
            status, output = run(*map(str, command), cwd=project)
            if status != 0:
                raise SystemExit(f"{module} cannot be compiled:\n{output}")

    def affected(self, file):
        """The modules to compile if a file of them has changed."""
        module, _, kind = file.partition(".")
        if file.endswith(".py"):
            return []
        if kind == "pyx":
            return [module]
        if kind == "pxi":
            return ["core_c"]
        users = re.compile(rf"\b{module} cimport\b")
        return [
            other
            for other in MODULES
            if other == module
            or any(
                users.search(path.read_text(encoding="utf-8"))
                for path in self.core.glob(f"{other}.p[xy][xd]")
            )
        ]

    def fails(self, file, code, stages, implementation, timeout):
        """Return what tests say when a file has other code, or None if they pass."""
        path = self.core / file
        original = path.read_text(encoding="utf-8")
        modules = self.affected(file)
        kept = [built for m in modules for built in self.core.glob(f"{m}.*.so")]
        for built in kept:
            shutil.copy2(built, built.with_suffix(".kept"))
        path.write_text(code, encoding="utf-8")
        try:
            for module in modules:
                self.compile(module)
            for files in stages:
                told = self.test(files, implementation, timeout)
                if told is not None:
                    return told
            return None
        finally:
            path.write_text(original, encoding="utf-8")
            for built in kept:
                built.with_suffix(".kept").replace(built)

    def test(self, files, implementation, timeout):
        """Return what the first test that fails says, or None if all pass."""
        status, output = run(
            *(str(self.python), "-m", "pytest", "-x", "-q", "--tb=line", "-n", "0"),
            *("-p", "no:cacheprovider", "--hypothesis-profile=ci", "--seconds=0.5"),
            *CHOICE[implementation],
            *[f"tests/{name}.py" for name in files],
            cwd=self.folder / "project",
            timeout=timeout,
            PYTHONDONTWRITEBYTECODE="1",
            AUDITHOOKS_PURE_PYTHON="1" if implementation == "python" else "",
        )
        if status in (0, 5):  # 5: there are no such tests
            return None
        found = re.findall(r"^(?:FAILED|ERROR) \S*/(.*)", output, re.MULTILINE)
        if status is None:
            return output
        return found[0] if found else f"status {status}: {output.strip()[-300:]}"
