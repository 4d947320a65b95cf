"""What the program may do: the options with rules, and the subcommand explain."""

import importlib.util
import json
import random
import re
import shlex
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from features import CPYTHON_EVENTS, FORK, needs
from test_programs import wheel as wheel

pytestmark = [
    needs(CPYTHON_EVENTS, "the events of this interpreter differ"),
    needs(sys.version_info >= (3, 11), "tomli may be missing"),
]

WRITE = "open('build/x', 'w').close(); open('x', 'w').close()"


@pytest.fixture
def run(child, tmp_path):
    """Run the command line in a folder of its own, which has a folder build."""
    (tmp_path / "build").mkdir()

    def start(*arguments, **options):
        return child.start("-m", "audithooks", *arguments, cwd=tmp_path, **options)

    return start


@pytest.fixture
def server():
    """Serve the same to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = Thread(target=made.serve_forever, args=[0.01])
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_what_is_not_allowed_is_refused_and_says_what_would_allow_it(run, tmp_path):
    done = run("-e", "none", "--allow", "@write(path=./build)", "-c", WRITE)
    assert done.returncode == 1
    shown, *_, error = done.stderr.splitlines()
    assert re.fullmatch(r"open\(path='x', mode='w', .*\) = denied \(allow-1\)", shown)
    assert error == (
        f"PermissionError: [Errno 1] audithooks: may not write {tmp_path.resolve()}/x "
        "[open; not in allow-1: @write(path=./build)]; "
        f"to allow it: @write(path={tmp_path.resolve()}/x)"
    )
    assert (tmp_path / "build/x").exists()
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "code",
    [
        "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{}').close()",
        "import http.client as h\nh.HTTPConnection('127.0.0.1', {}).connect()",
        "import socket\nsocket.socket().connect(('127.0.0.1', {}))",
    ],
    ids=["urllib", "http.client", "socket"],
)
def test_the_advice_of_a_refusal_lets_the_program_run(run, server, code):
    options = "-e", "none", "--deny", "@network"
    program = code.format(server.server_port)
    refused = run(*options, "-c", program)
    assert refused.returncode == 1
    advice = refused.stderr.splitlines()[-1].partition("; to allow it: ")[2]
    done = run(*options, "--allow", advice, "-c", program)
    assert (done.stderr, done.returncode) == ("", 0)


def test_what_would_have_been_refused_of_a_connection_is_its_host(run, server):
    done = run(
        *("-e", "none", "--deny", "@network", "--permissive", "-c"),
        "import urllib.request\n"
        f"urllib.request.urlopen('http://127.0.0.1:{server.server_port}').close()",
    )
    (row,) = [line for line in done.stderr.splitlines() if "--allow" in line]
    assert row.endswith(" --allow '@connect(host=localhost)'")


def test_the_record_has_the_decision(run, tmp_path):
    options = "--json", "-o", "trace", "-e", "open"
    run(*options, "--allow", "@write(path=./build)", "-c", WRITE)
    lines = (tmp_path / "trace").read_text().splitlines()
    records = [r for r in map(json.loads, lines) if r["args"]["mode"] == "w"]
    assert [(r["action"], r["rule"]) for r in records] == [
        ("allowed", "allow-1"),
        ("denied", "allow-1"),
    ]
    assert records[1]["because"] == "not in allow-1: @write(path=./build)"
    assert records[1]["subject"] == f"write {tmp_path.resolve()}/x"


def test_a_followed_child_is_refused_the_same_wherever_it_is(run, tmp_path):
    code = (
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {WRITE!r}], cwd='build')"
    )
    (tmp_path / "build/build").mkdir()
    done = run("-f", "-e", "none", "--deny", "@write(path=./build/build)", "-c", code)
    assert "may not write" in done.stderr
    assert not (tmp_path / "build/build/x").exists()


def test_decisions_go_to_a_file(run, tmp_path):
    options = "-e", "none", "--decisions", "decided"
    run(*options, "--allow", "@write(path=./build)", "-c", WRITE)
    lines = (tmp_path / "decided").read_text().splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["allowed", "denied"]


def test_permissive_ends_with_options_that_can_be_pasted(run):
    code = WRITE + "; import os; os.mkdir('new')"
    rules = "--allow", "@write(path=./build)"
    done = run("-e", "none", "--permissive", *rules, "-c", code)
    assert done.returncode == 0
    title, *rows = done.stderr.splitlines()
    assert title == "audithooks: this would have been refused:"
    assert [row.split(maxsplit=2)[1:] for row in rows] == [
        ["1", "--allow '@write(path=./new)'"],
        ["1", "--allow '@write(path=./x)'"],
    ]
    pasted = [word for row in rows for word in shlex.split(row)[2:]]
    done = run("-e", "none", "--permissive", *rules, *pasted, "-c", WRITE)
    assert done.stderr == "audithooks: nothing would have been refused\n"


def test_permissive_tells_what_no_rule_can_allow(run):
    done = run("-e", "none", "--permissive", "--deny", "@write(path=x)", "-c", WRITE)
    assert "x: deny-1 has arguments, and stays" in done.stderr


POLICY = """
allow = "@write(path=./build)"
[[rule]]
id = "no-shells"
deny = "@spawn(program=sh)"
reason = "they quote badly"
[[rule]]
deny = ["os.kill(sig=SIGKILL)", "@connect(path=/run/x)"]
"""


def test_a_policy_of_a_file(run, tmp_path):
    (tmp_path / "policy.toml").write_text(POLICY)
    code = "import os; os.system('true')"
    done = run("-e", "none", "--policy", "policy.toml", "-c", code)
    assert "no-shells: @spawn(program=sh) (they quote badly)" in done.stderr
    done = run("-e", "none", "--policy", "policy.toml", "-c", WRITE)
    assert "not in allow-1" in done.stderr
    done = run("-e", "none", "--policy", "policy.toml", "--deny", "shop.*", "-c", "1")
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--allow", "@write(pth=x)"],
            "allow: '@write(pth=x)': @write has no argument",
        ),
        (["--allow", "!open"], "--allow has only exceptions: it needs a RULE"),
        (["--policy", "nothing.toml"], "can't read 'nothing.toml': No such file"),
        (["--permissive"], "--permissive needs rules: --deny, --allow or --policy"),
        (["--decisions", "x"], "--decisions needs rules: --deny, --allow or --policy"),
        (["--learn", "x", "--deny", "open"], "--learn writes a policy, and takes no"),
        (["--learn", "no/x"], "can't write to '"),
        (["--learn", "build"], "build': Is a directory"),
        (["--learn", "-"], "--learn needs the path of a FILE"),
        (["--deny", "open", "--decisions", "-"], "--decisions needs the path of a"),
        (["--deny", "open", "--decisions", "no/x"], "no/x': No such file"),
        (["--deny", "open", "--permissive", "--decisions", "no/x"], "no/x': No such"),
        (
            ["--deny", "open", "--permissive", "--decisions", "/dev/null"],
            "can't write to '/dev/null': it cannot be read again",
        ),
        (
            ["--policy", "sub/p.toml", "--deny", "open(path=./x)"],
            "'open(path=./x)' has a relative path, but the rules of sub/p.toml stand",
        ),
    ],
)
def test_a_wrong_option_is_one_line_and_status_2(run, tmp_path, arguments, message):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/p.toml").write_text(POLICY)
    done = run(*arguments, "-c", "1")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert message in done.stderr


POOL = """
import multiprocessing
import tempfile

