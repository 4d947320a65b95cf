"""Policies in files of TOML."""

import importlib.util
import os
import sys

import pytest
from features import needs
from pages import block

from audithooks.policy import Policy

pytestmark = needs(
    sys.version_info >= (3, 11) or importlib.util.find_spec("tomli") is not None,
    "there is no tomli",
)

POLICY = """
default = "deny"
allow = ["@write(path=./build)", "@connect(host=localhost)"]
report = "shop.*"

[[rule]]
id = "no-keys"
deny = "open(path=**/keys)"
reason = "nobody's business"
"""


@pytest.fixture
def load(tmp_path):
    def load_text(text, name="policy.toml"):
        (tmp_path / name).write_text(text)
        return Policy.load(tmp_path / name)

    return load_text


@pytest.mark.parametrize(
    ("name", "head"),
    [("policy.toml", ""), ("pyproject.toml", "[tool.audithooks.policy]\n")],
)
def test_a_file(load, tmp_path, name, head):
    text = POLICY.replace(
        "[[rule]]", "[[tool.audithooks.policy.rule]]" if head else "[[rule]]"
    )
    policy = load(head + text, name)
    assert policy.default == "deny"
    decision = policy.decide("open", ("/x/keys", "r", 0))
    assert (decision.action, decision.rule) == ("denied", "no-keys")
    assert decision.because == "no-keys: open(path=**/keys) (nobody's business)"
    assert policy.decide("shop.sell", ()).rule == "report-1"
    assert policy.decide("os.system", ("ls",)).because == "the default is to deny"
    assert (
        policy.decide("os.mkdir", (str(tmp_path / "build/x"), 0, -1)).rule == "allow-1"
    )


def test_relative_paths_stand_on_the_folder_of_the_file(load, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    policy = load(POLICY)
    assert policy.folder == str(tmp_path)
    assert policy.decide("os.mkdir", (f"{tmp_path}/build", 0, -1)).action == "allowed"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty: a policy has some of allow, default, deny, report, rule"),
        ("[[rule]]\ndeny = []", "rule 1: deny has no rule"),
        ("deny = " + "[" * 100_000, ": "),
        ("alow = []", "there is no key 'alow'; did you mean allow?"),
        ("x = 1", "there is no key 'x'; there are allow, default, deny, report, rule"),
        ("default = 1", "default must be 'allow' or 'deny', not 1"),
        ("deny = 1", "deny must be a rule or a list of rules, not 1"),
        ("deny = ['opn']", "deny: no version of CPython raises 'opn'"),
        ("[rule]\ndeny = 'x'", r"a rule begins with \[\[rule\]\]"),
        (
            "[[rule]]\nid = 'x'",
            "rule 1 must have exactly one of deny, allow and report$",
        ),
        (
            "[[rule]]\ndeny = 'x'\nallow = 'x'",
            "exactly one of deny, allow and report, not deny and allow",
        ),
        (
            "[tool.audithooks.policy]\ndeny = 'x'",
            "is for pyproject.toml; here the keys",
        ),
        ("[[rule]]\nid = 1\ndeny = 'a.b'", "rule 1: id must be a string, not 1"),
        (
            "[[rule]]\ndenny = 'x'",
            "rule 1: there is no key 'denny'; did you mean deny?",
        ),
        (
            "deny = 'a.b'\n[[rule]]\nid = 'deny-1'\ndeny = 'a.c'",
            "rule 1: there is another rule with the id 'deny-1'",
        ),
        ("deny = [", "policy.toml: "),
    ],
)
def test_what_is_wrong_in_a_file_is_named(load, text, message):
    with pytest.raises(ValueError, match=message) as raised:
        load(text)
    assert "policy.toml: " in str(raised.value)


def test_a_project_without_a_policy(load):
    with pytest.raises(ValueError, match=r"has no table \[tool.audithooks.policy\]"):
        load("[tool.other]", "pyproject.toml")


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Policy.load(tmp_path / "nothing.toml")


def test_a_mark_of_the_byte_order_is_none_of_the_text(load):
    assert load("\ufeffdeny = 'open'\n").rulings[0].text == "open"


@pytest.mark.parametrize("name", ["", " ", "a\\nb", "\\u001b[31m"])
def test_an_id_is_a_word_that_can_be_shown(load, name):
    with pytest.raises(ValueError, match="rule 1: id must be a word or more, not"):
        load(f'[[rule]]\nid = "{name}"\ndeny = "open"\n')


def test_the_policy_of_the_page(load):
    policy = load(block("policy", "toml"))
    key = os.path.expanduser("~/.ssh/id_rsa")
    decision = policy.decide("open", (key, "r", 0))
    assert (decision.action, decision.rule) == ("denied", "no-keys")
    assert policy.decide("os.system", (b"true",)).action == "denied"
    assert policy.decide("open", ("/srv/x", "w", os.O_WRONLY)).action == "denied"
