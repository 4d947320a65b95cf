"""The module in Rust of docs/how-to/native.md, compiled by cargo."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import building
import pytest
from pages import block, replaced

pytestmark = pytest.mark.soak

CRATES = Path("/usr/share/cargo/registry")  # where Debian's librust-pyo3-dev is
MANIFEST = """
[package]
name = "shop"
version = "0.1.0"
edition = "2021"

[lib]
crate-type = ["cdylib"]

[dependencies]
pyo3 = { version = "*", features = ["extension-module"] }
"""
CONFIG = f"""
[source.crates-io]
replace-with = "debian"
[source.debian]
directory = "{CRATES}"
"""
# Before PyO3 0.21, a module is passed in another way.
NOW, BEFORE = "m: &Bound<'_, PyModule>", "_: Python<'_>, m: &PyModule"


def test_a_module_in_rust_raises_its_event(compiled, child_of, tmp_path):
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("cargo is not installed")
    found = [path.name for path in CRATES.glob("pyo3-[0-9]*")]
    if not found:
        pytest.skip("librust-pyo3-dev is not installed")
    audit, library = block("native", "rust"), block("native", "rust", 1)
    (minor,) = re.findall(r"pyo3-0\.(\d+)", found[0])
    if int(minor) < 21:
        library = replaced(library, {NOW: BEFORE})
    for name, text in {
        "Cargo.toml": MANIFEST,
        ".cargo/config.toml": CONFIG,
        "src/audit.rs": audit,
        "src/lib.rs": library,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [cargo, "build", "--offline", "--quiet"],
        cwd=tmp_path,
        env={**os.environ, "PYO3_PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    if "newer than" in done.stderr:
        pytest.skip("this PyO3 is older than this Python")
    assert done.returncode == 0, done.stderr
    built = tmp_path / "target" / "debug" / "libshop.so"
    built.rename(tmp_path / f"shop{building.config('EXT_SUFFIX')}")
    code = """
import audithooks, shop

print(shop.sell("no hook", 1))
with audithooks.capture("shop.*") as events:
    shop.sell("tea\\0é", 3)
print(events)

def refuse(event, args):
    raise PermissionError("closed")

with audithooks.subscribe(refuse, "shop.sell"):
    try:
        shop.sell("tea", 4)
    except PermissionError as error:
        print(error)
"""
    assert child_of("cython").run(code, cwd=tmp_path) == (
        "1\n[Record(event='shop.sell', args=('tea\\x00é', 3))]\nclosed\n"
    )
