"""What a trace names, as another run of the program would name it.

Numbers of processes, ports that the system chose, addresses in memory and temporary
names become a *, and folders that differ from machine to machine a name in braces.
"""

from __future__ import annotations

import posixpath
import re

from ..rules.passing import (
    EPHEMERAL,
    NUMBER,
    is_loopback,
    loosened,
    of_tempfile,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

UNKNOWN_FOLDER = "{folder}"
"""Stands for a folder that a trace knows as a descriptor only."""

_OF_PROCESS = re.compile(
    r"/proc/(?:\d+|self|thread-self)(?:/task/\d+)?(?:/(?:fd|fdinfo|ns)/\w+)?"
    r"|/dev/(?:fd|pts)/\d+"
)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_TEMPORARY_FOLDERS = re.compile(
    r"(?:/private)?(?:/var)?/tmp(?=/|$)|(?:/private)?/var/folders/[^/]+/[^/]+/T(?=/|$)"
    r"|[A-Z]:/Users/[^/]+/AppData/Local/Temp(?=/|$)"
)
_SHELLS = re.compile(r"(?:ba|da|z|k|c|fi|a)?sh|cmd(?:\.exe)?", re.IGNORECASE)
_PYTHONS = re.compile(r"(?:python|pypy)[\d.]*t?w?(?:\.exe)?", re.IGNORECASE)
_SHARD = re.compile(r"[0-9a-f]{1,2}")  # of a cache by hashes
_HASH = re.compile(r"[0-9a-f]{30,}")
_RANDOM = re.compile(r"tmp[a-z0-9_]{8}|[0-9a-f]{8,}|\d{5,}")  # in the name of a module
_RANDOM_END = re.compile(r"(?<=[-_.])[a-z0-9_]{8}(?=(?:\.\w+)?$)")  # as of tempfile
_LONGEST = 200  # characters of a command


def _slashed(path: str) -> str:
    """Return a path of Windows with slashes; other paths as they are."""
    return path.replace("\\", "/") if re.match(r"[A-Za-z]:\\", path) else path


def shards_of(path: str) -> Iterator[str]:
    """Yield the folders of a path that are named by the beginning of a hash.

    Caches have such folders, as ab/cd of ab/cd/ef0123....
    """
    parts = path.split("/")
    for place, part in enumerate(parts):
        if _HASH.fullmatch(part):
            while place > 0 and _SHARD.fullmatch(parts[place - 1]):
                yield "/".join(parts[:place])
                place -= 1


class Steady:
    """Names of one trace, without what varies.

    *folders* are places of this trace by their names, as "." for the folder in which
    the program began. *made* are names that tempfile made, *pids* the
    processes, and *shards* the folders that shards_of() finds.
    """

    def __init__(
        self,
        folders: dict[str, str],
        made: Collection[str] = (),
        pids: Collection[int] = (),
        shards: Collection[str] = (),
    ) -> None:
        known = ((_slashed(folder), name) for folder, name in folders.items())
        self._folders = sorted(known, key=lambda item: -len(item[0]))
        self._made = made
        self._shards = shards
        numbers = "|".join(str(pid) for pid in sorted(pids, reverse=True) if pid > 9)
        self._pids = None
        if numbers:
            self._pids = re.compile(rf"(?<!\w)(?:{numbers})(?!\w)")
        self._known: dict[str, str] = {}

    def path(self, path: str) -> str:
        """Return a path; one that stands on an unknown folder begins with ./."""
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = self._path(path)
        return found

    def _path(self, path: str) -> str:
        if path.startswith("<"):
            return self.text(path)
        path = _slashed(path)
        of_process = _OF_PROCESS.match(path)
        if of_process:
            start = re.sub(r"\d+|(?:thread-)?self", "*", of_process[0])
            return start + loosened(path[of_process.end() :])
        folder, inside = self._split(path)
        if not inside:
            return folder
        is_temporary = folder == "{tmp}"
        parts = inside.split("/")
        steady = [self._name(part, is_temporary) for part in parts]
        for place, part in enumerate(parts):
            if _SHARD.fullmatch(part):
                through = path[: len(path) - len("/".join(["", *parts[place + 1 :]]))]
                if through in self._shards:
                    steady[place] = "*"
        return "/".join([folder, *steady])

    def _split(self, path: str) -> tuple[str, str]:
        """Return the name of the folder in which a path is, and the rest of it."""
        for folder, name in self._folders:
            if path == folder:
                return name, ""
            if path.startswith(f"{folder.rstrip('/')}/"):
                return name, path[len(folder) :].lstrip("/")
        found = _TEMPORARY_FOLDERS.match(path)
        if found:
            return "{tmp}", path[found.end() :].lstrip("/")
        if path.startswith("/"):
            return "", path[1:]
        if path.startswith(UNKNOWN_FOLDER):
            return UNKNOWN_FOLDER, path[len(UNKNOWN_FOLDER) + 1 :]
        if re.match("[A-Za-z]:/", path):
            return path[:2], path[3:]
        return ".", "" if path == "." else path

    def _name(self, name: str, is_temporary: bool) -> str:
        if name in self._made:
            return of_tempfile(name)
        if self._pids is not None:
            name = self._pids.sub("*", name)
        if is_temporary:
            name = NUMBER.sub("*", _RANDOM_END.sub("*", name))
        return loosened(name)

    def text(self, text: str) -> str:
        """Return a text, such as a command: each of its words may be a path."""
        text = _ADDRESS.sub("0x*", text)
        return "".join(
            word if not word or word.isspace() else self._word(word)
            for word in re.split(r"(\s+|[\"'`=:,;()<>|&]+)", text)
        )

    def _word(self, word: str) -> str:
        return self.path(word) if "/" in word[:3] else self._name(word, False)

    def host(self, host: str) -> str:
        return "localhost" if is_loopback(host) else host.rstrip(".").lower()

    def port(self, port: str) -> str:
        """Return a port, or * for one that the system chose."""
        chosen = port.isdigit() and not 0 < int(port) < EPHEMERAL
        return "*" if chosen else port

    def module(self, name: str) -> str:
        return loosened(name) if _RANDOM.search(name) else name

    def program(self, program: str, words: list[str]) -> str:
        """Return a program, and what a shell or a Python is to run by it."""
        steady = self.path(program) if "/" in program else program
        name = posixpath.basename(program.replace("\\", "/"))
        if _SHELLS.fullmatch(name):
            command = words[1] if words[:1] in (["-c"], ["/c"]) else " ".join(words[:1])
            return f"{steady} {self.text(command)[:_LONGEST]}".rstrip()
        if _PYTHONS.fullmatch(name):
            return f"{steady} {self.of_python(words)[:_LONGEST]}".rstrip()
        return steady

    def of_python(self, words: list[str]) -> str:
        """Return what a Python is to run."""
        following = iter(words)
        for word in following:
            if not word.startswith("-"):
                return self.path(word)
            if word[-1:] in ("c", "m") and word[1:2] != "-":
                what = next(following, "")
                if word[-1] == "m":
                    return f"-m {what}"
                return f"-c {re.sub('[0-9]+', '*', self.text(what)).strip()}"
            if word in ("-W", "-X"):
                next(following, "")
        return ""
