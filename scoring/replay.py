"""Compute published scores again, from what they were made of, and compare every column bit for bit.

    python -m scoring.replay --use-case <use case> --dates 2013-10-01

Each row names the version of the model and of the feature table that it was made from, and the ledger those of a date
without rows; they are taken, whatever is champion now and whatever was published since. Nothing is written. The exit
status is 65 where anything differs, or where something that is needed no longer exists.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import functools
import itertools
import logging
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from nightshift import lake
from nightshift.dates import BatchDates
from nightshift.declarations.score_names import FEATURE_TABLE, SCORES
from nightshift.declarations.tables import Table
from nightshift.errors import DataError, DeclarationError, MissingError, UsageError
from nightshift.job import Job, end, run_job
from nightshift.lake.recovery import recover_entries
from nightshift.models import model_version
from nightshift.spark_session import session
from scoring.compare_bits import Comparison, compare_rows
from scoring.feature_versions import same_rows
from scoring.publications import Publication, listed, publication
from scoring.reasons_dictionary_at_scoring import DictionaryOfThen
from scoring.replay_report import Replayed, as_text, replay_as_json
from scoring.score import recipe
from scoring.score_on_executors import scored
from scoring.scored_from import Basis, sources_of, sources_without_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from nightshift.models.model_version import RegisteredModel

log = logging.getLogger("nightshift")


def main(argv: list[str] | None = None) -> int:
    """Entry point; the exit status is that of :func:`nightshift.job.run_job`."""
    return run_job("replay", __doc__ or "", body, add_arguments, argv, recorded=False)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is particular to a replay."""
    parser.add_argument("--key", action="append", default=[], metavar="NAME=VALUE", help="only rows with this key")
    parser.add_argument("--score-version", type=int, help="Delta version of the scores; unset: what readers see now")
    parser.add_argument("--list", action="store_true", help="only list the versions of the scores of these dates")
    parser.add_argument("--json", action="store_true", help="for programs")


def body(job: Job, arguments: argparse.Namespace) -> None:
    """Find what the scores were made from, make them again, compare, and say what was found.

    Raises:
        NightshiftError: if anything differs, or cannot be made again.
    """
    recover_entries(job.catalog)
    if arguments.list:
        sys.stdout.write(listed(job, as_json=arguments.json))
        return
    found = replay(job, keys_of(arguments.key, job.catalog[SCORES]), arguments.score_version)
    sys.stdout.write(replay_as_json(found) if arguments.json else as_text(found))
    sys.stdout.flush()
    if not found.comparison.same:
        raise DataError(
            f"{job.catalog[SCORES].label} {job.dates} could not be computed again bit for bit: see above what "
            "differs, and whether code or environment are others than then"
        )


def replay(job: Job, keys: dict[str, str], wanted: int | None = None) -> Replayed:
    """Compute the scores of some batch dates again.

    Args:
        keys: values of key columns that the rows must have, as text.
        wanted: Delta version of the scores; the newest if None.

    Raises:
        NightshiftError: if there are no such scores, or what they were made from is gone.
    """
    scores = job.catalog[SCORES]
    published_as = [publication(job, date, wanted) for date in job.dates]
    version = lake.newest_version(scores) if wanted is None else wanted
    _refuse_gone(scores, version, job.dates, "the scores")
    spark = session(f"replay {job.use_case.name} {job.dates}", job.home, job.use_case.spark)
    published = _with_keys(lake.read(spark, scores, job.dates, version), scores, keys)
    # Rows with a key may be missing from any date, and then there is nothing to compare.
    empty = [] if keys else sources_without_rows(published_as)
    sources = sources_of(published, scores, job.dates, keys, version, empty)
    again = _again(spark, job, sources, published_as, keys)
    known = {field.name for field in lake.snapshot(scores, version).schema().fields}
    columns = [name for name in scores.column_names if name in known]
    comparison: Comparison = compare_rows(published, again, scores, columns)
    return Replayed(
        use_case=job.use_case.name,
        dates=str(job.dates),
        score_version=version,
        sources=[(str(each.date), each.model_version, each.feature_version, each.rows) for each in sources],
        comparison=comparison,
        columns=columns,
        not_compared=[name for name in scores.column_names if name not in known],
        publications=published_as,
    )


