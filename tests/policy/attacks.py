"""What code may try to get around a policy: to write, read, connect or start a program.

Run as a script, with "open" or "guarded", it tries each attack in a folder of its own
and prints which got through, as JSON. That is told by the effect alone: a changed file,
a secret that was read, a connection that a server saw, a program that left a mark.
"""

from __future__ import annotations

import asyncio
import ctypes
import glob
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

POLICY = {
    "write": {"allow": "@write(path=./build)"},
    "read": {"deny": "@read(path=./keys)"},
    "connect": {"deny": "@connect(host=localhost)"},
    "spawn": {"allow": "@spawn(program=tool)"},
}
ATTACKS: dict[str, dict[str, tuple]] = {kind: {} for kind in POLICY}


def attack(kind, held=True):
    """Add an attack. *held* is whether a policy holds it; guard-rail.md has others."""

    def add(function):
        ATTACKS[kind][function.__name__] = function, held
        return function

    return add


def each(kind, ways, act):
    """Add one attack for each of some ways to say the same."""
    for name, way in ways.items():

        def function(way=way):
            return act(way)

        function.__name__ = name
        attack(kind)(function)


def overwrite(path, **options):
    with open(path, "w", **options) as file:
        file.write("lost")


def in_a_fork(function, *arguments):
    child = os.fork()
    if not child:
        with suppress(PermissionError):
            function(*arguments)
        os._exit(0)
    os.waitpid(child, 0)


def descriptor_of(path):
    return os.open(path, os.O_RDONLY)


# To write: ./file is outside, ./build is where the policy allows it ------------------

each(
    "write",
    {
        "dots": "build/../file",
        "a_link_to_the_file": "build/file",
        "a_link_to_the_folder": "build/above/file",
        "dots_behind_a_link": "build/elsewhere/../file",
        "bytes": b"build/../file",
        "a_path_object": Path("build", "..", "file"),
        "proc_cwd": "/proc/self/cwd/file",
        "many_slashes": "build//.//..//file",
    },
    overwrite,
)


@attack("write")
def proc_root():
    overwrite("/proc/self/root" + os.path.abspath("file"))


@attack("write")
def a_link_of_its_own():
    os.symlink("../file", "build/own")
    overwrite("build/own")


@attack("write")
def a_folder_that_becomes_a_link():
    os.mkdir("build/turn")
    os.rmdir("build/turn")
    os.symlink("..", "build/turn")
    overwrite("build/turn/file")


@attack("write")
def another_current_folder():
    os.chdir("build/elsewhere/..")
    overwrite("file")


@attack("write")
def open_with_flags():
    os.close(os.open("file", os.O_RDONLY | os.O_TRUNC))


@attack("write")
def a_hard_link_of_its_own():
    os.link("file", "build/hard")
    overwrite("build/hard")


@attack("write")
def a_rename_from_outside():
    os.rename("file", "build/gone")


@attack("write")
def a_rename_to_outside():
    overwrite("build/new")
    os.replace("build/new", "file")


@attack("write")
def a_descriptor_of_the_folder():
    os.remove("file", dir_fd=descriptor_of("."))


@attack("write")
def a_descriptor_in_proc():
    overwrite(f"/proc/self/fd/{descriptor_of('.')}/file")


@attack("write")
def an_opener_of_its_own():
    overwrite("build/x", opener=lambda _, flags: os.open("file", flags))


@attack("write")
def a_path_that_changes():
    class Changing:
        paths = iter(["build/x", "build/x", "file", "file"])

        def __fspath__(self):
            return next(self.paths, "file")

    for _ in range(4):
        overwrite(Changing())


@attack("write")
def a_copy():
    overwrite("build/new")
    shutil.copyfile("build/new", "file")


@attack("write")
def a_database():
    sqlite3.connect("other.db").close()


@attack("write")
def a_thread():
    thread = threading.Thread(target=shutil.copyfile, args=(os.devnull, "file"))
    thread.start()
    thread.join()


@attack("write")
def a_fork():
    in_a_fork(overwrite, "file")


@attack("write")
def an_error_that_is_caught():
    with suppress(BaseException):
        overwrite("file")


@attack("write")
def code_that_is_executed():
    exec(compile("open('file', 'w')", "x", "exec"), {})


@attack("write", held=False)
def a_hard_link_that_was_there():
    overwrite("build/linked")


@attack("write", held=False)
def a_descriptor_of_another_folder():
    os.chdir("build")
    os.close(os.open("new", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor_of("..")))


@attack("write", held=False)
def a_database_that_is_attached():
    with sqlite3.connect("build/x.db") as database:
        database.execute("attach 'other.db' as other")
        database.execute("create table other.lost (x)")


