"""Build the distributions, check their contents, and run the tests against each.

    make dist

They are the sdist, a wheel for this interpreter, and a wheel of pure Python, built from
the sdist without its table of extension modules. --pure builds only that one. What PyPI
shows of them is checked, and what the wheel installs with its extras runs the examples.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from tempfile import TemporaryDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # which build requires there

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NAME = "{name}-{version}".format(**PROJECT["project"])
EXTENSIONS = re.compile(r"(?m)^\[\[tool\.setuptools\.ext-modules\]\]\n(?:.+\n)+\n?")
BESIDE_THE_TESTS = ["README.md", "build_ext.py", "docs", "examples"]
BESIDE_THE_TESTS += ["pyproject.toml", "tests"]
EXTRAS = "otel", "policy", "report"
# What an extra is for: it fails without the extra.
USE_EXTRAS = """
import subprocess
import sys
from pathlib import Path
from opentelemetry.sdk._logs import LoggerProvider
from audithooks import Dispatcher
from audithooks.policy import Policy
from audithooks.sinks import JsonLines, OpenTelemetry
with OpenTelemetry(LoggerProvider()) as sink, Dispatcher().subscribe(sink):
    pass
Path("policy.toml").write_text('deny = ["@spawn"]')
assert [ruling.text for ruling in Policy.load("policy.toml").rulings] == ["@spawn"]
with JsonLines("trace.jsonl") as sink:
    sink("open", ("some file", "r", 0))
