"""How bronze becomes silver: one function per silver table, DataFrame in, DataFrame out.

`spark_jobs.refine` calls each by the table's name, with the tables that its parameters name. The first is the slice
that is refined. Clients come as snapshots, with the columns ``valid_from`` and ``valid_until`` (exclusive), so that a
statement of D meets the client as known on D.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

DELINQUENT_MONTHS = 2


def statements(statements: DataFrame, clients: DataFrame) -> DataFrame:
    """The month's statements, with limit and groups of the client as known on the batch date."""
    client = clients.select(
        F.col("client_id").alias("client"),
        *("credit_limit", "sex", "age_band", "education", "valid_from", "valid_until"),
    )
    is_known = (
        (F.col("client_id") == F.col("client"))
        & (F.col("batch_date") >= F.col("valid_from"))
        & (F.col("batch_date") < F.col("valid_until"))
    )
    return statements.join(client, on=is_known, how="left").select(
        *("batch_date", "record", "client_id"),
        *("credit_limit", "sex", "age_band", "education"),
        *("pay_status", "bill_amount", "paid_amount"),
    )


def outcomes(statements: DataFrame) -> DataFrame:
    """What the month's statements say of the month before."""
    return statements.select(
        *("batch_date", "record", "client_id"),
        F.greatest("pay_status", F.lit(0)).alias("months_late"),
        (F.col("pay_status") >= DELINQUENT_MONTHS).alias("is_delinquent"),
    )
