"""The only calls of dbt: what a person, the environment or `flags:` of a project set changes none of them.

dbt lets variables of the environment and flags of a project leave tests out, limit what models read and redirect
references, and dbt does not report it. Here every flag has a value, and dbt's variables are hidden while it runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightshift.dbt_project.linked_folder import SHARED
from nightshift.errors import DeclarationError
from nightshift.home.outside_errors import explained

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

Callback = Callable[["EventMsg"], None]
# Where this differs from dbt's own default. Results are read in memory, and every table is new, so that a cache of
# existing ones is of no use.
FLAGS = {
    "log_level": "none",
    "populate_cache": False,
    "send_anonymous_usage_stats": False,
    "use_colors": False,
    "version_check": False,
    "write_json": False,
}
# Both only make dbt stricter, and dbt refuses to be given the two of them.
STRICTER = ("warn_error", "warn_error_options")


def invoke(
    *command: str,
    folder: Path,
    target: Path,
    manifest: Manifest | None = None,
    callback: Callback | None = None,
    **flags: object,
) -> dbtRunnerResult:
    """Run a command of dbt in this process, on a parsed project where there is one.

    Args:
        command: its name and arguments.
        folder: of dbt_project.yml.
        target: where its artefacts and logs go.
        callback: is called with each event of dbt's, in the thread in which it happens, which waits for it.
        flags: dbt's global flags for this call, where they are not as always.
    """
    from dbt.cli.main import dbtRunner

    given = [
        *command,
        *("--project-dir", str(folder), "--profiles-dir", str(SHARED), "--target-path", str(target)),
        *("--log-path", str(target / "logs")),
    ]
    with _without_variables():
        runner = dbtRunner(manifest=manifest, callbacks=[callback] if callback else None)
        return runner.invoke(given, **{**_defaults(), **FLAGS, **flags})


def parse(source: Path, folder: Path, target: Path) -> Manifest:
    """The parsed project, without variables of a run, so that all that parse it share one cache.

    Args:
        source: where people find the project that is linked in `folder`.

    Raises:
        DeclarationError: if dbt cannot parse it, or if it reads the environment.
    """
    outcome = invoke("parse", folder=folder, target=target)
    if not outcome.success:
        fault = outcome.exception
        raise explained(fault) or DeclarationError(_refusal(source, fault)) from fault
    manifest: Manifest = outcome.result
    if found := _variables_read(manifest):
        raise DeclarationError(
            f"dbt reads the environment in {source}: {', '.join(found)}; results would depend on the machine\n"
            "  next: take `env_var` out, and write the value where it stands"
        )
    return manifest


def _variables_read(manifest: Manifest) -> list[str]:
    """Names of the variables of the environment in models, tests and YAML; those in dbt_project.yml have none."""
    from dbt.contracts.files import FileHash

    of_project = manifest.state_check.project_env_vars_hash != FileHash.from_contents("")
    return [*sorted(manifest.env_vars), *(["dbt_project.yml"] if of_project else [])]


def _refusal(folder: Path, fault: BaseException | None) -> str:
    from dbt.exceptions import TargetNotFoundError

    said = f"dbt cannot parse {folder}: {str(fault).strip()}"
    if isinstance(fault, TargetNotFoundError) and fault.target_kind == "source":
        return (
            f"{said}\n  next: run `make docs`, which writes the sources of dbt from the declared tables; where that "
            "changes nothing, fix the name, or declare the table in tables.yaml"
        )
    return said


def _defaults() -> Mapping[str, Any]:
    """The flags that a project may set, with dbt's own defaults."""
    from dbt.cli import main
    from dbt.contracts.project import ProjectFlags

    of_project = {field.name for field in fields(ProjectFlags)}.difference(STRICTER)
    defaults = main.parse.make_context("parse", [], resilient_parsing=True).params
    return {name: value for name, value in defaults.items() if name in of_project}


@contextmanager
def _without_variables() -> Iterator[None]:
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("DBT_")}
    try:
        yield
    finally:
        os.environ.update(hidden)
