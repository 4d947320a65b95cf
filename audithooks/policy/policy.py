"""Policy: rules in tiers, and which of them decides."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from typing import NamedTuple

from .. import AuditHooksWarning, subscribe
from .._globs import is_rule
from ..catalogue import CAPABILITIES, GROUPS, expand
from ..records.decision import ALLOWED, DENIED, REPORTED, WOULD_DENY, Decision
from ..records.origin import callers, is_of_loop
from ..records.selection import Selection, only_exceptions, refuse_doubts
from ..records.text import printable
from ..rules import Rules, Subject, parse, split
from ..rules.grammar import events_of
from ..rules.rules import current_folder
from .wording import phrase, suggestion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence
    from typing import Any, Literal, Optional, TypeVar

    from .. import Subscription
    from .._core.types import Scope
    from ..rules import Rule

    _Some = TypeVar("_Some", Selection, Rules)
    Sink = Callable[[str, tuple[Any, ...], Mapping[str, Any]], object]

TIERS = ("deny", "allow", "report")
# What a rule that allows something opens beside it, unless a rule denies that: without
# it nothing could be connected or started.
OPENED = {
    "connect": GROUPS["network"]
    - CAPABILITIES["connect"]
    - CAPABILITIES["listen"]
    - {"socket.sethostname", "webbrowser.open"},
    "listen": frozenset({"socket.__new__"}),
    "spawn": frozenset({"os.fork", "os.forkpty", "_winapi.CreatePipe"}),
}
# Of these a connection is what is meant: they are useless without one.
STEPS = OPENED["connect"] - {
    "socket.gethostname",
    "socket.getservbyname",
    "socket.getservbyport",
}
# What default="deny" denies: of what is written, that which has a path.
_JUDGED = ("@write(path=*)", "@connect", "@listen", "@spawn")


# Modules that do without an event what rules may be about, and such events.
_UNSEEN = {
    "uvloop": (
        "connections, name look-ups and processes",
        ("socket.connect", "socket.bind", "subprocess.Popen"),
    ),
    "zmq": ("connections", ("socket.connect", "socket.bind")),
}
if sys.version_info < (3, 14):
    for _method in ("forkserver", "spawn_posix"):
        _UNSEEN[f"multiprocessing.popen_{_method}"] = "processes", ("subprocess.Popen",)


class Ruling(NamedTuple):
    """A rule of a policy. *tier* is "deny", "allow" or "report"."""

    id: str
    tier: str
    text: str
    reason: str = ""


def opened(rules: Iterable[Rule]) -> dict[str, int]:
    """Return the events that some rules open beside their own, and the first to do so.

    By its number among *rules*, which are of what is allowed.
    """
    found: dict[str, int] = {}
    for number, rule in enumerate(rules):
        if not rule.is_exact:
            for event in OPENED.get(rule.events[1:], ()):
                found.setdefault(event, number)
    return found


def _lifts(ruling: Ruling) -> bool:
    """Whether a ruling allows something: that of a rule, or an exception of another."""
    return ruling.tier == ("deny" if ruling.text.startswith("!") else "allow")


if TYPE_CHECKING:
    _Tiers = tuple[
        Optional[Selection],
        Optional[Rules],
        Optional[Rules],
        Optional[Ruling],
        Optional[Selection],
        Optional[Selection],
        Optional[Selection],
    ]


class Policy:
    """Rules that say what a program may do, and what is done about it.

    Of the rules that are about an event, the first of these decides, whatever the order
    in which they are written:

    1. a rule that denies, with arguments, as @write(path=.git);
    2. a rule that allows;
    3. a rule that denies, without arguments, as @network;
    4. rules that allow by arguments close the rest of their kind: with
       @write(path=./build) a program may write there only;
    5. a rule that reports;
    6. the default, which allows everything, or with "deny" denies to write, connect,
       listen and start programs.

    A rule behind a "!" is an exception of those of its kind. from_rules() and load()
    make policies. *rulings* are the rules with their tiers, *default* is what holds
    without one, "allow" or "deny", and relative paths stand on *folder*, by default the
    current one. Raises ValueError for what is no rule.

    It is a guard rail and no sandbox: see the documentation of this package.

    Thread-safety: a policy may be used by any thread, and does not change.

    >>> policy = Policy.from_rules(deny="@write(path=/etc)")
    >>> policy.decide("os.mkdir", ("/etc/new", 0o777, -1)).action
    'denied'

    Added in 0.1.
    """

    def __init__(
        self, rulings: Sequence[Ruling], default: str = "allow", folder: str = ""
    ) -> None:
        if default not in ("allow", "deny"):
            raise ValueError(f"default must be 'allow' or 'deny', not {default!r}")
        self.rulings: tuple[Ruling, ...] = tuple(rulings)
        self.default: str = default
        self.folder: str = os.path.abspath(folder) if folder else current_folder()
        # Of two of one text it is the first.
        self._ruling = {(r.tier, r.text): r for r in reversed(self.rulings)}
        texts = {tier: self._texts(tier) for tier in TIERS}
        exceptions = [text for text in texts["deny"] if text.startswith("!")]
        denied = [text for text in texts["deny"] if not text.startswith("!")]
        narrow = [text for text in denied if parse(text).items]
        broad = [text for text in denied if text not in narrow]
        self._narrow = Selection("deny", [*narrow, *exceptions], folder=self.folder)
        self._broad = Selection("deny", [*broad, *exceptions], folder=self.folder)
        allowed = [text for text in texts["allow"] if not text.startswith("!")]
        not_allowed = [text[1:] for text in texts["allow"] if text.startswith("!")]
        self._allow = Rules("allow", allowed, self.folder, strict=True)
        self._not_allowed = Rules("allow", not_allowed, self.folder)
        self._report = Selection("report", texts["report"], folder=self.folder)
        lifting = [ruling for ruling in self.rulings if _lifts(ruling)]
        needed = opened(parse(ruling.text.lstrip("!")) for ruling in lifting)
        self._named = {parse(text).events for text in broad}
        self._opened = {
            event: lifting[number]
            for event, number in needed.items()
            if event not in self._named
        }
        judged = _JUDGED if default == "deny" else ()
        self._default = Selection("default", judged, folder=self.folder)
        self._tiers: dict[str, _Tiers] = {}  # by the names of events
        self._made: dict[Decision, int] = {}
        self._unseen = {
            module: what
            for module, (what, events) in _UNSEEN.items()
            if any(any(self._tiers_of(event)) for event in events)
        }

    def _texts(self, tier: str) -> list[str]:
        texts = [ruling.text for ruling in self.rulings if ruling.tier == tier]
        try:
            refuse_doubts(texts)
        except ValueError as error:
            raise ValueError(f"{tier}: {error}") from None
        if only_exceptions(texts):
            raise ValueError(f"{tier} has only exceptions: it needs a rule beside them")
        return texts

    @classmethod
    def from_rules(
        cls,
        *,
        deny: Iterable[str] | str = (),
        allow: Iterable[str] | str = (),
        report: Iterable[str] | str = (),
        default: Literal["allow", "deny"] = "allow",
        folder: str = "",
    ) -> Policy:
        """Return the policy of some rules, each a str; commas separate several.

        *deny*, *allow* and *report* are rules, *default* what holds without one.
        Relative paths in rules stand on *folder*, by default the current one.

        Raises TypeError or ValueError for what is no rule.
        """
        given = {"deny": deny, "allow": allow, "report": report}
        return cls(rulings_of(given), default, folder)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Policy:
        """Return the policy of the TOML file *path*; of a pyproject.toml its part.

        Relative paths in its rules stand on the folder of the file. Raises OSError if
        it cannot be read, and ValueError that says what is wrong in it.
        """
        from .files import load

        read = load(path)
        try:
            return cls(*read)
        except ValueError as error:
            raise ValueError(f"{os.fsdecode(path)}: {error}") from None

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of the events that it decides about, none of them a rule."""
        found = (
            *(self._narrow.events if self._narrow else ()),
            *(self._broad.events if self._broad else ()),
            *self._allow.names,
            *(self._report.events if self._report else ()),
            *self._default.events,
            *(("import",) if self._unseen else ()),  # for unseen()
        )
        named: list[str] = []
        for pattern in found:  # for @write, subscribe() would ask rules itself
            named += expand([pattern]) if is_rule(pattern) else [pattern]
        return tuple(dict.fromkeys(named))

    def unseen(self, modules: Container[object]) -> list[str]:
        """Say of which *modules* no rule can see what the rules are about, each once.

        They do it without an event. An `import` event tells of a module, too.
        """
        said = []
        for module in [*self._unseen]:
            if module in modules:
                what = self._unseen.pop(module, None)
                if what is not None:  # or else another thread said it
                    said.append(
                        f"no rule sees the {what} of {module}, which raise no events"
                    )
        return said

    def warn(self, modules: Container[object]) -> None:
        """Give an AuditHooksWarning of what unseen() says of *modules*.

        It is for the nearest caller.
        """
        for text in self.unseen(modules):
            known = (  # 3.15 imports by Python code
                (file, line)
                for file, line, _ in callers()
                if not file.startswith("<frozen importlib")
            )
            file, line = next(known, ("?", 0))
            warnings.warn_explicit(text, AuditHooksWarning, file, line)

    def decide(self, event: str, args: tuple[Any, ...]) -> Decision | None:
        """Return what is decided of *event* with arguments *args*.

        That is a Decision, or None if no rule is about it.
        """
        return self._judge(Subject(event, args), True)

    def refuse(self, event: str, args: tuple[Any, ...]) -> Decision | None:
        """Return what is decided of *event* with arguments *args*.

        That is a Decision, or None if it is allowed.
        """
        return self._judge(Subject(event, args), False)

    def _judge(self, subject: Subject, all: bool) -> Decision | None:
        """Do what decide() does, for what an event is about.

        If not *all*, return None for what is allowed, which costs less.
        """
        event = subject.event
        tiers = self._tiers.get(event)
        if tiers is None:
            tiers = self._tiers_of(event)
            if len(self._tiers) < 4096:
                self._tiers[event] = tiers
        narrow, allow, not_allowed, opened, broad, report, default = tiers
        rule = narrow.find(subject) if narrow is not None else None
        if rule is not None:
            return self._decision(DENIED, "deny", rule, subject, None)
        is_closed = False
        if allow is not None and allow.mean(subject):
            is_closed = not_allowed is not None and not_allowed.mean(subject)
            if not is_closed:
                rule = allow.find(subject) if all else None
                return rule and self._decision(ALLOWED, "allow", rule, subject, None)
        if opened is not None:
            if not all:
                return None
            decision = self._decided(ALLOWED, opened, subject, [], None)
            return decision._replace(because=f"{decision.because} needs it")
        rule = broad.find(subject) if broad is not None else None
        if rule is not None:
            is_step = event in STEPS and self._denies_what_follows(event, rule)
            to_allow = suggestion(subject, [rule], is_step)
            return self._decision(DENIED, "deny", rule, subject, to_allow)
        if is_closed or (allow is not None and allow.speak(subject)):
            return self._closed(subject, is_closed)
        rule = report.find(subject) if report is not None else None
        if rule is not None:
            return self._decision(REPORTED, "report", rule, subject, None)
        rule = default.find(subject) if default is not None else None
        if rule is not None:
            return Decision(
                DENIED,
                event,
                phrase(subject),
                None,
                "the default is to deny",
                suggestion(subject),
            )
        return None

    def _denies_what_follows(self, event: str, rule: Rule) -> bool:
        """Whether to allow a step to a connection alone would lead to a refusal.

        And @connect opens it.
        """
        return event not in self._named and CAPABILITIES["connect"] <= {
            *events_of(rule)
        }

    def _tiers_of(self, event: str) -> _Tiers:
        """Return the tiers that have rules about events of a name, None for others."""

        def some(rules: _Some) -> _Some | None:
            return rules if rules.may_be_about(event) else None

        return (
            some(self._narrow),
            some(self._allow),
            some(self._not_allowed),
            self._opened.get(event),
            some(self._broad),
            some(self._report),
            some(self._default),
        )

    def _decision(
        self, action: str, tier: str, rule: Rule, subject: Subject, to_allow: str | None
    ) -> Decision:
        ruling = self._ruling[tier, rule.text]
        return self._decided(action, ruling, subject, [rule], to_allow)

    @staticmethod
    def _decided(
        action: str,
        ruling: Ruling,
        subject: Subject,
        rules: Sequence[Rule],
        to_allow: str | None,
    ) -> Decision:
        because = f"{ruling.id}: {ruling.text}"
        if ruling.reason:
            because += f" ({ruling.reason})"
        return Decision(
            action,
            subject.event,
            phrase(subject, rules),
            ruling.id,
            printable(because),
            to_allow,
        )

    def _closed(self, subject: Subject, by_exception: bool) -> Decision:
        rules = self._allow.speaking(subject)
        rulings = [self._ruling["allow", rule.text] for rule in rules]
        if len(rulings) > 2:
            kinds = {rule.events for rule in rules}
            kind = f"{kinds.pop()} " if len(kinds) == 1 else ""
            because = f"in none of the {len(rulings)} {kind}rules that allow"
        elif rulings:
            shown = " nor ".join(f"{r.id}: {r.text}" for r in rulings)
            because = f"not in {printable(shown)}"
        else:
            because = "it is an exception of what is allowed"
        return Decision(
            DENIED,
            subject.event,
            phrase(subject, rules),
            rulings[0].id if len(rulings) == 1 else None,
            because,
            None if by_exception else suggestion(subject, rules),
        )

    def enforce(
        self,
        scope: Scope = "context",
        *,
        permissive: bool = False,
        sink: Sink | None = None,
    ) -> Enforcement:
        """Return a context manager: in its block, what is denied fails.

        It fails with a PermissionError that says why. With *permissive*, nothing fails,
        and what would is only decided. report() has what was not simply allowed. A
        *sink* gets every decision: one of audithooks.sinks, or what can be called with
        the name of an event, its arguments, and the members of the Decision. *scope* is
        that of subscribe().
        """
        return Enforcement(self, scope, permissive, sink)

    def note(self, decision: Decision) -> None:
        """Remember *decision* for report()."""
        if decision in self._made or len(self._made) < 10_000:
            self._made[decision] = self._made.get(decision, 0) + 1

    def report(self) -> tuple[tuple[Decision, int], ...]:
        """Return what was denied, would be or was to be reported, and how often each.

        At most 10,000 different decisions are remembered, in their order.
        """
        return tuple(self._made.items())

    def __repr__(self) -> str:
        words = [f"{r.tier} {r.text}" for r in self.rulings]
        if self.default == "deny":
            words.append("by default deny")
        return f"<Policy: {'; '.join(words) or 'no rules'}>"


