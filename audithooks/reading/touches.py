"""What a record is about: files, hosts, programs and code, as a reader says it."""

from __future__ import annotations

import ast
import ntpath
import posixpath
import re
from collections import namedtuple

from ..catalogue import EVENTS, open_bits, spawn_argv
from ..rules.paths import of_database
from ..rules.subjects import CHANGES, LOOK_UPS, READ, SPAWNS, paths_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing
    from collections.abc import Iterator
    from typing import Any

    from .records import Record

    class _Touch(typing.NamedTuple):  # what type checkers see
        kind: str
        what: str
        detail: str

else:
    _Touch = namedtuple("_Touch", "kind what detail")  # noqa: PYI024

READS = "read"
WRITES = "written"
REMOVES = "removed"
CONNECTS = "connected"
LOOKS_UP = "looked up"
LISTENS = "listened"
STARTS = "started"
IMPORTS = "imported"
EXECUTES = "executed"
COMPILES = "compiled"
UNPICKLES = "unpickled"
LOADS = "loaded"  # a native library

FILES = (READS, WRITES, REMOVES)
HOSTS = (CONNECTS, LOOKS_UP, LISTENS)
CODE = (IMPORTS, EXECUTES, COMPILES, UNPICKLES, LOADS)

# The events after which what an argument names is gone: the argument.
_REMOVED = {
    "os.remove": "path",
    "os.rmdir": "path",
    "os.rename": "src",
    "shutil.move": "src",
    "shutil.rmtree": "path",
}
# Events of libraries that say once more what socket.connect says, with names.
_CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_OF_CODE = {
    "cpython.run_command": "command",
    "cpython.run_file": "filename",
    "cpython.run_module": "module-name",
    "cpython.run_startup": "filename",
}
_BYTES = re.compile(r"b(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")
_CODE_OBJECT = re.compile(
    r"<code object (?P<name>.*?) at 0x[0-9a-fA-F]+, file \"(?P<file>.*?)\"?,"
    r" line -?\d+>",
    re.DOTALL,
)


class Touch(_Touch):
    """One thing that a record is about.

    *kind* is one of the words above, *what* the path, the host, the program or the
    module, and *detail* the port of a host, the arguments of a program with a null
    character between them, the name of a code object, or "".
    """

    __slots__ = ()


def touches(record: Record, folder: str = "") -> Iterator[Touch]:
    """Yield what *record* is about.

    Relative paths stand on *folder*; if that is empty, they stay relative. What was
    denied is yielded as well: look at the action of the record.
    """
    event, args = record.event, record.args
    if event == "open":
        yield from _opened(args, folder)
    elif event == "import":
        if isinstance(args.get("module"), str):
            yield Touch(IMPORTS, args["module"], "")
    elif event == "exec":
        yield Touch(EXECUTES, *_code(args.get("code_object")))
    elif event == "compile":
        name = args.get("filename")
        yield Touch(COMPILES, name if isinstance(name, str) else "", "")
    elif event in _OF_CODE:
        yield Touch(EXECUTES, str(args.get(_OF_CODE[event])), event)
    elif event == "pickle.find_class":
        yield Touch(UNPICKLES, f"{args.get('module')}.{args.get('name')}", "")
    elif event == "ctypes.dlopen":
        if isinstance(args.get("name"), str):
            yield Touch(LOADS, args["name"], "")
    elif event in SPAWNS:
        yield from _started(event, args)
    elif event in LOOK_UPS:
        yield from _looked_up(event, args)
    elif event in _CONNECTS:
        yield from _addressed(CONNECTS, args.get("address"), folder)
    elif event == "socket.bind":
        yield from _addressed(LISTENS, args.get("address"), folder)
    else:
        for argument, folder_argument, use in paths_of(event):
            path = _path(event, args.get(argument))
            if not path:
                continue
            place = placed(path, _base(args, folder_argument, folder))
            if _REMOVED.get(event) == argument:
                yield Touch(REMOVES, place, "")
            elif event == "sqlite3.connect" or "w" in use:
                yield Touch(WRITES, place, "")
            elif "r" in use:
                yield Touch(READS, place, "")


def placed(path: str, folder: str) -> str:
    """Return *path*, which stands on *folder*, in full and without . and .. in it."""
    flavor = ntpath if re.match(r"[A-Za-z]:[\\/]|\\\\", folder or path) else posixpath
    normal: str = flavor.normpath(flavor.join(folder, path))
    return normal


def _base(args: dict[str, Any], argument: str | None, folder: str) -> str:
    """Return the folder of a relative path, or "" if a descriptor is that."""
    given = None if argument is None else args.get(argument)
    return folder if given in (None, -1) else ""


def _path(event: str, value: Any) -> str | None:
    if value is None and event in ("os.listdir", "os.scandir"):
        return "."
    if not isinstance(value, str):
        return None
    return of_database(value) if event == "sqlite3.connect" else value


def _opened(args: dict[str, Any], folder: str) -> Iterator[Touch]:
    path = args.get("path")
    if not isinstance(path, str):  # a descriptor
        return
    try:
        bits = open_bits(args.get("mode"), args.get("flags"))
    except TypeError:
        bits = 0
    place = placed(path, folder)
    if bits & CHANGES:
        yield Touch(WRITES, place, "")
    if bits & READ:
        yield Touch(READS, place, "")


def _code(code: Any) -> tuple[str, str]:
    """Return the file of a code object, and its name."""
    match = _CODE_OBJECT.match(code) if isinstance(code, str) else None
    return (match["file"], match["name"]) if match else (str(code), "")


def _looked_up(event: str, args: dict[str, Any]) -> Iterator[Touch]:
    names = ("host", "hostname", "ip_address", "sockaddr")
    host = next((args[name] for name in names if name in args), None)
    port = args.get("port")
    if isinstance(host, list) and len(host) > 1:
        host, port = host[:2]
    host = without_b(host)
    if isinstance(host, str) and host:
        yield Touch(LOOKS_UP, host, "" if port is None else str(without_b(port)))


def _addressed(kind: str, address: Any, folder: str) -> Iterator[Touch]:
    if isinstance(address, str) and address:  # of a Unix socket
        text = str(without_b(address))
        is_abstract = text.startswith("\0")
        yield Touch(kind, text if is_abstract else placed(text, folder), "")
    elif isinstance(address, list) and len(address) > 1:
        yield Touch(kind, str(without_b(address[0])), str(address[1]))


def _started(event: str, args: dict[str, Any]) -> Iterator[Touch]:
    given = tuple(without_b(args.get(name)) for name in EVENTS[event].arguments)
    try:
        program, *words = spawn_argv(event, given)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError):
        return
    yield Touch(STARTS, program, "\0".join(words))


def without_b(value: Any) -> Any:
    """Return what the repr() of bytes stands for as text; other values as they are."""
    if isinstance(value, list):
        return [without_b(item) for item in value]
    if isinstance(value, str) and _BYTES.fullmatch(value):
        return ast.literal_eval(value).decode("utf-8", "backslashreplace")
    return value
