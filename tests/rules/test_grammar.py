"""The text of rules: what is read, what is refused and why, what can be pasted."""

import os
import re
import socket
import time
from fnmatch import fnmatchcase

import pytest
from features import MKDIR, needs, shown, thread_time
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audithooks.catalogue import describe, named
from audithooks.records.text import arguments_text
from audithooks.rules import Rules, parse, split
from audithooks.rules.grammar import quoted

NAMES = ["open", "os.rename", "@write", "@connect", "@spawn", "shop.sell", "*", "'a(b'"]
PIECES = [*NAMES, *"()=|,!'\"\\[]{}*? \n", "!=", "path", "write", "host", "arg0"]
PIECES += [
    "./a",
    "b'",
    "\\x41",
    "127.0.0.1",
    "{tmp}",
    "~",
    "...",
    "\u2026",
    "\0",
    "9" * 9,
]


def values(text):
    (item,) = parse(text).items
    return [tuple(value) for value in item.values]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("a", [("a", False)]),
        (" a b ", [("a b", False)]),
        ("a|b | c", [("a", False), ("b", False), ("c", False)]),
        ("a(b", [("a(b", False)]),
        ("it's", [("it's", False)]),
        ("[]a]*", [("[]a]*", False)]),
        ("{tmp}/a", [("{tmp}/a", False)]),
        ("''", [("", True)]),
        ("'a'|b", [("a", True), ("b", False)]),
        ("'a,b|c)' ", [("a,b|c)", True)]),
        (r"'\'\\\n\x41\u00e9\U0001f600'", [("'\\\nA\u00e9\U0001f600", True)]),
        ('"it\'s"', [("it's", True)]),
        (r"b'\xc3\xa9'", [(os.fsdecode(b"\xc3\xa9"), True)]),
        (r"'\u2026'", [("\u2026", True)]),
    ],
)
def test_a_value_is_a_pattern_or_exact_in_quotes(value, read):
    assert values(f"open(path={value})") == read


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("open", []),
        ("open()", []),
        (" open ( write , !create ) ", [("write", False), ("create", True)]),
        ("open(path!=a, mode = w,)", [("path", True), ("mode", False)]),
        ("'open'(write)", [("write", False)]),
        ("shop.sell('a', 3, b'c', arg7=x)", ["arg0", "arg1", "arg2", "arg7"]),
        ("shop.sell(None, -1.5e-07)", ["arg0", "arg1"]),
    ],
)
def test_items_are_intents_arguments_and_scalars(text, items):
    found = [(item.name, item.is_negated) for item in parse(text).items]
    assert found == [i if isinstance(i, tuple) else (i, False) for i in items]


