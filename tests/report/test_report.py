"""What a report says of a trace: as a page, and as text."""

import base64
import hashlib
import html.parser
import json
import re

import pytest
from traces import PROCESS

from audithooks.reading.trace import Trace
from audithooks.report.contents import Limits, contents
from audithooks.report.files import folders
from audithooks.report.plain import text
from audithooks.report.timeline import KINDS, REFUSED, Recorder

pytest.importorskip("jinja2", reason="jinja2 is not installed")

from audithooks.report.page import MOST_BYTES, TooLong, page

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "{{ 7*7 }}{% raw %}",
    "<!--<script>",
    "]]>&lt;b&gt;&#60;i&#62;",
    "javascript:alert(1)",
    "\u202egpj.exe\u2066",
    "\x1b[31mred\x07",
    "two\nlines\r\n\u2028third",
    "nul\0\x7f\ufffe",
    "lone \udc80 \ud800",
    "x" * 100_000,
    "/" * 10_000,
    "../" * 5_000,
    "",
]


class Page(html.parser.HTMLParser):
    """A page as a browser reads it: its elements, and the text of each kind."""

    def __init__(self, made):
        super().__init__(convert_charrefs=True)
        self.tags = []  # with their attributes
        self.texts = []
        self.scripts = []
        self.open = []
        self.feed(made.decode())
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "path", "rect", "input", "link", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            self.scripts.append((self.tags[-1], data))
        else:
            self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def has(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def made(writing, most=MOST_BYTES):
    """Return the page of a trace, in bytes."""
    recorder = Recorder()
    trace = Trace.read([str(writing.path)], recorder)
    return page(trace, recorder, most)


def plain(writing, columns=80):
    return text(Trace.read([str(writing.path)]), columns)


def some(writing):
    """Write a trace that has something for each part of a report."""
    stack = [
        ("/usr/lib/python3.14/os.py", 5, "walk"),
        ("/v/site-packages/flask/app.py", 7, "run"),
        ("/srv/shop/shop.py", 3, "main"),
    ]
    writing.open("/etc/hosts", process=PROCESS, stack=stack)
    writing.open("out/new.txt", "w", 65, stack=stack[:2])
    writing.event("os.remove", {"path": "out/old.txt", "dir_fd": -1}, stack=stack[:1])
    writing.event("import", {"module": "json.decoder", "filename": None})
    writing.event(
        "exec", {"code_object": '<code object f at 0x7f, file "m.py", line 1>'}
    )
    writing.event("socket.getaddrinfo", {"host": "example.com", "port": 443})
    writing.event("socket.connect", {"self": "s", "address": ["192.0.2.1", 443]})
    args = {"executable": "/bin/git", "args": ["git", "log -p"], "cwd": None}
    writing.event("subprocess.Popen", {**args, "env": "[redacted]"})
    writing.event(
        "audithooks.not_followed", {"process": ["git"], "why": "it is no Python"}
    )
    writing.open(
        "/secret",
        action="denied",
        rule="deny-1",
        because="deny-1: open(path=/secret)",
        subject="read /secret",
    )
    child = {**PROCESS, "parent": 10, "command": "python worker.py"}
    writing.event("app.work", {"arg0": "task"}, pid=11, process=child)


# The page.


def test_a_page_says_what_was_done(writing):
    some(writing)
    found = Page(made(writing)).text
    for words in (
        "shop.py process 10",
        "1 child process",
        "python worker.py process 11",
        "hosts read",
        "new.txt written",
        "old.txt removed",
        "example.com 443",
        "192.0.2.1 443",
        "/bin/git 'log -p' 10 1",
        "git it is no Python",
        "denied read /secret deny-1 deny-1: open(path=/secret) 10 1",
        "json json.decoder 1",
        "/srv/shop/shop.py:3 main open",
        "flask/app.py:7 run open",
        "os.py:5 walk os.remove",
    ):
        assert words in found, words


def test_a_page_asks_for_nothing_from_outside(writing):
    some(writing)
    found = Page(made(writing))
    for tag, attributes in found.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "form", "base")
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "style", "srcdoc", "formaction", "action")
            assert name != "href" or value.startswith("#")
    assert "url(" not in made(writing).decode()


