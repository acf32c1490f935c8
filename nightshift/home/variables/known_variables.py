"""Which variables of the environment mean something; docs/reference/environment.md is written from here.

Imports nothing that takes time: every entry point reads it before anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Kept:
    """Variables that reach nightshift and what it starts.

    Attributes:
        names: exact names, or patterns with ``*``.
    """

    names: tuple[str, ...]
    meaning: str


@dataclass(frozen=True)
class Dropped:
    """Variables that other programs react to, and that have no effect here.

    Attributes:
        names: exact names, or patterns with ``*``.
        of: whose they are.
        instead: how to say the same on purpose.
        is_early: whether they act before the first line of this project runs.
    """

    names: tuple[str, ...]
    of: str
    instead: str
    is_early: bool = False


@dataclass(frozen=True)
class Fixed:
    """A variable that always has one value."""

    name: str
    value: str
    why: str


OWN = "NIGHTSHIFT_"
# The fields of nightshift.home.settings, which takes too long to be imported at every start and says what each means.
SETTING_VARIABLES = (
    *("PROJECT_DIR", "HOME", "USE_CASES_DIR", "TOOLCHAIN_DIR", "DATABASE_URL", "AIRFLOW_DATABASE_URL"),
    *("MLFLOW_DATABASE_URL", "SECRETS_DIR", "LAKE_URL", "ARCHIVE_URL", "LANDING_URL", "PAGES_URL"),
    *("MLFLOW_TRACKING_URI", "SPARK_MASTER"),
    *("SPARK_DRIVER_MEMORY", "SPARK_SECRET", "SPARK_CONF", "AIRFLOW_URL", "AIRFLOW_PUBLIC_URL"),
    *("MLFLOW_PUBLIC_URL", "PAGES_PUBLIC_URL", "SPARK_PUBLIC_URL", "BIND_ADDRESS"),
)
PII_KEY = "NIGHTSHIFT_PII_KEY"
# Where Spark looks for a cluster's secret; workers hand it on to the executors that they start.
SPARK_AUTH_SECRET = "_SPARK_AUTH_SECRET"
RESULT_FILE = "NIGHTSHIFT_RESULT_FILE"
SERVICE_MARK = "NIGHTSHIFT_SERVICE"
# Names of variables that a start without them left behind, for `nightshift doctor`.
LEFT_OUT = "NIGHTSHIFT_LEFT_OUT"
OTHER_OWN = (
    Kept(
        tuple(f"NIGHTSHIFT_JDBC_*_{part}" for part in ("URL", "USER", "PASSWORD")),
        "A database that a source names: address and login (docs/landing-contract.md).",
    ),
    Kept((PII_KEY,), "Key for the tokens of personal data; unset: the file `secrets/pii_key` of the home."),
    Kept((RESULT_FILE,), "Set for a job by what starts it: where the job leaves its result."),
    Kept((SERVICE_MARK,), "Set for the services and what they start: `nightshift down` ends what carries it."),
)
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
DIRECT = ("NO_PROXY", "no_proxy")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
MLFLOW_LOGIN = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
KEPT = (
    Kept(
        ("AWS_*", "AZURE_*", "GOOGLE_*", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"),
        "Address and credentials of an object store, as its own libraries look for them.",
    ),
    Kept(
        ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        "Certificates of the authorities that are trusted.",
    ),
    Kept(PROXIES, "Proxy (http:// or https://) for hosts outside; another kind is ignored."),
    Kept(DIRECT, "Hosts that are reached without a proxy. The loopback addresses are always among them."),
    Kept(MLFLOW_LOGIN, "Login at the MLflow server, where NIGHTSHIFT_MLFLOW_TRACKING_URI names one."),
    Kept(("SPARK_LOCAL_DIRS",), "Where Spark spills and shuffles; unset: below the home. Who sets it tidies it."),
    Kept(
        ("OPENBLAS_CORETYPE",),
        "The processor that OpenBLAS computes for, where it takes it for another one and computes wrongly. "
        "Noted with every attempt, because bits of scores may depend on it.",
    ),
    Kept(("PATH", "HOME", "USER", "LOGNAME"), "Where programs and the user's files are; who the user is."),
    Kept(("TMPDIR",), "Where temporary files are; nothing that must be found again."),
    Kept(
        ("TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"),
        "Width and colours of the terminal.",
    ),
    Kept(
        ("JAVA_HOME", "MAVEN_REPOSITORY", "MAVEN_OPTS", "MAVEN_ARGS", "PIP_*", "UV_*"),
        "Read by `make setup` alone: the Java that is chosen, where packages and JARs come from.",
    ),
    Kept(("DOCKER_*", "BUILDKIT_*", "XDG_RUNTIME_DIR"), "Read by Docker's own commands: which engine they ask."),
)
DROPPED = (
    Dropped(
        ("AWS_S3_ALLOW_UNSAFE_RENAME", "AWS_CONDITIONAL_PUT", "AWS_COPY_IF_NOT_EXISTS", "AWS_S3_LOCKING_PROVIDER"),
        "delta-rs",
        "nothing: commits are conditional writes, else two writers lose rows",
    ),
    Dropped(
        ("PYTHON*", "__PYVENV_LAUNCHER__"),
        "Python",
        "install packages with pyproject.toml and `make lock`",
        is_early=True,
    ),
    Dropped(
        ("LD_*", "DYLD_*", "GLIBC_TUNABLES", "MALLOC_*", "LOCPATH", "GCONV_PATH"),
        "the system's loader and C library",
        "configure the system (ld.so.conf)",
        is_early=True,
    ),
    Dropped(
        ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"),
        "Java",
        "NIGHTSHIFT_SPARK_DRIVER_MEMORY, or spark.driver.extraJavaOptions in NIGHTSHIFT_SPARK_CONF",
    ),
    Dropped(
        ("SPARK_*", "PYSPARK_*", "HADOOP_*", "YARN_*", "HIVE_*"),
        "Spark and Hadoop",
        "NIGHTSHIFT_SPARK_MASTER, NIGHTSHIFT_SPARK_DRIVER_MEMORY and NIGHTSHIFT_SPARK_CONF",
    ),
    Dropped(("PG*",), "PostgreSQL", "NIGHTSHIFT_DATABASE_URL, with its parameters behind a question mark"),
    Dropped(("DBT_*",), "dbt", "dbt_project.yml and the models' own YAML"),
    Dropped(("MLFLOW_*",), "MLflow", "NIGHTSHIFT_MLFLOW_TRACKING_URI"),
    Dropped(("AIRFLOW*", "_AIRFLOW*", "__AIRFLOW*"), "Airflow", "nothing: a home configures an Airflow of its own"),
    Dropped(("GIT_*",), "Git", "nothing: the recorded version is that of the checkout"),
    Dropped(("GX_*",), "Great Expectations", "the checks' own declarations (docs/audits.md)"),
    Dropped(
        (
            "OMP_*",
            "GOMP_*",
            "KMP_*",
            "MKL_*",
            "OPENBLAS_*",
            "BLIS_*",
            "GOTO_*",
            "VECLIB_*",
            "NUMEXPR_*",
            "NPY_*",
            "NVPL_*",
        ),
        "numeric libraries",
        "nothing: threads and loops are chosen here, so that numbers can be computed again",
    ),
    Dropped(
        ("LIGHTGBM_*", "OPTUNA_*", "ARROW_*", "POLARS_*", "NUMBA_*", "DELTA_*", "DUCKDB_*", "MPL*"),
        "libraries of this project",
        "`training` in use_case.yaml",
    ),
    Dropped(
        ("TZ", "TZDIR", "LANG", "LANGUAGE", "LC_*"),
        "time zone and language of the system",
        "`timezone` in use_case.yaml",
    ),
    Dropped(("ALL_PROXY", "all_proxy", "FTP_PROXY", "ftp_proxy"), "other proxies", "HTTP_PROXY and HTTPS_PROXY"),
    Dropped(("OPENSSL_*",), "OpenSSL", "SSL_CERT_FILE"),
    Dropped(
        ("SUPERVISOR_*", "GUNICORN_*", "UVICORN_*", "FORWARDED_ALLOW_IPS", "WEB_CONCURRENCY"),
        "web servers",
        "nothing: a home configures its own",
    ),
)
# What MLflow reads when it is imported, wherever that is.
MLFLOW_VARIABLES = (
    Fixed("MLFLOW_DISABLE_TELEMETRY", "true", "Nothing is sent to anyone."),
    Fixed("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false", "A pickled model could run any code."),
    Fixed("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false", "Nobody starts jobs through MLflow's server."),
    Fixed("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false", "Logs are no terminal."),
    Fixed("MLFLOW_LOGGING_LEVEL", "ERROR", "It narrates every step, and misses pip, which no model needs."),
    Fixed("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3", "Seconds, not minutes: the whole step is begun again."),
    Fixed("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1", "As above."),
    Fixed("MLFLOW_HTTP_REQUEST_TIMEOUT", "30", "As above."),
    Fixed("GIT_PYTHON_REFRESH", "quiet", "MLflow works without Git."),
)
FIXED = (
    Fixed("TZ", "UTC", "A machine's time zone changes no row."),
    Fixed("LC_ALL", "C.UTF-8", "Nor does its language: sorting, numbers, letters of file names."),
    Fixed("LANG", "C.UTF-8", "As LC_ALL."),
    Fixed(
        "OMP_WAIT_POLICY",
        "PASSIVE",
        "Threads that spin while they wait took a trial from 2 s to 15 on a busy machine.",
    ),
    Fixed("GX_ANALYTICS_ENABLED", "false", "Nothing is sent to anyone."),
    Fixed("DO_NOT_TRACK", "1", "Nothing is sent to anyone."),
    # A folder in a place that is none: a file that is there would draw libpq's warning about its kind.
    Fixed("PGPASSFILE", "/dev/null/none", "A password stands in NIGHTSHIFT_DATABASE_URL, not in ~/.pgpass."),
    Fixed("GIT_CONFIG_GLOBAL", "/dev/null", "A person's configuration of Git changes no recorded version."),
    Fixed("GIT_CONFIG_NOSYSTEM", "1", "Nor does the machine's."),
    *MLFLOW_VARIABLES,
)


def is_kept(name: str) -> bool:
    """Whether a variable means something here; an exact name counts before any pattern."""
    if any(name in each.names for each in KEPT):
        return True
    if name.startswith(OWN):
        return name in own_names() or any(_fits(name, each.names) for each in OTHER_OWN)
    return dropped(name) is None and any(_fits(name, each.names) for each in KEPT)


def own_names() -> tuple[str, ...]:
    """The settings and the other variables of nightshift; one that a source's name is part of stays a pattern."""
    return (*(f"{OWN}{name}" for name in SETTING_VARIABLES), *(name for each in OTHER_OWN for name in each.names))


def dropped(name: str) -> Dropped | None:
    """Whose variable it is; None for one that no program here is known to react to."""
    return next((each for each in DROPPED if _fits(name, each.names)), None)


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
