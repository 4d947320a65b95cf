"""Hosts: an address is one however it is written, and names are where look-ups led."""

import os
import re
import socket

import pytest
from features import needs, shown

from audithooks.rules import Rules, hosts, lookups
from audithooks.rules.hosts import number_of

BOTH, NEITHER = (True, True), (False, False)
DENIED_ONLY = (True, False)
ALLOWED_ONLY = (False, True)
FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
if hasattr(socket, "AF_UNIX"):
    FAMILIES["unix"] = socket.AF_UNIX
UNIX = needs("unix" in FAMILIES, "there are no Unix sockets")


@pytest.fixture(scope="module")
def sockets():
    found = {name: socket.socket(family) for name, family in FAMILIES.items()}
    yield found
    for made in found.values():
        made.close()


@pytest.fixture
def names(monkeypatch):
    """The names that were looked up: none, and gone afterwards."""
    monkeypatch.setattr(lookups, "_names", {})
    monkeypatch.setattr(lookups, "_is_watching", True)


pytestmark = pytest.mark.usefixtures("names")


def told(rule, event, *args):
    """Return what the rule says if it denies, and if it allows."""
    return tuple(
        Rules("rules", [rule], None, s).has(event, args) for s in (False, True)
    )


def silent(rule, event, *args):
    from audithooks.rules import Subject

    rules = [Rules("rules", [rule], None, s) for s in (False, True)]
    subject = Subject(event, args)
    return not any(r.find(subject) or r.speak(subject) for r in rules)


LOCAL = ["127.0.0.1", "127.1", "127.255.255.254", "0", "0.0.0.0", "", "2130706433"]
LOCAL += ["0x7f000001", "0X7F.1", "0177.0.0.1", "localhost", "LOCALHOST", "localhost."]
LOCAL += ["a.localhost", b"127.0.0.1", bytearray(b"localhost"), "\uff11\uff12\uff17.1"]
LOCAL_6 = [
    "::1",
    "::",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "::FFFF:7f00:1",
    "::1%lo",
]
LOCAL_6 += ["", "::ffff:0.0.0.0", "localhost"]
REMOTE = ["128.0.0.1", "126.255.255.255", "1", "127.0.0.1.example.com", "10.0.0.1"]
REMOTE += ["255.255.255.255", "<broadcast>", "localhost.example.com", "notlocalhost"]
REMOTE_6 = ["::2", "fe80::1", "::ffff:128.0.0.1", "2001:db8::1%eth0"]


@pytest.mark.parametrize(
    ("family", "host"),
    [*(("inet", host) for host in LOCAL), *(("inet6", host) for host in LOCAL_6)],
    ids=shown,
)
def test_localhost_is_every_way_to_write_it(sockets, family, host):
    address = (host, 80) if family == "inet" else (host, 80, 0, 0)
    for event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        args = sockets[family], address
        assert told("@connect(host=localhost)", event, *args) == BOTH
        assert told("@connect(host!=localhost)", event, *args) == NEITHER


@pytest.mark.parametrize("host", [*REMOTE, *REMOTE_6])
def test_other_hosts_are_not_localhost(sockets, host):
    family = "inet6" if host in REMOTE_6 else "inet"
    args = sockets[family], (host, 80)
    is_name = number_of(hosts.normal(host)) is None
    # Nobody knows where a name leads, so it counts against the program.
    expected = DENIED_ONLY if is_name else NEITHER
    assert told("@connect(host=localhost)", "socket.connect", *args) == expected
    expected = DENIED_ONLY if is_name else BOTH
    assert told("@connect(host!=localhost)", "socket.connect", *args) == expected


@pytest.mark.parametrize("host", ["localhost", "127.1", "", b"LocalHost."])
def test_look_ups_of_localhost(host):
    for event, args in [
        ("socket.getaddrinfo", (host, 80, 0, 0, 0)),
        ("socket.gethostbyname", (host,)),
        ("socket.gethostbyaddr", (host,)),
        ("socket.getnameinfo", ((host, 80),)),
    ]:
        assert told("@connect(host=localhost)", event, *args) == BOTH
        # What is denied is a connection to that port, what is allowed needs look-ups.
        assert told("@connect(host=localhost, port=443)", event, *args) == ALLOWED_ONLY
        assert told("@connect(host=example.com)", event, *args) == NEITHER


