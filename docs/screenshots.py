"""Takes the pictures of the documentation from a running demo: ``python -m docs.screenshots``.

Needs the services of a home to be up, and a Chromium: Playwright's own, or the one named by ``--browser``.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import datetime as dt
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from nightshift.declarations.use_case import UseCase
from nightshift.errors import MissingError
from nightshift.home.settings import get_settings
from nightshift.install.services.airflow_api import AirflowApi
from nightshift.install.services.airflow_env import connection_info
from nightshift.install.services.start import Addresses, addresses
from nightshift.storage import Location

IMAGES = Path(__file__).parent / "images"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTLED_MS = 2500


def main() -> None:
    """Visit each page once and keep a picture of it."""
    parser = argparse.ArgumentParser(description="Take the pictures of the documentation from a running demo.")
    parser.add_argument("--use-case", default="flight_delays")
    parser.add_argument(
        "--browser", default=shutil.which("chromium"), help="path of a Chromium; default: the one found"
    )
    arguments = parser.parse_args()
    home = get_settings()
    use_case = UseCase.load(arguments.use_case, home)
    places = addresses(home)
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.browser, args=QUIET)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        _airflow(page, places, use_case)
        _keep(page, "mlflow_model", f"{places.mlflow}/#/models/{use_case.model_name}", settled_ms=10_000)
        _keep(page, "data_docs", f"{places.data_docs}/{_newest_report(home.data_docs)}")
        browser.close()


def _airflow(page: Page, places: Addresses, use_case: UseCase) -> None:
    nightly = f"{use_case.name}_nightly"
    page.goto(places.airflow)
    page.wait_for_timeout(SETTLED_MS)
    page.locator("input[name=username]").fill(places.user)
    page.locator("input[type=password]").fill(places.password)
    page.locator("[type=submit]").click()
    page.wait_for_timeout(SETTLED_MS)
    _keep(page, "airflow_dags", f"{places.airflow}/dags")
    _approval(page, places, use_case)
    _keep(page, "airflow_nightly", f"{places.airflow}/dags/{nightly}")
    _backfill_dialog(page, use_case)


def _approval(page: Page, places: Addresses, use_case: UseCase) -> None:
    """The form by which a person approves a model; the demo leaves one open."""
    with AirflowApi(connection_info(use_case.home)) as api:
        asked = api.call(
            "GET", f"dags/{use_case.name}_train/dagRuns/~/hitlDetails", params={"response_received": False}
        )
    if not asked["hitl_details"]:
        print("no model waits for approval: its picture is left as it is")
        return
    task = asked["hitl_details"][0]["task_instance"]
    form = f"dags/{task['dag_id']}/runs/{task['dag_run_id']}/tasks/{task['task_id']}/required_actions"
    _keep(page, "airflow_approval", f"{places.airflow}/{form}")


def _backfill_dialog(page: Page, use_case: UseCase) -> None:
    """The dialog as on-call staff fill it in: three nights, both ends included."""
    first = use_case.batch_dates(use_case.demo.nights).first if use_case.demo else use_case.dates.first
    last = first + dt.timedelta(days=2)
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_text("Run this Dag for a range of dates").click()
    for day in (first, last):
        page.get_by_text("Select date and time").first.click()
        for field, value in (("YYYY/MM/DD", f"{day:%Y/%m/%d}"), ("HH:mm", "00:00")):
            page.get_by_placeholder(field).last.fill(value)
            page.get_by_placeholder(field).last.press("Tab")
        # Closes the calendar.
        page.get_by_text("Date Range").first.click()
        page.wait_for_timeout(500)
    page.get_by_text("All Runs", exact=True).click()
    _keep(page, "airflow_backfill")
    page.keyboard.press("Escape")


def _newest_report(folder: Location) -> str:
    """The newest audit report, relative to the folder that is served."""
    reports = [page for page in folder.walk() if page.name.endswith(("-passed.html", "-failed.html"))]
    if not reports:
        raise MissingError(f"there is no audit report in {folder} yet: run `make demo` first")
    return max(reports, key=lambda report: report.modified).name


def _keep(page: Page, name: str, address: str | None = None, settled_ms: int = SETTLED_MS) -> None:
    if address:
        page.goto(address)
    page.wait_for_timeout(settled_ms)
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
