"""The Python outside of a virtual environment, and whether a program can be linked with
it: some of Debian lack objects.
"""

import os
import subprocess
import sys
from pathlib import Path

from audithooks.host import building

_NAME = "python{}.{}".format(*sys.version_info)
_BASE = Path(sys.base_exec_prefix, "bin", _NAME)
if os.name == "nt":
    _BASE = Path(sys._base_executable)
PLAIN = os.path.realpath(_BASE if _BASE.exists() else sys.executable)


def not_linked(static, folder):
    """Return why no program that is nothing but Python can be linked, or None."""
    source = folder / "plain.c"
    source.write_text(
        "int Py_BytesMain(int, char **);\n"
        "int main(int c, char **v) { return Py_BytesMain(c, v); }\n"
    )
    command = [*building._compiler(), str(source), "-o", str(folder / "plain")]
    command += building._linking(static)
    if subprocess.run(command, capture_output=True, check=False).returncode == 0:
        return None
    return "no program can be linked with the library of this Python"