@pytest.mark.parametrize(
    "rule", ["@connect(host=localhost)", "@connect(host=10.0.0.0/8)"]
)
def test_a_look_up_of_a_name_is_not_for_the_numbers_of_a_network(rule):
    args = "example.com", 80, 0, 0, 0
    assert told(rule, "socket.getaddrinfo", *args) == NEITHER


def test_a_look_up_for_any_host_has_none():
    for rule in ("@connect(host=localhost)", "@connect(host!=localhost)"):
        assert silent(rule, "socket.getaddrinfo", None, 80, 0, 0, 1)


def test_all_interfaces_are_not_localhost(sockets):
    for family, host in [("inet", ""), ("inet", "0.0.0.0"), ("inet6", "::")]:
        args = sockets[family], (host, 80)
        assert told("@listen(host=localhost)", "socket.bind", *args) == NEITHER
        assert told("@listen(host!=localhost)", "socket.bind", *args) == BOTH
        assert told("@listen(host=0.0.0.0|::)", "socket.bind", *args) == BOTH
    args = sockets["inet"], ("127.0.0.1", 80)
    assert told("@listen(host=localhost)", "socket.bind", *args) == BOTH


@pytest.mark.parametrize(
    ("rule", "host", "expected"),
    [
        ("10.0.0.0/8", "10.255.0.1", BOTH),
        ("10.0.0.0/8", "11.0.0.0", NEITHER),
        ("10.0.0.0/8", "::ffff:10.1.2.3", BOTH),
        ("10.1.2.3/32", "10.1.2.3", BOTH),
        ("10.1.2.3", "10.1.2.4", NEITHER),
        ("0.0.0.0/0", "192.0.2.1", BOTH),
        ("0.0.0.0/0", "2001:db8::1", NEITHER),
        ("0.0.0.0", "", BOTH),
        ("fe80::/10", "febf::1%eth0", BOTH),
        ("fe80::/10", "fec0::1", NEITHER),
        ("[2001:DB8::1]", "2001:db8:0::1", BOTH),
        ("0x0a000001", "10.0.0.1", BOTH),
        ("::ffff:10.0.0.1", "10.0.0.1", BOTH),
        ("10.0.0.0/8|fe80::/10", "fe80::1", BOTH),
        ("*", "192.0.2.1", BOTH),
        ("*", "example.com", BOTH),
        ("255.255.255.255", "<broadcast>", BOTH),
        ("10.0.0.0/8|a.example", "b.example", DENIED_ONLY),
        ("10.0.0.0/8", "b.example", DENIED_ONLY),
        ("a.example", "b.example", NEITHER),
        ("a.example", "192.0.2.1", NEITHER),
    ],
)
def test_networks_and_addresses(sockets, rule, host, expected):
    family = "inet6" if ":" in host else "inet"
    args = sockets[family], (host, 443)
    assert told(f"@connect(host={rule})", "socket.connect", *args) == expected


