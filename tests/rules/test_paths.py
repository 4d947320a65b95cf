"""Paths: what a pattern stands for, and that none escapes by how it is written."""

import os
import sqlite3
from contextlib import closing

import pytest
from features import PROCESSES, needs, shown, thread_time
from hypothesis import given, settings
from hypothesis import strategies as st

from audithooks.rules import Rules
from audithooks.rules.paths import compiled, of_database, path_regex, resolve

pytestmark = needs(os.name == "posix", "the paths are those of POSIX")
LINUX = needs(os.path.exists("/proc/self/fd"), "there is no /proc")
WRITE = os.O_WRONLY | os.O_CREAT


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The current folder, with build/deep and outside, without links in its path."""
    root = tmp_path.resolve() / "base"
    for name in ("build/deep", "outside"):
        (root / name).mkdir(parents=True)
    monkeypatch.chdir(root)
    return root


def told(rule, event, *args, folder=None):
    """Return what the rule says if it denies, and if it allows."""
    return tuple(
        Rules("rules", [rule], folder, strict).has(event, args)
        for strict in (False, True)
    )


def writes(rule, path):
    return told(rule, "open", path, "w", WRITE)


BOTH, NEITHER = (True, True), (False, False)
DENIED_ONLY = (True, False)  # it is meant by a rule that denies: no way around it


@pytest.mark.parametrize(
    ("pattern", "meant", "others"),
    [
        ("*.toml", "/b.toml /a/b.toml", "/b.toml/x /b.tomlx /atoml"),
        ("build", "/build /x/build/a/b", "/builds /abuild/x"),
        ("./build", "/w/build /w/build/a/b", "/w/builds /w /build /x/build"),
        ("./build/", "/w/build /w/build/a", "/w/builds"),
        ("build/", "/w/build/a", "/x/build"),
        ("./build/*", "/w/build/a", "/w/build /w/build/a/b"),
        ("./build/**", "/w/build /w/build/a/b", "/w/buildx /w"),
        ("./build/**/*.o", "/w/build/b.o /w/build/a/c/b.o", "/w/b.o /w/build/b.o/x"),
        ("./**/build", "/w/build /w/a/build/x", "/w/abuild /build"),
        ("**/.env", "/.env /a/b/.env /a/.env/x", "/a.env /a/.envx"),
        ("**/a/**/b", "/a/b /x/a/c/d/b /a/a/b/c/b/k", "/b/a /xa/b /a/xb"),
        ("*/x", "/w/q/x /w/q/x/y", "/w/x /q/x"),
        ("/a//b/./c", "/a/b/c /a/b/c/d", "/a/c"),
        ("/", "/ /a", ""),
        (".", "/w /w/x", "/wx /"),
        ("..", "/ /a", ""),
        ("../*.c", "/a.c", "/w/a.c"),
        ("**", "/ /a/b", ""),
        ("*", "/a /a/b", ""),
        ("./a*b*c", "/w/abc /w/axbxc /w/abbcc", "/w/ab/c /w/acb /w/abcd /w/xabc"),
        ("a?c", "/abc", "/ac /a/c /abbc"),
        ("[ab]x", "/ax /bx", "/cx /x /abx"),
        ("[!a]x", "/bx", "/ax /b/x"),
        ("[]a]x", "/]x /ax", "/bx"),
        ("[^a]x", "/^x /ax", "/bx"),
        ("[+-9]x", "/.x /5x", "//x /x"),
        ("[a", "/[a", "/a"),
        ("app[[]1].go", "/app[1].go /app[1].go/x", "/app1.go"),
        ("./[*]/a", "/w/*/a", "/w/b/a"),
        ("a\nb*", "/a\nbc", "/ab"),
        (".*", "/.a", "/a"),
        ("a.c+", "/a.c+", "/abc /a.cc"),
    ],
)
def test_a_pattern(pattern, meant, others):
    matches = compiled([path_regex(pattern, False, "/w")]).fullmatch
    assert [p for p in meant.split(" ") if not matches(p)] == []
    assert [p for p in others.split() if matches(p)] == []


def test_a_quoted_path_is_exactly_that(root):
    assert writes("open(path='build')", "build") == BOTH
    assert writes("open(path='build')", "./x/..//build/") == BOTH
    assert writes("open(path='build')", "build/a") == NEITHER
    assert writes("open(path='b*')", "build") == NEITHER
    assert writes("open(path='build/a|b, c')", "build/a|b, c") == BOTH


@pytest.mark.parametrize(
    "path",
    [
        "build/a",
        "./build/a",
        "build//a",
        "build/./a",
        "outside/../build/a",
        "build/deep/../a",
        "../base/build/a",
        "./././build",
        "build/",
        "build/.",
        "build/a\nb",
        "build/a\0b",
        b"build/a",
        b"build/\xff",
        "build/\udcff",
        "build/\U0001f600",
    ],
)
def test_ways_to_write_a_path(root, path):
    assert writes("@write(path=./build)", path) == BOTH


@pytest.mark.parametrize(
    "path", ["outside/a", "build/../a", "build/../outside", "buildx", "Build/a", "."]
)
def test_what_is_beside_it_is_not_meant(root, path):
    assert writes("@write(path=./build)", path) == NEITHER
    assert writes("@write(path!=./build)", path) == BOTH


def test_a_link_counts_by_where_it_leads(root):
    os.symlink("../outside/secret", "build/out")
    os.symlink("../build", "outside/in")
    os.symlink("nowhere/../../outside/new", "build/broken")
    assert writes("@write(path=./build)", "build/out") == DENIED_ONLY
    assert writes("@write(path=./build)", "build/broken") == DENIED_ONLY
    assert writes("@write(path=./build)", "outside/in/a") == BOTH
    assert writes("@write(path=./outside)", "build/out") == BOTH
    assert writes("@write(path!=./build)", "build/out") == BOTH


def test_dots_behind_a_link_leave_where_it_leads(root):
    (root / "outside" / "deep").mkdir()
    os.symlink("../outside/deep", "build/link")
    assert writes("@write(path=./build)", "build/link/../a") == DENIED_ONLY
    assert writes("@write(path=./outside)", "build/link/../a") == BOTH


def test_a_rule_may_name_a_link(root):
    os.symlink("build", "link")
    assert writes("@write(path=./link)", "build/a") == BOTH
    assert writes("@write(path=./link)", "link/a") == BOTH
    assert writes("@write(path=./link)", "outside/a") == NEITHER


def test_a_loop_of_links_counts_against_the_program(root):
    os.symlink("loop", "loop")
    assert writes("@write(path=./build)", "loop") == DENIED_ONLY
    assert writes("@write(path=./build)", "loop/a") == DENIED_ONLY
    assert writes("@write(path=./loop)", "build/a") == NEITHER


def test_many_links_are_followed_as_the_system_does(root):
    os.symlink("build/end", "link0")
    for number in range(45):
        os.symlink(f"link{number}", f"link{number + 1}")
    assert writes("@write(path=./build)", "link39") == BOTH
    with pytest.raises(OSError, match="Too many levels"):
        os.open("link45", WRITE)
    assert writes("@write(path=./build)", "link45") == DENIED_ONLY


@pytest.mark.parametrize("event", ["os.remove", "os.rmdir", "os.mkdir"])
def test_what_is_removed_or_created_is_the_name_itself(root, event):
    os.symlink("../outside", "build/link")
    os.symlink("../build", "outside/link")
    rest = (0o777, -1) if event == "os.mkdir" else (-1,)
    assert told("@write(path=./build)", event, "build/link", *rest) == BOTH
    assert told("@write(path=./build)", event, "outside/link", *rest) == NEITHER
    assert told("@write(path=./outside)", event, "build/link", *rest) == NEITHER
    assert told("@write(path=./outside)", event, "build/link/a", *rest) == BOTH


def test_the_last_part_is_not_followed_behind_a_link(root):
    os.symlink("../outside", "build/folder")
    os.symlink("../build/a", "outside/name")
    assert told("@write(path=./build)", "os.remove", "build/folder/name", -1) == (
        True,  # as it is written
        False,
    )
    assert resolve(f"{root}/build/folder/name", False) == f"{root}/outside/name"


@pytest.mark.parametrize("event", ["os.rename", "os.link"])
def test_of_two_ends_allow_needs_all_and_deny_one(root, event):
    for src, dst, expected in [
        ("build/a", "build/b", BOTH),
        ("build/a", "outside/b", DENIED_ONLY),
        ("outside/a", "build/b", DENIED_ONLY),
        ("outside/a", "outside/b", NEITHER),
    ]:
        assert told("@write(path=./build)", event, src, dst, -1, -1) == expected
        other = (not expected[1], not expected[0])
        assert told("@write(path!=./build)", event, src, dst, -1, -1) == other


def test_one_end_of_a_rename_can_be_asked_for(root):
    assert told("os.rename(dst=./build)", "os.rename", "a", "build/b", -1, -1) == BOTH
    assert told("os.rename(src=./build)", "os.rename", "a", "build/b", -1, -1) == (
        NEITHER
    )


def test_a_link_that_is_linked_counts_by_where_it_leads(root):
    os.symlink("../outside/secret", "build/link")
    args = "build/link", "build/hard", -1, -1
    assert told("@write(path=./build)", "os.link", *args) == DENIED_ONLY
    assert told("@write(path=./outside)", "os.link", *args) == DENIED_ONLY


def test_the_target_of_a_symbolic_link_is_no_subject(root):
    args = "../outside/a", "build/link", -1
    assert told("@write(path=./build)", "os.symlink", *args) == BOTH
    assert told("@write(path=./outside)", "os.symlink", *args) == NEITHER


@LINUX
def test_a_descriptor_of_a_folder_is_where_a_path_stands(root):
    fd = os.open("build", os.O_RDONLY)
    try:
        for path, expected in [("a", BOTH), ("../outside/a", NEITHER), ("..", NEITHER)]:
            assert told("@write(path=./build)", "os.mkdir", path, 0, fd) == expected
        assert told("@write(path=./build)", "os.mkdir", f"{root}/a", 0, fd) == NEITHER
        args = "a", "a", fd, -1
        assert told("@write(path=./build)", "os.rename", *args) == DENIED_ONLY
    finally:
        os.close(fd)
    assert told("@write(path=./build)", "os.mkdir", "a", 0, 999_999) == DENIED_ONLY


@LINUX
def test_a_path_through_proc(root):
    fd = os.open("build", os.O_RDONLY)
    file = os.open("outside/a", WRITE)
    try:
        assert writes("@write(path=./build)", "/proc/self/cwd/build/a") == BOTH
        assert writes("@write(path=./build)", f"/proc/self/root{root}/build/a") == BOTH
        assert writes("@write(path=./build)", f"/dev/fd/{fd}/a") == BOTH
        assert writes("@write(path=./build)", f"/dev/fd/{file}") == NEITHER
        assert writes("@write(path=./outside)", f"/proc/self/fd/{file}") == BOTH
    finally:
        os.close(fd)
        os.close(file)


def test_descriptors_were_judged_when_they_were_opened(root):
    for event, args in [("os.truncate", (3, 1)), ("os.chmod", (3, 0, -1))]:
        for rule in ("@write(path=./build)", "@write(path!=./build)", "@write(path=*)"):
            assert told(rule, event, *args) == NEITHER


class Lies:
    def __init__(self, *answers):
        self.answers = iter(answers)

    def __fspath__(self):
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    "path",
    [
        *(Lies(error, error) for error in (ValueError(), RuntimeError(), OSError())),
        Lies(3, 3),
        Lies(),
        3.5,
        object(),
        ["build/a"],
    ],
    ids=shown,
)
def test_a_path_that_cannot_be_told_counts_against_the_program(root, path):
    assert writes("@write(path=./build)", path) == DENIED_ONLY
    assert writes("@write(path!=./build)", path) == DENIED_ONLY


def test_a_path_that_lies_is_what_the_system_is_given(child, tmp_path):
    code = """
