"""Tests run with both implementations, and in a child process if they change sys.

The fixture `domain` is a Dispatcher or the runtime domain, compiled and pure. A test
with the runtime domain runs in a forked child, as the hooks it adds to sys cannot be
removed. On a system without processes, they are disabled after the test.
"""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from types import SimpleNamespace

import building
import pytest
import written
from features import FORK, PROCESSES, THREADS
from traces import Writing

import audithooks
from audithooks.sinks import JsonLines, jsonlines_py

SUFFIXES = {"cython": "_c", "python": "_py"}
WHY_PURE = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption(
        "--pure",
        action="store_true",
        help="leave out the compiled implementation, without a compiler",
    )
    parser.addoption(
        "--seconds", type=float, help="the duration of each thread test (default 0.5)"
    )
    parser.addoption(
        "--soak",
        action="store_true",
        help="run what takes long, and what can run for longer, as make soak does",
    )
    parser.addoption(
        "--figures", metavar="FILE", help="write the figures of such tests to FILE"
    )


def pytest_configure(config):
    """Test only pure Python if nothing could be compiled."""
    # They are ignored under nohup.
    for name, default in ("SIGINT", signal.default_int_handler), ("SIGHUP", None):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, default or signal.SIG_DFL)
    config.stash[WHY_PURE] = "--pure was given"
    if config.option.pure or building.COMPILED:
        return
    if sys.implementation.name == "cpython" and not building.missing():
        raise pytest.UsageError(
            "audithooks was not compiled, although there is a compiler: "
            f"{audithooks.FALLBACK_REASON} (--pure tests only pure Python)"
        )
    config.option.pure = True
    config.stash[WHY_PURE] = audithooks.FALLBACK_REASON


def pytest_terminal_summary(terminalreporter, config):
    if config.option.pure:
        why = config.stash[WHY_PURE]
        terminalreporter.write_line(f"Only pure Python was tested: {why}.")


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers():
    """Take one more than there are processors: some tests wait for a clock."""
    return (yield) + 1


def pytest_collection_modifyitems(config, items):
    """Leave out what takes long, and with --pure what needs a compiler."""

    def runs(item):
        return not (
            (config.option.pure and "compiled" in item.fixturenames)
            or (item.get_closest_marker("soak") and not config.option.soak)
        )

    config.hook.pytest_deselected(items=[item for item in items if not runs(item)])
    items[:] = filter(runs, items)


def load(implementation):
    """Return the names of one implementation; it is an error if one is missing."""
    suffix = SUFFIXES[implementation]
    # The compiled one has all in one module.
    modules = {
        room: importlib.import_module(
            "audithooks._core." + ("core_c" if suffix == "_c" else f"{room}_py")
        )
        for room in (
            "hooklist",
            "dispatcher",
            "runtime",
            "open_code",
            "frames",
        )
    }
    writer = importlib.import_module(f"audithooks.sinks.jsonlines{suffix}").Writer
    return SimpleNamespace(
        name=implementation,
        **{f"{room}_module": module for room, module in modules.items()},
        Writer=writer,
        Dispatcher=modules["dispatcher"].Dispatcher,
        Event=modules["dispatcher"].Event,
        domain=modules["runtime"].runtime,
        audit=modules["runtime"].audit,
        addaudithook=modules["runtime"].addaudithook,
        subscribe=modules["runtime"].subscribe,
        capture=modules["runtime"].capture,
    )


def pytest_generate_tests(metafunc):
    names = ["python"] if metafunc.config.option.pure else ["cython", "python"]
    if "compiled" in metafunc.fixturenames:
        names = ["cython"]
    if "domain" in metafunc.fixturenames:
        kinds = "dispatcher", "runtime"
        if "policies" in metafunc.fixturenames:  # which are of the runtime domain
            kinds = ("runtime",)
        pairs = [f"{name}-{kind}" for name in names for kind in kinds]
        metafunc.parametrize("domain", pairs, indirect=True)
    elif "implementation" in metafunc.fixturenames:
        metafunc.parametrize("implementation", names)


