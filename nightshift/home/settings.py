"""Where things are, from the environment."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from nightshift.errors import SettingsError
from nightshift.home.variables import database_address, setting_values, spark_conf
from nightshift.home.variables.known_variables import OWN
from nightshift.storage import Location

PROJECT_DIR = Path(__file__).resolve().parents[2]


# The form of each setting that is text; a folder has its own.
_FORMS: dict[str, Callable[[str], str]] = {
    "database_url": database_address.checked,
    "airflow_database_url": database_address.checked,
    "mlflow_database_url": database_address.checked,
    "airflow_url": setting_values.server,
    "airflow_public_url": setting_values.server,
    "mlflow_public_url": setting_values.server,
    "pages_public_url": setting_values.server,
    "spark_public_url": setting_values.server,
    "lake_url": setting_values.location_for_all,
    "archive_url": setting_values.location_for_all,
    "landing_url": setting_values.location,
    "pages_url": setting_values.location_for_all,
    "mlflow_tracking_uri": setting_values.server,
    "spark_master": setting_values.spark_master,
    "spark_driver_memory": setting_values.memory,
    "spark_conf": spark_conf.checked,
    "bind_address": setting_values.bind_address,
}


class Settings(BaseSettings):
    """All settings of nightshift; each can be given as the environment variable ``NIGHTSHIFT_<NAME>``.

    One that is empty or blank counts as unset.

    Raises:
        SettingsError: with a line for each setting that cannot be; none holds a piece of a password.
    """

    model_config = SettingsConfigDict(env_prefix=OWN, env_ignore_empty=True, str_strip_whitespace=True, frozen=True)

    project_dir: Path = Field(PROJECT_DIR, description="The checkout: dags/, dbt/, use_cases/ and so on.")
    home: Path = Field(PROJECT_DIR / ".nightshift", description="All state of one installation lies below it.")
    use_cases_dir: Path = Field(PROJECT_DIR / "use_cases", description="One folder per use case.")
    toolchain_dir: Path = Field(
        PROJECT_DIR / ".venv" / "nightshift",
        description="JARs, JDK shim and class-data archive made at set-up; shared by all homes of one checkout.",
    )
    database_url: str | None = Field(
        None,
        repr=False,
        description="PostgreSQL server with the databases airflow, ledger, mlflow and optuna, like "
        "postgresql://user:password@host:5432/ledger?sslmode=require; parameters are libpq's, and reserved characters "
        "of a password are written as %40 and so on. The server itself, no pooler in front of it: locks belong to "
        "connections. Unset: the embedded server of this home.",
    )
    airflow_database_url: str | None = Field(
        None,
        repr=False,
        description="The database airflow, where a role of its own reads it. Unset: as NIGHTSHIFT_DATABASE_URL.",
    )
    mlflow_database_url: str | None = Field(
        None, repr=False, description="The same for MLflow's server. Unset: as NIGHTSHIFT_DATABASE_URL."
    )
    secrets_dir: Path | None = Field(
        None,
        description="Folder of files that are named like settings, as Docker and Kubernetes mount secrets: "
        "`nightshift_database_url` holds what NIGHTSHIFT_DATABASE_URL would. A variable counts before a file.",
    )
    lake_url: str | None = Field(
        None,
        description="Where tables lie: an absolute path, a file:// URL, or an object store like s3://bucket/lake "
        "(docs/storage.md). Unset: the folder of this home.",
    )
    archive_url: str | None = Field(
        None, description="Where landed files are kept; a location like NIGHTSHIFT_LAKE_URL. Unset: the home's folder."
    )
    landing_url: str | None = Field(
        None,
        description="Where deliveries arrive: an absolute path, a file:// URL, or an object store like "
        "s3://bucket/landing. Unset: the folder of this home.",
    )
    pages_url: str | None = Field(
        None, description="Where reports of audits are; a location like NIGHTSHIFT_LAKE_URL. Unset: the home's folder."
    )
    mlflow_tracking_uri: str | None = Field(
        None, description="MLflow server, like https://mlflow.company. Unset: the embedded database of this home."
    )
    spark_master: str = Field("local[*]", description="Spark master, like local[4] or spark://host:7077.")
    spark_driver_memory: str = Field("2g", description="Java heap of one job's driver, like 2g or 1536m.")
    spark_secret: str | None = Field(
        None,
        repr=False,
        description="What drivers, master and workers of a Spark cluster prove each other that they know; without it "
        "nothing is proved. Best as a file in NIGHTSHIFT_SECRETS_DIR.",
    )
    spark_conf: str | None = Field(
        None,
        description="Further configuration of Spark: pairs with blanks between them, like spark.executor.memory=4g "
        "spark.executor.cores=2, or the absolute path of a file like spark-defaults.conf. Memory, cores, "
        "parallelism, network and logins may be set; all other keys are refused by name.",
    )
    airflow_url: str | None = Field(
        None,
        description="API of an Airflow that something else runs, like http://api-server:8080 in docker-compose.yaml. "
        "Unset: the embedded one of this home.",
    )
    airflow_public_url: str | None = Field(
        None, description="Where people's browsers reach that Airflow. Unset: as NIGHTSHIFT_AIRFLOW_URL."
    )
    mlflow_public_url: str | None = Field(
        None, description="Where they reach MLflow's pages. Unset: as NIGHTSHIFT_MLFLOW_TRACKING_URI."
    )
    pages_public_url: str | None = Field(None, description="Where they reach the audit pages of such an installation.")
    spark_public_url: str | None = Field(
        None, description="Where they reach the pages of the Spark master; logs of jobs link there."
    )
    bind_address: str = Field(
        "127.0.0.1",
        description="IP address that the embedded Airflow listens on. MLflow and the audit pages, which have no "
        "login, are reached from this machine only.",
    )

    def __init__(self, **given: Any) -> None:
        folder = given.get("secrets_dir") or os.environ.get("NIGHTSHIFT_SECRETS_DIR", "").strip() or None
        try:
            super().__init__(_secrets_dir=_readable(folder), **given)
        except ValidationError as error:
            # Without the input, which may hold a password.
            found = error.errors(include_input=False, include_url=False)
            raise SettingsError("\n".join(map(_reason, found))) from None
        except OSError as error:
            raise SettingsError(
                f"{error.filename} can't be read by the user id {os.getuid()}: {error.strerror}",
                remedy="let it belong to this user, for it alone to read (chmod 400)",
            ) from None

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if not (isinstance(value, str) and not value.strip())}

    @field_validator("home", "project_dir", "use_cases_dir", "toolchain_dir")
    @classmethod
    def _folder(cls, path: Path, info: ValidationInfo) -> Path:
        return setting_values.folder(path, is_made=info.field_name in ("home", "toolchain_dir"))

    @field_validator(*_FORMS)
    @classmethod
    def _form(cls, text: str | None, info: ValidationInfo) -> str | None:
        return None if text is None else _FORMS[str(info.field_name)](text)

    def as_variables(self) -> dict[str, str]:
        """The variables by which another process gets the same settings, wherever it runs on this machine."""
        return {f"{OWN}{name.upper()}": str(value) for name, value in self if value is not None}

    @property
    def lake(self) -> Location:
        """Root of the lake: tables lie at ``<lake>/<layer>/<use case>/<table>``."""
        return Location.of(self.lake_url or self.home / "lake")

    @property
    def landing(self) -> Location:
        """Root of the landing zone: deliveries lie at ``<landing>/<use case>/<batch date>/``."""
        return Location.of(self.landing_url or self.home / "landing")

    @property
    def archive(self) -> Location:
        """Every landed file as it was read, named by its SHA-256; jobs read deliveries here and nowhere else."""
        return Location.of(self.archive_url or self.home / "archive")

    @property
    def staging(self) -> Path:
        """Rows of databases on their way into the archive; safe to delete when nothing runs."""
        return self.home / "staging"

    @property
    def data_docs(self) -> Location:
        """HTML reports of every audit, one folder per use case, batch range and table."""
        return Location.of(self.pages_url or self.home / "data_docs")

    @property
    def postgres(self) -> Path:
        """Data folder of the embedded PostgreSQL server."""
        return self.home / "postgres"

    @property
    def mlflow_artifacts(self) -> Path:
        """Where the embedded MLflow keeps models and plots."""
        return self.home / "mlflow" / "artifacts"

    @property
    def dbt_target(self) -> Path:
        """What dbt compiles and remembers between runs; safe to delete."""
        return self.home / "dbt"

    @property
    def run(self) -> Path:
        """Process ids, chosen ports and passwords of the embedded services; readable by the owner only."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """Logs of the embedded services and of Airflow tasks."""
        return self.home / "logs"


def _readable(folder: str | Path | None) -> Path | None:
    """A folder of secrets that is there; pydantic-settings only warns of one that is not."""
    if folder is None:
        return None
    path = Path(folder)
    if not path.is_dir() or not os.access(path, os.R_OK | os.X_OK):
        raise SettingsError(
            f"{OWN}SECRETS_DIR is {str(folder)!r}, and there is no such folder that this user can read",
            remedy="name the folder where the secrets are mounted, or unset it",
        )
    return path


@functools.cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()


def _reason(error: ErrorDetails) -> str:
    name = f"{OWN}{str(error['loc'][0]).upper()}"
    return f"{name} {error['msg'].removeprefix('Value error, ')}"
