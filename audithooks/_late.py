"""Modules that annotations need, and programs do not."""

from __future__ import annotations


class Late:
    """Stands for a module that is imported when an annotation is evaluated."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> object:
        from importlib import import_module

        return getattr(import_module(self._name), name)
