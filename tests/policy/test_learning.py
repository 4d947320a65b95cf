"""What --learn makes of what a program did."""

import socket

import pytest
from features import needs

from audithooks.policy import Policy
from audithooks.policy.learning import Learned


@pytest.fixture
def learn(monkeypatch, tmp_path):  # tmp_path asks tempfile itself, before
    monkeypatch.setenv("TMPDIR", "/scratch")
    monkeypatch.setenv("HOME", "/nobody")
    monkeypatch.setattr("tempfile.tempdir", None)

    def rules(*needed, folder="/nobody/project"):
        learned = Learned(folder)
        for rule in needed:
            learned.add(rule)
        return learned.rules()

    return rules


@pytest.mark.parametrize(
    ("rule", "learned"),
    [
        ("@write(path=/nobody/project/a)", "@write(path=./a)"),
        ("@write(path=/etc/hosts)", "@write(path=/etc/hosts)"),
        ("@write(path=/scratch/x/y)", "@write(path={tmp})"),
        ("@write(path=/nobody/project/tmpab12_xyz)", "@write(path=./tmp*)"),
        (
            "@write(path=/nobody/project/x.cpython-311.pyc.139870)",
            "@write(path=./x.cpython-311.pyc.*)",
        ),
        ("@write(path='/nobody/project/a b')", "@write(path=./a b)"),
        ("@write(path='/opt/a,b')", "@write(path='/opt/a,b')"),
        (
            "@connect(host=example.com, port=443)",
            "@connect(host=example.com, port=443)",
        ),
        ("@connect(host=127.0.0.1, port=40123)", "@connect(host=localhost)"),
        ("@connect(host=x.org, port=32767)", "@connect(host=x.org, port=32767)"),
        ("@connect(host=x.org, port=32768)", "@connect(host=x.org)"),
        ("@listen(host=127.0.0.1, port=0)", "@listen(host=localhost)"),
        ("@spawn(program=/usr/bin/git)", "@spawn(program=/usr/bin/git)"),
        ("@connect(path=/run/x)", "@connect(path=/run/x)"),
        pytest.param(
            *["@connect(family=unix, path=None)"] * 2,
            marks=needs(hasattr(socket, "AF_UNIX"), "there is no family of that name"),
        ),
        ("@write(path=/nobody/project)", "@write(path='.')"),
    ],
)
def test_a_rule_outlives_the_run(learn, rule, learned):
    assert learn(rule) == [(learned, 1)]


def test_a_folder_outside_of_the_project_is_not_opened_as_a_whole(learn, tmp_path):
    (tmp_path / "file").touch()
    for path, learned in [
        (tmp_path, f"@write(path='{tmp_path}')"),
        (tmp_path / "file", f"@write(path={tmp_path}/file)"),
    ]:
        assert learn(f"@write(path={path})") == [(learned, 1)]


def test_in_a_project_among_temporary_files_their_names_pass(learn):
    rules = learn(
        "@write(path=/scratch/tmpab12_xyz)",
        "@write(path=/scratch/tmpab12_xyz/a/b)",
        "@write(path=/scratch/mine/file)",
        "@write(path=/scratch/other)",
        folder="/scratch/mine",
    )
    assert [rule for rule, _ in rules] == [
        "@write(path=./file)",
        "@write(path={tmp}/other)",
        "@write(path={tmp}/tmp*/**|{tmp}/????????)",
    ]


@pytest.mark.parametrize(
    ("rule", "learned"),
    [
        ("@write(path=/scratch/of-me/x/y)", "@write(path={tmp}/of-me)"),
        ("@write(path=/scratch/ab1234cd)", "@write(path={tmp}/*/**)"),
        ("@write(path=/scratch/of-12/x)", "@write(path={tmp}/of-*/**)"),
        ("@write(path=/scratch/of_ab12_xyz/x)", "@write(path={tmp}/of_*/**)"),
        ("@write(path=/scratch/edit-ab12_xyz.txt)", "@write(path={tmp}/edit-*.txt/**)"),
        ("@write(path='/scratch/a b/c')", "@write(path={tmp}/a?b/**)"),
        (
            "@spawn(program=/scratch/of-me/run-12/less)",
            "@spawn(program={tmp}/of-me/run-*/less)",
        ),
        ("@spawn(program=/scratch/mine/less)", "@spawn(program=/scratch/mine/less)"),
    ],
)
def test_what_is_beside_a_project_among_temporary_files_outlives_the_run(
    learn, rule, learned
):
    assert learn(rule, folder="/scratch/mine") == [(learned, 1)]


def test_what_allows_everything_is_not_learned_but_said(tmp_path):
    learned = Learned(str(tmp_path))
    learned.add("@write")
    assert learned.rules() == []
    assert "# Not written, as no rule can say that and no more: @write  # 1\n" in (
        learned.policy("x")
    )


@pytest.mark.parametrize("kind", ["@connect", "@listen"])
def test_a_port_that_the_system_chose_is_not_taken_for_a_look_up(learn, kind):
    host = "host=127.0.0.1"
    needed = [f"{kind}({host}, port=8080)", f"{kind}({host}, port=45678)"]
    assert learn(*needed) == [(f"{kind}(host=localhost)", 2)]
    assert learn(*needed[::-1]) == [(f"{kind}(host=localhost)", 2)]


