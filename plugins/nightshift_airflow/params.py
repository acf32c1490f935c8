"""The fields of the trigger forms. Their schemas refuse what is malformed; `runs` refuses what makes no sense."""

from __future__ import annotations

from airflow.sdk import Param

from nightshift.declarations.use_case import UseCase
from nightshift.person import WHY_LENGTH
from nightshift_airflow.runs import AS_OF, EVERYTHING, INGEST_ONLY, span

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
# Template of `JobOperator.wanted` for the tasks that an ingest leaves out.
SCORES_ARE_WANTED = f"{{{{ params.stages == '{EVERYTHING}' }}}}"
# Templates of `JobOperator.announced`: past dates only where it is asked for, a night in any case.
IF_ASKED = "{{ params.announce }}"
IF_ASKED_OR_NIGHT = "{{ params.announce or dag_run.run_type != 'backfill' }}"
# The same text goes to `scoring.score --model`, which checks it once more.
MODEL_PATTERN = "^(as_of|champion|(version=)?[1-9][0-9]{0,8})$"


def optional_date(title: str, description: str) -> Param:
    """A date picker that may stay empty."""
    return Param(None, type=["null", "string"], format="date", title=title, description_md=description)


def required_date(title: str, description: str) -> Param:
    """A date picker that must be filled in."""
    return Param(type="string", format="date", title=title, description_md=description)


def optional_range(title: str, description: str) -> Param:
    """One date or an inclusive range, that may stay empty."""
    pattern = rf"^{_DATE}(\.\.{_DATE})?$"
    return Param(None, type=["null", "string"], pattern=pattern, title=title, description_md=description)


def switch(title: str, description: str) -> Param:
    """A switch that is off."""
    return Param(False, type="boolean", title=title, description_md=description)


def optional_count(title: str, description: str, maximum: int, minimum: int = 1) -> Param:
    """A whole number that may stay empty."""
    return Param(
        None, type=["null", "integer"], minimum=minimum, maximum=maximum, title=title, description_md=description
    )


def model() -> Param:
    """Which version of the model scores."""
    return Param(
        AS_OF,
        type="string",
        pattern=MODEL_PATTERN,
        title="Model",
        description_md="`as_of`: of each batch date the model that was champion then. `champion`: the one of the dates "
        "to come. `version=3`, or just `3`: that registered version.",
    )


def version(use_case: UseCase) -> Param:
    """The version of the model that is put back."""
    return Param(
        type="integer",
        minimum=1,
        maximum=999_999_999,
        title="Version",
        description_md="The version to put back, like `1`. Those that were champion are shown by "
        f"`nightshift models history --use-case {use_case.name}`.",
    )


def why(description: str) -> Param:
    """A reason that must be given; one line, as the ledger keeps it."""
    pattern = rf"^[^\s-][^\r\n]{{0,{WHY_LENGTH - 1}}}$"
    return Param(type="string", pattern=pattern, title="Why", description_md=description)


def stages() -> Param:
    """How far a backfill goes."""
    return Param(
        EVERYTHING,
        type="string",
        enum=[EVERYTHING, INGEST_ONLY],
        values_display={
            EVERYTHING: "Everything: ingest, scores and marts",
            INGEST_ONLY: "Ingest only: land, refine and features",
        },
        title="Stages",
        description_md="Ingest only, where there is no model yet or the scores shall stay as they are.",
    )


def announce() -> Param:
    """Whether other DAGs hear of past dates that are published again."""
    return switch(
        "Announce",
        "Start the DAGs that wait for these tables, as a night does. If it is off, past dates are published silently.",
    )


def batch_date(use_case: UseCase) -> Param:
    """The batch date of a run that was triggered by hand."""
    return optional_date(
        "Batch date",
        f"The date of the delivery to work on, {span(use_case)}. Needed for a run started by hand, unless its "
        "logical date is that day's midnight.",
    )
