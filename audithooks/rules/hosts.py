"""Hosts: what an address is, however it is written, and patterns of hosts.

A pattern is a name, in which a star stands for any number of letters and dots; a
numeric address; or a network, as 10.0.0.0/8. "localhost" is the name and all its
addresses. A numeric address that a look-up of this process gave counts as the name that
was looked up, too: see lookups.py.
"""

from __future__ import annotations

import _socket
import re
from typing import NamedTuple

from ..catalogue.readable import readable
from . import lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .subjects import Subject

# Bound here, as a program may replace them.
_inet_aton = _socket.inet_aton
_inet_pton = getattr(_socket, "inet_pton", None)
_family_of: Any = _socket.socket.family.__get__

Number = tuple[int, int]
"""A numeric address: 4 or 6, and its bits."""

_MAPPED = 0xFFFF << 32  # ::ffff:0:0/96, IPv4 in IPv6
_LOOPBACK = (4, 0x7F000001)
_LOOPBACKS = ((4, 0x7F000000, 8), (6, 1, 128))
_OF_LOCALHOST = re.compile(r"(?:.*\.)?localhost|localhost\.localdomain|ip6-localhost")


def number_of(host: str) -> Number | None:
    """Return a numeric address, or None if *host* is a name.

    As the system reads it: 127.1, 0x7f000001 and ::ffff:127.0.0.1 are 127.0.0.1.
    """
    host = host.partition("%")[0]
    if ":" in host:
        if _inet_pton is None:
            return None
        try:
            bits = int.from_bytes(_inet_pton(_socket.AF_INET6, host), "big")
        except OSError:
            return None
        if bits >> 32 == 0xFFFF:
            return 4, bits & 0xFFFFFFFF
        return 6, bits
    if not host[:1].isdigit() or host != host.strip() or " " in host:
        return None
    try:
        return 4, int.from_bytes(_inet_aton(host), "big")
    except OSError:
        return None


def text_of(number: Number) -> str:
    version, bits = number
    if version == 4:
        return _socket.inet_ntoa(bits.to_bytes(4, "big"))
    return _socket.inet_ntop(_socket.AF_INET6, bits.to_bytes(16, "big"))


def name_of_family(family: Any) -> str | None:
    """Return the name of an address family without its AF_, in lower case."""
    name = readable("socket.__new__", "family", int(family))
    return None if name is None else name[3:].lower()


class Address(NamedTuple):
    """An address: *host* as it is written, or the *path* of a Unix socket."""

    host: str | None = None
    number: Number | None = None
    names: tuple[str, ...] = ()  # that it counts as
    port: str | None = None
    family: str | None = None
    path: str | None = None

    @classmethod
    def of(cls, subject: Subject, names: tuple[str, ...]) -> Address:
        """Return that of an event, of which *names* are the arguments.

        Raises an exception if the event does not tell.
        """
        values = [subject.argument(name) if name else None for name in names]
        family = None
        if len(names) == 1:
            address: Any = values[0]
            if subject.event != "socket.getnameinfo":
                family = name_of_family(_family_of(subject.argument("self")))
                if address is None:  # sendmsg() of a connected socket
                    return cls(family=family)
                if family == "unix":
                    return cls(family=family, path=_path_of(address))
                if family not in ("inet", "inet6"):
                    return cls(family=family)
            host, port = address[0], address[1]
        else:
            host, port = values
            if subject.event == "socket.getaddrinfo":
                if host is None:  # for a socket that listens, or this machine
                    return cls(port=_port(port))
                number = subject.argument("family")
                family = name_of_family(number) if number else None
        listens = subject.event == "socket.bind"
        text = host if isinstance(host, str) else bytes(host).decode("ascii")
        text = text.rstrip(".").lower() or ("::" if family == "inet6" else "0.0.0.0")  # noqa: S104
        if text == "<broadcast>":
            text = "255.255.255.255"
        found = number_of(text)
        if found is not None and not listens and not found[1]:
            found = _LOOPBACK if found[0] == 4 else (6, 1)  # which is what it reaches
        given = (text,) if found is None else lookups.names_of(found)
        return cls(text, found, given, _port(port), family)


def _port(port: Any) -> str | None:
    if isinstance(port, bytes):
        return port.decode("ascii")
    return None if port is None else str(int(port) if isinstance(port, int) else port)


def _path_of(address: Any) -> str | None:
    """Return the path of a Unix socket; None if it has none, as an abstract one."""
    text = (
        address if isinstance(address, str) else bytes(address).decode(errors="replace")
    )
    return text if text and not text.startswith("\0") else None


class Hosts:
    """Some patterns of hosts. Raises ValueError for a network that is none."""

    def __init__(self, values: list[tuple[str, bool]]) -> None:
        self.is_any = False
        self.names: set[str] = set()
        self.networks: list[tuple[int, int, int]] = []
        globs = []
        for text, is_exact in values:
            host = text.lower().rstrip(".")
            network = _network(host)
            if network is not None:
                self.networks.append(network)
            elif host == "localhost":
                self.networks += _LOOPBACKS
                globs.append(_OF_LOCALHOST.pattern)
            elif host == "*" and not is_exact:
                self.is_any = True
            elif not is_exact and ("*" in host or "?" in host):
                words = re.split(r"([*?])", host)
                regex = {"*": ".*", "?": "."}
                globs.append("".join(regex.get(w, re.escape(w)) for w in words))
                lookups.watch()
            else:
                if not re.fullmatch(r"[^\s/:]+", host):
                    raise ValueError(f"{text!r} is neither a host nor a network")
                self.names.add(host)
                lookups.watch()
        self._glob = re.compile("|".join(f"(?:{g})" for g in globs)) if globs else None

    def have(self, address: Address) -> bool | None:
        """Whether one of them stands for a host; None if the event does not tell.

        It does not if a socket connects to a name, and the question is for numbers.
        """
        if self.is_any:
            return True
        for name in address.names:
            if name in self.names or (self._glob and self._glob.fullmatch(name)):
                return True
        if address.number is None:
            return (
                None if self.networks and not self.names and not self._glob else False
            )
        version, bits = address.number
        for of_version, network, length in self.networks:
            width = 32 if of_version == 4 else 128
            if of_version == version and (bits ^ network) >> (width - length) == 0:
                return True
        return False


def _network(text: str) -> tuple[int, int, int] | None:
    """Return version, bits and length of a network or an address, or None."""
    host, slash, length = text.partition("/")
    number = number_of(host.strip("[]") if ":" in host else host)
    if number is None:
        if slash:
            raise ValueError(f"{text!r} is no network, such as 10.0.0.0/8")
        return None
    version, bits = number
    width = 32 if version == 4 else 128
    if not slash:
        return version, bits, width
    if not length.isdecimal() or int(length) > width:
        raise ValueError(f"{text!r} is no network: /{length} is not from 0 to {width}")
    rest = width - int(length)
    if bits >> rest << rest != bits:
        meant = f"{text_of((version, bits >> rest << rest))}/{length}"
        raise ValueError(f"{text!r} is no network: did you mean {meant}?")
    return version, bits, int(length)
