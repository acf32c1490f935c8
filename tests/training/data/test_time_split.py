"""The split follows time; between its periods there is an embargo."""

from types import SimpleNamespace

import pytest

from nightshift.dates import BatchDates, Length, Monthly
from nightshift.errors import NightshiftError
from training.data.time_split import Periods


def as_text(periods):
    return [str(period) for _, period in periods.items()]


def test_september_is_test_august_tunes_and_the_rest_trains():
    periods = Periods.at_end(BatchDates.parse("2013-01-01..2013-09-30"), Length(31), Length(30))
    assert as_text(periods) == ["2013-01-01..2013-07-31", "2013-08-01..2013-08-31", "2013-09-01..2013-09-30"]


def test_an_embargo_is_left_out_before_validation_and_before_test():
    periods = Periods.at_end(BatchDates.parse("2013-01-01..2013-01-31"), Length(7), Length(14), Length(3))
    assert as_text(periods) == ["2013-01-01..2013-01-04", "2013-01-08..2013-01-14", "2013-01-18..2013-01-31"]


@pytest.mark.parametrize(
    ("maturity_days", "declared", "last_trained"),
    [
        (1, {}, "2024-01-15"),  # the next delivery brings the label: nothing overlaps
        (3, {}, "2024-01-11"),  # the outcome of 11 January comes on the 14th, when validation begins
        (3, {"embargo_days": 0}, "2024-01-15"),
        (1, {"embargo_days": 5}, "2024-01-05"),
    ],
)
def test_unless_declared_the_embargo_lasts_until_labels_are_known(toy, maturity_days, declared, last_trained):
    job = toy(maturity_days=maturity_days, validation_days=7, test_days=14, **declared)
    assert str(Periods.of(job.use_case, job.dates).train.last) == last_trained


def test_other_lengths_than_the_declared_ones_may_be_asked_for(toy):
    job = toy(maturity_days=1, validation_days=7, test_days=14)
    assert as_text(Periods.of(job.use_case, job.dates, validation_days=2, test_days=16))[1:] == [
        "2024-01-19..2024-01-20",
        "2024-01-21..2024-02-05",
    ]


def test_a_range_too_short_for_three_periods_is_refused_with_what_is_needed():
    with pytest.raises(
        NightshiftError, match=r"has 16 batch dates; 2 days to validate, 14 days to test leave none to train on"
    ):
        Periods.at_end(BatchDates.parse("2013-01-01..2013-01-16"), Length(2), Length(14))
    with pytest.raises(NightshiftError, match=r"2 days of embargo before each of them leave none"):
        Periods.at_end(BatchDates.parse("2013-01-01..2013-01-20"), Length(2), Length(14), Length(2))


@pytest.mark.parametrize("test_days", [1, 13])
def test_a_test_too_short_to_tell_chance_from_skill_is_refused_by_option_field_and_declaration(test_days):
    says = rf"{Length(test_days)} to test are too few.*14 of them.*--test-days.*`training\.independent_unit`"
    with pytest.raises(NightshiftError, match=says):
        Periods.at_end(BatchDates.parse("2013-01-01..2013-01-31"), Length(7), Length(test_days))
    assert len(Periods.at_end(BatchDates.parse("2013-01-01..2013-01-31"), Length(7), Length(14)).test) == 14


def test_with_a_unit_of_its_own_one_date_each_validates_and_tests(toy):
    """April to June train, July tunes, August is judged."""
    training = toy(independent_unit="id", validation_deliveries=1, test_deliveries=1).use_case.training
    use_case = SimpleNamespace(training=training, maturity=Length(1, "deliveries"))
    dates = BatchDates.parse("2005-04-30..2005-08-31", Monthly(None))
    found = Periods.of(use_case, dates)
    assert as_text(found) == ["2005-04-30..2005-06-30", "2005-07-31", "2005-08-31"]


@pytest.mark.parametrize(
    ("validation_days", "test_days", "embargo_days"), [(0, 1, 0), (1, 0, 0), (-1, 1, 0), (1, 1, -1)]
)
def test_no_period_may_be_empty(validation_days, test_days, embargo_days):
    with pytest.raises(NightshiftError, match="at least one"):
        Periods.at_end(
            BatchDates.parse("2013-01-01..2013-01-31"), Length(validation_days), Length(test_days), Length(embargo_days)
        )
