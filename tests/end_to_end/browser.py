"""A person at Airflow's pages, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect, sync_playwright

from nightshift.install.services.airflow_env import AirflowAddress

# Milliseconds; a page takes seconds where a training has the cores.
PATIENCE = 60_000
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def answer(connection: AirflowAddress, option: str, why: str) -> str:
    """Open the one required action there is, read its form, fill in why and answer; what the form showed."""
    with _logged_in(connection) as page:
        page.goto(f"{connection.base_url}/required_actions?response_received=false")
        page.locator("a[href$='/required_actions']", has_text="May version").first.click()
        field = page.locator("input[name=element_why], textarea[name=element_why], #element_why").first
        field.wait_for()
        shown = page.locator("main, #root").first.inner_text()
        field.fill(why)
        field.press("Tab")
        page.get_by_test_id(f"hitl-option-{option}").click()
        expect(page.get_by_text("Response received at").first).to_be_visible()
        return shown


@contextmanager
def _logged_in(connection: AirflowAddress) -> Iterator[Page]:
    with sync_playwright() as playwright:
        # Playwright's own browser, where the machine has none.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        page.goto(connection.base_url)
        page.locator("input[name=username]").fill(connection.user)
        page.locator("input[type=password]").fill(connection.password)
        page.locator("[type=submit]").click()
        page.get_by_test_id("nav-dags-link").wait_for()
        yield page
        browser.close()
