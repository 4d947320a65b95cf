"""Rounds of fuzzing.py for some seconds, guided by the coverage of the pure modules.

    python fuzz.py SECONDS FOLDER

*FOLDER* holds the extension module client. Without atheris the choices are random.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

try:
    import atheris
except ImportError:
    atheris = None

SECONDS, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
sys.path.insert(0, str(FOLDER))

import client

if atheris is not None:
    with atheris.instrument_imports(include=["audithooks", "re", "fnmatch"]):
        import fuzzing
else:
    import fuzzing

rounds = 0
start = time.monotonic()


def report():
    how = "guided by coverage" if atheris else "at random"
    (FOLDER / "rounds.json").write_text(json.dumps([rounds, how]))


def one(data):
    global rounds
    if time.monotonic() - start > SECONDS:
        report()
        os._exit(0)  # libFuzzer would exit with its own status
    given = atheris.FuzzedDataProvider(data)
    fuzzing.play(lambda below: given.ConsumeIntInRange(0, below - 1), client)
    rounds += 1


if __name__ == "__main__":
    client.connect()
    sys.unraisablehook = lambda unraisable: None
    if atheris is not None:
        options = ["-max_len=200", "-timeout=10", f"-artifact_prefix={FOLDER}/"]
        atheris.Setup([sys.argv[0], *options], one)
        atheris.Fuzz()
    seed = random.randrange(2**32)
    print(f"seed {seed}", flush=True)
    choices = random.Random(seed)
    while time.monotonic() - start < SECONDS:
        fuzzing.play(choices.randrange, client)
        rounds += 1
    report()
