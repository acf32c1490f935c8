"""What use_case.yaml says of the model: what is predicted, how it is trained, judged and approved."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, StringConstraints, field_validator, model_validator

from nightshift.declarations.dates_section import HasLengths
from nightshift.declarations.yaml_form import Cron, Declared, Name

# As Airflow's user names are.
UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.@+-]{1,250}$")]
BINARY: Final = "binary"
REGRESSION: Final = "regression"
AT_MATURITY: Final = "at_maturity"
BY_MATURITY: Final = "by_maturity"
# The unit of which two are independent, where no column is named.
BATCH_DATE: Final = "batch_date"
# From fewer batch dates than this no interval holds the truth as often as it says, where neighbouring dates have a
# correlation of 0.5 (docs/intervals.md, `benchmarks.coverage`).
FEWEST_TEST_DAYS: Final = 14
# Where their rows are unequal, these must tell as much as so many of equally many rows.
FEWEST_EQUAL_DATES: Final = 10
# The same of values of a column, which are independent: as many as if all had equally many rows.
FEWEST_UNITS: Final = 20
# Of what clears a feature: "ok" is none.
SHORTEST_REASON: Final = 20
# What to do where a test period has too few batch dates.
TOO_FEW_DATES: Final = (
    "raise test_days or test_deliveries (`training` in use_case.yaml, the option --test-days, the form's field Test "
    "days); or, where dates are few by nature, set `training.independent_unit` to a column whose values are "
    "independent of each other, like a customer"
)
# The pool of one slot that lets one training at a time run, whatever use case it is for.
TRAINING_POOL: Final = "training"


def _known_task(task: object) -> object:
    if task not in (BINARY, REGRESSION):
        hint = ": train one binary model per class" if task == "multiclass" else ""
        raise ValueError(f"{task!r} is not a task that nightshift trains; there are {BINARY} and {REGRESSION}{hint}")
    return task


Task = Annotated[Literal["binary", "regression"], BeforeValidator(_known_task)]


class Target(HasLengths):
    """What is predicted."""

    cases: Name = Field(description="Silver table whose rows of D are what is scored for D.")
    table: Name = Field(description="Silver table that holds the outcome.")
    column: Name = Field(description="Binary: a boolean, true is the event that is predicted. Regression: a number.")
    maturity_days: PositiveInt = Field(
        1, description="The label of D comes with the first delivery that is so many days after D, or more."
    )
    maturity_deliveries: PositiveInt | None = Field(
        None, description="The same in deliveries: 1 is the one that follows that of D."
    )
    arrives: Literal["at_maturity", "by_maturity"] = Field(
        AT_MATURITY,
        description="`at_maturity`: with that delivery alone. `by_maturity`: with any delivery after D up to that one; "
        "of several the newest counts.",
    )
    known_when: str | None = Field(
        None,
        description="SQL predicate over the columns of `table` and batch_date; where it is not true, the row holds no "
        "label yet. Unset: where the column is not null.",
    )
    if_unknown: bool | int | float | None = Field(
        None,
        description="The label of cases of which none is known when the maturity has passed. Unset: they are left out.",
    )


class Costs(Declared):
    """What a wrong decision costs, in any one unit; the decision threshold minimises them on validation."""

    false_alarm: float = Field(gt=0, description="Of a warning without an event.")
    missed: float = Field(gt=0, description="Of an event without a warning.")


class Sampling(Declared):
    """How many rows are trained on at most; the rows are drawn in Spark, by a hash of their keys."""

    max_rows: PositiveInt = Field(2_000_000, description="Of train, validation and test together.")
    keep_events: bool = Field(
        False, description="Binary: take all events, sample the others, and weigh these by what was left out."
    )


class SearchRange(Declared):
    """The range in which a parameter is searched; num_leaves is a whole number."""

    low: float = Field(description="Lowest value that is tried.")
    high: float = Field(description="Highest value that is tried.")
    log: bool = Field(False, description="Whether values are drawn evenly on a logarithmic scale.")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be under high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range starts above zero, not at {self.low:g}")
        return self


class SearchSpace(Declared):
    """What the search varies. Names and meanings are LightGBM's, but for ``leaf_share``."""

    num_leaves: SearchRange = SearchRange(low=4, high=128, log=True)
    leaf_share: SearchRange = Field(
        SearchRange(low=0.0005, high=0.06, log=True), description="min_data_in_leaf as a share of the training rows."
    )
    feature_fraction: SearchRange = SearchRange(low=0.1, high=1.0)
    bagging_fraction: SearchRange = SearchRange(low=0.5, high=1.0)
    lambda_l2: SearchRange = SearchRange(low=0.1, high=100.0, log=True)
    cat_smooth: SearchRange = SearchRange(low=1.0, high=300.0, log=True)