def test_four_files_of_a_kind_stand_for_all_but_only_in_the_project(learn):
    names = "one", "two", "three", "four"
    rules = [f"@write(path=/nobody/project/out/{name}.txt)" for name in names]
    assert learn(*rules[:3]) == [
        (f"@write(path=./out/{name}.txt)", 1) for name in sorted(names[:3])
    ]
    assert learn(*rules) == [("@write(path=./out/*.txt)", 4)]
    outside = [f"@write(path=/etc/{name}.conf)" for name in names]
    assert len(learn(*outside)) == 4


def test_a_look_up_belongs_to_its_connection(learn):
    rules = ["@connect(host=a.com)", "@connect(host=a.com, port=443)"] * 2
    assert learn(*rules) == [("@connect(host=a.com, port=443)", 4)]


def test_what_a_capability_opens_needs_no_rule(learn):
    rules = ["@connect(host=a.com)", "urllib.Request", "socket.__new__(family=inet)"]
    assert learn(*rules) == [("@connect(host=a.com)", 1)]
    assert len(learn(*rules[1:])) == 2


def test_both_ends_of_a_rename(learn):
    rules = "@write(path=/nobody/project/a|/nobody/project/b)"
    assert learn(rules) == [("@write(path=./a)", 1), ("@write(path=./b)", 1)]


def test_what_is_written_is_a_policy(tmp_path):
    pytest.importorskip("tomllib", reason="tomli may be missing")
    learned = Learned(str(tmp_path))
    learned.add(f"@write(path={tmp_path}/x)")
    (tmp_path / "p.toml").write_text(learned.policy("prog 'a'"))
    policy = Policy.load(tmp_path / "p.toml")
    assert policy.default == "deny"
    assert policy.decide("os.mkdir", (str(tmp_path / "x"), 0, -1)).action == "allowed"
    assert learned.options()[0].startswith("      1  --allow '@write(path=")


@pytest.mark.parametrize("folder", ["/", "/home", "/nobody"])
def test_a_folder_with_the_home_folder_is_no_project(learn, folder):
    names = "one", "two", "three", "four", "tmpab12_xyz"
    rules = [f"@write(path=/nobody/keys/{name}.pub)" for name in names]
    assert {rule for rule, _ in learn(*rules, folder=folder)} == {*rules}


@pytest.mark.parametrize("tmp", ["/", "/home", "/nobody"])
def test_a_folder_with_the_home_folder_is_not_that_for_temporary_files(
    learn, tmp, monkeypatch
):
    monkeypatch.setenv("TMPDIR", tmp)
    rule = "@write(path=/nobody/keys/one.pub)"
    assert learn(rule) == [(rule, 1)]


def test_a_star_in_a_name_is_no_pattern(learn):
    rule = "@write(path='/nobody/project/*')"
    assert learn(rule) == [(rule, 1)]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("42c8a4d5-469a-4a6c-949e-1a2bad03d718.json", "*.json"),
        ("2026-11-26T22:31:36.682856.txt", "*.txt"),
        ("2026-11-26.log", "*.log"),
        ("31eb55a55fd97badf4b574d882cc7c1e1d88", "*"),
        ("lBaAh5TSHhs.tok", "*.tok"),
        (".coverage.vm.pid25653.XYvnIkqx", ".coverage.vm.pid*.*"),
        ("run-25603.sock", "run-*.sock"),
        ("black-a1_defgh", "black-*"),
        *[(name, name) for name in (
            ".coverage", "my-document", "package.manifest", "settings.template",
            "MyDocument", "deadbeef", "test_names.py", "python3.11", "README2.md",
        )],
    ],
)  # fmt: skip
def test_a_name_is_loosened_where_it_will_be_another(learn, name, pattern):
    assert learn(f"@write(path='/nobody/project/a/{name}')") == [
        (f"@write(path=./a/{pattern})", 1)
    ]


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/nobody/.cache/tmpabcdefgh", "/nobody/.cache/tmp*"),
        ("/nobody/.cache/blackabcdefgh.json", "/nobody/.cache/black*.json"),
        ("/nobody/.cache/a-abcdefgh.json", "/nobody/.cache/a-*.json"),
        ("/nobody/project/x/my_document", "./x/my_*"),
    ],
)
def test_a_name_that_tempfile_made_is_loosened_anywhere(learn, path, pattern):
    learned = Learned("/nobody/project")
    learned.add(f"@write(path={path})", "tempfile.mkstemp")
    learned.add(f"@write(path={path})", "open")
    assert learned.rules() == [(f"@write(path={pattern})", 2)]


