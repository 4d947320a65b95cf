"""Programs: a rule means a file, however a process is started with it."""

import os
import sys

import pytest
from features import PROCESSES, needs, shown

from audithooks.rules import Rules, Subject

pytestmark = [
    needs(os.name == "posix", "the paths are those of POSIX"),
    needs(PROCESSES, "this system has no processes"),
]
BOTH, NEITHER = (True, True), (False, False)
DENIED_ONLY = (True, False)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Two programs called git: that of PATH, in bin, and one in the current folder."""
    root = tmp_path.resolve()
    (root / "empty").mkdir()
    for folder, names in [("bin", "git got"), ("tools", "git other"), ("new", "git")]:
        (root / folder).mkdir()
        for name in names.split():
            (root / folder / name).write_text("#!/bin/sh\n")
            (root / folder / name).chmod(0o755)
    (root / "tools" / "text").write_text("no program")
    monkeypatch.chdir(root / "tools")
    monkeypatch.setenv("PATH", f"{root}/empty:{root}/bin")
    return root


def told(rule, event, *args):
    """Return what the rule says if it denies, and if it allows."""
    return tuple(
        Rules("rules", [rule], None, s).has(event, args) for s in (False, True)
    )


def popen(rule, program, env=None, cwd=None, args=()):
    return told(rule, "subprocess.Popen", program, [program, *args], cwd, env)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("git", BOTH),
        (b"git", BOTH),
        ("{root}/bin/git", BOTH),
        ("../bin/git", BOTH),
        ("{root}/tools/../bin/./git", BOTH),
        ("./git", DENIED_ONLY),
        ("{root}/tools/git", DENIED_ONLY),
        ("got", NEITHER),
        ("./other", NEITHER),
        ("{root}/bin/got", NEITHER),
    ],
)
def test_a_name_is_what_path_leads_to(root, program, expected):
    if isinstance(program, str):
        program = program.format(root=root)
    assert popen("@spawn(program=git)", program) == expected
    assert (
        popen("@spawn(program!=git)", program)
        == {
            BOTH: NEITHER,
            NEITHER: BOTH,
            DENIED_ONLY: DENIED_ONLY if expected[1] else (True, False),
        }[expected]
    )


def test_a_path_object_is_a_program(root):
    assert popen("@spawn(program=git)", root / "bin" / "git") == BOTH


def test_another_path_is_another_program(root):
    for env, expected in [
        ({"PATH": str(root / "bin")}, BOTH),
        ({"PATH": f"{root}/new:{root}/bin"}, DENIED_ONLY),
        ({b"PATH": os.fsencode(root / "new")}, DENIED_ONLY),
        ({"PATH": ""}, DENIED_ONLY),  # the current folder
        ({"PATH": "../bin"}, BOTH),
    ]:
        assert popen("@spawn(program=git)", "git", env) == expected


def test_path_counts_as_it_is_at_the_event(root, monkeypatch):
    rules = Rules("allow", ["@spawn(program=git)"], strict=True)
    monkeypatch.setenv("PATH", str(root / "new"))
    assert not rules.has("subprocess.Popen", ("git", ["git"], None, None))
    assert rules.has("subprocess.Popen", (f"{root}/bin/git", ["git"], None, None))


def test_a_relative_program_stands_on_the_folder_of_the_child(root):
    rule = "@spawn(program=git)"
    assert popen(rule, "./git", cwd=str(root / "bin")) == BOTH
    assert popen(rule, "./git", cwd=os.fsencode(root / "bin")) == BOTH
    assert popen(rule, "./git", cwd="../new") == DENIED_ONLY
    assert popen(rule, "./git", cwd=root / "bin") == BOTH
    assert popen(rule, "git", {"PATH": "."}, "../bin") == BOTH
    assert popen(rule, "git", {"PATH": "."}, "../new") == DENIED_ONLY


def test_links_count_by_where_they_lead(root):
    os.symlink("../bin/git", "harmless")
    os.symlink("../tools/other", root / "bin" / "link")
    assert popen("@spawn(program=git)", "./harmless") == BOTH
    assert popen("@spawn(program=link)", "link") == BOTH
    assert popen("@spawn(program=link)", "./other") == BOTH
    assert popen("@spawn(program=./other)", "link") == BOTH
    assert popen("@spawn(program=../bin)", "link") == NEITHER


@pytest.mark.parametrize(
    ("rule", "program", "expected"),
    [
        ("../bin", "git", BOTH),
        ("../bin", "./git", NEITHER),
        ("../bin/git", "git", BOTH),
        ("'{root}/bin/git'", "git", BOTH),
        ("'../bin'", "git", NEITHER),
        ("../bin/g*", "got", BOTH),
        ("**/new/*", "../new/git", BOTH),
        ("g*", "got", BOTH),
        ("g*", "./git", DENIED_ONLY),
        ("g?t", "git", BOTH),
        ("'g*'", "git", NEITHER),
        ("got|git", "git", BOTH),
        ("missing", "git", NEITHER),
        ("*", "git", BOTH),
    ],
)
def test_patterns_of_programs(root, rule, program, expected):
    rule = rule.format(root=root)
    assert popen(f"@spawn(program={rule})", program) == expected


def test_a_pattern_of_a_name_allows_the_links_of_path(root):
    os.symlink("../new/git", root / "bin" / "gat3")
    assert popen("@spawn(program=gat*)", "gat3") == BOTH
    assert popen("@spawn(program=gat*)", f"{root}/bin/gat3") == BOTH
    os.symlink("../new/git", "gat4")
    assert popen("@spawn(program=gat*)", "./gat4") == DENIED_ONLY


def test_this_python(root):
    for program in (sys.executable, os.path.realpath(sys.executable)):
        assert popen("@spawn(program={python})", program) == BOTH
    assert popen("@spawn(program={python})", "git") == NEITHER


@pytest.mark.parametrize("program", ["missing", "./missing", "./text", "/", "a\0b", ""])
def test_what_is_no_program_is_no_matter(root, program):
    for rule in ("@spawn(program=git)", "@spawn(program!=git)"):
        for strict in (False, True):
            rules = Rules("rules", [rule], None, strict)
            subject = Subject("subprocess.Popen", (program, [program], None, None))
            assert not rules.has(subject.event, subject.args)
            assert not rules.speak(subject)


def test_the_name_alone_is_enough_for_a_rule_that_denies(root):
    assert popen("@spawn(program=missing)", "/nowhere/missing") == DENIED_ONLY


@pytest.mark.parametrize(
    ("event", "args", "expected"),
    [
        ("os.exec", ("{root}/bin/git", ["git"], None), BOTH),
        ("os.exec", (b"../bin/git", ["git"], None), BOTH),
        ("os.exec", ("git", ["git"], None), DENIED_ONLY),  # that of the current folder
        ("os.exec", ("{root}/tools/git", ["git"], {}), DENIED_ONLY),
        ("os.posix_spawn", ("{root}/bin/git", ["x"], {}), BOTH),
        ("os.posix_spawn", ("git", ["git"], {}), DENIED_ONLY),  # which one, is not told
        ("os.posix_spawn", ("got", ["git"], {}), NEITHER),
        ("os.system", ("git",), NEITHER),
        ("pty.spawn", (["git", "x"],), BOTH),
        ("pty.spawn", (["./git", "x"],), DENIED_ONLY),
        (
            "_posixsubprocess.fork_exec",
            ([b"{root}/empty/git", b"{root}/bin/git"], [b"git"], None),
            BOTH,
        ),
        # With cwd=, which only subprocess.Popen tells: the rule is silent.
        ("_posixsubprocess.fork_exec", ([b"./other"], [b"git"], None), NEITHER),
        (
            "_posixsubprocess.fork_exec",
            ([b"{root}/new/git", b"{root}/bin/git"], [b"git"], None),
            DENIED_ONLY,
        ),
    ],
)
def test_ways_to_start_a_program(root, event, args, expected):
    def filled(value):
        if isinstance(value, list):
            return [filled(item) for item in value]
        if isinstance(value, str):
            return value.format(root=root)
        if isinstance(value, bytes):
            return value.replace(b"{root}", os.fsencode(root))
        return value

    assert told("@spawn(program=git)", event, *map(filled, args)) == expected


def test_a_shell_is_the_program_of_a_shell_command(root):
    args = "/bin/sh", ["/bin/sh", "-c", "git push"], None, None
    assert told("@spawn(program=git)", "subprocess.Popen", *args) == NEITHER
    assert told("@spawn(program=/bin/sh)", "subprocess.Popen", *args) == BOTH
    assert told("@spawn(program=/bin/sh)", "os.system", "git push") == BOTH
    assert told("@spawn(argv=*git push*)", "os.system", b"git push") == BOTH
    assert told("@spawn(argv='/bin/sh -c git push')", "os.system", "git push") == BOTH


def test_the_words_of_a_command(root):
    for rule, args, expected in [
        ("argv=git push*", ["push", "origin"], BOTH),
        ("argv=git push*", ["pull"], NEITHER),
        ("argv!=git push*", ["pull"], BOTH),
        ("argv='git push'", [b"push"], BOTH),
        ("argv=git {python}*", [sys.executable, "-V"], BOTH),
        ("program=git, argv=git push*", ["push"], BOTH),
        ("program=got, argv=git push*", ["push"], NEITHER),
    ]:
        assert popen(f"@spawn({rule})", "git", args=args) == expected, rule


class Raises:
    def __fspath__(self):
        raise RuntimeError

    def get(self, *_):
        raise RuntimeError


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("./git",),
        (3, ["git"], None, None),
        (Raises(), ["git"], None, None),
        ("git", ["git"], Raises(), None),
        ("git", ["git"], 3.5, None),
        ("git", ["git"], None, Raises()),
        ("git", ["git"], None, 3),
    ],
    ids=shown,
)
def test_a_program_that_cannot_be_told_counts_against_it(root, args):
    assert told("@spawn(program=got)", "subprocess.Popen", *args) == DENIED_ONLY
    assert told("@spawn(program!=git)", "subprocess.Popen", *args) == DENIED_ONLY


def test_functions_of_os_that_a_program_replaced_are_not_called(root, monkeypatch):
    rules = Rules("allow", ["@spawn(program=git)"], strict=True)
    names = [
        *("fspath", "fsdecode", "lstat", "readlink", "getcwd", "stat"),
        "path.join",
    ]
    with monkeypatch.context() as replaced:
        for name in names:
            replaced.setattr(f"os.{name}", None)
        found = [
            rules.has("subprocess.Popen", ("git", ["git"], "../tools", None)),
        ]
    assert all(found)


def test_a_program_is_refused_or_allowed_for_real(root, child_of):
    code = """
