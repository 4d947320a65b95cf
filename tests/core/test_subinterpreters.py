"""Several interpreters in one process: each has its own hooks.

The compiled modules belong to the main interpreter, whoever imports first; the others
use pure Python. The native hook is called for the events of all of them, on several
processors at once if each interpreter has its own lock.
"""

import sys
from importlib.util import find_spec

import pytest
from features import needs
from pages import block

pytestmark = needs(
    any(map(find_spec, ("_interpreters", "_xxsubinterpreters"))),
    "this Python has no module for subinterpreters",
)

PRELUDE = """
import sys, textwrap
try:
    import _interpreters as interpreters
except ImportError:  # before 3.13
    import _xxsubinterpreters as interpreters
    def create(kind):
        return interpreters.create(isolated=kind == "isolated")
else:
    create = interpreters.create
def run(interpreter, code):
    failure = interpreters.run_string(interpreter, textwrap.dedent(code))
    assert failure is None, failure.formatted  # before 3.13, it is raised
destroy = interpreters.destroy
"""

# The code that each subinterpreter runs first.
LISTEN = """
import sys
import audithooks
seen = []
kept = audithooks.subscribe(lambda e, a: seen.append(a[0]), "test.*")
"""


@pytest.fixture(params=["legacy", "isolated"])
def kind(request):
    """The kind of subinterpreter; from 3.12 on, an isolated one has its own lock."""
    return request.param


@pytest.fixture
def run(child_of, implementation, kind):
    """Run code with PRELUDE; the compiled implementation must not be required."""
    child = child_of(None if implementation == "cython" else implementation)
    names = f"kind = {kind!r}\nLISTEN = {LISTEN!r}\n"
    return lambda code: child.run(PRELUDE + names + code)


def test_the_mirror_is_imported_and_works(run):
    printed = run(
        """
import audithooks
other = create(kind)
run(other, LISTEN + '''
sys.audit("test.sys", 1)
audithooks.audit("test.audithooks", 2)
audithooks.Event("test.event")(3)
bank = audithooks.Dispatcher()
with bank.capture("transfer") as events:
    bank.audit("transfer", 4)
kept.close()
sys.audit("test.sys", 5)
print(audithooks.IMPLEMENTATION, seen, events[0].args, flush=True)
assert audithooks.FALLBACK_REASON
''')
destroy(other)
"""
    )
    assert printed == "python [1, 2, 3] (4,)\n"


def test_the_main_interpreter_comes_first_whoever_imports_first(run, implementation):
    """A subinterpreter does not take the compiled modules from it."""
    printed = run(
        """
REPORT = "print(audithooks.IMPLEMENTATION, audithooks.FALLBACK_REASON, flush=True)"
first = create(kind)
run(first, LISTEN + "sys.audit('test.other', 1); assert seen == [1], seen")
exec(LISTEN)
sys.audit("test.main", 2)
run(first, "sys.audit('test.other', 3); assert seen == [1, 3], seen")
print(audithooks.IMPLEMENTATION, seen, flush=True)
run(first, REPORT)
destroy(first)
late = create(kind)
run(late, "import audithooks; " + REPORT)
destroy(late)
sys.audit("test.main", 4)
print(audithooks.IMPLEMENTATION, seen)
"""
    )
    main, *others, last = printed.splitlines()
    assert (main, last) == (f"{implementation} [2]", f"{implementation} [2, 4]")
    assert len(others) == 2
    for line in others:
        assert line.startswith("python ")
        if implementation == "cython":  # CPython itself refuses some, in its own words
            assert "interpreter" in line


def test_hooks_stay_in_their_interpreter(run):
    printed = run(
        """
exec(LISTEN)
every = audithooks.subscribe(lambda e, a: names.add(e))
names = set()
others = [create(kind) for _ in range(3)]
for number, other in enumerate(others):
    run(other, LISTEN + f"sys.audit('test.own', {number})")
sys.audit("test.main", "main")
for number, other in enumerate(others):
    run(other, f"sys.audit('test.again', {number})")
    run(other, f"assert seen == [{number}] * 2, seen")
print(seen, sorted(name for name in names if name.startswith("test.")))
for other in others:
    destroy(other)
"""
    )
    assert printed == "['main'] ['test.main']\n"


