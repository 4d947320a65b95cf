"""Clients of the C API are built by the systems that their authors use.

Those that need more than a compiler are soak tests: make soak installs what they need.
"""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import building
import pytest
from features import FREE_THREADED, PROCESSES, needs

import audithooks

PACKAGE = Path(audithooks.get_include())
DOCS = Path(__file__).parents[2] / "docs"

pytestmark = needs(PROCESSES, "this system has no processes")


def told(option):
    """Return what the command line says of where something is."""
    return building.run(sys.executable, "-m", "audithooks", option).removesuffix("\n")


def environment():
    """Return one where the programs of this environment are found, and the package."""
    return {
        **os.environ,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "PKG_CONFIG_PATH": told("--pkgconfigdir"),
        "PYTHONPATH": str(PACKAGE.parent),
        "AUDITHOOKS_PURE_PYTHON": "0",
    }


@pytest.fixture
def project(compiled, tmp_path):
    """A folder with a client, limited.c, to be built there."""
    if building.missing():
        pytest.skip(building.missing())
    source = (building.CLIENTS / "limited.c").read_text(encoding="utf-8")
    if FREE_THREADED:
        source = source.replace("#define Py_LIMITED_API 0x03090000\n", "")
    (tmp_path / "limited.c").write_text(source, encoding="utf-8")
    return tmp_path


def check(folder):
    """Import the client from a folder, and call it."""
    code = "import limited; print(limited.connect() > 1, limited.__file__)"
    environ = {**environment(), "PYTHONPATH": f"{folder}{os.pathsep}{PACKAGE.parent}"}
    printed = building.run(sys.executable, "-c", code, env=environ, cwd=folder)
    assert printed.startswith(f"True {folder}")


def install(project):
    """Install a project from its folder into the folder built of it, as pip does."""
    options = ("--no-build-isolation", "--no-deps", "--no-index", "--target", "built")
    pip = (sys.executable, "-m", "pip", "install", "-q", *options, ".")
    environ = environment()
    # The sources may have other entry points beside them.
    del environ["PYTHONPATH"], environ["PKG_CONFIG_PATH"]
    building.run(*pip, cwd=project, env=environ)


def need(*programs, modules=()):
    for program in programs:
        if not shutil.which(program, path=environment()["PATH"]):
            pytest.skip(f"{program} is not installed")
    for module in modules:
        if not find_spec(module):
            pytest.skip(f"the package {module} is not installed")


# What it is told.


def test_the_command_line_says_where_the_header_is(tmp_path):
    assert told("--cflags") == f"-I{PACKAGE}"
    assert Path(told("--cmakedir"), "audithooks-config.cmake").is_file()
    assert Path(told("--pkgconfigdir"), "audithooks.pc").is_file()


def test_several_answers_are_lines_in_the_order_of_the_questions():
    command = [sys.executable, "-m", "audithooks", "--cmakedir", "--cflags"]
    assert building.run(*command) == f"{told('--cmakedir')}\n{told('--cflags')}\n"


def test_flags_are_quoted_for_a_shell(tmp_path):
    folder = tmp_path / "a folder"
    shutil.copytree(
        PACKAGE,
        folder / "audithooks",
        ignore=shutil.ignore_patterns("*.so", "*.pyd", "*.c", "__pycache__"),
    )
    environ = {**os.environ, "PYTHONPATH": str(folder), "AUDITHOOKS_PURE_PYTHON": "1"}
    printed = building.run(
        sys.executable, "-m", "audithooks", "--cflags", env=environ, cwd=tmp_path
    )
    assert printed == f"'-I{folder}/audithooks'\n"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pkgconfig/audithooks.pc", "\nVersion: {}\n"),
        (
            "cmake/audithooks/audithooks-config-version.cmake",
            'set(PACKAGE_VERSION "{}")\n',
        ),
    ],
)
def test_the_files_for_build_systems_have_the_version(file, text):
    found = (PACKAGE / "share" / file).read_text(encoding="utf-8")
    assert text.format(audithooks.__version__) in found


# What they build.


def test_the_flags_of_the_command_line_build_a_client(project):
    target = project / f"limited{building.config('EXT_SUFFIX')}"
    compiler = f"{building.config('CC')} -shared -fPIC"
    include = building.sysconfig.get_path("include")
    command = (
        f"{compiler} -I{include} $({sys.executable} -m audithooks --cflags) "
        f"-o {target} limited.c"
    )
    building.run("sh", "-c", command, cwd=project)
    check(project)


def test_pkg_config_builds_a_client(project):
    need("pkg-config")
    target = project / f"limited{building.config('EXT_SUFFIX')}"
    include = building.sysconfig.get_path("include")
    command = (
        f"{building.config('CC')} -shared -fPIC -I{include} "
        f"$(pkg-config --cflags audithooks) -o {target} limited.c"
    )
    building.run("sh", "-c", command, cwd=project, env=environment())
    check(project)
    version = ("pkg-config", "--modversion", "audithooks")
    printed = building.run(*version, env=environment())
    assert printed == f"{audithooks.__version__}\n"


CMAKE = """
cmake_minimum_required(VERSION 3.18...4.0)
project(client LANGUAGES C)
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
find_package(audithooks {version} CONFIG REQUIRED)
Python_add_library(limited MODULE limited.c WITH_SOABI)
target_link_libraries(limited PRIVATE audithooks::audithooks)
install(TARGETS limited DESTINATION .)
"""


def configure(project, version):
    (project / "CMakeLists.txt").write_text(CMAKE.format(version=version))
    return subprocess.run(
        [
            *("cmake", "-S", ".", "-B", "built"),
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-Daudithooks_DIR={told('--cmakedir')}",
        ],
        cwd=project,
        env=environment(),
        capture_output=True,
        text=True,
    )


