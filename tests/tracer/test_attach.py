"""Attaching to a process that runs: every state of it, every trap, every sentence.

After each test the process has to be as before: its descriptors, its threads, and
nothing on its stderr.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

import pytest
from features import needs
from pages import block

ATTACHABLE = (
    sys.platform == "linux"
    and sys.implementation.name == "cpython"
    and sys.version_info >= (3, 14)
)
attachable = needs(ATTACHABLE, "only CPython 3.14 and later on Linux is attached to")
needs_linux = needs(sys.platform == "linux", "attaching needs Linux")
needs_root = needs(
    hasattr(os, "geteuid") and os.geteuid() == 0, "only root can set this up"
)

SYSTEM_CALL = "its main thread waits in a system call"
GIVES_UP = "(Ctrl-C gives up)"

START = """
import os, sys, threading, time
def ready():
    print("ready", flush=True)
def tick(seconds=9999):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sys.audit("test.tick", 1)
        time.sleep(0.02)
def tick_until_told():
    import select
    while not select.select([0], [], [], 0.02)[0]:
        sys.audit("test.tick", 1)
    sys.stdin.readline()
"""
try:
    RESTRICTED = Path("/proc/sys/kernel/yama/ptrace_scope").read_text() == "1\n"
except OSError:
    RESTRICTED = False
if RESTRICTED:  # allow it to all, and not only to the parent
    START += "import ctypes\nctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(-1))\n"
TICK = "ready()\ntick()"
NUMBERS = count()


def until(happened, seconds=20):
    """Wait until something happened, and return it."""
    end = time.monotonic() + seconds
    while True:
        found = happened()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.01)


class Process:
    """A process whose stdout and stderr are files, so that nothing blocks it."""

    def __init__(self, folder, command, **options):
        self.paths = [folder / f"{next(NUMBERS)}" for _ in range(2)]
        with open(self.paths[0], "wb") as out, open(self.paths[1], "wb") as err:
            options = {"stdout": out, "stderr": err, **options}
            self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, **options)
        self.pid = self.popen.pid

    @property
    def out(self):
        return Path(self.paths[0]).read_text()

    @property
    def err(self):
        return Path(self.paths[1]).read_text()

    def write(self, text="\n"):
        self.popen.stdin.write(text.encode())
        self.popen.stdin.flush()

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.send_signal(signal.SIGCONT)
        self.popen.wait()
        if self.popen.stdin:
            self.popen.stdin.close()


class Target(Process):
    """A process to attach to. It says when it is ready."""

    def __init__(self, folder, code, python=(sys.executable,), **options):
        environ = {**os.environ, **options.pop("environ", {})}
        command = [*python, "-c", START + code]
        super().__init__(folder, command, env=environ, **options)
        assert until(lambda: "ready\n" in self.out), self.err
        self.before = self.look()

    def look(self, pid=None):
        """Return the descriptors and the threads, and which signals have handlers."""
        folder = Path(f"/proc/{pid or self.pid}")
        descriptors = {}
        for path in (folder / "fd").iterdir():
            try:
                descriptors[int(path.name)] = os.readlink(path)
            except OSError:  # it is being closed
                descriptors[int(path.name)] = ""
        status = (folder / "status").read_text()
        signals = re.findall("^Sig(?:Blk|Ign|Cgt).*", status, re.MULTILINE)
        return descriptors, len([*(folder / "task").iterdir()]), signals

    def err_is_known(self):
        """Forget its stderr, which a test has looked at."""
        Path(self.paths[1]).write_text("")

    def is_as_before(self):
        return self.look() == self.before

    def ticks(self):
        """Whether it goes on, as its CPU time or its switches tell."""
        switches = lambda: re.findall(  # noqa: E731
            "ctxt_switches:\t(.*)", Path(f"/proc/{self.pid}/status").read_text()
        )
        before = switches()
        return until(lambda: switches() != before)


class Attacher(Process):
    """The command line with -p. A line of its stderr can be waited for."""

    def wait_for(self, text):
        assert until(lambda: text in self.err or self.popen.poll() is not None)
        assert text in self.err

    def wait(self):
        self.popen.wait(30)
        return self.popen.returncode

    def interrupt(self):
        self.popen.send_signal(signal.SIGINT)
        return self.wait()

    def said(self):
        """Return the sentences, without their prefix."""
        return re.findall("^audithooks: (.*)", self.err, re.MULTILINE)


@pytest.fixture
def folder():
    """A folder for temporary files, in which nothing may be left.

    Its path is short, as that of a socket has to be.
    """
    path = Path(tempfile.mkdtemp())
    path.chmod(0o777)
    yield path
    left = [*path.iterdir()]
    shutil.rmtree(path)
    assert left == []


@pytest.fixture
def target(tmp_path, request):
    """Start processes to attach to. At the end they have to be as they were."""
    started = []

    def start(code=TICK, **options):
        started.append(Target(tmp_path, code, **options))
        return started[-1]

    try:
        yield start
        for process in started:
            if process.popen.poll() is None and process.before is not None:
                assert until(process.is_as_before, 5), (process.look(), process.before)
            assert process.err == ""
    finally:
        for process in started:
            process.close()


@pytest.fixture
def attach(tmp_path, folder):
    """Start the command line with -p for a process."""
    started = []

    def start(process, *options, python=(sys.executable,), **more):
        command = [*python, "-m", "audithooks", *options]
        command += ["-p", str(getattr(process, "pid", process))]
        environ = {**os.environ, "TMPDIR": str(folder), **more.pop("environ", {})}
        started.append(Attacher(tmp_path, command, env=environ, **more))
        return started[-1]

    yield start
    for process in started:
        process.close()


# The states of a process.


BUSY = """
ready()
n = 0
while True:
    n += 1
    if n % 100_000 == 0:
        sys.audit("test.tick", 1)
"""
ASYNCIO = """
import asyncio
async def main():
    ready()
    while True:
        sys.audit("test.tick", 1)
        await asyncio.sleep(0.05)
asyncio.run(main())
"""


@attachable
@pytest.mark.parametrize("code", [BUSY, ASYNCIO, TICK], ids=["busy", "asyncio", "tick"])
def test_a_process_that_runs_is_attached_to_at_once(target, attach, code):
    process = target(code)
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("test.tick(1)\n")
    assert attacher.interrupt() == 130
    assert attacher.said() == [
        f"process {process.pid} attached",
        f"process {process.pid} detached",
    ]
    lines = attacher.err.splitlines()
    assert set(lines[1:-1]) == {"test.tick(1)"}


WAITING = {  # what it waits in, and the other threads meanwhile
    "epoll": (
        """
