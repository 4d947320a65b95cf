"""What may write, read, connect, listen or start a program, by every way there is.

Run as a script it performs the operations of one capability, with rules that forbid
them or allow them, and prints for each what became of it. An operation works on what
is protected: the folder of `here`, the port of a server of this process, and a program
that leaves a mark. What raises no event names the line of catalogue.BLIND that says so.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

OPERATIONS: dict[str, list[tuple]] = {}
NEW = sys.version_info


def operation(capability, blind=None, when=True):
    """Add an operation. *blind* begins the line of BLIND that says that none sees it.

    *when* is whether this system has it.
    """

    def add(function):
        if when:
            entry = function.__name__, function, blind
            OPERATIONS.setdefault(capability, []).append(entry)
        return function

    return add


def has(module, name=None):
    try:
        found = __import__(module, fromlist=["x"])
    except ImportError:
        return False
    return name is None or hasattr(found, name)


XATTR = False
if hasattr(os, "setxattr"):
    with suppress(OSError):
        os.setxattr(os.path.dirname(__file__), "user.audithooks", b"1")
        os.removexattr(os.path.dirname(__file__), "user.audithooks")
        XATTR = True

# What changes files ------------------------------------------------------------------


@operation("write")
def open_w(here):
    open(here.new, "w").close()


@operation("write")
def open_a(here):
    with open(here.old, "a") as file:
        file.write("x")


@operation("write")
def open_x(here):
    open(here.new, "x").close()


@operation("write")
def open_r_plus(here):
    with open(here.old, "r+") as file:
        file.write("x")


@operation("write")
def open_bytes(here):
    open(os.fsencode(here.new), "wb").close()


@operation("write")
def open_through_a_link(here):
    os.symlink(here.old, here.other / "link")
    open(here.other / "link", "w").close()


@operation("write")
def open_through_a_folder_that_is_a_link(here):
    os.symlink(here.folder, here.other / "link")
    open(here.other / "link" / "new", "w").close()


@operation("write")
def open_by_dots(here):
    dots = here.other / ".." / ".." / "folder" / here.folder.name
    open(dots / "new", "w").close()


@operation("write")
def open_after_chdir(here):
    os.chdir(here.folder)
    open("new", "w").close()


@operation("write")
def open_proc_cwd(here):
    os.chdir(here.folder)
    open("/proc/self/cwd/new", "w").close()


@operation("write")
def io_FileIO(here):
    import io

    io.FileIO(here.new, "w").close()


@operation("write")
def codecs_open(here):
    import codecs
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        codecs.open(str(here.new), "w").close()


@operation("write")
def os_open(here):
    os.close(os.open(here.new, os.O_WRONLY | os.O_CREAT))


@operation("write")
def os_open_truncates(here):
    os.close(os.open(here.old, os.O_RDONLY | os.O_TRUNC))


@operation("write", when=hasattr(os, "O_TMPFILE"))
def os_open_without_a_name(here):
    os.close(os.open(here.folder, os.O_TMPFILE | os.O_RDWR))
    here.old.touch()  # as nothing else would show


@operation("write", blind="os.open() with dir_fd", when=os.open in os.supports_dir_fd)
def os_open_dir_fd(here):
    os.close(os.open("new", os.O_WRONLY | os.O_CREAT, dir_fd=here.fd))


@operation("write")
def opener(here):
    def opened(path, flags):
        return os.open(path, flags)

    open(here.new, "w", opener=opened).close()


@operation("write")
def descriptor_reopened(here):
    fd = os.open(here.old, os.O_RDONLY)
    with open(f"/proc/self/fd/{fd}", "w") as file:
        file.write("x")


@operation("write")
def os_mkdir(here):
    os.mkdir(here.new)


@operation("write")
def os_mkdir_dir_fd(here):
    os.mkdir("new", dir_fd=here.fd)


@operation("write")
def os_makedirs(here):
    os.makedirs(here.new / "a")


@operation("write")
def os_rmdir(here):
    os.rmdir(here.sub)


@operation("write")
def os_removedirs(here):
    os.removedirs(here.sub)


@operation("write")
def os_remove(here):
    os.remove(here.old)


@operation("write")
def os_unlink_dir_fd(here):
    os.unlink("old", dir_fd=here.fd)


@operation("write")
def os_rename_from(here):
    os.rename(here.old, here.other / "moved")


@operation("write")
def os_rename_to(here):
    os.rename(here.file, here.new)


@operation("write")
def os_replace(here):
    os.replace(here.file, here.old)


@operation("write")
def os_renames(here):
    os.renames(here.file, here.new / "deep" / "file")


@operation("write")
def os_rename_dir_fd(here):
    os.rename(here.file, "new", dst_dir_fd=here.fd)


@operation("write")
def os_link(here):
    os.link(here.file, here.new)


@operation("write")
def os_link_of_it(here):
    os.link(here.old, here.other / "hard")
    (here.other / "hard").write_text("x")


@operation("write")
def os_link_of_what_a_link_leads_to(here):
    os.symlink(here.old, here.other / "link")
    other = os.open(here.other, os.O_RDONLY)
    os.link("link", "hard", src_dir_fd=other, dst_dir_fd=other)
    (here.other / "hard").write_text("x")


@operation("write")
def os_symlink(here):
    os.symlink(here.file, here.new)


@operation("write")
def os_truncate(here):
    os.truncate(here.old, 1)


@operation("write")
def os_chmod(here):
    os.chmod(here.old, 0o600)


@operation("write")
def os_chown(here):
    os.chown(here.old, os.getuid(), os.getgid())
    here.old.touch()  # as nothing else would show


@operation("write")
def os_utime(here):
    os.utime(here.old, (1, 1))


@operation("write", when=XATTR)
def os_setxattr(here):
    os.setxattr(here.old, "user.audithooks", b"1")
    here.old.touch()


@operation("write", when=XATTR)
def os_removexattr(here):
    with suppress(PermissionError):
        os.setxattr(here.old, "user.audithooks", b"1")
    with suppress(OSError):
        os.removexattr(here.old, "user.audithooks")
    here.old.touch()


@operation("write", blind="os.mkfifo()")
def os_mkfifo(here):
    os.mkfifo(here.new)


@operation("write", blind="os.mkfifo()")
def os_mknod(here):
    os.mknod(here.new)


@operation("write")
def pathlib_write_text(here):
    here.new.write_text("x")


@operation("write")
def pathlib_touch(here):
    here.new.touch()


@operation("write")
def pathlib_mkdir(here):
    here.new.mkdir()


@operation("write")
def pathlib_unlink(here):
    here.old.unlink()


@operation("write")
def pathlib_rename(here):
    here.old.rename(here.other / "moved")


@operation("write")
def pathlib_chmod(here):
    here.old.chmod(0o600)


@operation("write")
def pathlib_symlink_to(here):
    here.new.symlink_to(here.file)


@operation("write")
def shutil_copy(here):
    import shutil

    shutil.copy(here.file, here.new)


@operation("write")
def shutil_copyfile(here):
    import shutil

    shutil.copyfile(here.file, here.new)


@operation("write")
def shutil_copystat(here):
    import shutil

    os.utime(here.file, (1, 1))
    shutil.copystat(here.file, here.old)


@operation("write")
def shutil_copytree(here):
    import shutil

    shutil.copytree(here.other, here.new)


@operation("write")
def shutil_move(here):
    import shutil

    shutil.move(str(here.old), str(here.other / "moved"))


@operation("write")
def shutil_rmtree(here):
    import shutil

    shutil.rmtree(here.sub)


@operation("write")
def shutil_rmtree_ignore_errors(here):
    import shutil

    shutil.rmtree(here.sub, ignore_errors=True)


@operation("write")
def shutil_make_archive(here):
    import shutil

    shutil.make_archive(str(here.new), "zip", here.other)


@operation("write")
def shutil_unpack_archive(here):
    import shutil

    made = shutil.make_archive(str(here.other.parent / "made"), "zip", here.other)
    shutil.unpack_archive(made, here.new)


@operation("write")
def tempfile_NamedTemporaryFile(here):
    import tempfile

    tempfile.NamedTemporaryFile(dir=here.folder, delete=False).close()


@operation("write")
def tempfile_TemporaryFile(here):
    import tempfile

    with tempfile.TemporaryFile(dir=here.folder):
        here.old.touch()  # as nothing else would show


@operation("write")
def tempfile_mkdtemp(here):
    import tempfile

    tempfile.mkdtemp(dir=here.folder)


@operation("write")
def tempfile_SpooledTemporaryFile(here):
    import tempfile

    with tempfile.SpooledTemporaryFile(max_size=1, dir=here.folder) as file:
        file.write(b"long")
        here.old.touch()


@operation("write", when=has("sqlite3"))
def sqlite3_connect(here):
    import sqlite3

    sqlite3.connect(here.new).execute("CREATE TABLE a (b)").connection.close()


@operation("write", when=has("sqlite3"))
def sqlite3_connect_uri(here):
    import sqlite3

    uri = here.folder.as_uri() + "/n%65w?mode=rwc"
    sqlite3.connect(uri, uri=True).execute("CREATE TABLE a (b)").connection.close()


@operation("write", blind="SQL of sqlite3", when=has("sqlite3"))
def sqlite3_attach(here):
    import sqlite3

    database = sqlite3.connect(":memory:")
    database.execute("ATTACH ? AS other", (str(here.new),))
    database.execute("CREATE TABLE other.a (b)")
    database.close()


@operation("write")
def dbm_dumb(here):
    import dbm.dumb

    dbm.dumb.open(str(here.new), "c").close()


@operation("write", blind="dbm.gnu and dbm.ndbm", when=has("_gdbm"))
def dbm_gnu(here):
    import dbm.gnu

    dbm.gnu.open(str(here.new), "c").close()


@operation("write", blind="dbm.gnu and dbm.ndbm", when=has("_dbm"))
def dbm_ndbm(here):
    import dbm.ndbm

    dbm.ndbm.open(str(here.new), "c").close()


@operation("write")
def shelve_open(here):
    import dbm
    import shelve

    dbm._defaultmod = __import__("dbm.dumb", fromlist=["x"])
    shelve.open(str(here.new)).close()


@operation("write")
def zipfile_extract(here):
    import zipfile

    with zipfile.ZipFile(here.other / "zip", "w") as archive:
        archive.writestr("name", "x")
    with zipfile.ZipFile(here.other / "zip") as archive:
        archive.extractall(here.folder)


@operation("write")
def zipfile_ZipFile(here):
    import zipfile

    zipfile.ZipFile(here.new, "w").close()


@operation("write")
def tarfile_extract(here):
    import tarfile
    import warnings

    with tarfile.open(here.other / "tar", "w") as archive:
        archive.add(here.file, "name")
    with tarfile.open(here.other / "tar") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.extractall(here.folder)


@operation("write")
def tarfile_open(here):
    import tarfile

    tarfile.open(here.new, "w").close()


@operation("write")
def gzip_open(here):
    import gzip

    gzip.open(here.new, "w").close()


@operation("write", when=has("bz2"))
def bz2_open(here):
    import bz2

    bz2.open(here.new, "w").close()


@operation("write", when=has("lzma"))
def lzma_open(here):
    import lzma

    lzma.open(here.new, "w").close()


@operation("write")
def mmap_of_a_file(here):
    import mmap

    with open(here.old, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[0] = 65


@operation("write")
def logging_FileHandler(here):
    import logging

    logging.FileHandler(here.new).close()


@operation("write")
def fileinput_inplace(here):
    import fileinput

    with fileinput.input([str(here.old)], inplace=True) as lines:
        for line in lines:
            print(line)


@operation("write")
def py_compile_compile(here):
    import py_compile

    py_compile.compile(str(here.file), str(here.new))


@operation("write")
def mailbox_mbox(here):
    import mailbox

    mailbox.mbox(here.new).close()


@operation("write", when=has("ssl"))
def ssl_keylog(here):
    import ssl

    ssl.create_default_context().keylog_filename = str(here.new)


@operation("write")
def subprocess_stdout(here):
    import subprocess

    with open(here.new, "w") as file:
        subprocess.run([sys.executable, "-c", ""], stdout=file)


# What reads files --------------------------------------------------------------------


@operation("read")
def read_open(here):
    return open(here.old).read()


@operation("read")
def read_os_open(here):
    return os.close(os.open(here.old, os.O_RDONLY))


@operation("read")
def read_open_code(here):
    import io

    io.open_code(str(here.old)).close()


@operation("read")
def read_link(here):
    os.symlink(here.old, here.other / "link")
    (here.other / "link").read_text()


@operation("read")
def read_pathlib(here):
    here.old.read_bytes()


@operation("read")
def read_iterdir(here):
    list(here.folder.iterdir())


@operation("read")
def read_glob(here):
    import glob

    glob.glob(f"{here.folder}/*")


@operation("read")
def read_rglob(here):
    list(here.folder.rglob("*"))


@operation("read")
def read_listdir(here):
    os.listdir(here.folder)


@operation("read")
def read_listdir_here(here):
    os.chdir(here.folder)
    os.listdir()


@operation("read")
def read_scandir(here):
    os.scandir(here.folder).close()


@operation("read")
def read_walk(here):
    list(os.walk(here.folder))


@operation("read")
def read_fwalk(here):
    list(os.fwalk(here.folder))


@operation("read")
def read_copy(here):
    import shutil

    shutil.copy(here.old, here.other / "copy")


@operation("read")
def read_linecache(here):
    import linecache

    linecache.getlines(str(here.old))


@operation("read")
def read_runpy(here):
    import runpy

    runpy.run_path(str(here.old))


@operation("read")
def read_import(here):
    sys.path.insert(0, str(here.folder))
    try:
        import module_of_here  # noqa: F401
    finally:
        sys.path.remove(str(here.folder))


@operation("read", when=has("sqlite3"))
def read_sqlite3(here):
    import sqlite3

    sqlite3.connect(f"file:{here.old}?mode=ro", uri=True).close()


@operation("read", when=XATTR)
def read_getxattr(here):
    with suppress(OSError):
        os.getxattr(here.old, "user.audithooks")


@operation("read", when=XATTR)
def read_listxattr(here):
    os.listxattr(here.old)


@operation("read", blind="os.open() with dir_fd")
def read_dir_fd(here):
    os.close(os.open("old", os.O_RDONLY, dir_fd=here.fd))


@operation("read", blind="os.open() of a folder with O_DIRECTORY")
def read_folder_by_descriptor(here):
    os.listdir(os.open(here.folder, os.O_RDONLY | os.O_DIRECTORY))


@operation("read", blind="os.stat()")
def read_stat(here):
    os.stat(here.old)


@operation("read", blind="os.stat()")
def read_readlink(here):
    os.readlink(here.link)


@operation("read", blind="ssl", when=has("ssl"))
def read_ssl(here):
    import ssl

    with suppress(ssl.SSLError):
        ssl.create_default_context().load_verify_locations(here.old)


# What reaches another host -----------------------------------------------------------


@operation("connect")
def socket_connect(here):
    here.socket().connect(("127.0.0.1", here.port))


@operation("connect")
def socket_connect_ex(here):
    here.socket().connect_ex(("127.0.0.1", here.port))


@operation("connect")
def socket_connect_name(here):
    here.socket().connect(("localhost", here.port))


@operation("connect")
def socket_connect_zero(here):
    here.socket().connect(("0", here.port))


@operation("connect")
def socket_connect_empty(here):
    here.socket().connect(("", here.port))


@operation("connect")
def socket_connect_number(here):
    here.socket().connect(("0x7f.1", here.port))


@operation("connect")
def socket_connect_wide(here):
    here.socket().connect(("\uff11\uff12\uff17.0.0.1", here.port))


@operation("connect")
def socket_create_connection(here):
    socket.create_connection(("localhost", here.port), 5).close()


@operation("connect")
def socket_sendto(here):
    here.socket(socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", here.port))


@operation("connect")
def socket_sendmsg(here):
    here.socket(socket.SOCK_DGRAM).sendmsg([b"x"], [], 0, ("127.0.0.1", here.port))


@operation("connect")
def socket_getaddrinfo(here):
    socket.getaddrinfo("localhost", here.port)


@operation("connect")
def socket_gethostbyname(here):
    socket.gethostbyname("localhost")


@operation("connect")
def socket_gethostbyname_ex(here):
    socket.gethostbyname_ex("LOCALHOST.")


@operation("connect")
def socket_gethostbyaddr(here):
    socket.gethostbyaddr("127.0.0.1")


@operation("connect")
def socket_getfqdn(here):
    socket.getfqdn("localhost")


@operation("connect")
def socket_getnameinfo(here):
    socket.getnameinfo(("127.0.0.1", 80), 0)


@operation("connect")
def asyncio_open_connection(here):
    import asyncio

    async def main():
        _, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.close()

    asyncio.run(main())


@operation("connect")
def asyncio_datagrams(here):
    import asyncio

    async def main():
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=("127.0.0.1", here.port)
        )
        transport.close()

    asyncio.run(main())


@operation("connect")
def http_client(here):
    import http.client

    http.client.HTTPConnection("localhost", here.port, timeout=5).request("GET", "/")


@operation("connect")
def urllib_request(here):
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(f"http://localhost:{here.port}", timeout=5)


@operation("connect")
def smtplib_SMTP(here):
    import smtplib

    smtplib.SMTP("localhost", here.port, "here", timeout=5)


@operation("connect")
def ftplib_FTP(here):
    import ftplib

    ftplib.FTP().connect("localhost", here.port, 5)


@operation("connect")
def poplib_POP3(here):
    import poplib

    poplib.POP3("localhost", here.port, 5)


@operation("connect")
def imaplib_IMAP4(here):
    import imaplib

    imaplib.IMAP4("localhost", here.port)


@operation("connect")
def xmlrpc_client(here):
    import xmlrpc.client

    xmlrpc.client.ServerProxy(f"http://localhost:{here.port}").a()


@operation("connect")
def logging_SocketHandler(here):
    import logging.handlers

    logging.handlers.SocketHandler("localhost", here.port).createSocket()


@operation("connect")
def logging_SysLogHandler(here):
    import logging.handlers

    handler = logging.handlers.SysLogHandler(("localhost", here.port))
    handler.emit(logging.makeLogRecord({"msg": "x"}))
    handler.close()


@operation("connect")
def multiprocessing_Client(here):
    from multiprocessing.connection import Client

    Client(("localhost", here.port)).close()


@operation("connect", blind="socket.send()")
def socket_send_of_a_connection(here):
    here.server.connected.send(b"x")


# What others can reach ---------------------------------------------------------------


@operation("listen")
def socket_bind(here):
    here.socket().bind(("127.0.0.1", 0))


@operation("listen")
def socket_bind_datagrams(here):
    here.socket(socket.SOCK_DGRAM).bind(("127.0.0.1", 0))


@operation("listen")
def socket_create_server(here):
    socket.create_server(("127.0.0.1", 0)).close()


@operation("listen")
def asyncio_start_server(here):
    import asyncio

    async def main():
        server = await asyncio.start_server(print, "127.0.0.1", 0)
        server.close()

    asyncio.run(main())


@operation("listen")
def socketserver_TCPServer(here):
    import socketserver

    socketserver.TCPServer(("127.0.0.1", 0), None).server_close()


@operation("listen")
def http_server(here):
    import http.server

    http.server.HTTPServer(("127.0.0.1", 0), None).server_close()


@operation("listen")
def multiprocessing_Listener(here):
    from multiprocessing.connection import Listener

    Listener(("127.0.0.1", 0)).close()


@operation("listen", blind="socket.send()")
def socket_listen_without_bind(here):
    here.socket().listen()


# What starts a program ---------------------------------------------------------------


@operation("spawn")
def subprocess_run(here):
    import subprocess

    subprocess.run([here.program, here.mark])


@operation("spawn")
def subprocess_Popen_bytes(here):
    import subprocess

    command = [os.fsencode(here.program), os.fsencode(here.mark)]
    subprocess.Popen(command).wait()


@operation("spawn")
def subprocess_executable(here):
    import subprocess

    subprocess.run(["other", here.mark], executable=here.program)


@operation("spawn")
def subprocess_path(here):
    import subprocess

    subprocess.run([Path(here.program), here.mark])


@operation("spawn")
def subprocess_along_path(here):
    import subprocess

    folder, name = os.path.split(here.program)
    subprocess.run([name, here.mark], env={"PATH": f"/nowhere:{folder}"})


@operation("spawn")
def subprocess_cwd(here):
    import subprocess

    folder, name = os.path.split(here.program)
    subprocess.run([f"./{name}", here.mark], cwd=folder)


@operation("spawn")
def subprocess_link(here):
    import subprocess

    os.symlink(here.program, here.other / "tool")
    subprocess.run([here.other / "tool", here.mark])


@operation("spawn")
def subprocess_without_close_fds(here):
    import subprocess

    subprocess.run([here.program, here.mark], close_fds=False)


@operation("spawn")
def subprocess_check_output(here):
    import subprocess

    subprocess.check_output([here.program, here.mark])


@operation("spawn")
def asyncio_create_subprocess_exec(here):
    import asyncio

    async def main():
        process = await asyncio.create_subprocess_exec(here.program, here.mark)
        await process.wait()

    asyncio.run(main())


@operation("spawn")
def os_posix_spawn(here):
    pid = os.posix_spawn(here.program, [here.program, here.mark], os.environ)
    os.waitpid(pid, 0)


@operation("spawn")
def os_posix_spawn_relative(here):
    folder, name = os.path.split(here.program)
    os.chdir(folder)
    os.waitpid(os.posix_spawn(name, [name, here.mark], os.environ), 0)


@operation("spawn", when=hasattr(os, "posix_spawnp"))
def os_posix_spawnp_along_path(here):
    folder, name = os.path.split(here.program)
    os.environ["PATH"] += f":{folder}"
    os.waitpid(os.posix_spawnp(name, [name, here.mark], os.environ), 0)


def forked(function):
    """Call *function* in a child, and wait for it."""
    pid = os.fork()
    if pid == 0:
        try:
            function()
        finally:
            os._exit(1)
    os.waitpid(pid, 0)


@operation("spawn")
def os_execv(here):
    forked(lambda: os.execv(here.program, [here.program, here.mark]))


@operation("spawn")
def os_execve(here):
    forked(lambda: os.execve(here.program, [here.program, here.mark], os.environ))


@operation("spawn")
def os_execl(here):
    forked(lambda: os.execl(here.program, here.program, here.mark))


@operation("spawn")
def os_execvp_along_path(here):
    folder, name = os.path.split(here.program)
    os.environ["PATH"] = f"/nowhere:{folder}:{os.environ['PATH']}"
    forked(lambda: os.execvp(name, [name, here.mark]))


@operation("spawn")
def os_execv_relative(here):
    folder, name = os.path.split(here.program)
    os.chdir(folder)
    forked(lambda: os.execv(name, [name, here.mark]))


@operation("spawn")
def os_spawnv(here):
    os.spawnv(os.P_WAIT, here.program, [here.program, here.mark])


@operation("spawn")
def os_spawnlp(here):
    os.spawnlp(os.P_WAIT, here.program, here.program, here.mark)


@operation("spawn", when=has("pty"))
def pty_spawn(here):
    import pty

    pty.spawn([here.program, here.mark], lambda fd: os.read(fd, 100))


@operation("spawn", when=has("pty"))
def pty_fork(here):
    import pty

    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.execv(here.program, [here.program, here.mark])
        finally:
            os._exit(1)
    with suppress(OSError):
        while os.read(fd, 100):
            pass
    os.waitpid(pid, 0)


@operation("spawn")
def webbrowser_open(here):
    import webbrowser

    webbrowser.GenericBrowser([here.program, "%s"]).open(here.mark)


@operation("shell")
def os_system(here):
    os.system(f"{here.program} {here.mark}")


@operation("shell")
def os_popen(here):
    os.popen(f"{here.program} {here.mark}").read()


@operation("shell")
def subprocess_shell(here):
    import subprocess

    subprocess.run(f"{here.program} {here.mark}", shell=True)


@operation("shell")
def subprocess_getoutput(here):
    import subprocess

    subprocess.getoutput(f"{here.program} {here.mark}")


@operation("shell")
def asyncio_create_subprocess_shell(here):
    import asyncio

    async def main():
        command = f"{here.program} {here.mark}"
        await (await asyncio.create_subprocess_shell(command)).wait()

    asyncio.run(main())


def marks(mark):
    open(mark, "w").close()


@operation("python", blind=None if NEW >= (3, 14) else "multiprocessing, start")
def multiprocessing_spawn(here):
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    process = context.Process(target=marks, args=(here.mark,))
    process.start()
    process.join()


@operation("python")
def subprocess_of_python(here):
    import subprocess

    subprocess.run([sys.executable, "-Sc", f"open({here.mark!r}, 'w')"])


# The script --------------------------------------------------------------------------


def serve():
    """Return a server in a thread, which closes every connection at once."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(50)

    def accept():
        connected = []
        while True:
            connection, _ = server.accept()
            if connected:
                connection.close()
            connected.append(connection)

    threading.Thread(target=accept, daemon=True).start()
    address = server.getsockname()
    return SimpleNamespace(
        port=address[1], connected=socket.create_connection(address), socket=server
    )


