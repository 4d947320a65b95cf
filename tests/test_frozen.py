"""A program that PyInstaller made one folder of, without an installed Python."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import building
import pytest
from pages import block

import audithooks

# The program of docs/how-to/pyinstaller.md prints the first line, and more follows.
MORE = """
from audithooks import sinks  # it and the C API are the last of the compiled modules
audithooks._C_API
print(*sorted(name for name in sys.modules if name.endswith("_c")))
print(audithooks.__version__, flush=True)
"""


@pytest.mark.soak
def test_a_frozen_program_has_the_compiled_modules(compiled, tmp_path):
    """They are found by the imports that can be read in the modules in Python."""
    if importlib.util.find_spec("PyInstaller") is None:
        pytest.skip("PyInstaller is not installed")
    program = block("pyinstaller", "{code-block} python")
    (tmp_path / "program.py").write_text(program + MORE)
    paths = ["--paths", str(Path(audithooks.__file__).parent.parent)]
    command = [sys.executable, "-m", "PyInstaller", "--onedir", *paths, "program.py"]
    environ = {
        **os.environ,
        "AUDITHOOKS_PURE_PYTHON": "",
        "PYINSTALLER_CONFIG_DIR": str(tmp_path / "cache"),
    }
    options = {"cwd": tmp_path, "env": environ, "capture_output": True, "text": True}
    made = subprocess.run(command, **options)
    if "PythonLibraryNotFound" in made.stderr:
        pytest.skip("PyInstaller needs the shared library of this Python")
    assert made.returncode == 0, made.stderr
    done = subprocess.run([tmp_path / "dist" / "program" / "program"], **options)
    names = {
        f"audithooks.{path.parent.name}.{path.name.partition('.')[0]}"
        for path in building.COMPILED
    }
    lines = done.stdout.splitlines()
    (event,) = (line for line in lines if line.startswith("{"))
    lines.remove(event)  # it is not buffered, and may come before what is printed
    assert json.loads(event)["event"] == "shop.sell"
    assert lines == ["cython None", " ".join(sorted(names)), audithooks.__version__]
