"""The typed, validated form of ``use_cases/<name>/use_case.yaml``."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, PositiveInt, ValidationInfo, field_validator, model_validator

from nightshift.dates import BatchDates, Calendar, Length
from nightshift.declarations.countries import unknown_country, unknown_subdivision
from nightshift.declarations.dates_section import CALENDAR_FILE, Dates, HasLengths, refuse_other_ticks
from nightshift.declarations.training_section import BINARY, ReasonsPlan, Target, Task, Training
from nightshift.declarations.yaml_form import Cron, Declared, InHome, Name, line_of, load_yaml
from nightshift.errors import DeclarationError, UsageError
from nightshift.home.settings import Settings
from nightshift.home.variables import spark_conf

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
# What is read of a use case's YAML; the first makes a folder a use case.
FILES = ("use_case.yaml", "tables.yaml", "gates.yaml", "reasons.yaml")


class DeliveryTerms(HasLengths):
    """How long a night waits for its delivery, and what it tolerates in it."""

    poll_seconds: PositiveInt = Field(60, description="Pause between two looks for the manifest.")
    deadline_minutes: PositiveInt = Field(360, description="After this wait the night fails, naming the path.")
    tolerated_corrupt_files: int = Field(0, ge=0, description="Per batch date; more of them block the run.")
    tolerated_quarantine_share: float = Field(
        0.01, ge=0, le=1, description="Share of a source's rows per batch date that may be quarantined."
    )
    late_days: PositiveInt = Field(
        35, description="How far before the newest batch date late and corrected deliveries are looked for."
    )
    late_deliveries: PositiveInt | None = Field(None, description="The same in batch dates, instead of days.")
    catch_up_schedule: Cron | None = Field(
        "0 5 * * *", description="When they are looked for; cron expression in the use case's time zone."
    )


class Demo(Declared):
    """What `make demo` does with the sample, as ranges of batch dates."""

    history: str = Field(description="Delivered and ingested as one range.")
    first_model: str = Field(description="The part of it that the first champion learns from.")
    nights: str = Field(description="Delivered and scored one after the other.")
    challenger: str | None = Field(None, description="What a challenger learns from at the end; unset: there is none.")
    default: bool = Field(False, description="Whether `make demo` shows it where no use case is named.")
    show_title: str = Field(description="What the query below shows.")
    show: str = Field(description="Query on the published tables that is shown at the end.")


class Nightly(HasLengths):
    """When the night starts and which feature windows it needs to be complete."""

    schedule: Cron | None = Field(
        None,
        description="Unset: at the midnight of each batch date, in the use case's time zone. A cron expression must "
        "say the same.",
    )
    lookback_days: PositiveInt = Field(
        28, description="Features of D may read deliveries of so many days, the last of which is D."
    )
    lookback_deliveries: PositiveInt | None = Field(
        None, description="The same in deliveries, that of D included, instead of days."
    )


class UseCase(InHome):
    """All that is particular to one use case, except its tables, SQL and code."""

    name: Name = Field(description="That of its folder.")
    title: str = Field(description="In the list of DAGs, on pages and cards.")
    description: str = Field(description="What is predicted, for whom and when, in a sentence or two.")
    owner: str = Field(description="Team that answers for it; owner of its tasks, and of tables that name no other.")
    timezone: str = Field(description="IANA name of the zone in which a batch date begins and ends.")
    country: str | None = Field(
        None,
        description=(
            'ISO 3166 code of the public holidays in the calendar, like US; `"NO"` in quotes. Unset: no holidays.'
        ),
    )
    subdivision: str | None = Field(None, description="State or province with holidays of its own, like NY of US.")
    dates: Dates
    delivery: DeliveryTerms = DeliveryTerms()
    nightly: Nightly = Nightly()
    task: Task = Field(BINARY, description="What the model predicts: whether an event happens, or a value.")
    target: Target
    training: Training
    reasons: ReasonsPlan = ReasonsPlan()
    sample_source: Literal["sample_source"] | None = Field(
        None, description="Module of the use case that plays the upstream systems, where there is one."
    )
    spark: dict[str, str] = Field(
        {},
        description=(
            "Memory, cores and parallelism of its Spark jobs, like `spark.executor.memory: 4g`, where it needs others "
            "than NIGHTSHIFT_SPARK_CONF gives to all; a driver's memory is NIGHTSHIFT_SPARK_DRIVER_MEMORY for all."
        ),
    )
    demo: Demo | None = None

    def __hash__(self) -> int:
        # A mapping has no hash.
        return hash(self.name)

    @field_validator("spark", mode="before")
    @classmethod
    def _written_as_text(cls, given: Any) -> Any:
        """YAML reads `spark.executor.cores: 2` as a number."""
        if not isinstance(given, dict):
            return given
        return {key: str(value) if type(value) in (int, float) else value for key, value in given.items()}

    @field_validator("spark")
    @classmethod
    def _only_sizes(cls, given: dict[str, str]) -> dict[str, str]:
        for key, value in given.items():
            if reason := spark_conf.refused_as_size(key, value):
                raise ValueError(f"{key} can't be set{reason}")
        return given

    @model_validator(mode="after")
    def _known_timezone(self) -> Self:
        if self.timezone not in available_timezones():
            raise ValueError(f"timezone {self.timezone!r} is not an IANA time zone, like America/New_York")
        return self

    @field_validator("country")
    @classmethod
    def _known_country(cls, given: str | None) -> str | None:
        if given is not None and (reason := unknown_country(given)):
            raise ValueError(f"{given!r} {reason}")
        return given

    @field_validator("subdivision")
    @classmethod
    def _known_subdivision(cls, given: str | None, info: ValidationInfo) -> str | None:
        if given is None or "country" not in info.data:
            return given
        if info.data["country"] is None:
            raise ValueError(f"{given!r} is a part of a country: declare `country`, too")
        if reason := unknown_subdivision(info.data["country"], given):
            raise ValueError(f"{given!r} {reason}")
        return given

    @model_validator(mode="after")
    def _training_fits_the_task(self) -> Self:
        training = self.training
        if self.task == BINARY and training.costs is None:
            raise ValueError("training.costs: a binary task needs them, as the decision threshold minimises them")
        only_binary = {"costs", "calibration", "event_weight", "fairness"} & training.model_fields_set
        if self.task != BINARY and only_binary:
            raise ValueError(f"training.{min(only_binary)} is for binary tasks, and this one is {self.task}")
        if self.task != BINARY and training.sampling.keep_events:
            raise ValueError(f"training.sampling.keep_events is for binary tasks, and this one is {self.task}")
        if self.task == BINARY and "interval" in training.model_fields_set:
            raise ValueError("training.interval is for regression, and this task is binary")
        unknown = self.target.if_unknown
        if unknown is not None and (unknown not in (0, 1) if self.task == BINARY else isinstance(unknown, bool)):
            wanted = "true or false, or 0 or 1" if self.task == BINARY else "a number"
            raise ValueError(f"target.if_unknown: a {self.task} label is {wanted}, and this is {unknown!r}")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which a batch date begins and ends."""
        return ZoneInfo(self.timezone)

    @property
    def folder(self) -> Path:
        """``use_cases/<name>``."""
        return self.home.use_cases_dir / self.name

    @property
    def calendar(self) -> Calendar:
        """Which days are batch dates."""
        return self.dates.calendar(self.folder if self._home else Path(self.name))

    @property
    def lookback(self) -> Length:
        """The deliveries that features of D may read, that of D included."""
        return self.nightly.length("lookback")

    @property
    def maturity(self) -> Length:
        """How long after D the delivery comes that brings the label of D."""
        return self.target.length("maturity")

    @property
    def lake_pool(self) -> str:
        """The pool of one slot that lets one job at a time write to this use case's tables."""
        return f"lake_{self.name}"

    @property
    def model_name(self) -> str:
        """Name of the registered model."""
        return self.name

    def between(self, first: dt.date, last: dt.date) -> BatchDates:
        """The batch dates from one day to another, both included."""
        return BatchDates(first, last, self.calendar)

    def batch_dates(self, text: str) -> BatchDates:
        """Parse a range and check it against the dates that this use case has.

        Raises:
            NightshiftError: if it is no range, too long, or outside ``dates``.
        """
        dates = BatchDates.parse(text, self.calendar).within(self.dates.max_range)
        last = self.dates.last
        if dates.first < self.dates.first or (last is not None and dates.last > last):
            raise UsageError(
                f"{dates} is outside the batch dates of {self.name}: {self.dates.first}..{last or 'open'} "
                "(`dates` in use_case.yaml)"
            )
        return dates

    @classmethod
    def load(cls, name: str, home: Settings) -> Self:
        """One use case of a home, by name.

        Raises:
            NightshiftError: if there is none of that name or its file breaks a rule, naming file and field.
        """
        folder = home.use_cases_dir / name
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is not a use case's name: lower-case letters, digits and underscores",
                remedy=f"rename the folder {folder}" if folder in folders(home) else None,
            )
        if folder not in folders(home):
            known = ", ".join(each.name for each in folders(home)) or "none"
            raise UsageError(f"there is no use case {name!r} ({folder / FILES[0]} is missing); there are: {known}")
        _refuse_unread(folder)
        if not (folder / FILES[0]).exists():
            raise DeclarationError(
                f"{folder / FILES[0]} is missing: it says what the other files in its folder belong to",
                remedy="write it as CONTRIBUTING.md says (Add a use case), or take the folder away",
            )
        found = load_yaml(cls, folder / FILES[0]).within(home)
        if found.name != name:
            raise DeclarationError(
                f"{line_of(folder / FILES[0], ['name'])}: name: is {found.name}, and its folder is {name}",
                remedy="give the folder and `name` one name, which no other use case has",
            )
        # A list of dates that can't be read is a fault of the use case.
        calendar = found.calendar
        _refuse_no_label_ever(found, calendar)
        if found.nightly.schedule is not None:
            try:
                refuse_other_ticks(found.nightly.schedule, calendar, found.dates.first)
            except ValueError as error:
                place = line_of(folder / FILES[0], ["nightly", "schedule"])
                raise DeclarationError(f"{place}: nightly.schedule: {error}") from None
        return found


