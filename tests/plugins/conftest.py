"""Airflow must not write into a person's home when it is imported."""

from __future__ import annotations

import os
import tempfile

_AIRFLOW_HOME = tempfile.TemporaryDirectory(prefix="nightshift-airflow-")
os.environ["AIRFLOW_HOME"] = _AIRFLOW_HOME.name