def work(number):
    with open(f"build/{number}.txt", "w") as file:
        file.write(str(number))
    with tempfile.NamedTemporaryFile() as file:
        return number * 2

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(work, range(5)))
"""

CLIENT = """
import asyncio

async def answer(reader, writer):
    writer.write(await reader.readline())
    writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("localhost", port)
    writer.write(b"hello\\n")
    print(await reader.readline())
    writer.close()
    server.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("program", [POOL, CLIENT], ids=["pool", "client"])
def test_a_policy_that_was_learned_lets_the_program_run_again(run, tmp_path, program):
    (tmp_path / "prog.py").write_text(program)
    learned = run("-f", "-e", "none", "--learn", "p.toml", "prog.py")
    assert learned.returncode == 0
    assert learned.stderr == (
        f"audithooks: the policy was written to {tmp_path}/p.toml\n"
    )
    for _ in range(3):
        done = run("-f", "-e", "none", "--policy", "p.toml", "prog.py")
        assert (done.returncode, done.stdout) == (0, learned.stdout)
        assert done.stderr == ""


FLASK = """
import threading
import urllib.request
from wsgiref.simple_server import WSGIRequestHandler, make_server

import flask

app = flask.Flask("app", root_path=".")

@app.route("/")
def page():
    with open("build/visits", "a") as file:
        file.write("one")
    return "seen"

class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass

server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
threading.Thread(target=server.handle_request).start()
url = f"http://localhost:{server.server_port}/"
print(urllib.request.urlopen(url).read())
"""

