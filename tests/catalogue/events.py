"""Raise as many events as possible, and print each with the number of its arguments.

tests/catalogue/test_catalogue.py runs this program. Each function is one attempt; if
something is missing, such as a module or a permission, only that attempt ends.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading

FOLDER = os.path.dirname(os.path.abspath(__file__))
seen = set()


def hook(event, args):
    if not event.startswith("test."):
        seen.add((event, len(args)))


def child(code, stdin=""):
    """Run *code* in a Python that prints its own events."""
    run("-c", f"import events; events.told()\n{code}", input=stdin)


def at_a_terminal():
    import pty

    master, slave = pty.openpty()
    os.write(master, b"x\n")
    run("-c", "import events; events.told(); input()", stdin=slave, stdout=slave)


def run(*arguments, **options):
    if "stdin" not in options:
        options.setdefault("input", "")
    options.setdefault("stdout", subprocess.PIPE)
    path = [".", FOLDER, *filter(None, sys.path)]
    environ = {"PYTHONPATH": os.pathsep.join(path), "PYTHONSTARTUP": "startup.py"}
    done = subprocess.run(
        [sys.executable, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
        check=False,
        **options,
    )
    for line in done.stderr.splitlines():
        event, separator, count = line.rpartition(" ")
        if separator and event.startswith("event "):
            seen.add((event[len("event ") :], int(count)))


def told():
    """Write the events of this process to its stderr as they come."""

    def tell(event, args, write=os.write, len=len):  # globals are cleared at exit
        if not event.startswith("test."):
            write(2, f"event {event} {len(args)}\n".encode())

    sys.addaudithook(tell)


def files():
    import fcntl
    import glob
    import pathlib
    import shutil

    open("file", "w").close()
    descriptor = os.open("file", os.O_RDWR)
    for call in (
        lambda: os.chdir("."),
        lambda: os.chflags("file", 0),
        lambda: os.chmod("file", 0o600),
        lambda: os.chown("file", -1, -1),
        lambda: list(os.fwalk(".")),
        lambda: os.setxattr("file", "user.x", b"1"),
        lambda: os.getxattr("file", "user.x"),
        lambda: os.listxattr("file"),
        lambda: os.removexattr("file", "user.x"),
        lambda: os.link("file", "link"),
        lambda: os.listdir("."),
        lambda: os.lockf(descriptor, os.F_TEST, 1),
        lambda: os.mkdir("folder"),
        lambda: os.rename("link", "renamed"),
        lambda: os.remove("renamed"),
        lambda: os.rmdir("folder"),
        lambda: os.scandir(".").close(),
        lambda: os.symlink("file", "symlink"),
        lambda: os.truncate("file", 0),
        lambda: os.utime("file"),
        lambda: list(os.walk(".")),
        lambda: fcntl.fcntl(descriptor, fcntl.F_GETFD),
        lambda: fcntl.ioctl(descriptor, 0),
        lambda: fcntl.flock(descriptor, fcntl.LOCK_UN),
        lambda: fcntl.lockf(descriptor, fcntl.LOCK_UN),
        lambda: glob.glob("*"),
        lambda: list(pathlib.Path().glob("*")),
        lambda: list(pathlib.Path().rglob("*")),
        lambda: list(pathlib.Path().walk()),
        lambda: shutil.copyfile("file", "copy"),
        lambda: shutil.copymode("file", "copy"),
        lambda: shutil.copystat("file", "copy"),
        lambda: os.mkdir("tree"),
        lambda: shutil.copytree("tree", "tree2"),
        lambda: shutil.make_archive("archive", "tar", ".", "tree"),
        lambda: shutil.unpack_archive("archive.tar", "tree3"),
        lambda: shutil.move("tree2", "tree4"),
        lambda: shutil.chown("file", user=0),
        lambda: shutil.rmtree("tree4"),
        tempfile.mkdtemp,
        tempfile.mkstemp,
    ):
        attempt(call)


def database():
    import sqlite3

    connection = sqlite3.connect(":memory:")
    attempt(lambda: connection.enable_load_extension(True))
    attempt(lambda: connection.load_extension("no/such/extension"))


def sockets():
    import socket

    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())
        client.sendmsg([b""])
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.sendto(b"", ("127.0.0.1", 9))
    for call in (
        lambda: socket.getaddrinfo("127.0.0.1", 9),
        lambda: socket.gethostbyaddr("127.0.0.1"),
        lambda: socket.gethostbyname("127.0.0.1"),
        socket.gethostname,
        lambda: socket.getnameinfo(("127.0.0.1", 9), socket.NI_NUMERICHOST),
        lambda: socket.getservbyname("http"),
        lambda: socket.getservbyport(80),
        lambda: socket.sethostname("too long" * 99),
    ):
        attempt(call)


def protocols():
    """Clients of a server that gives the answers they expect."""
    import http.client
    import socket
    import urllib.request

    def serve(answer):
        server = socket.create_server(("127.0.0.1", 0))
        seen_by_client = threading.Event()

        def run():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(answer)
                seen_by_client.wait(10)

        threading.Thread(target=run, daemon=True).start()
        return server.getsockname()[1], seen_by_client.set

    def talk(answer, client):
        port, end = serve(answer)
        try:
            client(port)
        finally:
            end()

    def ftp(port):
        import ftplib

        client = ftplib.FTP()
        client.connect("127.0.0.1", port, timeout=5)
        client.sendcmd("NOOP")

    def imap(port):
        import imaplib

        imaplib.IMAP4("127.0.0.1", port).logout()

    def nntp(port):
        import nntplib

        nntplib.NNTP("127.0.0.1", port).quit()

    def pop(port):
        import poplib

        poplib.POP3("127.0.0.1", port, timeout=5).noop()

    def smtp(port):
        import smtplib

        smtplib.SMTP("127.0.0.1", port, timeout=5).noop()

    def telnet(port):
        import telnetlib

        telnetlib.Telnet("127.0.0.1", port, timeout=5).write(b"x")

    def fetch(port):
        http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/")

    attempt(lambda: talk(b"220 x\r\n200 x\r\n", ftp))
    attempt(lambda: talk(b"* PREAUTH x\r\n* BYE\r\n", imap))
    attempt(lambda: talk(b"200 x\r\n101 x\r\n.\r\n205 x\r\n", nntp))
    attempt(lambda: talk(b"+OK\r\n+OK\r\n", pop))
    attempt(lambda: talk(b"220 x\r\n250 x\r\n", smtp))
    attempt(lambda: talk(b"x", telnet))
    attempt(lambda: talk(b"HTTP/1.0 200 OK\r\n\r\n", fetch))
    attempt(lambda: urllib.request.urlopen("data:,x").close())


def vetoed(event, call):
    """Make a call only for its event; a hook refuses it."""
    refused.add(event)
    try:
        call()
    finally:
        refused.discard(event)


refused = set()


def refuse(event, args):
    if event in refused:
        raise PermissionError(event)


def processes():
    import webbrowser

    nobody = 2**22 + 1  # beyond the limit of Linux
    for call in (
        lambda: os.execv("/no/such", ["x"]),
        lambda: child("import os; os.fork() or os._exit(0)"),
        lambda: child("import os; os.forkpty()[0] or os._exit(0)"),
        lambda: os.kill(nobody, 0),
        lambda: os.killpg(nobody, 0),
        lambda: os.posix_spawn("/no/such", ["x"], {}),
        lambda: os.system(":"),
        lambda: child("import pty; pty.spawn('true')"),
        lambda: subprocess.run([sys.executable, "-c", ""], check=False),
        lambda: os.putenv("AUDITHOOKS_TEST", "1"),
        lambda: os.unsetenv("AUDITHOOKS_TEST"),
        lambda: webbrowser.BackgroundBrowser("true").open("x"),
        lambda: signal.pthread_kill(threading.get_ident(), 0),
    ):
        attempt(call)
    if hasattr(os, "_clearenv"):
        child("import os; os.environ.clear()")


def limits():
    import resource

    limit = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, limit)
    resource.prlimit(0, resource.RLIMIT_CORE)


def remote():
    vetoed("sys.remote_exec", lambda: sys.remote_exec(os.getpid(), "/no/such"))


def imports():
    import colorsys  # noqa: F401 - a module that was not imported before
    import ensurepip
    import marshal
    import pickle

    marshal.loads(marshal.dumps(1))
    with open("marshal", "w+b") as file:
        marshal.dump(1, file)
        file.seek(0)
        marshal.load(file)
    pickle.loads(pickle.dumps(len))
    attempt(
        lambda: vetoed("ensurepip.bootstrap", lambda: ensurepip.bootstrap(root="/no"))
    )


def code():
    namespace = {}
    exec("def function(): pass", namespace)
    function = namespace["function"]
    type(function)(function.__code__, {})
    function.__code__.replace(co_name="x")
    compile("1", "x", "eval")


def starts():
    """The events that the interpreter raises when it starts a program."""
    with open("sitecustomize.py", "w") as file:
        file.write("import events; events.told()\n")
    with open("program.py", "w") as file:
        file.write("pass")
    with open("startup.py", "w") as file:
        file.write("import sys; sys.__interactivehook__ = lambda: None")
    for arguments in (["-c", ""], ["program.py"], ["-m", "program"], ["-"], ["-i"]):
        run(*arguments)
    os.remove("sitecustomize.py")


def interpreter():
    child("breakpoint()", "c\n")
    attempt(at_a_terminal)
    child("1 / 0")
    child("async def f(): yield\nimport sys\nsys.set_asyncgen_hooks(print, print)")
    child("import sys; sys.settrace(None); sys.setprofile(None)")
    child("""