@pytest.mark.parametrize("name", ["a(b", "a*", "@file", "a, b", "it's", "a\nb", "[x]"])
def test_a_name_in_quotes_is_exact(dispatcher, name):
    seen = []
    dispatcher.subscribe(lambda event, args: seen.append(event), repr(name))
    for event in (name, "ab", "open", "x"):
        dispatcher.audit(event)
    assert seen == [name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a rule is empty: commas stand between rules"),
        ("(write)", "'(write)' has no name of an event before its ("),
        ("@net", "there is no group '@net'; did you mean @network?"),
        ("@", "there is no group '@'; `python -m audithooks events --help` lists all"),
        ("@in", "'@in'; did you mean @interpreter or @introspection? `python"),
        ("@filesystem", "'@filesystem'; did you mean @file? `python"),
        ("@socket", "there is no group '@socket'; did you mean 'socket.*'? `python"),
        ("@open", "there is no group '@open'; did you mean open? `python"),
        ("@write path=./b", "did you mean @write(path=./b)?"),
        ("@write=./b", "did you mean @write(path=./b)?"),
        ("@connect:localhost", "did you mean @connect(host=localhost)?"),
        ("@spawn git", "did you mean @spawn(program=git)?"),
        ("@file x", "there is no group '@file x'; did you mean @file? `python"),
        ("@write(path:./b)", "no intent or argument 'path:./b': did you mean path=./b"),
        ("@write(PATH=b)", "@write has no argument 'PATH': did you mean path?"),
        ("@spawn(cmd=git)", "@spawn has no argument 'cmd', but program, argv"),
        (
            "@spawn(argv=[git,x])",
            "a | is between values; leave out argv",
        ),
        ("@spawn(program=git x)", "'git x' is no program; argv= asks for its words"),
        ("@write(path=$HOME/x)", "$HOME is no variable here, but {home}, {project}"),
        ("@write(path=%TMP%)", "%TMP% is no variable here, but {home}, {project}"),
        ("@connect(family=ipv4)", "no address family 'ipv4'; did you mean inet?"),
        ("@connect(\0)", "did you mean host='\\x00'?"),
        ("open(w)", "open has no intent or argument 'w': did you mean write?"),
        ("@spawn(args=git)", "@spawn has no argument 'args': did you mean argv?"),
        ("@spawn(path=git)", "@spawn has no argument 'path', but program, argv"),
        ("@write(dst=./b)", "@write has no argument 'dst', but path"),
        ("@connect(address=x)", "no argument 'address', but host, path"),
        ("subprocess.Popen(args=git)", "args is no text; argv= asks for the words"),
        ("socket.connect(address=x)", "address is no text; host= and port= ask for"),
        ("@connect(host=x, path=./b)", "an address has a host or a path"),
        ("open(x=y)", "but flags, mode, path, read, write, create, append, truncate"),
        ("@wirte(path=a)", "there is no group '@wirte'; did you mean @write?"),
        ("@xyzzy", "'@xyzzy'; `python -m audithooks events --help` lists all"),
        ("opn(path=a)", "there is no event 'opn'; did you mean open?"),
        ("OPEN(path=a)", "there is no event 'OPEN'; did you mean open?"),
        ("os.mkdirr(path=a)", "there is no event 'os.mkdirr'; did you mean os.mkdir?"),
        ("@connect(port=70000)", "port must be from 0 to 65535, not 70000"),
        ("@connect(host=1.2.3.4.5)", "'1.2.3.4.5' is neither a name nor an address"),
        ("open(flags=O_WRNLY)", "there is no flag O_WRNLY; did you mean O_WRONLY?"),
        ("open(write", "'open(write' has no ) at its end"),
        ("open(write) x", "'open(write) x' has no ) at its end"),
        ("open(wirte)", "open has no intent or argument 'wirte': did you mean write?"),
        ("open(pth=a)", "open has no argument 'pth': did you mean path?"),
        ("os.mkdir(x=a)", "os.mkdir has no argument 'x', but dir_fd, mode, path"),
        ("open(path)", "'path': path=... is expected"),
        ("open(write=1)", "'write': an intent has no value"),
        ("os.mkdir(write)", "only open has intents, os.mkdir has none"),
        ("open(path=)", "path= has no value; '' is the empty one"),
        ("open(path=a|)", "path= has no value"),
        ("open(!path=a)", "write path!=... instead of !path=..."),
        ("open(path==a)", "write path=a, with one ="),
        ("open(read|write)", "a comma is expected; a | is only between values"),
        ("open(read write)", "has 'write' where a comma is expected"),
        ("open(,write)", "an intent is expected, such as path=./build or write"),
        ("open(path='a)", "path has no quote at its end"),
        ("open(path='a'b)", "has 'b' behind 'a'"),
        ("'open", "its name has no quote at its end"),
        ("'open'x", "has 'x' behind its name"),
        (r"open(path='\d')", "path has a wrong escape; those of repr() are right"),
        (r"open(path='\x4')", "path has a wrong escape"),
        (r"open(path='\U00110000')", "path has a wrong escape"),
        ("open(path={a,b}.txt)", "write path=a.txt|b.txt; braces are for {tmp}"),
        ("open(path=a{tmp)", "braces are for variables, such as {tmp}; quote others"),
        (
            "open(path={nothing})",
            "there is no variable {nothing}, but {home}, {project}",
        ),
        ("open(path='~/a')", "'~/a' is exact in quotes: leave them out for home"),
        ("open(path=~nobody-x/a)", "there is no user '~nobody-x'"),
        ("open(path=[z-a])", "must not hold the range z-a, which matches nothing"),
        ("os.putenv(key=[z-a])", "must not hold the range z-a, which matches nothing"),
        ("open(path=a**/b)", "'a**/b': ** stands alone between slashes"),
        ("open(path=*/../b)", "'*/../b' has .. behind a wildcard"),
        (
            "shop.sell(item=a)",
            "the arguments of shop.sell have no names but arg0, arg1",
        ),
        (
            "open('a')",
            "'a' needs the name of an argument and a = before it, or a | if it is one "
            "more value; open has",
        ),
        ("open(arg99999=a)", "open has no argument 'arg99999'"),
        (
            "subprocess.Popen(args=['a', 1])",
            "a | is between values; leave out args",
        ),
        (
            "subprocess.Popen(args=[])",
            "a | is between values; leave out args",
        ),
        (
            "subprocess.Popen(env={'A': 'b'})",
            "a | is between values; leave out env",
        ),
        (
            "os.fwalk(onerror=<function f>)",
            "cannot ask for an object; leave out onerror",
        ),
        ("open(path='/a\u2026 (1 more) \u2026b')", "path was cut; leave it out"),
        ("open(path='/a\u2026 (12 more)')", "path was cut; leave it out"),
        ("open(path=/a\u2026)", "path was cut; leave it out"),
        ("os.putenv(value='[redacted]')", "value was redacted; leave it out"),
        ("open(path='a', ...)", "was cut; leave out the ..."),
        ("@connect(port=http)", "port must be a number, not 'http'"),
        ("@connect(port=1-9)", "port must be a number, or some with |, not '1-9'"),
        ("@connect(family=ip)", "there is no address family 'ip', such as inet, inet6"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_is_meant(text, message):
    with pytest.raises(ValueError, match="^deny: .*" + re.escape(message)):
        Rules("deny", [text])


def test_a_rule_has_to_be_text():
    with pytest.raises(TypeError, match="allow must hold rules of type str, not int"):
        Rules("allow", ["open", 3])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("open(write, path=a), os.*", ["open(write, path=a)", "os.*"]),
        ("open(path='a),b'),c", ["open(path='a),b')", "c"]),
        ("open(path=it's),b,c(path=it's)", ["open(path=it's)", "b", "c(path=it's)"]),
        ("open(path=a(b),c", ["open(path=a(b)", "c"]),
        ("'a,b', !'c,d'", ["'a,b'", "!'c,d'"]),
        ("open(path='a'|'b,c', mode=\"d,)\"),e", None),
        (r"open(path='\',')", [r"open(path='\',')"]),
        (r"open(path=b'\',',mode=r)", [r"open(path=b'\',',mode=r)"]),
        ("[a,b]x,[c", ["[a,b]x", "[c"]),
        ("open(path=a),open(path=", ["open(path=a)", "open(path="]),
    ],
)
def test_commas_inside_of_a_rule_do_not_split(text, parts):
    assert split(text) == (parts or [text[:-2], "e"])


