"""make release, in clones; and what a release says of itself agrees."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest
from features import PROCESSES, needs

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "share" / "release.py"
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
(VERSION,) = re.findall(r'(?m)^version = "(.+)"$', PROJECT)
(REPOSITORY,) = re.findall(r'(?m)^Repository = "(.+)"$', PROJECT)
WRITERS = all(map(find_spec, ("argparse_manpage", "cyclonedx_py", "shtab")))
HEAD = "# Changelog\n\n## [Unreleased]\n"
LOG = f"{HEAD}\n### Added\n\n* A thing.\n\n[Unreleased]: {REPOSITORY}/commits/main\n"

pytestmark = [
    needs(SCRIPT.exists(), "the tests were copied without share/"),
    needs(PROCESSES, "this system has no processes"),
]


class Clone:
    """A repository on main with the files of this one, and a changelog."""

    def __init__(self, folder):
        self.folder = folder
        names = ["audithooks", "docs", "share", "pyproject.toml"]
        unwanted = shutil.ignore_patterns("*.so", "*_c.c", "__pycache__")
        for name in names:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
            else:
                shutil.copy(ROOT / name, folder)
        self.write("CHANGELOG.md", LOG)
        self.write(".gitignore", "__pycache__/\n")
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "tests")
        self.git("config", "user.email", "tests@example.invalid")
        self.commit()

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def read(self, name):
        return (self.folder / name).read_text(encoding="utf-8")

    def git(self, *arguments):
        command = ["git", *arguments]
        return subprocess.check_output(command, cwd=self.folder, text=True).strip()

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "as it is")

    def release(self, *arguments):
        environ = {
            **os.environ,
            "AUDITHOOKS_PURE_PYTHON": "1",
            "COLUMNS": "80",
            "PYTHONPATH": str(self.folder),
        }
        return subprocess.run(
            [sys.executable, "share/release.py", *arguments],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture
def clone(tmp_path):
    if not shutil.which("git"):
        pytest.skip("there is no git")
    return Clone(tmp_path)


@pytest.fixture
def writers():
    if not WRITERS:
        pytest.skip("the group share is not installed: make share does so")


def test_a_release_is_a_commit_and_a_tag(clone, writers):
    done = clone.release(VERSION, "--without-checks")
    assert (done.returncode, clone.git("status", "--porcelain")) == (0, ""), done.stderr
    assert clone.git("describe", "--exact-match") == f"v{VERSION}"
    assert clone.git("log", "-1", "--format=%s") == f"Version {VERSION}"
    assert f"git push --atomic origin main v{VERSION}\n" in done.stdout


def test_every_file_that_says_the_version_is_changed(clone, writers):
    clone.release("7.8.9", "--without-checks")
    files = clone.git("grep", "-lF", "7.8.9").splitlines()
    assert files == [
        "CHANGELOG.md",
        "audithooks/share/cmake/audithooks/audithooks-config-version.cmake",
        "audithooks/share/pkgconfig/audithooks.pc",
        "pyproject.toml",
        "share/audithooks.cdx.json",
        "share/man/man1/audithooks.1",
    ]
    assert [name for name in files if VERSION in clone.read(name)] == []


def test_the_changelog_gets_a_section_and_links(clone, writers):
    clone.release("1.0.0", "--without-checks")
    added = "\n### Added\n\n* A thing.\n\n"
    first = f"## [1.0.0] - {date.today()}\n{added}"
    assert clone.read("CHANGELOG.md") == (
        f"{HEAD}\n{first}"
        f"[Unreleased]: {REPOSITORY}/compare/v1.0.0...main\n"
        f"[1.0.0]: {REPOSITORY}/commits/v1.0.0\n"
    )
    text = clone.read("CHANGELOG.md").replace(f"{HEAD}\n", f"{HEAD}{added}", 1)
    clone.write("CHANGELOG.md", text)
    clone.commit()
    clone.release("1.1.0rc1", "--without-checks")
    assert clone.read("CHANGELOG.md") == (
        f"{HEAD}\n## [1.1.0rc1] - {date.today()}\n{added}{first}"
        f"[Unreleased]: {REPOSITORY}/compare/v1.1.0rc1...main\n"
        f"[1.1.0rc1]: {REPOSITORY}/compare/v1.0.0...v1.1.0rc1\n"
        f"[1.0.0]: {REPOSITORY}/commits/v1.0.0\n"
    )
    assert clone.release("1.0.0", "--notes").stdout == "### Added\n\n* A thing.\n"


def test_it_pushes_the_branch_and_the_tag_when_told(clone, writers, tmp_path_factory):
    origin = tmp_path_factory.mktemp("origin")
    clone.git("init", "--quiet", "--bare", str(origin))
    clone.git("remote", "add", "origin", str(origin))
    clone.release("1.0.0", "--without-checks")
    assert clone.git("ls-remote", "origin") == ""
    clone.git("tag", "--delete", "v1.0.0")
    clone.git("reset", "--hard", "--quiet", "HEAD^")
    done = clone.release("1.0.0", "--without-checks", "--push")
    assert done.returncode == 0, done.stderr
    names = {line.split()[1] for line in clone.git("ls-remote", "origin").splitlines()}
    assert {"refs/heads/main", "refs/tags/v1.0.0"} <= names


@pytest.mark.parametrize("version", ["1.0", "1.0.0.1", "v1.0.0", "1.0.0.dev1", "one"])
def test_a_version_of_another_shape_is_refused(clone, version):
    done = clone.release(version, "--without-checks")
    assert (done.returncode, clone.git("tag")) == (1, "")
    assert done.stderr == (
        f"a version is 1.2.3, or 1.2.3rc1 before it, not {version}\n"
    )


@pytest.mark.parametrize("version", ["1.2.3", "1.2.3rc1", "1.2.2"])
def test_a_version_that_does_not_come_after_the_last_is_refused(clone, version):
    clone.git("tag", "v1.2.3")
    done = clone.release(version, "--without-checks")
    assert done.returncode == 1
    assert done.stderr == f"{version} does not come after 1.2.3, the last release\n"


def test_another_branch_is_refused(clone):
    clone.git("switch", "--quiet", "--create", "work")
    done = clone.release("1.0.0", "--without-checks")
    assert done.returncode == 1
    assert done.stderr == "a release is made on the branch main, not on work\n"


def test_what_is_not_committed_is_refused(clone):
    clone.write("new.py", "")
    done = clone.release("1.0.0", "--without-checks")
    assert done.returncode == 1
    assert done.stderr.endswith(" and this is not:\n?? new.py\n")


def test_a_changelog_without_news_is_refused(clone):
    clone.write("CHANGELOG.md", HEAD)
    clone.commit()
    done = clone.release("1.0.0", "--without-checks")
    assert done.returncode == 1
    assert done.stderr == "CHANGELOG.md has nothing below [Unreleased]\n"


def test_after_a_check_that_fails_everything_is_as_before(clone, writers):
    clone.write("Makefile", "test:\n\tfalse\nlint types gate dist:\n\ttrue\n")
    clone.commit()
    before = clone.git("rev-parse", "HEAD")
    done = clone.release("1.0.0")
    assert done.returncode == 1
    assert "the files are as they were" in done.stderr
    assert clone.git("status", "--porcelain") == ""
    assert (clone.git("rev-parse", "HEAD"), clone.git("tag")) == (before, "")


def test_every_check_runs_with_the_new_version(clone, writers):
    show = "@grep -h '^version = ' pyproject.toml; echo $@\n"
    clone.write("Makefile", f"test lint types gate dist:\n\t{show}")
    clone.commit()
    done = clone.release("1.0.0")
    assert done.returncode == 0, done.stderr
    for check in "test", "lint", "types", "gate", "dist":
        assert f'version = "1.0.0"\n{check}\n' in done.stdout


def tracked():
    names = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True)
    return [ROOT / name for name in names.splitlines()]


@needs((ROOT / ".git").exists() and shutil.which("git"), "this is no clone")
def test_the_repository_has_one_address():
    """A fork changes [project.urls], and then what is named here."""
    owner, name = REPOSITORY.split("/")[-2:]
    other = re.compile(rf"https?://github\.com/(?!{owner}/{name}\b)[\w.-]+/{name}\b")
    wrong = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        wrong += [f"{path.relative_to(ROOT)}: {found}" for found in other.findall(text)]
    assert wrong == []


@needs((ROOT / ".git").exists() and shutil.which("git"), "this is no clone")
def test_the_contact_for_security_is_in_one_place():
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    (contact,) = re.findall(r"<!-- contact: .*-->\n<(.+)>\n", text)
    command = ["git", "grep", "-lF", contact]
    files = subprocess.check_output(command, cwd=ROOT, text=True).split()
    assert files == ["SECURITY.md"]


@pytest.mark.parametrize("command", [[], ["events"], ["explain"]], ids=str)
def test_help_points_to_pages_of_the_documentation(child_of, command):
    (documentation,) = re.findall(r'(?m)^Documentation = "(.+)"$', PROJECT)
    done = child_of(None).start("-m", "audithooks", *command, "--help")
    pages = re.findall(rf"{documentation}/en/latest/(.+)\.html\n", done.stdout)
    assert pages
    assert done.stdout.count("https://") == len(pages)
    if (ROOT / "docs" / "conf.py").exists():
        missing = [p for p in pages if not (ROOT / "docs" / f"{p}.md").exists()]
        assert missing == []


@needs((ROOT / ".github").exists(), "this is no clone")
def test_every_python_of_a_classifier_is_tested_by_ci():
    workflow = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"python: \[(.*)\]", workflow)
    classified = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)
    assert classified == re.findall(r'"(3\.\d+)"', listed)


def test_the_bill_of_materials_is_of_this_version_and_needs_nothing():
    """If this fails: make share."""
    bill = json.loads((ROOT / "share/audithooks.cdx.json").read_text(encoding="utf-8"))
    component = bill["metadata"]["component"]
    assert (component["name"], component["version"]) == ("audithooks", VERSION)
    assert "components" not in bill
    assert "dependencies = []\n" in PROJECT


@pytest.mark.parametrize(
    "page", ["CHANGELOG.md", "RELEASING.md", "SECURITY.md", "VERSIONING.md"]
)
def test_the_pages_link_to_files_that_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / target).exists(), target
