"""Tests that may talk to this machine, and to no other.

    pytest examples/test_offline.py

The mark holds for all tests of the file. For a whole suite, put this into the
configuration of pytest instead, which is audit_forbid = ["@connect(host!=localhost)"]
in [tool.pytest.ini_options] of pyproject.toml. A test that connects anywhere else
fails, also if the program that it tests catches the error.
"""

import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

pytestmark = pytest.mark.audit_forbid("@connect(host!=localhost)", "@spawn")


def weather(address: str) -> str:
    """The program that is tested: it asks a server, or says that it cannot."""
    try:
        with urllib.request.urlopen(f"{address}/today", timeout=5) as answer:
            return answer.read().decode()
    except OSError as error:
        return f"unknown: {error}"


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"rain")

        def log_message(self, *args):
            pass

    with HTTPServer(("localhost", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def test_it_asks_the_server(server):
    assert weather(server) == "rain"


def test_without_a_server_it_says_so():
    assert weather("http://localhost:1").startswith("unknown: ")


@pytest.mark.audit_events("socket.connect")
def test_it_connects_once(server, audit_events):
    weather(server)
    assert len(audit_events) == 1


@pytest.mark.audit_allow("@connect(host=weather.invalid)")
def test_a_name_that_nobody_has():
    assert weather("http://weather.invalid").startswith("unknown: ")
