"""Evaluate a table's suite on a staged slice."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from expectations.masking import hidden_columns, masked_row
from expectations.use_case_checks import domain_expectations
from nightshift.dates import BatchDates
from nightshift.declarations.tables import Table
from nightshift.home.outside_errors import explained_words
from nightshift.lake.audit_report import EXAMPLES, Audit, AuditReport, Check, without_result

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.datasource.fluent.interfaces import Batch
    from great_expectations.expectations.expectation import Expectation
    from pyspark.sql import DataFrame

# A context is not made for threads; audits of one process take turns.
_one_at_a_time = threading.Lock()
# Of two threads that import the package at once, one would find half of it.
_importing = threading.Lock()


def preload() -> None:
    """Import Great Expectations in the background: its seconds then pass while the JVM starts."""
    threading.Thread(target=_imported_context, name="preload-great-expectations", daemon=True).start()


def audit(
    rows: DataFrame, table: Table, dates: BatchDates, expected_rows: int | None, tests: Sequence[Check] = ()
) -> AuditReport:
    """Evaluate all checks of ``table`` on ``rows``, profile them, and keep the result as HTML pages.

    A check that cannot be evaluated has failed.

    Args:
        rows: the staged slice.
        table: its declaration.
        dates: its batch dates.
        expected_rows: how many rows there must be; None where that is not known (`expectations.emptiness`).
        tests: what was found of the stage already, by dbt's tests.
    """
    from expectations.checks_beside_suite import look_further
    from expectations.pages.data_docs import write_page

    with _one_at_a_time, ThreadPoolExecutor(1) as pool:
        _imported_context()
        # Both are mostly waiting for short Spark jobs to be planned.
        looking = pool.submit(look_further, rows, table, dates, expected_rows)
        checks = _declared_checks(rows, table, dates, expected_rows)
        further = looking.result()
        checks = (*tests, *checks, *further.checks)
        page = write_page(checks, table, dates, expected_rows, further.profiles, further.history)
        return AuditReport(checks, page=page, profiles=further.profiles)


def audit_of_tested(tests: Sequence[Check]) -> Audit:
    """The audit of a table that dbt built: its tests, which ran on the pinned stage, and the rest.

    Tables that aggregate say nothing that was not audited before; a second engine would cost a third of the job's time.

    Args:
        tests: the results of dbt's tests on the stage.
    """

    def audit_tested(rows: DataFrame, table: Table, dates: BatchDates, expected_rows: int | None) -> AuditReport:
        from expectations.checks_beside_suite import look_further
        from expectations.pages.data_docs import write_page

        further = look_further(rows, table, dates, expected_rows)
        checks = [*tests, *further.checks]
        page = write_page(checks, table, dates, expected_rows, further.profiles, further.history)
        return AuditReport(tuple(checks), page=page, profiles=further.profiles)

    return audit_tested


def _declared_checks(rows: DataFrame, table: Table, dates: BatchDates, expected_rows: int | None) -> tuple[Check, ...]:
    """What declaration and domain ask for, by Great Expectations."""
    import great_expectations as gx

    wanted = list(_suite(table, dates, expected_rows))
    suite = gx.ExpectationSuite(name=f"{table.label} {dates}", expectations=wanted)
    batch = _batch(rows, table)
    # Counts and examples cost three times as much; they are fetched only for what failed.
    result = batch.validate(suite, result_format="BOOLEAN_ONLY")
    results = [each if each.success else _in_detail(batch, each, table) for each in result.results]
    checks = [_check(each, table) for each in results]
    return (*checks, *without_result([each.meta["name"] for each in wanted], checks))


def _suite(table: Table, dates: BatchDates, expected_rows: int | None) -> Iterator[Expectation]:
    from expectations.declared_checks import declared

    yield from declared(table, expected_rows)
    if expected_rows != 0:
        yield from domain_expectations(table, dates)


def _imported_context() -> Any:
    with _importing:
        return _context()


@functools.cache
def _context() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    # Without these defaults it makes a temporary folder for pages that are never written there.
    memory = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults())
    context = gx.get_context(mode="ephemeral", project_config=memory)
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    return context


def _batch(rows: DataFrame, table: Table) -> Batch:
    source = _context().data_sources.add_or_update_spark("stage", persist=False)
    definition = source.add_dataframe_asset(table.identifier).add_batch_definition_whole_dataframe("slice")
    return definition.get_batch({"dataframe": rows})


def _in_detail(batch: Batch, failed: ExpectationValidationResult, table: Table) -> ExpectationValidationResult:
    """Evaluate a failed check once more, for the number of rows and examples."""
    if _exception(failed):
        return failed
    detailed = batch.validate(
        failed.expectation_config.to_domain_obj(),
        result_format={
            "result_format": "SUMMARY",
            "partial_unexpected_count": EXAMPLES,
            "unexpected_index_column_names": list(table.keys),
        },
    )
    # The first verdict stands: what failed once is not published because it passed on a second look.
    detailed.success = False
    return detailed


def _check(result: ExpectationValidationResult, table: Table) -> Check:
    config = result.expectation_config
    meta, found, fault = config.meta, result.result, _exception(result)
    if told := explained_words(fault):
        raise told
    hidden = hidden_columns(table)
    return Check(
        name=meta["name"],
        consequence="warns" if config.severity == "warning" else "blocks",
        why=meta["why"],
        passed=bool(result.success) and not fault,
        failed_rows=found.get("unexpected_count"),
        examples=[] if result.success else _examples(found, config.kwargs, hidden),
        observed=f"could not be evaluated: {fault}" if fault else _observed(found, config.kwargs, hidden),
    )


def _examples(found: dict[str, Any], arguments: dict[str, Any], hidden: set[str]) -> list[Mapping[str, Any]]:
    rows = found.get("partial_unexpected_index_list") or found.get("partial_unexpected_list") or []
    distinct: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        named = row if isinstance(row, dict) else {arguments.get("column", "value"): row}
        shown = masked_row(named, hidden)
        distinct.setdefault(repr(shown), shown)
    return list(distinct.values())[:EXAMPLES]


def _observed(found: dict[str, Any], arguments: dict[str, Any], hidden: set[str]) -> str:
    if "observed_value" not in found or arguments.get("column") in hidden:
        return ""
    expected = {
        name: value for name, value in arguments.items() if name in ("value", "min_value", "max_value", "column_list")
    }
    return f"{found['observed_value']}, expected {expected}"


def _exception(result: ExpectationValidationResult) -> str:
    info = result.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    return "; ".join(str(entry.get("exception_message")) for entry in entries if entry.get("raised_exception"))
