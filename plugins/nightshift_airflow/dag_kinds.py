"""The kinds of DAGs that every use case has."""

from __future__ import annotations

KINDS = ("backfill", "catch_up", "nightly", "rollback", "train")


def kind_of(dag_id: str) -> str | None:
    """The kind that ends a DAG's id; None for a DAG that is not one of nightshift's."""
    return next((kind for kind in KINDS if dag_id.endswith(f"_{kind}")), None)
