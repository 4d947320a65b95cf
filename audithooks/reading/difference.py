"""What a program does in one trace and not in another."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass, field

from ..records.text import number, printable
from ..rules.passing import is_loopback
from .sites import site_of
from .steady import UNKNOWN_FOLDER, Steady, shards_of
from .touches import (
    COMPILES,
    CONNECTS,
    EXECUTES,
    FILES,
    HOSTS,
    IMPORTS,
    LISTENS,
    LOADS,
    LOOKS_UP,
    READS,
    REMOVES,
    STARTS,
    UNPICKLES,
    WRITES,
)
from .trace import DENIED, Trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from typing import Any

    from .records import Record
    from .touches import Touch
    from .trace import Process

RAISES = "raised"  # any other event

KINDS = (
    WRITES,
    REMOVES,
    READS,
    CONNECTS,
    LISTENS,
    LOOKS_UP,
    STARTS,
    IMPORTS,
    EXECUTES,
    LOADS,
    UNPICKLES,
    RAISES,
)
"""In the order in which they are shown."""

# Whether they are raised depends on what was compiled or collected before.
_BUILD = frozenset({"compile", "marshal.dumps", "marshal.loads"})
# What the tracer says of itself.
_OWN = frozenset({"audithooks.left_out", "audithooks.not_followed"})
# What shutil.rmtree does below a folder, by descriptors.
_OF_RMTREE = frozenset({"open", "os.remove", "os.rmdir", "os.scandir"})
_FOLDERS = ("dir_fd", "src_dir_fd", "dst_dir_fd")
_COMPILED = re.compile(r"(.*?)(?:^|/)__pycache__/([^/]*?)\.[^/]*\.pyc(?:\.\d+)?")
_OF_PYTHON = re.compile(
    r"(.+?)[/\\](?:lib(?:64)?[/\\](?:python|pypy)\d[\d.]*t?|Lib)[/\\]site-packages",
    re.IGNORECASE,
)
_NUMERIC = re.compile(r"[\d.]+|.*:.*")
_SUFFIX = re.compile(r"(?:\.[\w-]+)?\.(?:py|pyw|so|pyd)\Z")


@dataclass(eq=False)
class Finding:
    """What was done, how often, and where first.

    *what* is what another run would name alike, *values* what this one named, with the
    event that did so first and how often it was done; a host or a program has its port
    or its arguments behind a null character. *denied* is whether a rule refused it.
    *site* is the file, the line and the function, or None if the trace does not tell.
    *importer* is the file that imports a module, or "", and *modules* are those that
    the module imports in turn.
    """

    kind: str
    what: str
    denied: bool
    event: str
    time: str
    pid: int
    site: tuple[str, int, str] | None
    count: int = 0
    importer: str = ""
    modules: list[str] = field(default_factory=list)
    values: dict[str, tuple[str, int]] = field(default_factory=dict)


_Raw = tuple[str, str, str, bool]  # kind, what, detail, denied


@dataclass(eq=False)
class _Seen:
    first: Finding
    count: int = 0


class Side:
    """What one trace has, of one or more files. Raises OSError.

    *folder* is that in which the program began, or "" if the trace does not tell.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._raw: dict[_Raw, _Seen] = {}
        self._made: set[str] = set()
        self._created: set[str] = set()
        self._tried: set[str] = set()
        self._prefixes: set[str] = set()
        self._script = ""
        self._cleared: dict[tuple[int, int], str] = {}  # by rmtree, by pid and thread
        self._names: dict[tuple[int, str], str] = {}  # looked up last, by pid and port
        self.trace = Trace.read(paths, self._add)
        self.folder = self._folder()
        self.steady = Steady(
            self._folders(),
            self._made,
            {process.pid for process in self.trace.processes},
            {shard for _, what, *_ in self._raw for shard in shards_of(what)},
        )
        self.findings = self._folded()

    def _folder(self) -> str:
        told = (root.told.get("folder") for root in self.trace.roots)
        return next((folder for folder in told if isinstance(folder, str)), "")

    def _folders(self) -> dict[str, str]:
        """Return the folders that may be other ones in another run, by their paths."""
        found = dict.fromkeys(self._prefixes, "{prefix}")
        for process in self.trace.processes:
            if process.stdlib:
                found[process.stdlib] = "{stdlib}"
        found = {self._script: "{script}", **found, self.folder: "."}
        return {path: name for path, name in found.items() if len(path) > 3}  # than C:/

    def _add(self, record: Record, process: Process, found: list[Touch]) -> None:
        event, args = record.event, record.args
        if event == "import":
            self._learn_folders(args.get("sys.path"))
        if event in _OWN or self._is_of_rmtree(record):
            return
        if event in ("tempfile.mkstemp", "tempfile.mkdtemp"):
            path = args.get("fullpath")
            if isinstance(path, str):
                self._made.add(posixpath.basename(path.replace("\\", "/")))
        denied = record.action == DENIED
        raws = [raw for touch in found for raw in self._raws(record, touch)]
        if not found and event not in _BUILD:
            raws = [(RAISES, event, "")]
        site = site_of(record.stack, process.stdlib)
        for kind, what, detail in raws:
            seen = self._raw.get((kind, what, detail, denied))
            if seen is None:
                first = Finding(
                    kind,
                    what,
                    denied,
                    event,
                    str(record.members["time"]),
                    record.pid,
                    None if site is None else site[1:],
                    importer=_importer(record) if kind == IMPORTS else "",
                )
                seen = self._raw[kind, what, detail, denied] = _Seen(first)
            seen.count += 1

    def _learn_folders(self, places: object) -> None:
        """Note the folders of sys.path that are of the environment or the program."""
        if not isinstance(places, list):
            return
        texts = [place for place in places if isinstance(place, str)]
        for text in texts:
            match = _OF_PYTHON.fullmatch(text)
            if match and not match[1].startswith("/usr"):
                self._prefixes.add(match[1])
        if not self._script and texts:
            is_own = not _OF_PYTHON.match(texts[0]) and not texts[0].endswith(".zip")
            self._script = texts[0] if is_own else "-"

    def _is_of_rmtree(self, record: Record) -> bool:
        """Whether an event is of shutil.rmtree, which names the folder itself."""
        thread = record.pid, record.thread
        if record.event == "shutil.rmtree":
            self._cleared[thread] = str(record.args.get("path"))
            return False
        if thread not in self._cleared:
            return False
        path = record.args.get("path")
        if record.event in _OF_RMTREE and (
            not isinstance(path, str)
            or posixpath.basename(path) == path
            or (record.event == "open" and path == self._cleared[thread])
        ):
            return True
        if record.event not in _OF_RMTREE or path != self._cleared[thread]:
            del self._cleared[thread]
        return False

    def _raws(self, record: Record, touch: Touch) -> Iterator[tuple[str, str, str]]:
        kind, what, detail = touch
        if kind in FILES:
            if not what.startswith("/") and _has_folder(record.args):
                what = f"{UNKNOWN_FOLDER}/{what}"
            yield from self._file(kind, what, record)
        elif kind in HOSTS:
            yield from self._host(kind, what, detail, record)
        elif kind == STARTS:
            yield kind, what, detail
        elif kind == EXECUTES:
            is_command = detail in ("cpython.run_command", "cpython.run_module")
            yield kind, _source(what), detail if is_command else ""
        elif kind != COMPILES:
            yield kind, what, ""

    def _file(
        self, kind: str, path: str, record: Record
    ) -> Iterator[tuple[str, str, str]]:
        parts = path.replace("\\", "/").split("/")
        if "__pycache__" in parts:
            if kind == READS and _COMPILED.fullmatch(path):
                yield kind, _source(path), ""
            return
        if path in ("/dev/null", "NUL") and kind == WRITES:
            return
        if re.fullmatch(r"[a-z0-9_]{8}", parts[-1]):
            flags = record.args.get("flags")
            if kind == WRITES and type(flags) is int and flags & os.O_EXCL:
                self._created.add(path)
            elif kind == REMOVES and path in self._created:
                self._tried.add(path)
        yield kind, path, ""

    def _host(
        self, kind: str, host: str, port: str, record: Record
    ) -> Iterator[tuple[str, str, str]]:
        is_numeric = _NUMERIC.fullmatch(host) is not None
        if kind == LOOKS_UP:
            number = port if port.isdigit() and port != "0" else ""
            self._names[record.pid, number] = "" if is_numeric else host
            if is_numeric and record.event in (
                "socket.getaddrinfo",
                "socket.gethostbyname",
            ):
                return  # nobody is asked
            port = ""
        elif kind == CONNECTS and port and is_numeric and not is_loopback(host):
            names = self._names
            name = names.get((record.pid, port))
            if name is None:
                name = names.get((record.pid, ""), "")
            host = name or host
        yield kind, host or "0.0.0.0", port  # noqa: S104

    def _folded(self) -> dict[tuple[str, str, bool], Finding]:
        """Return the findings by kind, what and whether they were denied."""
        found: dict[tuple[str, str, bool], Finding] = {}
        for (kind, what, detail, denied), seen in self._raw.items():
            if kind in FILES and what in self._tried:
                continue  # tempfile: only the first time that a process needs it
            steady = self._steady(kind, what, detail)
            finding = found.get((kind, steady, denied))
            if finding is None:
                finding = found[kind, steady, denied] = seen.first
                finding.what = steady
                if finding.site is not None:
                    file, line, function = finding.site
                    file = self.steady.path(file).removeprefix("./")
                    finding.site = file, line, function
                    finding.importer = self.steady.path(finding.importer)
            finding.count += seen.count
            value = f"{what}\0{detail}" if detail and kind != EXECUTES else what
            finding.values[value] = seen.first.event, seen.count
        return found

    def _steady(self, kind: str, what: str, detail: str) -> str:
        steady = self.steady
        if kind == LOADS and "/" not in what:
            return steady.text(what)
        if kind == EXECUTES and detail:
            option = "-m" if detail == "cpython.run_module" else "-c"
            return f"python {steady.of_python([option, what])}"
        if kind in FILES or kind in (EXECUTES, LOADS):
            return steady.path(what)
        if kind in (IMPORTS, UNPICKLES):
            return steady.module(what)
        if kind == STARTS:
            return steady.program(what, detail.split("\0") if detail else [])
        if kind == LOOKS_UP:
            return steady.host(what)
        if kind in HOSTS:
            if not detail:
                return steady.path(what)
            return f"{steady.host(what)} port {steady.port(detail)}"
        return steady.text(what)


