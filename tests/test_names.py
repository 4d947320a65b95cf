"""The public names, and those that are loaded late."""

import importlib
from importlib.metadata import version

import pytest

import audithooks


@pytest.mark.parametrize(
    "name", ["audithooks", "audithooks.catalogue", "audithooks.sinks"]
)
def test_every_public_name_is_there(name):
    module = importlib.import_module(name)
    for public in module.__all__:
        assert hasattr(module, public), public
    assert {*module.__all__} <= {*dir(module)}


def test_the_version_is_that_of_the_distribution():
    assert audithooks.__version__ == version("audithooks")
    assert "__version__" in dir(audithooks)


def test_without_a_distribution_the_version_is_unknown(child):
    code = """
import importlib.metadata
def version(name):
    raise importlib.metadata.PackageNotFoundError(name)
importlib.metadata.version = version
import audithooks
print(audithooks.__version__)
"""
    assert child.run(code) == "0+unknown\n"


def test_a_star_leaves_the_version_of_others_alone(child):
    code = "__version__ = '3'\nfrom audithooks import *\nprint(__version__, Record)"
    assert child.run(code) == "3 <class 'audithooks._core.capture.Record'>\n"


def test_what_capture_gives_is_public(child):
    code = """
import audithooks
for domain in audithooks.Dispatcher(), audithooks:
    capture = domain.capture("test.*")
    with capture as records:
        domain.audit("test.event")
    print(type(capture) is audithooks.Capture, type(records[0]) is audithooks.Record)
"""
    assert child.run(code) == "True True\n" * 2


def test_what_most_programs_do_without_is_not_loaded(child):
    code = """
import sys
import audithooks
print("audithooks._core.capture" in sys.modules)
audithooks.Record
print("audithooks._core.capture" in sys.modules, "importlib.metadata" in sys.modules)
"""
    assert child.run(code) == "False\nTrue False\n"


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'audithooks' has no attribute 'nothing'"):
        audithooks.nothing  # noqa: B018
