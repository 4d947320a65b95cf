"""The library of _start/ under sanitizers, with events of random arguments.

    python tests/soak/preloaded.py [--seconds N]

tests/clients/start.c and start.c are built with AddressSanitizer and
UndefinedBehaviorSanitizer, and with ThreadSanitizer, and run a program whose threads
raise events with whatever a generator makes: names of the catalogue and others, text of
any characters, bytes, numbers, containers, objects whose repr() fails. Each line has to
be one, and none may be missing. make sanitize runs this.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import building

import audithooks

START = Path(audithooks.get_include()) / "_start" / "start.c"
PACKAGES = str(Path(audithooks.__file__).parents[1])
CHECKS = "address,undefined", "thread"
HIDDEN = "import", "open", "exec", "marshal.loads", "compile"  # the program's own
HIDDEN += ("audithooks.connect",)  # which is never shown

PROGRAM = """
import os, pathlib, random, sys, threading, time
from audithooks.catalogue import EVENTS
names = [n for n in EVENTS if n not in hidden and not n.startswith("cpython.")]
names += ["a.b", "x" * 300, "\\xe4"]
end = time.monotonic() + float(sys.argv[1])
shared = [1, "a", {"b": [2]}]
class Bad:
    def __repr__(self):
        raise ValueError
class Text(str):
    pass
def text(r):
    some = "ab'\\\\\\"=:/@<\\n\\x00\\x7f\\x85\\xe4\\u2028\\u65e5\\ud800\\udfff"
    some += "\\U0001f600"
    return "".join(r.choices(some, k=r.choice([0, 1, 5, 50, 90, 1100, 5000])))
def value(r, depth=0):
    kind = r.randrange(14 if depth < 10 else 9)
    if kind < 3: return text(r)
    if kind == 3: return text(r).encode("utf-8", "surrogatepass")
    if kind == 4: return r.choice([0, -1, 2**63, -2**70, 10**5000, 7])
    if kind == 5: return r.choice([0.1, 1e300, float("nan"), -0.0, float("inf")])
    if kind == 6: return r.choice([None, True, False, Bad(), object, Text(text(r))])
    if kind == 7: return pathlib.Path(text(r).replace("\\0", ""))
    if kind == 8: return bytearray(b"x" * r.randrange(2000))
    if kind == 9: return shared
    some = [value(r, depth + 1) for _ in range(r.randrange(4))]
    if kind == 10: return some
    if kind == 11: return tuple(some)
    if kind == 12: return {text(r): some}
    return {"token": 1, 2: some}
def work(seed):
    r = random.Random(seed)
    raised = 0
    while time.monotonic() < end:
        shared[1:] = [value(r, 8)]
        try:
            sys.audit(r.choice(names), *(value(r) for _ in range(r.randrange(7))))
        except ValueError as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        raised += 1
    counts.append(raised)
counts = []
threads = [threading.Thread(target=work, args=[seed]) for seed in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sum(counts))
"""


def build(checks: str, folder: Path) -> Path:
    options = [f"-fsanitize={checks}", "-fno-omit-frame-pointer", "-g"]
    made = folder / f"{checks}.o"
    building.compile_c(START, made, "-c", "-std=gnu11", *options)
    target = folder / checks.replace(",", "-")
    target.mkdir()
    source = building.CLIENTS / "start.c"
    return building.program(source, target, made, *options, "-ldl", "-pthread")


def run(program: Path, folder: Path, seconds: float) -> tuple[int, int, str]:
    """Return the events that were raised, the good lines, and what went wrong."""
    raised = good = 0
    wrong = ""
    for form in ("json", "text"):
        output = folder / form
        script = f"import sys; sys.argv = ['', '{seconds / 2}']\nhidden = {HIDDEN}\n"
        script += PROGRAM
        hidden = "\nhide ".join(
            ["", "import", "open", "exec", "marshal.loads", "compile"]
        )
        options = f"output {output}{hidden}\nsecrets\nenvironments"
        done = subprocess.run(
            [str(program), script],
            env={
                **os.environ,
                "START_OPTIONS": f"{options}\njson" if form == "json" else options,
                "PYTHONHOME": sys.base_prefix,
                "PYTHONPATH": os.pathsep.join([PACKAGES, *filter(None, sys.path)]),
                "PYTHONMALLOC": "malloc",  # where the sanitizer sees it
                "ASAN_OPTIONS": "detect_leaks=0",
                "TSAN_OPTIONS": f"suppressions={folder / 'suppressed'}",
            },
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        told = done.stderr.replace("the hook is there already\n", "")
        if done.returncode or told:
            wrong += f"status {done.returncode}\n{told}"
        lines = output.read_bytes().split(b"\n")
        output.unlink()
        if lines.pop() != b"":
            wrong += f"the last line of {form} is torn\n"
        raised += int(done.stdout or 0)
        for line in lines:
            try:
                text = line.decode()
                if form == "json":
                    json.loads(text)
                elif not text.isprintable():
                    raise ValueError("it has characters that cannot be printed")
                good += 1
            except ValueError as error:
                wrong += f"{error}: {line[:500]!r}\n"
        if len(lines) < int(done.stdout or 0):
            wrong += f"{len(lines)} lines of {form} for {done.stdout.strip()} events\n"
    return raised, good, wrong


def main(seconds: float) -> tuple[bool, list[tuple[str, int]]]:
    """Print what is found; return whether there was anything, and the figures."""
    numbers = []
    failed = False
    with TemporaryDirectory() as name:
        folder = Path(name)
        # CPython itself is built without it, so its own locks are not known.
        (folder / "suppressed").write_text(
            "called_from_lib:libpython\nrace:libpython\n"
        )
        for checks in CHECKS:
            raised, good, wrong = run(build(checks, folder), folder, seconds)
            print(wrong[:20_000], end="")
            failed = failed or bool(wrong) or raised == 0
            numbers.append((f"lines of the library with {checks} sanitizer", good))
    return failed, numbers


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each build")
    found, figures = main(parser.parse_args().seconds)
    for what, number in figures:
        print(f"{number:>12,}  {what}")
    sys.exit(found)
