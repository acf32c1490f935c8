"""What must hold between model, feature table and score table before any row is scored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from nightshift.declarations.built_in_columns import score_columns
from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DataError, DeclarationError


def refuse_missing_cases(rows_in: Mapping[dt.date, int], cases: Mapping[dt.date, int], features: Table) -> None:
    """Check the feature rows against what the night decided is to be scored.

    Raises:
        NightshiftError: naming the batch dates on which the numbers differ.
    """
    wrong = [
        f"{date}: {count} cases, {rows_in[date]} feature rows"
        for date, count in cases.items()
        if count != rows_in[date]
    ]
    if wrong:
        raise DataError(
            f"{features.label} does not have a row for each case, nothing was scored; build the features again:\n  "
            + "\n  ".join(wrong)
        )


def carried_to_scores(features: Table, scores: Table) -> tuple[str, ...]:
    """The columns of the score table that come from the feature table as they are.

    Raises:
        NightshiftError: if the feature table lacks one.
    """
    use_case = UseCase.load(scores.use_case, scores.home)
    computed = {column["name"] for column in score_columns(use_case.task, use_case.target)}
    carried = tuple(name for name in scores.column_names if name not in computed)
    missing = [name for name in carried if name not in features.column_names]
    if missing:
        raise DeclarationError(
            f"{scores.label} declares {', '.join(missing)}, which scoring does not compute and {features.label} lacks: "
            "add the columns to the feature model, or take them out of the declaration of the scores"
        )
    return carried
