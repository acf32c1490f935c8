"""The tables of MLflow's database, brought to the version that is installed here."""

from __future__ import annotations

import os

from nightshift.home.postgres_server import database_url
from nightshift.home.settings import Settings
from nightshift.home.variables.known_variables import MLFLOW_VARIABLES


def bring_up_to_date(settings: Settings, make: bool = False) -> None:
    """Upgrade them: MLflow's server ends where they are of an older version.

    Args:
        make: whether to make them where there are none; the server does so itself.
    """
    os.environ.update({each.name: each.value for each in MLFLOW_VARIABLES})
    from mlflow.store.db import utils

    engine = utils.create_sqlalchemy_engine(database_url(settings, "mlflow"))
    try:
        # As `mlflow db upgrade` does, on whose command line the password would stand.
        if utils._all_tables_exist(engine):
            utils._upgrade_db(engine)
        elif make:
            utils._initialize_tables(engine)
    finally:
        engine.dispose()
