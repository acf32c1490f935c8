"""What `nightshift doctor` asks of databases, the landing zone and the place of audit pages."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2

from nightshift.dates import parse_date
from nightshift.declarations.catalog import Catalog
from nightshift.errors import InstallationError, NightshiftError, SettingsError
from nightshift.home import postgres_server
from nightshift.home.settings import Settings
from nightshift.ingest.delivery import MANIFEST, Folder, expects_manifest, is_complete, landing_folder
from nightshift.install.services.service_state import AGAIN
from nightshift.install.setup.doctor_finding import Finding, first_line
from nightshift.install.setup.doctor_installation import Installation, left_out


def databases(here: Installation) -> Iterator[Finding]:
    """Whether each database answers, and what of it runs where it does not."""
    settings = here.settings
    if settings.database_url:
        _query(settings)
        yield Finding("database", "ok", "a server of your own (NIGHTSHIFT_DATABASE_URL), answers")
        return
    log = settings.postgres / "server.log"
    try:
        server = postgres_server.running(settings)
    except InstallationError as error:
        yield Finding("database", "fail", error.message, error.remedy or AGAIN)
        return
    if server is not None:
        _query(settings.model_copy(update={"database_url": server.url("ledger", "psycopg2")}))
        yield Finding("database", "ok", "embedded PostgreSQL, answers")
    elif postgres_server.serving(settings) is not None:
        yield Finding("database", "warn", "embedded PostgreSQL starts or ends", f"ask again in a minute; log: {log}")
    elif here.serves:
        remedy = f"run `nightshift up`; its log is {log}"
        yield Finding("database", "fail", "embedded PostgreSQL does not run, and the services need it", remedy)
    else:
        yield Finding("database", "ok", "embedded PostgreSQL, not running; it starts when it is needed")


def _query(settings: Settings) -> None:
    """Ask each database something.

    Raises:
        SettingsError: if one does not answer.
    """
    try:
        postgres_server.ask_each(settings)
    except psycopg2.Error as error:
        raise SettingsError(first_line(error)) from None


def landing(here: Installation) -> Iterator[Finding]:
    """The newest delivery of each use case, and whether it is complete."""
    settings = here.settings
    yield from left_out(here, "landing")
    for use_case in here.use_cases:
        if not expects_manifest(Catalog(use_case)):
            continue
        folder = landing_folder(use_case)
        above = settings.landing
        if settings.landing_url and not above.is_remote and not above.is_folder():
            remedy = "is it mounted? else correct NIGHTSHIFT_LANDING_URL"
            yield Finding("landing", "fail", f"{above} is not there", remedy)
            return
        there = folder.location.is_folder()
        dates = sorted(name for name in folder.sizes() if _is_date(name)) if there else []
        yield Finding("landing", "ok", f"{use_case.name}: {_newest(settings, folder, dates)}")


def pages(here: Installation) -> Iterator[Finding]:
    """Whether audit pages that lie apart from the home can be read."""
    place = here.settings.data_docs
    if here.settings.pages_url is None:
        return
    if not place.is_remote and not place.parent.path.is_dir():
        yield Finding(
            "pages", "fail", f"{place.parent} is not there", "is it mounted? else correct NIGHTSHIFT_PAGES_URL"
        )
        return
    place.folders()
    yield Finding("pages", "ok", f"reports of audits are written to {place}")


def _newest(settings: Settings, folder: Folder, dates: list[str]) -> str:
    if not dates:
        return f"nothing was delivered to {folder} yet"
    complete = "complete" if is_complete(folder / dates[-1], settings) else f"not complete: it has no {MANIFEST}"
    return f"newest delivery {dates[-1]} in {folder}, {complete}"


def _is_date(name: str) -> bool:
    try:
        parse_date(name)
    except NightshiftError:
        return False
    return True
