"""The verified open hook. It stays in the process, so each test has a child process."""

from importlib.util import find_spec

import pytest
from features import needs

VERIFY = """
import hashlib, io, sys
import audithooks

def verify(path):
    with open(path, "rb") as file:
        code = file.read()
    if path.startswith(sys.argv[1]) and hashlib.sha256(code).hexdigest() != sys.argv[2]:
        raise PermissionError(f"not in the list: {path}")
    return io.BytesIO(code)

audithooks.set_open_code_hook(verify)
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import trusted
print(trusted.VALUE)
try:
    import doubtful
except PermissionError as error:
    print("refused", error)
try:
    io.open_code(sys.argv[1] + "/doubtful.py")
except PermissionError as error:
    print("refused", error)
print(io.open_code(sys.argv[1] + "/trusted.py").read())
"""


@pytest.fixture
def compiled_child(compiled, child_of):
    return child_of("cython")


def test_a_source_is_imported_if_its_hash_is_in_the_list(compiled_child, tmp_path):
    from hashlib import sha256

    (tmp_path / "trusted.py").write_bytes(b"VALUE = 1\n")
    (tmp_path / "doubtful.py").write_bytes(b"VALUE = 2\n")
    digest = sha256(b"VALUE = 1\n").hexdigest()
    refused = f"refused not in the list: {tmp_path}/doubtful.py\n"
    printed = compiled_child.run(VERIFY, str(tmp_path), digest)
    assert printed == f"1\n{refused}{refused}b'VALUE = 1\\n'\n"


def test_runpy_and_archives_go_through_it(compiled_child, tmp_path):
    from zipfile import ZipFile

    (tmp_path / "script.py").write_text("print('script')", encoding="utf-8")
    with ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("packed.py", "print('packed')")
    printed = compiled_child.run(
        """
import audithooks, os, runpy, sys
audithooks.set_open_code_hook(
    lambda path: [print(os.path.basename(path)), open(path, "rb")][1]
)
runpy.run_path(sys.argv[1] + "/script.py")
sys.path.insert(0, sys.argv[1] + "/archive.zip")
import packed
""",
        str(tmp_path),
    )
    lines = printed.splitlines()
    assert lines.index("script.py") < lines.index("script")
    assert lines.index("archive.zip") < lines.index("packed")


def test_it_can_be_set_once(compiled_child):
    printed = compiled_child.run(
        """
import audithooks
audithooks.set_open_code_hook(lambda path: open(path, "rb"))
try:
    audithooks.set_open_code_hook(lambda path: None)
except RuntimeError as error:
    print(type(error).__name__, error, "|", repr(error.__cause__))
import this
"""
    )
    assert printed.startswith(
        "RuntimeError the open code hook cannot be set: failed to change existing "
        "open_code hook | SystemError("
    )
    assert "Zen" in printed


def test_it_is_announced_and_may_be_refused(compiled_child):
    printed = compiled_child.run(
        """
import audithooks, sys
def veto(event, args):
    if event == "setopencodehook":
        print(event, args)
        raise answers.pop()
answers = [SystemError("system"), ValueError("value"), RuntimeError("runtime")]
sys.addaudithook(veto)
for _ in range(3):
    try:
        audithooks.set_open_code_hook(lambda path: None)
    except BaseException as error:
        print(repr(error), "from", repr(error.__cause__))
import this
"""
    )
    assert printed.startswith(
        """\
setopencodehook ()
HookRejected('a hook refused the open code hook: runtime') from RuntimeError('runtime')
setopencodehook ()
ValueError('value') from None
setopencodehook ()
SystemError('system') from None
"""
    )
    assert "Zen" in printed


def test_it_is_given_an_exact_path(compiled_child):
    printed = compiled_child.run(
        """
import audithooks, io
class Path(str):
    def __eq__(self, other):
        return True
def hook(path):
    print(type(path).__name__, path == "/trusted")
    raise PermissionError
audithooks.set_open_code_hook(hook)
try:
    io.open_code(Path("/other"))
except PermissionError:
    pass
"""
    )
    assert printed == "str False\n"


@pytest.mark.parametrize("result", ["None", "path", "b''"])
def test_a_hook_that_returns_no_file_is_an_error(compiled_child, result):
    printed = compiled_child.run(
        f"""
import audithooks
audithooks.set_open_code_hook(lambda path: {result})
try:
    import this
except TypeError as error:
    print(error)
"""
    )
    kind = {"None": "NoneType", "path": "str", "b''": "bytes"}[result]
    assert printed == f"an open code hook must return a binary file, not {kind}\n"


def test_the_process_ends_cleanly_with_it(compiled_child):
    printed = compiled_child.run(
        """
import atexit, audithooks
class Late:
    def __del__(self):
        import this
audithooks.set_open_code_hook(lambda path: open(path, "rb"))
late = Late()
late.itself = late
atexit.register(__import__, "antigravity" and "keyword")
print("end")
"""
    )
    assert printed.startswith("end\n")


def test_a_hook_must_be_callable(impl):
    with pytest.raises(TypeError, match="hook must be callable, not int"):
        impl.open_code_module.set_open_code_hook(7)


def test_pure_python_cannot_have_it(child_of):
    done = child_of("python").start(
        "-c", "import audithooks; audithooks.set_open_code_hook(open)"
    )
    assert done.stderr.splitlines()[-1] == (
        "NotImplementedError: the open code hook needs the compiled implementation"
    )


@needs(find_spec("_interpreters") or find_spec("_xxsubinterpreters"), "no interpreters")
def test_another_interpreter_is_refused(compiled_child):
    printed = compiled_child.run("""
import io, os
try:
    import _interpreters as interpreters
    other = interpreters.create("legacy")
except ImportError:  # before 3.13
    import _xxsubinterpreters as interpreters
    other = interpreters.create(isolated=False)
import audithooks
audithooks.set_open_code_hook(lambda path: io.BytesIO(b"code"))
print(io.open_code(os.devnull).read(), flush=True)
interpreters.run_string(other, '''
import io, os
try:
    print(io.open_code(os.devnull))
except PermissionError:
    print("refused", flush=True)
''')
interpreters.destroy(other)
""")
    assert printed == "b'code'\nrefused\n"
