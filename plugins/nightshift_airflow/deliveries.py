"""Waiting for a delivery without holding a worker, and checking that a range of them is there."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, timezone
from airflow.triggers.base import BaseTrigger, TriggerEvent

from nightshift.declarations.catalog import Catalog
from nightshift.errors import DeliveryError, NightshiftError, SettingsError, StoreUnreachableError, TemporaryError
from nightshift.home.settings import get_settings
from nightshift.ingest.delivery import MANIFEST, Folder, delivery_folder, expects_manifest, is_complete
from nightshift.storage import Location
from nightshift_airflow.retries import tells_people
from nightshift_airflow.runs import DatesOfRun, Run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightshift.dates import BatchDates
    from nightshift.declarations.use_case import UseCase

log = logging.getLogger(__name__)
_COMPLETE = "complete"
_UNREACHABLE = "unreachable"
_REFUSED = "refused"
_SHOWN = 5


class StillUnreachableError(StoreUnreachableError):
    """The store could not be asked until the deadline; a second wait would be as long."""

    retries = 0


class DeliveryTrigger(BaseTrigger):
    """Looks for a complete delivery until a deadline; costs the triggerer one file test per look.

    Args:
        folder: location of the delivery's folder: its path, or its URL.
        poll_seconds: pause between two looks.
        deadline: instant of the last look, ISO 8601 with a zone. An instant, not a duration, so that a triggerer
            that restarts does not start the wait again.
    """

    def __init__(self, folder: str, poll_seconds: float, deadline: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.folder = folder
        self.poll_seconds = poll_seconds
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What another triggerer needs to continue this wait."""
        arguments = {"folder": self.folder, "poll_seconds": self.poll_seconds, "deadline": self.deadline}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fires once: with ``complete``, true or false, and why the store could not be asked at the last look.

        A store that lets nobody in ends the wait at once: that does not heal by itself.
        """
        deadline = dt.datetime.fromisoformat(self.deadline)
        while True:
            # A lake on a network share may take its time, and one triggerer serves many waits.
            told = await asyncio.to_thread(_look, Folder(Location.of(self.folder)))
            left = (deadline - timezone.utcnow()).total_seconds()
            if told[_COMPLETE] or _REFUSED in told or left <= 0:
                yield TriggerEvent(told)  # type: ignore[no-untyped-call]
                return
            await asyncio.sleep(min(self.poll_seconds, left))


def _look(folder: Folder) -> dict[str, Any]:
    """Whether a delivery is complete; a store that can't be asked says nothing about it."""
    try:
        return {_COMPLETE: is_complete(folder, get_settings())}
    except NightshiftError as error:
        log.warning("%s", error)
        return {_COMPLETE: False, _UNREACHABLE if error.temporary else _REFUSED: error.message}


class _DeliveryOperator(BaseOperator):
    """Looks for the deliveries of a run's batch dates."""

    ui_color = "#f6efdb"

    def __init__(self, *, use_case: UseCase, dates: DatesOfRun, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.use_case = use_case
        self.dates = dates


class WaitForDelivery(_DeliveryOperator):
    """Ends as soon as the delivery of the run's batch date is complete; fails at the use case's deadline.

    The wait is deferred: it holds no worker and no pool slot. It is not retried, a delivery does not come sooner
    for a second deadline. A store that can't be asked is asked again until the deadline.
    """

    @tells_people
    def execute(self, context: Context) -> None:
        """Look once; if the delivery is not there, go on looking in the triggerer.

        Raises:
            NightshiftError: if the run has no batch date, or a wrong one.
        """
        folder = self._folder(context)
        if not expects_manifest(Catalog(self.use_case)):
            self.log.info("%s reads databases only: there is no delivery to wait for", self.use_case.name)
            return
        try:
            if is_complete(folder, self.use_case.home):
                self.log.info("The delivery is complete: %s", folder)
                return
        except TemporaryError as error:
            self.log.warning("%s", error)
        wait = dt.timedelta(minutes=self.use_case.delivery.deadline_minutes)
        deadline = timezone.utcnow() + wait
        self.log.info("Waiting for %s until %s", folder / MANIFEST, deadline.isoformat(timespec="seconds"))
        self.defer(
            trigger=DeliveryTrigger(folder.location.whole, self.use_case.delivery.poll_seconds, deadline.isoformat()),
            method_name="execute_complete",
            # The trigger ends the wait; this holds if the trigger itself gets stuck.
            timeout=wait + dt.timedelta(minutes=10),
        )

    @tells_people
    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> None:
        """End the wait.

        Raises:
            DeliveryError: if the deadline passed; it names the path.
            StoreUnreachableError: if the store could not be asked until then.
            SettingsError: if the store does not let us in.
        """
        folder = self._folder(context)
        if event.get(_COMPLETE) is True:
            self.log.info("The delivery is complete: %s", folder)
            return
        waited = f"waited {self.use_case.delivery.deadline_minutes} minutes for {folder / MANIFEST}"
        if why := event.get(_REFUSED):
            raise SettingsError(why, remedy="fix the access, or the setting that names the place, then clear this task")
        if why := event.get(_UNREACHABLE):
            raise StillUnreachableError(
                f"{waited}, and the store could not be asked: {why}",
                remedy="see that the store answers, then clear this task",
            )
        if reason := folder.broken_link(MANIFEST):
            raise DeliveryError(f"{waited}, which {reason}")
        raise DeliveryError(
            f"{waited}, and it did not come", remedy="ask the sender for the delivery, then clear this task"
        )

    def _folder(self, context: Context) -> Folder:
        return delivery_folder(self.use_case, _dates(self.use_case, self.dates, context).first)


class CheckDeliveries(_DeliveryOperator):
    """Fails at once when a delivery of the run's range is missing: what is past will not come by waiting."""

    @tells_people
    def execute(self, context: Context) -> None:
        """Look for each delivery.

        Raises:
            NightshiftError: if the range is refused or the store can't be reached, or naming the first deliveries
                that are missing.
        """
        dates = _dates(self.use_case, self.dates, context)
        if not expects_manifest(Catalog(self.use_case)):
            self.log.info("%s reads databases only: there are no deliveries to look for", self.use_case.name)
            return
        folders = [delivery_folder(self.use_case, date) for date in dates]
        missing = [folder for folder in folders if not is_complete(folder, self.use_case.home)]
        if missing:
            shown = "\n".join(f"  {folder / MANIFEST}" for folder in missing[:_SHOWN])
            more = f"\n  and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
            raise DeliveryError(
                f"{len(missing)} of the {len(dates)} deliveries of {dates} are not there:\n{shown}{more}",
                remedy="ask the sender for them, or start the backfill with other dates",
            )
        self.log.info("All %d deliveries of %s are there", len(dates), dates)


def _dates(use_case: UseCase, dates: DatesOfRun, context: Context) -> BatchDates:
    return dates(Run.of(use_case, context))
