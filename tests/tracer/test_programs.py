"""Real programs with the tracer: they run as without it, and it sees their events."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from features import PROCESSES, needs

on_cpython = sys.implementation.name == "cpython"
CORE = Path(__file__).parent.parent / "core"
ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the plugins of pytest take long


@pytest.fixture
def trace(child, tmp_path):
    """Run Python with these arguments, plain and traced; return the records of events.

    Output, errors and exit status must be the same in both, except for matches of
    *varies*, a regular expression.
    """

    def run(*arguments, options=(), varies="(?!)", **more):
        outcomes = []
        tracer = ("-m", "audithooks", "--json", "-o", str(tmp_path / "trace"), *options)
        for before in ((), tracer):
            done = child.start(*before, *arguments, **more)
            told = (
                re.sub(varies, "...", done.stdout),
                re.sub(varies, "...", done.stderr),
            )
            outcomes.append((*told, done.returncode))
        assert outcomes[1] == outcomes[0]
        return records(tmp_path / "trace"), *outcomes[0]

    run.child = child
    return run


def records(path):
    """The records of a trace. A line that is split or incomplete is not JSON."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def names(events):
    return {record["event"] for record in events}


@pytest.fixture
def wheel(tmp_path):
    """A wheel of one module that pip can install without a network."""
    path = tmp_path / "example-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("example.py", "answer = 42\n")
        info = "example-1.0.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: example\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    return str(path)


def test_pip_installs_a_wheel(trace, wheel, tmp_path):
    if find_spec("pip") is None:
        pytest.skip("this Python has no pip")
    target = str(tmp_path / "target")
    arguments = ["--isolated", "--disable-pip-version-check", "install"]
    arguments += ["--no-index", "--upgrade", "--target", target, wheel]
    events, output, _, status = trace("-m", "pip", *arguments)
    assert status == 0
    assert "Successfully installed example-1.0" in output
    assert (tmp_path / "target" / "example.py").exists()
    assert {"open", "shutil.move", "tempfile.mkdtemp"} <= names(events)
    opened = {record["args"]["path"] for record in events if record["event"] == "open"}
    assert wheel in opened


def test_pip_that_fails(trace):
    if find_spec("pip") is None:
        pytest.skip("this Python has no pip")
    events, _, errors, status = trace("-m", "pip", "install", "--no-index", "nothing")
    assert status == 1
    assert "No matching distribution found for nothing" in errors
    assert events


def test_pytest_runs_tests_of_this_project(trace, request):
    # Without tests of whether there are hooks: the tracer adds some.
    test = str(CORE / "test_capture.py")
    arguments = ["-q", "-p", "no:cacheprovider", "-k", "block", test]
    if request.config.option.pure:
        arguments.append("--pure")
    events, output, _, status = trace(
        *("-m", "pytest", *arguments),
        options=["-f", "-k"],
        varies=r"in \d+\.\d+s( \(.*\))?|0x[0-9a-f]+",
        cwd=CORE.parent.parent,
        environ=ALONE,
    )
    assert status == 0, output
    assert re.search(r"\d+ passed.* \.\.\.", output)
    assert {"open", "exec", "audithooks.unsubscribe"} <= names(events)
    callers = [record["stack"][0]["file"] for record in events if record.get("stack")]
    assert any(path.endswith("test_capture.py") for path in callers)


