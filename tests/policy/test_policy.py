"""Policies: which rule decides, what is said, and where a policy holds."""

import asyncio
import importlib
import json
import logging
import os
import socket
import sys
import threading

import pytest
from features import CPYTHON_EVENTS, EVENT_LOOPS, PROCESSES, needs

from audithooks import AuditHooksWarning
from audithooks._globs import is_rule
from audithooks.policy import Decision, Policy, allow, deny
from audithooks.policy.policy import Ruling
from audithooks.sinks import JsonLines, Limited, Logging

WRITE = "w", os.O_WRONLY | os.O_CREAT
READ = "r", os.O_RDONLY
NOT_B = "!@write(path=/a/b)"


def write(path):
    with open(path, "w"):
        pass


def decided(policy, event, *args):
    """Return the action and the id of the rule, or None."""
    decision = policy.decide(event, args)
    return None if decision is None else (decision.action, decision.rule)


RULES = {
    "deny": ["open(path=/a/b)", "@file"],
    "allow": ["open(path=/a)"],
    "report": ["shop.*"],
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("event", "args", "outcome"),
    [
        ("open", ("/a/b/c", *READ), ("denied", "deny-1")),
        ("open", ("/a/c", *READ), ("allowed", "allow-1")),
        ("open", ("/c", *READ), ("denied", "deny-2")),
        ("os.mkdir", ("/a/c", 0, -1), ("denied", "deny-2")),
        ("shop.sell", (1,), ("reported", "report-1")),
        ("other", (), None),
    ],
)
def test_the_tier_decides_and_no_order(event, args, outcome, turned):
    rules = {tier: rules[::-1] if turned else rules for tier, rules in RULES.items()}
    found = decided(Policy.from_rules(**rules), event, *args)
    if turned and outcome is not None and outcome[1].startswith("deny"):
        outcome = outcome[0], {"deny-1": "deny-2", "deny-2": "deny-1"}[outcome[1]]
    assert found == outcome


def test_a_rule_that_allows_closes_its_kind_and_nothing_else():
    policy = Policy.from_rules(allow="open(write, path=/a)")
    assert decided(policy, "open", "/a/b", *WRITE) == ("allowed", "allow-1")
    assert decided(policy, "open", "/b", *WRITE) == ("denied", "allow-1")
    assert decided(policy, "open", "/b", *READ) is None
    assert decided(policy, "os.mkdir", "/b", 0, -1) is None


@pytest.mark.parametrize("given", [{"default": "deny"}, {"deny": "@write"}])
def test_a_descriptor_was_judged_when_it_was_opened(given):
    policy = Policy.from_rules(**given)
    assert decided(policy, "open", 3, *WRITE) is None
    assert decided(policy, "open", "3", *WRITE)[0] == "denied"


def test_what_would_allow_an_event_of_a_descriptor_is_no_more_than_its_name():
    decision = Policy.from_rules(deny="@write").decide("os.truncate", (3, 0))
    assert (decision.action, decision.to_allow) == ("denied", "os.truncate")


def test_what_a_rule_that_allows_needs_is_allowed_by_it():
    policy = Policy.from_rules(
        allow="@connect(host=localhost)", deny="@network", report="socket.__new__"
    )
    args = None, 2, 1, 0
    decision = policy.decide("socket.__new__", args)
    assert (decision.action, decision.rule) == ("allowed", "allow-1")
    assert decision.because == "allow-1: @connect(host=localhost) needs it"
    assert policy.refuse("socket.__new__", args) is None


def test_a_rule_that_allows_without_arguments_closes_nothing():
    policy = Policy.from_rules(allow="@write")
    assert decided(policy, "open", "/b", *WRITE) == ("allowed", "allow-1")
    assert decided(policy, "open", "/b", *READ) is None


@pytest.mark.parametrize(
    ("rules", "event", "args", "outcome"),
    [
        ({"deny": "shop.*,!shop.buy"}, "shop.sell", (), "denied"),
        ({"deny": "shop.*,!shop.buy"}, "shop.buy", (), None),
        ({"deny": f"@write(path=/a),{NOT_B}"}, "os.rmdir", ("/a/b", -1), None),
        ({"allow": f"@write(path=/a),{NOT_B}"}, "os.rmdir", ("/a/b", -1), "denied"),
        ({"allow": f"@write(path=/a),{NOT_B}"}, "os.rmdir", ("/a/c", -1), "allowed"),
        ({"deny": "*", "allow": "!shop.*,shop.sell"}, "shop.sell", (), "denied"),
    ],
)  # fmt: skip
def test_exceptions_work_in_both_directions(rules, event, args, outcome):
    found = decided(Policy.from_rules(**rules), event, *args)
    assert (found and found[0]) == outcome


