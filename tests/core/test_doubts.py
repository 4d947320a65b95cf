"""Doubts about names: which are likely a mistake, what was meant, and the warning."""

import sys

import pytest
from features import needs

from audithooks._core.doubts import doubt
from audithooks.catalogue import EVENTS

TELLS_MODULES = hasattr(sys, "stdlib_module_names")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        # A letter is missing, too many, wrong; two are swapped; the case.
        ("opn", "open"),
        ("imports", "import"),
        ("impprt", "import"),
        ("oepn", "open"),
        ("Open", "open"),
        ("socket.conect", "socket.connect"),
        ("subprocess.popen", "subprocess.Popen"),
        ("sokcet.connect", "socket.connect"),
        ("audithooks.unsubscibe", "audithooks.unsubscribe"),
        # The functions that raise another name.
        ("os.opne", "open"),
        ("os.open", "open"),
        ("os.unlink", "os.remove"),
        ("os.spawnv", "os.spawn"),
        ("os.makedirs", "os.mkdir"),
        ("subprocess.run", "subprocess.Popen"),
        ("socket.connect_ex", "socket.connect"),
        # CPython documents a name that it does not raise.
        ("sys.set_asyncgen_hooks_finalizer", "sys.set_asyncgen_hook_finalizer"),
        ("ctypes.seh_exception", "ctypes.set_exception"),
        # Patterns that match nothing.
        ("sokcet.*", "socket.*"),
        ("socket.conect*", "socket.connect"),
        ("os.opn?", "open"),
    ],
)
def test_what_was_meant_is_said(name, meant):
    said = f"no version of CPython raises {name!r}: did you mean {meant}?"
    assert doubt(name) == said


@pytest.mark.parametrize("name", ["os.stat", "os.", "subprocess.x*", "builtins.eval"])
def test_a_prefix_of_cpython_is_doubted_where_nothing_is_close(name):
    assert doubt(name) == f"no version of CPython raises {name!r}"


@needs(TELLS_MODULES, "this Python does not tell the modules of its library")
@pytest.mark.parametrize("name", ["json.loads", "asyncio.run", "json.*", "zoneinfo.x?"])
def test_so_is_one_of_a_module_without_events(name):
    assert doubt(name) == f"no version of CPython raises {name!r}"


@pytest.mark.parametrize(
    "name",
    [
        "shop.sell",
        "bank.open",  # as imaplib.open
        "db.connect",  # as sqlite3.connect
        "signals.send",  # as smtplib.send
        "signals.*",  # not signal.*
        "db.*",  # not pdb.*
        "test.event",
        "x",
        "sale",
        "pen",
        "reopen",
        "opened",
        "connect",
        "eval",
        "open.account",
        "import.*",
        "imp*",
        "opne*",
        "*",
        "*.connect",
        "[os].x",
        "os.*",
        "http.*",
        "http.client.[cs]*",
        "sys.*hook",
        "@file",
    ],
)
def test_a_name_of_ones_own_and_a_pattern_that_matches_are_not_doubted(name):
    assert doubt(name) is None


def test_no_event_of_the_catalogue_is_doubted():
    assert [doubt(name) for name in EVENTS] == [None] * len(EVENTS)


WARNED = """
import warnings
import audithooks

def tell(name, where):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        where(name)
    for w in caught:
        print(w.category is audithooks.AuditHooksWarning, w.lineno, w.message)
        assert w.filename == "<string>", w.filename

def hook(event, args): ...
tell("opn", lambda name: audithooks.subscribe(hook, "open", name))
tell("opn", lambda name: audithooks.subscribe(hook, exclude=name))
tell("opn", lambda name: audithooks.capture(name))
tell("opn", lambda name: audithooks.capture(exclude=["x", name]))
tell("shop.sell", lambda name: audithooks.subscribe(hook, name, exclude=name))
tell("opn", lambda name: audithooks.Dispatcher().subscribe(hook, name, exclude=name))
tell("opn", lambda name: audithooks.Dispatcher().capture(name))
"""


