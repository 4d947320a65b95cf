"""Some rules together: what they say of an event, and where they stand for patterns."""

import os
import socket
import sys

import pytest
from features import needs
from hypothesis import given, settings
from hypothesis import strategies as st

from audithooks.catalogue import describe
from audithooks.rules import Rules, Subject

WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
SOCKET = socket.socket()
UNIX = socket.socket(getattr(socket, "AF_UNIX", socket.AF_INET))


@pytest.fixture(scope="module", autouse=True)
def closed():
    yield
    SOCKET.close()
    UNIX.close()


def outcome(rules, event, *args):
    """Whether the rules mean an event, speak about it and do not, or are silent."""
    subject = Subject(event, args)
    assert rules.has(event, args) is (rules.find(subject) is not None)
    if rules.find(subject):
        return True
    spoke = rules.speak(subject)
    assert spoke is bool(rules.speaking(subject))
    return False if spoke else None


def outcomes(texts, event, *args, folder="/w"):
    return tuple(
        outcome(Rules("x", texts, folder, s), event, *args) for s in (False, True)
    )


@pytest.mark.parametrize(
    ("rule", "event", "args", "expected"),
    [
        ("@write(path=/a)", "open", ("/a/b", "w", WRITE), True),
        ("@write(path=/a)", "open", ("/b", "w", WRITE), False),
        ("@write(path=/a)", "open", ("/b", "r", 0), None),
        ("@write(path=/a)", "open", (3, "w", WRITE), None),
        ("@write(path=/a)", "os.stat", ("/a",), None),
        ("@write(path=/a)", "sqlite3.connect", (":memory:",), None),
        ("@write(path=/a)", "open", (os.devnull, "w", WRITE), None),
        ("@write(path=*)", "open", (os.devnull, "w", WRITE), None),
        ("@write(path!=/a)", "open", (os.devnull, "w", WRITE), None),
        ("@write(path=/dev)", "open", (os.devnull, "w", WRITE), True),
        ("@write(path=/a)", "os.remove", (os.devnull, -1), False),
        ("sqlite3.connect(database=:memory:)", "sqlite3.connect", (":memory:",), True),
        ("@connect(path=None)", "socket.connect", (UNIX, "\0a"), True),
        ("@connect(path=None)", "socket.connect", (UNIX, "/a"), False),
        ("@connect(path=None)", "socket.connect", (SOCKET, ("10.0.0.2", 1)), None),
        ("open(write, path=/a)", "open", ("/a", "w", WRITE), True),
        ("open(!create, path=/a)", "open", ("/a", "w", WRITE), None),
        ("@write", "open", (os.devnull, "w", WRITE), None),
        ("@write", "open", (os.fsencode(os.devnull), "w", WRITE), None),
        ("@connect(host='/a/b')", "socket.connect", (SOCKET, ("a", 1)), False),
        ("@connect(host=10.0.0.1)", "socket.connect", (SOCKET, ("10.0.0.2", 1)), False),
        ("os.kill(sig=SIGTERM)", "os.kill", (1, 15), True),
        ("os.kill(sig=15)", "os.kill", (1, 15), True),
        ("os.kill(sig=SIG*)", "os.kill", (1, 9), True),
        ("os.kill(sig=SIGTERM|SIGKILL)", "os.kill", (1, 1), False),
        ("os.kill(sig!=SIGTERM)", "os.kill", (1, 1), True),
        ("os.kill(pid=1, sig=15)", "os.kill", (2, 15), False),
        ("os.kill(sig=15)", "os.kill", (1,), None),
        ("os.kill(arg1=15)", "os.kill", (1, 15), True),
        ("os.mkdir(mode=0o777)", "os.mkdir", ("a", 0o777, -1), True),
        ("os.mkdir(mode=511)", "os.mkdir", ("a", 0o777, -1), True),
        ("open(flags=O_CREAT)", "open", ("a", "w", WRITE), True),
        ("open(flags=O_CREAT|O_TRUNC)", "open", ("a", "w", WRITE), True),
        ("open(flags=O_CREAT|O_APPEND)", "open", ("a", "w", WRITE), False),
        ("open(flags!=O_APPEND)", "open", ("a", "w", WRITE), True),
        ("open(mode=w*)", "open", ("a", "wb", WRITE), True),
        ("open(mode=None)", "open", ("a", None, WRITE), True),
        ("*(path=/a)", "os.listdir", ("/a/b",), True),
        ("*(path=/a)", "os.fork", (), None),
        ("os.*(path=/a)", "open", ("/a", "r", 0), None),
        ("@file(path=/a)", "os.chdir", ("/a",), True),
        ("shop.sell", "shop.sell", (1,), True),
        ("shop.sell(arg0=apple)", "shop.sell", ("apple",), True),
        ("shop.*(arg0=apple, arg1=3)", "shop.sell", (b"apple", 4), False),
        ("shop.*(arg0=apple)", "shop.sell", (), None),
        ("shop.*(arg0=apple)", "shop.sell", (["apple"],), None),
        ("shop.sell(arg0=*)", "shop.sell", (2.5,), True),
        ("shop.sell(arg0=True)", "shop.sell", (True,), True),
    ],
)
def test_there_are_three_outcomes(rule, event, args, expected):
    needs_flags = "O_" in rule and Rules("x", ["open(flags=O_RDONLY)"]).has(
        "open", ("a", "r", 0)
    )
    if "O_" in rule and not needs_flags:
        pytest.skip("the flags of this Python have no names")
    assert outcomes([rule], event, *args) == (expected, expected)