@attack("write", held=False)
def a_file_without_an_event():
    os.mkfifo("fifo")


@attack("write", held=False)
def a_program_that_it_starts():
    subprocess.run([sys.executable, "-c", "open('file', 'w')"], check=True)


@attack("write", held=False)
def a_function_in_c():
    ctypes.CDLL(None).truncate(b"file", 0)


# To read: ./keys holds what the policy denies -----------------------------------------


def read(path):
    with open(path) as file:
        return file.read()


each(
    "read",
    {
        "open": "keys/key",
        "dots": "other/../keys/key",
        "a_link_to_the_file": "other/key",
        "a_link_to_the_folder": "other/keys/key",
        "proc_cwd": "/proc/self/cwd/keys/key",
    },
    read,
)


@attack("read")
def os_open():
    return os.read(os.open("keys/key", os.O_RDONLY), 9).decode()


@attack("read")
def pathlib():
    return Path("keys", "key").read_text()


@attack("read")
def another_current_folder_read():
    os.chdir("keys")
    return read("key")


@attack("read")
def a_copy_elsewhere():
    shutil.copyfile("keys/key", "copy")
    return read("copy")


@attack("read")
def listdir():
    return "KEY" * ("key" in os.listdir("keys"))


@attack("read")
def scandir():
    with os.scandir("other/keys") as found:
        return "KEY" * ("key" in [entry.name for entry in found])


@attack("read")
def globbing():
    return "KEY" * bool(glob.glob("keys/*"))


@attack("read", held=False)
def moved_first():
    os.rename("keys", "moved")
    return read("moved/key")


@attack("read", held=False)
def linked_first():
    os.link("keys/key", "linked")
    return read("linked")


@attack("read", held=False)
def whether_it_is_there():
    return "KEY" * os.path.exists("keys/key")


@attack("read", held=False)
def a_descriptor_of_the_denied_folder():
    folder = os.open("keys", os.O_RDONLY | os.O_DIRECTORY)
    return os.read(os.open("key", os.O_RDONLY, dir_fd=folder), 9).decode()


@attack("read", held=False)
def a_program_that_reads_it():
    return subprocess.run(["cat", "keys/key"], capture_output=True, text=True).stdout


# To connect: a server of this process is at PORT -------------------------------------

seen = threading.Event()
server = socket.socket()
PORT = 0


def serve():
    global PORT
    server.bind(("127.0.0.1", 0))
    server.listen(20)
    PORT = server.getsockname()[1]

    def accept():
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return
            seen.set()

    threading.Thread(target=accept, daemon=True).start()


def connect(host):
    with socket.socket() as client:
        client.settimeout(5)
        client.connect((host, PORT))


each(
    "connect",
    {
        "the_address": "127.0.0.1",
        "the_name": "localhost",
        "another_case": "LocalHost",
        "a_short_address": "127.1",
        "a_number": "2130706433",
        "hexadecimal": "0x7f000001",
        "octal": "0177.0.0.1",
        "zero": "0",
        "no_host": "",
    },
    connect,
)


@attack("connect")
def connect_ex():
    with socket.socket() as client:
        client.connect_ex(("127.0.0.1", PORT))


@attack("connect")
def create_connection():
    socket.create_connection(("localhost", PORT), 5).close()


@attack("connect")
def mapped_to_ipv6():
    with socket.socket(socket.AF_INET6) as client:
        client.connect(("::ffff:127.0.0.1", PORT))


@attack("connect")
def a_loop():
    async def main():
        _, writer = await asyncio.open_connection("127.0.0.1", PORT)
        writer.close()

    asyncio.run(main())


@attack("connect")
def a_send_that_connects():
    with socket.socket() as client:
        client.sendto(b"x", socket.MSG_FASTOPEN, ("127.0.0.1", PORT))


@attack("connect")
def a_forked_child():
    in_a_fork(connect, "127.0.0.1")


@attack("connect", held=False)
def a_function_in_c_that_connects():
    library = ctypes.CDLL(None)
    address = socket.AF_INET.to_bytes(2, sys.byteorder) + PORT.to_bytes(2, "big")
    address += bytes([127, 0, 0, 1]) + bytes(8)
    library.connect(library.socket(2, 1, 0), address, 16)


# To start a program: `tool` on PATH is allowed, ./evil/tool and others are not --------

MARK = "mark"


each(
    "spawn",
    {
        "another_of_that_name": ["evil/tool"],
        "dots_to_it": ["bin/../evil/tool"],
        "a_link_of_that_name": ["links/tool"],
        "bytes_of_it": [b"evil/tool"],
        "another_program": ["touch", MARK],
        "a_shell": ["/bin/sh", "-c", f"touch {MARK}"],
        "env": ["env", "touch", MARK],
    },
    lambda words: subprocess.run(words, check=True),
)


