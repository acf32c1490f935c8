"""The stages of a night: the job that each one is, and how a person runs it by hand."""

from __future__ import annotations

from collections.abc import Sequence

from nightshift.dates import BatchDates

# The virtual environment that set-up makes in the checkout; no other Python has what the jobs import.
PYTHON = ".venv/bin/python"
# The module of each job, in the order of the night.
JOBS = {
    "land": "spark_jobs.land",
    "refine": "spark_jobs.refine",
    "features": "spark_jobs.features",
    "score": "scoring.score",
    "marts": "spark_jobs.marts",
}
LAND, REFINE, FEATURES, SCORE, MARTS = STAGES = tuple(JOBS)
# No stage of a night: a person's rows are taken out of what was published.
ERASE = "erase"
# From files to features; what comes after needs a model.
INGEST = (LAND, REFINE, FEATURES)
AFTER_MODEL = (SCORE, MARTS)


def arguments(stage: str, use_case: str, dates: BatchDates | str, *options: str) -> tuple[str, ...]:
    """What follows `python -m` on the command line of a stage."""
    return (JOBS[stage], "--use-case", use_case, "--dates", str(dates), *options)


def command(stage: str, use_case: str, dates: BatchDates | str, *options: str) -> str:
    """What a person types in the checkout to run a stage; ``dates`` may be a stand-in like ``<first>..<last>``."""
    return typed(arguments(stage, use_case, dates, *options))


def typed(job: Sequence[str]) -> str:
    """What a person types in the checkout, of what follows `python -m`."""
    return " ".join((PYTHON, "-m", *job))
