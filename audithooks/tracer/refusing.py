"""What the program may do: the policy of the command line, and what becomes of it.

--decisions writes what is decided to a file, --permissive says at the end what would
have been refused, and --learn writes a policy from it. The processes of a trace write
to one file, which the first of them reads at its end.
"""

from __future__ import annotations

import json
import os

from .._real import Real
from ..policy.learning import Learned  # now, as a hook may refuse it at the end
from ..policy.policy import Policy, Ruling
from ..records.decision import DENIED, WOULD_DENY
from ..records.lines import complain
from ..records.origin import is_of_loop
from ..sinks.jsonlines import JsonLines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..records.decision import Decision
    from .options import Options


class Rules:
    """Decides about the events of a process, as *options* say.

    Raises ValueError for what is no rule, and OSError if the decisions cannot be
    written.
    """

    def __init__(self, options: Options) -> None:
        rulings = [Ruling(*ruling) for ruling in options.rulings]
        self.policy = Policy(rulings, options.default, options.folder)
        self.permissive = options.permissive
        self._lines: JsonLines | None = None
        if options.decisions:
            self._lines = JsonLines(
                options.decisions,
                redact=options.redact,
                environments=options.environments,
                longest=options.longest,
                frames=options.frames,
                secrets=options.secrets,
            )

    def __call__(self, event: str, args: tuple[Any, ...]) -> Decision | None:
        """Return what is decided of an event, or None."""
        decision = self.policy.decide(event, args)
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
                complain(f"the decisions end here: {error}")


class Told:
    """Says at the end of a trace what its rules decided.

    It is made before the trace begins, and called after its end. *learn* is the path of
    a policy that is written, or None. Without a file for the decisions it makes one
    that is removed at the end.
    """

    def __init__(self, options: Options, learn: str | None) -> None:
        self._learn = None if learn is None else os.path.abspath(learn)
        self._folder = options.folder
        self._command = options.command
        self._pid = Real.getpid()
        self.path = options.decisions
        self._is_own = not self.path
        if self._is_own:
            from tempfile import mkstemp

            fd, self.path = mkstemp(prefix="audithooks-", suffix=".jsonl")
            Real.close(fd)
        elif os.path.exists(self.path):
            os.truncate(self.path, 0)

    def __call__(self) -> None:
        if Real.getpid() != self._pid:
            return
        learned = Learned(self._folder)
        try:
            with open(self.path, encoding="utf-8") as file:
                for line in file:
                    self._add(learned, line)
            if self._is_own:
                os.remove(self.path)
            if self._learn is None:
                self._print(learned)
            else:
                with open(self._learn, "w", encoding="utf-8") as file:
                    file.write(learned.policy(self._command))
                complain(f"the policy was written to {self._learn}")
        except OSError as error:
            complain(f"what was decided is lost: {error}")

    def _add(self, learned: Learned, line: str) -> None:
        try:
            record = json.loads(line)
        except ValueError:  # cut off, as by SIGKILL
            return
        if record.get("action") == WOULD_DENY:
            if record.get("to_allow"):
                learned.add(record["to_allow"])
            else:
                learned.refuse(record.get("rule") or "the default", record["subject"])

    def _print(self, learned: Learned) -> None:
        rows = learned.options()
        if not rows:
            complain("nothing would have been refused")
            return
        complain("this would have been refused:")
        for row in rows:
            complain(row)
