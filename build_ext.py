"""How setuptools compiles the extension modules, and what it adds to a wheel.

Where they cannot be compiled, the pure mirrors serve alone, and the reason is left in a
file beside them, which audithooks.FALLBACK_REASON reads. One of them is a library that
is preloaded: no module, without Python, for Linux alone. Run as a program, this says
what modules would be compiled with, or what is missing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

REASON = Path("audithooks", "_core", "not_compiled.txt")
SBOM = Path("share", "audithooks.cdx.json")
PRELOADED = "audithooks._start.preloaded"
HAS_PRELOADED = sys.platform == "linux" and sys.implementation.name == "cpython"


def tools(compiler: str = "CC") -> tuple[str, str]:
    """Return a compiler and Python.h, each as a path or an empty str.

    *compiler* is CC or CXX.
    """
    default = sysconfig.get_config_var(compiler) or "cc"
    command = os.environ.get(compiler) or default
    header = os.path.join(sysconfig.get_path("include"), "Python.h")
    return (
        shutil.which(shlex.split(command)[0]) or "",
        header if os.path.exists(header) else "",
    )


def missing(compiler: str = "CC") -> str:
    """Return what is missing to compile, in words, or an empty str."""
    command, header = tools(compiler)
    if not command and os.name != "nt":  # where it is not on the PATH
        language, package = ("C++", "g++") if compiler == "CXX" else ("C", "gcc")
        return (
            f"no {language} compiler was found "
            f"(Debian and Ubuntu have it in the packages {package} and python3-dev)"
        )
    if not header:
        return "Python.h was not found (Debian and Ubuntu have it in python3-dev)"
    return ""


class BuildExt(build_ext):
    """Compiles what it can, and says why if that was not all."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if not HAS_PRELOADED:
            self.extensions = [e for e in self.extensions if e.name != PRELOADED]

    def get_ext_filename(self, fullname: str) -> str:
        if PRELOADED.endswith(fullname):  # it may be given without the package
            return f"{fullname.replace('.', os.sep)}.so"  # the same for every Python
        return super().get_ext_filename(fullname)

    def run(self) -> None:
        failure = ""

        def build_extension(ext: Extension) -> None:
            nonlocal failure
            try:
                super(BuildExt, self).build_extension(ext)
            except Exception:
                if in_place:  # no module of other sources is to stay
                    Path(self.get_ext_filename(ext.name)).unlink(missing_ok=True)
                if ext.name != PRELOADED:
                    failure = failure or (
                        f"{ext.name} was not compiled (pip install -v shows the errors)"
                    )
                raise  # of an optional module setuptools makes a warning

        in_place = self.inplace
        self.build_extension = build_extension
        super().run()
        reason = (Path() if in_place else Path(self.build_lib)) / REASON
        reason.unlink(missing_ok=True)
        if failure:
            reason.parent.mkdir(parents=True, exist_ok=True)
            reason.write_text(f"{missing() or failure}\n", encoding="utf-8")


class BdistWheel(bdist_wheel):
    """Adds the software bill of materials, where PEP 770 has it."""

    def egg2dist(self, egginfo_path: str, distinfo_path: str) -> None:
        super().egg2dist(egginfo_path, distinfo_path)
        target = Path(distinfo_path, "sboms", SBOM.name)
        target.parent.mkdir()
        shutil.copyfile(SBOM, target)


if __name__ == "__main__":
    print(missing() or " ".join(tools()))
