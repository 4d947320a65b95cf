"""The least that a package with a compiled module is: what its import takes."""

from . import extension as extension