TEXTS = st.lists(st.sampled_from(PIECES)).map("".join) | st.text()


@settings(max_examples=60, deadline=None)
@given(TEXTS)
@example("'\ud800'")
@example("open(path='\0')")
@example("open(arg" + "1" * 5000 + "=x)")
@example("@connect(host=" + "\u00fc" * 70 + ")")
@example("@write(path=[!])")
@example("@write(path=a[]b)")
@example("@spawn(program=[!])")
@example("@file(database= []|127.1)")
def test_any_text_is_a_rule_or_a_value_error(text):
    try:
        rules = Rules("deny", [text])
    except ValueError:
        return
    assert parse(text).pattern
    for event in ("open", "sqlite3.connect"):  # patterns are compiled when asked
        rules.has(event, ("a", "w", 0)[: 1 + 2 * (event == "open")])


@pytest.mark.soak
def test_many_texts_are_rules_or_value_errors():
    test = test_any_text_is_a_rule_or_a_value_error
    settings(max_examples=20_000, deadline=None)(
        given(TEXTS)(test.hypothesis.inner_test)
    )()


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_nothing_is_lost_between_commas(text):
    left = text
    for part in split(text):
        assert part in left
        left = left[left.index(part) + len(part) :]
    assert "".join(split(text)).count("(") == text.count("(")