class Enforcement:
    """What Policy.enforce() returns."""

    def __init__(
        self,
        policy: Policy,
        scope: Scope,
        permissive: bool,
        sink: Sink | None,
    ) -> None:
        self._policy = policy
        self._scope = scope
        self._permissive = permissive
        self._sink = sink
        self._subscription: Subscription | None = None

    def __enter__(self) -> Policy:
        if self._subscription is not None:
            raise RuntimeError("this policy is being enforced already")
        patterns = self._policy.patterns
        if patterns:
            self._policy.warn(sys.modules)
            hook = self._hook
            self._subscription = subscribe(hook, *patterns, scope=self._scope)
        return self._policy

    def __exit__(self, *_: object) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        policy = self._policy
        decide = policy.refuse if self._sink is None else policy.decide
        decision = decide(event, args)
        if event == "import":
            policy.warn(args)
        if decision is None or (decision.action == DENIED and is_of_loop(event)):
            return
        if self._permissive and decision.action == DENIED:
            decision = decision._replace(action=WOULD_DENY)
        if decision.action != ALLOWED:
            policy.note(decision)
        if self._sink is not None:
            self._sink(event, args, decision.members())
        if decision.action == DENIED:
            raise PermissionError(errno.EPERM, decision.text())


def rulings_of(given: dict[str, Iterable[str] | str]) -> list[Ruling]:
    """Return the rules of each tier, split at their commas, with ids such as deny-1."""
    rulings = []
    for tier, texts in given.items():
        number = 0
        for text in [texts] if isinstance(texts, str) else texts:
            if not isinstance(text, str):
                kind = type(text).__name__
                raise TypeError(f"{tier} must hold rules of type str, not {kind}")
            for part in split(text):
                number += 1
                rulings.append(Ruling(f"{tier}-{number}", tier, part))
    return rulings


