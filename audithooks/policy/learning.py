"""Learning: the rules that allow what a program did, as few and as lasting as can be.

A rule for what was done once may not fit the next time. So temporary names and numbers
become a *, what is in the folder for temporary files becomes {tmp}, a port that the
system chose is left out, and four files of one kind in a folder of the project stand
for all of them. Nothing else is loosened outside of the project, but for names that
tempfile made; the home folder, or one above it, is no project. If the project is among
temporary files itself, what is beside it becomes {tmp}/name.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from json import dumps
from shlex import quote

from .._real import Real, is_there
from ..records.text import printable
from ..rules import Rules, paths
from ..rules.grammar import SUBJECTS, Value, in_quotes, parse, quoted
from ..rules.passing import (
    EPHEMERAL,
    MADE,
    NUMBER,
    TEMPORARY,
    is_loopback,
    loosened,
    of_tempfile,
)
from .covering import covered
from .policy import OPENED, STEPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..rules import Rule

_SIBLINGS = 4
_TRIED = "|{tmp}/????????"  # how tempfile tries whether it can write
_NONE = Value("None", False)
_ORDER = ("@write", "@connect", "@listen", "@spawn")


class Learned:
    """Rules that allow something, and how often each was needed.

    *folder* is that of the project, and *here* that on which the paths of the rules
    stand.
    """

    def __init__(self, folder: str, here: str | None = None) -> None:
        self._folder = paths.resolve(folder)
        self._prefix = "."
        self._here = self._folder if here is None else paths.resolve(here)
        if self._here != self._folder:
            try:
                way = os.path.relpath(self._folder, self._here)
                self._prefix = way if way.startswith("..") else f"./{way}"
            except ValueError:  # on another drive of Windows
                self._prefix = self._folder
        known = paths.variables(folder)
        self._tmp = paths.resolve(known["tmp"])
        self._home = home = paths.resolve(known["home"])
        self._is_project = not _is_below(home, self._folder)
        self._has_tmp = not any(_is_below(f, self._tmp) for f in (home, self._folder))
        self._given: Counter[str] = Counter()
        self._made: set[str] = set()  # names that tempfile has made
        self._folders: set[str] = set()  # that the program has made
        self._wide: set[str] = set()  # their rules, for all that is below as well
        self._untold: Counter[str] = Counter()  # what no rule can say
        self._refused: Counter[tuple[str, str]] = Counter()

    def add(self, rule: str, event: str = "", count: int = 1) -> None:
        """Add a rule that would have allowed an event, which was raised so often."""
        if event in STEPS and "host=" not in rule:
            rule = event  # which the rule for the connection will open
        if rule not in self._given:
            try:
                if rule in SUBJECTS:
                    raise ValueError("it is about too much")
                (made,) = Rules("allow", [rule], self._folder, strict=True).rules
            except ValueError:
                self._untold[rule] += count
                return
            paths_of = {value.text for item in made.items for value in item.values}
            if event in ("tempfile.mkstemp", "tempfile.mkdtemp"):
                self._made.update(map(os.path.basename, paths_of))
            elif event == "os.mkdir":
                self._folders.update(paths_of)
        self._given[rule] += count

    def refuse(self, rule: str, subject: str) -> None:
        """Add an event that a rule refuses which nothing can lift."""
        self._refused[rule, subject] += 1

    def rules(self, lasting: bool = False) -> list[tuple[str, int]]:
        """Return the rules, and how often each was needed.

        If they are *lasting*, what the next run may do besides is among them.
        """
        found: Counter[tuple[str, str]] = Counter()
        of_any_port: set[tuple[str, str]] = set()
        for text, count in self._given.items():
            rule = parse(text)
            for value in self._values(rule):
                found[rule.events, value] += count
                if lasting and rule.events == "@listen" and value.startswith("path="):
                    old = rule._replace(events="@write")  # which may be removed
                    found.update((old.events, v) for v in self._values(old))
                if _has_port(rule) and ", port=" not in value:
                    of_any_port.add((rule.events, value))
        self._join_siblings(found)
        self._join_hosts(found, of_any_port)
        self._leave_out_opened(found)
        self._leave_out_missing(found)
        self._leave_out_covered(found)
        order = {name: place for place, name in enumerate(_ORDER)}
        return [
            (f"{events}({value})" if value else events, count)
            for (events, value), count in sorted(
                found.items(), key=lambda item: (order.get(item[0][0], 9), item[0])
            )
        ]

    def _values(self, rule: Rule) -> Iterable[str]:
        """Yield what is between the brackets of the rules for each value of a rule."""
        items = {item.name: item.values for item in rule.items}
        if "path" in items and not {*items["path"]} <= {_NONE}:
            for value in items["path"]:
                path = self._path(value.text)
                if rule.events != "@write":
                    path = path.removesuffix(_TRIED)
                if value.text in self._folders:
                    self._wide.add(f"path={path}")
                yield f"path={path}"
        elif "program" in items:
            for value in items["program"]:
                yield f"program={self._program(value.text)}"
        elif "host" in items:
            host = items["host"][0].text
            exact = in_quotes(host) if "/" in host else quoted(host)
            text = f"host={'localhost' if is_loopback(host) else exact}"
            port = items["port"][0].text if "port" in items else ""
            if port and not (port.isdigit() and not 0 < int(port) < EPHEMERAL):
                text += f", port={port}"
            yield text
        else:
            yield ", ".join(
                f"{item.name}={quoted(item.values[0].text)}" for item in rule.items
            )

    def _path(self, path: str) -> str:
        if self._has_tmp and _is_below(path, self._tmp):
            return "{tmp}"
        if path == self._folder:
            return in_quotes(self._prefix)
        if "*" in path or not (self._is_project and _is_below(path, self._folder)):
            inside = self._in_tmp(path)
            if inside:
                return self._passing(inside)
            name = os.path.basename(path)
            if name in self._made:
                return _pattern(f"{os.path.dirname(path)}/{of_tempfile(name)}")
            return in_quotes(path) if _is_folder(path) else quoted(path)
        parts = path[len(self._folder) :].lstrip("/").split("/")
        parts = [
            of_tempfile(part) if part in self._made else loosened(part)
            for part in parts
        ]
        inside = f"{self._prefix}/{'/'.join(parts)}"
        if "*" not in inside and path not in self._folders and _is_folder(path):
            return in_quotes(inside)  # and nothing below it
        return _pattern(inside)

    def _in_tmp(self, path: str) -> str:
        """Return what follows the temporary folder in a path beside project and home.

        That is "" for every other path.
        """
        tmp = f"{self._tmp.rstrip('/')}/"
        if not path.startswith(tmp) or _is_below(self._home, self._tmp):
            return ""
        inside = path[len(tmp) :]
        return "" if _is_below(self._folder, tmp + inside.split("/")[0]) else inside

    def _passing(self, inside: str) -> str:
        """Return a pattern for a path in the temporary folder and those beside it."""
        name = inside.split("/")[0]
        pattern = of_tempfile(name) if name in self._made else loosened(name)
        if "*" not in pattern or MADE.fullmatch(name):
            pattern = MADE.sub("*", name)
        pattern = _escaped(pattern)
        below = "" if pattern == name else "/**"  # of a name it is meant anyway
        tried = _TRIED if name in self._made or TEMPORARY.fullmatch(name) else ""
        return f"{{tmp}}/{pattern}{below}{tried}"

    def _program(self, path: str) -> str:
        """Return a program; of one among temporary files the numbers may differ."""
        inside = self._in_tmp(path)
        if not inside:
            return quoted(path)
        *folders, name = inside.split("/")
        parts = [NUMBER.sub("*", loosened(part)) for part in folders]
        return f"{{tmp}}/{_escaped('/'.join([*parts, name]))}"

    def _join_siblings(self, found: Counter[tuple[str, str]]) -> None:
        """Let a pattern stand for files of one suffix in a folder of the project."""
        kinds: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for key in found:
            events, value = key
            folder, _, name = value.rpartition("/")
            if not f"{folder}/".startswith(f"path={self._prefix}/"):
                continue
            suffix = os.path.splitext(name)[1]
            if suffix:
                kinds.setdefault((events, f"{folder}/*{suffix}"), []).append(key)
        for pattern, keys in kinds.items():
            if len(keys) >= _SIBLINGS:
                found[pattern] = sum(found.pop(key) for key in keys)

    def _join_hosts(
        self, found: Counter[tuple[str, str]], of_any_port: set[tuple[str, str]]
    ) -> None:
        """Leave out the look-up of a host that was also connected to.

        And ports of a host of which any port was needed, as the system chose one.
        """
        for events, value in [*found]:
            host, comma, _ = value.partition(", port=")
            if not comma or (events, host) not in found:
                continue
            if (events, host) in of_any_port:
                found[events, host] += found.pop((events, value))
            else:
                found[events, value] += found.pop((events, host))

    def _leave_out_opened(self, found: Counter[tuple[str, str]]) -> None:
        """Leave out events that a rule of a capability opens beside its own."""
        capabilities = {events[1:] for events, _ in found if events.startswith("@")}
        opened = {e for name in capabilities for e in OPENED.get(name, ())}
        for key in [key for key in found if key[0] in opened]:
            del found[key]

    def _leave_out_missing(self, found: Counter[tuple[str, str]]) -> None:
        """Leave out programs that are not there, and are in another folder of PATH."""
        files = [key for key in found if key[1].startswith("program=/")]
        missing = [key for key in files if not is_there(key[1][8:])]
        there = {os.path.basename(key[1]) for key in files if key not in missing}
        for key in missing:
            if os.path.basename(key[1]) in there:
                del found[key]

    def _leave_out_covered(self, found: Counter[tuple[str, str]]) -> None:
        """Leave out rules that allow nothing but what another one allows."""
        kinds: dict[str, list[str]] = {}
        for events, value in found:
            kinds.setdefault(events, []).append(value)
        for events, values in kinds.items():
            for value, other in covered(values, self._here, self._wide).items():
                found[events, other] += found.pop((events, value))

    def options(self) -> list[str]:
        """Return a line for each rule, as an option that can be pasted."""
        rows = [f"{count:>7,}  --allow {quote(text)}" for text, count in self.rules()]
        for rule, count in self._untold.items():
            rows.append(f"{count:>7,}  {rule}: no rule can say that and no more")
        for (rule, subject), count in self._refused.items():
            rows.append(f"{count:>7,}  {subject}: {rule} has arguments, and stays")
        return rows

    def policy(self, command: str) -> str:
        """Return the text of a policy file."""
        lines = [
            f"# What `{printable(command)[:60]}` did: a policy, written by --learn.",
            "# Behind each rule is how often it was needed. Reading is not limited.",
            *self._comments(),
            'default = "deny"',
            *self._allowed(),
        ]
        return "\n".join([*lines, ""])

    def part(self) -> str:
        """Return the part of a policy file that allows it, or "" if nothing has to."""
        if not self._given and not self._untold:
            return ""
        return "\n".join([*self._comments(), *self._allowed(), ""])

    def _comments(self) -> Iterable[str]:
        for rule, count in self._untold.items():
            yield (
                "# Not written, as no rule can say that and no more: "
                f"{rule}  # {count:,}"
            )

    def _allowed(self) -> Iterable[str]:
        yield "allow = ["
        for text, count in self.rules(lasting=True):
            yield f"  {_toml_quoted(text)},  # {count:,}"
        yield "]"


def _has_port(rule: Rule) -> bool:
    return any(item.name == "port" for item in rule.items)


def _is_folder(path: str) -> bool:
    """Whether a rule for *path* would allow what is below it."""
    try:
        return Real.stat(path).st_mode & 0o170000 == 0o040000
    except (OSError, ValueError):
        return False


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _pattern(text: str) -> str:
    """Return a path as a value, in which only a * is a wildcard."""
    if re.fullmatch(r"[\w./:@+=* -]*[\w./:@+=*-]", text):
        return text
    return in_quotes(text) if "*" not in text else _escaped(text)


def _escaped(pattern: str) -> str:
    """Return a pattern in which ? stands for what a rule would take for its own."""
    return re.sub(r"[^\w./:@+=*-]", "?", pattern)


def _toml_quoted(text: str) -> str:
    return dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
