"""What the class-data archive is recorded from: one small application that does what real jobs do.

`jvm_class_archive` runs it as ``python -m nightshift.install.setup.jvm_class_archive_run <folder>``. A class that is
not loaded here is loaded the slow way in every night.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_DAY = dt.date(2001, 1, 1)


def main(folder: Path) -> None:
    """Read every format, transform, write, audit, replace and read Delta, score in Python."""
    from nightshift.home.settings import Settings
    from nightshift.spark_session import session

    spark = session("class data", Settings())
    rows = _landed(spark, folder)
    table = _delta(spark, rows, folder)
    _sql(spark, table)
    _python(table)
    spark.stop()


def _landed(spark: SparkSession, folder: Path) -> DataFrame:
    """Text, CSV, JSON, gzip and Parquet with declared schemas; parsing from text columns with quarantine."""
    from pyspark.sql import functions as F

    schema = "day date, name string, number int, amount double, moment timestamp, flag boolean"
    lines = [f"2001-01-0{n % 2 + 1},n{n},{n},{n}.5,2001-01-01T00:00:00Z,true" for n in range(20)]
    (folder / "a.csv").write_text("day,name,number,amount,moment,flag\n" + "\n".join(lines) + "\n")
    csv = spark.read.schema(schema + ", bad string").csv(
        str(folder / "a.csv"), header=True, mode="PERMISSIVE", columnNameOfCorruptRecord="bad"
    )
    csv.drop("bad").write.mode("overwrite").parquet(str(folder / "parquet"))
    csv.drop("bad").coalesce(1).write.mode("overwrite").json(str(folder / "json"), compression="gzip")
    spark.read.schema(schema).json(str(folder / "json")).collect()
    text = spark.read.text(str(folder / "a.csv")).withColumn("file", F.input_file_name())
    numbered = text.rdd.zipWithIndex().map(lambda pair: (pair[1], pair[0].value)).toDF("record bigint, value string")
    parsed = numbered.filter("record > 0").select(
        "record",
        F.from_csv("value", schema, {"mode": "PERMISSIVE"}).alias("csv"),
        F.from_json(F.lit('{"name": "x", "number": 1}'), schema).alias("json"),
        F.to_json(F.struct("record", "value")).alias("raw"),
        F.sha2("value", 256).alias("digest"),
        F.expr("map_keys(from_json('{}', 'map<string,string>'))").alias("fields"),
    )
    parsed.selectExpr("record", "csv.*", "digest", "raw").filter("name rlike '^n[0-9]+$'").collect()
    return spark.read.schema(schema).parquet(str(folder / "parquet"))


def _delta(spark: SparkSession, rows: DataFrame, folder: Path) -> DataFrame:
    """Stage, publish by replacing dates, with metadata; read by version and by name."""
    path = str(folder / "delta")
    for _ in range(2):
        rows.select("day", "name", "number", "amount", "moment", "flag").write.mode("overwrite").parquet(
            path + "_stage"
        )
        (
            spark.read.parquet(path + "_stage")
            .write.format("delta")
            .mode("overwrite")
            .partitionBy("day")
            .option("replaceWhere", f"day >= DATE'{_DAY}' AND day <= DATE'2001-01-02'")
            .option("userMetadata", "{}")
            .save(path)
        )
    spark.read.format("delta").option("versionAsOf", 0).load(path).filter("day = DATE'2001-01-01'").count()
    spark.sql("CREATE DATABASE IF NOT EXISTS silver")
    spark.sql(f"CREATE TABLE IF NOT EXISTS silver.class_data USING delta LOCATION '{path}'")
    spark.sql(f"DESCRIBE HISTORY delta.`{path}`").select("version", "operationMetrics").collect()
    return spark.table("silver.class_data")


def _sql(spark: SparkSession, table: DataFrame) -> None:
    """Joins, windows, aggregates and the audit's kinds of query."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    spark.sql(
        """
        WITH daily AS (
            SELECT day, name, count(*) AS n, sum(amount) AS total, avg(CAST(flag AS int)) AS rate,
                   max(moment) AS latest, count(DISTINCT number) AS numbers
            FROM silver.class_data GROUP BY day, name
        ), trailing AS (
            SELECT *, sum(n) OVER (
                PARTITION BY name ORDER BY CAST(date_diff(day, DATE'2000-01-01') AS int)
                RANGE BETWEEN 28 PRECEDING AND 1 PRECEDING) AS before
            FROM daily
        )
        SELECT t.day, t.name, coalesce(trailing.before, 0) / (coalesce(trailing.before, 0) + 10) AS smoothed,
               dayofweek(t.day) AS weekday, hour(from_utc_timestamp(t.moment, 'America/New_York')) AS local_hour,
               make_timestamp(2001, 1, 1, 0, 0, 0) AS made, try_cast(t.name AS int) AS tried,
               sin(t.amount) AS wave, greatest(t.number, 3) AS most, xxhash64(t.name) AS hash
        FROM silver.class_data t
        LEFT JOIN trailing ON t.day = trailing.day AND t.name = trailing.name
        LEFT JOIN (SELECT DISTINCT name FROM silver.class_data) names ON t.name = names.name
        ORDER BY t.day, t.name
        """
    ).toPandas()
    newest = Window.partitionBy("name").orderBy(F.col("moment").desc())
    table.withColumn("place", F.row_number().over(newest)).filter("place = 1").dropDuplicates(["name"]).count()
    table.agg(F.count(F.lit(1)), F.countDistinct("name"), F.min("amount"), F.approx_count_distinct("name")).collect()
    table.groupBy("name").count().filter("count > 1").limit(5).collect()
    table.cache().count()
    table.unpersist()


def _python(table: DataFrame) -> None:
    """Arrow in and out of Python workers, as scoring does it."""

    def scored(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            yield batch[["name"]].assign(probability=0.5)

    table.repartition(2).mapInPandas(scored, "name string, probability double").toPandas()
    spark = table.sparkSession
    spark.createDataFrame(pd.DataFrame({"name": ["a"], "amount": [1.0]})).collect()
    spark.createDataFrame([(_DAY, "a")], "day date, name string").count()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