class Bad:
    def __del__(self):
        1 / 0
Bad()
import gc
gc.collect()
""")
    child("import sys; sys.addaudithook(lambda *a: None)")
    child("import audithooks; audithooks.subscribe(print, 'test.x').close()")
    child("import sys; sys.monitoring.register_callback(0, 1, None)")
    child("""
import sys
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
interpreters.create()
""")
    child("""
from ctypes import py_object, pythonapi
pythonapi.PyConfig_Set.argtypes = [__import__("ctypes").c_char_p, py_object]
pythonapi.PyConfig_Set(b"verbose", 0)
""")
    child("""
from ctypes import pythonapi
pythonapi.PyFile_SetOpenCodeHook(None, None)
""")


def memory():
    import array
    import gc
    import mmap

    array.array("b", [1])
    id(memory)
    gc.get_objects()
    gc.get_referents(gc)
    gc.get_referrers(gc)
    mmap.mmap(-1, 1).close()


def introspection():
    class Plain:
        pass

    Plain.__bases__ = (Plain.__base__,)
    for call in (
        lambda: Plain.__init__,
        lambda: sys._getframe().f_code,
        lambda: memory.__code__,
        lambda: setattr(memory, "__code__", memory.__code__),
        lambda: delattr(memory, "__defaults__"),
        lambda: sys._current_exceptions(),
        sys._current_frames,
        lambda: sys._getframemodulename(),
    ):
        attempt(call)


def foreign():
    import ctypes

    library = ctypes.CDLL(None)
    text = ctypes.create_string_buffer(b"x")
    wide = ctypes.create_unicode_buffer("x")
    for call in (
        lambda: library.abs(-1),
        lambda: library["abs"],
        lambda: ctypes.c_int.in_dll(library, "environ"),
        lambda: __import__("_ctypes").dlsym(library._handle, "abs"),
        ctypes.get_errno,
        lambda: ctypes.set_errno(0),
        lambda: ctypes.addressof(text),
        lambda: ctypes.c_int.from_address(ctypes.addressof(text)),
        lambda: ctypes.c_char.from_buffer(bytearray(1)),
        lambda: ctypes.c_char.from_buffer_copy(b"1"),
        lambda: ctypes.string_at(text),
        lambda: ctypes.wstring_at(wide),
        lambda: ctypes.memoryview_at(text, 1),
        lambda: __import__("_ctypes").PyObj_FromPtr(id(text)),
        lambda: call_function(library),
    ):
        attempt(call)


def call_function(library):
    import _ctypes
    import ctypes

    address = ctypes.cast(library.abs, ctypes.c_void_p).value
    _ctypes.call_function(address, (1,))


def threads():
    import _thread
    import time

    thread = threading.Thread(target=len, args=((),))
    thread.start()
    thread.join()
    _thread.start_new_thread(len, ((),))
    time.sleep(0)


def logs():
    import syslog

    syslog.openlog("audithooks")
    syslog.setlogmask(syslog.setlogmask(0))
    attempt(lambda: vetoed("syslog.syslog", lambda: syslog.syslog("x")))
    syslog.closelog()


def debugger():
    import pdb

    pdb.Pdb()


def attempt(call):
    with contextlib.suppress(Exception, SystemExit):
        call()


def main():
    sys.addaudithook(hook)
    sys.addaudithook(refuse)
    talk = contextlib.redirect_stdout(sys.stderr)
    with talk, tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        os.chdir(folder)
        for function in (
            files,
            database,
            sockets,
            protocols,
            processes,
            limits,
            remote,
            imports,
            code,
            starts,
            interpreter,
            memory,
            introspection,
            foreign,
            threads,
            logs,
            debugger,
        ):
            attempt(function)
        os.chdir("/")
    print(json.dumps(sorted(seen)))


if __name__ == "__main__":
    main()