import os, audithooks
class Lies:
    answers = iter(["build/a", "outside"])
    def __fspath__(self):
        return next(self.answers)
def deny(event, args):
    raise PermissionError
os.mkdir("build")
audithooks.subscribe(deny, "@write(path!=./build)")
for make in (lambda path: os.mkdir(path), lambda path: open(path, "w").close()):
    try:
        make(Lies())
    except (PermissionError, FileExistsError, StopIteration, IsADirectoryError):
        pass
print(sorted(os.listdir()), flush=True)
"""
    assert child.run(code, cwd=tmp_path) == "['build']\n"


def test_a_path_object_is_its_path(root):
    assert writes("@write(path=./build)", root / "build" / "a") == BOTH
    assert writes("@write(path=./build)", Lies(*[b"build/a"] * 2)) == BOTH


def test_a_rule_does_not_move_with_the_program(root, monkeypatch):
    rules = [Rules("rules", ["@write(path=./build)"], None, s) for s in (False, True)]
    here = [Rules("rules", ["@write(path=build/)"], str(root), True)]
    monkeypatch.chdir("outside")
    for found in rules + here:
        assert found.has("open", ("../build/a", "w", WRITE))
        assert not found.has("open", ("build/a", "w", WRITE))


@needs(PROCESSES, "the folder of this process stays")
def test_without_a_current_folder(child, tmp_path):
    code = """
