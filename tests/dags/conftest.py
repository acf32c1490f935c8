"""Airflow must not write into a person's home when it is imported."""

from __future__ import annotations

import os
import tempfile

_AIRFLOW_HOME = tempfile.TemporaryDirectory(prefix="nightshift-airflow-")
os.environ["AIRFLOW_HOME"] = _AIRFLOW_HOME.name

import pytest  # noqa: E402
from airflow.sdk import DAG  # noqa: E402

from nightshift_airflow.dag_pages import load_dags  # noqa: E402

DAGS = load_dags()


@pytest.fixture(params=sorted(DAGS))
def dag(request: pytest.FixtureRequest) -> DAG:
    """Each DAG of each use case in turn."""
    return DAGS[request.param]


@pytest.fixture(scope="session")
def dags() -> dict[str, DAG]:
    """All DAGs by id."""
    return DAGS