@pytest.mark.parametrize(
    ("rule", "meant", "others"),
    [
        (
            "example.com",
            "example.com EXAMPLE.com. example.COM",
            "a.example.com example.co",
        ),
        ("*.example.com", "a.example.com a.b.EXAMPLE.com.", "example.com aexample.com"),
        ("EXAMPLE.com.", "example.com", "a.example.com"),
        ("ex?mple.*", "example.com exomple.a.b", "example exmple.com"),
        ("my_host-1", "my_host-1", "my_host-2"),
        (
            "b\u00fccher.example",
            "B\u00dcCHER.example xn--bcher-kva.example",
            "bucher.example",
        ),
        (
            "*.b\u00fccher.example",
            "a.xn--bcher-kva.example a.b\u00fccher.example",
            "a.example",
        ),
        ("xn--bcher-kva.example", "b\u00fccher\u3002example", "bcher.example"),
        ("localhost", "localhost a.localhost localhost.localdomain", "alocalhost"),
        ("'*'", "*", "a"),
    ],
)
def test_names(rule, meant, others):
    for host in meant.split():
        args = host, 80, 0, 0, 0
        assert told(f"@connect(host={rule})", "socket.getaddrinfo", *args) == BOTH
    for host in others.split():
        args = host, 80, 0, 0, 0
        assert told(f"@connect(host={rule})", "socket.getaddrinfo", *args) == NEITHER


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("10.0.0.1/8", "'10.0.0.1/8' is no network: did you mean 10.0.0.0/8?"),
        ("fe80::1/10", "did you mean fe80::/10?"),
        ("10.0.0.0/33", "/33 is not from 0 to 32"),
        ("fe80::/129", "/129 is not from 0 to 128"),
        ("10.0.0.0/", "is no host; write host=10.0.0.0"),
        ("10.0.0.0/-1", "/-1 is not from 0 to 32"),
        ("192.168.*", "is a pattern of names; write a network, as 192.168.0.0/16"),
        ("10.*", "write a network, as 10.0.0.0/8"),
        ("10.0.*.1", "write a network, such as 10.0.0.0/8"),
        ("example.com:443", "is no host; write host=example.com, port=443"),
        ("http://example.com/a", "is no host; write host=example.com"),
        ("[::1]:443", "is no host; write host=::1, port=443"),
        ("http://[::1]/", "is no host; write host=::1"),
        (".example.com", "is no host; write host=*.example.com for those below it"),
        ("https://example.com:8443", "write host=example.com, port=8443"),
        ("example.com/8", "is neither a name nor an address nor a network"),
        ("a b", "'a b' is neither a name nor an address nor a network"),
        ("[ab].com", "'[ab].com' is neither a name"),
        ("fe80::g", "'fe80::g' is neither a name"),
        ("b\u00fc" + "c" * 70 + ".example", "is no host"),
    ],
)
def test_what_is_no_host_is_refused(host, message):
    with pytest.raises(ValueError, match="^deny: .*" + re.escape(message)):
        Rules("deny", [f"@connect(host={host})"])


def test_a_port_and_a_host_have_both_to_be_as_asked(sockets):
    rule = "@connect(host=*.example.com, port=443|8443)"
    for address, expected in [
        (("a.example.com", 443), BOTH),
        (("a.example.com", 8443), BOTH),
        (("a.example.com", 80), NEITHER),
        (("example.com", 443), NEITHER),
    ]:
        assert told(rule, "socket.connect", sockets["inet"], address) == expected
    for port, expected in [(443, BOTH), (b"8443", BOTH), (80, ALLOWED_ONLY)]:
        args = "a.example.com", port, 0, 0, 0
        assert told(rule, "socket.getaddrinfo", *args) == expected


def test_a_rule_with_a_port_alone_denies_no_look_up_and_allows_each(sockets):
    for port in 443, 80:
        args = "example.com", port, 0, 0, 0
        expected = ALLOWED_ONLY
        assert told("@connect(port=443)", "socket.getaddrinfo", *args) == expected
    for port, expected in [(443, BOTH), (80, NEITHER)]:
        args = sockets["inet"], ("192.0.2.1", port)
        assert told("@connect(port=443)", "socket.connect", *args) == expected
        other = BOTH if expected == NEITHER else NEITHER
        assert told("@connect(port!=443)", "socket.connect", *args) == other


@UNIX
def test_a_rule_about_hosts_is_silent_about_unix_sockets(sockets):
    for path in ("/run/a", b"/run/a", "\0abstract", b"\0abstract", "", b""):
        for rule in (
            "host=localhost",
            "host!=localhost",
            "host=*",
            "port=1",
            "port!=1",
        ):
            args = sockets["unix"], path
            assert silent(f"@connect({rule})", "socket.connect", *args)
            assert silent(f"@listen({rule})", "socket.bind", *args)
    made = socket.socketpair()
    for one in made:
        assert silent("@connect(host=*)", "socket.__new__", one, 1, 1, 0)
        one.close()