def _refuse_no_label_ever(use_case: UseCase, calendar: Calendar) -> None:
    first, last = use_case.dates.first, use_case.dates.last
    due = calendar.due(first, use_case.maturity)
    if last is not None and due > last:
        field = f"maturity_{use_case.maturity.unit}"
        place = line_of(use_case.folder / FILES[0], ["target", field])
        comes = f"with the delivery of {due}" if due in calendar else f"after the end of {CALENDAR_FILE}"
        raise DeclarationError(
            f"{place}: target.{field}: no label ever matures: that of dates.first, {first}, comes {comes}, and "
            f"dates.last is {last}",
            remedy="declare a shorter maturity, or a later dates.last",
        )


def folders(home: Settings) -> list[Path]:
    """The folders that hold a use case's declarations, whether these can be read or not."""
    found = sorted(path for path in home.use_cases_dir.glob("*") if path.is_dir())
    return [folder for folder in found if not folder.name.startswith((".", "_")) and _declares(folder)]


def _declares(folder: Path) -> bool:
    try:
        return any((folder / name).exists() for name in FILES) or any(_unread(folder))
    except OSError:
        # A folder that is closed to this user is read later, which says so.
        return True


def _unread(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files whose names are nearly that of a declaration, like `use_case.yml`, each with that name."""
    for path in sorted(folder.iterdir()):
        # Of other files, and of hidden ones that editors leave, nobody expects that they are read.
        if path.name in FILES or path.suffix.lower() not in (".yml", ".yaml") or path.name.startswith((".", "#")):
            continue
        likely = get_close_matches(path.stem.lower(), [Path(name).stem for name in FILES], n=1, cutoff=0.8)
        if likely and "." not in path.stem:
            yield path, f"{likely[0]}.yaml"


def _refuse_unread(folder: Path) -> None:
    for path, likely in _unread(folder):
        raise DeclarationError(
            f"{path} is read by nobody (is {likely} meant?): a use case's declarations are named {', '.join(FILES)}",
            remedy="rename it, or move it out of the folder",
        )
