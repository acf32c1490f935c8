"""The pools of an Airflow on servers, straight into its database: ``python -m nightshift_airflow.pools``.

Runs at every start, before the API answers, by which `nightshift up` makes the same ones. What a person made of the
slots stays.
"""

from __future__ import annotations

import sys

from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import get_settings
from nightshift.install.services.airflow_pools import pools


def main() -> int:
    """Make the pools that are missing, of one slot each."""
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session

    # One that is broken stops no service: its DAGs are missing, and Airflow's pages say why.
    found = find_use_cases(get_settings()).warn()
    with create_session() as session:
        there = {pool.pool for pool in Pool.get_pools(session=session)}
        for name, description in pools(found.use_cases).items():
            if name not in there:
                Pool.create_or_update_pool(name, 1, description, include_deferred=False, session=session)
    return 0


if __name__ == "__main__":
    sys.exit(main())