@pytest.fixture(scope="session")
def size(pytestconfig):
    """Choose between the size for every change and the size for make soak."""
    return lambda small, large: large if pytestconfig.option.soak else small


@pytest.fixture
def figure(pytestconfig):
    """Write a named number to the figures; numbers of the same name are added up."""

    def note(name, number):
        if pytestconfig.option.figures:
            with open(pytestconfig.option.figures, "a", encoding="utf-8") as figures:
                figures.write(f"{number}\t{name}\n")

    return note


@pytest.fixture
def writing(tmp_path):
    """A trace in JSON Lines that is written for a test."""
    return Writing(tmp_path / "trace.jsonl")


@pytest.fixture
def implementation(request):
    """The name of an implementation, "cython" or "python"."""
    return request.param


@pytest.fixture(scope="session")
def compiled():
    """The compiled implementation, for what pure Python cannot do."""
    return load("cython")


@pytest.fixture
def impl(implementation):
    """The names of an implementation. Its runtime domain is for children only."""
    return load(implementation)


@pytest.fixture
def dispatcher(impl):
    return impl.Dispatcher()


@pytest.fixture
def seconds(request, size):
    """The duration of a thread test."""
    return request.config.option.seconds or size(0.5, 60)


@pytest.fixture(autouse=True)
def needs_threads(monkeypatch):
    """Skip a test when it starts a thread on a system without threads."""
    if not THREADS:
        reason = "this system has no threads"
        monkeypatch.setattr(threading.Thread, "start", lambda _: pytest.skip(reason))
        start = "audithooks.sinks.queued.start_new_thread"
        monkeypatch.setattr(start, lambda *_: pytest.skip(reason))


@pytest.fixture(autouse=True)
def json_lines(request, monkeypatch):
    """JsonLines on the implementation of a test, which has it under that name."""
    names = {"implementation", "domain"} & set(request.fixturenames)
    if not names or not hasattr(request.module, "JsonLines"):
        return
    given = request.node.callspec.params[names.pop()]
    if given.startswith("python"):
        for module in (request.module, written):
            monkeypatch.setattr(module, "JsonLines", PureJsonLines)


PureJsonLines = JsonLines
if not issubclass(JsonLines, jsonlines_py.Writer):
    PureJsonLines = type("JsonLines", (jsonlines_py.Writer, JsonLines), {})


@pytest.fixture
def retire(monkeypatch):
    """Disable after a test the hooks that it added to the runtime domain and to sys."""
    module = load("python").runtime_module
    add, going_on = sys.addaudithook, True

    def addaudithook(hook):
        add(lambda event, args: going_on and hook(event, args))

    monkeypatch.setattr(module, "_sys_addaudithook", addaudithook)
    monkeypatch.setattr(sys, "addaudithook", addaudithook)
    yield
    going_on = module.runtime._connected = False
    for subscription in module.runtime.subscriptions:
        load("python").hooklist_module._remove(module.runtime, subscription._hook)


@pytest.fixture
def domain(request):
    """A Dispatcher or the runtime domain, as .implementation and .kind say."""
    implementation, kind = request.param.split("-")
    if kind == "runtime" and not PROCESSES:
        request.getfixturevalue("retire")
    names = load(implementation)
    found = names.Dispatcher() if kind == "dispatcher" else names.domain
    return SimpleNamespace(
        implementation=implementation,
        kind=kind,
        dispatcher=found if kind == "dispatcher" else None,
        audit=found.audit,
        addaudithook=found.addaudithook,
        subscribe=found.subscribe,
        capture=found.capture,
        event=lambda name: names.Event(name, found if kind == "dispatcher" else None),
    )


@pytest.fixture
def forget():
    """Forget what a test describes."""
    from audithooks import catalogue

    events, members = dict(catalogue._events), dict(catalogue._members)
    yield
    for now, before in (
        (catalogue._events, events),
        (catalogue._members, members),
    ):
        now.clear()
        now.update(before)
    catalogue.described.append("test.forgotten")


