"""Sinks: hooks for subscribe() that write events somewhere.

Each has its own module. records/fields.py prepares the content that they write.
"""

from .base import LEFT_OUT
from .jsonlines import JsonLines
from .limited import Limited
from .logging import Logging
from .opentelemetry import OpenTelemetry

__all__ = ("LEFT_OUT", "JsonLines", "Limited", "Logging", "OpenTelemetry")