import select
asked = select.epoll()
asked.register(0)
ready()
asked.poll()""",
        0,
    ),
    "sleep": ("ready()\ntime.sleep(3)", 0),
    "accept": (
        """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
ready()
connected = server.accept()
connected[0].close()""",
        0,
    ),
    "input": ("ready()\ninput()", 0),
    "a thread": (
        """
thread = threading.Thread(target=input)
thread.start()
ready()
thread.join()""",
        1,
    ),
    "busy threads": (
        """
going_on = True
def work():
    while going_on:
        sys.audit("test.work")
        time.sleep(0.001)
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
ready()
sys.stdin.readline()""",
        2,
    ),
}


@attachable
@pytest.mark.parametrize("where", WAITING)
def test_a_process_that_waits_is_attached_to_when_it_wakes(target, attach, where):
    code, others = WAITING[where]
    process = target(f"{code}\nready()\ntick()")
    if where == "a thread":
        process.before = None  # which ends
    attacher = attach(process, "-e", "test.tick")
    why = SYSTEM_CALL
    if others:
        threads = "1 other thread is" if others == 1 else f"{others} other threads are"
        why += f", and {threads} not seen yet"
    attacher.wait_for(f"waiting for process {process.pid}: {why} {GIVES_UP}\n")
    assert "attached" not in attacher.err
    if where == "accept":
        port = int(process.out.split()[0])
        socket.create_connection(("127.0.0.1", port)).close()
    else:
        process.write()
    attacher.wait_for("test.tick(1)\n")
    assert attacher.interrupt() == 130
    assert len(attacher.said()) == 3


@attachable
def test_a_thread_that_waits_is_traced_when_it_wakes(target, attach):
    process = target("""
def work():
    sys.stdin.readline()
    while True:
        sys.audit("test.work")
        time.sleep(0.02)
threading.Thread(target=work, name="worker").start()
ready()
tick()""")
    attacher = attach(process, "-e", "test.*", "-T")
    attacher.wait_for("[MainThread] test.tick(1)\n")
    assert "test.work" not in attacher.err
    process.write()
    attacher.wait_for("[worker] test.work()\n")
    assert attacher.interrupt() == 130


@attachable
def test_a_process_that_is_stopped_is_attached_to_when_it_goes_on(target, attach):
    process = target()
    process.popen.send_signal(signal.SIGSTOP)
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for(f"waiting for process {process.pid}: it is stopped {GIVES_UP}\n")
    process.popen.send_signal(signal.SIGCONT)
    attacher.wait_for("test.tick(1)\n")
    assert attacher.interrupt() == 130


HOLDING = """
import ctypes, os, sys
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
pid = int(sys.argv[1])
for request in 0x4206, 0x4207:  # PTRACE_SEIZE and PTRACE_INTERRUPT
    if ptrace(request, pid, None, None):
        sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(pid, 0)
print("held", flush=True)
input()
"""


@attachable
def test_a_process_that_a_debugger_holds(target, attach, tmp_path):
    process = target()
    command = [sys.executable, "-c", HOLDING, str(process.pid)]
    debugger = Process(tmp_path, command)
    try:
        assert until(lambda: "held" in debugger.out), debugger.err
        attacher = attach(process, "-e", "test.*")
        why = f"a debugger, process {debugger.pid}, holds it"
        attacher.wait_for(f"waiting for process {process.pid}: {why} {GIVES_UP}\n")
        debugger.write()
        attacher.wait_for("test.tick(1)\n")
        assert attacher.interrupt() == 130
    finally:
        debugger.close()


@attachable
def test_a_process_in_native_code_is_attached_to_when_it_returns(
    target, attach, tmp_path
):
    path = tmp_path / "there"
    process = target(f"""
from itertools import repeat
ready()
any(map(os.access, repeat({str(path)!r}), repeat(0)))
tick()""")
    attacher = attach(process, "-e", "test.*")
    why = "its main thread is in native code"
    attacher.wait_for(f"waiting for process {process.pid}: {why} {GIVES_UP}\n")
    path.touch()
    attacher.wait_for("test.tick(1)\n")
    assert attacher.interrupt() == 130


# How it ends.


@attachable
def test_it_ends_with_the_process(target, attach):
    python = [sys.executable, "-X", "dev"]  # which would warn of an open socket
    process = target("ready()\ntick_until_told()", python=python)
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("test.tick")
    process.write()
    assert attacher.wait() == 0
    ending = f"test.tick(1)\naudithooks: process {process.pid} ended\n"
    assert attacher.err.endswith(ending)
    assert process.popen.wait() == 0


@attachable
def test_events_of_the_end_are_there(target, attach):
    process = target("""
import atexit
class Last:
    def __del__(self, audit=sys.audit):
        audit("test.last")
last = Last()
atexit.register(sys.audit, "test.atexit")
ready()
input()
tick(0.3)""")
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("waiting")
    process.write()
    assert attacher.wait() == 0
    lines = attacher.err.splitlines()
    assert "test.atexit()" in lines
    assert "test.last()" in lines


@attachable
def test_it_ends_with_a_process_that_is_killed(target, attach):
    process = target()
    attacher = attach(process, "-e", "none")
    attacher.wait_for("attached")
    process.popen.kill()
    assert attacher.wait() == 0
    assert attacher.said()[-1] == f"process {process.pid} ended"


@attachable
def test_it_ends_after_the_duration(target, attach):
    process = target()
    attacher = attach(process, "-e", "test.*", "--duration", "0.3")
    assert attacher.wait() == 0
    assert attacher.said()[-1] == f"process {process.pid} detached"
    assert process.ticks()


@attachable
def test_a_process_that_waits_is_left_as_well(target, attach):
    process = target("""