@pytest.fixture
def policies(domain, tmp_path, monkeypatch):
    """The package audithooks.policy on one implementation, in a folder of its own."""
    from audithooks import policy
    from audithooks.policy import policy as module

    monkeypatch.setattr(module, "subscribe", domain.subscribe)
    monkeypatch.chdir(tmp_path)
    return policy


@pytest.fixture(scope="session")
def client_folder(tmp_path_factory):
    """The folder of the extension module client, which is compiled for this run."""
    folder = tmp_path_factory.mktemp("client")
    building.extension(building.CLIENTS / "client.c", folder)
    return folder


@pytest.fixture(scope="session")
def client(client_folder):
    """The extension module client."""
    (path,) = client_folder.iterdir()
    return building.load(path)


def spawn(item):
    """Run a test in a new process, for systems without fork."""
    if os.environ.get("AUDITHOOKS_TEST_ALONE"):
        return None
    pure = ["--pure"] * item.config.option.pure
    seconds = item.config.option.seconds
    options = pure + [f"--seconds={seconds}"] * (seconds is not None)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", item.nodeid, "-qrs", *options],
        env={**os.environ, "AUDITHOOKS_TEST_ALONE": "1"},
        cwd=item.config.rootpath,
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        pytest.fail(done.stdout, pytrace=False)
    if "1 skipped" in done.stdout:
        pytest.skip(re.findall(r"^SKIPPED .*?: (.*)$", done.stdout, re.MULTILINE)[0])
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run a test of the runtime domain in a child of its own."""
    domain = pyfuncitem.funcargs.get("domain")
    if domain is None or domain.kind != "runtime" or not PROCESSES:
        return None
    if not FORK:
        return spawn(pyfuncitem)
    if "libasan" in os.environ.get("LD_PRELOAD", ""):
        time.sleep(0.02)  # a thread that just ended may still lock the allocator
    reader, writer = os.pipe()
    with warnings.catch_warnings():  # a thread of a test before may go on
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            names = pyfuncitem._fixtureinfo.argnames
            pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
            status = 0
        except pytest.skip.Exception as skipped:
            os.write(writer, str(skipped).encode())
            status = 2
        except BaseException:
            os.write(writer, traceback.format_exc().encode())
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, encoding="utf-8", errors="replace") as report:
        text = report.read()
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 2:
        pytest.skip(text)
    if status != 0:
        pytest.fail(text or f"the child exited with status {status}", pytrace=False)
    return True


class Child:
    """Runs Python code in a process of its own, with one implementation."""

    def __init__(self, implementation):
        self.implementation = implementation
        pure = "" if implementation is None else str(int(implementation == "python"))
        self.environ = dict(os.environ, AUDITHOOKS_PURE_PYTHON=pure)

    def start(self, *arguments, **options):
        """Run Python with these arguments and return the CompletedProcess."""
        if not PROCESSES:
            pytest.skip("this system has no processes")
        options.setdefault("env", {**self.environ, **options.pop("environ", {})})
        options.setdefault("timeout", 120)
        options = {
            "capture_output": True,
            "text": True,
            "encoding": "utf-8",
            **options,
        }
        return subprocess.run(
            [sys.executable, *arguments],
            check=False,
            **options,
        )

    def pytest(self, *arguments, **options):
        """Run pytest with the plugin of audithooks and no other, which take long."""
        options["environ"] = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        return self.start("-m", "pytest", "-p", "audithooks", *arguments, **options)

    def run(self, code, *arguments, **options):
        """Return the output of *code*; it must succeed, without errors or warnings."""
        done = self.start("-c", code, *arguments, **options)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout


@pytest.fixture
def child(implementation):
    return Child(implementation)


@pytest.fixture
def child_of():
    """Create a Child of one implementation, or with None of the default one."""
    return Child
