"""A model of the toy use case that was made and judged by the code that does so in a training."""

from __future__ import annotations

from training.challenger import Budget, challenge
from training.judging.gates import Gate, load_gates

VALUES_GATE = Gate(
    name="explains", group="absolute", number="r2_lower", above=0.0, meaning="A model without it is noise."
)


def challenged(job, dataset, trials=1, champion=None, skew=None):
    """The challenger of a job on a data set; its study is in memory."""
    gates = load_gates(job.use_case) if job.use_case.task == "binary" else (VALUES_GATE,)
    budget = Budget(trials, 600, f"{job.use_case.name}/in memory")
    return challenge(job.use_case, dataset, gates, budget, champion, skew)
