"""Run the tests on every Python that is installed or can be, and print a table.

    make matrix ARGS='--help'

Installed Pythons are those of pyenv and of PATH. Debian unstable, a build without the
GIL and Pyodide are installed once into the user's cache. Each Python has its own copy
of the sources there, as builds for several Pythons would conflict.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "audithooks")
DEBIAN = CACHE / "debian"
FREE_THREADED = CACHE / "python3.13t"
PYODIDE = CACHE / "pyodide"
PAGE = ROOT / "docs" / "explanation" / "platforms.md"
MARKS = "<!-- make matrix -->\n", "<!-- the end of make matrix -->\n"

PROBE = """
import json, os, platform, sys, sysconfig
version = platform.python_version()
kind = platform.python_implementation()
if kind == "PyPy":
    version = ".".join(map(str, sys.pypy_version_info[:3]))
    version += f" (Python {platform.python_version()})"
print(json.dumps({
    "minor": list(sys.version_info[:2]),
    "name": f"{kind} {version}",
    "executable": os.path.realpath(sys.executable),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "compiles": kind == "CPython" and os.path.exists(
        os.path.join(sysconfig.get_path("include"), "Python.h")
    ),
}))
"""


class Python(NamedTuple):
    name: str
    minor: tuple[int, int]
    command: str  # in its own system
    executable: str
    pure: bool  # extension modules cannot be built
    tree: Path | None = None  # the tree of Debian that contains it

    @property
    def system(self) -> list[str]:
        """The prefix of a command that runs in the system of this Python."""
        if self.tree is None:
            return []
        mounts = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev"'
        script = f'{mounts} && exec chroot "$0" "$@"'
        return ["unshare", "--mount", "sh", "-c", script, str(self.tree)]

    def has(self, command: str) -> bool:
        path = str(self.tree / "usr" / "bin") if self.tree else None
        return shutil.which(command, path=path) is not None


class Result(NamedTuple):
    name: str
    implementations: str = "missing"
    passed: int | None = None
    skipped: int | None = None
    own: str = ""  # CPython's tests with the functions of sys replaced
    reasons: tuple[tuple[str, int], ...] = ()
    failed: bool = False

    @property
    def missing(self) -> bool:
        return self.passed is None and not self.failed


# Finding and installing Pythons.


def probe(command: str, where: str = "", tree: Path | None = None) -> Python | None:
    """Return the Python of *command*, or None if it is not 3.9 or later."""
    python = Python("", (0, 0), command, "", True, tree)
    try:
        done = subprocess.run(
            [*python.system, command, "-c", PROBE],
            capture_output=True,  # a shim of pyenv without a Python prints an error
            text=True,
        )
    except FileNotFoundError:
        return None
    if done.returncode != 0:
        return None
    answer = json.loads(done.stdout)
    minor = tuple(answer["minor"])
    if minor < (3, 9):
        return None
    if answer["free_threaded"]:
        where = "free-threaded"
    return python._replace(
        name=answer["name"] + (f", {where}" if where else ""),
        minor=minor,
        executable=answer["executable"],
        pure=not answer["compiles"],
    )


def pyenv(*arguments: str) -> list[str]:
    if shutil.which("pyenv") is None:
        return []
    return subprocess.check_output(["pyenv", *arguments], text=True).split()


def at_hand() -> list[Python]:
    """Return the Pythons of pyenv, PATH and the system, each once."""
    commands = [
        (str(Path(pyenv("prefix", version)[0], "bin", "python3")), "")
        for version in pyenv("versions", "--bare")
        if version.startswith("3.")
    ]
    system = shutil.which("python3", path=os.defpath)
    commands += [(system, "system")] if system else []
    commands += [(f"python3.{minor}", "") for minor in range(9, 20)]
    commands += [("pypy3", "")]
    pythons: dict[str, Python] = {}
    for command, where in commands:
        python = probe(command, where)
        if python is not None:
            pythons.setdefault(python.executable, python)
    return sorted(
        pythons.values(), key=lambda p: (not p.name.startswith("CP"), p.minor)
    )


def of_debian() -> list[Python]:
    """Return the Pythons of Debian unstable; install its tree if possible."""
    if not DEBIAN.exists():
        if shutil.which("debootstrap") is None or os.getuid() != 0:
            return []
        log = CACHE / "debian.log"
        if not done(["bash", str(HERE / "debian.sh"), str(DEBIAN)], ROOT, log):
            sys.exit(f"Debian unstable could not be installed: see {log}")
    if os.getuid() != 0:
        return []
    commands = [f"python3.{minor}" for minor in range(14, 20)] + ["pypy3"]
    found = [probe(command, "Debian unstable", DEBIAN) for command in commands]
    return [python for python in found if python is not None]


def free_threaded() -> list[Python]:
    """Return a CPython without the GIL; build it if possible."""
    if not FREE_THREADED.exists():
        if shutil.which("apt-get") is None or shutil.which("gcc") is None:
            return []
        log = CACHE / "free-threaded.log"
        script = str(HERE / "freethreaded.sh")
        if not done(["bash", script, str(FREE_THREADED)], ROOT, log):
            shutil.rmtree(FREE_THREADED, ignore_errors=True)
            sys.exit(f"a CPython without the GIL could not be built: see {log}")
    python = probe(str(FREE_THREADED / "bin" / "python3"))
    return [python] if python is not None else []


# Running the tests.


def done(command: list[str], folder: Path, log: Path, **environ: str) -> bool:
    """Run a command that writes to *log*, and return whether it succeeded."""
    env = {**os.environ, **environ}
    env.pop("AUDITHOOKS_PURE_PYTHON", None)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        print("$", *command, file=file, flush=True)
        return not subprocess.run(
            command, cwd=folder, env=env, stdout=file, stderr=subprocess.STDOUT
        ).returncode


def copy_sources(folder: Path) -> None:
    """Copy the sources that git tracks, or would track, to an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    for file in subprocess.check_output(command, cwd=ROOT, text=True).splitlines():
        if (ROOT / file).exists():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, folder / file)