@pytest.mark.parametrize(
    ("file", "prefix"),
    [
        ("/nobody/project", "."),
        ("/nobody", "./project"),
        ("/nobody/x/y", "../../project"),
    ],
)
def test_paths_stand_on_the_folder_of_the_file(learn, file, prefix):
    learned = Learned("/nobody/project", file)
    for name in "abcd":
        learned.add(f"@write(path=/nobody/project/o/{name}.c)")
    learned.add("@write(path=/nobody/project)")
    assert learned.rules() == [
        (f"@write(path='{prefix}')", 1),
        (f"@write(path={prefix}/o/*.c)", 4),
    ]


def test_the_next_run_may_replace_a_socket(learn):
    learned = Learned("/nobody/project")
    learned.add("@listen(path=/nobody/project/a.sock)")
    assert learned.rules() == [("@listen(path=./a.sock)", 1)]
    assert learned.rules(lasting=True) == [
        ("@write(path=./a.sock)", 1),
        ("@listen(path=./a.sock)", 1),
    ]
    assert '"@write(path=./a.sock)"' in learned.policy("x")
    assert len(learned.options()) == 1


def test_programs_that_were_looked_for_in_vain_are_left_out(learn, tmp_path):
    (tmp_path / "git").touch()
    rules = [f"@spawn(program={folder}/git)" for folder in ("/none", tmp_path)]
    assert [rule for rule, _ in learn(*rules, "@spawn(program=/none/x)")] == [
        "@spawn(program=/none/x)",
        f"@spawn(program={tmp_path}/git)",
    ]


def test_a_folder_that_the_program_did_not_make_is_not_opened_as_a_whole(tmp_path):
    for name in "old", "new":
        (tmp_path / name).mkdir()
    learned = Learned(str(tmp_path))
    learned.add(f"@write(path={tmp_path}/old)", "os.utime")
    learned.add(f"@write(path={tmp_path}/new)", "os.mkdir")
    assert [rule for rule, _ in learned.rules()] == [
        "@write(path='./old')",
        "@write(path=./new)",
    ]


@pytest.mark.parametrize(
    ("seen", "learned"),
    [
        (["./b", "./b/x", "./b/c/y.txt", "./bc"], ["./b", "./bc"]),
        (["./b/x", "./b/1234/y", "./b"], ["./b"]),
        (["./1234/a", "./5678/a/b", "./c/a"], ["./*/a"]),
        (["./f1234", "./fa", "./f5678/g"], ["./f*", "./f*/g"]),
        (["./f1234", "./fa", "./fa/g"], ["./f*", "./fa"]),
        (["./o/1.c", "./o/2.c", "./o/3.c", "./o/4.c", "./o/d"], ["./o/*.c", "./o/d"]),
        (["/opt/x", "/opt/x/y", "/opt/xy"], ["/opt/x", "/opt/xy"]),
        (["./log-12345678.txt", "./log-.txt"], ["./log-*.txt"]),
        (["/scratch/a", "/scratch/a/b/c"], ["{tmp}"]),
    ],
)
def test_no_rule_is_learned_that_another_one_covers(learn, seen, learned):
    given = [path.replace("./", "/nobody/project/") for path in seen]
    rules = learn(*(f"@write(path={path})" for path in given))
    assert [rule for rule, _ in rules] == [f"@write(path={path})" for path in learned]
    assert sum(count for _, count in rules) == len(seen)
    allowed = [rule for rule, _ in rules]
    policy = Policy.from_rules(default="deny", allow=allowed, folder="/nobody/project")
    assert {policy.decide("os.mkdir", (path, 0, -1)).action for path in given} == {
        "allowed"
    }


def test_a_file_of_the_project_is_learned_wherever_the_project_is(learn):
    rules = [f"@write(path=/scratch/{path})" for path in ("1234/a", "here/a")]
    learned = learn(*rules, folder="/scratch/here")
    assert [rule for rule, _ in learned] == [
        "@write(path=./a)",
        "@write(path={tmp}/*/**)",
    ]


def test_a_pattern_does_not_stand_for_what_is_below_a_folder_that_was_made(learn):
    learned = Learned("/nobody/project")
    learned.add("@write(path=/nobody/project/fa)", "os.mkdir")
    learned.add("@write(path=/nobody/project/f1234)")
    assert [rule for rule, _ in learned.rules()] == [
        "@write(path=./f*)",
        "@write(path=./fa)",
    ]


def test_a_program_is_learned_by_its_name_or_by_its_path_not_by_both(
    learn, tmp_path, monkeypatch
):
    for folder in "one", "two":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "git").touch(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/one")
    rules = [f"@spawn(program={tmp_path}/{folder}/git)" for folder in ("one", "two")]
    assert learn(*rules, "@spawn(program=git)") == [
        (rules[1], 1),
        ("@spawn(program=git)", 2),
    ]


@pytest.mark.parametrize("rule", ["@connect(", "@write(path=[z-a])", "@spawn"])
def test_what_no_rule_can_say_is_told_and_the_rest_is_kept(tmp_path, rule):
    learned = Learned(str(tmp_path))
    learned.add(rule)
    learned.add("@write(path=/a)")
    assert learned.rules() == [("@write(path=/a)", 1)]
    assert f"# Not written, as no rule can say that and no more: {rule}" in (
        learned.policy("x")
    )
    assert f"{rule}: no rule can say that and no more" in learned.options()[-1]
