"""Erase a person: remove their rows from every layer, the older versions that hold them, and the archived files.

The value by which the person is known comes on standard input, never on the command line. From the first moment the
ledger keeps the person's token, so that landing their files again does not bring the rows back (docs/privacy.md).
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import contextlib
import datetime as dt
import logging
import sys
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nightshift import lake, ledger, terminal
from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.source import FileSource, JdbcSource
from nightshift.declarations.tables import LAYERS, PiiClass
from nightshift.declarations.use_case import UseCase
from nightshift.errors import ConflictError, UsageError
from nightshift.figures import first_of
from nightshift.home.settings import get_settings
from nightshift.ingest import archive
from nightshift.ingest.delivery import landing_folder
from nightshift.ingest.privacy.person_files import files_with, remove_clear_leftovers
from nightshift.ingest.privacy.person_key import known_key
from nightshift.ingest.privacy.tokens import MASK, is_token, personal_columns, token
from nightshift.job import EXIT_STATUSES, Job, end, framed
from nightshift.ledger.erasures import (
    begin_erasure,
    complete_erasure,
    erased,
    forget,
    merged,
    unfinished,
)
from nightshift.person import person
from nightshift.spark_session import session
from nightshift.stages import ERASE

if TYPE_CHECKING:
    from spark_jobs.rows_of_person import FoundRows

log = logging.getLogger("nightshift")
LINES_NAMED = 20
PAGES_AT_ONCE = 8


@dataclass(frozen=True)
class Wish:
    """Who is to be erased.

    Attributes:
        value: how the person is called in the files; None where only the token is known.
    """

    catalog: Catalog
    pii: PiiClass
    token: str
    value: str | None
    who: str
    why: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job from the command line; the value is read from standard input."""
    arguments = _parser().parse_args(argv)

    def work() -> None:
        value = None if arguments.token else sys.stdin.read().rstrip("\r\n")
        wish = _wish(Catalog(UseCase.load(arguments.use_case, get_settings())), arguments, value)
        erase(wish, dry_run=arguments.dry_run)

    return framed(ERASE, work)


def erase(wish: Wish, dry_run: bool) -> dict[str, Any]:
    """Find the person, remove the rows and files, make sure of it, and report.

    Returns:
        What the ledger keeps of it: rows per table and batch date, archived and landed files.

    Raises:
        NightshiftError: if nothing of the person is there, or rows came back while this ran.
    """
    use_case = wish.catalog.use_case
    spark = session(f"erase {use_case.name}", use_case.home, use_case.spark)
    from spark_jobs.rows_of_person import find_tables

    tables = [table for layer in LAYERS for table in wish.catalog.layer(layer) if table.name != "quarantine"]
    found = find_tables(spark, tables, wish.token)
    # What an erasure removed before it was cut off is still in older versions, and in the archive.
    report = merged([*unfinished(use_case.name, wish.pii, wish.token), _report(wish, found)])
    _print(wish, report, dry_run)
    if not any(report.values()) and wish.token not in {each.token for each in erased(use_case.name, [wish.pii])}:
        raise UsageError("nothing of this person is here: the value must be exactly as it was delivered")
    if dry_run:
        return report
    number = begin_erasure(use_case.name, wish.pii, wish.token, wish.who, wish.why, report)
    _remove(wish, found, run_id=f"erase-{number}")
    if again := find_tables(spark, tables, wish.token):
        raise ConflictError(
            f"rows of the person are in {', '.join(each.table.label for each in again)} again: a stage was running "
            f"meanwhile. Let the runs of {use_case.name} end, then run this command again"
        )
    unsettled = [table.label for table in tables if not lake.sweep(table)]
    for table in tables:
        if personal_columns(table) or table.short_name in report["rows"]:
            lake.vacuum(table, 0)
    _remove_archived(wish, report)
    remove_clear_leftovers(use_case)
    _remove_pages(wish)
    forget(wish.token, MASK)
    if unsettled:
        raise ConflictError(
            f"a run was killed while it published {', '.join(unsettled)}, and what it wrote can be removed only after "
            "the next publication there",
            remedy="run the stage that writes it again, then this command",
        )
    complete_erasure(number)
    log.info("done: erasure %s in the ledger", number)
    return report


def _remove(wish: Wish, found: Sequence[FoundRows], run_id: str) -> None:
    """Layer by layer, so that a stage that starts meanwhile finds nothing to bring back."""
    from pyspark.sql import SparkSession

    from spark_jobs.rows_of_person import keep_account, remove

    spark = SparkSession.active()
    for each in found:
        job = Job(ERASE, wish.catalog.use_case, wish.catalog, BatchDates.of(min(each.by_date)), run_id)
        if each.table.source is not None:
            keep_account(spark, job, each, wish.token)
        remove(spark, job, each, wish.token)


