"""The guard of the pytest plugin: it fails tests that raise forbidden audit events.

__init__.py, which pytest always loads, imports it if anything is forbidden.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from itertools import islice
from tokenize import open as open_source

import _pytest
import pluggy
import pytest

from .. import subscribe
from ..policy.policy import Policy, opened
from ..records.decision import DENIED
from ..records.fields import Fields
from ..records.origin import is_of_loop
from ..records.selection import only_exceptions
from ..rules import Subject, split
from . import policy_of, select, select_marked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path
    from typing import Any

    from ..records.decision import Decision
    from ..records.origin import Frame
    from ..records.selection import Selection
    from ..rules import Rule

    Phase = Generator[None, object, object]

MAX_FRAMES = 100  # from the event outwards, to find the line that caused it

_PYTEST = (  # and the modules of this plugin
    os.path.dirname(os.path.dirname(__file__)) + os.sep,
    os.path.dirname(_pytest.__file__) + os.sep,
    os.path.dirname(pluggy.__file__) + os.sep,
)
_LIBRARIES = (
    "<",  # frozen modules, and code without a file
    *(
        sysconfig.get_path(name) + os.sep
        for name in ("stdlib", "platstdlib", "purelib", "platlib")
    ),
)


# What is forbidden to an item, what is allowed, and its policy.
_SELECTIONS: pytest.StashKey[tuple[Selection, Selection, Policy | None]]
_SELECTIONS = pytest.StashKey()


class Guard:
    """A plugin that subscribes to forbidden events in each phase of a test.

    *patterns* are forbidden to every test, in addition to those of its markers, and so
    is what its policy denies: that of its marker, of its folder or of the run, which is
    in the file *policy*. The markers of a test that allow are above all. What is
    allowed by them, or by a "!", has what it needs, as in a policy. Relative paths in
    rules stand on the root of pytest, or on the folder of the policy. An exception
    stops the operation and fails the test; it is not an Exception, so few
    programs catch it. If one does, or if it comes in another thread, the test fails at
    the end of its phase: set-up, call or tear-down. In a forked child only the
    operation is stopped. What pytest itself does is not stopped, nor is it that a loop
    of asyncio makes a pair of sockets for itself.

    Raises pytest.UsageError for wrong patterns.
    """

    def __init__(
        self, config: pytest.Config, patterns: tuple[str, ...], policy: Path | None
    ) -> None:
        try:
            select("audit_forbid", patterns, config.rootpath)
            if only_exceptions([rule for text in patterns for rule in split(text)]):
                raise pytest.UsageError(
                    "audit_forbid has only exceptions: it needs a rule beside them"
                )
            self._policies = {} if policy is None else {policy: Policy.load(policy)}
        except OSError as error:
            raise pytest.UsageError(f"audit_policy: {error}") from error
        except ValueError as error:
            raise pytest.UsageError(str(error)) from error
        self._patterns = patterns
        self._fields = Fields(frames=MAX_FRAMES)
        self._root = os.path.join(config.rootpath, "")

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Phase:
        return (yield from self._watch(item, "setup"))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Phase:
        return (yield from self._watch(item, "call"))

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Phase:
        return (yield from self._watch(item, "teardown"))

    def _watch(self, item: pytest.Item, phase: str) -> Phase:
        if phase == "setup":
            item.stash[_SELECTIONS] = (
                select_marked(item, "audit_forbid", *self._patterns),
                select_marked(item, "audit_allow"),
                self._policy_of(item),
            )
        forbidden, allowed, policy = item.stash.get(_SELECTIONS, (None, None, None))
        if forbidden is None or allowed is None or not (forbidden or policy):
            return (yield)
        patterns = (
            *forbidden.events,
            *(policy.patterns if policy else ()),
        )
        if policy is not None:
            policy.warn(sys.modules)
        named = {rule.events for rule in forbidden.rules}
        needed = opened(allowed.rules).keys() - named
        excepted = opened(forbidden.exceptions).keys() - named
        seen: list[str] = []
        watching = True

        def hook(event: str, args: tuple[Any, ...]) -> None:
            __tracebackhide__ = True
            if not watching:
                return
            decision = None
            if policy is not None and event == "import":
                policy.warn(args)
            try:
                rule = None
                if forbidden and event not in excepted:
                    rule = forbidden.find(Subject(event, args))
                if rule is None:
                    decision = policy.decide(event, args) if policy else None
                    if decision is None or decision.action != DENIED:
                        return
                if event in needed or allowed.has(event, args) or is_of_loop(event):
                    return
                text = self._tell(event, args, decision, rule)
            except Exception as error:  # it is forbidden anyway
                text = f"forbidden audit event: {event}; describing it raised {error!r}"
            if text is not None:
                seen.append(text)
                pytest.fail(text)

        subscription = subscribe(hook, *patterns)
        try:
            result = yield
        except pytest.skip.Exception:
            if not seen:
                raise
        except BaseException as error:
            if seen and getattr(error, "msg", None) not in seen:
                item.add_report_section(phase, "forbidden events", "\n".join(seen))
            raise
        finally:
            watching = False  # close() raises an event, too
            subscription.close()
        if seen:
            pytest.fail("\n".join(seen), pytrace=False)
        return result

    def _policy_of(self, item: pytest.Item) -> Policy | None:
        """Return the policy of a test, or fail it if that is wrong."""
        try:
            path = policy_of(item)
            if path is None:
                return None
            if path not in self._policies:
                self._policies[path] = Policy.load(path)
            return self._policies[path]
        except (OSError, TypeError, ValueError) as error:
            message = f"audit_policy: {error}"
        pytest.fail(message, pytrace=False)

    def _tell(
        self,
        event: str,
        args: tuple[Any, ...],
        decision: Decision | None,
        rule: Rule | None,
    ) -> str | None:
        """Return the message for an event, or None if pytest itself raised it."""
        stack = self._fields.stack()
        cause = _cause(stack) if stack else ("?", 0, "?")
        if cause is None:
            return None
        file, line, function = cause
        source = _source(file, line)
        if file.startswith(self._root):
            file = file[len(self._root) :]
        text = self._fields.record(event, args).text()
        why = "" if decision is None else f"\n  {decision.text()}"
        if rule is not None and rule.text != event:
            why = f"\n  by {rule.text}"
        return (
            f"forbidden audit event: {text}\n"
            f"  at {file}:{line} in {function}: {source}{why}"
        )


def _cause(stack: Sequence[Frame]) -> Frame | None:
    """Return the innermost frame of the program, or None if pytest is further inside.

    If there is neither, return the frame of the library that raised the event.
    """
    for frame in stack:
        if frame[0].startswith(_PYTEST):
            return None
        if not frame[0].startswith(_LIBRARIES):
            return frame
    return stack[0]


def _source(file: str, line: int) -> str:
    """Return a line of a file, or "" if there is none.

    linecache asks os.stat(), which the test may have replaced.
    """
    try:
        with open_source(file) as lines:
            return next(islice(lines, line - 1, None), "").strip()
    except (OSError, SyntaxError, ValueError):  # the last are of its encoding
        return ""
