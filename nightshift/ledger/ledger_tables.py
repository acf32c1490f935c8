"""The tables of the ledger's database, for the modules of this room: what they give to others are plain values."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Tables of the ledger."""


class EntryRow(Base):
    """One attempt to publish one batch date of one table, or to run one stage for it."""

    __tablename__ = "entries"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, index=True)
    began: Mapped[int | None] = mapped_column(
        sa.BigInteger, doc="id of the first entry of the attempt's job, made before it read anything"
    )
    use_case: Mapped[str]
    stage: Mapped[str]
    table_name: Mapped[str] = mapped_column(doc="layer.table, like silver.orders; for a whole stage its name")
    batch_date: Mapped[dt.date]
    run_id: Mapped[str]
    status: Mapped[str] = mapped_column(
        doc="running, published, overtaken (by a later attempt), refused (by audit, balance), failed"
    )
    rows_in: Mapped[int | None] = mapped_column(sa.BigInteger)
    rows_published: Mapped[int | None] = mapped_column(sa.BigInteger)
    rows_quarantined: Mapped[int | None] = mapped_column(sa.BigInteger)
    rows_deduplicated: Mapped[int | None] = mapped_column(sa.BigInteger)
    delta_version: Mapped[int | None] = mapped_column(sa.BigInteger)
    stage_sha256: Mapped[str | None] = mapped_column(doc="of the audited files, as in the Delta commit")
    warnings: Mapped[int | None] = mapped_column(doc="checks of the audit that warned")
    audit_page: Mapped[str | None] = mapped_column(doc="below the folder of the audit pages")
    model_name: Mapped[str | None]
    model_version: Mapped[int | None]
    code_version: Mapped[str]
    environment: Mapped[str | None] = mapped_column(doc="digest of what it ran in")
    started_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
    seconds: Mapped[float | None] = mapped_column(doc="of the whole attempt, all its batch dates together")
    message: Mapped[str | None]

    __table_args__ = (
        sa.Index("entries_by_slice", "use_case", "batch_date", "table_name"),
        # Asked for at every start, to find those whose process is gone.
        sa.Index("entries_running", "use_case", "table_name", postgresql_where=sa.text("status = 'running'")),
    )


class OpenStageRow(Base):
    """A slice that is being written into its table's folder, from before its first file to its publication or end."""

    __tablename__ = "open_stages"

    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    use_case: Mapped[str]
    table_name: Mapped[str] = mapped_column(doc="layer.table")
    seen_version: Mapped[int | None] = mapped_column(
        sa.BigInteger,
        doc="Delta version that its commit is made upon, -1: there was none; null: no commit can be on its way",
    )
    is_given_up: Mapped[bool] = mapped_column(
        server_default=sa.false(), doc="its process was taken for dead: it may not commit any more"
    )
    taken_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())

    __table_args__ = (sa.Index("open_stages_by_table", "use_case", "table_name"),)


class InputRow(Base):
    """What one attempt took in for one batch date: a file by its digest, a query, or a table at its version."""

    __tablename__ = "inputs"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid)
    batch_date: Mapped[dt.date]
    kind: Mapped[str] = mapped_column(doc="file, query or table")
    name: Mapped[str] = mapped_column(doc="name of the file within its delivery, or layer.table")
    version: Mapped[str] = mapped_column(doc="SHA-256 of a file or of a query's result, Delta version of a table")
    rows: Mapped[int] = mapped_column(sa.BigInteger)
    quarantined: Mapped[int] = mapped_column(sa.BigInteger)
    deduplicated: Mapped[int] = mapped_column(sa.BigInteger)
    origin: Mapped[str | None] = mapped_column(doc="where it came from: folder, or bounds of a query")

    __table_args__ = (
        sa.Index("inputs_by_attempt", "attempt_id", "batch_date"),
        sa.Index("inputs_by_version", "version"),
    )


class ProfileRow(Base):
    """One audited slice in figures; counts only where its attempt was published."""

    __tablename__ = "profiles"

    attempt_id: Mapped[uuid.UUID] = mapped_column(sa.Uuid, primary_key=True)
    batch_date: Mapped[dt.date] = mapped_column(primary_key=True)
    profile: Mapped[dict[str, Any]] = mapped_column(JSONB)


