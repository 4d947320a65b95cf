"""The handlers of docs/how-to/logging.md, with the daemons of syslog and systemd."""

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest
from features import needs, raises
from pages import block, replaced

pytestmark = needs(
    raises("os.system", "os.system('')"), "os.system() raises no event here"
)

RAISE = """
import os, sys
os.system("true")
sys.audit("shop.sell", "tea", 3)
"""


def found(name, folders="/usr/sbin:/lib/systemd"):
    """Return the path of a daemon, or skip the test."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:{folders}")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def wait_for(condition, process):
    deadline = time.monotonic() + 20
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_rsyslog_writes_a_file_of_its_own(child_of, tmp_path):
    log, device = tmp_path / "shop.log", tmp_path / "device"
    rule = replaced(block("logging", "{code-block} none"), {"/var/log/shop.log": log})
    config = tmp_path / "rsyslog.conf"
    config.write_text(
        f"""
global(workDirectory="{tmp_path}")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{device}")
{rule}
*.* action(type="omfile" file="{tmp_path}/rest")
"""
    )
    command = [found("rsyslogd"), "-n", "-f", config, "-i", tmp_path / "pid"]
    daemon = subprocess.Popen(command)
    try:
        wait_for(device.exists, daemon)
        code = replaced(block("logging", "{code-block} python"), {"/dev/log": device})
        child_of(None).run(code + RAISE)
        wait_for(lambda: log.exists() and log.read_text().count("\n") == 2, daemon)
    finally:
        daemon.terminate()
        daemon.wait()
    shown = block("logging", "{code-block} none", 1).split()
    first, second = log.read_text().splitlines()
    assert first.split()[2:] == shown[2:]
    assert second.endswith("shop: shop.sell('tea', 3)")
    rest = tmp_path / "rest"
    assert not rest.exists() or "shop" not in rest.read_text()


# The journal is always that of the whole system. So this one runs where /run and /dev
# are others: journald, then the program, then what reads the journal.
JOURNAL = """
set -e
mount -t tmpfs none /run
mkdir -p /run/dev /run/log/journal /run/systemd/journald.conf.d
printf '[Journal]\\nReadKMsg=no\\n' > /run/systemd/journald.conf.d/test.conf
mount --rbind /dev /run/dev
mount -t tmpfs none /dev
ln -s /run/dev/* /dev/
ln -sfn /run/systemd/journal/dev-log /dev/log
"$JOURNALD" &
trap 'kill $!; wait $!' EXIT
for attempt in $(seq 200); do
    [ -S /run/systemd/journal/stdout ] && break
    sleep 0.02
done
$LAUNCHER "$PYTHON" -c "$CODE"
for attempt in $(seq 200); do
    journalctl --quiet --output json "$SELECTION" > "$OUTPUT"
    [ "$(wc -l < "$OUTPUT")" -ge "$COUNT" ] && break
    sleep 0.02
done
"""


@pytest.fixture
def journal(child_of, tmp_path):
    """Run a program beside a journald of its own, and return so many entries."""
    environ = {
        **child_of(None).environ,
        "JOURNALD": found("systemd-journald"),
        "PYTHON": sys.executable,
        "OUTPUT": str(tmp_path / "entries"),
    }
    alone = [found("unshare"), "--mount"]
    if subprocess.run([*alone, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("unshare --mount is not allowed here")

    def run(code, selection, count, launcher=""):
        environ.update(CODE=code + RAISE, SELECTION=selection, LAUNCHER=launcher)
        environ["COUNT"] = str(count)
        done = subprocess.run(
            [*alone, "bash", "-c", JOURNAL],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        lines = (tmp_path / "entries").read_text().splitlines()
        return [json.loads(line) for line in lines]

    return run


def test_the_journal_has_what_is_written_to_dev_log(journal):
    code = block("logging", "{code-block} python")
    entries = journal(code, "SYSLOG_IDENTIFIER=shop", 2)
    assert [entry["MESSAGE"] for entry in entries] == [
        "os.system(command=b'true')",
        "shop.sell('tea', 3)",
    ]


def test_the_journal_has_json_lines_of_standard_output(journal):
    code = block("logging", "{code-block} python", 1)
    launcher = "systemd-cat --identifier=shop"
    entries = journal(code, "SYSLOG_IDENTIFIER=shop", 2, launcher)
    records = [json.loads(entry["MESSAGE"]) for entry in entries]
    assert [record["event"] for record in records] == ["os.system", "shop.sell"]


@pytest.mark.soak
def test_the_journal_is_asked_by_the_fields_of_an_event(journal):
    if find_spec("cysystemd") is None:
        pytest.skip("cysystemd is not installed")
    code = block("logging", "{code-block} python", 2)
    (selection,) = (
        word
        for word in block("logging", "sh", 1).split()
        if word.startswith("AUDIT_EVENT=")
    )
    (entry,) = journal(code, selection, 1)
    assert entry["MESSAGE"] == "os.system(command=b'true')"
    assert entry["AUDIT_COMMAND"] == "b'true'"
    assert entry["SYSLOG_IDENTIFIER"] == "shop"
