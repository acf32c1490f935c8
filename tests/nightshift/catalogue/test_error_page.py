"""The reference page of errors is written from their classes, and says what the scheduler does."""

from __future__ import annotations

import ast

from nightshift.catalogue import error_page as error_reference
from nightshift.declarations.use_case import UseCase
from nightshift.errors import kinds
from nightshift.home.settings import get_settings
from nightshift_airflow.defaults import default_args
from nightshift_airflow.retries import CRASH_RETRIES


def test_each_kind_has_a_row_with_its_class_status_and_what_on_call_staff_do() -> None:
    rows = [line for line in error_reference.page().splitlines() if line.startswith("| `")]
    assert {row.split("`")[1] for row in rows} == set(kinds())
    overtaken = next(row for row in rows if row.startswith("| `overtaken`"))
    assert "| 75 | once |" in overtaken
    audit = next(row for row in rows if row.startswith("| `audit`"))
    # AuditError, which is raised there, derives from the class of the kind.
    assert "`nightshift/lake`" in audit
    assert "| 65 | no | Open the audit page" in audit
    # The operator picks the class by a job's exit status.
    assert "`plugins`" in next(row for row in rows if row.startswith("| `temporary`"))


def test_a_class_counts_where_it_is_picked_and_not_where_it_is_caught() -> None:
    source = """
def f(error: GateError) -> BusyError:
    try:
        raise (DataError if isinstance(error, MissingError) else kinds[error])("x")
    except UsageError:
        contextlib.suppress(DecisionError)
"""
    made = set(error_reference._made(ast.parse(source)))
    assert made & {each.__name__ for each in kinds().values()} == {"DataError"}


def test_the_page_says_how_often_the_scheduler_tries_again() -> None:
    arguments = default_args(UseCase.load("flight_delays", get_settings()), "nightly")
    assert f"retries the task {arguments['retries']} times, after {arguments['retry_delay'].seconds}, " in (
        error_reference.TEXT
    )
    assert (arguments["retry_exponential_backoff"], CRASH_RETRIES) == (2, 2)