def prepared(root, number):
    """Return what an operation works on, new for each."""
    folder = root / "folder" / str(number)
    other = root / "other" / str(number)
    sub = folder / "sub"
    for made in (sub, other):
        made.mkdir(parents=True)
    (folder / "old").write_text("#old\n")
    (folder / "module_of_here.py").write_text("")
    os.symlink("old", folder / "link")
    (other / "file").write_text("#file\n")
    sockets = []

    def new_socket(kind=socket.SOCK_STREAM):
        sockets.append(socket.socket(socket.AF_INET, kind))
        sockets[-1].settimeout(5)
        return sockets[-1]

    return SimpleNamespace(
        folder=folder,
        other=other,
        sub=sub,
        new=folder / "new",
        old=folder / "old",
        link=folder / "link",
        file=other / "file",
        fd=os.open(folder, os.O_RDONLY),
        program=str(root / "program"),
        mark=str(root / "marks" / str(number)),
        socket=new_socket,
        sockets=sockets,
    )


def state(path):
    """Return what can be seen of a folder and of all that is below it."""
    found = []
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            status = os.lstat(os.path.join(folder, name))
            inode = status.st_ino, status.st_mode, status.st_size, status.st_nlink
            times = status.st_mtime_ns, status.st_ctime_ns
            found.append((os.path.join(folder, name), *inode, *times))
    return sorted(found)