ready()
tick_until_told()
ready()
input()
ready()
tick()""")
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("test.tick")
    process.write()
    assert until(lambda: process.out.count("ready") == 2)
    assert attacher.interrupt() == 130
    assert attacher.said()[-1] == f"process {process.pid} detached"
    process.write()
    assert until(lambda: process.out.count("ready") == 3)


@attachable
def test_leaving_is_not_shown(target, attach):
    process = target()
    attacher = attach(process, "--deny", "audithooks.*")
    attacher.wait_for("test.tick")
    assert attacher.interrupt() == 130
    assert "audithooks." not in attacher.err
    assert "Error" not in attacher.err


@attachable
def test_a_process_that_raises_no_event_is_left_at_once(target, attach):
    process = target("ready()\nwhile True: time.sleep(0.02)")
    attacher = attach(process, "-e", "none")
    attacher.wait_for("attached")
    assert not process.is_as_before()
    assert attacher.interrupt() == 130
    assert process.is_as_before()


@attachable
def test_sigterm_detaches_as_well(target, attach):
    process = target()
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("test.tick")
    attacher.popen.terminate()
    assert attacher.wait() == 128 + signal.SIGTERM
    assert attacher.said()[-1] == f"process {process.pid} detached"


@attachable
def test_no_event_is_lost_or_doubled(target, attach):
    process = target(
        """
input()
ready()
time.sleep(0.5)
for number in range(20_000):
    sys.audit("test.number", number)""".replace("input", "ready(); input", 1)
    )
    attacher = attach(process, "-e", "test.*", "--json", "-o", "/dev/stdout")
    attacher.wait_for("waiting")
    process.write()
    assert attacher.wait() == 0
    numbers = [json.loads(line)["args"]["arg0"] for line in attacher.out.splitlines()]
    assert numbers == [*range(20_000)]


@attachable
def test_nobody_reads_the_output(target, attach, tmp_path):
    process = target()
    reader, writer = os.pipe()
    attacher = attach(process, "-e", "test.*", "-o", "-", stdout=writer)
    os.close(writer)
    assert os.read(reader, 5) == b"test."
    os.close(reader)
    assert attacher.wait() == 1
    assert attacher.said()[-1] == f"process {process.pid} detached"


# Traps.


@attachable
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_waits_gives_up(target, attach, number):
    process = target("ready()\ninput()\nready()\ntick()")
    attacher = attach(process)
    attacher.wait_for("waiting")
    attacher.popen.send_signal(number)
    assert attacher.wait() == 128 + number
    given_up = f"gave up; process {process.pid} was not attached to"
    assert attacher.said()[-1] == given_up
    process.write()
    assert until(lambda: process.out.count("ready") == 2)
    time.sleep(0.2)  # what it was asked to run is run now


SLOW = """
def hook(event, args):
    if event == "cpython.remote_debugger_script":
        print("taken", flush=True)
        {happening}
sys.addaudithook(hook)
ready()
input()
ready()
time.sleep(0.2)
print("goes on", flush=True)
tick()
"""


@attachable
def test_it_is_given_up_between_the_request_and_the_script(target, attach):
    process = target(SLOW.format(happening="time.sleep(1)"))
    attacher = attach(process)
    attacher.wait_for("waiting")
    process.write()
    assert until(lambda: "taken" in process.out)
    assert attacher.interrupt() == 130
    assert until(lambda: "goes on" in process.out)


@attachable
def test_it_is_given_up_while_it_is_stopped_there(target, attach, folder):
    process = target(SLOW.format(happening="os.kill(os.getpid(), 19)"))
    attacher = attach(process)
    attacher.wait_for("waiting")
    process.write()
    attacher.wait_for("it is stopped")
    assert attacher.interrupt() == 130
    (left,) = folder.iterdir()  # it must find the script
    process.popen.send_signal(signal.SIGCONT)
    assert until(lambda: "goes on" in process.out)
    shutil.rmtree(left)


@attachable
def test_it_is_stopped_there_and_goes_on_late(target, attach):
    process = target(SLOW.format(happening="os.kill(os.getpid(), 19)"))
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("waiting")
    process.write()
    attacher.wait_for("it is stopped")
    time.sleep(2.2)  # more than it would have if it ran
    process.popen.send_signal(signal.SIGCONT)
    attacher.wait_for("test.tick")
    assert until(lambda: process.out.count("taken") == 1)
    attacher.popen.kill()  # as to leave runs a script, too, and stops there
    attacher.wait()


@pytest.fixture
def debugger(tmp_path):
    """Have a process run a script, as another debugger does."""

    def debug(process):
        path = tmp_path / "other.py"
        path.write_text("print('another script', flush=True)")
        sys.remote_exec(process.pid, str(path))

    return debug


@attachable
def test_another_debugger_that_is_first(target, attach, debugger):
    process = target("ready()\ninput()\ntick()")
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("waiting")
    debugger(process)
    process.write()
    attacher.wait_for("test.tick")
    assert "another script" in process.out
    assert attacher.interrupt() == 130


@attachable
def test_what_another_debugger_wants_is_left_if_it_gives_up(target, attach, debugger):
    process = target("ready()\ninput()\ntick()")
    attacher = attach(process)
    attacher.wait_for("waiting")
    debugger(process)
    assert attacher.interrupt() == 130
    process.write()
    assert until(lambda: "another script" in process.out)


@attachable
def test_another_process_at_the_socket_is_sent_away(target, attach, folder):
    process = target("ready()\ninput()\ntick()")
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("waiting")
    (path,) = folder.glob("*/socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
        other.connect(str(path))
        other.settimeout(5)
        assert other.recv(1) == b""
    assert "attached" not in attacher.err
    process.write()
    attacher.wait_for("test.tick")
    assert attacher.interrupt() == 130


@attachable
def test_the_process_ends_while_it_is_waited_for(target, attach):
    process = target("ready()\ninput()")
    attacher = attach(process)
    attacher.wait_for("waiting")
    process.popen.kill()
    assert attacher.wait() == 1
    assert attacher.said()[-1] == f"process {process.pid} ended"


@attachable
def test_the_attaching_side_is_killed_while_it_waits(target, attach, folder):
    process = target("ready()\ninput()\nready()\ntick()")
    attacher = attach(process)
    attacher.wait_for("waiting")
    attacher.popen.kill()
    attacher.wait()
    process.write()
    assert until(lambda: process.out.count("ready") == 2)
    time.sleep(0.3)
    (left,) = folder.iterdir()  # nobody is there to remove it
    shutil.rmtree(left)


@attachable
def test_the_attaching_side_is_killed(target, attach):
    pipe = "import signal; signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
    process = target(pipe + TICK)
    attacher = attach(process, "-e", "test.*", "--deny", "os.mkdir")
    attacher.wait_for("test.tick")
    assert not process.is_as_before()
    attacher.popen.kill()
    attacher.wait()
    assert until(process.is_as_before)
    assert process.ticks()


@attachable
def test_the_attaching_side_is_stopped(target, attach):
    process = target("""
