"""The file of docs/how-to/log-json.md, rotated by logrotate as it says."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections import Counter

import pytest
from features import FORK, THREADS, needs
from pages import block, replaced

pytestmark = needs(FORK and THREADS, "this system has no processes or threads")

ROTATIONS = 10  # fewer than the files that the page keeps

# Two processes of two threads raise events until the input ends, and say how many.
PROGRAM = """
import os, sys, threading, time

def work(name):
    for number in range(sys.maxsize):
        sys.audit("shop.sell", name, number)
        if number % 10 == 0:
            time.sleep(0.0001)
        if ended:
            break
    counts.append(f"{name} {number + 1}\\n")

ended, counts = [], []
other = os.fork()
names = "ab" if other else "cd"
threads = [threading.Thread(target=work, args=(name,)) for name in names]
for thread in threads:
    thread.start()
os.read(0, 1)
ended.append(True)
for thread in threads:
    thread.join()
os.write(1, "".join(counts).encode())
if other:
    os.waitpid(other, 0)
else:
    os._exit(0)
"""


def lines_of(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as file:
        text = file.read()
    assert text.endswith(b"\n")
    return text.splitlines()


def test_logrotate_loses_no_line_and_tears_none(child, tmp_path):
    logrotate = shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin")
    if logrotate is None:
        pytest.skip("logrotate is not installed")
    folder = tmp_path / "log"
    folder.mkdir(mode=0o700)
    path = folder / "events.jsonl"
    here = {"/var/log/shop/events.jsonl": path}
    config = tmp_path / "config"
    config.write_text(replaced(block("log-json", "ini"), here))
    config.chmod(0o600)
    code = replaced(block("log-json", "{code-block} python"), here) + PROGRAM
    program = subprocess.Popen(
        [sys.executable, "-c", code],
        env=child.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(ROTATIONS):
        while not (path.exists() and path.stat().st_size > 10_000):
            assert program.poll() is None
        command = [logrotate, "--force", "--state", tmp_path / "state", config]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    told, _ = program.communicate(timeout=60)
    assert program.returncode == 0
    files = sorted(folder.iterdir())
    assert len(files) == 1 + ROTATIONS
    records = [json.loads(line) for file in files for line in lines_of(file)]
    found = Counter(tuple(record["args"].values()) for record in records)
    expected = {
        (name, number)
        for name, count in map(str.split, told.splitlines())
        for number in range(int(count))
    }
    assert len(told.splitlines()) == 4
    assert found == Counter(expected)
