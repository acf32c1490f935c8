"""Where landed rows come from, behind one small interface.

Each kind of source finds what belongs to the batch dates, brings it into the archive, and proves what it read: files
by their digest, a query by its bounds, by count and sums in the database before and after, and by the extract's digest.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from nightshift.ingest.delivery import Delivery, Fault, LandedFile
from nightshift.job import Job

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger("nightshift")


class SourceKind(Protocol):
    """One kind of source."""

    def take(self, spark: SparkSession, job: Job) -> Delivery:
        """Bring what its tables have of the batch dates into the archive, with proof.

        Returns:
            The `LandedFile`s, each with digest, rows and origin, and the `Fault`s of what can't be taken.

        Raises:
            NightshiftError: if the dates are not complete yet, or a source can't be asked.
        """
        ...


def take(spark: SparkSession, job: Job) -> Delivery:
    """All deliveries of the dates, from every kind of source, verified and in the archive.

    Raises:
        NightshiftError: if a delivery is not complete, or a source can't be asked.
    """
    from nightshift.ingest.sources.delivered_files import Files
    from nightshift.ingest.sources.jdbc import Jdbc

    kinds: Sequence[SourceKind] = (Files(), Jdbc())
    taken = [kind.take(spark, job) for kind in kinds]
    files: list[LandedFile] = [file for each in taken for file in each.files]
    faults: list[Fault] = [fault for each in taken for fault in each.faults]
    warnings = [warning for each in taken for warning in each.warnings]
    for warning in warnings:
        log.warning("%s", warning)
    return Delivery(job.use_case, job.dates, tuple(files), tuple(faults), tuple(warnings))
