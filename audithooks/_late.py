"""Modules that annotations need, and programs do not.

This is a module of its own, which holds no other: what an annotation of a hook keeps
alive would be cleared at the end of the interpreter, before the last event comes.
"""


class Late:
    """Stands for a module that is imported when an annotation is evaluated."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> object:
        from importlib import import_module

        return getattr(import_module(self._name), name)
