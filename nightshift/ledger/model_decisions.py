"""What was decided about versions of a model: only ever added to, one decision at a time."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy import orm

from nightshift.declarations.use_case import UseCase
from nightshift.ledger.advisory_locks import refuse_lost, turn
from nightshift.ledger.database_engine import engine
from nightshift.ledger.ledger_tables import ModelDecisionRow

ChampionAction = Literal["promoted", "rolled back", "blocked", "unblocked", "declined"]
PROMOTED: ChampionAction = "promoted"
ROLLED_BACK: ChampionAction = "rolled back"
BLOCKED: ChampionAction = "blocked"
UNBLOCKED: ChampionAction = "unblocked"
DECLINED: ChampionAction = "declined"
# Run id of every job that a person starts by hand, so that it names no run.
BY_HAND = "manual"


@dataclass(frozen=True)
class Decision:
    """One decision, as the ledger keeps it.

    Attributes:
        number: they count in this order.
        first: the batch date from which the version is champion; only of promotions and rollbacks.
        who: a person, or ``auto``.
    """

    number: int
    version: int
    action: ChampionAction
    first: dt.date | None
    who: str
    why: str
    run_id: str
    decided_at: dt.datetime


def decisions(use_case: UseCase) -> list[Decision]:
    """All decisions about the versions of a use case's model, the oldest first."""
    query = sa.select(ModelDecisionRow).where(
        ModelDecisionRow.use_case == use_case.name, ModelDecisionRow.model_name == use_case.model_name
    )
    with orm.Session(engine()) as session:
        return [_decision(row) for row in session.scalars(query.order_by(ModelDecisionRow.id))]


@contextmanager
def taking_turns(use_case: UseCase) -> Iterator[None]:
    """Whoever decides, or mirrors what was decided, does so alone."""
    with turn(deciding(use_case)):
        yield


def deciding(use_case: UseCase) -> str:
    """Name of the turn of those who decide about the models of a use case."""
    return f"deciding about models of {use_case.name}"


def add(
    use_case: UseCase,
    version: int,
    action: ChampionAction,
    *,
    who: str,
    why: str,
    run_id: str,
    first: dt.date | None = None,
    decided_at: dt.datetime | None = None,
    blocks: int | None = None,
) -> Decision:
    """Keep a decision; call it while :func:`taking_turns`.

    Args:
        blocks: another version that is blocked by the same decision: both are kept, or none.

    Raises:
        DatabaseUnreachableError: if the turn was lost; nothing is kept.
    """
    common = {
        "use_case": use_case.name,
        "model_name": use_case.model_name,
        "who": who,
        "why": why,
        # The same action by hand may come twice; a run that is cleared decides once.
        "run_id": f"{BY_HAND}-{uuid.uuid4().hex[:12]}" if run_id == BY_HAND else run_id,
        **({} if decided_at is None else {"decided_at": decided_at}),
    }
    made = ModelDecisionRow(model_version=version, action=action, from_date=first, **common)
    with orm.Session(engine()) as session, session.begin():
        if blocks is not None:
            session.add(ModelDecisionRow(model_version=blocks, action=BLOCKED, **common))
            session.flush()
        session.add(made)
        session.flush()
        session.refresh(made)
        # Somebody else may decide by now, by what was decided before.
        refuse_lost()
        return _decision(made)


def _decision(row: ModelDecisionRow) -> Decision:
    return Decision(
        number=row.id,
        version=row.model_version,
        action=row.action,  # type: ignore[arg-type]
        first=row.from_date,
        who=row.who,
        why=row.why,
        run_id=row.run_id,
        decided_at=row.decided_at,
    )
