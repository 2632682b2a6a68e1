"""The admin in a real browser: its pages work under their policy, and nothing comes from another host."""

import os
import shutil

import pytest

from healthnotify.apps.access import operators
from healthnotify.apps.users.models import Preference
from tests.admin_client import at
from tests.builders import NOON, a_person, staged
from tests.postgres_store import TestedPostgres

QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync")
QUIET += ("--disable-background-networking", "--disable-component-update")
PASSWORD = "correct horse battery"


@pytest.fixture
def program():
    """Debian's browser."""
    pytest.importorskip("playwright.sync_api")
    found = shutil.which("chromium")
    if not found:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("chromium is not installed; on Debian: apt-get install")
    return found


@pytest.fixture
def rows(installation, served):
    """Anna, whose e-mail is written, and an administrator."""
    installation.at = NOON
    (entry,) = staged(TestedPostgres(), [a_person(external_id="anna-1")])
    operators.make("ada", "administrator", PASSWORD, by="command", at=NOON)
    return entry.user_id, entry.id, Preference.objects.get().pk


def visit(page, served, rows):
    """Look at each kind of page, change a preference, read a text; answers what was wider than the window."""
    user_id, notification_id, preference_id = rows
    lists = ("users_user", "users_preference", "notifications_notification", "access_apikey", "access_auditentry")
    forms = [at("users_user_change", user_id), at("users_user_add"), at("users_user_erase", user_id)]
    forms += [at("access_apikey_add"), at("notifications_notification_change", notification_id), at("wording")]
    wide = []
    for address in [at("index"), *(at(f"{kind}_changelist") for kind in lists), *forms]:
        page.goto(served.url + address)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(address)
    page.goto(served.url + at("users_preference_change", preference_id))
    page.fill("[name=times]", "13:10")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**{at('users_user_change', user_id)}")
    page.goto(served.url + at("notifications_notification_change", notification_id))
    page.get_by_role("button", name="Show the text").click()
    page.get_by_text("Ten minutes outside?").wait_for()
    return wide


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_every_page_works_under_its_policy_and_fits(program, served, rows, width, scheme):
    from playwright.sync_api import sync_playwright

    complaints, strangers = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        window = {"width": width, "height": 900}
        page = browser.new_page(viewport=window, color_scheme=scheme, reduced_motion="reduce")
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda one: None if one.url.startswith((served.url, "data:")) else strangers.append(one.url))
        page.goto(served.url + at("index"))
        page.fill("[name=username]", "ada")
        page.fill("[name=password]", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(served.url + at("index"))
        wide = visit(page, served, rows)
        browser.close()

    assert (complaints, strangers, wide) == ([], [], [])
    assert list(Preference.objects.values_list("revision", flat=True)) == [1]
