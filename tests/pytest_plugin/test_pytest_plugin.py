"""The pytest plugin, in separate runs of pytest."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from features import CPYTHON_EVENTS, PROCESSES, TOLD, needs
from pages import block

pytest_plugins = ["pytester"]

pytestmark = needs(PROCESSES, "this system has no processes")

STRICT = [
    "-Werror",
    "-Wignore::pytest.PytestUnhandledThreadExceptionWarning",
    "--strict-markers",
    "-p",
    "no:cacheprovider",
]


@pytest.fixture
def run_by(pytester):
    """Return a function that runs pytest on a test file, in its own process."""

    def make(child):
        def run(code, *arguments, plugins=(), ini=""):
            pytester.makepyfile(test_it=code)
            pytester.makeini(f"[pytest]\n{ini}")
            for name, value in child.environ.items():
                pytester._monkeypatch.setenv(name, value)
            pytester._monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
            chosen = [f"-p{plugin}" for plugin in ("audithooks", *plugins)]
            return pytester.runpytest_subprocess(*chosen, *STRICT, *arguments)

        return run

    return make


@pytest.fixture
def run(run_by, child):
    """Run pytest with one implementation."""
    return run_by(child)


@pytest.fixture
def run_any(run_by, child_of):
    """Run pytest with the default implementation."""
    return run_by(child_of(None))


def installed(module):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


def test_the_plugin_is_found_by_pytest(pytester):
    result = pytester.runpytest_subprocess("--help")
    result.stdout.fnmatch_lines(["*--audit-forbid=RULE*"])
    result = pytester.runpytest_subprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.audit_forbid(*"])


def test_a_package_that_was_imported_before_is_no_trouble(child_of):
    """As with python -m audithooks -m pytest, when pytest rewrites assertions."""
    result = child_of(None).start(
        "-c",
        """
import sys
import audithooks
import pytest

class Plugin:
    def pytest_configure(self, config):
        rewrite = config.pluginmanager.rewrite_hook
        rewrite.mark_rewrite("audithooks")

sys.exit(pytest.main(["-Werror", "-q", "--co", sys.argv[1]], [Plugin()]))
""",
        __file__,
    )
    assert "Module already imported" not in result.stdout + result.stderr


def test_nothing_is_there_until_it_is_asked_for(run, child):
    told = TOLD or child.implementation == "cython"
    result = run(
        f"""
import sys
from audithooks import Event

def test_no_hook_is_added():
    assert not (Event("test.event") and {told})

def test_the_fixture_adds_one(audit_events):
    assert Event("test.event")
    assert "audithooks.pytest_plugin.guard" not in sys.modules
"""
    )
    result.assert_outcomes(passed=2)


def test_the_fixture_has_the_events_of_the_test(run):
    result = run(
        """
import sys, threading
import pytest

@pytest.fixture
def before(audit_events):
    sys.audit("app.use")

def test_none(before, audit_events):
    assert audit_events == []

def test_all(audit_events):
    sys.audit("app.use", "/")
    sys.audit("app.other", 1, 2)
    assert audit_events == [("app.use", ("/",)), ("app.other", (1, 2))]
    assert audit_events[0].event == "app.use"
    assert audit_events[0].thread == threading.get_ident()

@pytest.mark.audit_events("app.use", "@environment")
def test_some(audit_events):
    id(0)
    eval("1")
    thread = threading.Thread(target=sys.audit, args=("app.use", "/"))
    thread.start()
    thread.join()
    assert audit_events == [("app.use", ("/",))]

class TestMethod:
    @pytest.mark.parametrize("path", ["/", "."])
    def test(self, path, audit_events):
        sys.audit("app.use", path)
        assert audit_events == [("app.use", (path,))]
"""
    )
    result.assert_outcomes(passed=5)


FORBIDDEN = """
import os, shutil, sys, threading
import pytest

def test_it_fails():
    os.getpid()
    shutil.copyfile(__file__, "new")

def test_not_done():
    assert not os.path.exists("new")

def test_swallowed():
    try:
        shutil.copyfile(__file__, "new")
    except BaseException:
        pass

