"""Any kind of run gives the right batch dates, or is refused with a message that says what to fill in."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest

from nightshift.dates import BatchDates
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.models.champions import first_date
from nightshift_airflow.runs import Run, asked_range, from_date, learned_from, night

UTC = dt.UTC
RANGE = {"first_date": "2013-10-01", "last_date": "2013-10-03"}


def use_case(zone: str = "America/New_York", last: str | None = "2013-12-31") -> UseCase:
    loaded = UseCase.load("flight_delays", get_settings())
    dates = loaded.dates.model_copy(update={"last": dt.date.fromisoformat(last) if last else None})
    return loaded.model_copy(update={"timezone": zone, "dates": dates})


def run(kind: str, moment: str | None, zone: str = "America/New_York", **params: object) -> Run:
    logical_date = dt.datetime.fromisoformat(moment) if moment else None
    return Run(use_case(zone), kind, logical_date, params)


@pytest.mark.parametrize("kind", ["scheduled", "backfill", "manual"])
@pytest.mark.parametrize(
    ("zone", "tick", "day"),
    [
        ("UTC", "2013-10-01T00:00:00+00:00", "2013-10-01"),
        ("America/New_York", "2013-10-01T04:00:00+00:00", "2013-10-01"),
        ("America/New_York", "2013-01-15T05:00:00+00:00", "2013-01-15"),  # winter
        ("America/New_York", "2013-03-10T05:00:00+00:00", "2013-03-10"),  # clocks go forward later that day
        ("America/New_York", "2013-03-11T04:00:00+00:00", "2013-03-11"),
        ("America/New_York", "2013-11-03T04:00:00+00:00", "2013-11-03"),  # clocks go back later that day
        ("America/New_York", "2013-11-04T05:00:00+00:00", "2013-11-04"),
        ("America/New_York", "2013-10-01T00:00:00-04:00", "2013-10-01"),  # the same instants, said otherwise
        ("Asia/Tokyo", "2013-09-30T15:00:00+00:00", "2013-10-01"),
        ("America/Santiago", "2013-09-08T04:00:00+00:00", "2013-09-08"),  # has no midnight: clocks go forward at 0:00
    ],
)
def test_a_tick_is_its_day_in_the_zone_of_the_use_case(kind: str, zone: str, tick: str, day: str) -> None:
    assert str(night(run(kind, tick, zone, batch_date=None))) == day


def test_a_manual_run_without_a_logical_date_takes_the_param() -> None:
    assert str(night(run("manual", None, batch_date="2013-10-01"))) == "2013-10-01"


def test_a_manual_run_may_name_its_day_twice() -> None:
    assert str(night(run("manual", "2013-10-01T04:00:00+00:00", batch_date="2013-10-01"))) == "2013-10-01"


def test_a_date_typed_in_utc_needs_the_param_where_it_is_another_day_in_the_zone() -> None:
    said = (
        r"Batch date is empty: fill it in, with the one that is meant\. .* 2013-09-30 in America/New_York and 2013-10"
    )
    with pytest.raises(NightshiftError, match=said):
        night(run("manual", "2013-10-01T00:00:00+00:00"))
    for meant in ("2013-09-30", "2013-10-01"):
        assert str(night(run("manual", "2013-10-01T00:00:00+00:00", batch_date=meant))) == meant


def test_the_moment_of_a_click_that_is_no_batch_date_leads_to_the_field_and_to_the_dates_there_are() -> None:
    # 19:03 of the day before in New York: neither day exists in 2013.
    with pytest.raises(NightshiftError) as refused:
        night(run("manual", "2026-11-30T00:03:21+00:00"))
    assert str(refused.value).startswith("Batch date is empty: fill it in, with a date from 2013-01-01 to 2013-12-31. ")


def test_noon_is_the_same_day_everywhere_near() -> None:
    assert str(night(run("manual", "2013-10-01T12:00:00+00:00"))) == "2013-10-01"


def test_the_moment_that_the_form_fills_in_does_not_contradict_the_param() -> None:
    assert str(night(run("manual", "2026-11-21T14:09:31+00:00", batch_date="2013-10-01"))) == "2013-10-01"


def test_the_moment_that_the_form_fills_in_is_refused_where_it_is_no_batch_date() -> None:
    with pytest.raises(NightshiftError, match=r"^Batch date is empty: fill it in, .* outside the batch dates"):
        night(run("manual", "2026-11-21T14:09:31+00:00"))


@pytest.mark.parametrize("kind", ["scheduled", "backfill", "manual"])
def test_contradicting_dates_are_refused(kind: str) -> None:
    with pytest.raises(NightshiftError, match=r"Batch date is 2013-10-02, but .* 2013-10-01"):
        night(run(kind, "2013-10-01T04:00:00+00:00", batch_date="2013-10-02"))


def test_a_backfill_never_takes_its_date_from_a_param() -> None:
    with pytest.raises(NightshiftError, match="leave one of the two out"):
        night(run("backfill", "2013-10-01T04:30:00+00:00", batch_date="2013-10-05"))


@pytest.mark.parametrize("empty", [None, ""])
def test_a_run_without_any_date_is_refused(empty: str | None) -> None:
    with pytest.raises(NightshiftError, match="Batch date is empty: fill it in, with a date from 2013-01-01 to 2013"):
        night(run("manual", None, batch_date=empty))


@pytest.mark.parametrize(
    "text",
    [
        "2013-10-01' OR 1=1",
        "../../etc",
        "2013-10-01..2013-10-03",  # a range is no night
        "2013-10-01\n",
        "2013-13-01",
        "20131001",
        "today",
        "\N{FULLWIDTH DIGIT TWO}013-10-01",  # a digit, but not an ASCII one
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(NightshiftError, match=r"Batch date|outside"):
        night(run("manual", None, batch_date=text))


@pytest.mark.parametrize("day", ["2012-12-31", "2014-01-01"])
def test_a_date_outside_the_use_case_is_refused(day: str) -> None:
    with pytest.raises(NightshiftError, match=r"outside the batch dates of flight_delays: 2013-01-01\.\.2013-12-31"):
        night(run("manual", None, batch_date=day))


def test_an_open_ended_use_case_has_later_dates() -> None:
    asked = Run(use_case(last=None), "manual", None, {"batch_date": "2031-05-05"})
    assert str(night(asked)) == "2031-05-05"


def test_a_logical_date_without_a_zone_is_refused() -> None:
    with pytest.raises(NightshiftError, match="no time zone"):
        night(run("manual", "2013-10-01T00:00:00"))


def test_training_on_the_first_of_october_learns_from_january_to_september() -> None:
    expected = BatchDates(dt.date(2013, 1, 1), dt.date(2013, 9, 30))
    assert learned_from(run("scheduled", "2013-10-01T10:00:00+00:00")) == expected
    assert learned_from(run("manual", None, batch_date="2013-10-01")) == expected


@pytest.mark.parametrize(("maturity_days", "last"), [(1, "2013-09-30"), (7, "2013-09-24"), (30, "2013-09-01")])
def test_training_ends_with_the_newest_date_whose_labels_have_come_and_its_champion_scores_from_the_run_on(
    monkeypatch: pytest.MonkeyPatch, maturity_days: int, last: str
) -> None:
    loaded = use_case()
    target = loaded.target.model_copy(update={"maturity_days": maturity_days})
    late = loaded.model_copy(update={"target": target})
    tick = dt.datetime.fromisoformat("2013-10-01T10:00:00+00:00")
    learned = learned_from(Run(late, "scheduled", tick, {}))
    assert str(learned) == f"2013-01-01..{last}"
    assert learned_from(Run(late, "manual", None, {"batch_date": "2013-10-01"})) == learned
    monkeypatch.setattr(first_date, "history", lambda of: [])
    assert first_date.default_first(SimpleNamespace(use_case=late), learned.last) == dt.date(2013, 10, 1)


def test_training_is_cut_at_the_first_date_there_is() -> None:
    assert str(learned_from(run("scheduled", "2013-03-01T11:00:00+00:00"))) == "2013-01-01..2013-02-28"


def test_training_dates_can_be_replaced() -> None:
    both = run("manual", None, first_date="2013-02-01", last_date="2013-05-31")
    assert str(learned_from(both)) == "2013-02-01..2013-05-31"
    last_only = run("manual", None, last_date="2013-12-31")
    assert str(learned_from(last_only)) == "2013-04-03..2013-12-31"  # 273 days
    first_only = run("manual", None, first_date="2013-08-01", batch_date="2013-10-01")
    assert str(learned_from(first_only)) == "2013-08-01..2013-09-30"


def test_training_has_nothing_to_learn_from_on_the_first_date() -> None:
    with pytest.raises(NightshiftError, match="ends before its start"):
        learned_from(run("scheduled", "2013-01-01T11:00:00+00:00"))


def test_a_range_includes_both_ends() -> None:
    asked = run("manual", "2026-11-21T14:09:31+00:00", first_date="2013-01-01", last_date="2013-09-30")
    assert str(asked_range(asked)) == "2013-01-01..2013-09-30"
    assert len(asked_range(asked)) == 273


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (None, None, "First date and Last date are empty"),
        ("2013-10-02", "2013-10-01", "ends before its start"),
        ("2012-12-31", "2013-01-02", "outside the batch dates"),
        ("2013-01-01", "2014-06-01", "may have 366"),
        ("2013-01-01' OR 1=1", "2013-01-02", "First date .* is no date"),
        ("2013-01-01", "../../etc", "Last date .* is no date"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(first: str | None, last: str | None, message: str) -> None:
    with pytest.raises(NightshiftError, match=message):
        asked_range(run("manual", None, first_date=first, last_date=last))


@pytest.mark.parametrize(
    ("dates", "moment", "params", "message"),
    [
        # A batch date says up to when is learned, and so does the last date.
        (
            learned_from,
            None,
            {"batch_date": "2013-10-01", "last_date": "2013-08-31"},
            "contradict each other: .* 2013-09-30",
        ),
        (learned_from, "2013-10-01T04:00:00+00:00", {"last_date": "2013-08-31"}, "logical date 2013-10-01 is none of"),
        (asked_range, "2013-10-05T04:00:00+00:00", RANGE, "logical date 2013-10-05 is none of the run's batch dates"),
        (from_date, "2013-10-05T04:00:00+00:00", {"from_date": "2013-10-01"}, "logical date 2013-10-05 is none of"),
        (asked_range, None, {**RANGE, "stages": "ingest", "model": "3"}, "Model 3 is chosen, and Stages leaves out"),
    ],
)
def test_of_two_answers_that_contradict_each_other_none_is_dropped(dates, moment, params, message) -> None:
    with pytest.raises(NightshiftError, match=message):
        dates(run("manual", moment, **params))


@pytest.mark.parametrize(
    ("dates", "moment", "params", "expected"),
    [
        (
            learned_from,
            None,
            {"batch_date": "2013-10-01", "last_date": "2013-09-30", "first_date": "2013-09-01"},
            "2013-09-01..",
        ),
        (asked_range, "2013-10-02T04:00:00+00:00", RANGE, "2013-10-01..2013-10-03"),
        (asked_range, None, {**RANGE, "stages": "ingest", "model": "as_of"}, "2013-10-01..2013-10-03"),
        (asked_range, None, {**RANGE, "stages": "everything", "model": "3"}, "2013-10-01..2013-10-03"),
    ],
)
def test_answers_that_agree_are_taken(dates, moment, params, expected) -> None:
    assert str(dates(run("manual", moment, **params))).startswith(expected)


def test_a_misspelt_param_is_refused() -> None:
    dag_run = SimpleNamespace(run_type="manual", logical_date=None, conf={"batchdate": "2013-10-01"})
    dag = SimpleNamespace(params={"batch_date": None, "model": "champion"})
    context = {"dag_run": dag_run, "dag": dag, "params": {"batch_date": None, "batchdate": "2013-10-01"}}
    with pytest.raises(NightshiftError, match="no param batchdate; it has: batch_date, model"):
        Run.of(use_case(), context)
