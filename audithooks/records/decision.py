"""What became of an event: a decision of a policy, see audithooks.policy."""

from __future__ import annotations

# The builtins module is already cleared when the last event comes.
from builtins import isinstance, str  # noqa: UP029
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing
    from collections.abc import Mapping
    from typing import Any

    from .._core.types import Action

    class _Decision(typing.NamedTuple):  # what type checkers see
        action: str
        event: str
        subject: str
        rule: str | None
        because: str
        to_allow: str | None

else:
    _Decision = namedtuple("_Decision", "action event subject rule because to_allow")  # noqa: PYI024

ALLOWED = "allowed"
DENIED = "denied"
WOULD_DENY = "would deny"
REPORTED = "reported"


def members_of(action: Action) -> Mapping[str, Any]:
    """Return what a record has of what became of its event: of a word, itself alone."""
    return {"action": action} if isinstance(action, str) else action


def shown(action: Action) -> str:
    """Return what became of an event as a word, with the rule that decided."""
    members = members_of(action)
    word, rule = members["action"], members.get("rule")
    return f"{word} ({rule})" if rule else word


class Decision(_Decision):
    """What a policy decided of an event.

    *action* is "allowed" by a rule, "denied", "would deny" where a policy is only
    tried, or "reported". *event* is its name and *subject* what it is about, such as
    "write /etc/hosts". *rule* is the id of the rule that decides, or None if that is
    the default of the policy; *because* says why. *to_allow* is a rule that would allow
    it, or None if the policy has a rule with arguments that denies it.

    >>> policy = Policy.from_rules(deny="@spawn")
    >>> policy.decide("os.system", (b"make",)).rule
    'deny-1'

    Added in 0.1.
    """

    __slots__ = ()

    def text(self) -> str:
        """Return the decision as a sentence."""
        verb = "may not" if self.action in (DENIED, WOULD_DENY) else "may"
        event = f"{self.event}; "
        if self.subject == f"raise {self.event}":
            event = ""
        text = f"audithooks: {verb} {self.subject} [{event}{self.because}]"
        if self.to_allow is not None and self.action in (DENIED, WOULD_DENY):
            text += f"; to allow it: {self.to_allow}"
        return text

    def members(self) -> dict[str, str | None]:
        """Return what a record has of it beside the event."""
        return {
            "action": self.action,
            "rule": self.rule,
            "because": self.because,
            "subject": self.subject,
            "to_allow": self.to_allow,
        }