def test_skipped():
    try:
        shutil.copyfile(__file__, "new")
    except BaseException:
        pytest.skip("no")

def test_replaced():
    try:
        shutil.copyfile(__file__, "new")
    except BaseException:
        raise KeyError("other")

def test_thread():
    thread = threading.Thread(target=lambda: shutil.copyfile(__file__, "new"))
    thread.start()
    thread.join()

@pytest.fixture
def at_teardown():
    yield
    shutil.copyfile(__file__, "new")

def test_teardown(at_teardown):
    pass

def test_setup(tmp_path_factory):
    pass

@pytest.mark.audit_allow("shutil.*")
def test_allowed(tmp_path):
    shutil.copyfile(__file__, tmp_path / "new")

def test_other():
    sys.audit("app.use")
"""


def test_a_traceback_ends_in_the_test_and_not_in_audithooks(run):
    code = "def test_write():\n    open('new', 'w').close()"
    result = run(code, "--tb=short", "--audit-forbid=@write(path!=/nowhere)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["test_it.py:2: in test_write"])
    result.stdout.no_fnmatch_line("*audithooks?rules*")


@pytest.mark.parametrize("way", ["option", "ini"])
def test_a_forbidden_event_fails_the_test(run, way):
    if way == "option":
        options = "--audit-forbid", "shutil.copyf*", "--audit-forbid=@network"
        result = run(FORBIDDEN, *options)
    else:
        result = run(FORBIDDEN, ini="audit_forbid =\n    shutil.copyf*\n    @network\n")
    result.assert_outcomes(passed=5, failed=5, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*_ ERROR at teardown of test_teardown _*",
            "*forbidden audit event: shutil.copyfile(src='*test_it.py', dst='new')",
            "*  at test_it.py:37 in at_teardown: shutil.copyfile(*",
            "*_ test_it_fails _*",
            '>       shutil.copyfile(__file__, "new")',
            "E * Failed: forbidden audit event: shutil.copyfile(src='*', dst='new')",
            "*  at test_it.py:6 in test_it_fails: shutil.copyfile(*",
            "*_ test_swallowed _*",
            "*  at test_it.py:13 in test_swallowed: shutil.copyfile(*",
            "*_ test_skipped _*",
            "*  at test_it.py:19 in test_skipped: shutil.copyfile(*",
            "*_ test_replaced _*",
            "E * KeyError: 'other'",
            "*Captured forbidden events call*",
            "*  at test_it.py:25 in test_replaced: shutil.copyfile(*",
            "*_ test_thread _*",
            "*  at test_it.py:30 in *<lambda>: *shutil.copyfile(*",
        ]
    )


def test_a_thread_that_runs_a_library_alone_is_guarded(run):
    """None of its frames is of the test: that of the library is named."""
    result = run(
        """
import os, shutil, threading

def test_thread():
    thread = threading.Thread(target=shutil.copyfile, args=(__file__, "new"))
    thread.start()
    thread.join()
    assert not os.path.exists("new")
""",
        "--audit-forbid=shutil.copyfile",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*  at *shutil.py:* in copyfile: *"])


def test_a_marker_forbids_for_what_it_is_on(run):
    result = run(
        """
import socket, sys
import pytest

@pytest.mark.audit_forbid("app.use")
class TestForbidden:
    def test_forbidden(self):
        sys.audit("app.use")

    @pytest.mark.audit_forbid("@network", "app.other")
    def test_both(self):
        with pytest.raises(BaseException):
            sys.audit("app.use")
        with pytest.raises(BaseException):
            socket.socket()
        with pytest.raises(BaseException):
            sys.audit("app.other")

    @pytest.mark.audit_allow("app.use")
    def test_allowed(self):
        sys.audit("app.use")

def test_free():
    sys.audit("app.use")

@pytest.mark.audit_forbid()
def test_wrong():
    pass

@pytest.mark.audit_forbid("@nowhere")
def test_no_group():
    pass