def test_the_default_denies_what_changes_the_world():
    policy = Policy.from_rules(default="deny", allow="@write(path=/a)")
    assert decided(policy, "open", "/a/b", *WRITE) == ("allowed", "allow-1")
    assert decided(policy, "open", "/b", *READ) is None
    assert decided(policy, "open", os.devnull, *WRITE) is None
    assert decided(policy, "os.system", "ls") == ("denied", None)
    assert decided(policy, "socket.gethostbyname", "x.invalid") == ("denied", None)
    assert decided(policy, "import", "x", None, None, None, None) is None


@pytest.mark.parametrize(
    ("rules", "event", "args", "text"),
    [
        (
            {"allow": "@connect(host=localhost)"},
            "socket.getaddrinfo",
            ("example.com", 80, 0, 0, 0),
            "audithooks: may not look up example.com [socket.getaddrinfo; "
            "not in allow-1: @connect(host=localhost)]; "
            "to allow it: @connect(host=example.com)",
        ),
        (
            {"deny": "@write(path=/a)"},
            "os.rename",
            ("/a/x", "/b/y z", -1, -1),
            "audithooks: may not rename /a/x to /b/y z [os.rename; "
            "deny-1: @write(path=/a)]",
        ),
        (
            {"deny": "@process"},
            "subprocess.Popen",
            ("/bin/sh", ["/bin/sh", "-c", "rm -rf x"], None, None),
            "audithooks: may not start the shell /bin/sh with 'rm -rf x' "
            "[subprocess.Popen; deny-1: @process]; "
            "to allow it: @spawn(program=/bin/sh)",
        ),
        (
            {"allow": [f"@read(path=/{n})" for n in range(8)]},
            "os.listdir",
            ("/x",),
            "audithooks: may not list /x [os.listdir; in none of the 8 @read rules "
            "that allow]; to allow it: @read(path=/x)",
        ),
        (
            {"deny": "@network"},
            "urllib.Request",
            ("https://joe:swordfish@a.com/?token=swordfish", None, {}, "GET"),
            "audithooks: may not request https://[redacted]@a.com/?token=[redacted] "
            "[urllib.Request; deny-1: @network]; "
            "to allow it: @connect(host=a.com, port=443)",
        ),
        (
            {"deny": "@network"},
            "socket.__new__",
            (None, 2, 1, 0),
            "audithooks: may not make a socket of inet "
            "[socket.__new__; deny-1: @network]; to allow it: @connect",
        ),
        (
            {"deny": "urllib.*"},  # alone: to allow connections would close the others
            "urllib.Request",
            ("https://a.com/", None, {}, "GET"),
            "audithooks: may not request https://a.com/ "
            "[urllib.Request; deny-1: urllib.*]; to allow it: urllib.Request",
        ),
        (
            {"deny": "shop.*"},
            "shop.sell",
            (1,),
            "audithooks: may not raise shop.sell [deny-1: shop.*]; "
            "to allow it: shop.sell",
        ),
    ],
)
def test_a_refusal_says_what_why_and_what_would_allow_it(rules, event, args, text):
    assert Policy.from_rules(**rules).decide(event, args).text() == text


@pytest.mark.parametrize(
    ("event", "args"),
    [
        ("open", ("/b c/d,e|f'g", *WRITE)),
        ("open", ("/[x]/*", *WRITE)),
        ("os.rename", ("/x", "/y", -1, -1)),
        ("sqlite3.connect", ("/x.db",)),
        ("shutil.rmtree", ("/x", -1)),
        ("socket.getaddrinfo", ("example.com", 80, 0, 0, 0)),
        ("http.client.connect", (None, "example.com", 80)),
        ("urllib.Request", ("ftp://joe:x@[::1]:2121/x", None, {}, "GET")),
        ("urllib.Request", ("file:///x", None, {}, "GET")),
        ("urllib.Request", ("http://a:99999", None, {}, "GET")),
        ("urllib.Request", (f"http://a:{'9' * 5000}/", None, {}, "GET")),
        ("socket.__new__", (None, 1, 1, 0)),
        ("smtplib.send", (None, b"x")),
        ("subprocess.Popen", ("/usr/bin/env", ["env"], None, None)),
        ("os.system", ("ls",)),
        ("os.listdir", ("/x y",)),
        ("shop.sell", (1,)),
    ],
)
def test_what_would_allow_it_does(event, args):
    rules = {"deny": ["@write", "@read", "@network", "@process", "@database", "shop.*"]}
    decision = Policy.from_rules(**rules).decide(event, args)
    assert decision.action == "denied"
    again = Policy.from_rules(**rules, allow=decision.to_allow)
    assert again.decide(event, args).action == "allowed"


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            {"deny": "opn"},
            "deny: no version of CPython raises 'opn': did you mean open?",
        ),
        ({"allow": "@write(pth=x)"}, "allow: .* did you mean path?"),
        ({"report": "@nothing"}, "there is no group '@nothing'"),
        ({"default": "refuse"}, "default must be 'allow' or 'deny', not 'refuse'"),
    ],
)
def test_wrong_rules_are_named(rules, message):
    with pytest.raises(ValueError, match=message):
        Policy.from_rules(**rules)
    with pytest.raises(TypeError, match="deny must hold rules of type str, not int"):
        Policy.from_rules(deny=[1])
    with pytest.raises(TypeError, match="takes at least one rule"):
        deny()


