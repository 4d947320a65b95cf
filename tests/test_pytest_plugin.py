"""The pytest plugin, in runs of pytest of their own."""

from __future__ import annotations

import importlib.util

import pytest

pytest_plugins = ["pytester"]

STRICT = [
    "-Werror",
    "-Wignore::pytest.PytestUnhandledThreadExceptionWarning",
    "--strict-markers",
    "-p",
    "no:cacheprovider",
]


@pytest.fixture
def run(pytester, child):
    """Run pytest on a test file, in a process of its own, and return the result."""

    def run(code, *arguments, plugins=(), ini=""):
        pytester.makepyfile(test_it=code)
        pytester.makeini(f"[pytest]\n{ini}")
        for name, value in child.environ.items():
            pytester._monkeypatch.setenv(name, value)
        pytester._monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        chosen = [f"-p{plugin}" for plugin in ("audithooks", *plugins)]
        return pytester.runpytest_subprocess(*chosen, *STRICT, *arguments)

    return run


def installed(module):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


def test_the_plugin_is_found_by_pytest(pytester):
    result = pytester.runpytest_subprocess("--help")
    result.stdout.fnmatch_lines(["*--audit-forbid=PATTERN*"])
    result = pytester.runpytest_subprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.audit_forbid(*"])


def test_a_package_that_was_imported_before_is_no_trouble(child):
    """As it is by python -m audithooks -m pytest: pytest rewrites assertions."""
    result = child.start(
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


def test_nothing_is_there_until_it_is_asked_for(run):
    result = run(
        """
import sys

def test_nothing_is_imported():
    assert not [name for name in sys.modules if name.startswith("audithooks")]

def test_the_fixture_imports(audit_events):
    assert "audithooks" in sys.modules
    assert "audithooks.pytest_plugin" not in sys.modules
"""
    )
    result.assert_outcomes(passed=2)


def test_the_fixture_has_the_events_of_the_test(run):
    result = run(
        """
import os, threading
import pytest

@pytest.fixture
def before(audit_events):
    os.listdir()

def test_none(before, audit_events):
    assert audit_events == []

def test_all(audit_events):
    os.listdir("/")
    os.putenv("A", "B")
    assert audit_events == [("os.listdir", ("/",)), ("os.putenv", (b"A", b"B"))]
    assert audit_events[0].event == "os.listdir"
    assert audit_events[0].thread == threading.get_ident()

@pytest.mark.audit_events("os.listdir", "@environment")
def test_some(audit_events):
    id(0)
    eval("1")
    thread = threading.Thread(target=os.listdir, args=("/",))
    thread.start()
    thread.join()
    assert audit_events == [("os.listdir", ("/",))]

class TestMethod:
    @pytest.mark.parametrize("path", ["/", "."])
    def test(self, path, audit_events):
        os.listdir(path)
        assert audit_events == [("os.listdir", (path,))]

def test_after():
    import audithooks
    assert audithooks.Event("os.listdir") is not None
"""
    )
    result.assert_outcomes(passed=6)


FORBIDDEN = """
import os, socket, threading
import pytest

def test_it_fails():
    os.getpid()
    os.mkdir("new")

def test_not_done():
    assert not os.path.exists("new")

def test_swallowed():
    try:
        os.mkdir("new")
    except BaseException:
        pass

def test_skipped():
    try:
        os.mkdir("new")
    except BaseException:
        pytest.skip("no")

def test_replaced():
    try:
        os.mkdir("new")
    except BaseException:
        raise KeyError("other")

def test_thread():
    thread = threading.Thread(target=lambda: os.mkdir("new"))
    thread.start()
    thread.join()

@pytest.fixture
def at_teardown():
    yield
    os.mkdir("new")

def test_teardown(at_teardown):
    pass

def test_setup(tmp_path_factory):
    pass

@pytest.mark.audit_allow("os.*")
def test_allowed(tmp_path):
    os.mkdir(tmp_path / "new")

def test_other():
    os.listdir(".")
"""


@pytest.mark.parametrize("way", ["option", "ini"])
def test_a_forbidden_event_fails_the_test(run, way):
    if way == "option":
        result = run(FORBIDDEN, "--audit-forbid", "os.mk*", "--audit-forbid=@network")
    else:
        result = run(FORBIDDEN, ini="audit_forbid =\n    os.mk*\n    @network\n")
    result.assert_outcomes(passed=5, failed=5, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*_ ERROR at teardown of test_teardown _*",
            "*forbidden audit event: os.mkdir(path='new', mode=511, dir_fd=-1)",
            "*  at test_it.py:37 in at_teardown: os.mkdir(*",
            "*_ test_it_fails _*",
            '>       os.mkdir("new")',
            "E * Failed: forbidden audit event: os.mkdir(path='new', mode=511, *",
            "*  at test_it.py:6 in test_it_fails: os.mkdir(*",
            "*_ test_swallowed _*",
            "*  at test_it.py:13 in test_swallowed: os.mkdir(*",
            "*_ test_skipped _*",
            "*  at test_it.py:19 in test_skipped: os.mkdir(*",
            "*_ test_replaced _*",
            "E * KeyError: 'other'",
            "*Captured forbidden events call*",
            "*  at test_it.py:25 in test_replaced: os.mkdir(*",
            "*_ test_thread _*",
            "*  at test_it.py:30 in *<lambda>: *os.mkdir(*",
        ]
    )


def test_a_marker_forbids_for_what_it_is_on(run):
    result = run(
        """
import os, socket
import pytest

@pytest.mark.audit_forbid("os.listdir")
class TestForbidden:
    def test_forbidden(self):
        os.listdir()

    @pytest.mark.audit_forbid("@network", "os.scandir")
    def test_both(self):
        with pytest.raises(BaseException):
            os.listdir()
        with pytest.raises(BaseException):
            socket.socket()
        with pytest.raises(BaseException):
            os.scandir()

    @pytest.mark.audit_allow("os.listdir")
    def test_allowed(self):
        os.listdir()

def test_free():
    os.listdir()

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
            "*TypeError: the marker audit_forbid takes patterns, at least one",
            "*ValueError: there is no group '@nowhere'; there are @*",
            "*: os.listdir(path=None)",
            "*: socket.__new__(*",
            "*: os.scandir(path=None)",
        ]
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("@nowhere", "ERROR: audit_forbid: there is no group '@nowhere'; there are @*"),
        ("", "ERROR: audit_forbid: events must not hold an empty pattern"),
    ],
)
def test_a_wrong_pattern_is_an_error_of_usage(run, pattern, message):
    result = run("", f"--audit-forbid={pattern}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_environments_are_redacted(run):
    result = run(
        """
import subprocess
def test():
    subprocess.Popen(["true"], env={"PASSWORD": "secret"})
""",
        "--audit-forbid=@process",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*subprocess.Popen(*env='[[]redacted]')*"])


def test_unittest_is_guarded(run):
    result = run(
        """
import os, unittest
class Test(unittest.TestCase):
    def test_plain(self):
        os.listdir()
    def test_swallowed(self):
        with self.assertRaises(BaseException):
            os.listdir()
    def test_fine(self):
        pass
""",
        "--audit-forbid=os.listdir",
    )
    result.assert_outcomes(failed=2, passed=1)


def test_with_asyncio(run):
    installed("pytest_asyncio")
    result = run(
        """
import asyncio, os
import pytest

async def use():
    await asyncio.sleep(0)
    os.listdir("/")

@pytest.mark.audit_events("os.listdir")
async def test_events(audit_events):
    task = asyncio.create_task(use())
    await asyncio.gather(use(), task, asyncio.to_thread(os.listdir, "/"))
    assert audit_events == [("os.listdir", ("/",))] * 3

@pytest.mark.audit_forbid("os.listdir")
async def test_forbidden():
    await use()

@pytest.mark.audit_forbid("os.listdir")
async def test_task():
    await asyncio.gather(use(), use(), return_exceptions=True)

@pytest.mark.audit_forbid("os.listdir")
async def test_fine():
    await asyncio.sleep(0)
""",
        plugins=["asyncio"],
        ini="asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n",
    )
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*at test_it.py:6 in use: os.listdir*"])


def test_with_xdist(run):
    installed("xdist")
    result = run(
        """
import os
import pytest

@pytest.mark.parametrize("number", range(4))
def test_forbidden(number):
    try:
        os.listdir("/")
    except BaseException:
        pass

@pytest.mark.audit_allow("os.listdir")
@pytest.mark.parametrize("number", range(4))
def test_events(number, audit_events):
    os.listdir("/")
    assert audit_events == [("os.listdir", ("/",))]
""",
        "--audit-forbid=os.listdir",
        "-n2",
        plugins=["xdist"],
    )
    result.assert_outcomes(passed=4, failed=4)
    result.stdout.fnmatch_lines(["*at test_it.py:7 in test_forbidden: os.listdir*"])
