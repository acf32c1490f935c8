"""The model card in MLflow says what was decided about its version: that part is written anew after each decision."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nightshift.champions.decisions import Decision
from nightshift.champions.reigns import reigns_of
from nightshift.errors import NightshiftError
from nightshift.tracking import client, model_version
from nightshift.use_case import UseCase

log = logging.getLogger("nightshift")

FOLDER = "card"


def refresh(use_case: UseCase, version: int, made: Sequence[Decision]) -> None:
    """Write the decisions about a version into its card; a card that cannot be reached keeps what it says.

    The ledger has the decisions, so no decision waits for its card.
    """
    from mlflow.exceptions import MlflowException

    try:
        run_id = str(model_version(use_case, version).run_id)
        cards = [each.path for each in client().list_artifacts(run_id, FOLDER) if not each.is_dir]
        with tempfile.TemporaryDirectory(prefix="nightshift-card-") as folder:
            for card in cards:
                path = Path(client().download_artifacts(run_id, card, folder))
                path.write_text(_decided(path, version, made), encoding="utf-8")
                client().log_artifact(run_id, str(path), FOLDER)
    except (MlflowException, NightshiftError, OSError) as error:
        log.warning("the model card of version %d does not say yet what was decided: %s", version, error)


def _decided(path: Path, version: int, made: Sequence[Decision]) -> str:
    # It takes its types from this package.
    from nightshift.audit_pack.decided import with_decisions

    mine = [each for each in made if each.version == version]
    reigns = [each for each in reigns_of(made) if each.version == version]
    return with_decisions(path.read_text(encoding="utf-8"), mine, reigns, as_html=path.suffix == ".html")
