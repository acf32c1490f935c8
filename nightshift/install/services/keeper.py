"""A service of its own that keeps a home's sockets reachable for the other ones, and their logs small."""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import contextlib
import os
import shutil
import time

from nightshift.errors import NightshiftError
from nightshift.home import database
from nightshift.home.settings import Settings, get_settings
from nightshift.install.services import control

EVERY_SECONDS = 60
LOG_BYTES = 10_000_000


def look(settings: Settings) -> None:
    """Put back a socket, or the link to the home, that was removed; begin logs again that have become long."""
    with contextlib.suppress(NightshiftError):
        control.ask(settings, "getState")
    if settings.database_url is None:
        with contextlib.suppress(NightshiftError):
            database.running(settings)
    for log in (settings.logs / "services").glob("*.log"):
        if log.stat().st_size > LOG_BYTES:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            # Not renamed: the program that writes it holds it open, and appends.
            os.truncate(log, 0)


def main() -> None:
    """Look once a minute, until the supervisor ends it."""
    while True:
        look(get_settings())
        time.sleep(EVERY_SECONDS)


if __name__ == "__main__":
    main()