TESTS = """
import subprocess
import sys

def test_file(tmp_path):
    (tmp_path / "x").write_text("x")

def test_process():
    assert subprocess.run([sys.executable, "-c", ""]).returncode == 0
"""


PIP = ["-m", "pip", "--isolated", "--disable-pip-version-check", "install"]


@pytest.mark.soak
@pytest.mark.parametrize("program", ["pip", "pytest", "flask"])
def test_a_real_program_runs_again_by_what_was_learned(
    run, tmp_path, tmp_path_factory, wheel, program
):
    if importlib.util.find_spec(program) is None:
        pytest.skip(f"{program} is not installed")
    (tmp_path / "test_it.py").write_text(TESTS)
    command = {
        "pip": [*PIP, "--no-index", "--upgrade", "--target", "target", wheel],
        "pytest": ["-m", "pytest", "-q", "test_it.py"],
        "flask": ["-c", FLASK],
    }[program]
    # A folder for temporary files that no other run of pytest has.
    environ = {"TMPDIR": str(tmp_path_factory.mktemp("temporary"))}
    first = run("-f", "-e", "none", "--learn", "p.toml", *command, environ=environ)
    assert first.returncode == 0, first.stderr
    for _ in range(3):
        done = run(
            *("-f", "-e", "none", "--policy", "p.toml", *command), environ=environ
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert " = denied" not in done.stderr


ENDS = {
    "_exit": "os._exit(0)",
    "SIGTERM": "os.kill(os.getpid(), 15)",
    "SIGKILL": "os.kill(os.getpid(), 9)",
    "exec": "os.execv('/bin/true', ['true'])",
    "descriptors": "os.closerange(0, 100)",
    "builtins": "import builtins; builtins.open = None",
}


@needs(FORK, "no keeper can outlive the program")
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_what_is_learned_is_written_however_the_program_ends(run, tmp_path, end):
    (tmp_path / "tmp").mkdir()
    code = f"import os; open('x', 'w').close(); {end}"
    temporary = {"TMPDIR": str(tmp_path / "tmp")}
    done = run("-e", "none", "--learn", "p.toml", "-c", code, environ=temporary)
    assert f"the policy was written to {tmp_path}/p.toml\n" in done.stderr
    assert '"@write(path=./x)",  # 1\n' in (tmp_path / "p.toml").read_text()
    assert [*(tmp_path / "tmp").iterdir()] == []


def test_a_program_that_changes_where_temporary_files_are_changes_no_rule(
    run, tmp_path
):
    code = "import os; os.environ['TMPDIR'] = os.path.abspath('build'); " + WRITE
    run("-e", "none", "--learn", "p.toml", "-c", code)
    assert '"@write(path=./build/x)"' in (tmp_path / "p.toml").read_text()


def test_decisions_that_were_there_are_kept_and_not_told(run, tmp_path):
    options = "-e", "none", "--decisions", "decided", "--permissive"
    run(*options, "--deny", "@write", "-c", WRITE)
    done = run(*options, "--deny", "@write", "-c", "open('y', 'w').close()")
    assert [line.split(maxsplit=2)[1] for line in done.stderr.splitlines()[1:]] == ["1"]
    assert len((tmp_path / "decided").read_text().splitlines()) == 3


def test_a_policy_that_was_learned_allows_nothing_else(run, tmp_path):
    run("-e", "none", "--learn", "p.toml", "-c", WRITE)
    policy = (tmp_path / "p.toml").read_text()
    assert '"@write(path=./build/x)",  # 1\n' in policy
    code = "import os; os.system('true')"
    done = run("-e", "none", "--policy", "p.toml", "-c", code)
    assert "may not start the shell" in done.stderr


@pytest.mark.parametrize(
    ("event", "status", "lines"),
    [
        ("open(path=build/x, mode=w)", 0, ["allowed: write {}/build/x [open]"]),
        (
            "open(path=/etc/passwd, mode=w)",
            1,
            [
                "denied: write /etc/passwd [open]",
                "  because: not in allow-1: @write(path=./build)",
                "  to allow it: --allow '@write(path=/etc/passwd)'",
            ],
        ),
        (
            "@spawn(program=sh)",
            1,
            [
                "denied: start sh [subprocess.Popen]",
                "  because: no-shells: @spawn(program=sh) (they quote badly)",
                "  to allow it, write an exception beside that rule: "
                "'!@spawn(program=sh)'",
            ],
        ),
        ("@read(path=/x)", 0, ["allowed: no rule is about it, and the default is to"]),
        ("@connect(host=x.org, port=1)", 0, ["allowed: no rule is about it"]),
        (
            "socket.getaddrinfo(host='x.org', family=AF_INET, type=SOCK_STREAM)",
            0,
            ["allowed"],
        ),
        ("os.truncate(fd=3, length=0)", 0, ["allowed"]),
        ("os.chmod(path='3', mode=0o700)", 0, ["allowed"]),
        ("os.rename(src=build/a, dst=b)", 1, ["denied: rename {}/build/a to {}/b"]),
        (
            "open(path='x', mode='w', flags=O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC)",
            1,
            ["denied: write {}/x [open]"],
        ),
        ("open(path=x, flags=O_WRONLY)", 1, ["denied: write {}/x [open]"]),
        ("os.mkdir(path='x', mode=0o777) = denied (allow-1)", 1, ["denied: make"]),
        ("open(path=x, flags=O_RDONLY)", 0, ["allowed"]),
        ("open(path=x, flags=0x1)", 1, ["denied: write {}/x [open]"]),
        ("os.kill(pid=1, sig=9)", 1, ["os.kill(sig=SIGKILL)"]),
        ("@connect(path=/run/x)", 1, ["denied: connect to /run/x [socket.connect]"]),
        ("@spawn(argv='')", 0, ["allowed"]),
    ],
)
def test_explain_says_what_is_decided_and_why(run, tmp_path, event, status, lines):
    (tmp_path / "policy.toml").write_text(POLICY)
    done = run("explain", event, "--policy", "policy.toml")
    assert (done.returncode, done.stderr) == (status, "")
    for line in lines:
        assert line.replace("{}", str(tmp_path.resolve())) in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["open(path=x)"], "it needs rules: --policy FILE, --deny or --allow"),
        (["@file(path=x)", "--deny", "open"], "@file is no event: name one, or @write"),
        (["opn(arg0=x)", "--deny", "open"], "there is no event 'opn'"),
        (["@write", "--deny", "open"], "'@write': path is needed"),
        (["@connect(port=1)", "--deny", "open"], "host or path is needed"),
        (["os.mkdir", "--deny", "open"], "os.mkdir has arguments: path, mode, dir_fd"),
        (
            ["@read(path=*.py)", "--deny", "open"],
            "an event has one path and no pattern",
        ),
        (["@connect(host=a:1)", "--deny", "open"], "write host=a, port=1"),
        (
            ["@connect(host=a)", "--deny", "@connect(port=1)"],
            "the rules ask for a port: add port=...",
        ),
        (
            ["socket.getaddrinfo(host=a, family=INET)", "--deny", "open"],
            "there is no 'INET' for family of socket.getaddrinfo",
        ),
        (["open(path=a|b)", "--deny", "open"], "an event has one value of path"),
        (["open(path=x)", "--policy", "no"], "can't read 'no'"),
        (["open(flags=O_NOTHING)", "--deny", "open"], "no flag 'O_NOTHING' of open"),
    ],
)
def test_what_explain_cannot_do_is_one_line(run, arguments, message):
    done = run("explain", *arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert message in line


@pytest.mark.parametrize(
    "event",
    [
        "socket.connect(address=192.0.2.1, port=25)",
        "socket.connect(address='192.0.2.1:25', port=80)",
        "socket.connect(address='192.0.2.1:25')",
        "@connect(host=192.0.2.1, port=25)",
    ],
)
def test_explain_finds_the_port_of_an_address(run, event):
    done = run("explain", event, "--deny", "@connect(port=25)")
    assert done.stdout.startswith("denied: connect to 192.0.2.1 port 25 [")


@pytest.mark.parametrize("option", ["--policy", "--decisions", "--learn"])
def test_an_option_that_is_taken_once_is_not_taken_twice(run, option):
    done = run(option, "a", option, "b", "-c", "")
    assert done.returncode == 2
    assert f": there are two {option}: one is taken (see --help)\n" in done.stderr


CLOSES = """
import os
os.closerange(3, 100)
try:
    os.mkdir("new")
except PermissionError:
    pass
"""


@pytest.mark.parametrize("rule", ["@write", "open", "@file"])
def test_the_files_of_the_trace_are_not_the_program_s(run, tmp_path, rule):
    options = "-e", "os.mkdir", "-o", "trace", "--decisions", "decided"
    done = run(*options, "--deny", rule, "--deny", "os.mkdir", "-c", CLOSES)
    assert (done.returncode, done.stderr) == (0, "")
    assert " = denied" in (tmp_path / "trace").read_text()
    (line,) = (tmp_path / "decided").read_text().splitlines()
    assert json.loads(line)["event"] == "os.mkdir"


FORKS = """
import os
pid = os.fork()
if not pid:
    os.chdir("build")
    os._exit(0)
os.waitpid(pid, 0)
print(pid)
"""


@needs(FORK, "the system cannot fork")
@pytest.mark.parametrize("rule", ["open", "@write", "fcntl.*"])
def test_a_forked_child_has_a_file_of_its_own_whatever_is_denied(run, tmp_path, rule):
    options = "-ff", "-o", "trace", "-e", "os.chdir", "--deny", rule
    done = run(*options, "-c", FORKS)
    assert (done.returncode, done.stderr) == (0, "")
    assert "chdir" in (tmp_path / f"trace.{done.stdout.strip()}").read_text()


CHILD = """
import subprocess, sys
code = "import sys; sys.audit('test.child')"
subprocess.run([sys.executable, "-c", code], check=True)
"""


@pytest.fixture
def run_by(run, tmp_path):
    """Trace children by a policy with these rules that deny."""

    def start(rules):
        (tmp_path / "p.toml").write_text(f"deny = {json.dumps(rules)}")
        options = "-f", "-o", "trace", "-e", "test.*", "--policy", "p.toml"
        return run(*options, "-c", CHILD)

    return start


def test_many_long_rules_reach_the_children(run_by, tmp_path):
    done = run_by([f"@write(path=/{'away' * 100}/{n})" for n in range(400)])
    assert (done.returncode, done.stderr) == (0, "")
    assert "test.child()" in (tmp_path / "trace").read_text()


def test_rules_that_cannot_reach_the_children_are_an_error(run_by):
    names = [random.Random(n).randbytes(400).hex() for n in range(500)]
    done = run_by([f"@write(path=/{name})" for name in names])
    assert done.returncode == 2
    assert "the rules are too long to be handed to child processes" in done.stderr


UVLOOP = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "import uvloop"], check=True)
import uvloop
"""


def test_that_a_module_acts_without_events_is_told_once(run, tmp_path):
    (tmp_path / "uvloop.py").touch()
    done = run("-f", "-e", "none.at", "--deny", "socket.connect", "-c", UVLOOP)
    assert done.returncode == 0
    assert done.stderr == (
        "audithooks: no rule sees the connections, name look-ups and processes of "
        "uvloop, which raise no events\n"
    )


@needs(FORK, "this system has no fork")
def test_rules_hold_in_a_child_that_begins_after_the_trace(run, tmp_path):
    child = "import time; time.sleep(0.5); open('made', 'w')"
    code = (
        f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}])"
    )
    done = run("-f", "-e", "none", "--deny", "@write(path=./made)", "-c", code)
    # stderr is read up to its end, that of the child.
    assert not (tmp_path / "made").exists()
    assert "may not write" in done.stderr


@needs(FORK, "this system has no fork")
def test_a_child_that_cannot_be_traced_ends_if_there_are_rules(run, tmp_path):
    (tmp_path / "gone").mkdir()
    code = """
