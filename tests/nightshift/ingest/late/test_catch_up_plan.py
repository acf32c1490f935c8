"""Late and corrected deliveries are found, and exactly what they touch is due."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from nightshift.dates import BatchDates
from nightshift.ingest.delivery import MANIFEST
from nightshift.ingest.late import DeliveryChange
from nightshift.stages import FEATURES, LAND, MARTS, REFINE, SCORE, STAGES
from tests.nightshift.ingest.late.world import REFERENCE, REQUIRED, USE_CASE, World, day, span, stages

FIRST = USE_CASE.dates.first
LAST = FIRST + dt.timedelta(days=39)
BACK = USE_CASE.nightly.lookback_days


@pytest.fixture
def world() -> World:
    """Forty nights, each in its turn; reference data came with the first and with the thirtieth."""
    made = World()
    for number in range(40):
        made.deliver(day(number), names=(*REQUIRED, REFERENCE) if number in (0, 30) else REQUIRED)
        made.night(day(number))
    return made


def test_nothing_is_due_after_nights_in_their_turn(world: World) -> None:
    changes = world.plan()
    assert not changes
    assert changes.found == ()
    assert changes.dates == BatchDates(FIRST, LAST)


def test_a_night_at_work_is_left_alone(world: World) -> None:
    world.deliver(day(40))
    world.deliver(day(41))
    world.land(day(40))
    assert not world.plan()
    world.run(REFINE, day(40))
    assert not world.plan()


def test_a_correction_touches_all_days_that_look_back_on_it(world: World) -> None:
    world.deliver(day(5), version="2")
    changes = world.plan()
    assert changes.found == (DeliveryChange(day(5), "corrected", tuple(sorted(REQUIRED))),)
    assert stages(changes) == {
        LAND: [str(day(5))],
        REFINE: [str(day(5))],
        FEATURES: span(5, 5 + BACK - 1),
        SCORE: span(5, 5 + BACK - 1),
        MARTS: span(5, 5 + BACK - 1),
    }


@pytest.mark.parametrize(("number", "last"), [(0, BACK - 1), (12, 39), (38, 39), (39, 39)])
def test_what_is_touched_ends_with_the_newest_landed_date(world: World, number: int, last: int) -> None:
    world.deliver(day(40), version="of the coming night")
    world.landing[day(number)] = {**world.landing[day(number)], "weather.parquet": "corrected"}
    changes = world.plan()
    assert changes.found == (DeliveryChange(day(number), "corrected", ("weather.parquet",)),)
    assert changes.stages[FEATURES] == (BatchDates(day(number), day(last)),)


def test_corrections_that_touch_the_same_days_are_one_range(world: World) -> None:
    for number in (2, 10, 39):
        world.deliver(day(number), version="2", names=world.landing[day(number)])
    assert stages(world.plan()) == {
        LAND: [str(day(2)), str(day(10)), str(day(39))],
        REFINE: [str(day(2)), str(day(10)), str(day(39))],
        **{stage: [*span(2, 37), str(day(39))] for stage in (FEATURES, SCORE, MARTS)},
    }


def test_a_delivery_that_was_passed_over_fills_its_gap_and_all_that_it_held_up() -> None:
    world = World()
    for number in range(20):
        if number != 10:
            world.deliver(day(number))
            world.night(day(number))
    assert not world.plan()
    assert (FEATURES, day(11)) not in world.slices
    world.deliver(day(10))
    changes = world.catch_up()
    assert changes.found == (DeliveryChange(day(10), "late", tuple(sorted(REQUIRED))),)
    assert stages(changes) == {
        LAND: [str(day(10))],
        REFINE: [str(day(10))],
        **dict.fromkeys((FEATURES, SCORE, MARTS), span(10, 19)),
    }
    assert not world.plan()


def test_of_two_gaps_the_one_that_is_left_ends_what_can_be_computed() -> None:
    world = World()
    for number in range(20):
        if number not in (10, 15):
            world.deliver(day(number))
            world.night(day(number))
    world.deliver(day(10))
    assert world.catch_up().stages[FEATURES] == (BatchDates(day(10), day(14)),)
    world.deliver(day(15))
    assert world.catch_up().stages[FEATURES] == (BatchDates(day(15), day(19)),)
    assert not world.plan()


def test_a_snapshot_of_reference_data_counts_until_the_next_one(world: World) -> None:
    for number in (20, 25):
        world.deliver(day(number), names=(*REQUIRED, REFERENCE))
    world.catch_up()
    world.landing[day(20)] = {**world.landing[day(20)], REFERENCE: "corrected"}
    changes = world.plan()
    assert changes.found == (DeliveryChange(day(20), "corrected", (REFERENCE,)),)
    assert changes.stages[LAND] == (BatchDates.of(day(20)),)
    assert changes.stages[REFINE] == (BatchDates(day(20), day(24)),)
    assert changes.stages[FEATURES] == (BatchDates(day(20), day(39)),)


def test_a_source_that_was_absent_and_comes_touches_what_follows(world: World) -> None:
    world.deliver(day(26), names=(*REQUIRED, REFERENCE))
    changes = world.plan()
    assert changes.found == (DeliveryChange(day(26), "completed", (REFERENCE,)),)
    assert changes.stages[REFINE] == (BatchDates(day(26), day(29)),)


def test_a_snapshot_that_is_taken_back_gives_way_to_the_one_before(world: World) -> None:
    world.deliver(day(30))
    changes = world.catch_up()
    assert changes.found == (DeliveryChange(day(30), "corrected", (), gone=("airlines",)),)
    assert changes.stages[REFINE] == (BatchDates(day(30), day(39)),)
    assert not world.plan()


@pytest.mark.parametrize("done", range(1, len(STAGES)))
def test_what_ended_half_way_is_found_again(world: World, done: int) -> None:
    world.deliver(day(20), version="2")
    whole = world.plan()
    world.land(day(20))
    for stage in STAGES[1:done]:
        world.run(stage, *(date for dates in whole.stages[stage] for date in dates))
    rest = world.plan()
    assert rest.found == ()
    assert stages(rest) == {stage: stages(whole)[stage] if stage in STAGES[done:] else [] for stage in STAGES}


def test_days_that_look_back_on_a_night_that_was_cleared_are_found(world: World) -> None:
    world.deliver(day(20), version="2")
    world.night(day(20))
    assert stages(world.catch_up()) == {
        LAND: [],
        REFINE: [],
        **dict.fromkeys((FEATURES, SCORE, MARTS), span(21, 39)),
    }
    assert not world.plan()


def test_what_a_late_night_held_up_is_found_when_it_was_run_by_hand() -> None:
    world = World()
    for number in range(20):
        if number != 10:
            world.deliver(day(number), names=(*REQUIRED, REFERENCE) if number in (0, 13) else REQUIRED)
            world.night(day(number))
    world.deliver(day(10), names=(*REQUIRED, REFERENCE))
    world.night(day(10))
    assert stages(world.catch_up()) == {
        LAND: [],
        REFINE: span(11, 12),
        **dict.fromkeys((FEATURES, SCORE, MARTS), span(11, 19)),
    }
    assert not world.plan()


def test_silver_of_what_was_landed_before_a_correction_is_found(world: World) -> None:
    world.deliver(day(20), version="2")
    with world.refining(day(20)):
        world.night(day(20))
        world.run(FEATURES, *(day(number) for number in range(21, 40)))
    # By the clock, a refine has followed the correction; what is there now read bronze before it.
    whole = {LAND: [], REFINE: [str(day(20))], **dict.fromkeys((FEATURES, SCORE, MARTS), span(20, 39))}
    assert stages(world.plan()) == whole
    world.run(REFINE, day(20))
    assert stages(world.plan()) == {**whole, REFINE: []}
    world.catch_up()
    assert not world.plan()


def test_silver_that_read_a_snapshot_before_its_correction_is_found(world: World) -> None:
    world.landing[day(30)] = {**world.landing[day(30)], REFERENCE: "corrected"}
    with world.refining(day(35)):
        world.land(day(30))
        world.run(REFINE, *(day(number) for number in range(30, 40)))
    assert world.plan().stages[REFINE] == (BatchDates.of(day(35)),)
    world.catch_up()
    assert not world.plan()


def test_a_table_that_was_removed_and_landed_again_makes_nothing_due_for_ever(world: World) -> None:
    world.land(day(20))
    world.begin_versions_again()
    world.land(day(20))
    world.run(REFINE, day(20))
    assert not world.plan()


def test_running_anything_again_makes_nothing_due(world: World) -> None:
    world.night(day(20))
    world.land(day(3))
    world.run(REFINE, day(4))
    assert not world.plan()


def test_the_same_files_with_other_rows_are_carried_through(world: World) -> None:
    # Rows were released from quarantine, or a rule was fixed, and the date was landed again.
    world.land(day(20), rows=10)
    assert stages(world.catch_up()) == {
        LAND: [],
        REFINE: [str(day(20))],
        **dict.fromkeys((FEATURES, SCORE, MARTS), span(20, 39)),
    }
    assert not world.plan()


def test_other_names_for_the_same_files_are_no_correction(world: World) -> None:
    files = world.landing[day(20)]
    world.landing[day(20)] = {**files, "weather.parquet": files["weather.parquet"], "notes.txt": "of no source"}
    assert not world.plan()


def test_a_delivery_of_which_the_manifest_is_gone_is_no_correction(world: World) -> None:
    del world.landing[day(20)]
    assert not world.plan()


def test_what_was_landed_before_digests_were_kept_is_not_compared(world: World) -> None:
    old = World()
    for number in range(3):
        old.deliver(day(number))
        old.land(day(number), are_digests_kept=False)
        old.run(REFINE, day(number))
    old.deliver(day(1), version="2")
    assert not old.plan()


def test_dates_that_were_never_scored_get_scores_from_the_first_scored_date_on() -> None:
    world = World()
    for number in range(12):
        world.deliver(day(number))
        world.night(day(number), (REFINE, FEATURES) if number < 8 else (REFINE, FEATURES, SCORE, MARTS))
    world.deliver(day(5), version="2")
    changes = world.catch_up()
    assert changes.stages[FEATURES] == (BatchDates(day(5), day(11)),)
    assert changes.stages[SCORE] == changes.stages[MARTS] == (BatchDates(day(8), day(11)),)
    assert not world.plan()


def test_a_manifest_that_cannot_be_read_is_named(world: World) -> None:
    world.landing[day(20)] = {MANIFEST: "of its bytes"}
    assert world.plan().found == (DeliveryChange(day(20), "corrected", (MANIFEST,)),)


@pytest.mark.parametrize("seed", range(200))
def test_whatever_happened_a_catch_up_leaves_nothing_stale_and_nothing_to_do(seed: int) -> None:
    chance = random.Random(seed)
    nightly = USE_CASE.nightly.model_copy(update={"lookback_days": 3})
    world = World(USE_CASE.model_copy(update={"nightly": nightly}))
    world.deliver(day(0), names=(*REQUIRED, REFERENCE))
    world.night(day(0))
    for _ in range(chance.randrange(10, 60)):
        date = day(chance.randrange(8))
        event = chance.choice([*["deliver", "night"] * 3, LAND, "stage", "at once", "catch up"])
        if event == "deliver":
            world.deliver(date, chance.choice("123"), (*REQUIRED, *chance.choice([[REFERENCE], []])))
        elif event == "catch up":
            world.catch_up()
        elif event == "stage":
            world.run(chance.choice(STAGES[1:]), date)
        elif event == "at once":
            with world.refining(date):
                other = chance.choice(list(world.landing))
                world.deliver(other, chance.choice("123"), (*REQUIRED, *chance.choice([[REFERENCE], []])))
                world.land(other) if chance.random() < 0.5 else world.night(other)
        elif date in world.landing:
            world.land(date) if event == LAND else world.night(date)
    world.catch_up()
    stale = [(stage, date) for (stage, date), value in world.slices.items() if value != world.value(stage, date)]
    assert stale == []
    assert not world.plan()