"""
    )
    result.assert_outcomes(passed=2, failed=2, errors=2)
    result.stdout.fnmatch_lines(
        [
            "a marker is wrong: audit_forbid takes at least one pattern",
            "a marker is wrong: audit_forbid: there is no group '@nowhere'; *",
            "*: app.use()",
            "*: socket.__new__(*",
            "*: app.other()",
        ]
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("@nowhere", "ERROR: audit_forbid: there is no group '@nowhere'; `python -m *"),
        ("", "ERROR: audit_forbid must not hold an empty pattern"),
        ("opne", "ERROR: audit_forbid: no version of CPython raises 'opne': did you *"),
    ],
)
def test_a_wrong_pattern_is_an_error_of_usage(run_any, pattern, message):
    result = run_any("", f"--audit-forbid={pattern}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_an_error_in_a_marker_is_one_line(run):
    markers = [
        "audit_forbid('opne')",
        "audit_allow('subprocess.popen')",
        "audit_forbid(1)",
        "audit_events('@nowhere')",
        "audit_events('opne')",
    ]
    tests = [
        f"""
@pytest.mark.{marker}
@pytest.mark.audit_forbid("app.use")
def test_{number}(audit_events):
    pass
"""
        for number, marker in enumerate(markers)
    ]
    result = run("import pytest\n" + "".join(tests))
    result.assert_outcomes(errors=len(markers))
    lines = result.outlines
    places = [i for i, line in enumerate(lines) if line.startswith("a marker is")]
    assert len(places) == len(markers)
    for place in places:
        assert lines[place - 1].startswith("_")
        assert lines[place + 1].startswith(("_", "=", "-"))


def test_commas_and_exceptions(run):
    result = run(
        """
import sys
import pytest

def test_forbidden():
    sys.audit("app.use")

def test_also_forbidden():
    sys.audit("shop.sell")

def test_excepted():
    sys.audit("app.look")

@pytest.mark.audit_forbid("!app.use,app.look")
def test_excepted_by_marker():
    sys.audit("app.use")

@pytest.mark.audit_allow("app.*,!app.use")
def test_not_allowed():
    sys.audit("app.use")
""",
        "--audit-forbid=app.*,shop.sell",
        "--audit-forbid=!app.look",
    )
    result.assert_outcomes(passed=2, failed=3)


def test_writing_is_told_by_the_arguments_of_open(run):
    result = run(
        """
import os

def test_reading():
    open(__file__).close()

def test_writing():
    open("new", "w").close()

def test_not_done():
    assert not os.path.exists("new")
""",
        "--audit-forbid=@write",
    )
    result.assert_outcomes(passed=2, failed=1)


def test_a_loop_may_make_its_socketpair(run):
    result = run(
        """
import asyncio, socket

def test_loop():
    asyncio.run(asyncio.sleep(0))

async def own():
    socket.socketpair()

def test_own_pair():
    asyncio.run(own())
""",
        "--audit-forbid=@network",
    )
    result.assert_outcomes(passed=1, failed=1)


def test_what_pytest_does_is_not_forbidden(run_any):
    result = run_any(
        """
import pytest

@pytest.fixture
def fixture(tmp_path, monkeypatch, capsys):
    yield 1

def test(fixture, audit_events):
    assert fixture == 1

def test_failing():
    assert 1 == 2
""",
        "--audit-forbid=*",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*forbidden audit event*")


def test_environments_are_redacted(run_any):
    result = run_any(
        """
import subprocess
def test():
    subprocess.Popen(["true"], env={"PASSWORD": "secret"})
""",
        "--audit-forbid=@process",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*subprocess.Popen(*env='[[]redacted]')*"])


def test_unittest_is_guarded(run_any):
    result = run_any(
        """
import sys, unittest
class Test(unittest.TestCase):
    def test_plain(self):
        sys.audit("app.use")
    def test_swallowed(self):
        with self.assertRaises(BaseException):
            sys.audit("app.use")
    def test_fine(self):
        pass
""",
        "--audit-forbid=app.use",
    )
    result.assert_outcomes(failed=2, passed=1)


def test_with_asyncio(run_any):
    installed("pytest_asyncio")
    result = run_any(
        """
import asyncio, sys
import pytest

async def use():
    await asyncio.sleep(0)
    sys.audit("app.use", "/")

