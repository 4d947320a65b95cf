"""The examples of the README print what it says."""

import re
import shlex
import sys
from pathlib import Path

import building
import pytest
from features import MKDIR, raises

import audithooks

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL)
SESSIONS = re.findall(
    r"```console\n\$ ((?:.*?\n)(?:> .*?\n)*)(.*?)```", README, re.DOTALL
)
# What differs from run to run: times, processes and threads.
# Up to 3.9, `python -m` imports threading, and so threads have names.
VARIES = re.compile(
    r'\d{4}-[-\dT:.]+Z|\d+\.\d{3,}|(?<=:)\d{2,}(,"thread_name":"MainThread")?'
    r"|^\d+(?= audithooks: )"
)


(OF_PYTEST,) = re.findall(r"```py\n(.*?)```\n\n```text\n\$ (.*?)```", README, re.DOTALL)
(IN_CYTHON,) = re.findall(r"```cython\n(.*?)```", README, re.DOTALL)
(IN_C,) = re.findall(r"```c\n(.*?)```", README, re.DOTALL)


def test_every_example_is_found():
    assert len(EXAMPLES) == README.count("```python\n") > 0
    assert len(SESSIONS) == README.count("```console\n") > 0


def needs_its_events(code):
    if "mkdir" in code and not MKDIR:
        pytest.skip("os.mkdir() raises no event here")
    for function, example in {"system": "''", "putenv": "'A', 'b'"}.items():
        call = f"os.{function}"
        if call in code and not raises(call, f"{call}({example})"):
            pytest.skip(f"{call}() raises no event here")


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_example(child, code, output):
    if child.implementation == "python" and "set_open_code_hook" in code:
        pytest.skip("set_open_code_hook needs the compiled implementation")
    needs_its_events(code)
    printed = child.run(code).replace(sys.executable, "PYTHON")
    if child.implementation == "python":
        output = output.replace(
            "cython None", "python AUDITHOOKS_PURE_PYTHON asks for it"
        )
    assert printed == output


@pytest.mark.parametrize(("command", "output"), SESSIONS)
def test_session(child, command, output, tmp_path):
    needs_its_events(command)
    python, *arguments = shlex.split(command.replace("\n> ", "\n"))
    assert python == "python"
    done = child.start(*arguments, cwd=tmp_path)
    assert done.returncode == ("denied: " in output)
    assert VARIES.sub("...", done.stderr + done.stdout) == VARIES.sub("...", output)


def test_example_of_pytest(compiled, child_of, tmp_path):
    code, session = OF_PYTEST
    (tmp_path / "test_shop.py").write_text(code, encoding="utf-8")
    command, *output = session.splitlines()
    pytest, *arguments = shlex.split(command)
    assert pytest == "pytest"
    done = child_of("cython").start(
        "-m", "pytest", "--tb=short", *arguments, cwd=tmp_path
    )
    for line in output:
        assert line in done.stdout


def run_extension(child_of, folder, code):
    package = str(Path(audithooks.get_include()).parent)
    return child_of("cython").run(code, cwd=folder, environ={"PYTHONPATH": package})


def test_example_in_cython(compiled, child_of, tmp_path):
    source = tmp_path / "example.pyx"
    source.write_text(IN_CYTHON, encoding="utf-8")
    building.cython_extension(source, tmp_path)
    printed = run_extension(
        child_of,
        tmp_path,
        """
import os
import example
example.shop.subscribe(print, "sale")
example.sell("tea", 3)
with open(os.devnull):
    pass
example.subscription.close()
open(os.devnull).close()
""",
    )
    assert printed == "sale ('tea', 3)\nopen /dev/null\n"


def test_example_in_c(compiled, child_of, tmp_path):
    source = tmp_path / "example.c"
    module = """
static PyMethodDef methods[] = {{"setup", setup, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static PyModuleDef_Slot slots[] = {
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "example", NULL, 0, methods, slots, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_example(void) { return PyModuleDef_Init(&definition); }
"""
    source.write_text(IN_C + module, encoding="utf-8")
    building.extension(source, tmp_path)
    printed = run_extension(
        child_of,
        tmp_path,
        """
import os
import audithooks, example
shop = audithooks.Dispatcher()
shop.subscribe(print, "sale")
subscription = example.setup(shop)
open(os.devnull).close()
subscription.close()
open(os.devnull).close()
""",
    )
    assert printed == "sale ('tea', 3)\nopen /dev/null\n"