def test_pytest_with_a_test_that_fails(trace, tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it():\n    assert open == 1\n")
    events, output, _, status = trace(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"),
        varies=r"in \d+\.\d+s",
        cwd=tmp_path,
        environ=ALONE,
    )
    assert status == 1
    assert "1 failed" in output
    assert "open" in names(events)


def serve(child, folder, *tracer):
    """Let http.server answer one request; return its log, and the answer."""
    server = subprocess.Popen(
        [
            sys.executable,
            "-u",
            *tracer,
            "-m",
            "http.server",
            "--bind",
            "127.0.0.1",
            "0",
        ],
        cwd=folder,
        env=child.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    greeting = server.stdout.readline()
    port = re.search(r"port (\d+)", greeting)[1]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/page.txt") as answer:
        body = answer.read()
    server.send_signal(signal.SIGINT)
    output, errors = server.communicate(timeout=60)
    said = re.sub(r"\[.*?\]|:?\b\d{4,5}\b", "...", greeting + output + errors)
    return said, body, server.returncode


@needs(PROCESSES, "this system has no processes")
def test_http_server_serves_a_request(child, tmp_path):
    (tmp_path / "page.txt").write_text("hello")
    trace = str(tmp_path / "trace")
    plain = serve(child, tmp_path)
    traced = serve(child, tmp_path, "-m", "audithooks", "--json", "-o", trace)
    assert traced == plain
    assert traced[1:] == (b"hello", 0)
    assert '"GET /page.txt HTTP/1.1" 200' in traced[0]
    events = records(tmp_path / "trace")
    assert {"socket.bind", "open"} <= names(events)
    (request,) = [e for e in events if str(e["args"].get("path")).endswith("page.txt")]
    if sys.version_info >= (3, 10):
        assert request["thread_name"].startswith("Thread-")


def test_asyncio(trace, tmp_path):
    path = tmp_path / "program.py"
    path.write_text("""
import asyncio, sys

async def read(name):
    def work():
        with open(__file__) as file:
            return len(file.readline())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(name.encode())
    sys.audit("test.wrote", name)
    answer = await reader.read(99)
    writer.close()
    return answer.decode(), await asyncio.to_thread(work)

async def answer(reader, writer):
    writer.write((await reader.read(99)).upper())
    writer.close()

async def main():
    global port
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    names = ("tea", "jam")
    tasks = [asyncio.create_task(read(name), name=name) for name in names]
    print(await asyncio.gather(*tasks))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print('child')", stdout=-1
    )
    print(await process.communicate())
    server.close()
    sys.exit(7)

asyncio.run(main())
""")
    events, output, errors, status = trace(str(path))
    assert (errors, status) == ("", 7)
    assert output == "[('TEA', 1), ('JAM', 1)]\n(b'child\\n', None)\n"
    wrote = {e["args"]["arg0"]: e["task"] for e in events if e["event"] == "test.wrote"}
    assert wrote == {"tea": "tea", "jam": "jam"}
    assert {"socket.connect", "subprocess.Popen"} <= names(events)
    opened = [e for e in events if e["args"].get("path") == str(path)]
    assert {"asyncio" in str(e.get("thread_name")) for e in opened} >= {True}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_pool(trace, tmp_path, method):
    path = tmp_path / "program.py"
    path.write_text("""
import multiprocessing, os, sys

def square(number):
    sys.audit("test.square", number)
    return number * number

if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(pool.map(square, range(6)))
    sys.audit("test.parent")
    raise SystemExit("the end")
""")
    events, output, errors, status = trace(str(path), method, options=["-f"])
    assert (output, errors, status) == ("[0, 1, 4, 9, 16, 25]\n", "the end\n", 1)
    squares = [e for e in events if e["event"] == "test.square"]
    assert sorted(e["args"]["arg0"] for e in squares) == list(range(6))
    (parent,) = [e["pid"] for e in events if e["event"] == "test.parent"]
    assert parent not in {e["pid"] for e in squares}
    if on_cpython and method == "fork":
        assert "os.fork" in names(events)


def test_venv_is_followed_into_a_new_python_by_another_environment(trace, tmp_path):
    if find_spec("ensurepip") is None or not on_cpython:
        pytest.skip("this Python has no ensurepip for the new environment")
    path = tmp_path / "program.py"
    path.write_text("""
import os, subprocess, sys, venv
venv.create(sys.argv[1], clear=True)
python = os.path.join(sys.argv[1], "bin", "python")
environ = {"PATH": "", "PYTHONPATH": ""}
code = "import sys; sys.audit('test.new', sys.prefix); print(sys.path[:1])"
print(subprocess.check_output([python, "-c", code], env=environ))
""")
    folder = str(tmp_path / "new")
    events, output, _, status = trace(str(path), folder, options=["-f"])
    assert (output, status) == ("b\"['']\\n\"\n", 0)
    (new,) = [e["args"]["arg0"] for e in events if e["event"] == "test.new"]
    assert Path(new).resolve() == Path(folder).resolve()
