"""Sinks: hooks for subscribe() that write the events they are given.

Each has a module of its own. What they write of an event is made by records/fields.py.
"""

from .base import LEFT_OUT
from .jsonlines import JsonLines
from .limited import Limited
from .logging import Logging
from .opentelemetry import OpenTelemetry

__all__ = ("LEFT_OUT", "JsonLines", "Limited", "Logging", "OpenTelemetry")
