"""Make a release: make release VERSION=0.2.0.

It looks whether a release can be made, writes the version and the date into the files
that have them, runs what a release has to pass, and makes the commit and the tag. If
something fails before, the files are as they were. Nothing leaves this machine, unless
--push is given.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).parent.parent
PROJECT = ROOT / "pyproject.toml"
CHANGELOG = ROOT / "CHANGELOG.md"
CHECKS = "test", "lint", "types", "gate", "dist"
HEADING = re.compile(r"(?m)^## \[(.+?)\](?: - [-\d]+)?\n")
LINK = re.compile(r"(?m)^\[[^]]+\]: .*\n")


def git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def sections() -> dict[str, str]:
    """Return what the changelog says of each release, and of what is unreleased."""
    return split(CHANGELOG.read_text(encoding="utf-8"))


def split(log: str) -> dict[str, str]:
    parts = HEADING.split(LINK.sub("", log))
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2])}


def read_version(text: str) -> Version:
    try:
        version = Version(text)
    except InvalidVersion:
        version = None
    if version is None or str(version) != text or not fits(version):
        sys.exit(f"a version is 1.2.3, or 1.2.3rc1 before it, not {text}")
    return version


def fits(version: Version) -> bool:
    odd = version.epoch or version.is_devrelease or version.is_postrelease
    return len(version.release) == 3 and not odd and version.local is None


def released() -> list[Version]:
    """Return the versions with a tag or a section of the changelog."""
    tags = [tag[1:] for tag in git("tag", "--list", "v*").split()]
    names = [name for name in sections() if name != "Unreleased"]
    return sorted(map(Version, {*tags, *names}))


def look(version: Version) -> None:
    """Exit with a message if this version cannot be released now."""
    if (branch := git("branch", "--show-current") or "no branch") != "main":
        sys.exit(f"a release is made on the branch main, not on {branch}")
    if changes := git("status", "--porcelain"):
        sys.exit(f"a release is made of what is committed, and this is not:\n{changes}")
    if (before := released()) and version <= before[-1]:
        sys.exit(f"{version} does not come after {before[-1]}, the last release")
    if not sections().get("Unreleased"):
        sys.exit("CHANGELOG.md has nothing below [Unreleased]")


def repository() -> str:
    text = PROJECT.read_text(encoding="utf-8")
    (address,) = re.findall(r'(?m)^Repository = "(.+)"$', text)
    return address


def write(version: Version) -> None:
    """Put the version into all files that have it, and today into the changelog."""
    text = PROJECT.read_text(encoding="utf-8")
    text, number = re.subn(r'(?m)^version = ".+"$', f'version = "{version}"', text)
    if number != 1:
        sys.exit(f"pyproject.toml has {number} lines with a version, not one")
    PROJECT.write_text(text, encoding="utf-8")
    log = CHANGELOG.read_text(encoding="utf-8")
    heading = f"## [Unreleased]\n\n## [{version}] - {date.today()}\n"
    log = log.replace("## [Unreleased]\n", heading, 1)
    text = f"{LINK.sub('', log).rstrip()}\n\n{links(list(split(log)))}"
    CHANGELOG.write_text(text, encoding="utf-8")
    subprocess.run([sys.executable, ROOT / "share" / "make.py"], check=True)


def links(names: list[str]) -> str:
    """Return the addresses of what changed in each release, newest first."""
    address = repository()
    lines = []
    for name, older in zip(names, [*names[1:], ""]):
        tag = "main" if name == "Unreleased" else f"v{name}"
        if older:
            lines.append(f"[{name}]: {address}/compare/v{older}...{tag}\n")
        else:
            lines.append(f"[{name}]: {address}/commits/{tag}\n")
    return "".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="such as 0.2.0 or 0.2.0rc1")
    parser.add_argument(
        "--without-checks", action="store_true", help=f"do not run {' '.join(CHECKS)}"
    )
    parser.add_argument("--push", action="store_true", help="push main and the tag")
    parser.add_argument(
        "--notes", action="store_true", help="only print what the changelog says of it"
    )
    options = parser.parse_args()
    version = read_version(options.version)
    if options.notes:
        print(sections()[str(version)])
        return
    look(version)
    tag = f"v{version}"
    try:
        write(version)
        if not options.without_checks:
            subprocess.run(["make", *CHECKS], cwd=ROOT, check=True)
        git("commit", "--all", "--quiet", "--message", f"Version {version}")
    except BaseException:
        git("restore", "--staged", "--worktree", ".")
        print("No release was made; the files are as they were.", file=sys.stderr)
        raise
    git("tag", "--annotate", tag, "--message", f"Version {version}")
    print(f"Committed and tagged as {tag}.")
    push = "push", "--atomic", "origin", "main", tag
    if options.push:
        git(*push)
    else:
        print(f"To publish it:     git {' '.join(push)}")
        print(f"To take it back:   git tag -d {tag} && git reset --keep HEAD^")
    print("Then approve the environment pypi in the run of the workflow wheels.")


if __name__ == "__main__":
    main()
