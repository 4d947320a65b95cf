"""Secrets are hidden wherever events are recorded, unless they are asked for."""

from __future__ import annotations

import json
import sys
import time

import pytest
from features import PROCESSES, needs
from written import written

from audithooks.catalogue import EVENTS
from audithooks.records.secrets import (
    hide_command,
    hide_named,
    hide_python,
    hide_words,
    is_secret,
)

SECRET = "hunter2"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


@pytest.mark.parametrize(
    "name",
    [
        *("password", "PASSWD", "PGPASSWORD", "db_password", "dbPass", "MYSQL_PWD"),
        *("passphrase", "secret", "client_secret", "clientSecret", "SECRET_KEY"),
        *("token", "access_token", "X-Auth-Token", "refreshToken", "csrf-token"),
        *("api_key", "apikey", "apiKey", "X-Api-Key", "aws_secret_access_key"),
        *("Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "auth"),
        *("credentials", "private_key", "sessionid", "PHPSESSID", "jwt"),
    ],
)
def test_the_name_of_a_secret(name):
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("PWD", "OLDPWD", "key", "keys", "path", "host", "user", "author", "monkey"),
        *("tokenizer", "max_tokens", "passwordless", "secretary", "compass", "passed"),
    ],
)
def test_the_name_of_no_secret(name):
    assert not is_secret(name)


def test_no_argument_of_the_interpreter_has_such_a_name():
    names = {name for entry in EVENTS.values() for name in entry.arguments}
    assert [name for name in names if is_secret(name)] == []


HEADERS = {
    "Authorization": f"Bearer {SECRET}",
    "Cookie": f"a=1; b={SECRET}",
    "Proxy-authorization": f"Basic {SECRET}",
    "X-Api-Key": SECRET,
    "Accept": "*/*",
}
LINES = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())