def test_the_end_of_one_leaves_the_others(run):
    printed = run(
        """
exec(LISTEN)
gone, stays = create(kind), create(kind)
for other in gone, stays:
    run(other, LISTEN)
run(gone, "sys.audit('test.event', 'gone')")
destroy(gone)
sys.audit("test.event", "main")
run(stays, "sys.audit('test.event', 'stays'); assert seen == ['stays'], seen")
late = create(kind)
run(late, LISTEN + "sys.audit('test.event', 'late'); assert seen == ['late'], seen")
destroy(stays)
destroy(late)
audithooks.subscribe(lambda e, a: seen.append("new"), "test.*")
sys.audit("test.event", "last")
print(seen)
"""
    )
    assert printed == "['main', 'last', 'new']\n"


def test_one_that_ends_sees_its_end_alone(run):
    printed = run(
        """
import audithooks
last = "cpython.PyInterpreterState_Clear"
audithooks.subscribe(lambda e, a, write=os.write: write(1, b"main\\n"), last)
other = create(kind)
run(other, '''
import audithooks, os
last = "cpython.PyInterpreterState_Clear"
kept = audithooks.subscribe(lambda e, a, write=os.write: write(1, b"other\\\\n"), last)
''')
destroy(other)
os.write(1, b"destroyed\\n")
""".replace("import audithooks\n", "import audithooks, os\n", 1)
    )
    assert printed == "other\ndestroyed\nmain\n"


def test_many_come_and_go(run):
    printed = run(
        """
exec(LISTEN)
for number in range(20):
    other = create(kind)
    run(other, LISTEN + f"sys.audit('test.other', {number}); assert len(seen) == 1")
    sys.audit("test.main", number)
    destroy(other)
print(seen == list(range(20)))
"""
    )
    assert printed == "True\n"


@needs(sys.version_info >= (3, 12), "before 3.12, interpreters share one lock")
def test_they_run_at_the_same_time(run):
    """Each interpreter raises events and changes hooks; none is lost or misplaced."""
    printed = run(
        """
exec(LISTEN)
import threading
work = '''
for number in range(20_000):
    sys.audit("test.event", name)
    if number % 100 == 0:
        with audithooks.subscribe(lambda e, a: None, "test.*", "open") as more:
            more.pause()
            more.resume()
assert seen == [name] * 20_000, len(seen)
'''
failures = []
def race(name, other):
    try:
        if other is None:
            exec(work, globals())
        else:
            run(other, LISTEN + f"name = {name!r}" + work)
    except BaseException as error:
        failures.append(error)
name = "main"
others = [create(kind) for _ in range(3)]
threads = [threading.Thread(target=race, args=("main", None))]
threads += [threading.Thread(target=race, args=(str(o), o)) for o in others]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for other in others:
    destroy(other)
print(failures, len(seen))
"""
    )
    assert printed == "[] 20000\n"


@needs(find_spec("concurrent.interpreters"), "concurrent.interpreters is new in 3.14")
def test_the_public_module_for_them(run):
    printed = run(
        """
from concurrent import interpreters
exec(LISTEN)
other = interpreters.create()
other.exec(LISTEN + "sys.audit('test.event', 1); assert seen == [1]")
other.close()
sys.audit("test.event", "main")
print(seen)
"""
    )
    assert printed == "['main']\n"


@needs(find_spec("concurrent.interpreters"), "concurrent.interpreters is new in 3.14")
def test_the_program_of_the_page_prints_what_it_says(run, implementation):
    told = block("subinterpreters", "{code-block} none")
    assert run(block("subinterpreters", "{code-block} python")) == told.replace(
        "cython", implementation
    )
