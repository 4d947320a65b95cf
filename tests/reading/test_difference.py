"""What counts as the same in two traces, and what as new."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audithooks.catalogue import EVENTS
from audithooks.reading.difference import Side, added, line_of
from audithooks.tracer.differing import _members, _policy


def line(event, members=None, /, **args):
    args = {name.replace("__", "."): value for name, value in args.items()}
    return {
        "time": "2026-01-01T00:00:00.000000Z",
        "seq": 2,
        "pid": 4242,
        "thread": 1,
        "event": event,
        "args": args,
        **(members or {}),
    }


def opened(path, mode="r"):
    return line("open", path=path, mode=mode, flags=0)


def connected(host, port):
    return line("socket.connect", self="<socket>", address=[host, port])


def looked_up(host, port):
    return line(
        "socket.getaddrinfo", host=host, port=port, family=0, type=0, protocol=0
    )


def spawned(program, *words):
    return line(
        "subprocess.Popen",
        executable=program,
        args=[program, *words],
        cwd=None,
        env=None,
    )


def executed(file, name="<module>", address="0x7f01"):
    code = f'<code object {name} at {address}, file "{file}", line 1>'
    return line("exec", code_object=code)


def imported(module):
    return line("import", module=module, filename=None, sys__path=[])


@pytest.fixture
def side(tmp_path):
    """Return the Side of a trace with some lines, of a program in a folder."""

    def made(*lines, folder="/work/one", stdlib="/py/lib/python3.14"):
        first = line("sys.start", seq=1)
        first["process"] = {
            "parent": 1,
            "command": "shop.py",
            "folder": folder,
            "python": "cpython 3.14.0",
            "stdlib": stdlib,
        }
        path = tmp_path / f"{len([*tmp_path.iterdir()])}.jsonl"
        path.write_text("".join(json.dumps(one) + "\n" for one in [first, *lines]))
        return Side([str(path)])

    return made


@pytest.fixture
def new(side):
    """Return the findings of some lines, as kind and what, beside others."""

    def found(lines, beside=(), **folders):
        findings = added(side(*beside), side(*lines, **folders))
        return [(finding.kind, finding.what) for finding in findings]

    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (opened("/work/one/a", "w"), opened("/work/two/a", "w")),
        (opened("a", "w"), opened("/work/two/a", "w")),
        (opened("/tmp/tmpab12cd_x/a"), opened("/tmp/tmpzz98yx_1/a")),
        (
            opened("/tmp/pytest-of-me/pytest-1/a"),
            opened("/tmp/pytest-of-me/pytest-2/a"),
        ),
        (opened("/tmp/shop-abcdefgh.txt"), opened("/tmp/shop-5u7054tu.txt")),
        (opened("log-2026-01-01.txt"), opened("log-2026-11-27.txt")),
        (opened("/proc/12/stat"), opened("/proc/self/stat")),
        (opened("/dev/fd/3"), opened("/dev/fd/12")),
        (opened("/dev/pts/1"), opened("/dev/pts/2")),
        (opened("shop-4242.pid"), opened("shop-4243.pid")),
        (connected("127.0.0.1", 40001), connected("::1", 50002)),
        (connected("example.com", 40001), connected("example.com", 50002)),
        (spawned("/work/one/run"), spawned("/work/two/run")),
        (
            spawned("/bin/sh", "-c", "cat /tmp/tmpab12cd_x"),
            spawned("/bin/sh", "-c", "cat /tmp/tmpzz98yx_1"),
        ),
        (
            spawned("python", "-c", "main(fd=5, pipe=7)"),
            spawned("python", "-c", "main(fd=9, pipe=11)"),
        ),
        (imported("tmpab12cd_x"), imported("tmpzz98yx_1")),
        (executed("<x 0x7f01>"), executed("<x 0x7f02>", address="0x7f02")),
        (
            opened("/c/d/de/ad/beef0123456789beef0123456789beef"),
            opened("/c/d/fe/ed/cafe0123456789cafe0123456789cafe"),
        ),
    ],
)
def test_another_run_would_name_it_alike(new, one, other):
    assert new([other], beside=[one], folder="/work/two") == []


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (opened("a"), opened("b"), ("read", "./b")),
        (opened("a"), opened("a", "w"), ("written", "./a")),
        (opened("a", "w"), line("os.remove", path="a", dir_fd=-1), ("removed", "./a")),
        (
            opened("/tmp/tmpab12cd_x/a"),
            opened("/tmp/tmpab12cd_x/b"),
            ("read", "{tmp}/tmp*/b"),
        ),
        (
            connected("a.org", 80),
            connected("a.org", 443),
            ("connected", "a.org port 443"),
        ),
        (
            connected("a.org", 80),
            connected("b.org", 80),
            ("connected", "b.org port 80"),
        ),
        (
            connected("127.0.0.1", 80),
            connected("127.0.0.1", 81),
            ("connected", "localhost port 81"),
        ),
        (
            line("socket.connect", self="", address="/run/a"),
            line("socket.connect", self="", address="/run/b"),
            ("connected", "/run/b"),
        ),
        (
            line("socket.bind", self="", address=["", 80]),
            line("socket.bind", self="", address=["", 81]),
            ("listened", "0.0.0.0 port 81"),
        ),
        (looked_up("a.org", 80), looked_up("b.org", 80), ("looked up", "b.org")),
        (spawned("git"), spawned("hg"), ("started", "hg")),
        (
            spawned("sh", "-c", "ls"),
            spawned("sh", "-c", "rm x"),
            ("started", "sh rm x"),
        ),
        (
            spawned("python", "-m", "pip"),
            spawned("python", "-I", "-m", "venv"),
            ("started", "python -m venv"),
        ),
        (
            spawned("python", "-W", "error", "a.py"),
            spawned("python", "b.py"),
            ("started", "python ./b.py"),
        ),
        (imported("json"), imported("pickle"), ("imported", "pickle")),
        (
            line("ctypes.dlopen", name="libc.so.6"),
            line("ctypes.dlopen", name="libm.so.6"),
            ("loaded", "libm.so.6"),
        ),
        (
            line("pickle.find_class", module="os", name="stat"),
            line("pickle.find_class", module="os", name="system"),
            ("unpickled", "os.system"),
        ),
        (line("shop.sell"), line("shop.buy"), ("raised", "shop.buy")),
    ],
)
def test_it_is_new(new, one, other, found):
    assert new([one, other], beside=[one]) == [found]
    assert new([one, other], beside=[one, other]) == []


def test_compiled_files_are_their_sources_and_no_files_that_are_written(new):
    cached = "/work/one/__pycache__/shop.cpython-314.pyc"
    first = [
        opened(cached),
        opened("/work/one/shop.py"),
        line("compile", source=None, filename="/work/one/shop.py"),
        line("marshal.dumps", value="", version=4),
        line("os.mkdir", path="/work/one/__pycache__", mode=511, dir_fd=-1),
        line("open", path=f"{cached}.139", mode=None, flags=0o301),
        line(
            "os.rename", src=f"{cached}.139", dst=cached, src_dir_fd=-1, dst_dir_fd=-1
        ),
    ]
    second = [opened(cached), line("marshal.loads", bytes="")]
    assert new(second, beside=first) == new(first, beside=second) == []
    assert new(second) == [("read", "./shop.py")]


def test_the_files_of_a_new_module_are_not_told_again(new):
    lines = [
        imported("shop"),
        line("os.listdir", path="/work/one/shop"),
        opened("/work/one/shop/__pycache__/__init__.cpython-314.pyc"),
        executed("/work/one/shop/__init__.py"),
        imported("shop.tea"),
        opened("/work/one/shop/tea.cpython-314-x86_64-linux-gnu.so"),
        opened("/work/one/tea.py"),
    ]
    assert new(lines) == [("read", "./tea.py"), ("imported", "shop")]


def test_a_known_module_from_another_place_is_new(new):
    beside = [imported("json"), opened("/py/lib/python3.14/json/__init__.py")]
    lines = [imported("json"), opened("/work/one/json.py")]
    assert new(lines, beside=beside) == [("read", "./json.py")]


def test_an_import_stands_for_those_that_it_leads_to(side):
    def by(module, file, function="<module>"):
        importing = "<frozen importlib._bootstrap>", "_call_with_frames_removed"
        stack = [
            {"file": file, "line": 1, "function": function}
            for file, function in (importing, (file, function))
        ]
        return {**imported(module), "stack": stack}

    lines = [
        by("shop", "/work/one/app.py"),
        by("shop.a", "/work/one/shop/__init__.py"),
        by("tea", "/work/one/shop/a.py"),
        by("shop.b", "/work/one/tea.py"),
        by("late", "/work/one/tea.py", "make"),
    ]
    late, shop = added(side(), side(*lines))
    assert (late.what, late.modules) == ("late", [])
    assert (shop.what, shop.modules) == ("shop", ["shop.a", "tea", "shop.b"])
    assert (
        line_of(shop)
        == "imported   shop and by it 3 modules  [import, app.py:1 in <module>]"
    )


def test_a_connection_by_number_is_that_to_the_name_looked_up_last(new):
    one = [looked_up("a.org", 443), connected("93.184.216.34", 443)]
    other = [looked_up("a.org", 443), connected("93.184.216.99", 443)]
    assert new(other, beside=one) == []
    assert new(other) == [("connected", "a.org port 443")]
    at_home = [*one, connected("127.0.0.1", 443)]
    assert new(at_home, beside=one) == [("connected", "localhost port 443")]
    by_number = [*one, looked_up("93.184.216.1", 443), connected("93.184.216.1", 443)]
    assert new(by_number, beside=one) == [("connected", "93.184.216.1 port 443")]


def test_what_tempfile_makes_is_the_same_and_what_it_tries_nothing(new):
    def lines(tried, made):
        return [
            line("open", path=f"/tmp/{tried}", mode=None, flags=0o302),
            line("os.remove", path=f"/tmp/{tried}", dir_fd=-1),
            line("tempfile.mkstemp", fullpath=f"/work/one/{made}.csv"),
            line("open", path=f"/work/one/{made}.csv", mode=None, flags=0o302),
        ]

    assert new(lines("abcdefgh", "a_abcdefgh")) == [("written", "./a_*.csv")]
    beside = lines("hgfedcba", "a_hgfedcba")
    assert new(lines("abcdefgh", "a_abcdefgh"), beside=beside) == []


def test_a_file_that_is_made_and_removed_is_no_try_of_tempfile(new):
    lines = [
        line("open", path="/srv/database", mode=None, flags=0o102),
        line("os.remove", path="/srv/database", dir_fd=-1),
    ]
    assert new(lines) == [("written", "/srv/database")]


def test_the_folder_of_the_script_is_named_if_it_is_another_one(new):
    def lines(folder):
        places = [folder, "/env/lib/python3.14/site-packages"]
        args = {"module": "shop", "filename": None, "sys__path": places}
        return [
            line("import", **args),
            opened(f"{folder}/shop.txt"),
            opened("/env/lib/python3.14/site-packages/tea.txt"),
        ]

    found = [
        ("read", "{prefix}/lib/python3.14/site-packages/tea.txt"),
        ("read", "{script}/shop.txt"),
        ("imported", "shop"),
    ]
    assert new(lines("/opt/one")) == found
    assert new(lines("/opt/one"), beside=lines("/opt/two")) == []
    assert ("read", "/shop.txt") in new(lines(""))


def test_rmtree_is_one_finding_and_a_folder_that_is_unknown_is_told(new):
    lines = [
        line("shutil.rmtree", path="/work/one/out", dir_fd=None),
        line("open", path="/work/one/out", mode=None, flags=0),
        line("os.scandir", path=3),
        line("open", path="sub", mode=None, flags=0),
        line("os.remove", path="a", dir_fd=4),
        line("os.rmdir", path="sub", dir_fd=3),
        line("os.rmdir", path="/work/one/out", dir_fd=-1),
    ]
    assert new(lines) == [("removed", "./out")]
    assert new([line("os.remove", path="a", dir_fd=4)]) == [("removed", "{folder}/a")]


def test_what_was_denied_is_another_thing_than_what_was_done(new):
    done, denied = opened("a", "w"), opened("a", "w")
    denied["action"] = "denied"
    assert new([done], beside=[denied]) == [("written", "./a")]
    assert new([denied], beside=[done]) == [("written", "./a")]
    assert new([denied], beside=[denied]) == []


def test_the_number_of_a_process_is_another_one_in_each_run(new):
    def lines(pid, name):
        return [{**opened(name, "w"), "pid": pid}]

    assert new(lines(312, "of-312.txt"), beside=lines(77, "of-77.txt")) == []
    assert new(lines(312, "of-77.txt"), beside=lines(77, "of-77.txt")) == [
        ("written", "./of-77.txt")
    ]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([opened("/dev/null", "w")], []),
        ([spawned("git"), opened("/usr/bin/git")], [("started", "git")]),
        ([spawned("/opt/git"), opened("/opt/git")], [("started", "/opt/git")]),
        ([opened("a.py"), executed("/work/one/a.py")], [("executed", "./a.py")]),
        ([opened("a", "w"), opened("a")], [("written", "./a")]),
        ([opened("a"), spawned("git")], [("read", "./a"), ("started", "git")]),
    ],
)
def test_what_is_plain_from_another_line_is_not_told(new, lines, found):
    assert new(lines) == found


def test_a_relative_path_stands_on_the_folder_of_its_process(new):
    lines = [line("os.chdir", path="/srv"), opened("a", "w")]
    assert ("written", "/srv/a") in new(lines)


def test_paths_of_windows_are_known(side):
    lines = [
        opened(r"C:\work\one\a", "w"),
        opened(r"C:\Users\me\AppData\Local\Temp\tmpab12cd_x\a", "w"),
        opened(r"C:\py\Lib\json\__init__.py"),
    ]
    found = added(side(), side(*lines, folder=r"C:\work\one", stdlib=r"C:\py\Lib"))
    assert [finding.what for finding in found] == [
        "./a",
        "{tmp}/tmp*/a",
        "{stdlib}/json/__init__.py",
    ]


def test_a_line_tells_event_site_and_refusal(side):
    refused = opened("a\nb", "w")
    refused["action"] = "denied"
    refused["stack"] = [
        {"file": "/py/lib/python3.14/shutil.py", "line": 9, "function": "copy"},
        {"file": "/work/one/shop.py", "line": 3, "function": "sell"},
    ]
    (finding,) = added(side(), side(refused))
    assert line_of(finding) == r"written    ./a\nb  [open, shop.py:3 in sell, denied]"


ODD = st.recursive(
    st.none()
    | st.integers(-5, 2**63)
    | st.text(max_size=9)
    | st.sampled_from(
        ["/", "..", "{folder}/a", "C:\\a", "a\nb", "b'x'", "sh", "\ud800"]
    )
    | st.sampled_from(
        ["/proc/self/fd/3", "__pycache__/a.b.pyc", "python", "-c", "::1"]
    ),
    lambda some: st.lists(some, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_a_trace_has_it_is_compared_line_by_line(side, data):
    events = st.sampled_from(sorted(EVENTS))
    sides = []
    for _ in "old", "new":
        names = data.draw(st.lists(events, max_size=5))
        args = [{a: data.draw(ODD) for a in EVENTS[name].arguments} for name in names]
        lines = [{**line(name), "args": a} for name, a in zip(names, args)]
        sides.append(side(*lines))
    found = added(*sides)
    assert [finding for finding in found if "\n" in line_of(finding)] == []
    for finding in found:  # without surrogates, which cannot be encoded
        json.dumps(_members("+", finding, sides[1]), ensure_ascii=False).encode()
    "\n".join(_policy(found, sides[1])).encode()
    assert added(sides[1], sides[1]) == []
