"""Hosts: what an address is, however it is written, and patterns of hosts.

A pattern is a name, in which a star stands for any number of letters and dots; a
numeric address; or a network, as 10.0.0.0/8. "localhost" is the name and all its
addresses. A numeric address that a look-up of this process gave counts as the name that
was looked up, too: see lookups.py.
"""

from __future__ import annotations

import _socket
import re
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

from .._real import Real
from ..catalogue.readable import readable
from . import lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .subjects import Subject

# Bound here, as a program may replace them.
_inet_aton = _socket.inet_aton
_inet_pton = getattr(_socket, "inet_pton", None)
_family_of: Any = _socket.socket.family.__get__

Number = tuple[int, int]
"""A numeric address: 4 or 6, and its bits."""

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
    if not re.fullmatch("[0-9][0-9a-fx.]*", host):
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


_MOST = 1024  # families and hosts that are remembered


@lru_cache(_MOST)
def name_of_family(family: int) -> str | None:
    """Return the name of an address family without its AF_, in lower case."""
    name = readable("socket.__new__", "family", family)
    return None if name is None else name[3:].lower()


def normal(host: Any, is_ipv6: bool = False) -> str:
    """Return a host as one text, however it is written. Raises ValueError for none."""
    text = (
        str.__str__(host)
        if isinstance(host, str)
        else memoryview(host).tobytes().decode("ascii")
    )
    if not text.isascii():  # as the socket module does
        try:
            text = text.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise ValueError(f"{text!r} is no host: {error}") from None
    if "\0" in text:
        raise ValueError(f"{text!r} has a null character")
    text = text.rstrip(".").lower()
    if text == "<broadcast>":
        return "255.255.255.255"
    return text or ("::" if is_ipv6 else "0.0.0.0")  # noqa: S104


def _read(host: Any, is_ipv6: bool) -> tuple[str, Number | None]:
    """Return a host as one text, and its number, or None if it is a name."""
    text = normal(host, is_ipv6)
    return text, number_of(text)


_read_again = lru_cache(_MOST)(_read)  # of an exact str alone: others may lie


class Address(NamedTuple):
    """An address: *names* and *numbers* of a host, or the *path* of a Unix socket.

    Each is empty or None if the event lacks it. *is_looked_up* says that a name may
    stand for any number, as the event that follows would tell.
    """

    names: tuple[str, ...] = ()  # that it counts as
    numbers: tuple[Number, ...] = ()
    is_looked_up: bool = True
    port: str | None = None
    family: str | None = None
    path: str | None = None

    @property
    def host(self) -> str | None:
        """The host as it is shown: a number, or a name if it has none."""
        if self.numbers:
            return text_of(self.numbers[0])
        return self.names[0] if self.names else None

    @classmethod
    def of(cls, subject: Subject, places: tuple[int | None, ...]) -> Address:
        """Return that of an event, of which it is the arguments at *places*.

        Raises an exception if the event does not tell.
        """
        event = subject.event
        args = subject.args
        values: list[Any] = [None if p is None else args[p] for p in places]
        family = None
        if event == "socket.__new__":
            return cls(family=name_of_family(int(values[0])))
        if len(places) == 1:
            address: Any = values[0]
            if event != "socket.getnameinfo":
                family = name_of_family(_family_of(args[0]))
                if address is None:  # sendmsg() of a connected socket
                    return cls(family=family)
                if family == "unix":
                    return cls(family=family, path=_path_of(address))
                if family not in ("inet", "inet6"):
                    return cls(family=family)
            host, port = address[0], address[1]
        else:
            host, port = values
            if event == "socket.getaddrinfo":
                family = name_of_family(int(subject.argument("family")))
        if host is None:  # for a socket that listens, or this machine
            return cls(port=_port(port), family=family)
        read = _read_again if type(host) is str else _read
        text, number = read(host, family == "inet6")
        if number is None:
            found = event not in _FINAL
            return cls((text,), (), found, _port(port), family)
        numbers: tuple[Number, ...] = (number,)
        if event != "socket.bind" and not number[1]:  # it reaches this machine
            numbers = (number, _LOOPBACK if number[0] == 4 else (6, 1))
        others = lookups.names_of(numbers[-1])
        return cls(others, numbers, True, _port(port), family)


_FINAL = ("socket.bind", "socket.connect", "socket.sendmsg", "socket.sendto")


def _port(port: Any) -> str:
    if isinstance(port, bytes):
        return port.decode("ascii")
    return str(int(port) if isinstance(port, int) else port)


def _path_of(address: Any) -> str | None:
    """Return the path of a Unix socket; None if it has none, as an abstract one."""
    if not isinstance(address, str):
        address = memoryview(address).tobytes()
    path = Real.fsdecode(address).partition("\0")[0]  # where the system stops
    return path or None