def keys_of(given: Sequence[str], scores: Table) -> dict[str, str]:
    """The key columns that were asked for, with their values.

    Raises:
        NightshiftError: if one is not written ``name=value``, or is no key.
    """
    keys = dict(each.partition("=")[::2] for each in given)
    if wrong := [each for each in given if "=" not in each or each.partition("=")[0] not in scores.keys]:
        raise UsageError(f"--key {wrong[0]}: write name=value, with a name among {', '.join(scores.keys)}")
    return keys


def _again(
    spark: SparkSession, job: Job, sources: Sequence[Basis], publications: Sequence[Publication], keys: dict[str, str]
) -> DataFrame:
    """The scores of all batch dates, made from their sources."""
    words = {each.date: each.dictionary for each in publications}
    versions = {each.model_version for each in sources}
    models = {version: model_version.load(job.use_case, version) for version in versions}
    alike = itertools.groupby(sources, key=lambda each: (each.model_version, words[each.date]))
    return _united(
        _of_one_model(spark, job, models[version], list(part), dictionary, keys)
        for (version, dictionary), part in alike
    )


def _of_one_model(
    spark: SparkSession,
    job: Job,
    model: RegisteredModel,
    sources: Sequence[Basis],
    dictionary: DictionaryOfThen | None,
    keys: dict[str, str],
) -> DataFrame:
    """The scores of batch dates that one version of the model scored, in the same words."""
    features, scores = job.catalog[FEATURE_TABLE], job.catalog[SCORES]
    if missing := sorted(set(model.encoding.features) - set(features.column_names)):
        raise DeclarationError(
            f"{model.name} version {model.version} needs {', '.join(missing)}, which {features.label} no longer "
            "declares: declare the columns again (with `until`), then replay"
        )
    words = dictionary or DictionaryOfThen.declared(job.use_case, features)
    how = recipe(model, features, scores, words, {each.date: each.feature_version for each in sources})
    rows = _united(_with_keys(_scored_from(spark, features, each), scores, keys) for each in sources)
    return scored(rows, how, model.booster, scores, sum(each.rows for each in sources))


def _scored_from(spark: SparkSession, features: Table, source: Basis) -> DataFrame:
    """The feature rows of a batch date, as they were scored."""
    dates = BatchDates.of(source.date)
    version = same_rows(features, source.date, source.feature_version)
    _refuse_gone(features, version, dates, f"the features that {source.date} was scored from")
    return lake.read(spark, features, dates, version)


def _united(parts: Iterable[DataFrame]) -> DataFrame:
    return functools.reduce(lambda one, other: one.unionAll(other), parts)


def _with_keys(rows: DataFrame, scores: Table, keys: dict[str, str]) -> DataFrame:
    from pyspark.sql import functions as F

    types = {column.name: column.type for column in scores.data_columns}
    for name, value in keys.items():
        rows = rows.where(F.col(name) == F.lit(value).try_cast(types[name]))
    return rows


def _refuse_gone(table: Table, version: int, dates: BatchDates, what: str) -> None:
    """Check a version's files against the lake: a vacuum keeps what the newest version needs, and no more.

    Raises:
        NightshiftError: if the version or its files are gone.
    """
    try:
        files = list(itertools.chain.from_iterable(lake.files_of(table, lake.snapshot(table, version), dates).values()))
        gone = lake.files_gone(files)
        why = f"{len(gone)} of its {len(files)} files were removed" if gone else ""
    except lake.VersionGone as error:
        why = str(error)
    if why:
        raise MissingError(
            f"{table.label} no longer has version {version}, {what}, for {dates} ({why}): older versions end with a "
            "vacuum, as after the erasure of a person, and these scores can't be computed again. "
            f"`nightshift replay --use-case {table.use_case} --date {dates.first} --list` lists the others"
        )


if __name__ == "__main__":
    end(main())
