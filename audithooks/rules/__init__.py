"""Rules: patterns that also look at the arguments of an event.

    open(write, path=./build)       @connect(host=*.example.com, port=443)

grammar.py reads them, subjects.py says what an event is about, tests.py compares the
two, and rules.py puts several rules together. The core imports this if a pattern is a
rule; most programs do without.
"""

from .grammar import Rule, parse, split
from .rules import Rules, select
from .subjects import Subject

__all__ = ("Rule", "Rules", "Subject", "parse", "select", "split")