def result(name: str, implementations: str, ended_well: bool, report: Path) -> Result:
    """Read what pytest reported."""
    failure = Result(name, implementations, failed=True)
    if not report.exists():
        return failure
    (suite,) = ElementTree.parse(report).getroot()
    number = {key: int(suite.get(key, 0)) for key in ("tests", "skipped")}
    reasons: dict[str, int] = {}
    own: dict[str, str] = {}
    for case in suite:
        skip = case.find("skipped")
        if skip is not None:
            reason = skip.get("message", "")
            reasons[reason] = reasons.get(reason, 0) + 1
        test = case.get("name", "")
        if test.startswith("test_cpython_tests_pass_with_the_functions_replaced"):
            if skip is not None:
                own[skip.get("message", "")] = ""
            else:
                own["failed" if len(case) else "passed"] = ""
    return Result(
        name,
        implementations,
        number["tests"] - number["skipped"],
        number["skipped"],
        ", ".join(own),
        tuple(sorted(reasons.items())),
        not ended_well,
    )


def run_tests(python: Python, seconds: float) -> Result:
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", python.name).strip("-").lower()
    folder = (python.tree / "tmp" if python.tree else CACHE / "matrix") / slug
    copy_sources(folder)
    inside = f"/tmp/{slug}" if python.tree else str(folder)
    arguments = (
        f"-n 0 --seconds={seconds} --junit-xml=report.xml -o junit_family=xunit1"
    )
    if python.pure:
        arguments += " --pure"
    make = ["make", "-C", inside, "test", f"PYTHON={python.command}", "VENV=.venv"]
    log = CACHE / "matrix" / f"{slug}.log"
    ended_well = done([*python.system, *make, f"ARGS={arguments}"], ROOT, log)
    if not python.pure and ended_well:  # CPython's own tests in a launcher
        arguments = "-n 0 --soak -m soak tests/host"
        log = log.with_name(f"{slug}-host.log")
        ended_well = done([*python.system, *make, f"ARGS={arguments}"], ROOT, log)
        if ended_well and python.has("valgrind"):  # the instructions have budgets
            make[3] = "gate"
            log = log.with_name(f"{slug}-counts.log")
            ended_well = done([*python.system, *make, "ARGS=--counts"], ROOT, log)
    names = "python" if python.pure else "cython, python"
    found = result(python.name, names, ended_well, folder / "report.xml")
    if not found.failed:
        shutil.rmtree(folder)
    return found


