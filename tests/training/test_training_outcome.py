"""What a DAG and a person learn of a training: enough to decide, and nothing that was not computed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import pytest

from nightshift.declarations.training_section import Approval
from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.home.variables.known_variables import RESULT_FILE
from nightshift.job_result import hand_over, handed_over
from nightshift.models import champions
from tests.registering import register
from training.approval_form import comparison
from training.judging.gates import Verdict
from training.judging.leak_suspects import Suspect
from training.tell_training_outcome import say_what_follows, tell
from training.training_outcome import Outcome

METRICS = {
    "auc": 0.71234,
    "auc_lower": 0.68,
    "auc_upper": 0.74,
    "precision": 0.9,
    "precision_lower": float("nan"),
    "precision_upper": float("nan"),
    "constant_log_loss": 0.55,
    "log_loss": float("nan"),
    "rows": 1000.0,
}
PASSED = Verdict("ranks_better_than_chance", 0.68, "above 0.5", True, "Order is no coin toss.", "absolute")
FAILED = Verdict("better_than_champion", None, "above 0", False, "A change must bring something.", "relative")


def outcome(version=4, verdicts=(PASSED,), approval="auto", compared="none", flattered="", suspects=()):
    beside = {} if compared == "none" else {"champion_auc": 0.69}
    return Outcome(version, approval, METRICS | beside, verdicts, compared, flattered, suspects)


@pytest.fixture
def result(tmp_path, monkeypatch):
    file = tmp_path / "result.json"
    monkeypatch.setenv(RESULT_FILE, str(file))
    return file


def test_a_registered_version_is_told_with_who_decides(toy, result):
    tell(toy().use_case, "run7", outcome(approval="person", compared="3"))
    told = handed_over(result)
    assert (told["version"], told["approval"], told["refused"], told["compared"]) == (4, "person", "", "3")
    assert "version 4" in told["subject"]


def test_a_refused_model_has_no_version_and_names_its_gates(toy, result):
    tell(toy().use_case, "run7", outcome(None, [PASSED, FAILED]))
    told = handed_over(result)
    assert (told["version"], told["approval"], told["refused"]) == (None, None, "better_than_champion")


def test_a_suspect_is_logged_and_told_whatever_gate_refuses_the_model(toy, result, caplog):
    suspect = Suspect("duration", ("a model without it has 2% of the gain",))
    made = outcome(None, [PASSED, FAILED], compared="3", suspects=[suspect])
    say_what_follows(toy().use_case, "run7", made)
    assert f"it may know the outcome: {suspect}" in caplog.text
    tell(toy().use_case, "run7", made)
    assert handed_over(result)["subject"].endswith("refused by its gates. duration may know the outcome")


def test_the_comparison_shows_challenger_champion_and_constant_with_intervals(toy):
    page = comparison(toy().use_case, "run7", outcome(verdicts=[PASSED, FAILED], compared="3"))
    assert "| Area under the ROC curve | higher | 0.712 | 0.68 to 0.74 | 0.69 | better |" in page
    assert "| Precision | higher | 0.9 | not computable | – |  |" in page
    assert "| Log-loss | lower | not computed |  | – |  |" in page
    assert "| rows |" not in page
    assert "- ⚠ **better_than_champion** failed: –, must be above 0. A change must bring something." in page
    assert "same rows of the test period, which no choice in the training of either has seen." in page


def test_the_form_says_below_the_measures_what_their_intervals_rest_on(toy):
    made = dataclasses.replace(outcome(), intervals="Intervals rest on 50 groups of 600 customer.")
    page = comparison(toy().use_case, "run7", made)
    assert page.index("| Precision |") < page.index("Intervals rest on 50 groups of 600 customer.")


def test_the_form_begins_with_what_changes_in_at_most_ten_lines(toy):
    worse = {"calibration_error": 0.0345, "champion_calibration_error": 0.0212, "rows": 9635.0}
    suspect = Suspect("duration", ("alone it has 104% of it", "a model without it has 2% of the gain"))
    made = outcome(approval="person", compared="3", suspects=[suspect])
    made = dataclasses.replace(
        made, metrics=made.metrics | worse, verdicts=[PASSED, dataclasses.replace(PASSED, value=9635.0)]
    )
    top = comparison(toy().use_case, "run7", made, dt.date(2024, 2, 1)).split("\n\n")[0].splitlines()
    assert len(top) <= 10
    said = "\n".join(top)
    assert "**Yes:** it scores from batch date 2024-02-01 on" in said
    assert "**No, or no answer:**" in said
    assert "**Gates:** 2 of 2 passed." in said
    assert "**Better:** Area under the ROC curve 0.712 (was 0.69)." in said
    assert "⚠ **Worse:** Calibration error 0.0345 (was 0.0212)." in said
    assert f"⚠ **May know the outcome:** {suspect}." in said
    assert "--who … --why … --cleared duration`" in said
    assert str(suspect) == "duration: alone it has 104% of it; a model without it has 2% of the gain"
    page = comparison(toy().use_case, "run7", made)
    assert "| Calibration error | lower | 0.0345 |  | 0.0212 | ⚠ worse |" in page
    assert "ranks_better_than_chance 9,635 (above 0.5)" in page


def test_that_the_champion_has_seen_days_of_the_test_is_said_instead_of_the_contrary(toy):
    seen = "On 2013-10-01..2013-10-31 of this test period the measures of champion version 3 flatter it."
    page = comparison(toy().use_case, "run7", outcome(compared="3", flattered=seen))
    assert f"Both were judged on the same rows of the test period. **{seen}**" in page
    assert "no choice" not in page


def test_links_lead_to_where_mlflow_is(toy, monkeypatch):
    use_case = toy().use_case
    assert "MLflow run `run7` holds the model card" in comparison(use_case, "run7", outcome())
    run = get_settings().run
    run.mkdir(parents=True)
    (run / "ports.json").write_text(json.dumps({"airflow": 1, "mlflow": 5001, "data_docs": 3}))
    page = comparison(use_case, "run7", outcome())
    assert "(http://127.0.0.1:5001/#/experiments/" in page
    assert f"(http://127.0.0.1:5001/#/models/{use_case.name}/versions/4)" in page
    # Programs reach a server elsewhere than people's browsers do.
    monkeypatch.setenv("NIGHTSHIFT_MLFLOW_PUBLIC_URL", "https://mlflow.company")
    get_settings.cache_clear()
    page = comparison(use_case.within(get_settings()), "run7", outcome())
    assert "(https://mlflow.company/#/experiments/" in page


def test_the_first_champion_and_later_ones_may_be_let_in_by_others(toy):
    declared = toy().use_case
    approval = Approval(first="auto", later="person", by=("maria",))
    training = declared.training.model_copy(update={"approval": approval})
    use_case = declared.model_copy(update={"training": training})
    assert champions.approval_of(use_case) == "auto"
    champions.promote(use_case, register(use_case), dt.date(2024, 2, 1), "auto", "passed its gates", "run")
    assert champions.approval_of(use_case) == "person"
    compared = comparison(use_case, "run7", outcome(2, compared="1"))
    assert "**Champion now:** version 1 (from 2024-02-01 on)." in compared
    assert "Both were judged on the same rows" in compared
    alone = comparison(use_case, "run7", outcome(1))
    assert "**Champion now:** no champion so far." in alone
    assert "The challenger alone was judged, on a test period that no choice" in alone
    # It began before there was a champion, and was resumed.
    page = comparison(use_case, "run7", outcome(2, compared="none"))
    assert "version 2 was judged beside no champion, and version 1 is champion by now" in page
    assert "same rows" not in page
    champions.block(use_case, 1, "maria", "it warns of everything", "manual")
    page = comparison(use_case, "run7", outcome(2, compared="none"))
    assert "(from 2024-02-01 on), which is blocked and no rival." in page
    assert "The challenger alone was judged" in page


def test_a_refused_model_leaves_the_champion_and_without_one_it_is_said_that_nothing_can_score(toy, caplog):
    use_case = toy().use_case
    say_what_follows(use_case, "run7", outcome(None, [PASSED, FAILED], compared="3"))
    assert "not promoted, version 3 stays champion; MLflow run run7" in caplog.text
    assert "better_than_champion: not computed, must be above 0" in caplog.text
    with pytest.raises(NightshiftError, match="NO CHAMPION"):
        say_what_follows(use_case, "run7", outcome(None, [PASSED, FAILED]))


def test_without_a_caller_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.delenv(RESULT_FILE, raising=False)
    hand_over({"version": 1})
    assert handed_over(tmp_path / "result.json") == {}
