"""Imports what the image's processes import, so that Python keeps what it compiled: ``python image/compile.py``.

The root is read-only when they run: a module that is not imported here is compiled at each start. Compiling all
packages instead would take 115 MB more.
"""

from __future__ import annotations

import importlib

AIRFLOW_MODULES = (
    "airflow.api_fastapi.core_api.app",
    "airflow.api_fastapi.core_api.routes.public",
    "airflow.api_fastapi.core_api.routes.ui",
    "airflow.api_fastapi.execution_api.app",
    "airflow.api_fastapi.execution_api.routes",
    "airflow.api_fastapi.execution_api.versions",
    "airflow.cli.cli_parser",
    "airflow.cli.commands.api_server_command",
    "airflow.cli.commands.db_command",
    "airflow.cli.commands.scheduler_command",
    "airflow.dag_processing.manager",
    "airflow.dag_processing.processor",
    "airflow.executors.local_executor",
    "airflow.jobs.scheduler_job_runner",
    "airflow.jobs.triggerer_job_runner",
    "airflow.providers.fab.auth_manager.fab_auth_manager",
    "airflow.providers.fab.www.app",
    "airflow.providers.standard.operators.hitl",
    "airflow.sdk.execution_time.task_runner",
    "airflow.timetables.trigger",
    "alembic.command",
    "asyncpg",
    "psycopg2",
    "uvicorn",
)
MLFLOW_MODULES = (
    "mlflow.lightgbm",
    "mlflow.server.fastapi_app",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
)
JOB_MODULES = (
    "dbt.adapters.spark",
    "dbt.cli.main",
    "delta",
    "deltalake",
    "duckdb",
    "filelock",
    "great_expectations.expectations.core",
    "great_expectations.render",
    "holidays",
    "lightgbm",
    "matplotlib.pyplot",
    "optuna.storages",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pydantic_settings",
    "pyspark.daemon",
    "pyspark.sql",
    "pyspark.sql.pandas.serializers",
    "pyspark.worker",
    "rich.console",
    "scipy.stats",
    "sklearn.isotonic",
    "sklearn.metrics",
    "sqlglot",
)

if __name__ == "__main__":
    for name in (*AIRFLOW_MODULES, *MLFLOW_MODULES, *JOB_MODULES):
        importlib.import_module(name)
