"""The examples of the README and of the pages of docs/ print what they say.

A block of `python` is a program, and the block of `text` behind it what it prints. A
block of `console` is a command of Python and its output. A block of `py` is a file of
tests, and the block of `text` behind it some lines of a run of pytest. What is not run
stands in blocks of other languages, such as `sh`, or in `{code-block}`.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import building
import pytest
from features import MKDIR, raises

import audithooks

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
LONGEST = 200  # lines of the README
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
URLS = dict(re.findall(r'^([A-Z]\w+) = "(https://.*)"$', PROJECT, re.MULTILINE))
# Pages whose blocks belong together, and which another test runs.
ELSEWHERE = {"how-to/query.md": "test_json_lines.py"}
# What differs from run to run: times, processes and threads, folders.
# Up to 3.9, `python -m` imports threading, and so threads have names.
VARIES = re.compile(
    r'\d{4}-[-\dT:.]+Z|\d+\.\d{3,}|(?<=:)\d{2,}(,"thread_name":"MainThread")?'
    r"|^\d+(?= audithooks: )"
    r'|(?<="process":){[^}]*}'
)
BLOCK = re.compile(r"^```([^`\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SESSION = re.compile(r"\$ ((?:.*?\n)(?:> .*?\n)*)(.*)", re.DOTALL)


class Block(NamedTuple):
    place: str
    language: str
    code: str
    output: str | None  # of the block of text behind it


def name_of(page):
    return "README.md" if page == README else page.relative_to(DOCS).as_posix()


def blocks(page):
    """Return the blocks of code of a page; those of text with the block before."""
    text = page.read_text(encoding="utf-8")
    found = [*BLOCK.finditer(text)]
    for number, match in enumerate(found):
        behind = found[number + 1] if number + 1 < len(found) else None
        is_its = (
            behind is not None
            and behind[1] == "text"
            and text[match.end() : behind.start()] == "\n\n"
        )
        line = text.count("\n", 0, match.start()) + 1
        place = f"{name_of(page)}:{line}"
        yield Block(place, match[1], match[2], behind[2] if is_its else None)


PAGES = [README, *sorted(DOCS.glob("**/*.md"))]
BLOCKS = [
    block for page in PAGES if name_of(page) not in ELSEWHERE for block in blocks(page)
]


def of(*languages):
    """Parametrize a test by the blocks in some languages."""
    chosen = [block for block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize("block", chosen, ids=[one.place for one in chosen])


def test_every_page_is_found():
    names = {name_of(page) for page in PAGES}
    assert {"README.md", "index.md", "reference/command-line.md", *ELSEWHERE} <= names
    for test in ELSEWHERE.values():
        assert (ROOT / "tests" / test).exists()


@of("python", "py")
def test_the_output_stands_behind(block):
    assert block.output is not None


def needs_its_events(code):
    if "mkdir" in code and not MKDIR:
        pytest.skip("os.mkdir() raises no event here")
    for function, example in {"system": "''", "putenv": "'A', 'b'"}.items():
        call = f"os.{function}"
        if call in code and not raises(call, f"{call}({example})"):
            pytest.skip(f"{call}() raises no event here")


@of("python")
def test_example(child, block, tmp_path):
    if child.implementation == "python" and "set_open_code_hook" in block.code:
        pytest.skip("set_open_code_hook needs the compiled implementation")
    needs_its_events(block.code)
    printed = child.run(block.code, cwd=tmp_path).replace(sys.executable, "PYTHON")
    output = block.output
    if child.implementation == "python":
        output = output.replace(
            "cython None", "python AUDITHOOKS_PURE_PYTHON asks for it"
        )
    assert printed == output


@of("console")
def test_session(child, block, tmp_path):
    needs_its_events(block.code)
    command, output = SESSION.fullmatch(block.code).groups()
    python, *arguments = shlex.split(command.replace("\n> ", "\n"))
    assert python == "python"
    done = child.start(*arguments, cwd=tmp_path)
    assert done.returncode == ("denied: " in output)
    assert VARIES.sub("...", done.stderr + done.stdout) == VARIES.sub("...", output)


@of("py")
def test_example_of_pytest(compiled, child_of, block, tmp_path):
    (tmp_path / "test_shop.py").write_text(block.code, encoding="utf-8")
    command, *output = block.output.splitlines()
    prompt, pytest, *arguments = shlex.split(command)
    assert (prompt, pytest) == ("$", "pytest")
    done = child_of("cython").pytest("--tb=short", *arguments, cwd=tmp_path)
    for line in output:
        assert line in done.stdout


# Examples in Cython and C: what a module of each needs beside it, and what uses it.

SHOP = """
import os
import audithooks, example
shop = audithooks.Dispatcher()
shop.subscribe(print, "sale")
subscription = example.setup(shop)
open(os.devnull).close()
subscription.close()
open(os.devnull).close()
"""
OWN_SHOP = """
import os
import example
example.shop.subscribe(print, "sale")
example.sell("tea", 3)
with open(os.devnull):
    pass
example.subscription.close()
open(os.devnull).close()
"""
SELL = """
import audithooks, example
with audithooks.capture("shop.sale") as events:
    example.sell("tea")