class Raises:
    def __fspath__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("rule", "event", "args"),
    [
        ("@write(path=/a)", "open", (Raises(), "w", WRITE)),
        ("@write(path!=/a)", "os.mkdir", (Raises(), 0, -1)),
        ("shop.sell(arg0=a)", "shop.sell", (Raises(),)),
        ("shop.sell(arg0!=a)", "shop.sell", (Raises(),)),
        ("os.putenv(key=a)", "os.putenv", (Raises(), b"")),
        ("@connect(host=10.0.0.0/8)", "socket.connect", (SOCKET, ("a.example", 1))),
        ("@connect(host=10.0.0.0/8)", "socket.connect", (None, None)),
        ("@spawn(program=git)", "subprocess.Popen", ()),
        ("open(write)", "open", ("a",)),
    ],
)
def test_what_is_not_told_counts_against_the_program(rule, event, args):
    assert outcomes([rule], event, *args)[0] is True
    assert outcomes([rule], event, *args)[1] is not True


def test_a_number_of_many_digits_does_not_raise():
    assert outcomes(["shop.sell(arg0=3)"], "shop.sell", 10**9999)[1] is False


def test_the_rule_that_was_found_is_told():
    rules = Rules("x", ["@write(path=/a)", "@write(path=/b)", "open(path=/c)"])
    for path, text in [("/a", 0), ("/b/x", 1), ("/c", 2)]:
        found = rules.find(Subject("open", (path, "w", WRITE)))
        assert found is rules.rules[text]
    subject = Subject("open", ("/d", "w", WRITE))
    assert rules.find(subject) is None
    assert rules.speaking(subject) == rules.rules
    assert rules.speaking(Subject("os.mkdir", ("/d", 0, -1))) == rules.rules[:2]