@pytest.mark.parametrize(
    ("event", "args", "kept"),
    [
        ("urllib.Request", ("http://x/", None, HEADERS, "GET"), ["*/*", "http://x/"]),
        ("urllib.Request", (f"http://joe:{SECRET}@x/y", None, {}, "GET"), ["@x/y"]),
        ("urllib.Request", (f"https://{SECRET}@x/y", None, {}, "GET"), ["@x/y"]),
        (
            "urllib.Request",
            (f"http://x/?a=1&token={SECRET}&b=2", None, {}, "GET"),
            ["a=1", "b=2"],
        ),
        (
            "urllib.Request",
            ("http://x/", f"a=1&password={SECRET}".encode(), {}, ""),
            ["a=1"],
        ),
        (
            "urllib.Request",
            (
                "http://x/",
                json.dumps({"n": [{"password": SECRET}], "m": 1}).encode(),
                {},
                "",
            ),
            ['"m": 1'],
        ),
        (
            "http.client.send",
            (None, f"GET / HTTP/1.1\r\nHost: x\r\n{LINES}\r\n".encode()),
            ["GET / HTTP/1.1", "Host: x", "Accept"],
        ),
        (
            "http.client.send",
            (None, f"GET http://joe:{SECRET}@x/y HTTP/1.1\r\n\r\n".encode()),
            ["@x/y"],
        ),
        (
            "http.client.send",
            (None, f"GET / HTTP/1.1\r\nHost: {SECRET}@x\r\n\r\n".encode()),
            ["@x"],
        ),
        (
            "http.client.send",
            (
                None,
                b'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\n'
                + f"{SECRET}\r\n--b--".encode(),
            ),
            ["form-data"],
        ),
        (
            "http.client.send",
            (None, f"<a><password>{SECRET}</password></a>".encode()),
            ["<a>"],
        ),
        ("http.client.connect", (None, f"joe:{SECRET}@x", 80), ["@x"]),
        ("socket.getaddrinfo", (f"{SECRET}@x", 80, 0, 0, 0), ["@x"]),
        ("webbrowser.open", (f"https://joe:{SECRET}@x/",), ["@x/"]),
        ("ftplib.sendcmd", (None, f"PASS {SECRET}"), ["PASS"]),
        ("ftplib.sendcmd", (None, f"acct {SECRET}"), ["acct"]),
        ("poplib.putline", (None, f"PASS {SECRET} and more".encode()), ["PASS"]),
        ("poplib.putline", (None, f"APOP joe {SECRET}".encode()), ["APOP joe"]),
        (
            "imaplib.send",
            (None, f'AB1 LOGIN joe "{SECRET}"\r\n'.encode()),
            ["AB1 LOGIN joe"],
        ),
        (
            "imaplib.send",
            (None, f'AB1 LOGIN "joe smith" "a \\" {SECRET}"\r\n'.encode()),
            ["AB1 LOGIN"],
        ),
        (
            "imaplib.send",
            (None, f"AB1 AUTHENTICATE PLAIN {SECRET}\r\n".encode()),
            ["PLAIN"],
        ),
        ("imaplib.send", (None, f"{SECRET}==".encode()), []),
        ("smtplib.send", (None, f"AUTH PLAIN {SECRET}\r\n"), ["AUTH PLAIN"]),
        ("smtplib.send", (None, f"auth LOGIN {SECRET}\r\n".encode()), ["LOGIN"]),
        ("smtplib.send", (None, f"{SECRET}=\r\n"), []),
        (
            "nntplib.putline",
            (None, f"AUTHINFO PASS {SECRET}".encode()),
            ["AUTHINFO PASS"],
        ),
        ("telnetlib.Telnet.write", (None, f"{SECRET}\n".encode()), []),
        ("builtins.input/result", (SECRET,), []),
        (
            "subprocess.Popen",
            (None, ["db", "--password", SECRET, "-v"], None, None),
            ["db", "--password", "-v"],
        ),
        (
            "subprocess.Popen",
            (None, ("db", f"--password={SECRET}", "-v"), None, None),
            ["-v"],
        ),
        (
            "subprocess.Popen",
            (None, ["mysql", f"-p{SECRET}", "-v"], None, None),
            ["mysql", "-v"],
        ),
        (
            "subprocess.Popen",
            (None, f"mysql -p{SECRET} -v", None, None),
            ["mysql", "-v"],
        ),
        (
            "subprocess.Popen",
            ("/bin/sh", ["/bin/sh", "-c", f"db --api-key '{SECRET} x' -v"], None, None),
            ["-v"],
        ),
        ("os.exec", (b"db", [b"db", b"--token", SECRET.encode(), b"-v"], {}), ["-v"]),
        ("os.posix_spawn", ("db", ["db", f"--db-password={SECRET}"], {}), ["db"]),
        ("os.spawn", (0, "db", ["db", "--secret", SECRET], {}), ["db"]),
        ("os.system", (f"PASSWORD={SECRET} db -v".encode(),), ["db -v"]),
        ("os.system", (f'sh -c "db -p{SECRET} -v"',), ["-v"]),
        ("pty.spawn", (["sshpass", "-p", SECRET, "ssh", "x"],), ["ssh", "x"]),
        (
            "_posixsubprocess.fork_exec",
            ([b"db"], [b"db", f"-p{SECRET}".encode()], None),
            ["db"],
        ),
        (
            "_winapi.CreateProcess",
            (None, f"db.exe /x --password {SECRET}", None),
            ["/x"],
        ),
        (
            "os.startfile/2",
            ("db.exe", "open", f"--password {SECRET}", None, 1),
            ["open"],
        ),
        (
            "subprocess.Popen",
            (None, ["curl", "-u", f"joe:{SECRET}", "x"], None, None),
            ["curl", "x"],
        ),
        (
            "subprocess.Popen",
            (None, ["curl", "-H", f"Authorization: Bearer {SECRET}", "x"], None, None),
            ["curl", "x"],
        ),
        (
            "subprocess.Popen",
            (None, ["curl", f"https://joe:{SECRET}@x/"], None, None),
            ["@x/"],
        ),
        (
            "subprocess.Popen",
            (None, ["docker", "run", "-e", f"DB_PASSWORD={SECRET}", "x"], None, None),
            ["DB_PASSWORD="],
        ),
        ("syslog.syslog", (1, f"login with token={SECRET} of joe"), ["of joe"]),
        ("shop.pay", ({"card": 1, "api_key": SECRET},), ["card"]),
        (
            "shop.pay",
            ([("Authorization", SECRET), (b"cookie", SECRET), ("a", 1)],),
            ["Auth"],
        ),
        ("shop.pay", (f"password: {SECRET} and more", 1), ["password"]),
        ("shop.pay", (f"UID=joe;PWD={SECRET};X=1",), ["UID=joe"]),
        ("shop.pay", (f"ftp://joe:{SECRET}@x",), ["@x"]),
        ("open", (f"https://joe:{SECRET}@x/y", "r", 0), ["@x/y"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_secret_is_hidden(dispatcher, path, event, args, kept):
    text = json.dumps(written(path, dispatcher, event, *args)["args"])
    assert SECRET not in text
    assert "[redacted]" in text
    assert [part for part in kept if json.dumps(part)[1:-1] not in text] == []
    text = json.dumps(
        written(path, dispatcher, event, *args, secrets=True, environments=True)["args"]
    )
    assert SECRET in text


class Login:
    def __repr__(self):
        return f"Login(user='joe', password={SECRET!r})"


def test_the_repr_of_an_object_may_have_a_secret(dispatcher, path):
    record = written(path, dispatcher, "shop.login", Login())
    assert record["args"] == {"arg0": "Login(user='joe', password='[redacted]')"}


@pytest.mark.parametrize("make", [str, str.encode, lambda text: [text]])
@pytest.mark.parametrize("longest", range(0, 60, 7))
def test_a_cut_shows_no_part_of_a_secret(dispatcher, path, make, longest):
    value = make(f"https://joe:{SECRET * 5}@x/?password={SECRET * 5}")
    record = written(path, dispatcher, "urllib.Request", value, longest=longest)
    assert SECRET[:2] not in json.dumps(record["args"])


@pytest.mark.parametrize(
    "command",
    [
        "ssh -p2222 x",
        "find . -path x -print -prune",
        "gcc -pthread -pipe x.c",
        "docker run -p80:80 -p 1:2 x",
        "docker login --password-stdin x",
        "mkdir -p x/y",
        "tool --no-password x",
        "cd $PWD; PWD=/x ls | cat && echo 'a b'",
        "python -c 'import os; print(os.getcwd())'",
    ],
)
def test_a_command_without_secrets_is_as_it_was(command):
    assert hide_command(command) == command
    assert [*hide_words(command.split(" "))] == command.split(" ")


CHECK = "--check-hash-based-pycs"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["-c", "import os; f('A', 'swordfish')"], ["-c", "import os; f(…"]),
        (["-IBc", "\nx = 1\nf('x')", "-c", "'a'"], ["-IBc", "x = 1…", "-c", "'a'"]),
        (["-cprint('swordfish')"], ["-cprint(…"]),
        (["-Wc", "-X", "c", "-c", "f('x')"], ["-Wc", "-X", "c", "-c", "f(…"]),
        ([CHECK, "never", "-c", "'x'"], [CHECK, "never", "-c", "…"]),
        (["-c", " print(1)\n"], ["-c", "print(1)"]),
        (["-c", "x" * 101], ["-c", "x" * 100 + "…"]),
        (["-c", "f(token=abc)"], ["-c", "f(token=[redacted]"]),
        (["-c"], ["-c"]),
        (["-m", "shop", "-c", "'x'"], ["-m", "shop", "-c", "'x'"]),
        (["-ms", "-c", "'x'"], ["-ms", "-c", "'x'"]),
        (["shop.py", "-c", "'x'"], ["shop.py", "-c", "'x'"]),
        (["-", "-c", "'x'"], ["-", "-c", "'x'"]),
    ],
)  # fmt: skip
def test_the_code_of_a_python_is_short_and_without_texts(given, shown):
    assert hide_python(["python", *given]) == ["python", *shown]


def test_words_that_are_no_text_are_kept():
    assert [*hide_words(["x", 1, None, "--password", 2, b"--token", b"t"])] == [
        *("x", 1, None, "--password", "[redacted]", b"--token", b"[redacted]")
    ]


@pytest.mark.parametrize(
    "piece",
    ["a=", 'a="', '"a:', "name=", 'name="\n', "\\", "<a>", "a: ", "'", "-p ", "a:\n ",
     " ", "[a=[", "\n", "-a=", "://", "a", "a@", "="],
)  # fmt: skip
@pytest.mark.parametrize("hide", [hide_command, hide_named])
def test_no_text_takes_long(hide, piece):
    times = []
    for size in (500, 4000):
        text = (piece * size)[:size]
        began = time.perf_counter()
        hide(text)
        times.append(time.perf_counter() - began)
    assert times[1] < 1


REAL = """
import base64, ftplib, poplib, smtplib, socket, subprocess, sys, threading
import urllib.request
from audithooks import subscribe
from audithooks.sinks import JsonLines

SECRET = "hunter2"

def serve(*answers):
    "Answer each line of a client, and return the port."
    server = socket.create_server(("127.0.0.1", 0))
    def run():
        connection, _ = server.accept()
        with connection, connection.makefile("rwb", buffering=0) as file:
            for answer in answers:
                file.write(answer)
                if not file.readline():
                    return
            while file.readline().strip():
                pass
            file.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
    threading.Thread(target=run, daemon=True).start()
    return server.getsockname()[1]

def attempt(function, *args):
    try:
        function(*args)
    except (Exception, socket.timeout) as error:
        print(type(error).__name__, file=sys.stderr)

sink = JsonLines(sys.argv[1])
subscribe(sink, "@network", "builtins.*", "subprocess.*", "os.*")
socket.setdefaulttimeout(10)

smtp = smtplib.SMTP("127.0.0.1", serve(
    b"220 x\\r\\n", b"250-x\\r\\n250 AUTH PLAIN LOGIN\\r\\n", b"235 ok\\r\\n"))
smtp.ehlo()
attempt(smtp.login, "joe", SECRET)
pop = poplib.POP3("127.0.0.1", serve(b"+OK\\r\\n", b"+OK\\r\\n", b"+OK\\r\\n"))
pop.user("joe")
attempt(pop.pass_, SECRET)
ftp = ftplib.FTP()
ftp.connect("127.0.0.1", serve(b"220 x\\r\\n", b"331 x\\r\\n", b"230 x\\r\\n"))
attempt(ftp.login, "joe", SECRET)
request = urllib.request.Request(
    f"http://127.0.0.1:{serve()}/?token={SECRET}", b"password=" + SECRET.encode(),
    {"Authorization": "Bearer " + SECRET, "Cookie": "id=" + SECRET})
attempt(urllib.request.urlopen, request)
for client in smtp, pop, ftp:
    client.close()
subprocess.run([sys.executable, "-c", "", "--password", SECRET, "-p" + SECRET])
print(base64.b64encode(b"\\0joe\\0" + SECRET.encode()).decode())
"""


@needs(PROCESSES, "this system has no processes")
def test_secrets_of_real_protocols_are_hidden(child, path):
    encoded = child.run(REAL, path).strip()
    text = path.read_text()
    assert SECRET not in text
    assert encoded not in text
    seen = {json.loads(line)["event"] for line in text.splitlines()}
    if sys.implementation.name == "cpython":
        expected = {"smtplib.send", "poplib.putline", "ftplib.sendcmd"}
        assert expected | {"urllib.Request", "subprocess.Popen"} <= seen