def _importer(record: Record) -> str:
    """Return the file of the module whose body leads to an import, or ""."""
    bodies = (file for file, _, function in record.stack if function == "<module>")
    return next(bodies, "")


def _has_folder(args: dict[str, Any]) -> bool:
    """Whether a relative path stands on the folder of a descriptor."""
    given = [args.get(name) for name in _FOLDERS]
    return any(type(folder) is int and folder >= 0 for folder in given)


def _source(path: str) -> str:
    """Return the source of a compiled file; other paths as they are."""
    match = _COMPILED.fullmatch(path)
    if match is None:
        return path
    folder = f"{match[1]}/" if match[1] or path.startswith("/") else ""
    return f"{folder}{match[2]}.py"


def added(old: Side, new: Side) -> list[Finding]:
    """Return what *new* has and *old* has not, sorted.

    What is plain from another finding is left out: the files of a module that is
    imported, that a file which is written was read or removed as well, and the look-up
    of a host that is connected to.
    """
    found = {key: f for key, f in new.findings.items() if key not in old.findings}
    of_kind: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for kind, what, _ in found:
        of_kind[kind].add(what)
    modules = of_kind[IMPORTS]
    connected = {what.rpartition(" port ")[0] for what in of_kind[CONNECTS]}
    started = {what.partition(" ")[0] for what in of_kind[STARTS]}
    started |= {posixpath.basename(program) for program in started}

    def is_plain(kind: str, what: str) -> bool:
        if kind == LOOKS_UP:
            return what in connected
        if kind in (READS, EXECUTES) and _module_of(what, modules):
            return True
        if kind == READS:
            return (
                what in of_kind[WRITES]
                or what in of_kind[EXECUTES]
                or what in started
                or ("bin/" in what and posixpath.basename(what) in started)
            )
        return kind == REMOVES and what in of_kind[WRITES]

    shown = [f for (kind, what, _), f in found.items() if not is_plain(kind, what)]
    return sorted(
        _gathered(shown), key=lambda f: (KINDS.index(f.kind), f.what, f.denied)
    )