class Hosts:
    """Patterns of hosts of some rules: *lists* has the values of each.

    Raises ValueError for what is none.
    """

    def __init__(self, lists: Iterable[Iterable[tuple[str, bool]]]) -> None:
        # Each with the number of its rule, the first that has it.
        self._any: int | None = None
        self._names: dict[str, int] = {}
        self._networks: list[tuple[int, int, int, int]] = []
        self._globs: list[str] = []
        for number, values in enumerate(lists):
            self._add(number, values)
        self._glob = re.compile("|".join(self._globs)) if self._globs else None

    def _add(self, number: int, values: Iterable[tuple[str, bool]]) -> None:
        globs = []
        for text, is_exact in values:
            if text == "*" and not is_exact:
                self._any = number if self._any is None else self._any
                continue
            if text.lower().rstrip(".") == "localhost":
                self._networks += [(*network, number) for network in _LOOPBACKS]
                globs.append(_OF_LOCALHOST.pattern)
                continue
            if not is_exact:
                _refuse_other(text)
            network = _network(text, is_exact)
            if network is not None:
                self._networks.append((*network, number))
                continue
            host = normal(text)
            if not is_exact and ("*" in host or "?" in host):
                globs.append(translate(host))
            else:
                self._names.setdefault(host, number)
            lookups.watch()
        if globs:
            self._globs.append(f"(?P<r{number}>{'|'.join(globs)})")

    def number_of(self, address: Address) -> int | None:
        """Return the number of a rule that has a host, or None."""
        if self._any is not None:
            return self._any
        for name in address.names:
            if name in self._names:
                return self._names[name]
            found = self._glob.fullmatch(name) if self._glob is not None else None
            if found is not None and found.lastgroup is not None:
                return int(found.lastgroup[1:])
        for version, bits in address.numbers:
            width = 32 if version == 4 else 128
            for of_version, network, length, number in self._networks:
                if of_version == version and (bits ^ network) >> (width - length) == 0:
                    return number
        return None

    def have(self, address: Address) -> bool | None:
        """Whether one of them stands for a host; None if the event does not tell.

        It does not if a socket connects to a name, and the question is for numbers.
        """
        if self.number_of(address) is not None:
            return True
        is_told = address.numbers or address.is_looked_up or not self._networks
        return False if is_told else None


def _refuse_other(text: str) -> None:
    """Raise ValueError for what cannot be a host, and say what may be meant."""
    match = re.fullmatch(r"(\d+(?:\.\d+)*)\.\*|[\d.]*[*?][\d.*?]*\.[\d.*?]*", text)
    if match is not None:
        hint = "such as 10.0.0.0/8"
        if match[1] and match[1].count(".") < 3:
            parts = match[1].split(".")
            rest = ".0" * (4 - len(parts))
            hint = f"as {match[1]}{rest}/{8 * len(parts)}"
        raise ValueError(f"{text!r} is a pattern of names; write a network, {hint}")
    if re.fullmatch(r"[\d.]+", text) and number_of(normal(text)) is None:
        raise ValueError(f"{text!r} is neither a name nor an address")
    match = re.fullmatch(
        r"(?:\w+://)?(?:\[([\da-fA-F:.]+)\]|([^\s/:@]+))(?::(\d+))?(?:/[a-zA-Z].*|/)?",
        text,
    )
    if match is not None and match[0] not in (match[2], f"[{match[1]}]"):
        port = f", port={match[3]}" if match[3] else ""
        host = match[1] or match[2]
        raise ValueError(f"{text!r} is no host; write host={host}{port}")
    if re.fullmatch(r"\.[\w.-]+", text):
        raise ValueError(f"{text!r} is no host; write host=*{text} for those below it")


def _network(text: str, is_exact: bool) -> tuple[int, int, int] | None:
    """Return version, bits and length of a network or an address, or None."""
    host, slash, length = text.partition("/")
    if is_exact and slash and not length.isdigit():
        return None  # a name, although nobody has it
    number = number_of(normal(host.strip("[]") if ":" in host else host))
    if number is None:
        if not is_exact and not re.fullmatch(r"[\w.*?-]+", text):
            raise ValueError(
                f"{text!r} is neither a name nor an address nor a network, "
                "such as *.example.com or 10.0.0.0/8"
            )
        return None
    version, bits = number
    width = 32 if version == 4 else 128
    if not slash:
        return version, bits, width
    if not re.fullmatch(r"[0-9]{1,3}", length) or int(length) > width:
        raise ValueError(f"{text!r} is no network: /{length} is not from 0 to {width}")
    rest = width - int(length)
    if bits >> rest << rest != bits:
        meant = f"{text_of((version, bits >> rest << rest))}/{length}"
        raise ValueError(f"{text!r} is no network: did you mean {meant}?")
    return version, bits, int(length)