print(*events[0])
"""
SELL_WITHOUT = """
import sys
sys.modules["audithooks"] = None  # as if it were not installed
import example
sys.addaudithook(lambda event, args: event == "shop.sale" and print(event, args))
example.sell("tea")
"""
MODULE = """
static PyMethodDef methods[] = {METHODS, {NULL, NULL, 0, NULL}};
static PyModuleDef_Slot slots[] = {
    SLOTS
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "example", NULL, 0, methods, slots, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_example(void) { return PyModuleDef_Init(&definition); }
"""


class Use(NamedTuple):
    """How an example in C is used, by a function that it has."""

    methods: str
    slots: str
    code: str
    output: str


USES = {
    "static PyObject *setup(": Use(
        '{"setup", setup, METH_O, NULL}', "", SHOP, "sale ('tea', 3)\nopen /dev/null\n"
    ),
    "static PyObject *sell(": Use(
        '{"sell", sell, METH_O, NULL}',
        "{Py_mod_exec, exec},",
        SELL,
        "shop.sale ('tea', 3)\n",
    ),
}
# A part of a program that embeds Python.
EMBEDDING = "Py_Initialize();"


def run_extension(child_of, folder, code):
    package = str(Path(audithooks.get_include()).parent)
    return child_of("cython").run(code, cwd=folder, environ={"PYTHONPATH": package})


@of("cython")
def test_example_in_cython(compiled, child_of, block, tmp_path):
    source = tmp_path / "example.pyx"
    source.write_text(block.code, encoding="utf-8")
    building.cython_extension(source, tmp_path)
    printed = run_extension(child_of, tmp_path, OWN_SHOP)
    assert printed == "sale ('tea', 3)\nopen /dev/null\n"


@of("c")
def test_example_in_c(compiled, child_of, block, tmp_path):
    source = tmp_path / "example.c"
    if EMBEDDING in block.code:
        include, body = block.code.split("\n\n", 1)
        code = f"{include}\nint main(void) {{\n{body}return 0;\n}}\n"
        source.write_text(code, encoding="utf-8")
        building.compile_c(source, tmp_path / "example.o", "-c", *building.WARNINGS)
        return  # tests/start/test_embedding.py runs such a program
    (use,) = (use for start, use in USES.items() if start in block.code)
    module = MODULE.replace("METHODS", use.methods).replace("SLOTS", use.slots)
    source.write_text(block.code + module, encoding="utf-8")
    building.extension(source, tmp_path)
    assert run_extension(child_of, tmp_path, use.code) == use.output


def test_the_example_that_does_without_raises_its_event(compiled, child, tmp_path):
    (block,) = (block for block in BLOCKS if "PySys_Audit(" in block.code)
    use = USES["static PyObject *sell("]
    source = tmp_path / "example.c"
    module = MODULE.replace("METHODS", use.methods).replace("SLOTS", use.slots)
    source.write_text(block.code + module, encoding="utf-8")
    building.extension(source, tmp_path)
    assert child.run(SELL_WITHOUT, cwd=tmp_path) == "shop.sale ('tea', 3)\n"


# The README, which PyPI shows, where no other file is.


def test_the_picture_of_the_terminal_shows_its_commands():
    """If this fails: make share."""
    picture = ElementTree.parse(DOCS / "terminal.svg")
    shown = "".join(picture.getroot().itertext()).replace("\N{NO-BREAK SPACE}", " ")
    code = (DOCS / "terminal.py").read_text(encoding="utf-8")
    commands = re.findall(r'^    "(audithooks .*)",$', code, re.MULTILINE)
    assert len(commands) > 1
    assert [command for command in commands if command not in shown] == []


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_every_link_of_the_readme_is_absolute():
    text = BLOCK.sub("", README.read_text(encoding="utf-8"))
    links = re.findall(
        r"\]\(([^)\s]+)|\b(?:src|href)=\"([^\"]+)|^\[[^]]+\]: (\S+)", text
    )
    found = [link for groups in links for link in groups if link]
    assert len(found) > 10
    assert [link for link in found if not link.startswith("https://")] == []


def test_every_page_that_the_readme_links_to_is_there():
    text = README.read_text(encoding="utf-8")
    site = re.escape(URLS["Documentation"])
    pages = re.findall(rf"\({site}/en/latest/([^)#]*)", text)
    assert len(pages) > 5
    for page in pages:
        assert (DOCS / page).with_suffix(".md").is_file(), page


@pytest.mark.parametrize("command", [(), ("events",), ("explain",), ("diff",)])
def test_every_page_that_the_help_names_is_there(child_of, command):
    done = child_of(None).start("-m", "audithooks", *command, "--help")
    pages = re.findall(
        rf"{re.escape(URLS['Documentation'])}/en/latest/(\S+)", done.stdout
    )
    assert pages
    for page in pages:
        assert (DOCS / page).with_suffix(".md").is_file(), page


def test_every_file_that_the_readme_links_to_is_there():
    text = README.read_text(encoding="utf-8")
    repository = URLS["Repository"]
    raw = repository.replace("//github.com/", "//raw.githubusercontent.com/")
    folders = "|".join(map(re.escape, (f"{repository}/blob/main", f"{raw}/main")))
    files = re.findall(rf"\((?:{folders})/([^)#]*)", text)
    assert len(files) > 3
    for file in files:
        assert (ROOT / file).is_file(), file


def test_every_file_that_a_page_links_to_is_there():
    links = [
        (name_of(page), link)
        for page in PAGES
        for link in re.findall(r"\]\(repo:([^)\s]+)", page.read_text(encoding="utf-8"))
    ]
    assert links
    assert [link for link in links if not (ROOT / link[1]).exists()] == []