ready()
while True:
    sys.audit("test.tick", "x" * 50)""")
    attacher = attach(process, "-e", "test.*", "-o", os.devnull)
    attacher.wait_for("attached")
    attacher.popen.send_signal(signal.SIGSTOP)
    assert until(process.is_as_before)
    attacher.popen.send_signal(signal.SIGCONT)
    assert attacher.wait() == 1
    let_go = f"process {process.pid} let go: its events were not read for 2 s"
    assert attacher.said()[-1] == let_go


@attachable
def test_what_cannot_be_loaded_is_told(target, attach):
    process = target(f"sys.modules['argparse'] = None\n{TICK}")
    attacher = attach(process)
    assert attacher.wait() == 1
    (said,) = attacher.said()
    start = f"process {process.pid} cannot load audithooks: ModuleNotFoundError: "
    assert said.startswith(start)


@needs_linux
def test_what_was_sent_before_it_closed_is_read():
    from audithooks.tracer.attaching import _received

    own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with own:
        own.send(b"not read")
        other.send(b"again")
        other.close()
        assert _received(own) == (b"a", b"gain", 0)
        assert _received(own) is None


HANDLERS = {
    "KeyboardInterrupt": ("SIGINT", "", "KeyboardInterrupt"),
    "a handler of its own": (
        "SIGTERM",
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))",
        "SystemExit",
    ),
}


@attachable
@pytest.mark.parametrize("which", HANDLERS)
def test_a_signal_while_it_attaches_is_not_lost(target, attach, which):
    name, install, error = HANDLERS[which]
    process = target(f"""
import signal
{install}
times = []
def hook(event, args):
    if event == "import" and args[0] == "audithooks.tracer.attached" and not times:
        times.append(1)
        os.kill(os.getpid(), signal.{name})
sys.addaudithook(hook)
ready()
try:
    tick()
except {error}:
    print("interrupted", flush=True)
tick()""")
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("test.tick")
    assert "interrupted" in process.out
    assert attacher.interrupt() == 130


NAMING = {  # what makes an interpreter write to stderr
    "-v": (["-v"], {}),
    "-X importtime": (["-X", "importtime"], {}),
    "in pure Python": (["-X", "importtime"], {"AUDITHOOKS_PURE_PYTHON": "1"}),
    "the environment": ([], {"PYTHONPROFILEIMPORTTIME": "1"}),
    "warnings": (["-bb", "-X", "dev", "-X", "warn_default_encoding"], {}),
}


@attachable
@pytest.mark.parametrize("how", NAMING)
def test_an_interpreter_that_names_imports_does_not_name_these(target, attach, how):
    options, environ = NAMING[how]
    python = [sys.executable, *options]
    clear = "os.ftruncate(2, 0)\nos.lseek(2, 0, 0)\n"  # as it has named its own
    process = target(clear + TICK, python=python, environ=environ)
    attacher = attach(process, "-e", "*", "--deny", "@connect")
    attacher.wait_for("test.tick")
    assert attacher.interrupt() == 130
    assert process.err == ""


@attachable
def test_imports_of_the_program_are_named_again(target, attach):
    process = target(
        """
own = __import__
ready()
tick_until_told()
assert __import__ is own
os.ftruncate(2, 0)
os.lseek(2, 0, 0)
import this
ready()
tick()""",
        python=[sys.executable, "-v", "-X", "importtime"],
    )
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("test.tick")
    assert attacher.interrupt() == 130
    process.write()
    assert until(lambda: process.out.count("ready") == 2)
    found = process.err
    process.close()
    process.err_is_known()
    assert re.search(r"import time: .* this$", found, re.MULTILINE)
    assert "import 'this' # " in found
    assert "audithooks" not in found


@attachable
def test_imports_that_are_not_named_are_events(target, attach):
    process = target(
        f"""
def hook(event, args):
    if event == "import" and args[0] == "audithooks.records.lines":
        raise ImportError("no")