@pytest.mark.audit_events("app.use")
async def test_events(audit_events):
    task = asyncio.create_task(use())
    await asyncio.gather(use(), task, asyncio.to_thread(sys.audit, "app.use", "/"))
    assert audit_events == [("app.use", ("/",))] * 3

@pytest.mark.audit_events("app.use")
async def test_none(audit_events):
    assert audit_events

@pytest.mark.audit_forbid("app.use")
async def test_forbidden():
    await use()

@pytest.mark.audit_forbid("app.use")
async def test_task():
    await asyncio.gather(use(), use(), return_exceptions=True)

@pytest.mark.audit_forbid("app.use")
async def test_fine():
    await asyncio.sleep(0)
""",
        plugins=["asyncio"],
        ini="asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n",
    )
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines(["*at test_it.py:6 in use: sys.audit(*"])


def test_with_anyio(run_any):
    """Which runs the coroutine function that it finds."""
    installed("anyio")
    result = run_any(
        """
import sys
import pytest

pytestmark = pytest.mark.anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"

async def test_events(audit_events):
    sys.audit("app.use", "/")
    assert audit_events == [("app.use", ("/",))]

async def test_none(audit_events):
    assert audit_events
""",
        plugins=["anyio"],
    )
    result.assert_outcomes(passed=1, failed=1)


def test_with_xdist(run_any):
    installed("xdist")
    result = run_any(
        """
import sys
import pytest

@pytest.mark.parametrize("number", range(4))
def test_forbidden(number):
    try:
        sys.audit("app.use", "/")
    except BaseException:
        pass

@pytest.mark.audit_allow("app.use")
@pytest.mark.parametrize("number", range(4))
def test_events(number, audit_events):
    sys.audit("app.use", "/")
    assert audit_events == [("app.use", ("/",))]
""",
        "--audit-forbid=app.use",
        "-n2",
        plugins=["xdist"],
    )
    result.assert_outcomes(passed=4, failed=4)
    result.stdout.fnmatch_lines(["*at test_it.py:7 in test_forbidden: sys.audit(*"])


def test_a_fixture_of_the_same_name_is_left_alone(run_any):
    result = run_any(
        """
import pytest

@pytest.fixture
def audit_events():
    return ["login"]

def test_own(audit_events):
    assert audit_events == ["login"]
"""
    )
    result.assert_outcomes(passed=1)


def test_other_plugins_see_that_a_test_is_asynchronous(run_any, pytester):
    pytester.makeconftest(
        """
import asyncio, inspect, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        asyncio.run(pyfuncitem.obj(pyfuncitem.funcargs["audit_events"]))
        return True
"""
    )
    result = run_any(
        """
import pytest, sys

@pytest.mark.audit_events("app.*")
async def test_asynchronous(audit_events):
    sys.audit("app.use")
    assert audit_events == [("app.use", ())]
"""
    )
    result.assert_outcomes(passed=1)


def test_arguments_that_cannot_be_told_are_no_way_around(run):
    result = run(
        """
import sys

class Proxy:
    @property
    def __class__(self):
        raise RuntimeError

def test_forbidden():
    try:
        sys.audit("app.use", Proxy())
    except Exception:
        pass
""",
        "--audit-forbid=app.use",
    )
    result.assert_outcomes(failed=1)


def test_an_error_of_the_guard_fails_the_test(run):
    result = run(
        """
import sys
from audithooks.pytest_plugin.guard import Guard

def test_forbidden(monkeypatch):
    monkeypatch.setattr(Guard, "_tell", lambda *_: 1 / 0)
    try:
        sys.audit("app.use")
    except Exception:
        pass
""",
        "--audit-forbid=app.use",
    )
    result.assert_outcomes(failed=1)


def test_a_test_may_use_a_port_that_others_may_not(run):
    result = run(
        """
import socket
import pytest

def connect(port):
    with socket.socket() as client:
        client.settimeout(0.1)
        try:
            client.connect(("192.0.2.1", port))
        except OSError:
            pass

@pytest.mark.audit_allow("@connect(port=5432)")
@pytest.mark.parametrize("port", [5432, 80])
def test_marked(port):
    connect(port)

