"""Numbers as the constants that people write: flags, modes, signals, families.

It is for text. JSON and the like have the numbers.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# For an argument the module and the prefix of its constants. The module is looked up
# when an event comes: whoever raised it has imported it.
_CONSTANTS = {
    "open.flags": ("os", "O_"),
    "fcntl.fcntl.cmd": ("fcntl", "F_"),
    "fcntl.flock.operation": ("fcntl", "LOCK_"),
    "fcntl.lockf.cmd": ("fcntl", "LOCK_"),
    "mmap.__new__.access": ("mmap", "ACCESS_"),
    "os.kill.sig": ("_signal", "SIG"),
    "os.killpg.sig": ("_signal", "SIG"),
    "os.lockf.cmd": ("os", "F_"),
    "os.setxattr.flags": ("os", "XATTR_"),
    "resource.prlimit.resource": ("resource", "RLIMIT_"),
    "resource.setrlimit.resource": ("resource", "RLIMIT_"),
    "signal.pthread_kill.signalnum": ("_signal", "SIG"),
    "socket.__new__.family": ("_socket", "AF_"),
    "socket.__new__.type": ("_socket", "SOCK_"),
    "socket.getaddrinfo.family": ("_socket", "AF_"),
    "socket.getaddrinfo.type": ("_socket", "SOCK_"),
}
_FLAGS = {"LOCK_", "O_", "SOCK_", "XATTR_"}  # that are combined; a rest is a number
_ZEROS = {"O_": "O_RDONLY"}
_ACCESS = 3  # the bits of O_RDONLY, O_WRONLY and O_RDWR, which are no flags
# Of two names for a number, those that are less known.
_OTHER_NAMES = {
    "AF_LOCAL",
    "AF_ROUTE",
    "O_ACCMODE",
    "O_FSYNC",
    "O_NDELAY",
    "O_RSYNC",
    "SIGCLD",
}
_OTHER_NAMES |= {"SIGIOT", "SIGPOLL", "XATTR_SIZE_MAX"}
_MODES = {"os.chmod.mode", "os.mkdir.mode"}
_FOLDERS = {"dir_fd", "src_dir_fd", "dst_dir_fd"}  # -1 for none

_named: dict[tuple[str, str], dict[int, str]] = {}


def readable(event: str, name: str, value: Any) -> str | None:
    """Return the text of an argument, or None if it is no number with a name.

    The text is empty if the argument says nothing.
    """
    if type(value) is not int:
        return None
    if name in _FOLDERS:
        return "" if value == -1 else None
    argument = f"{event}.{name}"
    if argument in _MODES:
        return f"0o{value:03o}" if value >= 0 else None
    if argument not in _CONSTANTS or (name == "flags" and _without_flags()):
        return None
    module, prefix = _CONSTANTS[argument]
    names = _names(module, prefix)
    if prefix not in _FLAGS:
        return names.get(value)
    is_none = value < 0 or (value == 0 and prefix not in _ZEROS)
    return None if is_none else _combined(value, names, prefix)


def number(event: str, name: str, text: str) -> int | None:
    """Return the number that names of constants, with | between them, stand for.

    None if the argument has no such constants. Raises ValueError for other names.
    """
    if f"{event}.{name}" not in _CONSTANTS:
        return None
    module, prefix = _CONSTANTS[f"{event}.{name}"]
    from importlib import import_module

    known = vars(import_module(module))
    found = 0
    for word in text.split("|"):
        if not word.startswith(prefix) or word not in known:
            raise ValueError(f"there is no {word!r} for {name} of {event}")
        found |= int(known[word])
    return found


def _without_flags() -> bool:
    return sys.implementation.name == "pypy"  # its flags have no meaning


def _names(module: str, prefix: str) -> dict[int, str]:
    """Return the names of the constants of *module* that begin with *prefix*."""
    found = _named.get((module, prefix))
    if found is None:
        constants = vars(sys.modules[module]) if module in sys.modules else {}
        found = {}
        for name in sorted(constants, reverse=True):
            is_other = name in _OTHER_NAMES or name.startswith("SIG_")
            value = constants[name]
            if name.startswith(prefix) and isinstance(value, int) and not is_other:
                found[int(value)] = name
        if prefix in _ZEROS:
            found[0] = _ZEROS[prefix]
        if constants:
            _named[module, prefix] = found
    return found


def _combined(value: int, names: dict[int, str], prefix: str) -> str | None:
    """Return names with a | between them, or None if there is none of the bits."""
    parts = []
    rest = value
    if prefix == "O_":
        access = value & _ACCESS
        if access not in names:
            return None
        parts.append(names[access])
        rest -= access
    # Those of several bits first, as O_TMPFILE has that of O_DIRECTORY.
    for flag in sorted(names, key=lambda flag: (-bin(flag).count("1"), flag)):
        if flag > (_ACCESS if prefix == "O_" else 0) and rest & flag == flag:
            parts.append(names[flag])
            rest -= flag
    if rest:
        parts.append(hex(rest))
    return "|".join(parts) if len(parts) > 1 or not rest else None
