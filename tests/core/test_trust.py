"""The limits of audithooks that the README describes.

And that its figures are those of the last runs.
"""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "soak"))

import figures


def test_hostile_code_can_remove_a_hook_unseen(child):
    """Even a permanent one: Python code can find and change every Python object."""
    printed = child.run(
        """
import gc, sys
import audithooks
from audithooks import Dispatcher
dispatcher = Dispatcher()
dispatcher.addaudithook(lambda event, args: print(event))
dispatcher.audit("seen")
for thing in gc.get_objects():
    if type(thing).__name__ == "Hook":
        dispatcher._remove(thing)
dispatcher.audit("unseen")
"""
    )
    assert printed == "seen\n"


def test_a_process_that_is_spawned_has_no_hooks(child):
    printed = child.run(
        """
import subprocess, sys
import audithooks
audithooks.subscribe(lambda event, args: print("seen", flush=True), "test.event")
sys.audit("test.event")
subprocess.run([sys.executable, "-c", "import sys; sys.audit('test.event')"])
"""
    )
    assert printed == "seen\n"


def test_what_native_code_does_raises_no_events(child):
    pytest.importorskip("ctypes", reason="this Python was built without ctypes")
    printed = child.run(
        """
import ctypes, os
import audithooks
libc = ctypes.CDLL(None)
with audithooks.capture("open", "os.*") as events:
    descriptor = libc.open(os.devnull.encode(), os.O_RDONLY)
print(descriptor >= 0, events)
"""
    )
    assert printed == "True []\n"


def test_the_figures_of_the_readme_are_those_of_the_last_runs():
    kept = json.loads(figures.FIGURES.read_text(encoding="utf-8"))
    readme = figures.README.read_text(encoding="utf-8")
    shown = readme.partition(figures.START)[2].partition(figures.END)[0]
    assert shown == figures.rendered(kept)
