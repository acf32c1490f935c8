"""Where things are, from the environment. Reading a setting does no I/O."""

from __future__ import annotations

import functools
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_DIR = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """All settings of nightshift; each can be given as the environment variable ``NIGHTSHIFT_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="NIGHTSHIFT_", frozen=True)

    project_dir: Path = Field(PROJECT_DIR, description="The checkout: dags/, dbt/, use_cases/ and so on.")
    home: Path = Field(PROJECT_DIR / ".nightshift", description="All state of one installation lies below it.")
    use_cases_dir: Path = Field(PROJECT_DIR / "use_cases", description="One folder per use case.")
    dbt_dir: Path = Field(PROJECT_DIR / "dbt", description="The dbt project.")
    toolchain_dir: Path = Field(
        PROJECT_DIR / ".venv" / "nightshift",
        description="JARs, JDK shim and class-data archive made at set-up; shared by all homes of one checkout.",
    )
    database_url: str | None = Field(
        None,
        description="SQLAlchemy URL of a PostgreSQL server with the databases of `databases`; "
        "unset: the embedded server of this home.",
    )
    landing_url: str | None = Field(
        None, description="Where deliveries arrive, like s3://bucket/landing; unset: the folder of this home."
    )
    mlflow_tracking_uri: str | None = Field(None, description="Unset: the embedded database of this home.")
    spark_master: str = Field("local[*]", description="Spark master URL.")
    spark_driver_memory: str = Field("2g", description="Java heap of one job's driver.")
    bind_address: str = Field("127.0.0.1", description="Address that the embedded services listen on.")

    @field_validator("home", "project_dir", "use_cases_dir", "dbt_dir", "toolchain_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @property
    def lake(self) -> Path:
        """Root of the lake: tables lie at ``<lake>/<layer>/<use case>/<table>``."""
        return self.home / "lake"

    @property
    def landing(self) -> Path:
        """Root of the landing zone: deliveries lie at ``<landing>/<use case>/<batch date>/``."""
        return self.home / "landing"

    @property
    def archive(self) -> Path:
        """Every landed file as it was read, named by its SHA-256; jobs read deliveries here and nowhere else."""
        return self.home / "archive"

    @property
    def staging(self) -> Path:
        """Slices that were written and not yet published; safe to delete when nothing runs."""
        return self.home / "staging"

    @property
    def data_docs(self) -> Path:
        """HTML reports of every audit, one folder per use case, batch range and table."""
        return self.home / "data_docs"

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
    def locks(self) -> Path:
        """One lock file per table, held while a slice of it is published."""
        return self.home / "locks"

    @property
    def run(self) -> Path:
        """Process ids, chosen ports and passwords of the embedded services; readable by the owner only."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        """Logs of the embedded services and of Airflow tasks."""
        return self.home / "logs"


@functools.cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