command = [sys.executable, "-m", "audithooks", "report", "trace.jsonl"]
subprocess.run(command, check=True)
assert "some file" in Path("report.html").read_text()
"""


def run(*command: object, **options: object) -> None:
    print("$", *command, flush=True)
    subprocess.run(list(map(str, command)), check=True, **options)  # type: ignore[call-overload]


def build(*arguments: object) -> None:
    run(sys.executable, "-m", "build", "--outdir", DIST, *arguments)


def build_pure() -> None:
    with TemporaryDirectory() as folder:
        with tarfile.open(DIST / f"{NAME}.tar.gz") as archive:
            archive.extractall(folder)
        config = Path(folder, NAME, "pyproject.toml")
        text, number = EXTENSIONS.subn("", config.read_text(encoding="utf-8"))
        assert number == len(PROJECT["tool"]["setuptools"]["ext-modules"])
        config.write_text(text, encoding="utf-8")
        build("--wheel", config.parent)


def tracked(*folders: str) -> set[str]:
    """Return the files of the project, including those not yet added to git."""
    command = ["git", "ls-files", "-co", "--exclude-standard", *folders]
    return set(subprocess.check_output(command, cwd=ROOT, text=True).split())


def meant(*, compiled: bool) -> set[str]:
    """Return the files that a wheel should have."""
    data = PROJECT["tool"]["setuptools"]["package-data"]
    files = {
        str(path.relative_to(ROOT))
        for package in PROJECT["tool"]["setuptools"]["packages"]
        for pattern in ("*.py", *data.get(package, ()))
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    if compiled:
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        for extension in PROJECT["tool"]["setuptools"]["ext-modules"]:
            is_library = extension["name"] == "audithooks._start.preloaded"
            if not is_library or sys.platform == "linux":
                ending = ".so" if is_library else suffix
                files.add(extension["name"].replace(".", "/") + ending)
    for folder, paths in PROJECT["tool"]["setuptools"]["data-files"].items():
        found = [path for pattern in paths for path in ROOT.glob(pattern)]
        files |= {f"{NAME}.data/data/{folder}/{path.name}" for path in found}
    metadata = "METADATA RECORD WHEEL entry_points.txt licenses/LICENSE top_level.txt"
    metadata += " sboms/audithooks.cdx.json"
    return files | {f"{NAME}.dist-info/{file}" for file in metadata.split()}


def check(path: Path, files: set[str], expected: set[str]) -> None:
    """Compare the files in a distribution with the expected ones."""
    for file in sorted(files):
        print(" ", file)
    wrong = sorted(files ^ expected)
    if wrong:
        words = [
            f"{'unwanted' if file in files else 'missing'}: {file}" for file in wrong
        ]
        sys.exit(f"{path.name}: {', '.join(words)}")


def check_sdist(path: Path) -> None:
    with tarfile.open(path) as archive:
        files = {item.name for item in archive if item.isfile()}
    files = {file[len(NAME) + 1 :] for file in files}
    made = {"PKG-INFO", "setup.cfg"}
    files = {file for file in files if ".egg-info/" not in file} - made
    unneeded = {".gitignore", ".readthedocs.yaml", "MANIFEST.in"}
    unneeded |= tracked(".ci", ".github")
    check(path, files - unneeded, tracked() - unneeded)


def check_wheel(path: Path, *, compiled: bool) -> None:
    with zipfile.ZipFile(path) as archive:
        check(path, set(archive.namelist()), meant(compiled=compiled))


def check_metadata(metadata: Message) -> None:
    """Look whether PyPI takes the metadata, and shows all of the README."""
    from readme_renderer import markdown
    from trove_classifiers import classifiers, deprecated_classifiers

    project = PROJECT["project"]
    wrong = {*metadata.get_all("Classifier", ())} - {*classifiers}
    wrong |= {*metadata.get_all("Classifier", ())} & {*deprecated_classifiers}
    assert not wrong, f"classifiers that PyPI does not know: {wrong}"
    assert metadata.get_all("Classifier") == project["classifiers"]
    urls = dict(url.split(", ", 1) for url in metadata.get_all("Project-URL", ()))
    assert urls == project["urls"]
    assert all(url.startswith("https://") for url in urls.values()), urls
    assert {*metadata.get_all("Provides-Extra", ())} == {*EXTRAS}
    needed = metadata.get_all("Requires-Dist", ())
    assert all("extra ==" in requirement for requirement in needed), needed
    readme = metadata.get_payload()
    page = markdown.render(readme)
    fences = re.findall(r"(?m)^ *```", readme)
    assert page is not None
    assert "```" not in page, "a block of code does not end"
    assert page.count("<pre") == len(fences) / 2, "a block of code is not rendered"
    tables = re.findall(r"(?m)^\|(?: *:?-+:? *\|)+$", readme)
    assert page.count("<table") == len(tables), "a table is not rendered"


def read_metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"{NAME}.dist-info/METADATA").decode()
    return Parser().parsestr(text)


def run_tests(path: Path, *arguments: str) -> None:
    """Install *path* in a clean environment, and test it from another folder."""
    try_installed(["--group", "test", path], arguments)


def run_examples(wheel: Path, *arguments: str) -> None:
    """Install *wheel* with its extras, and nothing but pytest; run the examples."""
    try_installed(
        [f"audithooks[{','.join(EXTRAS)}] @ {wheel.as_uri()}", "pytest>=8"],
        ["tests/test_example_programs.py", *arguments],
        USE_EXTRAS,
    )


def try_installed(
    requirements: Sequence[object], arguments: Sequence[str], code: str = ""
) -> None:
    with TemporaryDirectory() as folder:
        for name in BESIDE_THE_TESTS:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder, name))
        venv.create(Path(folder, "venv"), with_pip=True)
        bin_ = "Scripts" if os.name == "nt" else "bin"
        python = Path(folder, "venv", bin_, "python")
        run(python, "-m", "pip", "install", "-q", "--upgrade", "pip")
        run(python, "-m", "pip", "install", "-q", *requirements, cwd=folder)
        environ = {
            name: value
            for name, value in os.environ.items()
            if name != "AUDITHOOKS_PURE_PYTHON"
        }
        if code:
            run(python, "-c", code, cwd=folder, env=environ)
        run(python, "-m", "pytest", "-q", *arguments, cwd=folder, env=environ)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pure", action="store_true", help="build only the pure wheel")
    parser.add_argument(
        "--no-tests", action="store_true", help="run the examples, and no other tests"
    )
    parser.epilog = "Other arguments go to pytest."
    options, arguments = parser.parse_known_args()
    shutil.rmtree(DIST, ignore_errors=True)
    if options.pure:
        build("--sdist", ROOT)
        build_pure()
        return
    build(ROOT)
    (wheel,) = DIST.glob("*.whl")
    build_pure()
    sdist, pure = DIST / f"{NAME}.tar.gz", DIST / f"{NAME}-py3-none-any.whl"
    check_sdist(sdist)
    check_wheel(wheel, compiled=True)
    check_wheel(pure, compiled=False)
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel, pure)
    run(Path(sys.executable).with_name("check-wheel-contents"), wheel, pure)
    for path in wheel, pure:
        check_metadata(read_metadata(path))
    run_examples(wheel)
    run_examples(pure, "--pure")
    if not options.no_tests:
        for path in sdist, wheel:
            run_tests(path, *arguments)
        run_tests(pure, "--pure", *arguments)


if __name__ == "__main__":
    main()