def test_the_runtime_domain_warns_the_caller(child):
    said = "no version of CPython raises 'opn': did you mean open?"
    lines = "".join(f"True {line} {said}\n" for line in (14, 15, 16, 17))
    assert child.run(WARNED) == lines


def test_it_warns_once_a_place(child):
    code = """
import audithooks
for _ in range(3):
    audithooks.subscribe(lambda event, args: None, "opn")
    with audithooks.capture("opn"): pass
"""
    errors = child.start("-c", code).stderr.splitlines()
    errors = [line for line in errors if line.startswith("<")]  # not the source
    message = "no version of CPython raises 'opn': did you mean open?"
    assert errors == [
        f"<string>:{line}: AuditHooksWarning: {message}" for line in (4, 5)
    ]


def test_where_the_warning_is_an_error_no_hook_is_added(child):
    code = """
import warnings
import audithooks
warnings.simplefilter("error", audithooks.AuditHooksWarning)
for add in (
    lambda: audithooks.subscribe(lambda event, args: None, "opn"),
    lambda: audithooks.capture("opn"),
):
    try:
        add()
    except audithooks.AuditHooksWarning as error:
        print(error, audithooks.subscriptions())
"""
    said = "no version of CPython raises 'opn': did you mean open? ()\n"
    assert child.run(code) == said * 2


def test_known_names_and_ones_own_load_the_table_once_and_nothing_else(child):
    code = """
import sys
import audithooks
before = {*sys.modules}
def hook(event, args): pass
audithooks.subscribe(hook)
audithooks.Dispatcher().subscribe(hook, "open")
print({*sys.modules} - before)
audithooks.subscribe(hook, "test.event")
print(*sorted({*sys.modules} - before))
seen = []
sys.addaudithook(lambda event, args: seen.append(event))
audithooks.subscribe(hook, "open", "shop.sell", exclude="os.*")
print("import" in seen, "open" in seen)
"""
    assert child.run(code).splitlines() == [
        "set()",
        "audithooks._core.doubts audithooks._table",
        "False False",
    ]


def test_a_hook_that_refuses_imports_does_not_refuse_the_subscription(child):
    code = """
import sys
import audithooks
refused = []
def refuse(event, args):
    if event in ("import", "open"):  # PyPy raises the latter alone
        refused.append(event)
        raise PermissionError("no")
audithooks.addaudithook(refuse)
assert "difflib" not in sys.modules
subscription = audithooks.subscribe(lambda event, args: None, "opn")
print(bool(refused), audithooks.subscriptions() == (subscription,))
"""
    assert child.run(code) == "True True\n"


def test_what_is_imported_again_has_the_category_of_its_warnings(child):
    code = """
import sys
import warnings
import audithooks
for name in [*sys.modules]:
    if name.partition(".")[0] == "audithooks":
        del sys.modules[name]
import audithooks
warnings.simplefilter("error")
try:
    audithooks.subscribe(print, "opn")
except audithooks.AuditHooksWarning as warning:
    print(warning)
"""
    said = "no version of CPython raises 'opn': did you mean open?\n"
    assert child.run(code) == said


def test_arguments_of_capture_are_checked_where_it_is_called(domain):
    for arguments, message in [
        ({"exclude": ""}, "exclude must not hold an empty pattern"),
        ({"exclude": "@nothing"}, "there is no group '@nothing'"),
        ({"scope": "task"}, "scope must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            domain.capture(**arguments)


def test_a_capture_is_used_again_with_what_an_iterator_gave(domain):
    capture = domain.capture("test.*", exclude=iter(["test.b"]))
    for _ in range(2):
        with capture as records:
            domain.audit("test.a")
            domain.audit("test.b")
        assert [event for event, args in records] == ["test.a"]
