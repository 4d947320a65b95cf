"""A process to attach to: what it is, and how it is made to run a script.

That is sys.remote_exec(), of PEP 768. What it says of a process that it cannot have is
one message for all reasons, so they are looked for here before.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import sys
from contextlib import contextmanager

from .._real import Real

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST = 3, 14  # the first version that can be attached to

# How the state of an interpreter begins in its memory; then comes its version.
_COOKIE = b"xdebugpy"

# What stands there behind: the offsets of the first interpreter and of its main thread
# by their place, and those of whether a script is requested, of its path, and the size
# of that, with that of all these two places before.
_INTERPRETER, _MAIN_THREAD = 5, 10
_REQUESTED = 0, 4, 512

_PIDFD_OPEN = 434  # the number of the system call

_REQUEST = """\
import sys
try:
    sys.remote_exec(int(sys.argv[1]), sys.argv[2])
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


class NotAttached(Exception):
    """Why a process is not attached to, or no longer."""

    def __init__(self, text: str, kind: type[Exception] = RuntimeError) -> None:
        super().__init__(text)
        self.kind = kind  # what attach() raises


def _pidfd(pid: int) -> int:
    """Return a descriptor that can be read when the process has ended."""
    if hasattr(os, "pidfd_open"):
        return os.pidfd_open(pid)
    import ctypes  # PyPy lacks that function, but not this module

    found: int = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_OPEN, pid, 0)
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return found