def main(root, subscribe, rules):
    """Perform the operations and print what becomes of each.

    *rules* has a rule for each capability, behind "deny" or "allow": then nothing else
    of its kind is allowed.
    """
    root = Path(root)
    for name in ("folder", "other", "marks"):
        (root / name).mkdir()
    (root / "program").write_text("#!/bin/sh\n: > $1\n")
    (root / "program").chmod(0o755)
    server = serve()
    number = 0
    with open(root / "denials", "ab", 0) as denials:
        for capability, rule in rules.items():
            kind, text = rule.format(root=root, port=server.port).split(" ", 1)
            switch = subscribed(subscribe, kind, text, denials.fileno())
            for name, function, _ in OPERATIONS[capability]:
                number += 1
                here = prepared(root, number)
                here.port, here.server = server.port, server
                found = performed(function, here, denials.fileno(), switch)
                print(capability, name, *found, sep="\t", flush=True)
            switch.subscription.close()


def subscribed(subscribe, kind, text, denials):
    """Add the hook of a rule. What it refuses is noted in a file, as a child may do."""
    from audithooks.rules import Rules, Subject

    def deny(event, args):
        if switch.on:
            os.write(denials, b".")
            raise PermissionError(event)

    allowed = Rules("allow", [text], strict=True)

    def deny_others(event, args):
        subject = Subject(event, args)
        if switch.on and allowed.speak(subject) and not allowed.find(subject):
            deny(event, args)

    switch = SimpleNamespace(on=False)
    if kind == "deny":
        switch.subscription = subscribe(deny, text)
    else:
        switch.subscription = subscribe(deny_others, *allowed.names)
    return switch


def performed(function, here, denials, switch):
    """Return whether it was denied, whether it changed anything, and its error."""
    before, denied = state(here.folder), os.fstat(denials).st_size
    sys.modules.pop("module_of_here", None)
    environ = dict(os.environ)
    os.chdir(here.other)
    switch.on, error = True, ""
    try:
        function(here)
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}".replace("\n", " ")
    finally:
        switch.on = False
    for made in here.sockets:
        made.close()
    os.environ.clear()
    os.environ.update(environ)
    os.close(here.fd)
    denied = os.fstat(denials).st_size > denied
    return denied, os.path.exists(here.mark) or state(here.folder) != before, error