def test_the_policy_allows_this_style_and_this_script_alone(writing):
    some(writing)
    found = Page(made(writing))
    (policy,) = [
        meta["content"]
        for meta in found.has("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    hashes = {
        tag: f"'sha256-{base64.b64encode(hashlib.sha256(data.encode()).digest()).decode()}'"  # noqa: E501
        for (tag, attributes), data in found.scripts
        if attributes.get("type") != "application/json"
    }
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src {hashes['style']}",
        f"script-src {hashes['script']}",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]


def hostile(writing, value):
    """Write a trace that has a value everywhere."""
    told = dict.fromkeys(("command", "folder", "python", "stdlib"), value)
    for event, args in (
        ("open", {"path": value, "mode": "w", "flags": 0}),
        ("open", {"path": f"/a/{value}", "mode": value, "flags": value}),
        ("os.chdir", {"path": value}),
        ("os.remove", {"path": value, "dir_fd": value}),
        ("import", {"module": value, "filename": value}),
        ("exec", {"code_object": value}),
        (
            "exec",
            {"code_object": f'<code object {value} at 0x7f, file "{value}", line 1>'},
        ),
        ("compile", {"source": value, "filename": value}),
        ("pickle.find_class", {"module": value, "name": value}),
        ("ctypes.dlopen", {"name": value}),
        ("socket.connect", {"address": [value, value]}),
        ("socket.connect", {"address": value}),
        ("socket.getaddrinfo", {"host": value, "port": value}),
        ("subprocess.Popen", {"executable": value, "args": [value, value]}),
        ("os.system", {"command": value}),
        ("audithooks.not_followed", {"process": [value], "why": value}),
        ("audithooks.left_out", {"event": value, "count": value}),
        (value, {value: value}),
        (value, {value: {value: [value]}}),
    ):
        writing.event(event, args, process=told, stack=[(value, 1, value)])
    decision = dict.fromkeys(("rule", "because", "subject", "to_allow"), value)
    writing.event("os.mkdir", {"path": value}, action="denied", **decision)
    writing.event("os.mkdir", {"path": value}, action=value, **decision)


@pytest.fixture(scope="module")
def harmless(tmp_path_factory):
    """The elements of a page about harmless values, for each kind of element."""
    from traces import Writing

    writing = Writing(tmp_path_factory.mktemp("harmless") / "trace.jsonl")
    hostile(writing, "plain")
    return {tag for tag, _ in Page(made(writing)).tags}


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_value_is_text_on_the_page(writing, harmless, value):
    hostile(writing, value)
    encoded = made(writing)
    found = Page(encoded)
    assert {tag for tag, _ in found.tags} <= harmless
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on")]
    kinds = [
        attributes.get("type") for tag, attributes in found.tags if tag == "script"
    ]
    assert kinds == ["application/json", None]
    shown = encoded.decode()
    assert not re.search(
        "[\0-\x09\x0b-\x1f\x7f\u2028\u202a-\u202e\u2066-\u2069\ufffe]", shown
    )
    assert len(encoded) <= MOST_BYTES


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_value_breaks_no_line_of_the_text(writing, value):
    hostile(writing, value)
    shown = plain(writing)
    assert re.search("[^\n -~\xa0-\U0010ffff]", shown) is None
    assert not re.search("[\u2028\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    assert max(map(len, shown.splitlines())) <= 80


def test_a_file_named_script_can_be_read(writing):
    writing.open("/tmp/<script>alert(1)</script>")
    found = Page(made(writing)).text
    assert "<script>alert(1)< /script> read" in found.replace("</", "< /") or (
        "/tmp/<script>alert(1)</script> read" in found
    )


def test_the_data_of_the_timeline_is_json(writing):
    writing.event("app.<script>", {"arg0": "</script><script>"})
    (data,) = [
        data
        for (_, attributes), data in Page(made(writing)).scripts
        if attributes.get("type") == "application/json"
    ]
    assert json.loads(data)["texts"] == ["app.<script>", "</script><script>"]
    assert "<" not in data


def test_the_page_has_landmarks_headings_and_labels(writing):
    some(writing)
    found = Page(made(writing))
    assert found.has("html") == [{"lang": "en"}]
    tags = {tag for tag, _ in found.tags}
    assert {"header", "nav", "main", "footer", "title"} <= tags
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len({*ids})
    for tag, attributes in found.tags:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert attributes.get(name, ids[0]) in ids, (tag, attributes)
        if tag == "section":
            assert "aria-labelledby" in attributes
    for link in found.has("a"):
        assert link["href"][1:] in ids
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))


