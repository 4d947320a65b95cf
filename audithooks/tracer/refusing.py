"""What the program may do: the policy of the command line, and what becomes of it.

--decisions writes what is decided to a file, --permissive says at the end what would
have been refused, and --learn writes a policy from it. The processes of a trace write
to one file, which is read when they ended.
"""

from __future__ import annotations

import errno
import os
from json import loads

from .._real import Real
from ..policy.learning import Learned  # now, as a hook may refuse it at the end
from ..policy.policy import Policy, Ruling
from ..records.decision import DENIED, WOULD_DENY
from ..records.lines import complain
from ..records.origin import is_of_loop
from ..sinks.jsonlines import JsonLines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..records.decision import Decision
    from ..records.lines import Lines
    from .keeper import Ending
    from .options import Options


class Rules:
    """Decides about the events of a process, as *options* say.

    In the process that the command line started, which *begin* tells, it complains of
    modules that do without events what the rules are about.

    The decisions are written to *lines*, by default to the file of *options*, and
    *complain* gets what else there is to say.

    Raises ValueError for what is no rule, and OSError if the decisions cannot be
    written.
    """

    def __init__(
        self,
        options: Options,
        begin: bool,
        lines: Lines | None = None,
        complain: Callable[[str], None] = complain,
    ) -> None:
        rulings = [Ruling(*ruling) for ruling in options.rulings]
        self.policy = Policy(rulings, options.default, options.folder)
        self._begin = begin
        self._complain = complain
        self.permissive = options.permissive
        self._lines: JsonLines | None = None
        if options.decisions:
            self._lines = JsonLines(
                lines or options.decisions,  # type: ignore[arg-type]  # as in tracer.py
                redact=options.redact,
                environments=options.environments,
                longest=options.longest,
                frames=options.frames,
                secrets=options.secrets,
            )

    def __call__(self, event: str, args: tuple[Any, ...]) -> Decision | None:
        """Return what is decided of an event, or None."""
        decision = self.policy.decide(event, args)
        if event == "import" and self._begin:
            for text in self.policy.unseen(args):
                self._complain(text)
        if decision is None or decision.action != DENIED:
            return decision
        try:
            if is_of_loop(event):
                return None
        except PermissionError:  # pure Python raises events to see frames: refused, too
            return decision
        if self.permissive:
            return decision._replace(action=WOULD_DENY)
        return decision

    @property
    def refuse(self) -> bool:
        """Whether anything can be refused."""
        return not self.permissive

    def tell(self, decision: Decision, event: str, args: tuple[Any, ...]) -> None:
        """Write a decision where they go."""
        if self._lines is not None:
            try:
                self._lines(event, args, decision.members())
            except OSError as error:
                self._lines = None
                self._complain(f"the decisions end here: {error}")


class Told:
    """Says at the end of a trace what its rules decided.

    It is made before the trace begins. It is an ending for the keeper, if there is one,
    so that nothing is lost however the processes end; otherwise write() is called at
    exit. *learn* is the path of a policy that is written, or None. Without a file for
    the decisions it makes one that is removed at the end. Raises OSError if it could
    not write or read a file.
    """

    def __init__(self, options: Options, learn: str | None) -> None:
        self._learn = None if learn is None else os.path.abspath(learn)
        # Now, as the program may change what {tmp} is.
        here = None if self._learn is None else os.path.dirname(self._learn)
        self._learned = Learned(options.folder, here)
        self._command = options.command
        self._pid = Real.getpid()
        self._also: Ending | None = None
        self._is_written = False
        self.path = options.decisions
        self._is_own = not self.path
        self._before = 0  # bytes that were there, or were read
        for path in filter(None, (self.path, self._learn)):
            open(path, "ab").close()
        if self._is_own:
            import tempfile

            tried = tempfile.tempdir
            fd, self.path = tempfile.mkstemp(prefix="audithooks-", suffix=".jsonl")
            tempfile.tempdir = tried  # so that the program tries the folders, too
            Real.close(fd)
        elif not os.path.isfile(self.path):
            raise OSError(errno.EINVAL, "it cannot be read again", self.path)
        else:
            self._before = os.path.getsize(self.path)

    def beside(self, ending: Ending | None) -> Told:
        """Return itself, after it is told to write *ending*, too."""
        self._also = ending
        return self

    def cancel(self) -> None:
        """Remove the file that it made for itself, as there is no trace."""
        if self._is_own:
            os.remove(self.path)

    def begin(self) -> None:
        """Note that a process is traced from now on."""
        if self._also is not None:
            self._also.begin()

    def count(self, first: int, mark: str, name: str) -> None:
        """Note an event."""
        if self._also is not None:
            self._also.count(first, mark, name)

    def leave(self) -> None:
        """Write what was decided up to now: the program has ended for who waits."""
        if self._also is not None:
            self._also.leave()
        self._write_own()

    def at_exit(self) -> None:
        if Real.getpid() == self._pid:
            self.write()

    def write(self) -> None:
        """Write the end. A later one has what was decided since, too."""
        if self._also is not None:
            self._also.write()
        self._write_own()

    def _write_own(self) -> None:
        try:
            if not self._read():
                return
            if self._learn is None:
                self._print()
            else:
                with open(self._learn, "w", encoding="utf-8") as file:
                    file.write(self._learned.policy(self._command))
                self._say(f"the policy was written to {self._learn}")
        except OSError as error:
            self._say(f"what was decided is lost: {error}")

    def _read(self) -> bool:
        """Read the decisions. Return whether there is anything to tell."""
        is_first, self._is_written = not self._is_written, True
        try:
            with open(self.path, "rb") as file:
                file.seek(self._before)
                lines = file.readlines()
                self._before = file.tell()
        except FileNotFoundError:
            if is_first:
                raise
            return False
        if self._is_own:
            os.remove(self.path)
            self._before = 0
        for line in lines:
            self._add(self._learned, line)
        return is_first or bool(lines)

    def _say(self, text: str) -> None:
        if Real.getpid() == self._pid:
            complain(text)
            return
        try:  # in the keeper, which has let go of all but this
            Real.write(2, f"audithooks: {text}\n".encode("utf-8", "backslashreplace"))
        except OSError:  # nobody reads any more
            pass

    def _add(self, learned: Learned, line: bytes) -> None:
        try:
            record = loads(line)
        except ValueError:  # cut off, as by SIGKILL
            return
        if record.get("action") == WOULD_DENY:
            if record.get("to_allow"):
                learned.add(record["to_allow"], record["event"])
            else:
                learned.refuse(record.get("rule") or "the default", record["subject"])

    def _print(self) -> None:
        rows = self._learned.options()
        title = "this would have been refused:"
        if not rows:
            title = "nothing would have been refused"
        for row in (title, *rows):
            self._say(row)
