"""What help() and editors show: each public name with arguments, an example, a version.

The examples are run. Docstrings of both implementations are compared in
core/test_parity.py.
"""

import ast
import os
import re
import sys
import textwrap
from pathlib import Path

import pytest
from features import CPYTHON_EVENTS, needs

import audithooks

MODULES = [
    "audithooks",
    "audithooks.catalogue",
    "audithooks.policy",
    "audithooks.rules",
    "audithooks.sinks",
]

pytestmark = needs(sys.flags.optimize < 2, "there are no docstrings with -OO")

# All public names of a module with their docstrings; of data those below it.
DOCSTRINGS = """
import ast, functools, importlib, inspect, os, sys
from pathlib import Path
import audithooks

module = importlib.import_module(sys.argv[1])

@functools.lru_cache(None)
def below():
    found = {}
    for path in Path(audithooks.__file__).parent.rglob("*.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for assignment, doc in zip(body, body[1:]):
            target = getattr(assignment, "target", None) or getattr(
                assignment, "targets", [None]
            )[0]
            if isinstance(target, ast.Name) and isinstance(doc, ast.Expr):
                text = getattr(doc.value, "value", None)
                if isinstance(text, str):
                    found[target.id] = inspect.cleandoc(text)
    return found

def docstrings():
    for name in module.__all__:
        thing = getattr(module, name)
        if thing is sys.audit:
            continue
        if callable(thing):
            yield name, thing, inspect.getdoc(thing) or ""
        else:
            yield name, thing, below().get(name, "")

def members():
    for name, thing, doc in docstrings():
        if inspect.isclass(thing):
            if "__init__" in vars(thing) or "__cinit__" in vars(thing):
                yield name, thing, doc
            for base in thing.__mro__:
                if base.__module__.startswith("audithooks"):
                    for member, function in vars(base).items():
                        function = getattr(thing, member)
                        if not (
                            member.startswith("_")
                            or inspect.isdatadescriptor(function)
                            and not isinstance(function, property)
                        ):
                            full = f"{name}.{member}"
                            yield full, function, inspect.getdoc(function) or ""
        elif callable(thing):
            yield name, thing, doc
"""

EXAMPLES = """
import doctest, logging, re, warnings

class Checker(doctest.OutputChecker):
    # The module of an exception of ours is private.
    def check_output(self, want, got, flags):
        got = re.sub(r"^audithooks\\.[\\w.]+\\.(\\w+):", r"audithooks.\\1:", got)
        return super().check_output(want, got, flags)

known = {name: getattr(module, name) for name in module.__all__}
known.update(audithooks=audithooks, logging=logging, os=os, sys=sys, warnings=warnings)
from audithooks.policy import Policy
known.update(Path=Path, Policy=Policy)
checked = [*docstrings()]
if module.__doc__ and ">>>" in module.__doc__:
    checked.append((module.__name__, module, module.__doc__))
last = [item for item in checked if item[0] == "set_open_code_hook"]
if audithooks.IMPLEMENTATION == "python":
    last, checked = [], [item for item in checked if item not in last]
for name, _, doc in sorted(checked, key=lambda item: item in last):
    test = doctest.DocTestParser().get_doctest(doc, {**known}, name, None, None)
    runner = doctest.DocTestRunner(Checker(), False, doctest.ELLIPSIS)
    with warnings.catch_warnings():
        runner.run(test)
    if not test.examples:
        print("no example:", name)
"""


@pytest.fixture
def found(child, tmp_path):
    """Run code about a module in a child, and return what it prints."""
    return lambda module, code: child.run(DOCSTRINGS + code, module, cwd=tmp_path)


@needs(CPYTHON_EVENTS, "the events of this interpreter differ")
@needs(os.name == "posix", "the examples have paths of POSIX")
@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_has_an_example_that_runs(found, module):
    assert found(module, EXAMPLES) == ""


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_says_since_when_it_is_there(found, module):
    code = """
import re
for name, _, doc in docstrings():
    lines = re.findall(r"(?m)^Added in \\d+\\.\\d+\\.$", doc)
    if len(lines) != 1 or not doc.rstrip().endswith(lines[0]):
        print(name, lines)
"""
    assert found(module, code) == ""


@pytest.mark.parametrize("module", MODULES)
def test_every_argument_is_described(found, module):
    code = """
for name, thing, doc in members():
    if not doc:
        print(name, "has no docstring")
    if not callable(thing) or inspect.isclass(thing) and issubclass(thing, Exception):
        continue
    for parameter in inspect.signature(thing).parameters:
        if parameter not in ("self", "_") and f"*{parameter}*" not in doc:
            print(name, parameter)
"""
    assert found(module, code) == ""


@needs(CPYTHON_EVENTS, "the events of this interpreter differ")
def test_the_example_of_the_fixture_runs(child, tmp_path):
    from audithooks.pytest_plugin import __file__ as plugin

    tree = ast.parse(Path(plugin).read_text(encoding="utf-8"))
    (fixture,) = (
        node for node in tree.body if getattr(node, "name", "") == "audit_events"
    )
    text = ast.get_docstring(fixture)
    example = textwrap.dedent("".join(re.findall(r"(?m)^    .*\n", text)))
    assert text.endswith("\nAdded in 0.1.")
    (tmp_path / "test_it.py").write_text(f"import os\n\n{example}", encoding="utf-8")
    done = child.pytest("-q", cwd=tmp_path)
    assert "1 passed" in done.stdout, done.stdout


def test_help_of_the_package_is_about_the_package():
    text, _, rest = audithooks.__doc__.rpartition("PYTEST_DONT_REWRITE")
    assert "pytest" not in text.lower()
    assert not rest.strip()
