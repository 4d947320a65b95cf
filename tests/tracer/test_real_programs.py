"""Programs of many processes, with the tracer: nothing is disturbed, nobody is lost.

Each program runs plain, and with `-f --json`. What it does, says and returns must be
the same, but for what `VARIES` says. The trace is read by a strict parser.

strace tells which processes there were, and each must be found in the trace:

* one that runs Python has events there, or a line says that it is not followed;
* one that runs something else, such as a shell, has been named when it was started, by
  its parent or, if that is no Python either, by the nearest one that is.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec

import observer
import pytest
from features import FORK, needs

pytestmark = [
    needs(FORK and sys.implementation.name == "cpython", "these are made for CPython"),
    needs(not observer.why_not(), observer.why_not() or "-"),
]

PATIENCE = 60  # seconds


def wait_for(condition, what):
    """Return what *condition* returns as soon as that is true."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


class Run:
    """A run of a program, in a folder of its own."""

    def __init__(self, folder, environ, before):
        self.folder = folder
        self._environ = environ
        self._before = before
        self.process = None

    def start(self, *arguments, **environ):
        """Start Python with *arguments*, whose output goes to files."""
        with open(self.folder / "out", "w") as out, open(self.folder / "err", "w") as e:
            self.process = subprocess.Popen(
                [*(self._before or [sys.executable]), *arguments],
                cwd=self.folder,
                env={**self._environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=e,
                start_new_session=True,
            )

    def end(self):
        """Wait for the end; return output, errors and status."""
        status = self.process.wait(PATIENCE)
        return self.text("out"), self.text("err"), status

    def text(self, name):
        path = self.folder / name
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_for(self, name, pattern):
        """Wait until a file has this."""
        wait_for(lambda: re.search(pattern, self.text(name)), f"{pattern} in {name}")

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def page(port):
    """Return what a server answers, or None as long as it does not."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=9) as answer:
            return answer.read().decode()
    except OSError:
        return None


def black(run):
    """A pool of processes formats files."""
    for number in range(3):
        run.write(f"file{number}.py", f"x = {{ 'a':{number} }}\n")
    run.start("-m", "black", "-W", "2", ".", BLACK_CACHE_DIR=str(run.folder / "cache"))
    return *run.end(), [run.text(f"file{number}.py") for number in range(3)]


def xdist(run):
    """pytest has two processes of execnet, in which tests start others."""
    run.write(
        "test_it.py",
        "import os, subprocess, sys\n"
        "def test_it(): subprocess.run([sys.executable, '-c', ''])\n"
        "def test_shell(): assert os.system('exit 3')\n"
        "def test_that_fails(): assert os.name == 1\n",
    )
    plugins = [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:asyncio",
        "-p",
        "no:hypothesispytest",
    ]
    run.start("-m", "pytest", "-n", "2", "-q", *plugins, "test_it.py")
    out, errors, status = run.end()
    return re.sub(r"^[.F]+ +\[100%\]\n", "", out, flags=re.MULTILINE), errors, status


def flask(run):
    """The reloader starts the server again after a change; Ctrl+C ends both."""
    port = free_port()
    app = (
        "import flask\n"
        "app = flask.Flask('app')\n"
        "@app.get('/')\n"
        "def page(): return {!r}\n"
        f"app.run(port={port}, debug=True, reloader_type='stat')\n"
    )
    run.write("app.py", app.format("one"))
    run.start("app.py")
    run.wait_for("err", "Debugger PIN")
    answers = [page(port)]
    run.write("app.py", app.format("the other"))
    run.wait_for("err", "(?s)(Debugger PIN.*){2}")
    answers.append(page(port))
    os.killpg(run.process.pid, signal.SIGINT)
    return *run.end(), answers


def gunicorn(run):
    """SIGHUP replaces the workers, SIGTERM ends all."""
    run.write(
        "app.py",
        "import sys\n"
        "print('app', file=sys.stderr)\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [b'hello']\n",
    )
    port = free_port()
    address = ["-b", f"127.0.0.1:{port}"]
    run.start("-m", "gunicorn", "-w", "2", *address, "--no-control-socket", "app:app")
    run.wait_for("err", "(?ms)(^app$.*){2}")
    answers = [page(port)]
    run.process.send_signal(signal.SIGHUP)
    run.wait_for("err", "(?ms)(^app$.*){4}")
    run.wait_for("err", "(?s)(Worker exiting.*){2}")
    answers.append(page(port))
    run.process.send_signal(signal.SIGTERM)
    return *run.end(), answers


def celery(run):
    """billiard forks two workers, which do a task; SIGTERM ends all."""
    run.write(
        "app.py",
        "import celery, pathlib\n"
        "app = celery.Celery('app', broker='filesystem://', backend='file://results')\n"
        "app.conf.broker_transport_options = dict(\n"
        "    data_folder_in='queue', data_folder_out='queue')\n"
        "app.conf.broker_connection_retry_on_startup = True\n"
        "@app.task\n"
        "def add(x, y):\n"
        "    return x + y\n",
    )
    for name in ("queue", "control", "results"):
        (run.folder / name).mkdir()
    run.start("-m", "celery", "-A", "app", "worker", "-c", "2", "-l", "INFO")
    run.wait_for("err", "ready")
    client = "from app import add; print(add.delay(2, 3).get(timeout=30))"
    asked = subprocess.run(
        [sys.executable, "-c", client],
        cwd=run.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    run.process.send_signal(signal.SIGTERM)
    return *run.end(), asked.stdout, asked.stderr


def jupyter(run):
    """A client starts a kernel, which executes a cell, and ends it."""
    run.write(
        "client.py",
        "from jupyter_client.manager import start_new_kernel\n"
        "manager, client = start_new_kernel(kernel_name='python3')\n"
        "cell = 'import os, sys; os.system(\"echo shell\"); print(6 * 7); 1 / 0'\n"
        "def show(message):\n"
        "    print(message['msg_type'], message['content'].get('text'))\n"
        "print(client.execute_interactive(cell, output_hook=show)"
        "['content']['status'])\n"
        "client.stop_channels()\n"
        "manager.shutdown_kernel()\n",
    )
    run.start("client.py", IPYTHONDIR=str(run.folder / "ipython"))
    return run.end()


def daemon(run):
    """It forks twice, closes every descriptor, and outlives what started it."""
    run.write(
        "program.py",
        "import daemon, os, subprocess, sys\n"
        "with daemon.DaemonContext(working_directory=os.getcwd(), umask=0o022):\n"
        "    os.open('first', os.O_CREAT | os.O_WRONLY)\n"
        "    subprocess.run([sys.executable, '-c', 'open(\"child\", \"w\")'])\n"
        "    with open('part', 'w') as file:\n"
        "        fds = map(int, os.listdir('/proc/self/fd'))\n"
        "        print(os.getcwd(), sorted(fd for fd in fds if fd < 100), file=file)\n"
        "    os.rename('part', 'done')\n",
    )
    run.start("program.py")
    ended = run.end()
    run.wait_for("done", ".")
    return *ended, run.text("done"), run.text("first"), (run.folder / "child").exists()


# Numbers of processes and ports, times, and what is drawn by lot.
VARIES = re.compile(
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"  # first, as it has numbers
    r"|\b\d{3,}\b|PoolWorker-\d|\bgw\d\b|\d+\.\d+s\b|\d\d:\d\d:\d\d|\d\d/\w+/\d{4}|0x[0-9a-f]+"
    r"|\b\d\d\d-\d\d\d-\d\d\d\b"
)
PROGRAMS = {
    black: ["black"],
    xdist: ["xdist"],
    flask: ["flask"],
    gunicorn: ["gunicorn"],
    celery: ["celery"],
    jupyter: ["ipykernel", "jupyter_client"],
    daemon: ["daemon"],
}


def plain(value, folder):
    """Return what a program said without what varies."""
    if not isinstance(value, str):
        return value
    text = VARIES.sub("...", value.replace(str(folder), "FOLDER"))
    return sorted(text.splitlines())  # processes write in any order


def no_constant(name):
    raise ValueError(f"{name} is not JSON")


def no_duplicates(pairs):
    assert len(dict(pairs)) == len(pairs), f"a name comes twice in {pairs}"
    return dict(pairs)


def read_strictly(path):
    text = path.read_bytes().decode("utf-8")
    assert text.endswith("\n")
    return [
        json.loads(line, parse_constant=no_constant, object_pairs_hook=no_duplicates)
        for line in text[:-1].split("\n")
    ]


def not_found(processes, records, errors):
    """Return the processes that the trace neither has nor names."""
    traced = {record["pid"] for record in records}
    told = [r for r in records if r["event"] == "audithooks.not_followed"]
    named = [record["args"]["process"] for record in told]

    def runs(process):
        """Return what a process runs, which may be what its parent does."""
        while process is not None and not process.programs:
            process = processes.get(process.parent)
        return process and process.programs[-1]

    def is_found(process):
        if process.pid in traced or f"process {process.pid} is not foll" in errors:
            return True
        program = runs(process)
        own = process.programs
        if not observer.is_python(program):
            parent = runs(processes.get(process.parent))
            if parent is not None and not observer.is_python(parent):
                return True
        else:
            own = own[-1:]
        return any(is_name(name, argv) for _, *argv in own for name in named)

    return [process for process in processes.values() if not is_found(process)]


def is_name(name, argv):
    """Whether a line names this command; os.system() gives bytes to a shell."""
    if isinstance(name, str):
        return name == repr(argv[-1].encode())
    return [word[:50] for word in name[:4]] == [word[:50] for word in argv[:4]]


def outcome(program, folder, environ, before=()):
    """Run a program in a new folder; return what it said and did, but what varies."""
    folder.mkdir()
    run = Run(folder, environ, before)
    try:
        return [plain(value, folder) for value in program(run)]
    finally:
        run.stop()


PLAIN = {}  # outcomes


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(
            program,
            id=program.__name__,
            marks=pytest.mark.soak,
        )
        for program in PROGRAMS
    ],
)
def test_a_program_is_not_disturbed_and_none_of_its_processes_lost(
    program, child, tmp_path
):
    for name in PROGRAMS[program]:
        if find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    if program not in PLAIN:
        PLAIN[program] = outcome(program, tmp_path / "plain", child.environ)
    log, trace, folder = tmp_path / "log", tmp_path / "trace", tmp_path / "traced"
    tracer = [sys.executable, "-m", "audithooks", "-f", "--json", "-o", str(trace)]
    command = [*observer.COMMAND, str(log), *tracer]
    assert outcome(program, folder, child.environ, command) == PLAIN[program]
    processes = wait_for(lambda: observed(log), "the end of all processes")
    records = read_strictly(trace)
    assert {record["pid"] for record in records} <= processes.keys()
    assert not_found(processes, records, (folder / "err").read_text()) == []


def observed(log):
    """Return all processes, or None as long as one of them runs."""
    found = observer.processes(log)
    return found if all(process.ended for process in found.values()) else None