import os, subprocess, sys
import audithooks
from audithooks.rules import Rules, Subject
allowed = Rules("allow", ["@spawn(program=git)"], strict=True)
def deny(event, args):
    if allowed.speak(Subject(event, args)):
        raise PermissionError
audithooks.subscribe(deny, *allowed.names)
def attempt(*args, **options):
    try:
        subprocess.run(*args, **options)
        print("ran", end=" ")
    except (PermissionError, FileNotFoundError) as error:
        print(type(error).__name__, end=" ")
attempt(["git"])
attempt(["./git"])
attempt(["git"], env={"PATH": "../new"})
attempt(["git"], executable="./other")
attempt("git", shell=True)
attempt(["git"], cwd="../new")
attempt(["./git"], cwd="../bin")
attempt(["missing"])
pid = os.fork()
if pid == 0:
    os.execvp("git", ["git"])
print(os.waitpid(pid, 0)[1])
"""
    assert child_of(None).run(code, cwd=root / "tools").split() == [
        *("ran", "PermissionError", "PermissionError", "PermissionError"),
        *("PermissionError", "ran", "ran", "FileNotFoundError", "0"),
    ]


def test_a_program_that_was_not_there_may_become_a_link(root):
    rules = Rules("allow", [f"@spawn(program={root}/made/git)"], strict=True)
    (root / "made").mkdir()
    os.symlink("../bin/got", root / "made" / "git")
    args = f"{root}/made/../made/git", ["git"], None, None
    assert rules.has("subprocess.Popen", args)
    assert not rules.has("subprocess.Popen", (f"{root}/bin/got", ["got"], None, None))


@pytest.mark.parametrize(
    ("program", "expected"), [("git", BOTH), ("{root}/bin/git", DENIED_ONLY)]
)
def test_the_words_of_a_command_may_begin_with_a_path(root, program, expected):
    rule = "@spawn(argv=git push*)"
    assert popen(rule, program.format(root=root), args=["push", "x"]) == expected


@pytest.mark.parametrize("program", ["missing", "{root}/none/missing"])
def test_a_program_that_is_not_there_is_allowed_by_its_name(root, program):
    program = program.format(root=root)
    assert popen(f"@spawn(program={program})", program)[1] is True
    assert popen(f"@spawn(program={program})", "other")[1] is False