def test_every_table_has_the_names_of_its_columns(writing):
    some(writing)
    found = Page(made(writing))
    assert len(found.has("table")) == len(found.has("caption"))
    for cell in found.has("th"):
        assert cell["scope"] == "col"


def luminance(color):
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colors_have_the_contrast_of_wcag(writing):
    """4.5 to 1 for text, 3 to 1 for what is drawn."""
    some(writing)
    style = next(
        data for (tag, _), data in Page(made(writing)).scripts if tag == "style"
    )
    schemes = [
        dict(re.findall(r"--(\w+): (#\w+);", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ][:2]
    for colors in schemes:
        full = {
            name: f"#{''.join(c * 2 for c in color[1:])}" if len(color) == 4 else color
            for name, color in colors.items()
        }
        for name, least in {
            **dict.fromkeys(("ink", "soft", "link"), 4.5),
            **{f"k{number}": 3 for number in range(len(KINDS))},
        }.items():
            for behind in ("paper", "shade"):
                pair = sorted(map(luminance, (full[name], full[behind])))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= least, (name, behind)
        pair = sorted(map(luminance, (full["ink"], full["mark"])))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5


# What is left out.


def big(path, events):
    """Write a trace in which nearly everything differs."""
    kinds = [
        lambda n: (
            "open",
            {"path": f"/srv/{n % 97}/in-{n:06}.txt", "mode": "r", "flags": 0},
        ),
        lambda n: (
            "open",
            {"path": f"/srv/{n % 89}/out-{n:06}", "mode": "w", "flags": 1},
        ),
        lambda n: ("os.remove", {"path": f"/srv/{n % 89}/out-{n:06}", "dir_fd": -1}),
        lambda n: ("import", {"module": f"package{n % 5000}.module{n}"}),
        lambda n: (
            "socket.connect",
            {"address": [f"10.{n % 200}.1.{n % 251}", n % 65000]},
        ),
        lambda n: (
            "socket.getaddrinfo",
            {"host": f"host-{n}.example.com", "port": 443},
        ),
        lambda n: ("subprocess.Popen", {"executable": "git", "args": ["git", f"c{n}"]}),
        lambda n: (
            "exec",
            {"code_object": f'<code object f at 0x7, file "m{n}.py", line 1>'},
        ),
        lambda n: ("compile", {"filename": f"<generated {n}>"}),
        lambda n: (f"app.event{n}", {"arg0": "y" * 200}),
    ]
    with open(path, "w") as file:
        for n in range(events):
            event, args = kinds[n % 10](n)
            args.update(
                {"args": args["args"], "cwd": None, "env": None}
                if "args" in args
                else {}
            )
            since = f"{n // 60000:02}:{n // 1000 % 60:02}.{n % 1000:03}000"
            line = {
                "time": f"2026-01-01T00:{since}Z",
                "seq": n + 1,
                "pid": 100 + n % 60,
                "thread": 1,
                "event": event,
                "args": args,
                "stack": [
                    {"file": f"/srv/m{n % 3000}.py", "line": n % 100, "function": "f"}
                ],
            }
            if n % 60 == n:
                line["seq"] = 1
            file.write(f"{json.dumps(line)}\n")


@pytest.fixture(scope="module")
def long_trace(tmp_path_factory):
    """A trace of 100,000 events, and what its Recorder kept."""
    path = tmp_path_factory.mktemp("long") / "trace.jsonl"
    big(path, 100_000)
    recorder = Recorder()
    return Trace.read([str(path)], recorder), recorder


def test_100_000_events_are_a_page_under_2_mb_that_says_what_is_left_out(long_trace):
    trace, recorder = long_trace
    assert trace.total == 100_000
    encoded = page(trace, recorder)
    assert 200_000 < len(encoded) < 2_000_000
    found = Page(encoded).text
    assert re.search(r"[\d,]+ events of 100,000 can be seen one by one", found)
    assert re.search(r"and [\d,]+ more files, left out to keep the page short", found)
    assert re.search(r"and [\d,]+ more hosts", found)
    assert "of 20 processes with fewer events there is no row" in found


def test_the_text_of_100_000_events_is_short(long_trace):
    shown = text(long_trace[0], 80)
    assert len(shown.splitlines()) < 1000
    assert re.search(r"\.\.\. and [\d,]+ more hosts", shown)


def test_a_page_gets_as_short_as_is_asked(writing):
    big(writing.path, 1000)
    recorder = Recorder()
    trace = Trace.read([str(writing.path)], recorder)
    assert len(page(trace, recorder)) > 500_000
    for most in (400_000, 200_000):
        assert len(page(trace, recorder, most)) <= most
    with pytest.raises(TooLong, match="bytes at least"):
        page(trace, recorder, 1000)


def test_files_that_are_left_out_are_counted_in_their_folder(writing):
    for name in ("a/1", "a/2", "a/3", "b/4"):
        writing.open(f"/srv/{name}")
    writing.open("/srv/a/changed", "w", 1)
    files = Trace.read([str(writing.path)]).files()
    root = folders(files, 2, 100)
    assert (root.name, root.counts, root.left_out) == ("/srv/", "4 read, 1 written", 1)
    (folder,) = root.below
    assert [(f.name, f.counts) for f in folder.below] == [
        ("1", "read"),
        ("changed", "written"),
    ]
    assert folder.left_out == 2


@pytest.mark.parametrize("most", [0, 1, 3, 7, 100])
def test_every_file_is_shown_or_counted(writing, most):
    paths = [
        "/a",
        "/a/b",
        "/a/b/c",
        "/a/b/d",
        "/e/f/g/h",
        "/",
        "rel/x",
        "C:\\w\\x",
        "/e//f",
    ]
    for path in paths:
        writing.event("os.listdir", {"path": path})
    files = Trace.read([str(writing.path)]).files()

    def shown(folder):
        own = [folder.name] if folder.times else []
        return own + [name for below in folder.below for name in shown(below)]

    def left_out(folder):
        return folder.left_out + sum(map(left_out, folder.below))

    root = folders(files, most, 100)
    assert len(shown(root)) == min(most, len(files))
    assert len(shown(root)) + left_out(root) == len(files)
    assert root.files == {"read": len(files)}


def test_of_a_file_it_is_told_how_often(writing):
    for _ in range(3):
        writing.open("/a")
    root = folders(Trace.read([str(writing.path)]).files(), 10, 100)
    assert (root.is_file, root.name, root.counts) == (True, "/a", "read 3 times")


def test_many_processes_are_left_out_and_counted(writing):
    writing.open("/a", process=PROCESS)
    for pid in range(11, 31):
        writing.open("/a", pid=pid, process={**PROCESS, "parent": pid - 1})
    found = contents(Trace.read([str(writing.path)]), Limits(processes=5))
    assert found.processes_left_out == 16


def test_a_tree_of_any_depth_is_a_page(writing):
    writing.open("/a", pid=1, process={**PROCESS, "parent": 0})
    for pid in range(2, 900):
        writing.open("/a", pid=pid, process={**PROCESS, "parent": pid - 1})
    assert Page(made(writing)).text.count("process 899") > 0
    assert "process 899" in text(Trace.read([str(writing.path)]), 80, Limits())


# The timeline.


def recorded(writing, most):
    recorder = Recorder()
    trace = Trace.read([str(writing.path)], recorder)
    return recorder.timeline(trace, most)


def test_the_timeline_has_each_event_of_a_small_trace(writing):
    some(writing)
    found = recorded(writing, 100)
    kinds = [KINDS[moment.kind][0] for moment in found.moments]
    expected = "read changed changed code code hosts hosts started other refused other"
    assert kinds == expected.split()
    assert [moment.time for moment in found.moments] == [n * 1000 for n in range(11)]
    assert found.moments[7].text == "start /bin/git log -p"
    assert found.moments[5].text == "look up example.com port 443"
    assert sum(sum(lane.bars) for lane in found.lanes) == 11


def test_what_was_refused_is_on_the_timeline_before_all_else(writing):
    for number in range(100):
        denied = {"action": "denied"} if number == 50 else {}
        writing.event("app.work", {}, **denied)
    found = recorded(writing, 10)
    assert len(found.moments) <= 10
    assert REFUSED in [KINDS[moment.kind][0] for moment in found.moments]
    assert found.total == 100


def test_memory_does_not_grow_with_the_trace(writing, monkeypatch):
    from audithooks.report import timeline

    monkeypatch.setattr(timeline, "_MOST_KEPT", 50)
    monkeypatch.setattr(timeline, "_MOST_SPANS", 20)
    for _ in range(1000):
        writing.event("app.work", {})
    recorder = Recorder()
    trace = Trace.read([str(writing.path)], recorder)
    assert max(map(len, recorder._kept)) <= 50
    assert len(recorder._spans) <= 20
    found = recorder.timeline(trace, 100)
    assert sum(sum(lane.bars) for lane in found.lanes) == 1000
    times = [moment.time for moment in found.moments]
    assert len(times) > 20
    assert len({b - a for a, b in zip(times, times[1:])}) == 1  # at equal distances


# The text.


def test_the_text_says_what_the_page_does(writing):
    some(writing)
    shown = plain(writing)
    for words in (
        "shop.py\n=======\n",
        "  python worker.py\n      process 11, ",
        "etc/hosts  read",
        "new.txt  written",
        "old.txt  removed",
        "1  example.com  (ports: 443; looked up: 1)",
        "1  /bin/git  (arguments: 'log -p'; by process: 10)",
        "1  git  (why: it is no Python; by process: 10)",
        "1  denied  (what: read /secret; rule: deny-1; why: deny-1:",
        "1  json  (modules in it: json.decoder)",
        "1  /srv/shop/shop.py:3  (function: main; events: open ",
        "Who did it: library",
    ):
        assert words in shown, words


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_of_the_text_is_longer_than_the_terminal(writing, columns):
    some(writing)
    assert max(map(len, plain(writing, columns).splitlines())) <= columns


# What a trace lacks.


def test_it_is_said_what_the_trace_lacks(writing):
    writing.event("app.work", {})
    writing.raw("no JSON\n")
    writing.event("audithooks.left_out", {"event": "*", "count": 4})
    notes = " ".join(contents(Trace.read([str(writing.path)]), Limits()).notes)
    assert f"1 line could not be read, the first of them {writing.path}:2." in notes
    assert "has no callers" in notes
    assert "Of 1 process the trace tells neither command nor parent." in notes
    assert "The tracer left out 4 events." in notes


def test_a_trace_that_lacks_nothing_has_one_note(writing):
    stack = [("/usr/lib/python3.14/os.py", 2, "g"), ("/srv/a.py", 1, "f")]
    writing.event("app.work", {}, stack=stack, process=PROCESS)
    (note,) = contents(Trace.read([str(writing.path)]), Limits()).notes
    assert "may have failed" in note


def test_it_is_said_if_there_is_one_caller_of_each_event(writing):
    """With -k, that is often one in a library."""
    writing.event("app.work", {}, stack=[("/srv/a.py", 1, "f")], process=PROCESS)
    notes = contents(Trace.read([str(writing.path)]), Limits()).notes
    assert any("--stack 30 in place of -k" in note for note in notes)
