"""Files of deliveries, in a folder or an object store: docs/landing-contract.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightshift import ledger
from nightshift.ingest.delivery import Delivery, expects_manifest, verify
from nightshift.job import Job

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Files:
    """Found by the manifest of each batch date, proved by their digests."""

    def take(self, spark: SparkSession, job: Job) -> Delivery:
        """Verify every file and copy it while its digest is taken.

        Raises:
            NightshiftError: if a delivery is not complete, or its manifest can't be read.
        """
        if not expects_manifest(job.catalog):
            return Delivery(job.use_case, job.dates, ())
        name = job.use_case.name
        return verify(job.catalog, job.dates, lambda digests: ledger.delivered_before(name, digests))
