"""A search that a test can run beside itself, and kill: it stops by itself in the middle of a batch.

python -m tests.training.searched <storage> <study> <processes>
"""

import os
import signal
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np

import training.search.parameter_search
from nightshift.dates import BatchDates, Length
from nightshift.declarations.training_section import Training
from nightshift.home.settings import get_settings
from nightshift.models.encoding import Encoding
from training.data.dataset import Dataset, Part
from training.data.time_split import Periods
from training.fitting.fit import Parts, binned
from training.search.parameter_search import Winner, search
from training.search.study import Study

TRIALS = 10
STOPPED_AFTER = 5
PERIODS = Periods.at_end(BatchDates.parse("2024-01-01..2024-01-16"), Length(1), Length(14))


def made(seed: int = 0, **training: object) -> tuple[Parts, SimpleNamespace]:
    """Rows with a signal of moderate strength, binned, and as much of a use case as a search needs."""
    generator = np.random.default_rng(seed)

    def part(size: int) -> Part:
        matrix = generator.normal(size=(size, 8)).astype(np.float32)
        matrix[:, 7] = generator.integers(0, 5, size)
        raw = matrix[:, 0] + matrix[:, 1] * matrix[:, 2] + (matrix[:, 7] == 3) + 2 * generator.normal(size=size)
        # Unequal weights, as a sample that keeps all events has.
        labels = (raw > 0.5).astype(np.float64)
        return Part(matrix, labels, np.where(labels == 1, 1.0, 2.0), np.full(size, np.datetime64("2024-01-01")))

    dataset = Dataset(
        Encoding(tuple("abcdefgh"), {"h": (0, 1, 2, 3, 4)}), part(6000), part(3000), part(1), {}, {}, (), PERIODS
    )
    plan = Training.model_validate({"event_weight": 2, "monotone": {"a": "increasing"}, **training})
    use_case = SimpleNamespace(name="searched", task="binary", training=plan, home=get_settings())
    return binned(dataset, use_case), use_case


def run(study: str, storage: str | None = None, trials: int = TRIALS, seconds: float = 1e9, **of: object) -> Winner:
    """A search on :func:`made` rows."""
    parts, use_case = made(**of)
    return search(parts, use_case, trials=trials, seconds=seconds, study=study, storage=storage)


class Stopped(Study):
    """Stops the process once some trials are told, while others of their batch run."""

    def tell(self, *trial: Any) -> None:
        super().tell(*trial)
        if len(self.finished) == STOPPED_AFTER:
            os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    training.search.parameter_search.Study = Stopped
    run(sys.argv[2], sys.argv[1], parallel_trials=int(sys.argv[3]))