def test_a_block_denies_and_ends(policies, tmp_path):
    with policies.deny("@write(path=.)") as policy:
        with pytest.raises(PermissionError, match=r"may not write .*/x "):
            write("x")
        with open(tmp_path.parent / "other", "w"):
            pass
    with open("x", "w"):
        pass
    ((decision, count),) = policy.report()
    assert isinstance(decision, Decision)
    assert (decision.action, decision.event, count) == ("denied", "open", 1)


def test_of_blocks_in_each_other_all_have_to_agree(policies):
    with policies.deny("@write(path=./a)"), policies.allow("@write(path=.)"):
        with pytest.raises(PermissionError, match="deny-1"):
            write("a")
        with pytest.raises(PermissionError, match="allow-1"):
            write("../b")
        with open("b", "w"):
            pass


@needs(EVENT_LOOPS, "this system cannot run an event loop to its end")
def test_a_block_is_of_its_context(policies):
    outcomes = []

    def write():
        try:
            open("x", "w").close()
            outcomes.append("written")
        except PermissionError:
            outcomes.append("refused")

    async def main():
        with policies.deny("@write"):
            write()
            await asyncio.to_thread(write)
            thread = threading.Thread(target=write)
            thread.start()
            thread.join()

    asyncio.run(main())
    assert outcomes[:2] == ["refused", "refused"]
    with policies.deny("@write", scope="process"):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert outcomes[3] == "refused"


def test_permissive_refuses_nothing_and_tells(policies):
    policy = policies.Policy.from_rules(deny="@write")
    seen = []
    with policy.enforce(permissive=True, sink=lambda *told: seen.append(told)):
        write("x")
    ((event, args, members),) = seen
    assert (event, args[0], members["action"]) == ("open", "x", "would deny")
    ((decision, count),) = policy.report()
    assert (decision.members(), count) == (members, 1)


def test_json_lines_have_every_decision(policies):
    policy = policies.Policy.from_rules(allow="@write(path=./a)")
    with JsonLines("decisions") as sink, policy.enforce(sink=sink):
        write("a")
        with pytest.raises(PermissionError):
            write("b")
    with open("decisions") as file:
        allowed, denied = map(json.loads, file)
    assert (allowed["action"], allowed["rule"]) == ("allowed", "allow-1")
    assert denied["action"] == "denied"
    assert denied["because"] == "not in allow-1: @write(path=./a)"
    assert denied["subject"] == f"write {os.path.realpath('b')}"
    assert denied["to_allow"] == f"@write(path={os.path.realpath('b')})"


def test_logging_has_every_decision(policies, caplog):
    with caplog.at_level(logging.INFO), Logging("audit") as sink:
        policy = policies.Policy.from_rules(deny="shop.*")
        limited = Limited(sink, per_second=100)
        with policy.enforce(sink=limited), pytest.raises(PermissionError):
            sys.audit("shop.sell", 1)
    (record,) = caplog.records
    assert record.getMessage() == "shop.sell(1) = denied (deny-1)"
    assert record.audit_decision["because"] == "deny-1: shop.*"


def test_a_policy_is_enforced_once_at_a_time(policies):
    enforcement = policies.deny("shop.*")
    again = pytest.raises(RuntimeError, match="is being enforced already")
    with enforcement, again:
        enforcement.__enter__()
    with enforcement:
        pass


@needs(EVENT_LOOPS, "this system cannot run an event loop to its end")
def test_a_loop_of_asyncio_may_be_made(policies):
    with policies.deny("@network", scope="process"):
        asyncio.run(asyncio.sleep(0))


