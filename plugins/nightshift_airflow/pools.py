"""The pools of an Airflow on servers, straight into its database: ``python -m nightshift_airflow.pools``.

Runs at every start, before the API answers, by which `nightshift up` makes the same ones. What a person made of the
slots stays.
"""

from __future__ import annotations

import sys

from nightshift.errors import NightshiftError
from nightshift.pools import pools
from nightshift.settings import get_settings
from nightshift.use_case import UseCase


def main() -> int:
    """Make the pools that are missing, of one slot each."""
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session

    with create_session() as session:
        there = {pool.pool for pool in Pool.get_pools(session=session)}
        for name, description in pools(_readable()).items():
            if name not in there:
                Pool.create_or_update_pool(name, 1, description, include_deferred=False, session=session)
    return 0


def _readable() -> list[UseCase]:
    """One that can't be read stops no service: its DAGs are missing, and Airflow's pages say why."""
    read = []
    for file in sorted(get_settings().use_cases_dir.glob("*/use_case.yaml")):
        try:
            read.append(UseCase.load(file.parent.name))
        except NightshiftError as error:
            print(f"nightshift: {file.parent.name} can't be read: {error}", file=sys.stderr)
    return read


if __name__ == "__main__":
    sys.exit(main())