class ModelDecisionRow(Base):
    """What was decided about a version of a model; never changed, only followed by another decision."""

    __tablename__ = "model_decisions"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    use_case: Mapped[str]
    model_name: Mapped[str]
    model_version: Mapped[int]
    action: Mapped[str] = mapped_column(doc="promoted, rolled back (to it), blocked, unblocked, declined")
    from_date: Mapped[dt.date | None] = mapped_column(doc="first batch date that it is champion of")
    who: Mapped[str] = mapped_column(doc="a person, or auto")
    why: Mapped[str]
    run_id: Mapped[str]
    decided_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())

    __table_args__ = (
        sa.UniqueConstraint("use_case", "model_version", "action", "run_id", name="model_decisions_once"),
    )


class LabelMaturityRow(Base):
    """How many labels of one batch date have matured, as the newest training that read them saw it."""

    __tablename__ = "label_maturity"

    use_case: Mapped[str] = mapped_column(primary_key=True)
    batch_date: Mapped[dt.date] = mapped_column(primary_key=True)
    labels_due: Mapped[dt.date | None] = mapped_column(
        doc="delivery with which the last label comes; null where the list of batch dates ends before it"
    )
    rows: Mapped[int] = mapped_column(
        sa.BigInteger, doc="of the feature table, whose outcome was open when they were to be scored"
    )
    known: Mapped[int] = mapped_column(sa.BigInteger, doc="labels that had come")
    matured: Mapped[int] = mapped_column(sa.BigInteger, doc="labels that count; none of a date that is left out")
    label_table_version: Mapped[int] = mapped_column(sa.BigInteger, doc="Delta version that was read")
    run_id: Mapped[str]
    recorded_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())


class BatchDatesRow(Base):
    """Which days are batch dates of a use case, as its newest job knew them."""

    __tablename__ = "calendars"

    use_case: Mapped[str] = mapped_column(primary_key=True)
    calendar: Mapped[dict[str, Any]] = mapped_column(JSONB, doc="kind, and which day, or the dates of a list")
    recorded_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())


class EnvironmentRow(Base):
    """What attempts ran in: interpreter, packages, processor."""

    __tablename__ = "environments"

    digest: Mapped[str] = mapped_column(primary_key=True)
    described: Mapped[dict[str, str]] = mapped_column(JSONB)


class RowDecisionRow(Base):
    """What a person decided; of several about the same rule of the same row, the newest counts."""

    __tablename__ = "quarantine_decisions"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    use_case: Mapped[str]
    table_name: Mapped[str] = mapped_column(doc="the source's bronze table, without its layer")
    batch_date: Mapped[dt.date]
    file: Mapped[str]
    file_sha256: Mapped[str]
    record: Mapped[int | None] = mapped_column(sa.BigInteger, doc="null: every record that breaks the rules")
    rules: Mapped[str] = mapped_column(doc="names, by commas, that it speaks about")
    action: Mapped[str] = mapped_column(doc="release or reject")
    who: Mapped[str]
    why: Mapped[str]
    rows: Mapped[int] = mapped_column(sa.BigInteger, doc="that it was about when it was made")
    rows_in_effect: Mapped[int | None] = mapped_column(
        sa.BigInteger, doc="that it let pass or kept out when the date was last landed; null: not landed since"
    )
    decided_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())

    __table_args__ = (sa.Index("quarantine_decisions_by_slice", "use_case", "batch_date", "table_name"),)


class PiiKeyRow(Base):
    """By its fingerprint, the key that made the tokens of a use case."""

    __tablename__ = "pii_keys"

    use_case: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    first_used_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())


class ErasureRow(Base):
    """One wish to erase a person, by token; its rows are kept out of the lake from then on."""

    __tablename__ = "erasures"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(), primary_key=True)
    use_case: Mapped[str]
    pii: Mapped[str] = mapped_column(doc="class of personal data")
    token: Mapped[str]
    who: Mapped[str]
    why: Mapped[str]
    begun_at: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
    completed_at: Mapped[dt.datetime | None] = mapped_column(sa.DateTime(timezone=True))
    report: Mapped[dict[str, Any] | None] = mapped_column(JSONB, doc="rows per table and date, files")

    __table_args__ = (sa.Index("erasures_by_token", "use_case", "pii", "token"),)
