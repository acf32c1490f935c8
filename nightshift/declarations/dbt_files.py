"""The files of a use case's dbt project: where they are, which of them declare tables, and which compute them."""

from __future__ import annotations

from pathlib import Path

from nightshift.declarations.use_case import UseCase


def project_folder(use_case: UseCase) -> Path:
    """The folder of dbt_project.yml."""
    return use_case.folder / "dbt"


def models_folder(use_case: UseCase) -> Path:
    """The folder of the models, their YAML and their sources."""
    return project_folder(use_case) / "models"


def yaml_files(use_case: UseCase) -> list[Path]:
    """The YAML beside the models, with the endings that dbt reads."""
    paths = models_folder(use_case).rglob("*")
    return sorted(path for path in paths if path.suffix.lower() in (".yml", ".yaml") and path.is_file())


def queries(use_case: UseCase) -> dict[str, Path]:
    """The SQL of each model, by the model's name."""
    return {path.stem: path for path in models_folder(use_case).rglob("*.sql")}