class Target:
    """The process *pid*, which is looked at. Raises NotAttached."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.folder = f"/proc/{pid}"
        self._runtime_at = 0
        try:
            self.pidfd = _pidfd(pid)
        except OSError:
            raise self._missing() from None
        try:
            self._look()
        except FileNotFoundError:  # it has ended
            self.close()
            raise self._missing() from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        Real.close(self.pidfd)

    def _missing(self) -> NotAttached:
        return NotAttached(f"there is no process {self.pid}", ProcessLookupError)

    def _look(self) -> None:
        with open(f"{self.folder}/comm", encoding="utf-8", errors="replace") as file:
            name = file.read().rstrip("\n")
        if self._state()[0] in "ZX":
            raise self._missing()
        try:
            program = os.readlink(f"{self.folder}/exe")
            with open(
                f"{self.folder}/maps", encoding="utf-8", errors="replace"
            ) as file:
                maps = file.read().splitlines()
        except PermissionError:
            raise self._refused() from None
        except FileNotFoundError:  # a thread of the kernel has none
            if self._state()[0] in "ZX":
                raise
            program, maps = name, []
        self.program = program.removesuffix(" (deleted)")
        short = os.path.basename(self.program)
        version = self._version(maps)
        if version is None and not short.startswith("pypy"):
            raise NotAttached(f"process {self.pid} runs {short!r}, which is no Python")
        shown = ".".join(map(str, version or ()))
        if version is None or version < FIRST:
            what = f"Python {shown}" if version else "PyPy"
            raise NotAttached(
                f"process {self.pid} runs {what}; only 3.14 and later can be attached "
                "to. Start it with audithooks instead"
            )
        self.version = version
        with open(f"{self.folder}/auxv", "rb") as auxv:
            self._auxv = auxv.read()

    def _refused(self) -> NotAttached:
        if os.geteuid() != 0 and os.stat(self.folder).st_uid != os.geteuid():
            why = "it is another user's; try sudo"
        else:
            why = "a container needs CAP_SYS_PTRACE"
            try:
                with open("/proc/sys/kernel/yama/ptrace_scope") as file:
                    if file.read().strip() != "0":
                        why = "see kernel.yama.ptrace_scope"
            except OSError:  # this system has no Yama
                pass
        text = f"not permitted to attach to process {self.pid}: {why}"
        return NotAttached(text, PermissionError)

    # Which Python it is.

    def _version(self, maps: list[str]) -> tuple[int, int] | None:
        """Return the minor version of the Python in the process, or None."""
        named = None
        for line in maps:
            fields = line.split(None, 5)
            if len(fields) < 6 or int(fields[2], 16) != 0:
                continue  # not the start of a file
            path = fields[5].removesuffix(" (deleted)")
            if path != self.program and "libpython3" not in path:
                continue
            base = int(fields[0].partition("-")[0], 16)
            own = "exe" if path == self.program else f"root{path}"
            address = _runtime(f"{self.folder}/{own}", base)
            found = None if address is None else self._version_at(address)
            named = found or named or _named(path)
            if found is not None:
                return found
        return named

    def _version_at(self, address: int) -> tuple[int, int] | None:
        try:
            memory = Real.open(f"{self.folder}/mem", os.O_RDONLY)
        except PermissionError:
            raise self._refused() from None
        try:
            data = os.pread(memory, 16, address)
        except OSError:
            return None
        finally:
            Real.close(memory)
        if data[:8] != _COOKIE:
            return None
        self._runtime_at = address
        (number,) = struct.unpack("=Q", data[8:])
        return number >> 24, number >> 16 & 255

    # What it does.

    def _state(self) -> list[str]:
        with open(f"{self.folder}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()

    def stopped(self) -> str:
        """Return how its main thread is stopped, or an empty text."""
        path = f"{self.folder}/status"
        try:
            if self._state()[0] not in "Tt":
                return ""
            with open(path, encoding="utf-8", errors="replace") as file:
                found = re.search(r"(?m)^TracerPid:\s*([1-9]\d*)", file.read())
        except OSError:  # it has ended
            return ""
        return f"a debugger, process {found[1]}, holds it" if found else "it is stopped"

    def waits(self) -> str:
        """Return why a script is not run yet, as far as that can be seen."""
        stopped = self.stopped()
        if stopped:
            return stopped
        if self._state()[0] == "R":
            return "its main thread is in native code"
        text = "its main thread waits in a system call"
        others = len(os.listdir(f"{self.folder}/task")) - 1
        if others:
            what = "thread is" if others == 1 else "threads are"
            text += f", and {others} other {what} not seen yet"
        return text

    def has_ended(self) -> bool:
        try:
            return self._state()[0] in "ZX"
        except OSError:
            return True

    def runs_another(self) -> bool:
        """Whether it has become another program by exec."""
        try:
            with open(f"{self.folder}/auxv", "rb") as file:
                return file.read() != self._auxv
        except OSError:
            return False

    def command(self) -> list[str]:
        """Return the words of its command line."""
        with open(f"{self.folder}/cmdline", "rb") as file:
            return [
                os.fsdecode(word) for word in file.read().rstrip(b"\0").split(b"\0")
            ]

    def has_files(self, *paths: str) -> bool:
        """Whether the process finds the same files at *paths*."""
        try:
            return all(
                os.path.samefile(f"{self.folder}/root{path}", path) for path in paths
            )
        except OSError:
            return False

    def descriptors_left(self) -> int:
        """Return how many file descriptors it may still open."""
        with open(f"{self.folder}/limits", encoding="utf-8") as file:
            found = re.search(r"(?m)^Max open files\s+(\d+)", file.read())
        used = len(os.listdir(f"{self.folder}/fd"))
        return int(found[1]) - used if found else sys.maxsize  # unlimited

    # How it is made to run a script.

    @contextmanager
    def slot(self, wait: Callable[[], None] | None) -> Iterator[bool]:
        """Hold the one place for a request, which others leave alone meanwhile.

        *wait* is called again and again while another has it. Without, give up then:
        whether it is held is the value.
        """
        with open(f"{self.folder}/stat", "rb") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if wait is None:
                        yield False
                        return
                    wait()
            yield True

    def request(self, script: str) -> None:
        """Have the main thread run the file *script* as soon as it runs Python."""
        try:
            own = sys.version_info[:2] == self.version
            if own and sys.implementation.name == "cpython":
                sys.remote_exec(self.pid, script)  # type: ignore[attr-defined]
            else:
                self._request_by_other(script)
        except PermissionError:
            raise self._refused() from None
        except ProcessLookupError:
            raise self._missing() from None
        except RuntimeError as error:
            text = f"process {self.pid} does not allow it"
            if "not enabled" in str(error):
                why = "(PYTHON_DISABLE_REMOTE_DEBUG or -X disable-remote-debug)"
                raise NotAttached(f"{text} {why}", PermissionError) from None
            if "find the main thread" in str(error):
                raise NotAttached(
                    f"{text}: CPython finds no main thread in it, as it has "
                    "subinterpreters, or embeds Python without Py_RunMain()"
                ) from None
            name = os.path.basename(self.program)
            if "PyRuntime" in str(error) and "python" not in name:
                raise NotAttached(
                    f"process {self.pid} runs {name!r}, and CPython attaches only to "
                    "what has python in its name"
                ) from None
            raise NotAttached(f"{text}: {error}") from None

    def _request_by_other(self, script: str) -> None:
        """Ask by the Python that the process runs: the versions have to be the same."""
        shown = ".".join(map(str, self.version))
        program = f"{self.folder}/exe"
        if not re.fullmatch(r"python[\d.]*[dt]*", os.path.basename(self.program)):
            raise RuntimeError(
                f"it embeds Python {shown}: attach with a Python {shown}"
            )
        found = os.stat(program)
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o002:
            raise RuntimeError(
                f"it runs Python {shown}, and {self.program} is neither yours nor "
                f"root's: attach with a Python {shown} of your own"
            )
        done = subprocess.run(  # noqa: S603
            [self.program, "-ISc", _REQUEST, str(self.pid), script],
            executable=program,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode == 0:
            return
        kind, _, text = done.stderr.strip().rpartition("\n")[2].partition(": ")
        for expected in (PermissionError, ProcessLookupError):
            if kind == expected.__name__:
                raise expected(text)
        raise RuntimeError(text or done.stderr)

    def cancel(self) -> None:
        """Replace what was requested by nothing."""
        try:
            self.request(os.devnull)
        except (NotAttached, OSError):  # it has ended
            pass

    def asked(self) -> tuple[str, bool] | None:
        """Return the script that was requested last, and whether it is still to run.

        None if that cannot be told. It stands in the state of its main thread.
        """
        try:
            memory = Real.open(f"{self.folder}/mem", os.O_RDONLY)
        except OSError:
            return None
        try:
            offsets = struct.unpack("=256Q", os.pread(memory, 2048, self._runtime_at))
            place = next(
                place
                for place in range(len(offsets))
                if offsets[place : place + 3] == _REQUESTED
            )
            state = self._runtime_at
            for offset in offsets[_INTERPRETER], offsets[_MAIN_THREAD]:
                (state,) = struct.unpack("=Q", os.pread(memory, 8, state + offset))
            length = _REQUESTED[1] + _REQUESTED[2]
            data = os.pread(memory, length, state + offsets[place - 2])
        except (OSError, OverflowError, StopIteration, struct.error):
            return None
        finally:
            Real.close(memory)
        path = data[_REQUESTED[1] :].partition(b"\0")[0]
        return os.fsdecode(path), data[0] != 0


def _runtime(path: str, base: int) -> int | None:
    """Return the address of the state of a Python whose file is loaded at *base*.

    It has a section of its own in the file, of 64 bits.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115
    except OSError:
        return None
    with file:
        head = file.read(64)
        if head[:5] != b"\x7fELF\x02":
            return None
        programs, sections = struct.unpack_from("=QQ", head, 32)
        _, program_size, program_count, size, count, names = struct.unpack_from(
            "=6H", head, 52
        )
        file.seek(programs)
        table = file.read(program_size * program_count)
        loaded = [
            struct.unpack_from("=Q", table, place + 16)[0]
            for place in range(0, len(table), program_size)
            if struct.unpack_from("=I", table, place)[0] == 1  # PT_LOAD
        ]
        file.seek(sections)
        table = file.read(size * count)
        if not loaded or len(table) < size * count:
            return None
        start, length = struct.unpack_from("=QQ", table, names * size + 24)
        file.seek(start)
        text = file.read(length)
        for place in range(0, len(table), size):
            (name_at,) = struct.unpack_from("=I", table, place)
            if text[name_at:].startswith(b".PyRuntime\0"):
                (address,) = struct.unpack_from("=Q", table, place + 16)
                return int(base + address - min(loaded))
    return None


def _named(path: str) -> tuple[int, int] | None:
    """Return the version that the name of a Python has."""
    name = os.path.basename(path)
    for start in ("libpython3.", "python3."):
        if name.startswith(start):
            digits = name[len(start) :].partition(".")[0].rstrip("tdm")
            if digits.isdigit():
                return 3, int(digits)
    return None