def test_a_rule_is_told_for_what_nobody_can_tell(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    rules = Rules("x", ["@write(path=/a)", "@write(path=/b)"])
    for path in (loop, Raises()):
        assert rules.find(Subject("open", (path, "w", WRITE))) is rules.rules[0]


def test_two_ends_may_be_allowed_by_a_rule_each():
    texts = ["@write(path=/a)", "@write(path=/b)"]
    args = "/a/x", "/b/x", -1, -1
    assert outcomes(texts, "os.rename", *args) == (True, True)
    assert outcomes(["@write(path=/a|/b)"], "os.rename", *args) == (True, True)
    assert outcomes(texts[:1], "os.rename", *args) == (True, False)


RULES = ["@write(path=/w/a)", "@write(path=a)", "@write(path!=/w/a)", "@write"]
RULES += ["open(write, path=/w/b)", "open(path=./a)", "open(create)", "open(!create)"]
RULES += ["@read(path=/w)", "@file(path='/w/a')", "os.*(path=*a)", "*(path=/w/b/*)"]
RULES += ["os.rename(src=/w/a)", "@write(path=/w/a, path!=/w/a/b)", "open(mode=w)"]
PATHS = ["/w", "/w/a", "/w/a/b", "/w/b/a", "/w/b", "a", 3]
EVENTS = st.one_of(
    st.tuples(
        st.just("open"),
        st.sampled_from(PATHS),
        st.sampled_from(["r", "w", "r+"]),
        st.sampled_from([0, WRITE]),
    ),
    st.tuples(st.sampled_from(["os.mkdir", "os.chmod"]), st.sampled_from(PATHS)).map(
        lambda event: (*event, 0, -1)
    ),
    st.tuples(
        st.sampled_from(["os.listdir", "sqlite3.connect"]), st.sampled_from(PATHS)
    ),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(RULES), max_size=6), EVENTS, st.booleans())
def test_many_rules_say_what_each_says_alone(texts, event, strict):
    event, *args = event
    alone = [outcome(Rules("x", [text], "/w", strict), event, *args) for text in texts]
    together = Rules("x", texts, "/w", strict)
    expected = True if True in alone else False if False in alone else None
    assert outcome(together, event, *args) is expected
    found = together.find(Subject(event, tuple(args)))
    assert found is None or True in [
        says for text, says in zip(texts, alone) if text == found.text
    ]
    speaking = [rule.text for rule in together.speaking(Subject(event, tuple(args)))]
    assert sorted(speaking) == sorted(
        t for t, says in zip(texts, alone) if says is False
    )


def test_rules_with_one_kind_of_path_are_asked_at_once():
    rules = Rules("x", [f"@write(path=/a{number})" for number in range(100)])
    assert len(rules._entries("open")) == 1
    assert rules.find(Subject("os.mkdir", ("/a73/b", 0, -1))) is rules.rules[73]


def test_a_rule_is_made_when_it_is_given(tmp_path, monkeypatch):
    root = tmp_path.resolve()
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(root / "home"))
    rules = Rules("allow", ["@write(path=./build|~/a)"], strict=True)
    (root / "secret").mkdir()
    (root / "build").symlink_to("secret")
    monkeypatch.setenv("HOME", str(root / "secret"))
    for path in ("build/x", "secret/x", f"{root}/secret/a"):
        assert not rules.has("open", (path, "w", WRITE))
    assert rules.has("open", (f"{root}/home/a", "w", WRITE))


def test_the_names_are_those_that_subscribe_takes():
    texts = ["open(write)", "'a*'", "os.*", "@write(path=a)", "@write", "@file"]
    rules = Rules("x", texts)
    assert rules
    assert rules.names == ("open", "a[*]", "os.*", "@write", "@write", "@file")
    assert {"open"} & {*rules.plain_names} == set()
    assert {"os.mkdir", "a[*]", "os.*", "@file"} <= {*rules.plain_names}
    assert rules.need_arguments
    assert not Rules("x", ["os.*", "'a*'", "@connect"]).need_arguments
    assert not Rules("x", [])


@pytest.mark.usefixtures("forget")
def test_a_described_event_has_names(dispatcher):
    describe("rules.sell", "item", "price", groups=["rules"])
    early = Rules("x", ["rules.*(item=apple)"])
    describe("rules.buy", "price", "item", groups=["rules"])
    seen = []
    dispatcher.subscribe(lambda event, args: seen.append(args), "@rules(item=apple)")
    dispatcher.audit("rules.sell", "apple", 3)
    dispatcher.audit("rules.sell", "pear", "apple")
    dispatcher.audit("rules.buy", 3, "apple")
    assert seen == [("apple", 3), (3, "apple")]
    assert early.has("rules.buy", (3, "apple"))
    with pytest.raises(ValueError, match="@rules has no argument 'itme': did you mean"):
        Rules("x", ["@rules(itme=apple)"])