sys.addaudithook(hook)
os.ftruncate(2, 0)
os.lseek(2, 0, 0)
{TICK}""",
        python=[sys.executable, "-X", "importtime"],
    )
    attacher = attach(process)
    assert attacher.wait() == 1
    why = "cannot load audithooks: ImportError: no"
    assert attacher.said() == [f"process {process.pid} {why}"]


@attachable
def test_two_attach_at_once(target, attach):
    process = target()
    attachers = [attach(process, "-e", "test.*") for _ in range(2)]
    for attacher in attachers:
        attacher.wait_for("test.tick")
    assert attachers[0].interrupt() == 130
    size = len(attachers[1].err)
    assert until(lambda: len(attachers[1].err) > size)
    assert attachers[1].interrupt() == 130


@attachable
def test_who_refuses_a_lot_does_not_refuse_who_attaches(target, attach):
    process = target()
    rules = "cpython.*,@file,import,compile,exec"
    first = attach(process, "-e", "test.*", "--deny", rules)
    first.wait_for("test.tick")
    second = attach(process, "-e", "test.*")
    second.wait_for("test.tick")
    assert second.interrupt() == 130
    assert first.interrupt() == 130


@attachable
def test_one_waits_for_another_that_attaches(target, attach):
    process = target("ready()\ninput()\ntick()")
    first = attach(process, "-e", "test.*")
    first.wait_for("waiting")
    second = attach(process, "-e", "test.*")
    why = "another one attaches to it"
    second.wait_for(f"waiting for process {process.pid}: {why} {GIVES_UP}\n")
    process.write()
    for attacher in first, second:
        attacher.wait_for("test.tick")
        assert attacher.interrupt() == 130


@attachable
def test_an_attacher_that_gives_up_leaves_the_place_to_the_other(target, attach):
    process = target("ready()\ninput()\ntick()")
    first = attach(process, "-e", "test.*")
    first.wait_for("waiting")
    second = attach(process, "-e", "test.*")
    second.wait_for("another one")
    assert first.interrupt() == 130
    second.wait_for(SYSTEM_CALL)
    process.write()
    second.wait_for("test.tick")
    assert second.interrupt() == 130


def other_mounts():
    """Return what runs a program with a folder for temporary files of its own."""
    script = 'mount -t tmpfs x "$0" && exec "$@"'
    for more in [], ["--propagation", "unchanged"]:  # the latter in a chroot
        mount = ["unshare", "--mount", *more, "sh", "-c", script]
        try:
            done = subprocess.run([*mount, "/mnt", "true"], capture_output=True)
        except FileNotFoundError:
            break
        if done.returncode == 0:
            return mount
    pytest.skip("this user may not mount a folder: unshare --mount")


@attachable
def test_a_process_with_other_files(target, attach, folder):
    process = target(python=[*other_mounts(), str(folder), sys.executable])
    attacher = attach(process)
    assert attacher.wait() == 1
    assert attacher.said() == [
        f"process {process.pid} has files of its own (a container?): attach from inside"
    ]


SCRIPT = "cpython.remote_debugger_script"
BEFORE = f"{SCRIPT}, or open"
INSIDE = "compile, exec, an import, or a socket; or it has no module _socket"
REFUSING = {
    "the hook": ("sys.addaudithook", "RuntimeError('no')", "another"),
    "the hook, otherwise": ("sys.addaudithook", "ValueError('no')", None),
    "imports": ("import", "ImportError('no')", None),
    "imports of sockets, too": ("import", "ImportError()", INSIDE),
    "sockets": ("socket.__new__", "OSError('no')", INSIDE),
    "connections": ("socket.connect", "PermissionError()", INSIDE),
    "scripts": (SCRIPT, "PermissionError('no')", BEFORE),
    "opening": ("open", "PermissionError('no')", BEFORE),
    "compiling": ("compile", "PermissionError('no')", INSIDE),
    "running": ("exec", "PermissionError('no')", INSIDE),
}


@attachable
@pytest.mark.parametrize("what", REFUSING)
def test_a_hook_of_the_process_refuses(target, attach, what):
    event, error, shown = REFUSING[what]
    has_sockets = "too" not in what
    process = target(f"""
{"import _socket" if has_sockets else ""}
def hook(event, args):
    if event == {event!r}:
        raise {error}
sys.addaudithook(hook)
{TICK}""")
    attacher = attach(process)
    assert attacher.wait() == 1
    said = attacher.said()[-1]
    if shown is None:
        assert said.startswith(f"process {process.pid} cannot load audithooks: ")
    else:
        start = f"process {process.pid} does not allow it: a hook of its own refuses "
        assert said == start + shown
    if event in (SCRIPT, "open", "compile", "exec"):
        assert process.err.count("\nPermissionError: no\n") == 1  # by CPython
        process.err_is_known()


@attachable
def test_a_process_without_the_module_for_sockets(target, attach):
    process = target(f"sys.modules['_socket'] = None\n{TICK}")
    attacher = attach(process)
    assert attacher.wait() == 1
    assert attacher.said()[-1].endswith("or it has no module _socket")


@attachable
@pytest.mark.parametrize("left", [7, 8])
def test_a_process_with_few_descriptors_left(target, attach, left):
    process = target(f"""
import resource
used = len(os.listdir("/proc/self/fd")) - 1
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (used + {left}, hard))
{TICK}""")
    attacher = attach(process, "-e", "test.*")
    if left == 8:
        attacher.wait_for("test.tick")
        assert attacher.interrupt() == 130
        return
    assert attacher.wait() == 1
    few = f"process {process.pid} has too few file descriptors left (see ulimit -n)"
    assert attacher.said() == [few]


FORKS = """
def wait_in_child():
    pid = os.fork()
    if not pid:
        time.sleep(0.5)
        for _ in range(100):
            sys.audit("test.child")
            time.sleep(0.05)
        os._exit(0)
    print(pid, flush=True)
ready()
input()
time.sleep(1)
wait_in_child()
tick()
"""


def forked(process):
    """Have it fork, and return the child's identifier."""
    process.write()
    assert until(lambda: re.search("ready\n(\\d+)", process.out))
    return int(process.out.split()[1])


@attachable
def test_a_forked_child_is_let_go(target, attach):
    process = target(FORKS)
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("waiting")
    child = forked(process)
    try:
        attacher.wait_for("test.tick")
        descriptors = process.before[0]
        assert until(lambda: process.look(child)[0] == descriptors)
        assert attacher.interrupt() == 130
        assert "test.child" not in attacher.err
    finally:
        os.kill(child, signal.SIGKILL)


@attachable
def test_a_forked_child_is_followed(target, attach):
    process = target(FORKS)
    attacher = attach(process, "-f", "-e", "test.*")
    attacher.wait_for("waiting")
    child = forked(process)
    try:
        attacher.wait_for(f"{child} test.child()")
        attacher.wait_for(f"{process.pid} test.tick(1)")
        assert attacher.interrupt() == 130
        assert until(lambda: process.look(child)[0] == process.before[0])
    finally:
        os.kill(child, signal.SIGKILL)


@attachable
def test_a_child_is_followed_after_its_parent_has_ended(target, attach):
    process = target(FORKS.replace("tick()", ""))
    attacher = attach(process, "-f", "-e", "test.*")
    attacher.wait_for("waiting")
    child = forked(process)
    try:
        process.popen.wait(10)
        size = len(attacher.err)
        assert until(lambda: len(attacher.err) > size)
    finally:
        os.kill(child, signal.SIGKILL)
    assert attacher.wait() == 0
    assert attacher.said()[-1] == f"process {process.pid} ended"


CLOSING = {
    "closed": "os.closerange(3, 1100)",
    "taken": """
file = os.open(sys.argv[-1], os.O_RDWR | os.O_CREAT)
for fd in range(200, 1024):
    os.dup2(file, fd)""",
    "taken by a socket": """
import socket
own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
for fd in range(200, 1024):
    os.dup2(own.fileno(), fd)
sys.audit("test.tick", 1)
other.setblocking(False)
try:
    other.recv(99)
except BlockingIOError:
    pass
else:
    open(sys.argv[-1], "w").write("sent")""",
}


