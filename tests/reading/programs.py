"""Real programs whose runs are compared: pip, pytest, flask, a pool of processes.

Each is a function that fills a folder and returns what Python is to run there. *added*
is code that it runs besides, such as ADDED: a host, a file and a program.
"""

import io
import os
import tarfile

ADDED = (
    "import os, socket, subprocess\n"
    "with socket.socket(type=socket.SOCK_DGRAM) as added:\n"
    "    added.connect(('192.0.2.1', 9))\n"  # which sends nothing
    "open(os.path.join(os.environ['HERE'], 'added'), 'w').close()\n"
    "subprocess.run(['true'], check=True)\n"
)


def pip(folder, added):
    """pip builds and installs a package from an index on this machine."""
    package = folder / "index" / "teashop"
    package.mkdir(parents=True)
    files = {
        "pyproject.toml": (
            '[build-system]\nrequires = ["setuptools"]\n'
            'build-backend = "setuptools.build_meta"\n'
        ),
        "setup.py": (
            f"{added}\nfrom setuptools import setup\n"
            'setup(name="teashop", version="1.0", py_modules=["teashop"])\n'
        ),
        "teashop.py": "TEA = 3\n",
    }
    with tarfile.open(package / "teashop-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"teashop-1.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    (package / "index.html").write_text(
        '<a href="teashop-1.0.tar.gz">teashop-1.0.tar.gz</a>'
    )
    options = ["--disable-pip-version-check", "--no-build-isolation", "-q"]
    index = ["--index-url", (folder / "index").as_uri()]
    if "NO_CACHE" in os.environ:
        options.append("--no-cache-dir")
    target = ["--cache-dir", "cache", "--target", "lib", "teashop"]
    return ["-m", "pip", "install", *options, *index, *target]


def pytest(folder, added):
    """pytest runs tests with fixtures that need temporary folders."""
    (folder / "shop.py").write_text(f"def price():\n    return 3\n{added}")
    (folder / "test_shop.py").write_text(
        "import shop\n"
        "def test_price(): assert shop.price() == 3\n"
        "def test_list(tmp_path): (tmp_path / 'list').write_text('tea')\n"
        "def test_out(capfd): print('tea')\n"
    )
    return ["-m", "pytest", "-q", "-p", "no:randomly"]


def flask(folder, added):
    """flask answers a request, on a port that the system chose."""
    (folder / "app.py").write_text(
        "import threading, urllib.request\n"
        "import flask\n"
        "from werkzeug.serving import make_server\n"
        "app = flask.Flask('shop')\n"
        "@app.get('/')\n"
        "def page():\n"
        f"    exec({added!r})\n"
        "    return 'tea'\n"
        "server = make_server('127.0.0.1', 0, app)\n"
        "threading.Thread(target=server.serve_forever).start()\n"
        "url = f'http://127.0.0.1:{server.server_port}/'\n"
        "try:\n"
        "    with urllib.request.urlopen(url) as answer:\n"
        "        assert answer.read() == b'tea'\n"
        "finally:\n"
        "    server.shutdown()\n"
        "    server.server_close()\n"
    )
    return ["app.py"]


def pool(folder, added):
    """A pool of processes, of which each imports the program again."""
    (folder / "work.py").write_text(
        "import multiprocessing, tempfile\n"
        "def work(number):\n"
        f"    exec({added!r}, {{}})\n"
        "    with tempfile.NamedTemporaryFile(prefix='work-') as file:\n"
        "        file.write(b'%d' % number)\n"
        "    return number\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    with context.Pool(2) as pool:\n"
        "        assert pool.map(work, range(9)) == [*range(9)]\n"
    )
    return ["work.py"]
