import importlib.util

import pytest

from nightshift.dates import BatchDates
from nightshift.home.settings import PROJECT_DIR
from nightshift.install.setup.bootstrap import VENV
from nightshift.stages import AFTER_MODEL, INGEST, JOBS, PYTHON, STAGES, arguments, command


def test_a_command_can_be_typed_in_the_checkout():
    assert PROJECT_DIR / PYTHON == VENV / "bin" / "python"
    assert command("features", "taxi", BatchDates.parse("2024-01-01..2024-01-02")) == (
        ".venv/bin/python -m spark_jobs.features --use-case taxi --dates 2024-01-01..2024-01-02"
    )
    assert command("score", "taxi", "<first>..<last>", "--model", "3") == (
        ".venv/bin/python -m scoring.score --use-case taxi --dates <first>..<last> --model 3"
    )


@pytest.mark.parametrize("stage", STAGES)
def test_the_job_of_every_stage_is_there(stage):
    assert importlib.util.find_spec(JOBS[stage]) is not None
    assert arguments(stage, "taxi", "2024-01-01")[0] == JOBS[stage]


def test_every_stage_comes_either_before_or_after_the_model():
    assert (*INGEST, *AFTER_MODEL) == STAGES
