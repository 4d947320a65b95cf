"""Reports of real programs in a real Chromium: clicked, searched, zoomed, printed.

The console has to stay empty, and the page may ask for nothing but itself.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from features import FORK, needs
from traces import Writing

pytest.importorskip("selenium", reason="selenium is not installed")

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.soak,
    needs(CHROMIUM, "there is no chromium"),
    needs(DRIVER, "there is no chromedriver"),
    needs(FORK, "the programs need processes that fork"),
]

POOL = """\
import multiprocessing

def work(number):
    with open(f"part-{number}.txt", "w") as file:
        file.write("done")

if __name__ == "__main__":
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            pool.map(work, range(4))
"""

SERVER = """\
import threading
import urllib.request
from flask import Flask
from werkzeug.serving import make_server

app = Flask(__name__)

@app.route("/")
def home():
    with open("visits.txt", "a") as file:
        file.write("one")
    return "hello"

server = make_server("127.0.0.1", 0, app)
threading.Thread(target=server.serve_forever).start()
port = server.server_port
print(urllib.request.urlopen(f"http://127.0.0.1:{port}/").read().decode())
server.shutdown()
"""

TESTS = """\
def test_that_writes(tmp_path):
    (tmp_path / "written-by-a-test.txt").write_text("x")
"""


def pip(folder):
    with zipfile.ZipFile(folder / "tea-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tea.py", "leaves = 3\n")
        about = "tea-1.dist-info"
        wheel.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: tea\nVersion: 1\n"
        )
        wheel.writestr(
            f"{about}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\n"
            "Tag: py3-none-any\n",
        )
        wheel.writestr(f"{about}/RECORD", "")
    options = [
        "--no-index",
        "--no-deps",
        "--disable-pip-version-check",
        "--target",
        "to",
    ]
    return ["-m", "pip", "install", *options, "tea-1-py3-none-any.whl"]


def pytest_of_a_file(folder):
    (folder / "test_one.py").write_text(TESTS)
    return ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py"]


def flask(folder):
    pytest.importorskip("flask", reason="flask is not installed")
    (folder / "server.py").write_text(SERVER)
    return ["server.py"]


def pool(folder):
    (folder / "pool.py").write_text(POOL)
    return ["pool.py"]


# What is run, what its title begins with, and a file that it writes.
PROGRAMS = {
    "pip": (pip, "-m pip install", "tea.py"),
    "pytest": (pytest_of_a_file, "-m pytest", "written-by-a-test.txt"),
    "flask": (flask, "server.py", "visits.txt"),
    "pool": (pool, "pool.py", "part-3.txt"),
}


def audithooks(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "audithooks", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Return the path of the report about a program, which is traced once."""
    made = {}

    def report(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            words = PROGRAMS[name][0](folder)
            trace = ["-f", "--json", "--stack", "40", "-o", "trace.jsonl"]
            audithooks(folder, *trace, *words)
            audithooks(folder, "report", "trace.jsonl", "-o", "report.html")
            made[name] = folder / "report.html"
        return made[name]

    return report


@pytest.fixture(scope="module")
def driver():
    """A Chromium without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.add_argument("--headless=new")
    options.add_argument("--disable-dev-shm-usage")
    if hasattr(os, "getuid") and os.getuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability(
        "goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"}
    )
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_window_size(1280, 900)
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver):
    """A page is opened with open(); at the end nothing was said, nothing asked for."""
    driver.get("about:blank")
    driver.get_log("browser")
    driver.get_log("performance")
    driver.open = lambda path: driver.get(path.as_uri())
    yield driver
    assert driver.get_log("browser") == []
    asked = {
        message["params"]["request"]["url"].partition("#")[0]
        for message in (
            json.loads(entry["message"])["message"]
            for entry in driver.get_log("performance")
        )
        if message["method"] == "Network.requestWillBeSent"
    }
    assert len(asked) == 1
    assert asked.pop().startswith("file://")


def found(browser, choice):
    return browser.find_elements(By.CSS_SELECTOR, choice)


def one(browser, choice):
    return browser.find_element(By.CSS_SELECTOR, choice)


def seen(browser, choice):
    return [element for element in found(browser, choice) if element.is_displayed()]


def wait(browser, condition):
    return WebDriverWait(browser, 20).until(lambda _: condition())


def search(browser, words):
    box = one(browser, "#find")
    box.clear()
    before = one(browser, "#found").text
    box.send_keys(words)
    wait(browser, lambda: one(browser, "#found").text not in ("", before))
    return one(browser, "#found").text


def window(browser):
    """Return the part of the time that is shown, in seconds."""
    times = one(browser, "#window").text.replace(",", "").split(" to ")
    return [float(time.split()[0]) for time in times]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_report_is_opened_clicked_searched_and_zoomed(browser, reports, name):
    _, title, written = PROGRAMS[name]
    browser.open(reports(name))
    assert one(browser, "h1").text.startswith(title)

    # A folder is opened by a click, and by the keyboard.
    folder = next(f for f in seen(browser, "#files ~ .tree details:not([open])"))
    folder.find_element(By.TAG_NAME, "summary").click()
    assert folder.get_property("open") is True
    folder.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    assert folder.get_property("open") is False

    # The search finds the file that was written, wherever it is, and hides the others.
    said = search(browser, written)
    assert said[0] != "0"
    hits = seen(browser, "#files ~ .tree li.hit > .line")
    assert any(written in hit.text and "written" in hit.text for hit in hits)
    assert all(written in hit.text for hit in seen(browser, "tr.hit"))
    for group in seen(browser, "section:not([aria-labelledby=when]), .listing"):
        assert group.find_elements(By.CSS_SELECTOR, ".hit")
    assert "written" in " ".join(hit.text for hit in hits)
    one(browser, "#find").send_keys(Keys.ESCAPE)
    assert one(browser, "#found").text == ""
    assert found(browser, "main [hidden], main .hit") == []

    # The timeline is zoomed by buttons, keys and by dragging.
    everything = one(browser, "#window").text
    length = window(browser)[1]
    count = one(browser, "#shown").text
    assert everything.startswith("0.000 s to ")
    one(browser, "[data-do=in]").click()
    closer = one(browser, "#window").text
    assert closer != everything
    assert one(browser, "#shown").text != count
    assert seen(browser, "#view tr")
    one(browser, "[data-do=left]").click()
    assert window(browser)[0] == 0
    lanes = one(browser, ".lanes")
    lanes.send_keys("0")
    assert one(browser, "#window").text == everything
    lanes.send_keys("+", Keys.ARROW_RIGHT)
    assert one(browser, "#window").text not in (everything, closer)
    lanes.send_keys("0")
    picture = one(browser, ".lane svg")
    ActionChains(browser).move_to_element_with_offset(
        picture, -100, 0
    ).click_and_hold().move_by_offset(150, 0).release().perform()
    start, end = window(browser)
    part = (end - start) / length
    assert part == pytest.approx(150 / picture.size["width"], rel=0.05)
    one(browser, "[data-do=all]").click()
    assert one(browser, "#window").text == everything


def test_a_pool_is_a_tree_of_processes(browser, reports):
    browser.open(reports("pool"))
    assert len(found(browser, "#processes ~ .tree > li")) == 1
    children = found(browser, "#processes ~ .tree > li > details > ul > li")
    assert len(children) >= 4
    assert any("multiprocessing.spawn" in child.text for child in children)
    assert any("as a fork has" in child.text for child in children)


def test_a_server_has_hosts_and_own_code(browser, reports):
    browser.open(reports("flask"))
    hosts = one(browser, "section[aria-labelledby=hosts] tbody").text
    assert "127.0.0.1" in hosts
    own = one(browser, ".listing:has(#by-own-code) tbody").text
    assert "home" in own
    assert "werkzeug/serving.py" in one(browser, ".listing:has(#by-library) tbody").text


def test_the_timeline_is_searched(browser, reports):
    browser.open(reports("pool"))
    said = search(browser, "part-3.txt write")
    assert " events of the timeline" in said
    rows = wait(browser, lambda: seen(browser, "#view tr"))
    assert rows
    assert all("write" in row.text and "part-3.txt" in row.text for row in rows)


def test_a_key_leads_to_the_search(browser, reports):
    browser.open(reports("pip"))
    one(browser, "body").send_keys("/")
    assert browser.switch_to.active_element.get_attribute("id") == "find"
    assert one(browser, "#find").get_attribute("value") == ""


def test_the_first_key_leads_past_the_navigation(browser, reports):
    browser.open(reports("pip"))
    ActionChains(browser).send_keys(Keys.TAB).perform()
    link = browser.switch_to.active_element
    assert link.text == "Skip to the report"
    link.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "report"


def test_it_reads_without_scripts(browser, reports):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.open(reports("pool"))
        shown = one(browser, "body").text
        for words in ("pool.py", "What was refused", "Without scripts the timeline"):
            assert words in shown
        assert seen(browser, ".search, .tools, .legend, .view") == []
        assert len(seen(browser, ".lane path")) == len(found(browser, ".lane"))
        folder = next(f for f in seen(browser, "#files ~ .tree details:not([open])"))
        folder.find_element(By.TAG_NAME, "summary").click()
        assert folder.get_property("open") is True
    finally:
        browser.execute_cdp_cmd(
            "Emulation.setScriptExecutionDisabled", {"value": False}
        )


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(browser, reports, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1}
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {**metrics, "mobile": width < 500}
    )
    try:
        browser.open(reports("flask"))
        for details in found(browser, "details.more"):
            browser.execute_script("arguments[0].open = true", details)
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_it_prints_without_what_is_for_the_screen(browser, reports):
    browser.open(reports("pip"))
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert seen(browser, "nav, .search, .tools, footer, .skip") == []
        assert seen(browser, "h1, #files, .lane, table")
        printed = browser.execute_cdp_cmd("Page.printToPDF", {})["data"]
        assert base64.b64decode(printed).startswith(b"%PDF-")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_a_screen_reader_finds_regions_and_names(browser, reports):
    browser.open(reports("pool"))
    browser.execute_cdp_cmd("Accessibility.enable", {})
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    browser.execute_cdp_cmd("Accessibility.disable", {})
    named = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node.get("ignored")
    }
    roles = {role for role, _ in named}
    assert {"banner", "navigation", "search", "main", "contentinfo", "table"} <= roles
    assert {("searchbox", "Search"), ("navigation", "Sections")} <= named
    assert {("region", "What ran"), ("region", "What it touched")} <= named
    assert {("button", "Zoom in"), ("group", "Timeline")} <= named
    for role in ("button", "searchbox", "link", "heading", "region"):
        assert (role, "") not in named


HOSTILE = "<img src=x onerror='window.hit = 1'></script><script>window.hit = 1</script>"


def test_a_hostile_trace_runs_nothing(browser, tmp_path):
    writing = Writing(tmp_path / "trace.jsonl")
    told = dict.fromkeys(("command", "folder", "python", "stdlib"), HOSTILE)
    for event, args in (
        ("open", {"path": HOSTILE, "mode": "w", "flags": 1}),
        ("import", {"module": HOSTILE}),
        ("socket.connect", {"address": [HOSTILE, HOSTILE]}),
        ("subprocess.Popen", {"executable": HOSTILE, "args": [HOSTILE] * 2}),
        (HOSTILE, {HOSTILE: HOSTILE}),
    ):
        writing.event(event, args, process=told, stack=[(HOSTILE, 1, HOSTILE)])
    audithooks(tmp_path, "report", "trace.jsonl")
    browser.open(tmp_path / "report.html")
    search(browser, "window.hit")
    one(browser, "[data-do=in]").click()
    assert browser.execute_script("return window.hit") is None
    assert found(browser, "img") == []
    assert HOSTILE in one(browser, "h1").text + one(browser, "body").text


def test_the_policy_of_the_page_refuses_what_is_not_of_it(driver, reports):
    """This fills the console."""
    driver.get(reports("pool").as_uri())
    code = """
        const done = arguments[arguments.length - 1];
        const tried = {};
        try { document.body.innerHTML = "<b>x</b>"; } catch (e) { tried.html = e.name; }
        document.body.style.setProperty("color", "red");
        const style = document.createElement("style");
        style.textContent = "h1 { display: none }";
        document.head.append(style);
        tried.style = getComputedStyle(document.querySelector("h1")).display;
        const image = new Image();
        image.onerror = () => { tried.image = "refused"; };
        image.src = "https://audithooks.invalid/x.png";
        fetch("https://audithooks.invalid/").catch((e) => { tried.fetch = e.name; });
        document.addEventListener("securitypolicyviolation", () => {});
        setTimeout(() => done(tried), 500);
    """
    assert driver.execute_async_script(code) == {
        "html": "TypeError",
        "style": "block",
        "image": "refused",
        "fetch": "TypeError",
    }
    refused = " ".join(entry["message"] for entry in driver.get_log("browser"))
    assert refused.count("Content Security Policy") >= 3


def test_100_000_events_open_and_search_at_once(browser, tmp_path):
    with open(tmp_path / "trace.jsonl", "w") as file:
        for n in range(100_000):
            line = {
                "time": f"2026-01-01T00:00:{n // 10_000:02}.{n % 10_000:04}00Z",
                "seq": n + 1,
                "pid": 7,
                "thread": 1,
                "event": "open",
                "args": {"path": f"/srv/{n % 100}/{n}", "mode": "r", "flags": 0},
            }
            file.write(f"{json.dumps(line)}\n")
    audithooks(tmp_path, "report", "trace.jsonl")
    assert (tmp_path / "report.html").stat().st_size < 2_000_000
    browser.open(tmp_path / "report.html")
    assert "100,000" in one(browser, ".facts").text
    assert search(browser, "/srv/42/").endswith("of the timeline")
    took = browser.execute_script(
        "const start = performance.now();"
        "document.querySelector('[data-do=in]').click();"
        "return performance.now() - start"
    )
    assert took < 1000
