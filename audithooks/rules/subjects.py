"""What an event is about: paths, an address, a program; and its arguments as text.

Arguments have the catalogue's names. Beside them stand the semantic ones of SEMANTIC,
which mean the same for all events that have them, and the intents of `open`.
"""

from __future__ import annotations

from .._real import Real
from ..catalogue import CAPABILITIES, EVENTS, open_bits, spawn_argv
from ..catalogue.readable import readable
from . import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .hosts import Address
    from .paths import Place

INTENTS = ("read", "write", "create", "append", "truncate")
"""What a file is opened for; a bit each, in this order, as open_bits() has them."""

READ = 1
CHANGES = 2 | 4 | 16  # the intents by which a file may be another afterwards

# The paths of an event: the argument, the one with the descriptor of its folder if any,
# and how it is used: r is read, w is written, l is the name itself, not what it leads
# to if it is a symbolic link. An `open` says itself what for.
_PATHS = {
    "_winapi.CreateFile": "file_name::w",
    "_winapi.CreateJunction": "src_path::r dst_path::wl",
    "open": "path::rw",
    "os.add_dll_directory": "path::",
    "os.chdir": "path::",
    "os.chflags": "path::w",
    "os.chmod": "path:dir_fd:w",
    "os.chown": "path:dir_fd:w",
    "os.exec": "path::",
    "os.fwalk": "top:dir_fd:",
    "os.getxattr": "path::r",
    "os.link": "src:src_dir_fd:w dst:dst_dir_fd:wl",
    "os.listdir": "path::r",
    "os.listxattr": "path::r",
    "os.mkdir": "path:dir_fd:wl",
    "os.posix_spawn": "path::",
    "os.remove": "path:dir_fd:wl",
    "os.removexattr": "path::w",
    "os.rename": "src:src_dir_fd:wl dst:dst_dir_fd:wl",
    "os.rmdir": "path:dir_fd:wl",
    "os.scandir": "path::r",
    "os.setxattr": "path::w",
    "os.spawn": "path::",
    "os.startfile": "path::",
    "os.startfile/2": "path::",
    "os.symlink": "dst:dir_fd:wl",
    "os.truncate": "fd::w",
    "os.utime": "path:dir_fd:w",
    "os.walk": "top::",
    "shutil.chown": "path::w",
    "shutil.copyfile": "src::r dst::w",
    "shutil.copymode": "src::r dst::w",
    "shutil.copystat": "src::r dst::w",
    "shutil.copytree": "src::r dst::w",
    "shutil.make_archive": "base_name:: root_dir::r",
    "shutil.move": "src::wl dst::wl",
    "shutil.rmtree": "path:dir_fd:wl",
    "shutil.unpack_archive": "filename::r extract_dir::w",
    "sqlite3.connect": "database::rw",
    "sqlite3.load_extension": "path::",
    "sys.remote_exec": "script_path::",
    "tempfile.mkdtemp": "fullpath::wl",
    "tempfile.mkstemp": "fullpath::wl",
}

# Where an event has its address, or host and port.
_ADDRESSES = {
    "socket.__new__": ("family",),
    "socket.bind": ("address",),
    "socket.connect": ("address",),
    "socket.getnameinfo": ("sockaddr",),
    "socket.sendmsg": ("address",),
    "socket.sendto": ("address",),
    "socket.getaddrinfo": ("host", "port"),
    "socket.gethostbyaddr": ("ip_address", ""),
    "socket.gethostbyname": ("hostname", ""),
    **dict.fromkeys(
        (
            *("ftplib.connect", "http.client.connect", "imaplib.open"),
            *("nntplib.connect", "poplib.connect", "smtplib.connect"),
            "telnetlib.Telnet.open",
        ),
        ("host", "port"),
    ),
}
LOOK_UPS = frozenset(
    {
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socket.getnameinfo",
    }
)
SPAWNS = CAPABILITIES["spawn"]

SEMANTIC: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_PATHS, ("path",)),
    **dict.fromkeys(_ADDRESSES, ("host", "port")),
    **{
        name: ("host", "port", "family", "path")
        for name, arguments in _ADDRESSES.items()
        if len(arguments) == 1
    },
    "socket.getaddrinfo": ("host", "port", "family"),
    "socket.getnameinfo": ("host", "port"),
    "socket.__new__": ("family",),
}
for _event in SPAWNS:
    SEMANTIC[_event] = (*SEMANTIC.get(_event, ()), "program", "argv")
"""The semantic arguments of an event, by its name."""


def _positions() -> Iterator[tuple[str, list[tuple[str, int, int | None, str]]]]:
    for event, text in _PATHS.items():
        arguments = EVENTS[event].arguments
        found = []
        for word in text.split():
            name, folder, use = word.split(":")
            folder_place = arguments.index(folder) if folder else None
            found.append((name, arguments.index(name), folder_place, use))
        yield event, found


_POSITIONS = dict(_positions())


def paths_of(event: str) -> list[tuple[str, str | None, str]]:
    """Return the paths of an event: the argument, that of the folder, and how.

    That is by the letters of _PATHS.
    """
    arguments = EVENTS[event].arguments if event in EVENTS else ()
    return [
        (name, None if folder is None else arguments[folder], use)
        for name, _, folder, use in _POSITIONS.get(event, ())
    ]


