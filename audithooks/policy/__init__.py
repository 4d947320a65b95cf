"""Policies: what a program may do, decided by the arguments of its events.

    with audithooks.policy.deny("@write(path!=./build)"):
        build()

A policy has rules that deny, allow or report; see Policy for which of them decides.
policy.py decides, wording.py says it in words, files.py reads a policy, and
learning.py writes one from what a program did, without what covering.py finds.

This is a guard rail against mistakes, and no sandbox. Code that wants to can get around
an audit hook in Python: see PEP 578, "Security". Against such code the operating system
has the means: users, containers, seccomp.
"""

from ..records.decision import Decision
from .policy import Policy, allow, deny

__all__ = ("Decision", "Policy", "allow", "deny")
