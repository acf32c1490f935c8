"""Personal data on its way into the lake: judged in clear, then replaced by tokens or dropped; never shown.

The key is part of no Spark expression: it travels in the closure of an Arrow function, which plans, logs and event logs
name and do not print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import functions as F

from nightshift.declarations.tables import PiiClass, Table
from nightshift.ingest.delivery import Delivery, Fault
from nightshift.ingest.delivery.column_drift import delivered_name, landed_columns
from nightshift.ingest.privacy.tokens import MASK, masked_words, personal_columns, token
from nightshift.ingest.quarantine.quarantined_rows import ERASED
from nightshift.ledger.erasures import Erasure

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

ERASED_REASON = "it is about a person who was erased"


def masked(records: DataFrame, table: Table) -> DataFrame:
    """Records that can be shown: what the quarantine and messages take from them holds no personal data.

    ``raw`` is put together again from the fields, with `***` for personal ones; a record that could not be parsed may
    hold them anywhere, so its text is withheld. Of undeclared fields the number stays: their names may be values that
    slipped. ``faults`` quote declared names only.
    """
    personal = {column.name for column in personal_columns(table)}
    if not personal:
        return records
    shown = [
        F.when(F.col(f"fields.{column.name}").isNotNull(), F.lit(MASK)).alias(column.name)
        if column.name in personal
        else F.col(f"fields.{column.name}").alias(column.name)
        for column in landed_columns(table)
    ]
    raw = F.to_json(F.struct(*shown), {"ignoreNullFields": "false"})
    return records.withColumns(
        {
            "raw": F.when(F.col("faults") == "", raw).otherwise(withheld(F.octet_length("raw"))),
            "extra": _only_counted("extra"),
        }
    )


def withheld(size: Column | None = None) -> Column:
    """What stands for a record whose text must not be shown: where a person with access to the file finds it.

    Args:
        size: of the text, in bytes, where it is known.
    """
    said = F.lit("") if size is None else F.concat(size.cast("string"), F.lit(" bytes, "))
    return F.concat(
        F.lit("withheld: "), said, F.lit("see record "), F.col("record").cast("string"), F.lit(" of "), F.col("file")
    )


def masked_faults(delivery: Delivery, tables: Iterable[Table]) -> Delivery:
    """The delivery, with what is said of faulty files free of what may be personal data.

    A file without its header has a person's record in its place.
    """
    declared = {
        table.name: {name for column in landed_columns(table) for name in (column.name, delivered_name(table, column))}
        for table in tables
        if personal_columns(table)
    }

    def mask(fault: Fault) -> Fault:
        if fault.source not in declared:
            return fault
        return replace(fault, reason=masked_words(fault.reason, declared[fault.source]))

    return replace(delivery, faults=tuple(mask(fault) for fault in delivery.faults))


def tokenised(rows: DataFrame, table: Table, key: bytes) -> DataFrame:
    """Judged rows with tokens in place of personal data, or null where it is declared to be dropped."""
    columns = {
        column.name: tokens(column.pii, key)(F.col(column.name))
        if column.treatment == "tokenise"
        else F.lit(None).cast(column.type)
        for column in personal_columns(table)
        if column.pii is not None and column.name in rows.columns
    }
    return rows.withColumns(columns)


def tokens(pii: PiiClass, key: bytes) -> Callable[[Column], Column]:
    """A function of Spark that makes the tokens of one class."""

    def tokenise(values: pa.Array) -> pa.Array:
        distinct = values.dictionary_encode()
        made = [None if value is None else token(key, pii, value) for value in distinct.dictionary.to_pylist()]
        return pa.array(made, pa.string()).take(distinct.indices)

    # Annotations are looked up in this module, of which workers have a copy.
    made: Callable[[Column], Column] = F.arrow_udf(tokenise, "string")  # type: ignore[attr-defined]
    return made


def without_erased(rows: DataFrame, table: Table, erasures: Sequence[Erasure]) -> DataFrame:
    """Tokenised rows, those of erased persons marked as rejected, with nothing left of their content.

    Args:
        rows: judged and decided.
        table: whose columns hold the tokens.
        erasures: of the use case; one for each token.
    """
    is_about = [
        F.col(column.name).isin([each.token for each in mine])
        for column in personal_columns(table)
        if column.treatment == "tokenise" and (mine := [each for each in erasures if each.pii == column.pii])
    ]
    if not is_about:
        return rows
    gone = F.coalesce(is_about[0], F.lit(False))
    for each in is_about[1:]:
        gone = gone | F.coalesce(each, F.lit(False))
    changed = {f"_{name}": value for name, value in erased_mark().items()}
    changed |= {"extra": F.lit(None).cast("string"), "_decision": F.lit(None).cast("bigint")}
    return rows.withColumns({name: F.when(gone, value).otherwise(F.col(name)) for name, value in changed.items()})


def erased_mark() -> dict[str, Column]:
    """What the quarantine's columns say of a row whose person was erased; nothing is left of its content."""
    return {
        "rules": F.lit(ERASED),
        "reason": F.lit(ERASED_REASON),
        "raw": withheld(),
        "status": F.lit("rejected"),
        "decided_by": F.lit(None).cast("string"),
        "decided_why": F.lit("see the erasures in the ledger"),
    }


def _only_counted(column: str) -> Column:
    """A JSON object that tells how many fields another one has, and nothing else of them."""
    number = F.size(F.map_keys(F.from_json(column, "map<string,string>"))).cast("string")
    said = F.to_json(F.create_map(F.lit(MASK), F.concat(number, F.lit(" undeclared"))))
    return F.when(F.col(column).isNotNull(), said)