# Where they stand for patterns --------------------------------------------------------

SOLD = [("shop.sell", i, n) for i in ("apple", "pear") for n in (1, 2)]


def sell(domain):
    for event in SOLD:
        domain.audit(*event)
    domain.audit("shop.close")


def seen_by(domain, *events, **options):
    seen = []
    domain.subscribe(lambda *event: seen.append(event), *events, **options)
    sell(domain)
    return [(event, *args) for event, args in seen if event.startswith("shop.")]


@pytest.mark.parametrize(
    ("events", "exclude", "expected"),
    [
        (["shop.sell(arg0=apple)"], [], SOLD[:2]),
        (["shop.*(arg0=apple, arg1=2)"], [], SOLD[1:2]),
        (["shop.sell(arg0=apple)", "shop.sell(arg1=2)"], [], [*SOLD[:2], SOLD[3]]),
        (["shop.close", "shop.sell(arg1=1)"], [], [SOLD[0], SOLD[2], ("shop.close",)]),
        (["shop.*"], ["shop.sell(arg0=apple)"], [*SOLD[2:], ("shop.close",)]),
        (["shop.*(arg0=apple)"], ["shop.sell(arg1=1)"], SOLD[1:2]),
        (["shop.*(arg0=apple)"], ["shop.sell"], []),
        (["'shop.sell'"], [], SOLD),
        ([], ["shop.sell(arg0=*)"], [("shop.close",)]),
        ([], ["shop.close", "shop.sell(arg0=pear)"], SOLD[:2]),
        (["shop.sell(arg9=1)"], [], []),
    ],
)
def test_subscribe_takes_rules(domain, events, exclude, expected):
    assert seen_by(domain, *events, exclude=exclude) == expected


@pytest.mark.parametrize(
    ("events", "exclude", "expected"),
    [
        (["shop.sell(arg0=apple)"], [], SOLD[:2]),
        (["shop.*"], ["shop.sell(arg0=apple)"], [*SOLD[2:], ("shop.close",)]),
    ],
)
def test_capture_takes_rules(domain, events, exclude, expected):
    for _ in range(2):
        with domain.capture(*events, exclude=exclude) as records:
            sell(domain)
        assert [(record.event, *record.args) for record in records] == expected


def test_a_hook_of_a_rule_may_refuse_an_event(domain):
    def deny(event, args):
        raise PermissionError(args[0])

    domain.subscribe(deny, "shop.sell(arg0=apple)")
    domain.audit("shop.sell", "pear")
    with pytest.raises(PermissionError, match="apple"):
        domain.audit("shop.sell", "apple")


def test_a_subscription_of_rules_ends(domain):
    seen = []
    subscription = domain.subscribe(lambda *event: seen.append(event), "shop.*(arg0=a)")
    domain.audit("shop.sell", "a")
    subscription.pause()
    domain.audit("shop.sell", "a")
    subscription.resume()
    domain.audit("shop.sell", "a")
    subscription.close()
    domain.audit("shop.sell", "a")
    assert seen == [("shop.sell", ("a",))] * 2
    assert subscription.events == ("shop.*(arg0=a)",)


@pytest.mark.parametrize("argument", ["events", "exclude"])
@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("open(wirte)", "open has no intent or argument 'wirte': did you mean write?"),
        ("@nothing(path=a)", "there is no group '@nothing'"),
        ("open(path=[z-a])", "must not hold the range z-a"),
    ],
)
def test_a_wrong_rule_is_refused_before_anything_changed(
    dispatcher, argument, rule, message
):
    arguments = {"exclude": rule} if argument == "exclude" else {}
    events = [rule] if argument == "events" else []
    for call in (
        dispatcher.capture,
        lambda *e, **o: dispatcher.subscribe(print, *e, **o),
    ):
        with pytest.raises(ValueError, match=f"{argument}: .*") as caught:
            call(*events, **arguments)
        assert message in str(caught.value)
    assert dispatcher.subscriptions == ()


