"""Keeps sockets of a home reachable and logs of its services small, and makes pools for use cases that were added."""

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
from nightshift.home import postgres_server
from nightshift.home.settings import Settings, get_settings
from nightshift.install.services import supervisor_client

EVERY_SECONDS = 60
LOG_BYTES = 10_000_000


def look(settings: Settings) -> None:
    """Put back a socket, or the link to the home, that was removed; begin logs again that have become long."""
    with contextlib.suppress(NightshiftError):
        supervisor_client.ask(settings, "getState")
    if settings.database_url is None:
        with contextlib.suppress(NightshiftError):
            postgres_server.running(settings)
    for log in (settings.logs / "services").glob("*.log"):
        if log.stat().st_size > LOG_BYTES:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            # Not renamed: the program that writes it holds it open, and appends.
            os.truncate(log, 0)


def use_cases(settings: Settings) -> frozenset[str]:
    """Names of the folders that are use cases now."""
    return frozenset(path.parent.name for path in settings.use_cases_dir.glob("*/use_case.yaml"))


def with_pools(settings: Settings, known: frozenset[str]) -> frozenset[str]:
    """Make the pools of use cases that were added; returns those that have theirs.

    Args:
        known: use cases that have theirs already. `nightshift up` makes the pools of those that it finds.
    """
    there = use_cases(settings)
    if there <= known:
        return there
    # Only now: this process lives as long as the services do, and is small.
    from nightshift.declarations.found_use_cases import find_use_cases
    from nightshift.install.services.airflow_api import AirflowApi
    from nightshift.install.services.airflow_env import connection_info
    from nightshift.install.services.airflow_pools import pools

    with contextlib.suppress(NightshiftError), AirflowApi(connection_info(settings)) as api:
        read = find_use_cases(settings).use_cases
        made = pools(read)
        for name in made.keys() - api.pools():
            api.ensure_pool(name, 1, made[name])
        return there & {use_case.name for use_case in read}
    return there & known


def main() -> None:
    """Look once a minute, until the supervisor ends it."""
    known = use_cases(get_settings())
    while True:
        look(get_settings())
        known = with_pools(get_settings(), known)
        time.sleep(EVERY_SECONDS)


if __name__ == "__main__":
    main()