@attachable
@pytest.mark.parametrize("how", CLOSING)
def test_the_process_closes_all_descriptors(target, attach, tmp_path, how):
    path = tmp_path / "file"
    process = target(f"""
sys.argv.append({str(path)!r})
ready()
tick_until_told()
{CLOSING[how]}
tick()""")
    process.before = None
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("test.tick")
    process.write()
    assert attacher.wait() == 1
    let_go = f"process {process.pid} let go: it closed its files"
    assert attacher.said()[-1] == let_go
    assert process.ticks()
    assert not path.exists() or path.read_bytes() == b""


@attachable
def test_the_process_runs_another_program(target, attach):
    process = target("""
ready()
tick_until_told()
os.execv("/bin/sleep", ["sleep", "60"])""")
    process.before = None
    attacher = attach(process, "-e", "test.*,os.exec")
    attacher.wait_for("test.tick")
    process.write()
    assert attacher.wait() == 1
    let_go = f"process {process.pid} let go: it runs another program now"
    assert attacher.said()[-1] == let_go
    assert "os.exec(path='/bin/sleep'" in attacher.err


# Sentences.


@needs_linux
def test_there_is_no_process(attach):
    with subprocess.Popen(["true"]) as ended:
        pass
    attacher = attach(ended.pid)
    assert attacher.wait() == 1
    assert attacher.said() == [f"there is no process {ended.pid}"]


@needs_linux
def test_a_zombie_is_no_process(attach):
    zombie = subprocess.Popen(["true"])
    assert until(lambda: ") Z " in Path(f"/proc/{zombie.pid}/stat").read_text())
    attacher = attach(zombie.pid)
    assert attacher.wait() == 1
    assert attacher.said() == [f"there is no process {zombie.pid}"]
    zombie.wait()


@needs_linux
def test_it_is_no_python(attach):
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        time.sleep(0.1)  # until it is that program
        attacher = attach(sleeping.pid)
        assert attacher.wait() == 1
        name = os.path.basename(os.path.realpath(shutil.which("sleep")))
        said = f"process {sleeping.pid} runs {name!r}, which is no Python"
        assert attacher.said() == [said]
        sleeping.kill()


@needs_linux
@needs(not ATTACHABLE, "this Python can be attached to")
def test_an_earlier_python(target, attach):
    process = target()
    attacher = attach(process)
    assert attacher.wait() == 1
    shown = "Python {}.{}".format(*sys.version_info)
    shown = shown if sys.implementation.name == "cpython" else "PyPy"
    assert attacher.said() == [
        f"process {process.pid} runs {shown}; only 3.14 and later can be attached to. "
        "Start it with audithooks instead"
    ]


NOBODY = 65534


@pytest.fixture
def nobody():
    """The options that start a program as another user, who may read this one."""
    options = {"user": NOBODY, "group": NOBODY, "cwd": "/"}
    try:
        done = subprocess.run([sys.executable, "-c", "import audithooks"], **options)
    except PermissionError:
        done = None
    if done is None or done.returncode != 0:
        pytest.skip("another user may not read this Python, or audithooks")
    return options


@needs_linux
@needs_root
def test_it_is_another_users(target, attach, nobody):
    process = target()
    attacher = attach(process, **nobody)
    assert attacher.wait() == 1
    why = "it is another user's; try sudo"
    if not ATTACHABLE and attacher.said()[0].endswith("instead"):
        return  # by the name of the program
    said = f"not permitted to attach to process {process.pid}: {why}"
    assert attacher.said() == [said]


@attachable
@needs_root
def test_root_attaches_to_another_users(target, attach, nobody):
    process = target(**nobody)
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("test.tick")
    assert attacher.interrupt() == 130


@attachable
@needs_root
def test_the_capability_is_missing(target, attach):
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not there")
    process = target()
    caps = "-sys_ptrace"
    drop = ["setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}"]
    attacher = attach(process, python=[*drop, sys.executable])
    assert attacher.wait() == 1
    start = f"not permitted to attach to process {process.pid}: "
    why = "a container needs CAP_SYS_PTRACE"
    if RESTRICTED:
        why = "see kernel.yama.ptrace_scope"
    assert attacher.said() == [start + why]


@needs_linux
def test_yama_is_named_where_it_restricts(monkeypatch, tmp_path):
    """By a stand-in for its file, as most kernels do not have it."""
    from audithooks.tracer import target

    scope = tmp_path / "ptrace_scope"
    scope.write_text("1\n")
    real = open

    def stand_in(path):
        return real(scope if path == "/proc/sys/kernel/yama/ptrace_scope" else path)

    monkeypatch.setattr(target, "open", stand_in, raising=False)
    process = target.Target.__new__(target.Target)
    process.pid, process.folder = os.getpid(), f"/proc/{os.getpid()}"
    start = f"not permitted to attach to process {os.getpid()}: "
    assert str(process._refused()) == f"{start}see kernel.yama.ptrace_scope"
    scope.write_text("0\n")
    assert str(process._refused()) == f"{start}a container needs CAP_SYS_PTRACE"


@attachable
@pytest.mark.parametrize("how", ["environment", "option"])
def test_the_process_does_not_allow_it(target, attach, how):
    python, environ = [sys.executable], {}
    if how == "option":
        python += ["-X", "disable-remote-debug"]
    else:
        environ = {"PYTHON_DISABLE_REMOTE_DEBUG": "1"}
    process = target(python=python, environ=environ)
    attacher = attach(process)
    assert attacher.wait() == 1
    assert attacher.said() == [
        f"process {process.pid} does not allow it "
        "(PYTHON_DISABLE_REMOTE_DEBUG or -X disable-remote-debug)"
    ]