@pytest.mark.parametrize("rule", ["@write(path=.)", "@read", "@network", "shop.*"])
def test_the_patterns_of_a_policy_are_no_rules(rule):
    """For them subscribe() would ask again what the policy asks."""
    policy = Policy.from_rules(deny=rule)
    assert not any(map(is_rule, policy.patterns))
    assert len(policy.patterns) > 5 or rule in policy.patterns


def test_repr():
    policy = Policy.from_rules(
        deny="@network", allow="@connect(host=x)", default="deny"
    )
    assert repr(policy) == (
        "<Policy: deny @network; allow @connect(host=x); by default deny>"
    )
    assert repr(Policy.from_rules()) == "<Policy: no rules>"
    assert allow("@write")._policy.decide("x", ()) is None


@pytest.mark.parametrize(
    ("event", "args"),
    [
        ("subprocess.Popen", ("sh", ["sh", "-c", "mysql -phunter2 x"], None, None)),
        ("os.system", (b"curl -u me:hunter2 http://a:hunter2@b/",)),
        ("socket.getaddrinfo", ("me:hunter2@example.com", 80, 0, 0, 0)),
        ("socket.getaddrinfo", ("http://me:hunter2@example.com/", 80, 0, 0, 0)),
    ],
)
def test_a_decision_has_no_secrets(event, args):
    decision = Policy.from_rules(deny="@spawn,@connect").decide(event, args)
    assert decision.action == "denied"
    assert "hunter2" not in f"{decision}"


@pytest.mark.parametrize("host", ["a=b", "a b", "a|b", "x@y", "http://x/y", "*"])
def test_what_would_allow_a_host_is_a_rule(host):
    decision = Policy.from_rules(deny="@connect").decide(
        "socket.gethostbyname", (host,)
    )
    Policy.from_rules(allow=decision.to_allow)


@pytest.mark.parametrize("tier", ["deny", "allow", "report"])
def test_exceptions_alone_are_refused(tier):
    with pytest.raises(ValueError, match=f"{tier} has only exceptions"):
        Policy.from_rules(**{tier: ["!open", "!@write"]})


def test_what_a_decision_says_stays_in_a_line():
    rules = [
        Ruling("a", "deny", "@write", "it\nis\x1b[31m red"),
        Ruling("b", "allow", "@connect(host=x.org)", "any"),
    ]
    decision = Policy(rules).decide("open", ("/a\nb\x1b", *WRITE))
    assert decision.text().isprintable()


def test_of_two_rules_of_one_text_the_first_is_named():
    rules = Ruling("a", "deny", "@write", "one"), Ruling("b", "deny", "@write", "two")
    assert decided(Policy(rules), "open", "/x", *WRITE) == ("denied", "a")


UNSEEN = (
    "no rule sees the connections, name look-ups and processes of uvloop, "
    "which raise no events"
)


