"""Variables of an unlucky machine: each has changed a row, a verdict, a connection or a start somewhere."""

from __future__ import annotations

from pathlib import Path

NOWHERE = "/nowhere/at/all"
HOSTILE = {
    # dbt: leaves out tests, rows, models
    "DBT_INDIRECT_SELECTION": "empty",
    "DBT_RESOURCE_TYPES": "model",
    "DBT_EMPTY": "true",
    "DBT_SAMPLE": "3 days",
    "DBT_PROFILES_DIR": NOWHERE,
    "DBT_TARGET_PATH": NOWHERE,
    "DBT_FAIL_FAST": "true",
    "DBT_WARN_ERROR": "true",
    # libpq: other servers, other alphabets
    "PGPORT": "1",
    "PGHOST": "nowhere.invalid",
    "PGHOSTADDR": "192.0.2.1",
    "PGSERVICE": "other",
    "PGDATABASE": "other",
    "PGUSER": "nobody",
    "PGPASSWORD": "not told",
    "PGOPTIONS": "-c search_path=other -c timezone=Asia/Tokyo",
    "PGCHANNELBINDING": "require",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREAUTH": "scram-sha-256",
    "PGGSSENCMODE": "require",
    "PGSSLMODE": "verify-full",
    "PGCLIENTENCODING": "LATIN1",
    # Spark, Hadoop, Java
    "SPARK_HOME": NOWHERE,
    "SPARK_CONF_DIR": NOWHERE,
    "SPARK_LOCAL_IP": "192.0.2.1",
    "SPARK_REMOTE": "sc://nowhere.invalid",
    "PYSPARK_SUBMIT_ARGS": "--master spark://nowhere.invalid:7077 pyspark-shell",
    "PYSPARK_PYTHON": NOWHERE,
    "PYSPARK_DRIVER_PYTHON": NOWHERE,
    "PYSPARK_GATEWAY_PORT": "1",
    "HADOOP_CONF_DIR": NOWHERE,
    "HADOOP_USER_NAME": "other",
    "JAVA_HOME": NOWHERE,
    "JAVA_TOOL_OPTIONS": "-Duser.timezone=Asia/Tokyo -Xmx16m",
    "JDK_JAVA_OPTIONS": "-Duser.language=tr",
    "_JAVA_OPTIONS": "-Xmx16m",
    "CLASSPATH": NOWHERE,
    # Python and its loader
    "PYTHONPATH": NOWHERE,
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONHASHSEED": "1",
    "PYTHONIOENCODING": "latin-1",
    "PYTHONSTARTUP": NOWHERE,
    "LD_LIBRARY_PATH": NOWHERE,
    "MALLOC_ARENA_MAX": "1",
    # the rest of the house
    "MLFLOW_TRACKING_URI": "http://nowhere.invalid",
    "MLFLOW_REGISTRY_URI": "http://nowhere.invalid",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",
    "MLFLOW_EXPERIMENT_NAME": "other",
    "AIRFLOW_HOME": NOWHERE,
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "GIT_DIR": NOWHERE,
    "GIT_WORK_TREE": NOWHERE,
    "GX_ANALYTICS_ENABLED": "true",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MPLBACKEND": "nothing",
    "POLARS_MAX_THREADS": "1",
    # the machine
    "TZ": "Europe/Berlin",
    "LC_ALL": "tr_TR.ISO-8859-9",
    "LANG": "de_DE.ISO-8859-1",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
}
# Files of a person's other work, which programs look for below HOME.
HOME_FILES = {
    ".pgpass": "*:*:*:*:of another server\n",
    ".pg_service.conf": "[other]\nhost=nowhere.invalid\n",
    ".dbt/profiles.yml": "config: {send_anonymous_usage_stats: nothing}\nnightshift: {target: nowhere}\n",
    ".gitconfig": "[core\n\tthis is no configuration",
    ".config/git/config": "[core\n\tnor is this",
    ".config/matplotlib/matplotlibrc": "backend: nothing\ntext.usetex: true\n",
    ".duckdbrc": "SELECT error('of another session');\n",
    ".hotspotrc": "-Xmx16m\n",
    ".mlflow/credentials": "[mlflow]\nmlflow_tracking_username = other\n",
}


def hostile_home(folder: Path) -> Path:
    """A HOME full of such files."""
    for name, text in HOME_FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (folder / ".pgpass").chmod(0o644)
    return folder
