"""The documentation's page in a real browser, under its content security policy and without the internet."""

from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture
def page(served):
    """A page that may reach the served host only, and what went wrong on it."""
    if not CHROMIUM.exists():
        pytest.skip("there is no Chromium here")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.complaints = []
        page.on(
            "console", lambda told: page.complaints.append(told.text) if told.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda found: page.complaints.append(str(found)))
        page.on("requestfailed", lambda asked: page.complaints.append(asked.url))
        page.route(lambda url: not url.startswith((served.url, "data:")), lambda route: route.abort())
        yield page
        browser.close()


def test_the_page_shows_every_chapter_and_lets_one_try_a_route(page, served):
    page.goto(f"{served.url}/api/docs/")
    page.get_by_role("heading", name="Health Notification System").first.wait_for()
    for chapter in ("Access", "Users", "Notifications", "Dead letters", "Evidence", "Reference"):
        assert page.locator(f'h3[data-tag="{chapter}"]').count() == 1, chapter

    page.get_by_role("button", name="Authorize").first.click()
    page.locator("input[aria-label='auth-bearer-value']").last.fill(served.key)
    page.get_by_role("button", name="Apply credentials").last.click()
    page.get_by_role("button", name="Close").first.click()
    page.locator("#operations-Reference-goals_get .opblock-summary").click()
    page.locator("#operations-Reference-goals_get .execute").click()
    page.locator(
        "#operations-Reference-goals_get .live-responses-table .response-col_status", has_text="200"
    ).wait_for()
    assert "walk_more" in page.locator("#operations-Reference-goals_get .live-responses-table").inner_text()
    assert page.complaints == []


def test_a_kind_of_problem_can_be_looked_up_by_its_address(page, served):
    page.goto(f"{served.url}/api/docs/#problem-conflict")
    assert "409" in page.locator("#problem-conflict").inner_text()
    assert page.locator("#problem-conflict:target").count() == 1
