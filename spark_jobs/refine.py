"""Refine bronze tables into silver: typed, in UTC, newest record per key, with reference data as of the date.

What is particular to a use case stands in `use_cases/<name>/refine.py`: one function per silver table. A silver table
without a function has the columns of the bronze table of its name, as they are.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import datetime as dt
import functools
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import expectations
from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.tables import PARTITION, Table
from nightshift.declarations.use_case_code import load_module
from nightshift.errors import DataError, DeclarationError
from nightshift.job import Job, end, run_job
from nightshift.lake.publication import Slice, publish_all
from nightshift.ledger import BY_FILE, LOOKED_UP, Input
from nightshift.ledger.row_accounting import Accounting
from nightshift.spark_session import session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

log = logging.getLogger("nightshift")

SHOWN_KEYS = 10
_COUNTED = ("rows", "records", "older", "differing")
# Parameters that can be given by their names.
BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Refinement:
    """How one silver table is made: a function, and the inputs that its parameters name, the slice first."""

    table: Table
    function: Callable[..., DataFrame]
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Refined:
    """A silver slice: all records, ranked within their key, and the bronze slice that they come from.

    Attributes:
        versions: the bronze tables that were read, by name; the slice's own comes first.
    """

    table: Table
    records: DataFrame
    bronze: DataFrame
    versions: Mapping[str, int]


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("refine", __doc__ or "", refine, argv=argv)


def refine(job: Job, arguments: argparse.Namespace) -> None:
    """Compute the slices of all silver tables, count them, and publish.

    Raises:
        NightshiftError: if a bronze slice was not landed, or a silver table has no function.
    """
    expectations.preload()
    wanted = refinements(job)
    spark = session(f"refine {job.use_case.name} {job.dates}", job.home, job.use_case.spark)
    refined = compute(spark, job, wanted)
    accounts = account(refined, job.dates)
    publish_all(
        job, [Slice(each.table, newest(each), expectations.audit, accounts[each.table.name]) for each in refined]
    )


def refinements(job: Job) -> list[Refinement]:
    """The functions of the use case, one for each silver table.

    Raises:
        NightshiftError: if a table has none, and no bronze table of its name has its columns; or if one does not ask
            for the slice that it refines.
    """
    module = load_module(job.use_case, "refine") if (job.use_case.folder / "refine.py").is_file() else None
    found = []
    for table in job.catalog.layer("silver"):
        function = getattr(module, table.name, None)
        if function is None:
            found.append(Refinement(table, _as_it_is(job, table), (table.name,)))
        else:
            found.append(Refinement(table, function, _inputs_of(job, table, function)))
    return found


def _inputs_of(job: Job, table: Table, function: object) -> tuple[str, ...]:
    """The inputs that a function's parameters name: first the slice that it refines."""
    slices = [source.name for source in job.catalog.sources if source.source and source.source.required]
    parameters = inspect.signature(function).parameters if callable(function) else {}
    names, unnamed = tuple(parameters), [str(each) for each in parameters.values() if each.kind not in BY_NAME]
    if not callable(function):
        wrong = "is not a function"
    elif not names:
        wrong = "has no parameters, so it is given no rows"
    elif unnamed:
        wrong = f"has the parameter {unnamed[0]}, to which nothing can be given by its name"
    elif names[0] not in slices:
        wrong = f"has {names[0]!r} as its first parameter, which is no table with rows of each batch date"
    else:
        return names
    raise DeclarationError(
        f"{job.use_case.folder / 'refine.py'}: {table.name} {wrong}\n"
        f"  next: begin it with `def {table.name}(<table>, …)`: the first parameter names the bronze table whose rows "
        f"become {table.label} ({' or '.join(slices) or 'none is declared'}), the others name what it joins, tables or "
        "`calendar`"
    )


def _as_it_is(job: Job, table: Table) -> Callable[..., DataFrame]:
    """The default transform: the silver table's columns, under the names that they have in bronze."""
    bronze = next((each for each in job.catalog.sources if each.name == table.name), None)
    types = {column.name: column.type for column in bronze.columns} if bronze else {}
    other = [column.name for column in table.data_columns if types.get(column.name) != column.type]
    if bronze is None or other:
        wrong = f"has no {', '.join(other)} of that type" if bronze else "does not exist"
        raise DeclarationError(
            f"{job.use_case.folder / 'refine.py'} has no function {table.name}(…), which {table.label} needs: "
            f"bronze.{table.name} {wrong}, so its rows can't be taken as they are"
        )
    return lambda **inputs: inputs[table.name].select(*table.column_names, "record")


def compute(spark: SparkSession, job: Job, wanted: Sequence[Refinement]) -> list[Refined]:
    """The slices, not yet evaluated; inputs that several share are built once."""
    from spark_jobs.refine_inputs import find_input, ranked

    # Pinned before anything is read, so that what the ledger names is what was read.
    versions = {table.name: lake.newest_version(table) for table in job.catalog.sources if table.exists()}
    names = dict.fromkeys(name for each in wanted for name in each.inputs)
    inputs = {name: find_input(spark, job, name, versions.get(name)) for name in names}
    return [
        Refined(
            each.table,
            ranked(
                each.function(**{name: inputs[name] for name in each.inputs}),
                each.table.keys,
                _label_of(job, each.table),
            ).cache(),
            inputs[each.inputs[0]],
            {f"bronze.{name}": versions[name] for name in each.inputs if name in versions},
        )
        for each in wanted
    ]