@UNIX
def test_unix_sockets_have_a_path_and_a_family(sockets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    (tmp_path / "other").mkdir()
    run.mkdir()
    os.symlink("../other/socket", run / "link")
    for path, connects, binds in [
        ("run/a", BOTH, BOTH),
        (os.fsencode(run / "\udcff"), BOTH, BOTH),
        (b"run/a\0/../../other", BOTH, BOTH),
        ("run/../other/a", NEITHER, NEITHER),
        ("run/link", DENIED_ONLY, BOTH),
        ("other/socket", NEITHER, NEITHER),
    ]:
        args = sockets["unix"], path
        assert told("@connect(path=./run)", "socket.connect", *args) == connects
        assert told("@connect(path=./run)", "socket.sendto", *args) == connects
        assert told("@listen(path=./run)", "socket.bind", *args) == binds
        assert told("@connect(family=unix)", "socket.connect", *args) == BOTH
        assert told("@connect(family!=AF_UNIX)", "socket.connect", *args) == NEITHER
    for path in ("\0run/a", b"\0run/a", ""):
        args = sockets["unix"], path
        assert silent("@connect(path=./run)", "socket.connect", *args)


def test_families(sockets):
    args = sockets["inet6"], ("::1", 80, 0, 0)
    for family in ("inet6", "AF_INET6", "INET6", str(int(socket.AF_INET6)), "inet?"):
        assert told(f"@connect(family={family})", "socket.connect", *args) == BOTH
    assert told("@connect(family=inet)", "socket.connect", *args) == NEITHER
    new = None, socket.AF_INET, 1, 0
    assert told("socket.__new__(family=AF_INET)", "socket.__new__", *new) == BOTH
    assert told("socket.__new__(family!=inet)", "socket.__new__", *new) == NEITHER
    args = "example.com", 80, int(socket.AF_INET), 0, 0
    assert told("socket.getaddrinfo(family=inet)", "socket.getaddrinfo", *args) == BOTH
    assert silent("@connect(family=unix)", "socket.getaddrinfo", *args)


@needs(hasattr(socket, "AF_NETLINK"), "there is no other family")
def test_rules_about_hosts_are_silent_about_other_families():
    try:
        other = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
    except OSError:
        pytest.skip("this system has no netlink")
    with other:
        for rule in (
            "@connect(host=*)",
            "@connect(host!=localhost)",
            "@connect(port=1)",
        ):
            assert silent(rule, "socket.connect", other, (0, 0))
        assert told("@connect(family=netlink)", "socket.connect", other, (0, 0)) == BOTH
        assert told("@connect(family!=unix)", "socket.connect", other, (0, 0)) == BOTH


def test_a_connected_socket_sends_without_an_address(sockets):
    args = sockets["inet"], None
    assert silent("@connect(host=localhost)", "socket.sendmsg", *args)
    assert told("@connect(family=inet)", "socket.sendmsg", *args) == BOTH


@pytest.mark.parametrize(
    "address",
    [(), ("a",), None, 3, (3, 4), (object(), 80), ("a\0.example.com", 80)],
    ids=shown,
)
def test_an_address_that_cannot_be_told_counts_against_the_program(sockets, address):
    for rule in ("@connect(host=*.example.com)", "@connect(host!=localhost)"):
        args = sockets["inet"], address
        assert told(rule, "socket.connect", *args) == DENIED_ONLY or address is None
    assert told("@connect(host=localhost)", "socket.connect", object(), address) == (
        DENIED_ONLY
    )


@pytest.mark.parametrize("host", [b"\xff", "a\0b", "\u00fc" * 70, 10**9, object()])
def test_a_host_that_cannot_be_told_counts_against_the_program(host):
    args = host, 80, 0, 0, 0
    assert told("@connect(host=localhost)", "socket.getaddrinfo", *args) == DENIED_ONLY


@pytest.mark.parametrize(
    "host", ["1 2", "127.0.0.1 x", " 127.0.0.1", "1.2.3.4.5", "09"]
)
def test_what_only_begins_like_an_address_is_a_name(host):
    assert number_of(host) is None


class Str(str):
    __slots__ = ()

    def lower(self):
        return "localhost"

    rstrip = encode = lower


def test_a_subclass_of_str_is_what_it_holds():
    args = Str("example.com"), 80, 0, 0, 0
    assert told("@connect(host=localhost)", "socket.getaddrinfo", *args) == NEITHER
    assert told("@connect(host=example.com)", "socket.getaddrinfo", *args) == BOTH


# Look-ups -----------------------------------------------------------------------------


def test_an_address_counts_as_the_name_that_was_looked_up(sockets):
    args = sockets["inet"], ("192.0.2.7", 443)
    rules = [
        Rules("rules", ["@connect(host=*.example.com)"], None, s) for s in (False, True)
    ]
    assert not any(r.has("socket.connect", args) for r in rules)
    lookups.remember("A.Example.COM.", ["192.0.2.7", "2001:db8::7%eth0"])
    assert all(r.has("socket.connect", args) for r in rules)
    args = sockets["inet6"], ("2001:db8::7", 443, 0, 0)
    assert all(r.has("socket.connect", args) for r in rules)
    args = sockets["inet"], ("192.0.2.8", 443)
    assert not any(r.has("socket.connect", args) for r in rules)


def test_a_name_may_be_denied_by_the_address_of_another(sockets):
    lookups.remember("a.example", ["192.0.2.7"])
    lookups.remember(b"b.example", ["192.0.2.7"])
    args = sockets["inet"], ("192.0.2.7", 443)
    for name in ("a.example", "b.example"):
        assert told(f"@connect(host={name})", "socket.connect", *args) == BOTH


@pytest.mark.parametrize("name", [None, 3, b"\xff", "a\0b", "192.0.2.7", "\u00fc" * 70])
def test_what_is_no_name_is_not_remembered(name):
    lookups.remember(name, ["192.0.2.7"])
    assert lookups._names == {}


def test_what_is_remembered_has_an_end():
    for number in range(lookups._MOST + 10):
        lookups.remember("a.example", [f"10.0.{number // 256}.{number % 256}"])
    assert len(lookups._names) == lookups._MOST
    assert lookups.names_of((4, 10 << 24)) == ()


def test_real_look_ups_are_remembered(child):
    code = """
import _socket, socket, sys
answers = {
    "getaddrinfo": lambda host, port, *more, **named: [
        (2, 1, 6, "", ("192.0.2.7", port)),
        (10, 1, 6, "", (10, b"")),  # without IPv6
    ],
    "gethostbyname": lambda host: "192.0.2.8",
    "gethostbyname_ex": lambda host: (host, [], ["192.0.2.9", "192.0.2.10"]),
}
for name, answer in answers.items():
    setattr(_socket, name, answer)
    setattr(socket, name, answer) if name != "getaddrinfo" else None
import audithooks
from audithooks.rules import Rules
rules = Rules("allow", ["@connect(host=*.example.com)"], strict=True)
seen = []
audithooks.subscribe(lambda event, args: seen.append(args), "@connect(host=a.*)")
socket.getaddrinfo("a.example.com", 80)
socket.gethostbyname("b.example.com")
socket.gethostbyname_ex("c.example.com")
made = socket.socket()
for last in range(6, 12):
    print(last, rules.has("socket.connect", (made, (f"192.0.2.{last}", 80))))
print(socket.gethostbyname.__name__)
"""
    found = child.run(code).split()
    assert found[1:12:2] == ["False", "True", "True", "True", "True", "False"]
    assert found[12] == "<lambda>"


def test_the_look_up_of_this_system_is_remembered(child):
    code = """
import socket
import audithooks
from audithooks.rules import lookups
kept = socket.getaddrinfo
audithooks.subscribe(lambda event, args: None, "@connect(host=other.example)")
address = socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)[0][4][0]
from audithooks.rules.hosts import number_of
print(lookups.names_of(number_of(address)))
"""
    assert child.run(code) == "('localhost',)\n"


def test_localhost_alone_needs_no_look_ups(child):
    code = """
import socket, audithooks
before = socket.gethostbyname
audithooks.subscribe(print, "@connect(host=localhost)", "@connect(host=10.0.0.0/8)")
print(socket.gethostbyname is before)
"""
    assert child.run(code) == "True\n"


def test_the_functions_that_look_up_are_replaced_once(child):
    printed = child.run(
        """
import _socket
from audithooks.rules import Rules
for name in "ab":
    Rules("deny", [f"@connect(host={name}.example)"])
print(hasattr(_socket.getaddrinfo, "__wrapped__"))
print(hasattr(_socket.getaddrinfo.__wrapped__, "__wrapped__"))
"""
    )
    assert printed.split() == ["True", "False"]
