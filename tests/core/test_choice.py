"""The choice of the implementation."""

import pytest
from features import FREE_THREADED, needs, prints

SHOW = "import audithooks as a; print(a.IMPLEMENTATION, a.FALLBACK_REASON)"

# A finder that blocks compiled modules, as if there had been no compiler.
BLOCK = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.endswith("_c"):
            raise ImportError(f"no {name} here", name=name)
sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize("value", ["", "0"])
def test_the_compiled_one_is_taken_where_it_is(compiled, child_of, value):
    child = child_of("cython")
    assert child.run(SHOW, environ={"AUDITHOOKS_PURE_PYTHON": value}) == "cython None\n"


@pytest.mark.parametrize("value", ["1", "yes"])
def test_pure_python_can_be_asked_for(child_of, value):
    printed = child_of("python").run(SHOW, environ={"AUDITHOOKS_PURE_PYTHON": value})
    assert printed == "python AUDITHOOKS_PURE_PYTHON asks for it\n"


def test_pure_python_takes_over_and_says_why(child_of):
    printed = child_of(None).run(BLOCK + SHOW)
    assert printed == "python no audithooks._core.core_c here\n"


def test_a_required_implementation_that_is_missing_is_an_error(child_of):
    done = child_of("cython").start("-c", BLOCK + SHOW)
    assert done.returncode == 1
    assert "ImportError: no audithooks._core.core_c here" in done.stderr


@needs(
    FREE_THREADED,
    "this build always has the global interpreter lock",
)
def test_importing_leaves_the_gil_off(child):
    """A module without the declaration would switch it on for the whole process."""
    printed = child.run(
        "import sys, audithooks; audithooks.subscribe(print, 'test.*')\n"
        "import threading; print(audithooks.IMPLEMENTATION, sys._is_gil_enabled())"
    )
    assert printed == f"{child.implementation} False\n"


# What an interpreter has to import for contextvars.
CONTEXTVARS = {
    name.partition(".")[0]
    for name in prints(
        """
import sys
before = set(sys.modules)
import contextvars
print(*sorted(set(sys.modules) - before))
"""
    ).split()
}


def test_the_import_is_light(child):
    printed = child.run(
        """
import sys
before = set(sys.modules)
import audithooks
print(*sorted(set(sys.modules) - before))
"""
    )
    loaded = {name.partition(".")[0] for name in printed.split()}
    # Cython keeps registries such as cython_runtime as modules.
    cython = {name for name in loaded if name.startswith(("cython_", "_cython_"))}
    light = {"audithooks"}
    if child.implementation == "python":  # compiled code needs none of these
        light |= CONTEXTVARS | {"__future__"}
        light.add("itertools")  # which is built in, and mostly there
    assert loaded - cython <= light
    ours = {name for name in printed.split() if name.startswith("audithooks")}
    ours -= {"audithooks._core.receipt"}  # of CPython 3.9 and 3.10
    assert len(ours) <= (8 if child.implementation == "cython" else 13), ours


def test_what_most_programs_do_imports_nothing_more(child):
    """So it works under a hook that refuses imports, and raises no event of them."""
    printed = child.run(
        """
import sys
import audithooks
before = set(sys.modules)
def refuse(event, args):
    raise PermissionError("no")
kept = audithooks.subscribe(refuse, "import", "open", "exec")
def hook(event, args): pass
for domain in audithooks, audithooks.Dispatcher():
    domain.addaudithook(hook)
    with domain.subscribe(hook) as subscription:
        audithooks.Event("test.event")(1)
        domain.audit("test.event", 1)
        subscription.pause()
        subscription.resume()
    domain.subscribe(hook, "test.*", exclude=("test.a*", "test.[b]"), scope="context")
print(len(audithooks.subscriptions()))
del audithooks.set_open_code_hook, audithooks.get_include  # are there
kept.close()
print(sorted(set(sys.modules) - before))
"""
    )
    loaded = "['audithooks._core.doubts', 'audithooks._table']"  # for a known name
    assert printed.splitlines() == ["2", loaded]


PURGE = """
import sys
import audithooks
for name in [*sys.modules]:
    if name.partition(".")[0] == "audithooks":
        del sys.modules[name]
import audithooks
"""


def test_what_is_imported_again_raises_its_own_exceptions(child):
    """Compiled modules come back as they were, those in Python are run again."""
    code = f"""{PURGE}
def refuse(event, args):
    if event == "sys.addaudithook":
        raise RuntimeError("no")
for domain in audithooks.Dispatcher(), audithooks:
    domain.addaudithook(refuse)
    try:
        domain.subscribe(print)
    except audithooks.HookRejected:
        print("refused")
"""
    assert child.run(code) == "refused\n" * 2


def test_what_is_imported_again_has_the_class_of_its_objects(child):
    code = f"""{PURGE}
for domain in audithooks.Dispatcher(), audithooks:
    print(isinstance(domain.subscribe(print, "x"), audithooks.Subscription))
"""
    assert child.run(code) == "True\n" * 2