def _gathered(findings: list[Finding]) -> Iterator[Finding]:
    """Let an import stand for those that it leads to.

    These are the modules of a package, and what a module imports that is new itself, if
    the trace has call sites.
    """
    imports = {f.what: f for f in findings if f.kind == IMPORTS and not f.denied}
    for finding in findings:
        finding.modules = []
    for finding in findings:
        seen = {finding.what}
        first = finding
        while first.kind == IMPORTS and not first.denied:
            above = first.what.partition(".")[0]
            if above not in imports or above in seen:
                above = _module_of(first.importer, imports)
            if not above or above in seen:
                break
            seen.add(above)
            first = imports[above]
        if first is finding:
            yield finding
        else:
            first.modules.append(finding.what)


def _module_of(path: str, modules: Container[str]) -> str:
    """Return which of *modules* a file is, or the folder of a package, or ""."""
    *folders, name = path.split("/")
    stem = _SUFFIX.sub("", name)
    parts = folders if stem == "__init__" else [*folders, stem]
    names = (".".join(parts[-n:]) for n in range(1, min(len(parts), 9) + 1))
    return next((name for name in names if name in modules), "")


def line_of(finding: Finding) -> str:
    """Return a finding as text on one line."""
    kind, what = finding.kind, printable(finding.what)
    if finding.modules:
        what += f" and by it {number(len(finding.modules), 'module')}"
    told = [finding.event]
    if finding.site is not None:
        file, line, function = finding.site
        told.append(f"{printable(file)}:{line} in {printable(function)}")
    if finding.denied:
        told.append("denied")
    return f"{kind:<10} {what}  [{', '.join(told)}]"