import shutil, subprocess, sys
shutil.rmtree("gone")
print(subprocess.call([sys.executable, "-c", "print('started')"]))
"""
    options = "-f", "-e", "none", "--decisions", "gone/decisions", "--deny", "x.y"
    done = run(*options, "-c", code)
    assert done.stdout == "1\n"
    assert "is not followed: " in done.stderr


SPAWNED = """
import multiprocessing, sys
def work(number):
    open(f"made{number}", "w").close()
if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        pool.map(work, range(3))
"""


@needs(FORK, "this system has no fork")
@pytest.mark.parametrize("how", ["spawn", "forkserver"])
def test_what_was_decided_is_told_before_the_command_ends(run, tmp_path, how):
    """Although a process of multiprocessing outlives the program for a moment."""
    (tmp_path / "code.py").write_text(SPAWNED)
    run("-f", "-e", "none", "--learn", "policy.toml", "code.py", how)
    assert '"@write(path=./made2)"' in (tmp_path / "policy.toml").read_text()
    options = "-f", "-e", "none", "--permissive", "--deny", "@write"
    done = run(*options, "code.py", how)
    assert "--allow '@write(path=./made2)'" in done.stderr


def test_a_program_that_looks_for_another_one_runs_again(run):
    code = """
import subprocess
try:
    subprocess.run(["no-such-tool"])
