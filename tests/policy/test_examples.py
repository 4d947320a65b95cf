"""What people wish for, a rule each, and real operations that it allows or refuses.

One more, of tests that pytest runs, is in tests/pytest_plugin.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pytest
from features import CPYTHON_EVENTS, PROCESSES, needs

pytestmark = [
    needs(CPYTHON_EVENTS, "the events of this interpreter differ"),
    needs(PROCESSES, "this system has no processes"),
]


@pytest.fixture
def refused(policies):
    """Return which of some operations a policy refuses, by their places."""

    def run(operations, **rules):
        found = []
        with policies.Policy.from_rules(**rules).enforce("process"):
            for place, operation in enumerate(operations):
                try:
                    operation()
                except PermissionError as error:
                    if "audithooks: may not" not in str(error):
                        raise
                    found.append(place)
        return found

    return run


def write(path):
    return lambda: open(path, "w").close()


def read(path):
    return lambda: open(path).close()


def connect(host, port=9, family=socket.AF_INET):
    """Return what connects, or is refused by the other side or by no route."""

    def operation():
        with socket.socket(family) as client:
            client.settimeout(0.2)
            try:
                client.connect((host, port))
            except PermissionError:
                raise
            except OSError:
                pass

    return operation


def look_up(host, port=80):
    def operation():
        try:
            socket.getaddrinfo(host, port)
        except socket.gaierror:
            pass

    return operation


def start(*words, **options):
    return lambda: subprocess.run(words, capture_output=True, **options)


def unix():
    for one in socket.socketpair():
        one.close()


def test_1_a_name_without_a_slash_is_in_any_folder(refused, tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.toml", "sub/b.toml", "toml.txt"):
        (tmp_path / name).touch()
    operations = [read("a.toml"), read("sub/b.toml"), read("toml.txt")]
    assert refused(operations, deny="open(path=*.toml)") == [0, 1]


def test_2_a_path_covers_what_is_below(refused, tmp_path):
    (tmp_path / "build/deep").mkdir(parents=True)
    (tmp_path / "build/deep/f").touch()
    operations = [write("build/x"), write("build/deep/x"), read("build/deep/f")]
    operations.append(write("builder"))
    assert refused(operations, deny="open(write, path=./build)") == [0, 1]


def test_3_a_star_stays_in_a_folder(refused, tmp_path):
    (tmp_path / "build/deep").mkdir(parents=True)
    operations = [write("build/x"), write("build/deep/x")]
    assert refused(operations, deny="open(path=./build/*)") == [0]


def test_4_a_name_anywhere_and_a_folder_of_home(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / "sub").mkdir()
    for name in (".env", "sub/.env", ".ssh/id", "env"):
        (tmp_path / name).touch()
    operations = [read(".env"), read("sub/.env"), read(".ssh/id"), read("env")]
    assert refused(operations, deny="open(path=**/.env|~/.ssh)") == [0, 1, 2]


def test_5_a_quoted_path_is_exactly_that(refused, tmp_path):
    (tmp_path / "build").mkdir()
    operations = [
        lambda: os.close(os.open("build", os.O_RDONLY)),
        write("build/x"),
        write("xbuild"),
    ]
    assert refused(operations, deny="open(path='build')") == [0]


def test_6_to_write_in_some_folders_only(refused, tmp_path, monkeypatch):
    """Reading and the network stay free."""
    other = tmp_path.parent / f"{tmp_path.name}-tmp"
    other.mkdir()
    monkeypatch.setenv("TMPDIR", str(other))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "build").mkdir()
    operations = [
        write("build/x"),
        lambda: tempfile.NamedTemporaryFile().close(),
        read(__file__),
        connect("127.0.0.1"),
        write("x"),
        lambda: os.mkdir("y"),
        lambda: shutil.copy("build/x", "x"),
        lambda: shutil.move("build/x", "x"),
        lambda: Path("build/../z").write_text("z"),
    ]
    allowed = refused(operations, allow="@write(path=./build|{tmp})")
    assert allowed == [4, 5, 6, 7, 8]


def test_7_one_end_outside_suffices(refused, tmp_path):
    (tmp_path / "build").mkdir()
    for name in ("build/a", "build/b", "c"):
        (tmp_path / name).touch()
    operations = [
        lambda: os.rename("build/a", "build/d"),
        lambda: os.rename("build/b", "e"),
        lambda: os.rename("c", "build/c"),
        lambda: os.link("build/b", "f"),
    ]
    assert refused(operations, deny="@write(path!=./build)") == [1, 2, 3]


def test_8_an_exception(refused, tmp_path):
    (tmp_path / ".git").mkdir()
    operations = [write("x"), write(".git/x"), write("../x")]
    rules = {"allow": "@write(path=.)", "deny": "@write(path=.git)"}
    assert refused(operations, **rules) == [1, 2]


def test_9_no_network_but_localhost(refused):
    operations = [
        connect("127.0.0.1"),
        connect("127.1"),
        connect("localhost"),
        look_up("localhost"),
        unix,
        lambda: asyncio.run(asyncio.sleep(0)),
        connect("192.0.2.1"),
        look_up("example.invalid"),
    ]
    assert refused(operations, allow="@connect(host=localhost)") == [6, 7]


def test_10_subdomains_and_a_port(refused):
    """A look-up is for any port."""
    operations = [
        look_up("a.example.invalid"),
        look_up("b.a.example.invalid", 80),
        look_up("example.invalid"),
        look_up("badexample.invalid"),
    ]
    rule = "@connect(host=*.example.invalid, port=443)"
    assert refused(operations, allow=rule) == [2, 3]


def test_11_networks(refused):
    operations = [connect("10.9.8.7"), connect("192.0.2.1"), connect("127.0.0.1")]
    assert refused(operations, deny="@connect(host=10.0.0.0/8|fe80::/10)") == [0]


def test_12_any_host_is_no_unix_socket(refused, tmp_path):
    def connect_unix():
        with (
            socket.socket(socket.AF_UNIX) as server,
            socket.socket(socket.AF_UNIX) as client,
        ):
            server.bind("s")
            server.listen()
            client.connect("s")

    operations = [connect("127.0.0.1"), look_up("localhost"), connect_unix]
    assert refused(operations, deny="@connect(host=*)") == [0, 1]


def test_13_one_program_alone(refused, tmp_path):
    program = shutil.which("true")
    (tmp_path / "true").symlink_to(shutil.which("false"))
    operations = [
        start("true"),
        start(program),
        start("./true"),
        start("true", env={"PATH": str(tmp_path)}),
        start("true", executable="/bin/sh"),
        start("true", shell=True),
        start("ls"),
        lambda: os.system("true"),
        lambda: os.posix_spawn(shutil.which("ls"), ["true"], {}),
    ]
    assert refused(operations, allow="@spawn(program=true)") == [2, 3, 4, 5, 6, 7, 8]


def test_14_localhost_of_a_network_that_is_denied(refused):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    operations = [
        lambda: urlopen(f"http://127.0.0.1:{server.server_port}/").close(),
        lambda: urlopen(f"http://localhost:{server.server_port}/").close(),
        lambda: asyncio.run(asyncio.sleep(0)),
        connect("192.0.2.1"),
        look_up("example.invalid"),
        lambda: socket.socket().bind(("127.0.0.1", 0)),
    ]
    rules = {"deny": "@network", "allow": "@connect(host=localhost)"}
    assert refused(operations, **rules) == [3, 4, 5]


def test_the_interpreter_itself_is_a_variable(refused):
    operations = [start(sys.executable, "-c", ""), start("true")]
    assert refused(operations, allow="@spawn(program={python})") == [1]
