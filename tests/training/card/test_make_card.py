"""What a person finds on the model card."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from types import SimpleNamespace

import numpy as np
import pytest

from nightshift.dates import Length
from nightshift.models.calibrated_predictions import Calibration
from nightshift.models.champions import Decision, Reign
from tests.training.challenged import challenged
from training.card import Card, write_card
from training.card.card_limits import limits
from training.card.measures_in_words import calibration_words, period_words
from training.data.time_split import Periods
from training.fitting.fitted_model import Calibrated
from training.judging.fairness import Ratio
from training.judging.skew import Skew
from training.plots import Subject, draw

DAY = dt.date(2024, 1, 25)
APPROVED = Decision(
    1, 4, "promoted", DAY, "maria", "read the <b>card</b> | fine", "run 7", dt.datetime(2024, 1, 25, tzinfo=dt.UTC)
)
REIGN = Reign(4, DAY, None, "maria", "fine", "run 7", APPROVED.decided_at, "promoted")
SECTIONS = (
    *("purpose", "limits", "data", "training", "results", "gates", "slices", "fairness", "stability", "plots"),
    *("approval", "provenance"),
)


@pytest.fixture
def make_card(toy, prepared, make_rows, tmp_path):
    """A card of a toy training; ``changed`` are fields of the card."""

    def make(task="binary", pictures=False, strength=2.0, changed=None, **training):
        job = toy(task=task, **training)
        dataset = prepared(job, make_rows(task=task, strength=strength))
        challenger = challenged(job, dataset)
        subject = Subject(challenger, dataset, job.use_case.training)
        drawn = draw(tmp_path / "plots", subject) if pictures else []
        fields = {
            "use_case": job.use_case, "catalog": job.catalog, "challenger": challenger, "dataset": dataset,
            "periods": Periods.at_end(job.dates, Length(8), Length(14)),
            "champion": None, "skew": None, "pictures": drawn,
            "provenance": {"delta_version.gold/toy/features": "7", "code_version": "abc", "sampled_share": "1.0"},
        }  # fmt: skip
        return Card(**{**fields, **(changed or {})})

    return make


def written(tmp_path, card):
    return [path.read_text() for path in write_card(tmp_path / "card", card)]


def test_the_page_needs_nothing_but_itself(make_card, tmp_path):
    page, text = written(tmp_path, make_card(pictures=True))
    assert len(re.findall(r'<img src="data:image/png;base64,[A-Za-z0-9+/=]{1000,}"', page)) == 9
    without_data = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", page)
    assert not re.search(r"https?://|<script|<link|@import|url\(", without_data)
    assert [name for name in SECTIONS if f'<h2 id="{name}">' not in page] == []
    # Beside the Markdown the pictures lie as files.
    for name in re.findall(r"!\[[^]]+\]\(([^)]+)\)", text):
        assert (tmp_path / "card" / name).is_file()


def test_it_says_what_it_is_for_who_owns_it_and_what_it_was_made_from(make_card, tmp_path):
    for text in written(tmp_path, make_card(slices=["region"], fairness=["gender"], smallest_slice=100)):
        for words in ("A toy.", "tests", "happened of silver.results: The label.", "gold/toy/features", "abc"):
            assert words in text
        assert "2024-01-01..2024-01-14" in text
        assert "2024-01-23..2024-02-05" in text
        for words in ("north", "south", "better_than_constant_rate", "a model without that is noise"):
            assert words in text
        assert re.search(r"selection|warned of", text)


def test_every_gate_stands_there_with_its_verdict(make_card, tmp_path):
    card = make_card(strength=0.0)
    assert card.challenger.refused
    for text in written(tmp_path, card):
        assert "This model must not be used" in text
        assert text.count("FAILED") == len(card.challenger.refused)
        for verdict in card.challenger.verdicts:
            assert verdict.name in text
            assert verdict.limit in text


def test_tables_of_the_markdown_have_as_many_cells_in_every_row(make_card, tmp_path):
    card = make_card(slices=["region"], fairness=["gender"], changed={"decided": [APPROVED], "reigns": [REIGN]})
    _, text = written(tmp_path, card)
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) >= 8
    for table in tables:
        lines = table.splitlines()
        assert set(lines[1]) <= set("|-"), lines[0]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1, lines[0]


def test_what_was_decided_later_is_shown_and_is_no_markup(make_card, tmp_path):
    page, text = written(tmp_path, make_card(changed={"decided": [APPROVED], "reigns": [REIGN]}))
    for shown in (page, text):
        assert "maria" in shown
        assert "from 2024-01-25 on" in shown
        assert "<b>card" not in shown
        assert "Nothing was decided" not in shown
    for shown in written(tmp_path, make_card()):
        assert "Nothing was decided" in shown


def test_names_that_people_choose_are_no_markup(make_card, tmp_path):
    card = make_card()
    hostile = card.use_case.model_copy(update={"title": "<script>alert(1)</script>", "owner": "a | b"})
    page, text = written(tmp_path, Card(**{**vars(card), "use_case": hostile}))
    assert "<script" not in page
    assert "<script" not in text


def test_a_value_has_its_own_measures(make_card, tmp_path):
    for text in written(tmp_path, make_card(task="regression")):
        assert "Mean absolute error" in text
        assert "made to hold 80.0% of the outcomes" in text
        assert "Area under the ROC curve" not in text
        assert "false alarm" not in text


def test_who_approves_is_what_the_version_is_tagged_with(make_card):
    """Where the champion is blocked there is none to compare with, and the rule for later ones holds."""
    card = make_card(approval={"first": "auto", "later": "person", "by": ["maria", "jo"], "timeout_hours": 5})
    assert card.champion is None
    by_person, by_rule = (
        dataclasses.replace(card, provenance={**card.provenance, "approval": approval}).approval
        for approval in ("person", "auto")
    )
    assert by_person.startswith("By a person: maria, jo. No answer within 5 hours is a no")
    assert "without a person looking at it" in by_rule


def test_what_flatters_the_champion_and_what_is_no_number_is_said(make_card, tmp_path):
    card = make_card(fairness=["gender"], smallest_slice=100)
    evaluation = card.challenger.evaluation
    nothing = {"precision_lower": np.nan, "precision_upper": np.nan}
    groups = [
        dataclasses.replace(each, ratios=dict.fromkeys(each.ratios, Ratio(0.9, np.nan, np.nan)))
        for each in evaluation.groups
    ]
    changed = dataclasses.replace(
        evaluation, metrics={**evaluation.metrics, **nothing}, groups=groups, champion=evaluation.predicted["test"]
    )
    challenger = dataclasses.replace(card.challenger, evaluation=changed, flattered="On 2024-01-23 it is flattered.")
    champion = SimpleNamespace(version=3)
    for text in written(tmp_path, dataclasses.replace(card, challenger=challenger, champion=champion)):
        assert re.search(r"version 3, on the same rows\. (\*\*|<strong>)On 2024-01-23 it is flattered", text)
        assert "not computable (95 %)" in text
        assert text.count("0.9 (not computable)") == 3
        assert not re.search(r"\bnan\b", text)
    for text in written(tmp_path, card):
        assert "on the same rows" not in text
        assert "flattered" not in text


def test_limits_are_the_declared_ones_and_what_was_not_shown(make_card):
    found = " ".join(limits(make_card(limits=["Not for paying compensation."])))
    assert found.startswith("Not for paying compensation.")
    for words in (
        "Tested on 2024-01 to 2024-02 only", "Learned from 14 batch dates", "no champion to compare it with",
        "No columns to slice by",
        "No attribute of people", "No scored date could be compared",
    ):  # fmt: skip
        assert words in found


def test_limits_that_do_not_hold_are_not_claimed(make_card):
    skew = Skew(100, {"signal": 0.5}, {}, (DAY,), ())
    found = " ".join(
        limits(make_card(slices=["region"], fairness=["gender"], smallest_slice=1000, changed={"skew": skew}))
    )
    for words in ("No columns to slice by", "No attribute of people", "No scored date could be compared"):
        assert words not in found
    # 1,400 test rows make halves of fewer than 1,000.
    assert "region = north" in found


def test_it_says_when_the_same_seed_gives_the_same_model(make_card, tmp_path):
    for text in written(tmp_path, make_card()):
        assert "same data, code, seed and trials" in text
        assert "as long as the search ended by trials and not by time" in text


def test_slices_show_their_events_and_what_they_lack(make_card, tmp_path):
    page, text = written(tmp_path, make_card(slices=["region"], smallest_slice=100))
    assert "| events |" in text
    assert "under 20 with or without the event" in page
    few, few_text = written(tmp_path, make_card(slices=["region"], smallest_slice=5000))
    assert few.count("too few rows") >= 2
    assert few_text.count("too few rows") >= 2
    for of_values in written(tmp_path, make_card("regression", slices=["region"], smallest_slice=100)):
        assert "under 20 with" not in of_values
        assert "too few" not in of_values


def model_of(calibration, declared="auto", train=1400, **losses):
    made_of = Calibrated(declared, train, 800, losses)
    return SimpleNamespace(calibration=calibration, calibrated=made_of, threshold=0.3)


PLATT = Calibration("platt", slope=0.97, intercept=-3.0)
ROWS = "1,400 rows of train, each scored by trees that had not seen it, and 800 rows of validation"


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (
            model_of(PLATT, none=0.52, platt=0.51, isotonic=0.515),
            f"Platt scaling, fitted on {ROWS}; it had the least log-loss when blocks of these rows were left out in "
            "turn: no map 0.52, Platt scaling 0.51, isotonic regression 0.515",
        ),
        (model_of(PLATT, "platt"), f"Platt scaling, fitted on {ROWS}; declared by training.calibration, not chosen"),
        (
            model_of(PLATT, "platt", train=0),
            "Platt scaling, fitted on 800 rows of validation alone, as no part of train could be left out; declared",
        ),
        (model_of(Calibration("none"), none=0.51, platt=0.52), "none: probabilities are the raw scores' own; it had"),
        (model_of(Calibration("none"), "none"), "raw scores' own; declared by training.calibration, not chosen"),
        (model_of(Calibration("none"), none=0.51), "raw scores' own; no map could be fitted on some of these rows"),
        (
            model_of(Calibration("platt", intercept=-np.log(20)), none=0.51, platt=0.52),
            "only the known shift of the weight of events is taken out (-2.996 log-odds); it had the least log-loss",
        ),
    ],
)
def test_what_is_said_of_calibration_is_what_was_done(model, says):
    assert says in calibration_words(model)
    # Where no map was fitted, no period is said to have calibrated.
    fitted = says.startswith("Platt scaling")
    assert ("calibrated" in period_words("validation", model)) == fitted
    assert ("calibrated" in period_words("train", model)) == (fitted and "validation alone" not in says)


def test_the_card_tells_what_calibrated_and_what_its_intervals_rest_on(make_card, tmp_path):
    by_unit = make_card(calibration="isotonic", independent_unit="id")
    for text in written(tmp_path, by_unit):
        assert f"isotonic regression, fitted on {ROWS}; declared by training.calibration" in text
        assert "Intervals rest on 50 groups of 1,400 id, or on 7 groups of neighbouring batch dates, 14 batch" in text
        assert "in all, where these give the wider one. They do not cover seasons and events that" in text
    for text in written(tmp_path, make_card("regression")):
        assert f"none, as values need none; their interval comes from the residuals of {ROWS}" in text
        assert "Intervals rest on 7 groups of neighbouring batch dates, 14 batch dates in all. They do not" in text
