"""make mutate: plant faults one by one, and see whether the tests notice them.

The faults of the compiled modules stand in a table, see compiled.py. Those of the pure
ones, and of what is around the core, see outer.py, are made by cosmic-ray, see pure.py.
Each is planted in a copy of the project, and the tests that may notice it run until
one fails.

What survives must stand in survivors.txt with a reason. It is an error if less than
LEAST of a part are caught, if a survivor has no reason (where all are planted), or if
there is a reason but no such fault.
"""

from __future__ import annotations

import argparse
import os
import queue
import random
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import compiled
import outer
import pure
from tree import Tree

PARTS = {part.__name__: part for part in (compiled, pure, outer)}
SURVIVORS = Path(__file__).with_name("survivors.txt")


def known_survivors():
    """Read the paragraphs of survivors.txt: a fault, and behind it the reason."""
    known = {}
    text = SURVIVORS.read_text(encoding="utf-8")
    for paragraph in text.split("\n\n"):
        lines = [line for line in paragraph.strip("\n").split("\n") if line[:1] != "#"]
        fault = [line for line in lines[1:] if line[:1] in "-+"]
        reason = [line for line in lines[1:] if line[:1] not in "-+"]
        if fault:
            known["\n".join([lines[0], *fault])] = " ".join(reason)
    return known


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, metavar="N", help="plant only N of each")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument(
        "--only", metavar="TEXT", help="faults with TEXT in file or code"
    )
    parser.add_argument("part", nargs="?", choices=PARTS)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and remove the copies
    known, ok = known_survivors(), True
    gone = set(known)
    for name, part in PARTS.items():
        if arguments.part in (None, name):
            ok &= check(part, known, gone, arguments)
    if arguments.part is None:
        for fault in sorted(gone):  # of which the code is another by now
            ok = False
            print(f"There is no such fault, but a reason:\n{fault}\n")
    sys.exit(not ok)


def check(part, known, gone, arguments):
    """Plant the faults of one part. Return whether all is as it should be."""
    faults = part.faults()
    every = len(faults)
    gone.difference_update(fault.text for fault in faults)
    sample = arguments.sample
    if arguments.only:
        faults = [fault for fault in faults if arguments.only in fault.text]
    elif sample is None:
        sample = part.SAMPLE
    if sample is not None and sample < len(faults):
        faults = random.Random(arguments.seed).sample(faults, sample)
    print(f"{part.__name__}: {len(faults)} faults of {every}", flush=True)
    jobs = max(1, min(arguments.jobs, len(faults)))
    with tempfile.TemporaryDirectory(prefix="mutate") as folder:
        trees = queue.SimpleQueue()
        for number in range(jobs):
            trees.put(Tree(Path(folder, str(number))))
        tree = trees.get()
        runs = {files for fault in faults for files in fault.stages}
        limit = 60 + 3 * max(duration(tree, files, part) for files in runs)
        trees.put(tree)

        def plant(fault):
            tree = trees.get()
            start = time.monotonic()
            try:
                told = tree.fails(
                    fault.file,
                    fault.code,
                    fault.stages,
                    part.IMPLEMENTATION,
                    limit,
                )
            finally:
                trees.put(tree)
            return fault, told, time.monotonic() - start

        survived, ok = 0, True
        pool = ThreadPoolExecutor(jobs)
        try:
            for done in as_completed([pool.submit(plant, fault) for fault in faults]):
                fault, told, seconds = done.result()
                reason = known.get(fault.text)
                survived += told is None
                verdict = "caught" if told is not None else "survived"
                if told is None and not reason and part.SAMPLE is None:
                    verdict, ok = "survived WITHOUT A REASON", False
                elif told is not None and reason is not None:
                    verdict = "caught, although there is a reason"
                print(f"{verdict} ({seconds:.0f} s)", fault.text, sep="\n")
                print(told or reason or fault.breaks, "\n", flush=True)
        finally:
            pool.shutdown(cancel_futures=True)
    caught = len(faults) - survived
    share = caught / max(1, len(faults))
    print(f"{part.__name__}: {caught} of {len(faults)} faults were caught, {share:.1%}")
    print(f"At least {part.LEAST:.0%} have to be.\n", flush=True)
    return ok and share >= part.LEAST


def duration(tree, files, part):
    """Run tests without a fault, which must pass, and return how long they took."""
    start = time.monotonic()
    told = tree.test(files, part.IMPLEMENTATION, 1200)
    if told is not None:
        raise SystemExit(f"Without a fault a test fails: {told}")
    return time.monotonic() - start


if __name__ == "__main__":
    main()