def has_places(event: str) -> bool:
    """Whether an event has paths, not counting those of Unix sockets."""
    return event in _POSITIONS


def capability_of(event: str) -> str | None:
    """Return the capability to which all events of a name belong, or None."""
    for name, events in CAPABILITIES.items():
        if event in events and event != "open":
            return name
    return None


def is_place(event: str, name: str) -> bool:
    """Whether the argument *name* of an event is a path."""
    return any(name == found for found, *_ in _POSITIONS.get(event, ()))


# Where the arguments of _ADDRESSES stand.
_POSITIONS_OF_ADDRESSES = {
    event: tuple(
        EVENTS[event].arguments.index(name) if name else None for name in names
    )
    for event, names in _ADDRESSES.items()
}


def _path_of(event: str, value: Any) -> str | None:
    """Return the path that an argument is, or None if it is none."""
    if value is None and event in ("os.listdir", "os.scandir"):
        return "."
    if value is None or isinstance(value, int):
        return None
    if event == "sqlite3.connect":
        return paths.of_database(value)
    return Real.fsdecode(value)


class Untold:
    """Stands for what an event does not tell: it counts against the program."""


UNTOLD = Untold()


class Subject:
    """An event, and what it is about. Each thing is worked out when it is asked for.

    *event* is the name, *args* are the arguments.

    >>> Subject("open", ("notes.txt", "r", 0)).bits()  # as open_bits() has them
    1

    Added in 0.1.
    """

    __slots__ = (
        "_address",
        "_bits",
        "_places",
        "_program",
        "args",
        "candidates",
        "event",
    )

    def __init__(self, event: str, args: tuple[Any, ...]) -> None:
        self.event: str = event
        self.args: tuple[Any, ...] = args
        self._bits: int | Untold | None = None
        self._places: list[Place | Untold] | None = None
        self._address: Address | Untold | None = None
        self._program: tuple[str, ...] | Untold | None = None
        # The programs that may be meant, and where they lead, if that was found out.
        self.candidates: list[tuple[str, str]] | None = None

    def bits(self) -> int | Untold:
        """The intents of an `open`."""
        if self._bits is None:
            try:
                _, mode, flags = self.args
                self._bits = open_bits(mode, flags)
            except (TypeError, ValueError):
                self._bits = UNTOLD
        return self._bits

    def places(self) -> list[Place | Untold]:
        """The paths, except for descriptors, which were judged when they were opened.

        Each place knows the name of its argument, and how it is used.
        """
        if self._places is None:
            if self.event in _POSITIONS:
                self._places = self._find_places()
            else:
                self._places = []
                address = self.address()
                if isinstance(address, Untold):
                    self._places.append(address)
                elif address is not None and address.path is not None:
                    use = "wl" if self.event == "socket.bind" else "w"
                    self._places.append(self._socket_place(address.path, use))
        return self._places

    def at(self, number: int) -> Subject:
        """The same, as if it had one path alone: that of *number*, from 0 on."""
        one = Subject(self.event, self.args)
        one._places = [self.places()[number]]
        return one

    @staticmethod
    def _socket_place(path: str, use: str) -> Place | Untold:
        try:
            return paths.Place(path, None, "path", use)
        except OSError:  # there is no current folder
            return UNTOLD

    def _find_places(self) -> list[Place | Untold]:
        event, args = self.event, self.args
        found: list[Place | Untold] = []
        for name, number, folder_number, use in _POSITIONS[event]:
            try:
                text = args[number]
                if type(text) is not str or event == "sqlite3.connect":
                    text = _path_of(event, text)
                    if text is None:
                        continue
                folder = None
                if folder_number is not None and folder_number < len(args):
                    folder = args[folder_number]
                    folder = None if folder == -1 else folder
                found.append(paths.Place(text, folder, name, use))
            except Exception:  # of __fspath__(), or there are fewer arguments
                found.append(UNTOLD)
        return found

    def address(self) -> Address | Untold | None:
        """The address, or None if the event has none."""
        if self._address is None and self.event in _ADDRESSES:
            try:
                from . import hosts

                places = _POSITIONS_OF_ADDRESSES[self.event]
                self._address = hosts.Address.of(self, places)
            except Exception:
                self._address = UNTOLD
        return self._address

    def argument(self, name: str) -> Any:
        """The argument *name*. Raises IndexError or ValueError if there is none."""
        return self.args[EVENTS[self.event].arguments.index(name)]

    def program(self) -> tuple[str, ...] | Untold:
        """The program and its arguments of an event that starts a process."""
        if self._program is None:
            try:
                self._program = spawn_argv(self.event, self.args) or UNTOLD
            except Exception:
                self._program = UNTOLD
        return self._program

    def texts(self, name: str, number: int) -> tuple[str, ...] | Untold | None:
        """What the plain argument *name*, at the place *number*, may be written as.

        None if the event lacks it, or if it is no scalar.
        """
        if number >= len(self.args):
            return None
        value = self.args[number]
        try:
            if value is None or isinstance(value, (bool, float)):
                return (str(value),)
            if isinstance(value, int):
                shown = readable(self.event, name, int(value))
                return (shown, str(int(value))) if shown else (str(int(value)),)
            if isinstance(value, (str, bytes)) or hasattr(type(value), "__fspath__"):
                return (Real.fsdecode(value),)
            return None
        except Exception:  # of __fspath__(), or of a number of many digits
            return UNTOLD