def _label_of(job: Job, table: Table) -> str | None:
    """The column that models learn to predict, where a table holds it."""
    target = job.use_case.target
    return target.column if table.name == target.table and target.column in table.column_names else None


def newest(refined: Refined) -> DataFrame:
    """The newest record of each key, in the table's columns."""
    from spark_jobs.refine_inputs import RANK

    return refined.records.where(f"{RANK} = 1").select(*refined.table.column_names)


def account(refined: Sequence[Refined], dates: BatchDates) -> Mapping[str, Accounting]:
    """Rows in and rows dropped as older, per table, batch date and landed file, in one Spark job.

    Rows in are counted in bronze itself, file by file, and the records that a function made are checked against them. A
    date without rows has no file, and names the versions in which there were none.

    Raises:
        NightshiftError: naming table, date and file of which a function lost or doubled rows.
    """
    found = _counts(refined)
    _refuse_other_records(found)
    _warn_of_two_labels(found)
    inputs: dict[str, dict[dt.date, list[Input]]] = {each.table.name: {date: [] for date in dates} for each in refined}
    for row in found:
        taken = Input("file", row.file, row.sha256, row.rows, deduplicated=row.older)
        inputs[row["name"]].setdefault(row.batch_date, []).append(taken)
    for each in refined:
        for by_date in inputs[each.table.name].values():
            by_date += [
                # The rows of the slice itself are accounted for file by file.
                Input("table", name, str(version), 0, origin=LOOKED_UP if number else BY_FILE)
                for number, (name, version) in enumerate(each.versions.items())
            ]
    return {name: Accounting(by_date) for name, by_date in inputs.items()}


def _counts(refined: Sequence[Refined]) -> list[Row]:
    """Rows in bronze, records made of them, those that are older, and of these those whose label is another one."""
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F

    from spark_jobs.refine_inputs import DIFFERS, RANK

    file = (F.col("record.file").alias("file"), F.col("record.file_sha256").alias("sha256"))
    # Of bronze, each record is there once. As many records whose hashes cancel out theirs are these, each once.
    mark = F.bit_xor(F.xxhash64("record.record")).alias("mark")
    counts = []
    for each in refined:
        name = F.lit(each.table.name).alias("name")
        made = {
            "rows": F.lit(0), "records": F.count("*"), "older": F.count_if(F.col(RANK) > 1),
            "differing": F.count_if(DIFFERS) if DIFFERS in each.records.columns else F.lit(0),
        }  # fmt: skip
        landed = {**dict.fromkeys(made, F.lit(0)), "rows": F.count("*")}
        for rows, aggregates in ((each.bronze, landed), (each.records, made)):
            named = [aggregate.alias(column) for column, aggregate in aggregates.items()]
            counts.append(rows.groupBy(name, PARTITION, *file).agg(*named, mark))
    sums = [*(F.sum(column).alias(column) for column in _COUNTED), F.bit_xor("mark").alias("mark")]
    both = functools.reduce(DataFrame.unionByName, counts).groupBy("name", PARTITION, "file", "sha256")
    return both.agg(*sums).collect()


def _warn_of_two_labels(found: Sequence[Row]) -> None:
    """Say of which deliveries two records of one key differ in the label, of which the newest counts."""
    for row in sorted((row for row in found if row.differing), key=lambda row: (row.batch_date, row.file)):
        log.warning(
            "silver.%s of %s, %s: %d records have another label than a newer record of their key in the same delivery, "
            "which counts; if it should be another one, name the column that tells with `newest_by` in tables.yaml",
            row["name"], row.batch_date, row.file, row.differing,
        )  # fmt: skip


def _refuse_other_records(found: Sequence[Row]) -> None:
    """Refuse what functions made of bronze, where it does not hold each record of bronze once."""
    wrong = []
    for row in sorted(found, key=lambda row: [str(cell) for cell in row]):
        if row.records != row.rows or row.mark:
            others = "" if row.records != row.rows else ", some of them twice and others not at all"
            place = f"silver.{row['name']} of {row.batch_date}, {row.file or 'of no file'}"
            wrong.append(f"  {place}: {row.rows} rows in bronze, {row.records} records made of them{others}")
    if wrong:
        more = [f"  and {len(wrong) - SHOWN_KEYS} more"] if wrong[SHOWN_KEYS:] else []
        raise DataError(
            "a function of refine.py loses or doubles rows, so nothing was published; it must give each row of its "
            "first table once, with the `record` of it:\n" + "\n".join([*wrong[:SHOWN_KEYS], *more]) + "\n"
            'Next: let it join with how="left", and what has a key once: reference data on both ends of their '
            "validity, other slices on `batch_date` too. Rows that are not wanted are set aside by a rule in "
            "tables.yaml"
        )


if __name__ == "__main__":
    end(main())
