"""What names and sizes alone show of deliveries, before any file is read and anything heavy is started."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeliveryError
from nightshift.ingest.delivery.landed_files import Delivery, Fault
from nightshift.ingest.delivery.landing_zone import READERS, delivery_folder, is_complete
from nightshift.ingest.delivery.manifest_listing import Listing, listed_files
from nightshift.ingest.delivery.verify_delivery import expected_manifests, weighed


def glance(catalog: Catalog, dates: BatchDates) -> Delivery:
    """The faults that manifests, names and sizes show; of good files nothing is said.

    Raises:
        NightshiftError: if a delivery is not complete, or a manifest or folder can't be read; or if there is one for a
            day that is no batch date, which nothing would ever read.
    """
    folders = {date: delivery_folder(catalog.use_case, date) for date in dates}
    with ThreadPoolExecutor(READERS) as pool:
        _refuse_strays(pool, catalog.use_case, dates)
        manifests = expected_manifests(pool, folders, dates, catalog.use_case.home)
        listings = list(pool.map(lambda date: listed_files(catalog, date, folders[date], manifests[date]), dates))
    faults = [fault for listing in listings for fault in (*listing.faults, *_of_other_size(listing))]
    good = {
        (task.batch_date, task.table.name)
        for listing in listings
        for task in listing.tasks
        if task.size == task.expected.bytes
    }
    found = sorted(weighed(catalog, faults, good), key=lambda fault: (fault.batch_date, fault.file))
    return Delivery(catalog.use_case, dates, (), tuple(found))


def _refuse_strays(pool: ThreadPoolExecutor, use_case: UseCase, dates: BatchDates) -> None:
    """Look at the days since the batch date before the first one."""
    calendar = dates.calendar
    since = BatchDates(calendar.later(dates.first, -1), dates.last)
    between = [day for day in since if day not in calendar]
    folders = [delivery_folder(use_case, day) for day in between]
    found = zip(between, folders, pool.map(lambda folder: is_complete(folder, use_case.home), folders), strict=True)
    if stray := next(((day, folder) for day, folder, is_there in found if is_there), None):
        day, folder = stray
        raise DeliveryError(
            f"{folder} holds a delivery, and {day} is no batch date: these are {calendar.words}",
            remedy=f"move it to the batch date that it is of, like {calendar.next(day)}, or out of the landing zone",
        )


def _of_other_size(listing: Listing) -> list[Fault]:
    return [
        Fault(
            *(task.batch_date, task.table.name, task.expected.name),
            f"has {task.size:,} bytes, the manifest says {task.expected.bytes:,}",
            promised=task.expected.sha256,
            rows=task.expected.rows,
        )
        for task in listing.tasks
        if task.size != task.expected.bytes
    ]