CPYTHON = sys.implementation.name == "cpython"


@needs(CPYTHON, "native hooks need CPython")
def test_a_native_hook_takes_no_rules(dispatcher, client):
    for events, exclude in ((["open(write)"], []), ([], "open(write)")):
        with pytest.raises(TypeError, match=r"a native hook takes .*: 'open\(write\)'"):
            dispatcher.subscribe(client.capsule("log", []), *events, exclude=exclude)
    assert dispatcher.subscriptions == ()


@needs(CPYTHON, "nothing is called while the interpreter ends")
def test_rules_do_not_disturb_what_comes_while_the_interpreter_ends(child, tmp_path):
    code = """
import builtins, os, sys, audithooks
def hook(event, args, write=os.write):
    write(1, b"seen ")
class Late:
    def __del__(self, open=open, write=os.write):
        for path in ("a", "b", "a"):
            open(path, "wb").close()
        write(1, b"done ")
audithooks.subscribe(hook, "@write(path=./a)")
builtins.late = Late()
sys.late = Late()
"""
    words = child.run(code, cwd=tmp_path).split()
    assert words.count("done") == 2
    assert words.count("seen") >= 4


def test_a_rule_raises_no_event_for_an_event(child, tmp_path):
    code = """
import os, socket, sqlite3, sys, audithooks
seen = []
names = ["@write(path=*x*)", "@connect(host=*.example|10.0.0.0/8, port=1)"]
names += ["@read(path=~)", "@connect(path=./run)", "@connect(family=inet)"]
names += ["@spawn(program=git|/bin/*, argv=a)"]
for name in names:
    audithooks.subscribe(lambda event, args: None, name)
sys.addaudithook(lambda event, args: seen.append(event))
def raised(event, *args):
    seen.clear()
    sys.audit(event, *args)
    return [name for name in seen if name != event]
made, unix = socket.socket(), socket.socket(socket.AF_UNIX)
print(raised("open", "a/x", "w", os.O_WRONLY), raised("os.mkdir", b"x", 0, -1),
      raised("sqlite3.connect", "file:x%20y?mode=ro"), raised("os.listdir", None),
      raised("socket.connect", made, ("10.0.0.1", 1)),
      raised("socket.connect", unix, "a"),
      raised("socket.getaddrinfo", "a.example", 1, 0, 0, 0),
      raised("subprocess.Popen", "git", ["git"], None, None))
"""
    assert child.run(code, cwd=tmp_path) == " ".join(["[]"] * 8) + "\n"


def test_most_programs_do_without_rules(child):
    code = """
import sys, audithooks
audithooks.subscribe(print, "shop.*", "@database", exclude="shop.close")
print([name for name in sys.modules if name.startswith("audithooks.rules")])
"""
    assert child.run(code) == "[]\n"


def test_what_is_allowed_with_an_intent_is_nothing_without():
    rule = "@write(create, path=/a)"
    assert outcomes([rule], "os.mkdir", "/a", 0, -1) == (None, False)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (("/a/x", "/b/x"), True),
        (("/b/x", "/a/x"), True),
        (("/a/x", "/b/secret"), False),
        (("/c/x", "/b/x"), False),
    ],
)
def test_each_path_may_be_allowed_by_another_rule(ends, expected):
    rules = Rules(
        "x", ["@write(path=/a)", "@write(path=/b, path!=/b/secret)"], "/w", strict=True
    )
    assert rules.has("os.rename", (*ends, -1, -1)) is expected
    assert bool(rules.find(Subject("os.rename", (*ends, -1, -1)))) is expected