@pytest.fixture
def uvloop(tmp_path, monkeypatch):
    """A module of that name, which can be imported."""
    (tmp_path / "uvloop.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("uvloop", None)


@pytest.mark.parametrize("rule", ["@network", "@listen", "@spawn(program=git)"])
@pytest.mark.parametrize(
    "before",
    [
        True,
        pytest.param(
            False,
            marks=[
                needs(CPYTHON_EVENTS, "there is no event import"),
                needs(PROCESSES, "without them a frame of the tests stands between"),
            ],
        ),
    ],
)
def test_of_a_module_without_events_a_policy_warns_once(
    policies, uvloop, recwarn, rule, before
):
    if before:
        importlib.import_module("uvloop")
    policy = policies.Policy.from_rules(deny=rule)
    for _ in range(2):
        with policy.enforce():
            import uvloop  # noqa: F401
        del sys.modules["uvloop"]
    (given,) = recwarn.list
    assert given.category is AuditHooksWarning
    assert str(given.message) == UNSEEN
    assert os.path.samefile(given.filename, __file__)


def test_there_is_no_warning_of_what_no_rule_is_about(policies, uvloop, recwarn):
    with policies.deny("@write"):
        import uvloop  # noqa: F401
    assert not recwarn.list


@pytest.mark.parametrize(
    ("event", "args", "outcome"),
    [
        ("os.mkdir", ("/a/x", 0, -1), None),
        ("os.rename", ("/a/x", "/a/y", -1, -1), None),
        ("os.rename", ("/a/x", "/b/y", -1, -1), "denied"),
        ("os.rename", ("/b/x", "/a/y", -1, -1), "denied"),
        ("os.link", ("/a/x", "/b/y", -1, -1), "denied"),
    ],
)
def test_an_exception_of_what_is_denied_is_meant_as_a_whole(event, args, outcome):
    for rules in "@write,!@write(path=/a)", "@write(path=*),!@write(path=/a)":
        found = decided(Policy.from_rules(deny=rules), event, *args)
        assert (found and found[0]) == outcome


def test_an_exception_leads_nowhere_else(tmp_path):
    (tmp_path / "in").mkdir()
    os.symlink("..", tmp_path / "in" / "link")
    policy = Policy.from_rules(deny=f"@write,!@write(path={tmp_path}/in)")
    assert decided(policy, "open", f"{tmp_path}/in/a", *WRITE) is None
    outside = decided(policy, "open", f"{tmp_path}/in/link/a", *WRITE)
    assert outside == ("denied", "deny-1")


def test_what_is_denied_by_its_name_is_not_opened_by_a_rule_that_needs_it():
    policy = Policy.from_rules(deny="os.fork", allow="@spawn(program=git)")
    assert decided(policy, "os.fork") == ("denied", "deny-1")
    policy = Policy.from_rules(deny="@process", allow="@spawn(program=git)")
    assert decided(policy, "os.fork") == ("allowed", "allow-1")


def test_an_exception_opens_what_it_needs():
    policy = Policy.from_rules(deny="@network,!@connect(host=localhost)")
    found = policy.decide("socket.__new__", (None, 2, 1, 0))
    assert (found.action, found.rule) == ("allowed", "deny-2")
    assert policy.refuse("socket.__new__", (None, 2, 1, 0)) is None
    assert decided(policy, "socket.gethostbyname", "x.org") == ("denied", "deny-1")


def test_a_socket_without_a_path_has_a_rule_that_can_be_used():
    policy = Policy.from_rules(deny="@network")
    rule = policy.decide("socket.__new__", (None, int(socket.AF_INET), 1, 0)).to_allow
    assert Policy.from_rules(allow=rule)
    if hasattr(socket, "AF_UNIX"):
        args = None, int(socket.AF_UNIX), 1, 0
        rule = policy.decide("socket.__new__", args).to_allow
        assert Policy.from_rules(allow=rule).decide("socket.__new__", args)


@pytest.mark.parametrize("text", ['"@write"', "'@write(path=a)'", "'open(path=a)'"])
def test_a_rule_in_quotes_is_an_error(text):
    with pytest.raises(ValueError, match="leave out its quotes"):
        Policy.from_rules(deny=text)


def test_the_null_device_can_be_allowed():
    policy = Policy.from_rules(deny="open", allow=f"@write(path={os.devnull})")
    assert decided(policy, "open", os.devnull, *WRITE) == ("allowed", "allow-1")


@pytest.mark.parametrize(
    ("event", "args"),
    [
        ("os.chmod", (3, 0, -1)),
        ("os.truncate", (3, 0)),
        ("sqlite3.connect", (":memory:",)),
    ],
)
def test_the_default_denies_nothing_that_has_no_path(event, args):
    assert Policy.from_rules(default="deny").decide(event, args) is None


def test_an_exception_has_no_rule_that_would_allow():
    policy = Policy.from_rules(allow=f"@write(path=/a),{NOT_B}")
    decision = policy.decide("os.rmdir", ("/a/b", -1))
    assert decision.because == "it is an exception of what is allowed"
    assert decision.to_allow is None


def test_what_is_opened_for_both_is_said_as_the_rule_has_it():
    args = "/b", "r+", os.O_RDWR
    decision = Policy.from_rules(allow="@read(path=/a)").decide("open", args)
    assert (decision.subject, decision.to_allow) == ("read /b", "@read(path=/b)")
    decision = Policy.from_rules(allow="@write(path=/a)").decide("open", args)
    assert (decision.subject, decision.to_allow) == ("write /b", "@write(path=/b)")


@pytest.mark.skipif(not hasattr(os, "posix_spawnp"), reason="there is none")
def test_a_program_that_may_be_one_of_two_has_a_rule_for_both(tmp_path, monkeypatch):
    tmp_path = tmp_path.resolve()
    for folder in "bin", "here":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "git").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path / "here")
    policy = Policy.from_rules(allow="@spawn(program=git)")
    args = "git", ["git"], None
    rule = policy.decide("os.posix_spawn", args).to_allow
    assert rule == f"@spawn(program={tmp_path}/bin/git|{tmp_path}/here/git)"
    policy = Policy.from_rules(allow=["@spawn(program=git)", rule])
    assert policy.decide("os.posix_spawn", args).action == "allowed"