@attack("spawn")
def an_absolute_path():
    subprocess.run([os.path.abspath("evil/tool")], check=True)


@attack("spawn")
def a_path_of_its_own():
    path = os.path.abspath("evil") + os.pathsep + os.environ["PATH"]
    subprocess.run(["tool"], env={"PATH": path}, check=True)


@attack("spawn")
def a_path_that_is_changed():
    os.environ["PATH"] = os.path.abspath("evil") + os.pathsep + os.environ["PATH"]
    subprocess.run(["tool"], check=True)


@attack("spawn")
def another_executable():
    subprocess.run(["tool"], executable="evil/tool", check=True)


@attack("spawn")
def another_folder():
    subprocess.run(["./tool"], cwd="evil", check=True)


@attack("spawn")
def a_command():
    subprocess.run(f"tool; touch {MARK}", shell=True, check=True)


@attack("spawn")
def os_system():
    os.system(f"touch {MARK}")


@attack("spawn")
def os_popen():
    os.popen(f"touch {MARK}").close()


@attack("spawn")
def posix_spawn():
    os.waitpid(os.posix_spawn("evil/tool", ["tool"], os.environ), 0)


@attack("spawn")
def spawnv():
    os.spawnv(os.P_WAIT, "evil/tool", ["tool"])


@attack("spawn")
def exec_in_a_fork():
    in_a_fork(os.execv, "evil/tool", ["tool"])


@attack("spawn")
def a_loop_that_starts_it():
    async def main():
        process = await asyncio.create_subprocess_exec("evil/tool")
        await process.wait()

    asyncio.run(main())


@attack("spawn", held=False)
def the_program_is_replaced():
    shutil.copy("evil/tool", "bin/tool")
    subprocess.run(["tool"], check=True)


@attack("spawn", held=False)
def a_program_that_starts_others():
    subprocess.run(["tool", "touch", MARK], check=True)


@attack("spawn", held=False)
def a_function_in_c_that_starts_it():
    ctypes.CDLL(None).system(f"touch {MARK}".encode())


# How they are tried ------------------------------------------------------------------


def prepare(kind):
    """Make what the attacks of a kind are about, in the current folder."""
    if kind == "write":
        os.makedirs("build/sub")
        Path("file").write_bytes(b"safe")
        os.symlink("../file", "build/file")
        os.symlink("..", "build/above")
        os.symlink("../build", "build/elsewhere")
        os.link("file", "build/linked")
    elif kind == "read":
        os.mkdir("keys")
        os.mkdir("other")
        Path("keys/key").write_text("KEY")
        os.symlink("../keys/key", "other/key")
        os.symlink("../keys", "other/keys")
    elif kind == "spawn":
        for folder, text in ("bin", '"$@"'), ("evil", f"touch {os.getcwd()}/{MARK}"):
            os.mkdir(folder)
            Path(folder, "tool").write_text(f"#!/bin/sh\n{text}\n")
            os.chmod(f"{folder}/tool", 0o755)
        os.mkdir("links")
        os.symlink("../evil/tool", "links/tool")
        os.environ["PATH"] = os.path.abspath("bin") + os.pathsep + os.environ["PATH"]


def got_through(kind, folder, returned):
    """Whether an attack had its effect."""
    if kind == "read":
        return "KEY" in (returned or "")
    if kind == "connect":
        return seen.wait(0.05)
    if kind == "spawn":
        return Path(folder, MARK).exists()
    file = Path(folder, "file")
    others = {*os.listdir(folder)} - {"build", "file"}
    return bool(others) or not file.exists() or file.read_bytes() != b"safe"


def attempt(kind, function, guarded):
    """Try one attack. Return whether it got through."""
    from audithooks.policy import Policy

    before, path = os.getcwd(), os.environ["PATH"]
    seen.clear()
    with TemporaryDirectory() as name:
        folder = os.path.realpath(name)
        os.chdir(folder)
        prepare(kind)
        block = nullcontext()
        if guarded:
            block = Policy.from_rules(**POLICY[kind]).enforce("process")
        returned = None
        try:
            with block:
                returned = function()
        except PermissionError as error:
            if "audithooks: may not" not in str(error):
                raise
        finally:
            os.chdir(before)
            os.environ["PATH"] = path
        return got_through(kind, folder, returned)


def main():
    serve()
    guarded = sys.argv[1] == "guarded"
    found = {}
    for kind, attacks in ATTACKS.items():
        for name, (function, _) in attacks.items():
            try:
                found[f"{kind}: {name}"] = attempt(kind, function, guarded)
            except Exception as error:
                found[f"{kind}: {name}"] = repr(error)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
