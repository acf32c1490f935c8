"""One service of docker-compose.yaml, whose program ``python -m nightshift.install.services.container NAME`` becomes.

What a service needs to know stands in settings and in files of secrets; Airflow's options stand in `airflow_env`, for
the embedded form and this one alike.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from nightshift import terminal
from nightshift.errors import NightshiftError, SettingsError, UsageError
from nightshift.home.outside_errors import explaining
from nightshift.home.postgres_server import database_url
from nightshift.home.settings import Settings, get_settings
from nightshift.home.variables.cleaning import cleaned
from nightshift.home.variables.known_variables import MLFLOW_VARIABLES, SPARK_AUTH_SECRET
from nightshift.install.services import container_init
from nightshift.install.services.container_airflow import EVERYWHERE, INNER, airflow_variables

AIRFLOW = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
_PYTHON = (sys.executable, "-u", "-W", "ignore")
_SPARK = "org.apache.spark.deploy"
Command = tuple[Sequence[str], dict[str, str]]


def main(argv: Sequence[str] | None = None) -> int:
    """Become the service that is named; give a status only where it can't be started."""
    service, *options = (argv if argv is not None else sys.argv[1:]) or [""]
    try:
        with explaining():
            settings = get_settings()
            if service in ("init", "databases"):
                steps = {"init": container_init.prepare, "databases": container_init.make_databases}
                steps[service](settings, terminal.echo)
                return 0
            command, variables = program(settings, service, options)
    except NightshiftError as error:
        terminal.echo(f"{service or 'nightshift'}: {error}", err=True)
        return error.exit_status
    os.execvpe(command[0], list(command), cleaned(os.environ) | variables)


def program(settings: Settings, service: str, options: Sequence[str] = ()) -> Command:
    """The command of a service, and the variables that it needs beside the cleaned ones.

    Raises:
        UsageError: if there is no such service.
        SettingsError: if something that it needs to know is missing.
    """
    if service in AIRFLOW:
        return (*_PYTHON, "-m", "airflow", *AIRFLOW[service], *options), airflow_variables(settings)
    if service not in SERVICES:
        raise UsageError(f"there is no service {service!r}; there are: init, {', '.join((*AIRFLOW, *SERVICES))}")
    return SERVICES[service](settings, options)


def _mlflow(settings: Settings, options: Sequence[str]) -> Command:
    named = [settings.mlflow_tracking_uri, settings.mlflow_public_url]
    hosts = ",".join(url.partition("://")[2] for url in named if url)
    command = (
        *(*_PYTHON, "-m", "mlflow", "server", "--host", EVERYWHERE, "--port", str(INNER["mlflow"]), "--workers", "1"),
        *("--allowed-hosts", f"{hosts},localhost:{INNER['mlflow']}", "--serve-artifacts"),
        *("--artifacts-destination", settings.mlflow_artifacts.as_uri(), *options),
    )
    fixed = {each.name: each.value for each in MLFLOW_VARIABLES}
    return command, {**fixed, "MLFLOW_BACKEND_STORE_URI": database_url(settings, "mlflow")}


def _pages(settings: Settings, options: Sequence[str]) -> Command:
    place, port = str(settings.data_docs), str(INNER["pages"])
    return (*_PYTHON, "-m", "nightshift.install.services.audit_pages", place, port, EVERYWHERE, *options), {}


def _spark_master(settings: Settings, options: Sequence[str]) -> Command:
    host = settings.spark_master.removeprefix("spark://").partition(":")[0]
    listens = ("--host", host, "--port", str(INNER["spark"]), "--webui-port", str(INNER["spark_pages"]))
    return _spark(settings, "master.Master", (*listens, *options))


def _spark_worker(settings: Settings, options: Sequence[str]) -> Command:
    # Its folder holds what executors print; shuffles and spills are in SPARK_LOCAL_DIRS.
    return _spark(settings, "worker.Worker", ("--work-dir", "/tmp/spark-work", *options, settings.spark_master))


def _spark(settings: Settings, name: str, arguments: Sequence[str]) -> Command:
    """A daemon of Spark's, which heeds only who knows the cluster's secret.

    Raises:
        SettingsError: if there is no cluster, or no secret.
    """
    if not settings.spark_master.startswith("spark://"):
        raise SettingsError(f"NIGHTSHIFT_SPARK_MASTER is {settings.spark_master}: a cluster has spark://host:7077")
    if not settings.spark_secret:
        raise SettingsError("the secret nightshift_spark_secret is missing: `nightshift secrets init` makes it")
    import pyspark

    from nightshift.install.setup.toolchain import Toolchain

    found = Toolchain.load(settings)
    if found is None:
        raise SettingsError(f"there is no Java for Spark in {settings.toolchain_dir}: build the image again")
    home = Path(pyspark.__file__).parent
    options = (
        "-Dspark.authenticate=true -Dspark.network.crypto.enabled=true -Dspark.master.rest.enabled=false "
        # Nothing that a finished job left is kept for good.
        "-Dspark.worker.cleanup.enabled=true -Dspark.deploy.spreadOutApps=true "
        # Its pages have no login: they show, and end nothing.
        "-Dspark.ui.killEnabled=false -Duser.timezone=UTC"
    )
    variables = {
        SPARK_AUTH_SECRET: settings.spark_secret,
        "SPARK_HOME": str(home),
        "JAVA_HOME": found.java_home,
        "SPARK_DAEMON_JAVA_OPTS": options,
        "SPARK_DAEMON_MEMORY": "384m",
    }
    return (f"{home}/bin/spark-class", f"{_SPARK}.{name}", *arguments), variables


SERVICES: dict[str, Callable[[Settings, Sequence[str]], Command]] = {
    "mlflow": _mlflow,
    "pages": _pages,
    "spark-master": _spark_master,
    "spark-worker": _spark_worker,
}


if __name__ == "__main__":
    sys.exit(main())
