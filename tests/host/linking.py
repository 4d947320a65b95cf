"""Whether programs can be linked with this Python: some of Debian lack objects."""

import subprocess

from audithooks.host import building


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