def deny(*rules: str, scope: Scope = "context") -> Enforcement:
    """Return a context manager: in its block, what the *rules* are about is denied.

    A rule is a name, a pattern, a group such as "@process", or one with arguments, as
    "@write(path!=./build)". *scope* is that of subscribe(). Of blocks in each other,
    all have to agree. Raises TypeError or ValueError for what is no rule.

    >>> with deny("@write(path=/etc)"):
    ...     open("/etc/motd", "w")
    Traceback (most recent call last):
    PermissionError: [Errno 1] audithooks: may not write /etc/motd [open; ...]

    Added in 0.1.
    """
    return Policy.from_rules(deny=_some("deny", rules)).enforce(scope)


def allow(*rules: str, scope: Scope = "context") -> Enforcement:
    """Return a context manager: in its block, of a kind only the *rules* are allowed.

    With "@write(path=./build)", what is written elsewhere is denied, and nothing else.
    *scope* is that of subscribe(). It does not lift what is denied around the block.
    Raises TypeError or ValueError for what is no rule.

    >>> with allow("@write(path=./build)"):
    ...     open("/etc/motd", "w")
    Traceback (most recent call last):
    PermissionError: [Errno 1] audithooks: may not write /etc/motd [open; ...

    Added in 0.1.
    """
    return Policy.from_rules(allow=_some("allow", rules)).enforce(scope)


def _some(name: str, rules: tuple[str, ...]) -> tuple[str, ...]:
    if not rules:
        raise TypeError(f"{name}() takes at least one rule")
    return rules