def test_other():
    connect(5432)
""",
        "--audit-forbid=@connect(host!=localhost)",
    )
    result.assert_outcomes(passed=1, failed=2)


POLICY = """
allow = "@write(path=./out|{tmp})"

[[rule]]
id = "no-shell"
deny = "os.system(command=*)"
reason = "it is slow"
"""


def test_of_a_module_without_events_there_is_a_warning(run, pytester):
    if sys.version_info < (3, 11):
        pytest.importorskip("tomli", reason="before 3.11 a policy needs it")
    pytester.path.joinpath("policy.toml").write_text('deny = "@network"')
    pytester.path.joinpath("uvloop.py").touch()
    option = "--audit-policy=policy.toml"
    result = run("import uvloop\ndef test(): pass", option, "-Wdefault")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*AuditHooksWarning: no rule sees the * of uvloop*"])


@needs(CPYTHON_EVENTS, "the events of this interpreter differ")
@pytest.mark.parametrize("configured", [False, True])
def test_a_policy_is_for_every_test_but_what_one_is_allowed(run, pytester, configured):
    if sys.version_info < (3, 11):
        pytest.importorskip("tomli", reason="before 3.11 a policy needs it")
    pytester.path.joinpath("policy.toml").write_text(POLICY)
    option = [] if configured else ["--audit-policy=policy.toml"]
    result = run(
        """
import os
import pytest

def test_shell():
    os.system("true")

@pytest.mark.audit_allow("os.system")
def test_allowed():
    os.system("true")

def test_other():
    os.listdir(".")
""",
        *option,
        ini="audit_policy = policy.toml" if configured else "",
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["*may not start the shell*no-shell: os.system(command=[*]) (it is slow)*"]
    )


@needs(CPYTHON_EVENTS, "the events of this interpreter differ")
def test_the_nearest_policy_is_that_of_a_test(run, pytester):
    if sys.version_info < (3, 11):
        pytest.importorskip("tomli", reason="before 3.11 a policy needs it")
    for name, event in [
        ("run", "os.listdir"),
        ("folder", "os.system"),
        ("one", "open"),
    ]:
        pytester.path.joinpath(f"{name}.toml").write_text(f"deny = ['{event}']")
    tests = """
import os
import pytest

def test_listed():
    os.listdir(".")

def test_shell():
    os.system("true")

@pytest.mark.audit_policy({path!r})
def test_own():
    os.listdir(".")
    os.system("true")
    open(os.devnull)
"""
    folder = pytester.mkdir("folder")
    deeper = folder / "deeper"
    deeper.mkdir()
    (folder / "conftest.py").write_text("audit_policy = '../folder.toml'")
    (deeper / "test_deeper.py").write_text(tests.format(path="../../one.toml"))
    result = run(tests.format(path="one.toml"), ini="audit_policy = run.toml")
    result.assert_outcomes(passed=2, failed=4)
    result.stdout.fnmatch_lines_random(
        [
            "FAILED test_it.py::test_listed *",
            "FAILED test_it.py::test_own *",
            "FAILED folder/deeper/test_deeper.py::test_shell *",
            "FAILED folder/deeper/test_deeper.py::test_own *",
            "*at test_it.py:14 in test_own: open(os.devnull)",
            "*at folder/deeper/test_deeper.py:15 in test_own: open(os.devnull)",
        ]
    )


def test_a_policy_of_a_test_that_is_wrong_fails_it(run_any, pytester):
    if sys.version_info < (3, 11):
        pytest.importorskip("tomli", reason="before 3.11 a policy needs it")
    messages = {
        "'gone.toml'": "audit_policy: *No such file*gone.toml'",
        "": "audit_policy: audit_policy takes one path",
        "1": "audit_policy: audit_policy takes a path, not int",
        "'x.toml'": "audit_policy: *x.toml: there is no key 'alow'*",
    }
    pytester.path.joinpath("x.toml").write_text("alow = 1")
    tests = [
        f"@pytest.mark.audit_policy({path})\ndef test_{number}(): pass\n"
        for number, path in enumerate(messages)
    ]
    result = run_any("import pytest\n" + "".join(tests))
    result.assert_outcomes(errors=len(messages))
    result.stdout.fnmatch_lines([f"*{message}" for message in messages.values()])
    assert "Traceback" not in result.stdout.str()


def test_a_fixture_may_have_the_name_of_the_variable(run_any, pytester):
    pytester.makeconftest(
        "import pytest\n@pytest.fixture\ndef audit_policy(): return 1"
    )
    result = run_any("def test(audit_policy): assert audit_policy == 1")
    result.assert_outcomes(passed=1)


def test_a_policy_that_is_wrong_is_an_error_of_usage(run_any, pytester):
    pytester.path.joinpath("policy.toml").write_text("alow = 1")
    result = run_any("def test(): pass", "--audit-policy=policy.toml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *policy.toml: there is no key 'alow'; did*"])


@pytest.mark.parametrize("file", ["/nowhere/gone.py", "notpython.bin"])
def test_the_line_of_code_without_a_source_is_left_out(run_any, pytester, file):
    (pytester.path / "notpython.bin").write_bytes(b"# coding: nothing\n")
    code = f"""
