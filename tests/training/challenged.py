"""A model of the toy use case that was made and judged by the code that does so in a training."""

from __future__ import annotations

from training.challenger import Budget, challenge
from training.judging.gates import load_gates


def challenged(job, dataset, trials=1, champion=None, skew=None):
    """The challenger of a job on a data set; its study is in memory."""
    gates = load_gates(job.use_case)
    budget = Budget(trials, 600, f"{job.use_case.name}/in memory")
    return challenge(job.use_case, dataset, gates, budget, champion, skew)