except FileNotFoundError:
    print("fine")
"""
    run("-e", "none", "--learn", "policy.toml", "-c", code)
    done = run("-e", "none", "--policy", "policy.toml", "-c", code)
    assert (done.stdout, done.stderr, done.returncode) == ("fine\n", "", 0)


def test_any_name_can_be_learned(run):
    code = "for name in 'a\u2026', '[redacted]', ' b ': open(name, 'w').close()"
    run("-e", "none", "--learn", "policy.toml", "-c", code)
    done = run("-e", "none", "--policy", "policy.toml", "-c", code)
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        ("@write(path=a)", "os.mkdir"),
        ("@write(path=a)", "os.truncate"),
        ("@read(path=.)", "os.listdir"),
        ("@connect(host=localhost, port=1)", "socket.__new__"),
    ],
)
def test_explain_tries_all_events_of_a_capability(run, event, rule):
    done = run("explain", event, "--deny", rule)
    assert done.returncode == 1
    assert f"[{rule}]" in done.stdout


def test_a_learned_policy_elsewhere_lets_the_program_run_again(run, tmp_path):
    (tmp_path / "rules").mkdir()
    file = "rules/policy.toml"
    run("-e", "none", "--learn", file, "-c", "open('x', 'w')")
    assert '"@write(path=../x)"' in (tmp_path / file).read_text()
    done = run("-e", "none", "--policy", file, "-c", "open('x', 'w')")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("option", ["--policy", "--learn", "--decisions"])
def test_an_empty_path_is_an_error(run, option):
    done = run(option, "", "--deny", "x", "-c", "print(1)")
    message = f"python -m audithooks: {option} needs the path of a FILE"
    assert done.stderr.startswith(message)
    assert (done.returncode, done.stdout) == (2, "")


def test_how_tempfile_finds_its_folder_is_learned(run, tmp_path):
    code = "import tempfile; tempfile.TemporaryFile().close()"
    run("-e", "none", "--learn", "p.toml", "-c", code)
    done = run("-e", "none", "--policy", "p.toml", "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
