"""What became of an event: a decision of a policy, see audithooks.policy."""

from __future__ import annotations

from collections import namedtuple

ALLOWED = "allowed"
DENIED = "denied"
WOULD_DENY = "would deny"
REPORTED = "reported"


class Decision(
    namedtuple("Decision", "action event subject rule because to_allow")  # noqa: PYI024
):
    """What a policy decided of an event.

    *action* is "allowed" by a rule, "denied", "would deny" where a policy is only
    tried, or "reported". *event* is its name and *subject* what it is about, such as
    "write /etc/hosts". *rule* is the id of the rule that decides, or None if that is
    the default of the policy; *because* says why. *to_allow* is a rule that would allow
    it, or None if the policy has a rule with arguments that denies it.
    """

    __slots__ = ()

    action: str
    event: str
    subject: str
    rule: str | None
    because: str
    to_allow: str | None

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