import os
from audithooks.rules import Rules
os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone")
for text in ("open(path=./build)", "open(path='build')"):
    try:
        Rules("deny", [text])
    except ValueError as error:
        print(error)
for strict in (False, True):
    rules = Rules("rules", ["@write(path=/a)", "@connect(port=1)"], strict=strict)
    for path in ("build/a", "/a/b", "/b"):
        print(rules.has("open", (path, "w", os.O_WRONLY)), end=" ")
"""
    assert child.run(code, cwd=tmp_path) == (
        "deny: './build' is relative, and there is no current folder\n"
        "deny: 'build' is relative, and there is no current folder\n"
        "True True False False True False "
    )


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        ("build/a.db", BOTH),
        (b"build/a.db", BOTH),
        ("file:build/a.db?mode=ro", BOTH),
        ("file:outside/../b%75ild/a.db#x", BOTH),
        ("file:build/%2e%2e/a.db", NEITHER),
        (":memory:", NEITHER),
        ("", NEITHER),
        ("file:build/a?mode=memory", NEITHER),
        ("file:outside/a", NEITHER),
    ],
)
def test_a_database_is_a_file(root, database, expected):
    assert told("@write(path=./build)", "sqlite3.connect", database) == expected


def test_a_database_with_a_host_is_that_of_sqlite(root):
    for start in ("file://", "file://localhost", "file:"):
        path = f"{start}{root}/build/a%20b.db"
        assert told("@write(path=./build)", "sqlite3.connect", path) == BOTH
        with closing(sqlite3.connect(path, uri=True)) as database:
            database.execute("PRAGMA user_version = 1")
        os.remove("build/a b.db")


def test_reading_and_writing_are_told_by_the_intent(root):
    for mode, flags, read, write in [
        ("r", os.O_RDONLY, True, False),
        ("w", WRITE | os.O_TRUNC, False, True),
        ("r+", os.O_RDWR, True, True),
        (None, os.O_RDONLY | os.O_CREAT, True, True),
        (None, os.O_RDONLY | os.O_TRUNC, True, True),
    ]:
        args = "build/a", mode, flags
        assert told("@read(path=./build)", "open", *args) == (read, read)
        assert told("@write(path=./build)", "open", *args) == (write, write)
        assert told("open(write)", "open", *args)[0] is (mode not in (None, "r"))
    folder = "build", None, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
    assert told("@read(path=./build)", "open", *folder) == (
        (False, False) if hasattr(os, "O_DIRECTORY") else BOTH
    )


@pytest.mark.parametrize(
    "args", [(), ("build",), ("build", 3, "x"), ("build", "w", 1, 2)]
)
def test_an_open_of_a_dispatcher_that_is_none_counts_against_it(root, args):
    assert told("@write(path=./build)", "open", *args) == DENIED_ONLY
    assert told("open(!create)", "open", *args) == DENIED_ONLY


def test_nothing_is_kept_of_what_is_written_to_the_null_device_and_a_terminal(root):
    assert Rules("deny", ["@write(path=/dev)"]).has("open", (os.devnull, "w", WRITE))
    allowed = Rules("allow", ["@write(path=./build)"], strict=True)
    from audithooks.rules import Subject

    assert not allowed.speak(Subject("open", (os.devnull, "w", WRITE)))
    assert not allowed.speak(Subject("open", ("/dev/tty", "w", WRITE)))
    assert allowed.speak(Subject("open", ("/dev/full", "w", WRITE)))


def test_the_current_folder_is_listed_without_a_path(root, monkeypatch):
    monkeypatch.chdir("build")
    for event in ("os.listdir", "os.scandir"):
        assert told("@read(path=.)", event, None) == BOTH
        assert told("@read(path=../outside)", event, None) == NEITHER


def test_functions_of_os_that_a_program_replaced_are_not_called(root, monkeypatch):
    rules = Rules("allow", ["@write(path=./build)"], strict=True)
    names = [
        *("fspath", "fsdecode", "lstat", "readlink", "getcwd", "stat"),
        "path.join",
    ]
    with monkeypatch.context() as replaced:
        for name in names:
            replaced.setattr(f"os.{name}", None)
        found = [
            rules.has("open", ("build/../build/a", "w", WRITE)),
            rules.has("os.mkdir", (b"build/a", 0, -1)),
        ]
    assert all(found)


PARTS = ["a", "b", "ab", "*", "?", "**", "a*", "*b", "*a*", "[ab]", "..", ".", ""]


@settings(max_examples=150, deadline=None)
@given(
    pattern=st.lists(st.sampled_from(PARTS), min_size=1, max_size=5).map("/".join),
    path=st.lists(st.text("ab", min_size=1, max_size=3), max_size=5),
)
def test_a_pattern_is_that_of_a_slow_comparison(pattern, path):
    try:
        found = compiled([path_regex(pattern, False, "/w/x")])
    except ValueError:
        assert ".." in pattern
        return
    path = ["w", "x", *path]
    assert bool(found.fullmatch("/" + "/".join(path))) is slowly(pattern, path)


def slowly(pattern, path):
    from fnmatch import fnmatchcase

    parts = pattern.split("/")
    if len(parts) == 1 and pattern not in (".", "..", ""):
        parts = ["**", pattern]
    elif parts[0] != "**" and parts[0] != "":
        parts = ["w", "x", *parts]
    elif pattern == "":
        parts = ["**", ""]
    kept = []
    for part in parts:
        if part == ".." and kept and not any(c in kept[-1] for c in "*?["):
            kept.pop()
        elif part == "..":
            pass
        elif part not in ("", "."):
            kept.append(part)
    below = not kept or kept[-1] == "**" or not any(c in kept[-1] for c in "*?[")

    def match(parts, names):
        if not parts:
            return below or not names
        if parts[0] == "**":
            return any(match(parts[1:], names[n:]) for n in range(len(names) + 1))
        return (
            bool(names)
            and fnmatchcase(names[0], parts[0])
            and match(parts[1:], names[1:])
        )

    return match(kept, path)


@pytest.mark.parametrize(
    "pattern", ["*a*a*a*a*a*a*b", "**/a/**/a/**/a/**/a/**/b", "**/*a*a*/**/*a*a*/*b"]
)
@pytest.mark.parametrize("path", ["/" + "a" * 20_000, "/a" * 10_000, "/aaa" * 5000])
def test_a_pattern_does_not_explode(pattern, path):
    matches = compiled([path_regex(pattern, False, "/w")]).fullmatch
    began = thread_time()
    assert matches(path) is None
    assert thread_time() - began < 1


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("mode=memory", None),
        ("mode=rwc&mode=memory", None),
        ("mode=memory&mode=rwc", "/a/b"),
        ("mode=memory&%6dode=rwc", "/a/b"),
        ("cache=shared", "/a/b"),
        ("mode=memory&mode%00z=rwc", "/a/b"),
    ],
)
def test_of_several_modes_of_a_database_the_last_one_counts(query, path):
    assert of_database(f"file:/a/b?{query}") == path


def test_a_part_of_a_uri_of_a_database_ends_where_sqlite_ends_it():
    assert of_database("file:/a/b%00/../c") == "/a/b"


@needs(os.path.exists("/dev/stdout"), "there is no /dev/stdout")
@LINUX
def test_no_rule_speaks_about_a_pipe_by_the_name_of_its_descriptor(root):
    reader, writer = os.pipe()
    try:
        assert writes("@write(path=./build)", f"/dev/fd/{writer}") == NEITHER
        assert writes("@write(path!=./build)", f"/dev/fd/{writer}") == NEITHER
        file = os.open("build/a", WRITE)
        assert writes("@write(path=./build)", f"/dev/fd/{file}") == BOTH
        os.close(file)
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("pattern", ["[!]", "[]", "a[]b", "[-", "[a"])
def test_brackets_around_nothing_are_characters(pattern):
    assert compiled([path_regex(pattern, False, "/w")]).fullmatch(f"/x/{pattern}")