import sys
def test_forbidden():
    exec(compile("import sys; sys.audit('app.gone')", {file!r}, "exec"))
"""
    result = run_any(code, "--audit-forbid=app.gone")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*  at *{file}:1 in <module>:*"])


@needs(CPYTHON_EVENTS, "the events of this interpreter differ")
def test_what_is_allowed_has_what_it_needs(run):
    result = run(
        """
import pytest, socket

def connect():
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", 1), 1)

@pytest.mark.audit_allow("@connect(host=localhost)")
def test_allowed():
    connect()

@pytest.mark.audit_allow("@connect(host=example.com)")
def test_other():
    connect()

def test_none():
    connect()
""",
        "--audit-forbid=@network",
    )
    result.assert_outcomes(passed=1, failed=2)


@needs(CPYTHON_EVENTS, "the events of this interpreter differ")
@pytest.mark.parametrize(
    ("options", "outcomes"),
    [
        ((), {"passed": 2, "failed": 1}),
        (("--audit-forbid=socket.__new__",), {"failed": 3}),
    ],
)
def test_a_host_excepted_from_the_network_can_be_reached(run, options, outcomes):
    result = run(
        """
import pytest, socket, urllib.request

def connect(address):
    with pytest.raises(OSError):
        socket.create_connection((address, 1), 1)

def test_excepted():
    connect("127.0.0.1")

def test_excepted_url():
    with pytest.raises(OSError):
        urllib.request.urlopen("http://127.0.0.1:1")

def test_other():
    connect("127.0.0.2")
""",
        "--audit-forbid=@network",
        "--audit-forbid=!@connect(host=127.0.0.1)",
        *options,
    )
    result.assert_outcomes(**outcomes)


@needs(CPYTHON_EVENTS, "the events of this interpreter differ")
def test_an_exception_lifts_nothing_of_a_policy(run, pytester):
    policy = pytester.path / "policy.toml"
    policy.write_text('deny = ["@network"]')
    result = run(
        "import socket\ndef test(): socket.socket()",
        "--audit-forbid=@network,!@connect(host=localhost)",
        f"--audit-policy={policy}",
    )
    result.assert_outcomes(failed=1)


def test_exceptions_alone_forbid_nothing_and_are_an_error(run):
    result = run("def test(): pass", "--audit-forbid=!@connect(host=localhost)")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*audit_forbid has only exceptions: it needs a rule*"])


def test_the_configuration_of_the_page_leaves_localhost(pytester, monkeypatch):
    pytester.makepyfile(
        """
import socket

def test_here():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()

def test_there():
    try:
        socket.create_connection(("example.invalid", 443))
    except OSError:
        pass

def test_anyone():
    socket.create_server(("0.0.0.0", 0)).close()
"""
    )
    pytester.makepyprojecttoml(block("network-in-tests", "toml"))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = pytester.runpytest_subprocess("-paudithooks", *STRICT)
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        ["*by @connect(host!=localhost)*", "*by @listen(host!=localhost)*"]
    )