@needs(hasattr(time, "thread_time"), "there is no clock that others do not move")
@pytest.mark.parametrize(
    "piece",
    [
        *"'\"[({!=|, \\*",
        "\\'",
        "'\\",
        "b'",
        "=[",
        "{a",
        "'a' ",
        "\u2026 (1 more",
        "1|",
        "**/",
    ],
)
@pytest.mark.parametrize("start", ["", "open(path=", "shop.sell(", "'"])
def test_the_time_is_in_proportion_to_the_length(start, piece):
    def seconds(number):
        text = start + piece * number
        began = thread_time()
        for read in (split, parse):
            try:
                read(text)
            except ValueError:
                pass
        return thread_time() - began

    small = min(seconds(1000) for _ in range(3))
    large = min(seconds(16_000) for _ in range(2))
    assert large < max(0.3, 16 * 6 * small)


SHOWN = [
    ("open", ("/etc/a", "r", os.O_RDONLY)),
    ("open", ("a, b|c) 'd' \"e\"\n\u00e9\udc80*[", None, os.O_WRONLY | os.O_CREAT)),
    ("open", (b"a\xff", "wb", os.O_RDWR | os.O_APPEND | 1 << 40)),
    ("open", ("./x/../y//z/", "r", 0)),
    ("os.mkdir", ("a", 0o750, -1)),
    ("os.rename", ("a", b"b", -1, -1)),
    ("os.listdir", (None,)),
    ("os.chmod", ("a", 0o644, -1)),
    ("os.truncate", ("a", 10)),
    ("os.utime", ("a", None, None, -1)),
    ("os.kill", (1, 15)),
    ("os.putenv", (b"A", b"b=c, d")),
    ("os.system", (b"ls | wc",)),
    ("shutil.rmtree", ("a", None)),
    ("sqlite3.connect", (":memory:",)),
    ("sqlite3.connect", ("",)),
    ("sqlite3.connect", ("a.db",)),
    ("sqlite3.connect", ("file:a.db?mode=ro",)),
    ("socket.getaddrinfo", ("localhost", None, 0, 0, 0)),
    ("socket.getaddrinfo", (None, 80, 0, 0, 0)),
    (
        "socket.getaddrinfo",
        ("127.1", "http", int(socket.AF_INET), int(socket.SOCK_STREAM), 0),
    ),
    ("socket.getaddrinfo", (b"Example.COM.", 443, int(socket.AF_INET6), 0, 6)),
    ("socket.getaddrinfo", ("", 0, 0, 0, 0)),
    ("socket.getaddrinfo", ("\u00fc.example", 0, 0, 0, 0)),
    ("socket.gethostbyname", ("0.0.0.0",)),
    ("socket.gethostbyaddr", ("fe80::1%lo",)),
    ("http.client.connect", (object(), "example.com", 80)),
    ("smtplib.connect", (object(), "example.com", 0)),
    ("time.sleep", (0.25,)),
    ("time.sleep", (1e22,)),
    ("shop.sell", ("apple", 3, None, True, b"x", -1.5)),
    ("rules.described", ("a", 2)),
]


