"""OpenTelemetry: the records that a collector gets."""

from __future__ import annotations

import gzip
import http.server
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from features import needs
from pages import block

from audithooks.sinks import OpenTelemetry


class Collector(http.server.BaseHTTPRequestHandler):
    """A server that receives logs by OTLP over HTTP."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        self.server.requests.append((self.path, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args): ...


@pytest.fixture
def collector():
    """An OTLP receiver with a .url; records() returns what it got so far."""
    service = pytest.importorskip(
        "opentelemetry.proto.collector.logs.v1.logs_service_pb2",
        reason="opentelemetry-proto is not installed",
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.requests = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def records():
        found = []
        for path, body in server.requests:
            assert path == "/v1/logs"
            request = service.ExportLogsServiceRequest.FromString(body)
            for resource in request.resource_logs:
                for scope in resource.scope_logs:
                    found += [
                        (scope.scope.name, record) for record in scope.log_records
                    ]
        return found

    url = f"http://127.0.0.1:{server.server_address[1]}/v1/logs"
    yield SimpleNamespace(url=url, records=records, requests=server.requests)
    server.shutdown()
    thread.join()
    server.server_close()


def plain(value):
    """Return an AnyValue of OTLP as a value of Python."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: plain(item.value) for item in value.kvlist_value.values}
    return None if kind is None else getattr(value, kind)


EXPORT = """
import sys, time
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from audithooks import audit, subscribe
from audithooks.sinks import OpenTelemetry
exporter = OTLPLogExporter(endpoint=sys.argv[1])
provider = LoggerProvider()
provider.add_log_record_processor(
    BatchLogRecordProcessor(exporter, schedule_delay_millis=50)
)
"""


def test_a_collector_gets_the_events(child, collector):
    before = time.time_ns()
    code = f"""{EXPORT}
import os
with OpenTelemetry(provider, frames=2) as sink, subscribe(sink, "os.putenv", "app.*"):
    def run(*args):
        audit("app.event", *args)
    run("text", None, 1.5, ["a", {{"b": b"c"}}], "x" * 1001, ["a", b"b"])
    audit("os.putenv", b"KEY", b"secret")
print(os.getpid())
"""
    pid = int(child.run(code, collector.url))
    (scope, first), (_, second) = collector.records()
    assert scope == "audithooks"
    assert first.event_name == "app.event"
    assert first.body.string_value.startswith("app.event('text', None, ")
    assert before <= first.time_unix_nano <= first.observed_time_unix_nano
    assert first.observed_time_unix_nano <= time.time_ns()
    assert (first.severity_number, first.severity_text) == (9, "INFO")
    attributes = {item.key: plain(item.value) for item in first.attributes}
    assert attributes.pop("thread.id") > 0
    assert attributes.pop("audithooks.args.arg4").endswith(
        "x\N{HORIZONTAL ELLIPSIS} (1 more)"
    )
    assert "<string>:" in attributes.pop("code.stacktrace")
    assert attributes.pop("code.line.number") > 1
    assert attributes == {
        "process.pid": pid,
        "thread.name": "MainThread",
        "code.file.path": "<string>",
        "code.function.name": "run",
        "audithooks.args.arg0": "text",
        "audithooks.args.arg2": 1.5,
        "audithooks.args.arg3": """["a",{"b":"b'c'"}]""",
        "audithooks.args.arg5": ["a", "b'b'"],
        "audithooks.cut": ["arg4"],
    }
    attributes = {item.key: plain(item.value) for item in second.attributes}
    assert attributes["audithooks.args.value"] == "[redacted]"


def test_the_work_of_the_exporter_is_not_exported(child_of, collector):
    """Otherwise each batch would cause the next one."""
    code = f"""{EXPORT}
with OpenTelemetry(provider) as sink, subscribe(sink, exclude="audithooks.*"):
    for _ in range(5):
        audit("app.event")
        time.sleep(0.2)
"""
    child_of(None).run(code, collector.url)
    names = [record.event_name for _, record in collector.records()]
    assert names.count("app.event") == 5
    assert not [name for name in names if name.startswith(("socket.", "http."))]
    assert len(collector.requests) <= 6


def test_a_record_belongs_to_the_span_of_its_event(child_of, collector):
    code = f"""{EXPORT}
from opentelemetry.sdk.trace import TracerProvider
tracer = TracerProvider().get_tracer("test")
with OpenTelemetry(provider) as sink, subscribe(sink, "app.*"):
    with tracer.start_as_current_span("span") as span:
        audit("app.event")
print(format(span.get_span_context().span_id, "016x"))
"""
    span = child_of(None).run(code, collector.url).strip()
    ((_, record),) = collector.records()
    assert record.span_id.hex() == span


@needs(
    sys.implementation.name != "pypy",
    "in a forked child of PyPy, the thread of OpenTelemetry does not start",
)
def test_a_forked_child_exports_its_own(child_of, collector):
    code = f"""{EXPORT}
import os, warnings
sink = OpenTelemetry(provider)
subscribe(sink, "app.*")
audit("app.event", "before")
warnings.simplefilter("ignore", DeprecationWarning)  # for a fork with threads
if os.fork() == 0:
    audit("app.event", "child")
    sink.close()
    provider.shutdown()
    os._exit(0)
assert os.wait()[1] == 0
audit("app.event", "parent")
"""
    child_of(None).run(code, collector.url)
    texts = [record.body.string_value for _, record in collector.records()]
    assert sorted(texts) == [
        f"app.event('{text}')" for text in ("before", "child", "parent")
    ]


def test_a_provider_is_needed():
    pytest.importorskip("opentelemetry", reason="OpenTelemetry is not installed")
    with pytest.raises(TypeError, match="provider must be a LoggerProvider, not str"):
        OpenTelemetry("provider")


def test_the_program_of_the_page_sends_its_events(child, collector):
    code = block("opentelemetry", "{code-block} python") + "\nimport sys\n"
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url.removesuffix("/v1/logs"),
        "OTEL_SERVICE_NAME": "shop",
    }
    child.run(code + "sys.audit('shop.sell', 'tea')", environ=environ)
    assert [
        (record.event_name, record.body.string_value)
        for _, record in collector.records()
    ] == [("shop.sell", "shop.sell('tea')")]