def _report(wish: Wish, found: Sequence[FoundRows]) -> dict[str, Any]:
    """Rows, archived files, and the places whose owners must remove the person, with lines where the value is known."""
    use_case = wish.catalog.use_case
    place, landing = archive.of(use_case), landing_folder(use_case)
    archived: set[str] = set()
    landed: dict[str, list[int]] = {}
    if wish.value is not None:
        archived = {name.rpartition("/")[2] for name in files_with(place, wish.value)}
        landed = {str(landing / name): lines for name, lines in files_with(landing.location, wish.value).items()}
    for each in found:
        for date, name, sha256 in each.rows if each.table.source is not None else ():
            archived |= set(archive.copies(place, sha256))
            if isinstance(each.table.source, FileSource):
                landed.setdefault(str(landing / date.isoformat() / name), [])
    digests = {sha256 for each in found for _, _, sha256 in each.rows} | {name.split(".")[0] for name in archived}
    databases = _databases(wish.catalog, digests)
    rows = {each.table.short_name: {str(date): number for date, number in each.by_date.items()} for each in found}
    return {"rows": rows, "archived": sorted(archived), "landed": landed, "databases": databases}


def _databases(catalog: Catalog, digests: Set[str]) -> dict[str, list[str]]:
    """Relations that extracts came from, rejected rows among them, each with its batch dates."""
    found: dict[str, list[str]] = {}
    for date, names in ledger.delivered_before(catalog.use_case.name, digests).items():
        for table in catalog.sources:
            source = table.source
            relation = f"{source.connection}.{source.relation}" if isinstance(source, JdbcSource) else ""
            if any(sha256 in digests and name.split("#")[0] == f"jdbc:{relation}" for name, sha256 in names.items()):
                found.setdefault(relation, []).append(date.isoformat())
    return found


def _print(wish: Wish, report: dict[str, Any], dry_run: bool) -> None:
    terminal.echo(f"{wish.token} ({wish.pii}) in {wish.catalog.use_case.name}{', only looked up' if dry_run else ''}")
    for name, dates in report["rows"].items():
        for date, number in dates.items():
            terminal.echo(f"  {name} {dt.date.fromisoformat(date)}: {number} rows")
    for name in report["archived"]:
        terminal.echo(f"  archived file {name}: {'would be' if dry_run else 'is'} deleted, with all that it holds")
    for path, lines in report["landed"].items():
        where = f", lines {first_of(lines, LINES_NAMED)}" if lines else ""
        terminal.echo(
            f"  delivered file {path}{where}: the owner of the landing zone must remove them, and the sender too"
        )
    for relation, dates in report["databases"].items():
        terminal.echo(f"  database {relation}, rows of the batch dates {', '.join(dates)}: its owner must remove them")
    sys.stdout.flush()


def _remove_archived(wish: Wish, report: Mapping[str, Any]) -> None:
    use_case = wish.catalog.use_case
    for name in report["archived"]:
        archive.remove(archive.of(use_case), name)


def _remove_pages(wish: Wish) -> None:
    """Audit pages show examples; those that show the person go."""
    pages = wish.catalog.use_case.home.data_docs / wish.catalog.use_case.name
    # Of a writer that was killed; a page is written in a moment.
    pages.delete_unfinished(idle_seconds=60)

    def remove(name: str) -> None:
        page = pages / name
        # An index may be replaced meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if wish.token.encode() in page.read():
                page.delete()

    # In a store, each page is a wait.
    with ThreadPoolExecutor(PAGES_AT_ONCE) as pool:
        for _ in pool.map(remove, (page.name for page in pages.walk())):
            pass


def _wish(catalog: Catalog, arguments: argparse.Namespace, value: str | None) -> Wish:
    table = catalog[arguments.table]
    columns = {column.name: column for column in personal_columns(table) if column.treatment == "tokenise"}
    if arguments.column not in columns:
        known = ", ".join(columns) or "none"
        raise UsageError(f"{table.label} has no tokenised personal column {arguments.column!r}; it has: {known}")
    pii = columns[arguments.column].pii
    assert pii is not None
    who, why = person(arguments.who, arguments.why)
    if arguments.token is not None:
        if not is_token(arguments.token):
            # What was given may be the person's value itself.
            raise UsageError(
                "--token is no token: they look like tok_ and 32 hexadecimal digits. Give a value on standard input"
            )
        return Wish(catalog, pii, arguments.token, None, who, why)
    if not value:
        raise UsageError("no value came on standard input: it names the person, exactly as it was delivered")
    if value.casefold() in f"{who}\n{why}".casefold():
        raise UsageError("--who or --why holds the value itself, and the ledger keeps them: leave it out")
    return Wish(catalog, pii, token(known_key(catalog.use_case), pii, value), value, who, why)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXIT_STATUSES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--use-case", required=True)
    parser.add_argument("--table", required=True, help="a table that knows the person, like bronze.customers")
    parser.add_argument("--column", required=True, help="its column by whose value the person is found")
    parser.add_argument("--token", help="the token of the value, instead of the value on standard input")
    parser.add_argument("--who", required=True, help="who carries it out")
    parser.add_argument("--why", required=True, help="on what ground; no personal data")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    return parser


if __name__ == "__main__":
    end(main())
