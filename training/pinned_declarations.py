"""What a training is made of, read once: what judges it, what its run keeps, and what tells it from another one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from nightshift.declarations.dbt_files import models_folder, yaml_files
from nightshift.declarations.use_case import UseCase
from nightshift.errors import ConflictError
from nightshift.job import Job
from nightshift.ledger import code_version
from training.data.time_split import Periods
from training.judging.gates import Gate, defaults_of, load_gates

_USE_CASE, _GATES, _REASONS = "use_case.yaml", "gates.yaml", "reasons.yaml"
_DEFAULT_GATES = "default_gates.yaml"


@dataclass(frozen=True)
class Pinned:
    """The declarations of a use case as they were when a training began: people may edit them while it searches.

    Attributes:
        gates: that judge.
        files: content of the files that the run keeps, by name.
        digests: SHA-256 of what the model and its verdicts depend on, by the name of a tag.
    """

    gates: tuple[Gate, ...]
    files: Mapping[str, bytes]
    digests: Mapping[str, str]

    @classmethod
    def of(cls, use_case: UseCase) -> Self:
        """Read the declarations.

        Raises:
            NightshiftError: as :func:`load_gates`, and if a file is changed at this very moment.
        """
        files, models = _files(use_case), _models(use_case)
        gates = load_gates(use_case)
        # Gates are read from the file once more; what is kept and what judges must be the same.
        if _files(use_case) != files or UseCase.load(use_case.name, use_case.home) != use_case:
            raise ConflictError(f"{use_case.folder} was changed while the training began: start it again")
        contents = {
            _USE_CASE: files[_USE_CASE],
            # A use case need not have any of its own.
            _GATES: files.get(_GATES, b""),
            _DEFAULT_GATES: files[_DEFAULT_GATES],
            # Length first: no two lists of files give one text.
            "dbt": b"".join(b"%d %s %d %s" % (len(name), name, len(text), text) for name, text in models.items()),
        }
        digests = {f"sha256.{name}": hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        return cls(gates, files, digests)

    def tags(self, job: Job, rows: str, periods: Periods, trials: int) -> dict[str, str]:
        """What a run of a training must have to be resumed, and to be believed: as tags of it.

        Delta versions are not among it: any night makes a new one, with the same rows of the dates that are trained on.

        Args:
            job: whose use case declares the seed.
            rows: digest of the data set.
            periods: train, validation and test.
            trials: of the search.
        """
        return {
            **{f"period.{name}": str(period) for name, period in periods.items()},
            "trials": str(trials),
            "seed": str(job.use_case.training.seed),
            "code_version": code_version(),
            "sha256.rows": rows,
            **self.digests,
        }


def _files(use_case: UseCase) -> dict[str, bytes]:
    paths = (use_case.folder / name for name in (_USE_CASE, _GATES, _REASONS))
    own = {path.name: path.read_bytes() for path in paths if path.is_file()}
    return {**own, _DEFAULT_GATES: defaults_of(use_case.task).read_bytes()}


def _models(use_case: UseCase) -> dict[bytes, bytes]:
    """The YAML beside the dbt models, which declares the features."""
    folder = models_folder(use_case)
    return {path.relative_to(folder).as_posix().encode(): path.read_bytes() for path in yaml_files(use_case)}
