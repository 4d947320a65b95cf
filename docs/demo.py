"""make demo: pip installs a package under the tracer, from an index on this machine.

At the end it may not, by a rule, and that is explained.
"""

from __future__ import annotations

import functools
import io
import json
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections import Counter
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from audithooks.catalogue import is_write

FILES = {
    "pyproject.toml": '[project]\nname = "teashop"\nversion = "1.0"\n',
    "teashop.py": 'print("tea is 3")\n',
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def make_index(folder: Path) -> None:
    """Make an index of packages with one source distribution in it."""
    package = folder / "simple" / "teashop"
    package.mkdir(parents=True)
    with tarfile.open(package / "teashop-1.0.tar.gz", "w:gz") as archive:
        for name, text in FILES.items():
            info = tarfile.TarInfo(f"teashop-1.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))


def trace(options: str, program: list[str], fails: bool = False) -> None:
    """Run a program under the tracer, and show the command. It may be to fail."""
    shown = " ".join(word.replace("swordfish", "*********") for word in program)
    print(f"\n$ audithooks {options} {shown}".rstrip(), flush=True)
    command = [sys.executable, "-m", "audithooks", *shlex.split(options), *program]
    # Neither another index of this machine, nor the version of pip on the network.
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    environ |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, check=False, env=environ)
    if (done.returncode != 0) is not fails:
        sys.exit(f"the status is {done.returncode}")


def report(path: Path, target: Path) -> None:
    """Show what the trace has: the files written, the processes and the hosts."""
    written: set[str] = set()
    hosts: Counter[str] = Counter()
    processes: dict[int, Counter[str]] = {}
    with path.open(encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            event, args = record["event"], record["args"]
            processes.setdefault(record["pid"], Counter())[event] += 1
            if event == "open" and is_write(event, [*args.values()]):
                written.add(str(args["path"]))
            if event == "socket.getaddrinfo":
                hosts[f"{args['host']}:{args['port']}"] += 1
    print(f"\n{len(written)} files written; what is left of them:")
    for file in sorted(target.rglob("*")):
        if file.is_file():
            print(f"  {file.relative_to(target)}")
    print(f"{len(processes)} processes:")
    for pid, events in processes.items():
        most = ", ".join(f"{number:,} {name}" for name, number in events.most_common(4))
        print(f"  {pid}: {sum(events.values()):,} events ({most}, ...)")
    print("hosts:")
    print(*(f"  {host} ({number} times)" for host, number in hosts.items()), sep="\n")


def main() -> None:
    subprocess.run([sys.executable, "-m", "audithooks", "--version"], check=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_index(folder)
        handler = functools.partial(Quiet, directory=name)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        index = f"http://joe:swordfish@127.0.0.1:{server.server_port}/simple"
        program = [
            "-m",
            "pip",
            "install",
            "-q",
            "--no-cache-dir",
            "--no-build-isolation",
        ]
        program += ["-i", index, "teashop", "-t"]
        what = "@process,socket.getaddrinfo,os.rename,!os.putenv,!os.unsetenv"
        trace(f"-f -C -t relative -s 120 -e '{what}'", [*program, f"{name}/first"])
        path, target = folder / "run.json", folder / "second"
        trace(f"-f --json -o {path}", [*program, str(target)])
        report(path, target)
        rule = "--allow '@connect(host=packages.example.org)'"
        refused = [*program, f"{name}/third", "--retries", "0"]
        trace(f"-e none {rule}", refused, fails=True)
        trace(f"explain '@connect(host=127.0.0.1)' {rule}", [], fails=True)
        server.shutdown()


if __name__ == "__main__":
    main()
