"""The operators' pages in a real browser, on all of it as `make up` starts it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.request import Request, urlopen

import pytest

from config.environment import ROOT, names
from healthnotify.embedded.process import free_port
from tests.e2e.barriers import barriers

pytestmark = pytest.mark.timeout(420)

#: Kept as artefacts of a run, to be looked at.
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", ROOT / "build" / "screenshots"))
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync")
QUIET += ("--disable-background-networking", "--disable-component-update")
WIDTHS = (360, 768, 1440)
PATIENCE = 90_000  # milliseconds; a machine that does other things besides is slow to start six workers


@pytest.fixture(scope="module")
def chromium():
    """Debian's browser."""
    sync_api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if not program:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("chromium is not installed; on Debian: apt-get install")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def up():
    """Everything on this machine: its address, the operator's password, a key, a port at which nobody listens yet."""
    files = Path(tempfile.mkdtemp(prefix="healthnotify-up-"))  # not below pytest's directories: PostgreSQL is not root
    files.chmod(0o755)
    web, receiver = free_port(), free_port()
    ours = {name: text for name, text in os.environ.items() if name not in names()}
    given = {"WEB_PORT": f"{web}", "HEALTH_PORT": "0", "RETRY_ATTEMPTS": "1", "WEBHOOK_ALLOW_PRIVATE": "true"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--files", str(files)],
        cwd=ROOT,
        env=ours | given | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = ""
        for line in process.stdout:
            said += line
            if "All of it is up" in line:
                break
        assert "All of it is up" in said, said
        threading.Thread(target=process.stdout.read, daemon=True).start()  # so that it never waits for a reader
        password = re.search(r"password (\S+)", said)[1]
        yield SimpleNamespace(
            url=f"http://127.0.0.1:{web}", password=password, key=re.search(r"hn_\S+", said)[0], receiver=receiver
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        shutil.rmtree(files, ignore_errors=True)


@pytest.fixture
def page(chromium, up):
    """A window whose complaints fail the test: a broken script, a refused style, a missing file."""
    context = chromium.new_context(base_url=up.url, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    window = context.new_page()
    complaints = []
    window.on("pageerror", lambda problem: complaints.append(str(problem)))
    window.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    yield window
    context.close()
    assert complaints == []


def log_in(page, up):
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", up.password)
    page.click("main button[type=submit]")


def post(up, path, body):
    """As another team's program would."""
    asked = Request(f"{up.url}/api/v1{path}", json.dumps(body).encode(), method="POST")
    asked.add_header("Authorization", f"Bearer {up.key}")
    asked.add_header("Content-Type", "application/json")
    with urlopen(asked, timeout=30) as answer:
        return json.load(answer)


def a_reader(up, name):
    """Somebody with a mailbox, and a webhook at which nobody listens yet."""
    channels = [
        {"channel": "email", "address": f"{name}@example.org"},
        {"channel": "webhook", "address": f"http://127.0.0.1:{up.receiver}/hook"},
    ]
    return post(up, "/users", {"external_id": name, "name": "Anna", "timezone": "Europe/Berlin", "channels": channels})


def a_notification(up, name, channel):
    body = {"external_id": name, "category": "nudge", "channel": channel, "template": "drink_water.nudge.en.1"}
    return post(up, "/notifications", body)["id"]


#: Of the tiles: what was completed in the last hour, and how many dead letters there are.
COUNTS = """() => {
  const tiles = [...document.querySelectorAll("#panel-now .tile")];
  const tile = (what) => tiles.find((one) => one.querySelector(".what").textContent.trim() === what);
  return [
    tile("completed").querySelector(".why").textContent.match(/; ([0-9]+) in the last hour/)[1],
    tile("dead letters").querySelector(".count").textContent,
  ].map(Number);
}"""


def counts(page):
    """Completed in the last hour, and dead letters."""
    return page.evaluate(COUNTS)


def until(page, completed, dead_letters):
    """Until the page shows these by itself."""
    page.wait_for_function(
        f"([a, b]) => {{ const [c, d] = ({COUNTS})(); return a === c && b === d; }}",
        arg=[completed, dead_letters],
        timeout=PATIENCE,
    )


@contextmanager
def listening(port):
    """Somebody answers webhooks there."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", port), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def bring_back(page, up, failed):
    """From the dashboard to the notification's page, to the dead letters, and back to the dashboard."""
    completed, dead_letters = counts(page)
    page.click(f"#panel-failures a[href*='{failed}']")
    assert "given up: connection_refused" in page.inner_text(".life")
    page.click("text=Redrive it")
    assert "1 would be brought back" in page.inner_text("main")
    assert "Nothing has been changed yet" in page.inner_text("main")
    page.goto("/operations/dead-letters/")
    page.check(f"[name=ids][value='{failed}']")
    page.click("text=See what would happen to those ticked")
    with listening(up.receiver):
        page.click("text=Bring back 1")
        assert "1 brought back" in page.inner_text(".note")
        page.click("nav >> text=Operations")
        until(page, completed + 1, dead_letters - 1)


def test_an_operator_watches_a_notification_redrives_another_and_leaves(page, up):
    page.goto("/operations/")
    assert "/operations/login/?next=" in page.url
    log_in(page, up)
    page.wait_for_selector("#freshness[data-state=live]")
    page.evaluate("window.sameDocument = true")
    a_reader(up, "journey")
    completed, dead_letters = counts(page)

    a_notification(up, "journey", "email")
    until(page, completed + 1, dead_letters)
    failed = a_notification(up, "journey", "webhook")
    until(page, completed + 1, dead_letters + 1)
    assert page.evaluate("window.sameDocument"), "the page was not loaded again"

    bring_back(page, up, failed)

    page.fill("#search", failed)
    page.press("#search", "Enter")
    page.wait_for_url(f"**/notifications/{failed}/")
    assert "operator:admin brought it back" in page.inner_text(".life")
    assert "the webhook channel accepted" in page.inner_text(".life")
    page.click("text=Log out")
    page.goto("/operations/")
    assert "/operations/login/" in page.url


def test_the_stream_is_paused_and_goes_on_and_keeps_the_focus(page, up):
    page.goto("/operations/")
    log_in(page, up)
    page.wait_for_selector("#freshness[data-state=live]")
    page.focus("#dead-letters-link")
    a_reader(up, "focus")
    completed, dead_letters = counts(page)

    a_notification(up, "focus", "email")
    until(page, completed + 1, dead_letters)
    assert page.evaluate("document.activeElement.id") == "dead-letters-link"

    page.click("#pause")
    assert page.get_attribute("#freshness", "data-state") == "paused"
    assert page.get_attribute("#pause", "aria-pressed") == "true"
    page.click("#pause")
    page.wait_for_selector("#freshness[data-state=live]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_without_barriers_at_every_width(page, up, scheme):
    """And a picture of each is kept."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    reader = a_reader(up, f"pictures-{scheme}")
    failed = a_notification(up, f"pictures-{scheme}", "webhook")
    page.goto("/operations/login/")
    seen = look(page, "login", scheme)
    log_in(page, up)
    page.wait_for_selector(f"#panel-failures a[href*='{failed}']")
    seen |= look(page, "dashboard", scheme)
    addresses = {
        "notification": f"/operations/notifications/{failed}/",
        "user": f"/operations/users/{reader['id']}/",
        "dead-letters": "/operations/dead-letters/",
        "evidence": "/operations/evidence/",
        "evidence-rows": "/operations/evidence/rows/",
    }
    for name, address in addresses.items():
        page.goto(address)
        seen |= look(page, name, scheme)
    page.goto(addresses["notification"])
    page.click("text=Redrive it")
    seen |= look(page, "redrive", scheme)

    assert {name: found for name, found in seen.items() if found} == {}


def look(page, name, scheme):
    """What stands in somebody's way, at each width."""
    found = {}
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found[f"{name} at {width}"] = barriers(page)
        page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}-{width}.png", full_page=True)
    return found


def test_the_keyboard_comes_first_to_the_way_past_the_header(page, up):
    page.goto("/operations/login/")
    log_in(page, up)
    page.wait_for_selector("#freshness")
    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_without_javascript_the_page_is_complete_and_says_how_old_it_is(chromium, up):
    context = chromium.new_context(base_url=up.url, java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    plain = context.new_page()
    plain.goto("/operations/")
    log_in(plain, up)

    assert re.search(r"as of \d\d:\d\d:\d\d UTC; load the page again", plain.inner_text("#freshness"))
    assert not plain.is_visible("#pause")
    assert plain.locator(".panel .tile").count() == 8
    context.close()


def test_barriers_are_seen(chromium):
    """The looking itself, on a page that has them all."""
    page = chromium.new_page(viewport={"width": 360, "height": 640})
    page.set_content(
        "<main><h1>One</h1><h3>Three</h3><h1>Two</h1><img src=x><button></button><input id=a><p id=a>"
        "<p style='color: #999'>pale</p><table><tr><th>x</table><nav></nav><p aria-labelledby=gone>x</p>"
        "<div style='width: 500px'>wide</div></main>"
    )
    told = "\n".join(barriers(page))
    page.close()

    for what in (
        "no language",
        "no title",
        "not one h1",
        "not one header",
        "a heading is left out",
        "no name: <button>",
        'no name: <input id="a">',
        "no label: <nav>",
        "twice: #a",
        "leads nowhere: gone",
        "without caption",
        "th without scope",
        "px too wide",
        "contrast 2.85: <p style",
    ):
        assert what in told, told


def test_a_services_own_words_break_wherever_they_must(page, up):
    page.goto("/operations/")
    log_in(page, up)
    page.wait_for_selector("#freshness[data-state=live]")
    page.wait_for_selector(".said")
    page.click("#pause")
    said = "SETTING=" + "x" * 200 + "<small>says the planner, the builder, the producer, the consumer</small>"
    page.evaluate("said => document.querySelectorAll('.said').forEach(one => one.innerHTML += said)", said)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert barriers(page) == [], width