class Approval(Declared):
    """Who lets a model that passed its gates become champion."""

    first: Literal["auto", "person"] = Field("auto", description="The first champion of all.")
    later: Literal["auto", "person"] = Field("auto", description="Every one after it.")
    by: tuple[UserName, ...] = Field((), description="User names of those in Airflow who may approve.")
    timeout_hours: PositiveInt = Field(72, description="No answer within this time is a no.")

    @model_validator(mode="after")
    def _someone_can_approve(self) -> Self:
        if "person" in (self.first, self.later) and not self.by:
            raise ValueError("a person approves, so `by` must name at least one user of Airflow")
        return self


class Training(HasLengths):
    """How a model is trained: periods at the end of the asked range, search budget, seeds."""

    schedule: Cron | None = Field(None, description="Cron expression in the use case's time zone; unset: by hand.")
    history_days: PositiveInt = Field(365, description="Length of the range that the train DAG takes.")
    history_deliveries: PositiveInt | None = Field(None, description="The same in deliveries, instead of days.")
    validation_days: PositiveInt = Field(31, description="Of the period before the test, to tune and stop on.")
    validation_deliveries: PositiveInt | None = Field(None, description="The same in deliveries, instead of days.")
    test_days: PositiveInt = Field(30, description="Of the end of the range, on which the model is judged.")
    test_deliveries: PositiveInt | None = Field(None, description="The same in deliveries, instead of days.")
    embargo_days: int | None = Field(
        None,
        ge=0,
        description="Left out between periods; unset: so that all labels of one period are known before the next.",
    )
    embargo_deliveries: int | None = Field(None, ge=0, description="The same in deliveries, instead of days.")
    independent_unit: Name = Field(
        BATCH_DATE,
        description="What intervals rest on: `batch_date`, or a column of the feature table whose values are "
        "independent of each other, like a customer or a branch, where dates are few by nature.",
    )
    sampling: Sampling = Sampling()
    trials: PositiveInt = Field(15, description="Sets of parameters that the search tries.")
    search_seconds: PositiveInt = Field(1800, description="No trial begins after this much time.")
    parallel_trials: PositiveInt = Field(
        1, description="Processes that work on trials, 4 at most; the result is the same."
    )
    search: SearchSpace = SearchSpace()
    seed: int = Field(1, description="Of all that is drawn: the same data and seed give the same model.")
    monotone: dict[Name, Literal["increasing", "decreasing"]] = Field(
        {}, description="Features whose effect on the prediction may only go one way."
    )
    event_weight: PositiveInt | Literal["balanced"] = Field(
        1, description="Binary: weight of an event in training, never in the test; `balanced`: as heavy as the others."
    )
    calibration: Literal["auto", "isotonic", "platt", "none"] = Field(
        "auto",
        description="Binary: how raw scores become probabilities; `auto`: by what has the least log-loss on rows left "
        "out.",
    )
    interval: float = Field(0.8, gt=0, lt=1, description="Regression: share of outcomes that the interval must hold.")
    costs: Costs | None = Field(None, description="Binary: needed.")
    slices: tuple[Name, ...] = Field((), description="Columns of the feature table by whose values it is judged, too.")
    fairness: tuple[Name, ...] = Field((), description="Columns of the feature table that stand for people's groups.")
    smallest_slice: PositiveInt = Field(500, description="Rows under which a slice or group is shown, not judged.")
    cleared_features: dict[Name, str] = Field(
        {},
        description="Features that seem to know the outcome and that somebody has looked at, with the reason why they "
        "are known at the cut-off, in 20 characters or more: no person is asked about them again, unless their "
        "values were rewritten since they were scored.",
    )
    limits: tuple[str, ...] = Field((), description="What the model must not be used for; stands on its card.")
    approval: Approval = Approval()

    @property
    def fewest_test_dates(self) -> int:
        """Of how many batch dates a test period consists at least."""
        return FEWEST_TEST_DAYS if self.independent_unit == BATCH_DATE else 1

    @property
    def has_embargo(self) -> bool:
        """Whether one is declared."""
        return self.embargo_days is not None or self.embargo_deliveries is not None

    @field_validator("cleared_features")
    @classmethod
    def _has_reasons(cls, given: dict[str, str]) -> dict[str, str]:
        for name, reason in given.items():
            if len(reason.strip()) < SHORTEST_REASON:
                raise ValueError(
                    f"{name} has {f'the reason {reason!r}' if reason.strip() else 'no reason'}: say in "
                    f"{SHORTEST_REASON} characters or more why it is known at the cut-off, and who has looked at it"
                )
        return {name: reason.strip() for name, reason in given.items()}

    @model_validator(mode="after")
    def _weights_are_taken_out_again(self) -> Self:
        if self.calibration == "none" and self.event_weight != 1:
            raise ValueError(
                "event_weight moves all probabilities, and calibration takes that out again: with calibration `none` "
                "they would stay wrong"
            )
        return self


class ReasonsPlan(Declared):
    """How many reasons each score gives, and in which words."""

    top: int = Field(3, ge=1, le=10, description="Reasons that each score gives.")
