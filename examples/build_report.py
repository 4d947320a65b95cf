"""What a build touches: the files it writes, the programs it starts, the hosts it asks.

    python examples/build_report.py -m pip wheel --no-deps -w /tmp/wheels .

The arguments are those of python, without its own options. Processes that the build
starts are traced as well, if they run Python. The status is that of the build.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from audithooks.catalogue import CAPABILITIES

TRACED = "@write,@spawn,socket.getaddrinfo"


def trace(arguments: list[str], output: Path) -> int:
    """Run a program under the tracer, which writes a line of JSON for each event."""
    tracer = [sys.executable, "-m", "audithooks", "-f", "--json", "-e", TRACED]
    return subprocess.run([*tracer, "-o", output, *arguments]).returncode


def what(event: str, args: dict[str, object]) -> tuple[str, object]:
    """Return the kind of what an event is about, and its name."""
    if event in CAPABILITIES["spawn"]:
        names = "executable", "path", "command"
        return "programs", next((args[n] for n in names if args.get(n)), args)
    if event == "socket.getaddrinfo":
        return "hosts", args["host"]
    names = "dst", "path", "filename"
    path = str(next((args[n] for n in names if n in args), ""))
    return "folders written to", os.path.dirname(path) or "."


def report(output: Path) -> dict[str, Counter]:
    found = {"folders written to": Counter(), "programs": Counter(), "hosts": Counter()}
    with output.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if "action" not in record and record["event"] != "audithooks.left_out":
                kind, name = what(record["event"], record["args"])
                found[kind][str(name)] += 1
    return found


def main() -> None:
    with TemporaryDirectory() as folder:
        output = Path(folder, "trace.jsonl")
        status = trace(sys.argv[1:], output)
        for kind, counts in report(output).items():
            print(f"{kind}: {len(counts)}")
            for name, count in counts.most_common():
                print(f"{count:6} {name}")
    sys.exit(status)


if __name__ == "__main__":
    main()