@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize(("event", "args"), SHOWN, ids=shown)
def test_a_line_of_the_tracer_can_be_pasted(event, args):
    describe("rules.described", "first", "second")
    plain = {n: v for n, v in named(event, args).items() if type(v) is not object}
    line = f"{event}({arguments_text(event, plain, [])})"
    for text in (line, *split(line)):
        assert Rules("show", [text]).has(event, args), text
    other = tuple("other" if isinstance(arg, (str, bytes)) else arg for arg in args)
    if other == args:
        other = tuple(77 for _ in args)
    assert not Rules("show", [line]).has(event, other)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=20) | st.binary(max_size=20) | st.integers() | st.floats())
def test_any_scalar_can_be_pasted(value):
    line = f"shop.sell({arguments_text('shop.sell', {'arg0': value}, [])})"
    if "\u2026" in line or "nan" in line or "inf" in line:
        return
    assert Rules("show", [line]).has("shop.sell", (value,))


@needs(MKDIR, "this Python does not tell of what it does to files")
def test_what_the_tracer_prints_of_a_program_can_be_pasted(child_of, tmp_path):
    code = (
        "import os; os.mkdir('a b'); open(b'c', 'w').close(); os.rename('c', \"d'\");"
        "os.rmdir('a b'); os.listdir(); os.symlink('x', 'y'); os.system('exit 0');"
        "os.remove('y'), os.remove(\"d'\")"
    )

    def traced(*rules):
        chosen = [word for rule in rules for word in ("-e", rule)]
        arguments = ["-m", "audithooks", *chosen, "-c", code]
        return child_of(None).start(*arguments, cwd=tmp_path).stderr.splitlines()

    lines = traced("@write,os.*,!*(path=*.pyc),!os.*env")
    assert len(lines) >= 8
    assert traced(*lines) == lines


def test_a_pattern_of_text_is_that_of_fnmatch():
    for pattern in ("a*", "*b", "[ab]?", "[!a]*", "a[*]"):
        rules = Rules("show", [f"os.putenv(key={pattern})"])
        for key in ("a", "ab", "bb", "a*", "x"):
            expected = fnmatchcase(key, pattern)
            assert rules.has("os.putenv", (key.encode(), b"")) is expected


def test_variables_stand_for_what_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "t[x]"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("HOME", str(tmp_path / "h*"))
    (tmp_path / "p" / "deep").mkdir(parents=True)
    (tmp_path / "p" / "pyproject.toml").touch()
    folder = str(tmp_path / "p" / "deep")
    for pattern, path, is_meant in [
        ("{tmp}", "t[x]/a", True),
        ("{tmp}", "tx/a", False),
        ("{home}/a", "h*/a", True),
        ("~/a", "h*/a", True),
        ("~/a", "hh/a", False),
        ("{project}/b", "p/b/c", True),
        ("{project}", "q", False),
    ]:
        rules = Rules("show", [f"open(path={pattern})"], folder)
        assert rules.has("open", (str(tmp_path / path), "r", 0)) is is_meant, pattern


@pytest.mark.parametrize(
    ("rule", "meant"),
    [
        ("@write(./build)", r"did you mean path=\./build\?"),
        ("@connect(localhost)", r"did you mean host=localhost\?"),
        ("@spawn(git)", r"did you mean program=git\?"),
        ("write(path=./build)", "there is no event 'write': did you mean @write?"),
        ("network", "there is no event 'network': did you mean @network?"),
    ],
)
def test_what_a_beginner_writes_is_told_what_is_meant(rule, meant):
    with pytest.raises(ValueError, match=meant):
        parse(rule)


@pytest.mark.parametrize(
    "text", ["a\N{HORIZONTAL ELLIPSIS}", "[redacted]", " a ", "it's", "a b", "./a"]
)
def test_any_text_can_be_quoted(text):
    (item,) = parse(f"open(path={quoted(text)})").items
    assert item.values == ((text, True),) or quoted(text) == text