@needs_linux
def test_wrong_command_lines(attach):
    for options, said in {
        ("x.py",): "-p takes no program",
        ("-c", "1"): "-p takes no program",
        ("--from-start",): "a process that runs has started: -p takes no --from-start",
        ("--duration", "0"): "--duration must be positive: 0",
    }.items():
        done = subprocess.run(
            [sys.executable, "-m", "audithooks", "-p", "1", *options],
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout) == (2, "")
        assert f": {said} (see --help)\n" in done.stderr
    for options, said in {
        ("-p", "0"): "-p takes the identifier of a process, not 0",
        ("--duration", "1", "x.py"): (
            "--duration is for a process that runs: it needs -p PID"
        ),
    }.items():
        done = subprocess.run(
            [sys.executable, "-m", "audithooks", *options],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2
        assert f": {said} (see --help)\n" in done.stderr


# Another minor version.


def others():
    """Return the other Pythons that can be attached to."""
    found = [shutil.which(f"python3.{minor}") for minor in range(14, 20)]
    own = "python{}.{}".format(*sys.version_info)
    return [path for path in found if path and os.path.basename(path) != own]


@needs_linux
def test_another_minor_version(target, attach):
    pythons = others()
    if not pythons:
        pytest.skip("there is no other Python from 3.14 on")
    for python in pythons:
        process = target(python=[python])
        attacher = attach(process, "-e", "test.*", "--json")
        attacher.wait_for('"event":"test.tick"')
        assert attacher.interrupt() == 130
        assert attacher.said()[-1] == f"process {process.pid} detached"


@pytest.fixture
def renamed(target, tmp_path):
    """Start this Python as a program of another name."""

    def start(name):
        program = tmp_path / name
        shutil.copy(os.path.realpath(sys.executable), program)
        environ = {"PYTHONHOME": f"{sys.base_prefix}:{sys.base_exec_prefix}"}
        return target(python=[str(program)], environ=environ)

    return start


@attachable
def test_a_python_whose_name_has_no_version(renamed, attach):
    attacher = attach(renamed("python-shop"), "-e", "test.*")
    attacher.wait_for("test.tick")
    assert attacher.interrupt() == 130


@attachable
def test_a_python_of_another_name(renamed, attach):
    process = renamed("shop")
    attacher = attach(process)
    assert attacher.wait() == 1
    assert attacher.said() == [
        f"process {process.pid} runs 'shop', and CPython attaches only to what has "
        "python in its name"
    ]


def other_python():
    """Return another Python that can be attached to, and its prefix."""
    pythons = others()
    if not pythons:
        pytest.skip("there is no other Python from 3.14 on")
    return pythons[0], os.path.dirname(os.path.dirname(os.path.realpath(pythons[0])))


@needs_linux
def test_a_program_that_embeds_another_python_is_not_run(target, attach, tmp_path):
    python, base = other_python()
    program = tmp_path / "python-shop"
    shutil.copy(os.path.realpath(python), program)
    process = target(python=[str(program)], environ={"PYTHONHOME": base})
    attacher = attach(process)
    assert attacher.wait() == 1
    version = os.path.basename(python)[len("python") :]
    assert attacher.said() == [
        f"process {process.pid} does not allow it: it embeds Python {version}: attach "
        f"with a Python {version}"
    ]


@attachable
def test_subinterpreters(target, attach):
    process = target(f"""
from concurrent import interpreters
other = interpreters.create()
{TICK}""")
    attacher = attach(process)
    assert attacher.wait() == 1
    assert attacher.said() == [
        f"process {process.pid} does not allow it: CPython finds no main thread in it, "
        "as it has subinterpreters, or embeds Python without Py_RunMain()"
    ]


@needs_linux
@needs_root
def test_a_python_of_somebody_else_is_not_run(target, attach, tmp_path):
    other, base = other_python()
    python = tmp_path / os.path.basename(other)
    shutil.copy(os.path.realpath(other), python)
    os.chown(python, NOBODY, NOBODY)
    process = target(python=[str(python)], environ={"PYTHONHOME": base})
    attacher = attach(process)
    assert attacher.wait() == 1
    (said,) = attacher.said()
    assert f"{python} is neither yours nor root's: attach with a Python 3." in said


# The options of the tracer.


def traced(target, attach, code, *options):
    """Attach to a process, have it run some code once, and return the attacher."""
    process = target(f"ready()\ninput()\ntime.sleep(1)\n{code}\n")
    attacher = attach(process, *options)
    attacher.wait_for("waiting")
    process.write()
    assert attacher.wait() == 0
    attacher.target = process
    return attacher


def shown(attacher):
    """Return the lines of stderr that are no sentences."""
    lines = attacher.err.splitlines()
    return [line for line in lines if not line.startswith("audithooks: ")]


OWN = "sys.audit('test.own', 'x' * 99)"


@attachable
def test_text_with_callers_threads_and_times(target, attach):
    options = ["-e", "test.*", "-k", "-T", "-t", "absolute", "-s", "9"]
    (line,) = shown(traced(target, attach, OWN, *options))
    pattern = r"\d\d:\d\d:\d\d\.\d{6} \[MainThread\] test\.own\('x{9}… \(90 more\)'\)"
    assert re.fullmatch(pattern + r" at <string>:\d+ in <module>", line)


@attachable
def test_json_into_a_file(target, attach, tmp_path):
    path = tmp_path / "trace.jsonl"
    options = ["-e", "test.*", "--json", "-k", "-o", str(path)]
    attacher = traced(target, attach, OWN, *options)
    assert shown(attacher) == []
    (line,) = path.read_text().splitlines()
    found = json.loads(line)
    assert (found["event"], found["pid"]) == ("test.own", attacher.target.pid)
    assert found["args"] == {"arg0": "x" * 99}
    assert found["stack"][0]["function"] == "<module>"


SHOP = """\
import time


def look():
    open("/etc/hosts").close()
    time.sleep(0.1)


while True:
    look()
"""


@attachable
def test_the_page_shows_what_it_is(target, attach, tmp_path):
    *lines, last = block("attach", "{code-block} text").splitlines()
    (tmp_path / "shop.py").write_text(SHOP)
    code = "ready()\nimport shop"
    process = target(code, cwd=tmp_path)
    attacher = attach(process, "-e", "@read", "-k")
    attacher.wait_for(lines[-1])
    assert attacher.interrupt() == 130
    found = attacher.err.replace(str(process.pid), "4711").splitlines()
    start = found.index(lines[1])
    assert [found[0], *found[start : start + 2], f"^C{found[-1]}"] == [*lines, last]


@attachable
def test_the_commands_of_the_page_work(target, attach, tmp_path):
    for line in block("attach", "sh").splitlines() + block("attach", "sh", 1).split(
        "\n"
    ):
        command = line.partition("#")[0].split()
        if not command or command[0] == "sudo":
            continue
        process = target()
        place = command.index("-p")
        options = [*command[1:place], *command[place + 2 :]]
        if "--duration" in options:
            options[options.index("--duration") + 1] = "0.2"
        attacher = attach(process, *options, cwd=tmp_path)
        attacher.wait_for("attached")
        if "--duration" in options:
            assert attacher.wait() == 0
        else:
            assert attacher.interrupt() == 130


@attachable
def test_a_file_is_kept_if_there_is_no_process(attach, tmp_path):
    path = tmp_path / "trace"
    path.write_text("old\n")
    with subprocess.Popen(["true"]) as ended:
        pass
    assert attach(ended.pid, "-o", str(path)).wait() == 1
    assert path.read_text() == "old\n"


@attachable
def test_a_file_is_appended_to(target, attach, tmp_path):
    path = tmp_path / "trace"
    path.write_text("old\n")
    traced(target, attach, "sys.audit('test.a')", "-e", "test.*", "-A", "-o", str(path))
    assert path.read_text() == "old\ntest.a()\n"


@attachable
def test_nothing_is_left_if_it_is_not_allowed(target, attach):
    process = target(python=[sys.executable, "-X", "disable-remote-debug"])
    attacher = attach(process, "--deny", "@write", "--permissive")
    assert attacher.wait() == 1
    assert len(attacher.said()) == 1


@needs_linux
def test_a_process_cannot_send_what_a_terminal_obeys():
    from audithooks.tracer.attaching import cleaned

    sent = "\x1b[1;31mred\x1b[0m \x1b]0;title\x07 \x9b2J \x7f ö\n"
    assert cleaned(sent.encode()).decode() == (
        "\x1b[1;31mred\x1b[0m ?]0;title? ??2J ? ö\n"
    )


@attachable
def test_chrome(target, attach, tmp_path):
    path = tmp_path / "trace.json"
    for number in 1, 2:
        options = ["-e", "test.*", "--chrome", "-A", "-o", str(path)]
        attacher = traced(target, attach, OWN, *options)
        assert attacher.err.count("\n") == 3
        found = json.loads(path.read_text())
        assert [e["name"] for e in found].count("test.own") == number
        assert [e["name"] for e in found].count("process_name") == number


@attachable
def test_a_table(target, attach):
    code = "for _ in range(3): sys.audit('test.a', 1)\nsys.audit('test.b')"
    attacher = traced(target, attach, code, "-e", "test.*", "--summary-only")
    lines = [line.split() for line in shown(attacher)]
    assert [(line[0], line[3], line[4]) for line in lines[1:-1]] == [
        ("3", "1", "test.a"),
        ("1", "1", "test.b"),
    ]
    assert lines[-1][:2] == ["4", "events"]


@attachable
def test_operations_are_refused_while_it_is_attached(target, attach, tmp_path):
    process = target(f"""
ready()
while True:
    try:
        os.mkdir({str(tmp_path / "new")!r})
    except OSError as error:
        if "denied" not in sys.argv and "audithooks" in str(error):
            sys.argv.append("denied")
            print(error, flush=True)
    else:
        os.rmdir({str(tmp_path / "new")!r})
        if "denied" in sys.argv:
            print("again", flush=True)
            break
    time.sleep(0.02)
tick()""")
    attacher = attach(process, "-e", "os.mkdir", "--deny", "os.mkdir")
    attacher.wait_for(" = denied (deny-1)\n")
    assert until(lambda: "os.mkdir; deny-1" in process.out)
    assert "again" not in process.out
    assert attacher.interrupt() == 130
    assert until(lambda: "again" in process.out)


@attachable
def test_what_would_be_refused_is_told(target, attach, tmp_path):
    code = f"os.mkdir({str(tmp_path / 'new')!r})"
    decisions = tmp_path / "decisions"
    options = ["-e", "none", "--deny", "@write", "--permissive"]
    options += ["--decisions", str(decisions)]
    attacher = traced(target, attach, code, *options)
    assert (tmp_path / "new").is_dir()
    said = attacher.said()
    assert "this would have been refused:" in said
    (line,) = decisions.read_text().splitlines()
    assert json.loads(line)["action"] == "would deny"


@attachable
def test_a_policy_is_learned(target, attach, tmp_path):
    code = f"os.mkdir({str(tmp_path / 'new')!r})"
    path = tmp_path / "policy.toml"
    traced(target, attach, code, "-e", "none", "--learn", str(path))
    assert "new" in path.read_text()


@attachable
def test_files_for_each_process(target, attach, tmp_path):
    process = target(FORKS)
    attacher = attach(process, "-ff", "-e", "test.*", "-o", str(tmp_path / "trace"))
    attacher.wait_for("waiting")
    child = forked(process)
    paths = {pid: tmp_path / f"trace.{pid}" for pid in (process.pid, child)}
    try:
        for path in paths.values():
            assert until(path.exists)
        assert attacher.interrupt() == 130
    finally:
        os.kill(child, signal.SIGKILL)
    assert set(paths[child].read_text().splitlines()) == {f"{child} test.child()"}
    assert f"{process.pid} test.tick(1)\n" in paths[process.pid].read_text()


@attachable
def test_the_file_of_an_event_that_comes_at_once(target, attach, tmp_path):
    process = target("ready()\ninput()\nsys.audit('test.a')")
    attacher = attach(process, "-ff", "-e", "test.*", "-o", str(tmp_path / "trace"))
    attacher.wait_for("waiting")
    process.write()
    assert attacher.wait() == 0
    assert [*tmp_path.glob("trace.*")] == [tmp_path / f"trace.{process.pid}"]


@attachable
def test_an_error_of_the_tracer_is_said_by_the_attaching_side(target, attach):
    code = """
from audithooks.records.fields import Fields
arguments, Fields.arguments = Fields.arguments, None
sys.audit("test.lost", 1)
Fields.arguments = arguments
sys.audit("test.after")"""
    attacher = traced(target, attach, code, "-e", "test.*")
    assert shown(attacher) == ["test.after()"]
    (said,) = [text for text in attacher.said() if "left out" in text]
    assert said.startswith("an event was left out: TypeError: ")


@attachable
def test_a_program_that_uses_audithooks_itself(target, attach):
    code = """
import audithooks
events = []
def hook(event, args):
    events.append(event)
subscription = audithooks.subscribe(hook, "test.*")
ready()
tick_until_told()
print("own" * ("test.tick" in events), len(audithooks.subscriptions()), flush=True)
tick()"""
    process = target(code)
    attacher = attach(process, "-e", "test.*")
    attacher.wait_for("test.tick")
    assert attacher.interrupt() == 130
    process.write()
    assert until(lambda: "own 1\n" in process.out)
