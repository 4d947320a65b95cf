"""Numbers as constants, short paths of source files, and what is mine."""

import mmap
import os
import signal
import socket
import sys

import pytest

from audithooks.catalogue.readable import readable
from audithooks.records.origin import Mine
from audithooks.records.text import arguments_text, short_path

fcntl = pytest.importorskip("fcntl", reason="Windows has other constants")
resource = pytest.importorskip("resource", reason="so it has")

HAS_FLAGS = sys.implementation.name != "pypy"


@pytest.mark.skipif(not HAS_FLAGS, reason="the flags of PyPy have no meaning")
@pytest.mark.parametrize(
    "names",
    [
        "O_RDONLY",
        "O_WRONLY",
        "O_RDONLY|O_CLOEXEC",
        "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC",
        "O_RDWR|O_CREAT|O_EXCL|O_NOFOLLOW",
        "O_RDWR|O_APPEND|O_NONBLOCK",
        "O_RDONLY|O_DIRECTORY",
        "O_RDWR|O_SYNC",
    ],
)
def test_flags_of_open(names):
    value = 0
    for name in names.split("|"):
        value |= getattr(os, name)
    shown = readable("open", "flags", value)
    assert shown.split("|")[0] == names.split("|")[0]
    assert sorted(shown.split("|")) == sorted(names.split("|"))


@pytest.mark.skipif(not HAS_FLAGS, reason="the flags of PyPy have no meaning")
def test_a_bit_without_a_name_is_a_number():
    assert readable("open", "flags", 1 << 30 | os.O_WRONLY) == "O_WRONLY|0x40000000"
    assert readable("open", "flags", -1) is None


@pytest.mark.parametrize(
    ("event", "name", "value", "shown"),
    [
        ("os.mkdir", "mode", 0o777, "0o777"),
        ("os.mkdir", "mode", 0, "0o000"),
        ("os.chmod", "mode", 0o4755, "0o4755"),
        ("os.spawn", "mode", 1, None),
        ("open", "mode", "r", None),
        ("os.mkdir", "dir_fd", -1, ""),
        ("os.rename", "dst_dir_fd", -1, ""),
        ("os.mkdir", "dir_fd", 3, None),
        ("os.kill", "sig", signal.SIGTERM.value, "SIGTERM"),
        ("os.kill", "sig", signal.SIGCHLD.value, "SIGCHLD"),
        ("os.kill", "sig", 0, None),
        ("os.kill", "pid", 15, None),
        ("signal.pthread_kill", "signalnum", signal.SIGINT.value, "SIGINT"),
        ("socket.__new__", "family", int(socket.AF_INET), "AF_INET"),
        ("socket.__new__", "family", int(socket.AF_UNIX), "AF_UNIX"),
        ("socket.__new__", "type", int(socket.SOCK_STREAM), "SOCK_STREAM"),
        ("socket.__new__", "protocol", 0, None),
        ("socket.getaddrinfo", "type", 0, None),
        ("fcntl.flock", "operation", fcntl.LOCK_EX | fcntl.LOCK_NB, "LOCK_EX|LOCK_NB"),
        ("fcntl.fcntl", "cmd", fcntl.F_GETFD, "F_GETFD"),
        ("mmap.__new__", "access", mmap.ACCESS_READ, "ACCESS_READ"),
        ("resource.setrlimit", "resource", resource.RLIMIT_CORE, "RLIMIT_CORE"),
        ("shop.open", "flags", 1, None),
        ("os.mkdir", "mode", True, None),
    ],
)
def test_what_a_number_means(event, name, value, shown):
    assert readable(event, name, value) == shown


def test_text_of_an_import_has_no_lists_of_where_imports_look():
    args = {"module": "a", "filename": None, "sys.path": ["b"], "sys.meta_path": []}
    assert arguments_text("import", args, []) == "module='a', filename=None, ..."
    assert arguments_text("own.import", args, []).count("'b'") == 1


def test_text_has_constants_and_leaves_out_what_says_nothing():
    args = {"path": "x", "mode": 0o755, "dir_fd": -1}
    assert arguments_text("os.mkdir", args, []) == "path='x', mode=0o755"
    args["dir_fd"] = 4
    assert arguments_text("os.mkdir", args, []) == "path='x', mode=0o755, dir_fd=4"


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("/users/me/shop/main.py", "main.py"),
        ("/users/me/shop/sub/x.py", "sub/x.py"),
        ("/users/me/shopping/x.py", "~/shopping/x.py"),
        ("/users/men/x.py", "/users/men/x.py"),
        (
            "/users/me/shop/.venv/lib/python3/site-packages/a/b.py",
            "site-packages/a/b.py",
        ),
        ("/usr/lib/python3/dist-packages/a.py", "dist-packages/a.py"),
        ("/usr/lib/python3/os.py", "/usr/lib/python3/os.py"),
        ("<string>", "<string>"),
    ],
)
def test_a_short_path(file, shown):
    assert short_path(file, "/users/me/shop/", "/users/me/") == shown


@pytest.mark.parametrize(
    ("file", "is_mine"),
    [
        ("/users/me/shop/main.py", True),
        ("/users/me/shop/sub/x.py", True),
        ("main.py", True),
        ("/users/me/shopping/x.py", False),
        ("/users/me/shop/.venv/lib/python3/site-packages/a.py", False),
        (os.__file__, False),
        ("<frozen os>", False),
    ],
)
def test_a_file_is_mine(file, is_mine):
    assert Mine("/users/me/shop/").has(file, "shop") is is_mine


def test_the_library_is_not_mine_though_it_is_below():
    assert not Mine("/").has(os.__file__, "os")