def run_pyodide(seconds: float) -> Result:
    """Install the pure wheel and pytest, and run the tests in Pyodide."""
    name = "Pyodide"
    if shutil.which("node") is None or shutil.which("npm") is None:
        return Result(name)
    log = CACHE / "matrix" / "pyodide.log"
    package = PYODIDE / "package"
    if not package.exists():
        PYODIDE.mkdir(parents=True, exist_ok=True)
        if not done(["npm", "pack", "--silent", "pyodide"], PYODIDE, log):
            return Result(name)
        (archive,) = PYODIDE.glob("*.tgz")
        shutil.unpack_archive(archive, PYODIDE)
    version = json.loads((package / "package.json").read_text())["version"]
    python = json.loads((package / "pyodide-lock.json").read_text())["info"]["python"]
    name = f"Pyodide {version} (Python {python}), in Node"
    folder = CACHE / "matrix" / "pyodide"
    copy_sources(folder)
    make = ["make", "dist", f"PYTHON={sys.executable}", "VENV=.venv", "ARGS=--pure"]
    if not done(make, folder, log):
        return Result(name, "python", failed=True)
    tests = folder / "tested"
    tests.mkdir()
    for beside in "docs", "tests", "pyproject.toml", "README.md":
        shutil.move(folder / beside, tests / beside)
    (wheel,) = (folder / "dist").glob("*-none-any.whl")
    pip = [str(folder / ".venv" / "bin" / "pip"), "install", "--quiet"]
    pip += ["--target", str(tests / "site"), "--only-binary=:all:", "--platform=any"]
    pip += [f"--python-version={python}", "--implementation=py", "--abi=none"]
    config = (tests / "pyproject.toml").read_text(encoding="utf-8")
    needed = re.findall(r'"((?:pytest|hypothesis)>=.*?)"', config)
    if not done([*pip, str(wheel), *needed], folder, log):
        return Result(name, "python", failed=True)
    # The default stack of Node is too small for the frames of a test.
    node = ["node", "--stack-size=6000", str(HERE / "pyodide.mjs"), str(package)]
    pytest = [
        "-m",
        "pytest",
        "--pure",
        f"--seconds={seconds}",
        "-p",
        "no:cacheprovider",
    ]
    pytest += [f"--junit-xml={tests / 'report.xml'}", "-o", "junit_family=xunit1"]
    site = str(tests / "site")
    ended_well = done([*node, str(tests), *pytest], tests, log, PYTHONPATH=site)
    found = result(name, "python", ended_well, tests / "report.xml")
    if not found.failed:
        shutil.rmtree(folder)
    return found


# Printing the results.


def rows_of(results: list[Result]) -> dict[str, str]:
    """Return a row of the table for each interpreter."""
    rows = {}
    for one in results:
        passed = "" if one.passed is None else f"{one.passed}"
        skipped = "" if one.skipped is None else f"{one.skipped}"
        passed = f"**failed**, {passed}" if one.failed else passed
        cells = one.name, one.implementations, passed, skipped, one.own
        rows[one.name] = f"| {' | '.join(cells)} |"
    return rows