@pytest.mark.soak
def test_cmake_builds_a_client(project):
    need("cmake")
    done = configure(project, audithooks.__version__)
    assert done.returncode == 0, done.stdout + done.stderr
    building.run("cmake", "--build", "built", cwd=project, env=environment())
    check(project / "built")


@pytest.mark.soak
def test_cmake_refuses_a_version_that_is_not_there(project):
    need("cmake")
    done = configure(project, "1999.1")
    assert done.returncode != 0
    assert 'requested version "1999.1"' in done.stderr


@pytest.mark.parametrize(
    ("version", "end", "found"),
    [
        ("{}", None, True),
        ("0.0.1", None, True),
        ("1999.1", None, False),
        ("0.0.1", ("INCLUDE", "{}"), True),
        ("0.0.1", ("EXCLUDE", "{}"), False),
        ("0.0.1", ("INCLUDE", "0.0.2"), False),
        ("0.0.1", ("EXCLUDE", "1999.1"), True),
    ],
)
def test_cmake_asks_for_a_version_or_a_range(tmp_path, version, end, found):
    need("cmake")
    file = Path(told("--cmakedir"), "audithooks-config-version.cmake")
    lines = [f"set(PACKAGE_FIND_VERSION {version})"]
    if end is not None:  # which find_package() sets for 0.1...<0.2
        lines += [f"set(PACKAGE_FIND_VERSION_RANGE_MAX {end[0]})"]
        lines += [f"set(PACKAGE_FIND_VERSION_MAX {end[1]})"]
    lines += [f'include("{file}")', 'message("is ${PACKAGE_VERSION_COMPATIBLE}")']
    script = tmp_path / "ask.cmake"
    script.write_text("\n".join(lines).replace("{}", audithooks.__version__))
    done = subprocess.run(["cmake", "-P", script], capture_output=True, text=True)
    assert done.stderr == f"is {str(found).upper()}\n"


MESON = """
project('client', 'c')
py = import('python').find_installation(pure: false)
audithooks = dependency('audithooks', version: '>={version}')
py.extension_module('limited', 'limited.c', dependencies: [py.dependency(), audithooks])
"""


@pytest.mark.soak
def test_meson_builds_a_client(project):
    need("meson", "ninja", "pkg-config")
    file = project / "meson.build"
    file.write_text(MESON.format(version=audithooks.__version__))
    native = project / "native.ini"
    native.write_text(f"[binaries]\npython = '{sys.executable}'\n")
    options = ("setup", "built", "--native-file", str(native))
    building.run("meson", *options, cwd=project, env=environment())
    building.run("meson", "compile", "-C", "built", cwd=project, env=environment())
    check(project / "built")


@pytest.mark.soak
def test_meson_python_builds_a_client(project):
    """It has no PKG_CONFIG_PATH: the page says what stands in place of it."""
    need("ninja", modules=["mesonpy"])
    page = (DOCS / "reference" / "c-api.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"^\| meson-python \| `([^`]+)`", page, re.MULTILINE)
    client = MESON.replace("dependency('audithooks', version: '>={version}')", found)
    client = client.replace("audithooks])", "audithooks], install: true)")
    (project / "meson.build").write_text(client)
    (project / "pyproject.toml").write_text(
        SCIKIT.replace("scikit-build-core", "meson-python").replace(
            "scikit_build_core.build", "mesonpy"
        )
    )
    install(project)
    check(project / "built")


SCIKIT = """
[build-system]
requires = ["scikit-build-core", "audithooks"]
build-backend = "scikit_build_core.build"
[project]
name = "client"
version = "1"
"""


@pytest.mark.soak
def test_scikit_build_core_builds_a_client(project):
    """It finds the package by itself, by the entry point that says where."""
    need("cmake", modules=["scikit_build_core"])
    (project / "CMakeLists.txt").write_text(CMAKE.format(version=""))
    (project / "pyproject.toml").write_text(SCIKIT)
    install(project)
    check(project / "built")


def test_the_example_of_setuptools_builds_a_client(project):
    need(modules=["setuptools", "pip"])
    page = (DOCS / "how-to" / "native.md").read_text(encoding="utf-8")
    section = page.partition("\n## Build it with setuptools\n")[2]
    toml, setup = re.findall(
        r"^```(?:toml|.*\n:caption: setup.py)\n(.*?)^```$",
        section,
        re.DOTALL | re.MULTILINE,
    )
    for name, text in {"pyproject.toml": toml, "setup.py": setup}.items():
        (project / name).write_text(text.replace("shop", "limited"), encoding="utf-8")
    install(project)
    check(project / "built")


# Bindings for other languages know nothing but the capsule.


@pytest.fixture(scope="module")
def capsule(compiled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("capsule")
    return building.extension(building.CLIENTS / "capsule.c", folder)


def test_the_capsule_is_enough(capsule):
    assert building.load(capsule).run() == (8, 0, 1, 0)


def test_the_capsule_of_pure_python_is_an_import_error(capsule, child_of):
    done = child_of("python").start(
        "-c", "import capsule; capsule.run()", environ={"PYTHONPATH": capsule.parent}
    )
    assert done.stderr.splitlines()[-1] == (
        "ImportError: audithooks runs in pure Python, without a C API: "
        "AUDITHOOKS_PURE_PYTHON asks for it"
    )


def test_pure_python_has_no_capsule_among_its_names(child_of):
    code = "import audithooks\nprint('_C_API' in dir(audithooks))"
    assert child_of("python").run(code) == "False\n"