def table(rows: dict[str, str]) -> str:
    lines = [
        "| interpreter | implementations | passed | skipped | `test.test_audit` |",
        "| --- | --- | --- | --- | --- |",
        *rows.values(),
        "",
        f"The last run was on {date.today().day} {date.today():%B %Y}.",
    ]
    return "\n".join(lines) + "\n"


def reasons(results: list[Result]) -> str:
    lines = ["", "Skipped:"]
    for one in results:
        if one.reasons:
            lines += [f"  {one.name}"]
            lines += [f"    {number:4} {reason}" for reason, number in one.reasons]
    return "\n".join(lines)


def write(rows: dict[str, str], only: bool) -> None:
    """Put the table between the markers of the page; with *only*, keep other rows."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(MARKS[0])
    old, after = rest.split(MARKS[1])
    if only:
        there = re.findall(r"^(\| (.*?) \| .*\d+ .*)$", old, re.MULTILINE)
        rows = {**{name: row for row, name in there}, **rows}
    PAGE.write_text(before + table(rows).join(MARKS) + after, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--leave-out", nargs="+", default=[], choices=["debian", "nogil", "pyodide"])
    add("--only", nargs="+", metavar="TEXT", help="only Pythons with TEXT in the name")
    add("--seconds", type=float, default=2, help="of each thread test (default 2)")
    add("--jobs", type=int, default=2, help="Pythons tested at a time (default 2)")
    add("--require-all", action="store_true", help="fail if a Python is missing")
    add("--write", action="store_true", help="put the table, or rows, into docs/")
    options = parser.parse_args()

    pythons = at_hand()
    if "debian" not in options.leave_out:
        pythons += of_debian()
    if "nogil" not in options.leave_out:
        pythons += free_threaded()
    only = options.only or [""]

    def wanted(name: str) -> bool:
        return any(text in name for text in only)

    chosen = [python for python in pythons if wanted(python.name)]
    seconds = options.seconds
    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(timed, run_tests, one, seconds) for one in chosen]
        if "pyodide" not in options.leave_out and wanted("Pyodide"):
            futures.append(pool.submit(timed, run_pyodide, seconds))
        results = [future.result() for future in futures]
    if not options.only:
        results += absent(pythons, options.leave_out)
    rows = rows_of(results)
    print(table(rows) + reasons(results))
    if options.write:
        write(rows, bool(options.only))
    for one in results:
        if one.failed:
            print(f"failed: {one.name}; its log is in {CACHE / 'matrix'}")
    wrong = [one for one in results if one.failed]
    wrong += [one for one in results if one.missing and options.require_all]
    return int(bool(wrong))


def timed(function, *arguments) -> Result:  # type: ignore[no-untyped-def]
    start = time.monotonic()
    found: Result = function(*arguments)
    word = "failed" if found.failed else "missing" if found.missing else "passed"
    print(f"{found.name}: {word}, {time.monotonic() - start:.0f} s", flush=True)
    return found


def absent(pythons: list[Python], left_out: list[str]) -> list[Result]:
    """Return the Pythons that are missing or left out."""
    debian = [python for python in pythons if python.tree]
    wanted = {  # and the option that leaves it out
        **{f"CPython 3.{minor}": ("", f"CPython 3.{minor}.") for minor in range(9, 14)},
        "PyPy": ("", "PyPy"),
        "CPython 3.14": ("debian", "CPython 3.14."),
        "CPython 3.15": ("debian", "CPython 3.15."),
        "PyPy, Debian unstable": ("debian", "PyPy"),
        "CPython, free-threaded": ("nogil", "CPython"),
    }
    results = []
    for name, (source, start) in wanted.items():
        among = debian if name.endswith("unstable") else pythons
        if source == "nogil":
            among = [python for python in pythons if "free-threaded" in python.name]
        if not any(python.name.startswith(start) for python in among):
            left = source in left_out
            results.append(Result(name, "left out" if left else "missing"))
    if "pyodide" in left_out:
        results.append(Result("Pyodide", "left out"))
    return results


if __name__ == "__main__":
    sys.exit(main())
