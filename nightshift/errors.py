"""Errors that are shown to people without a traceback: what kind, temporary or final, and the remedy.

Temporary ones heal by themselves: the scheduler tries again. Final ones need a person. Everything that is no
:class:`NightshiftError` is a bug and keeps its traceback. docs/reference/errors.md is generated from these classes.
"""

from __future__ import annotations

from typing import ClassVar

# sysexits.h: EX_DATAERR, a person must act; EX_TEMPFAIL, trying again may help. Usage errors exit 2.
EXIT_FINAL = 65
EXIT_TEMPORARY = 75


class NightshiftError(Exception):
    """Something that a person must fix, of no particular kind.

    The message says what is wrong and where (file, row, field), in that order; `remedy` says the next step, where the
    message does not.

    Attributes:
        kind: short and stable, for programs.
        temporary: whether trying again may help.
        retries: how often the scheduler tries again at most; None leaves that to the task.
        on_call: what on-call staff do about it, for docs/reference/errors.md.
    """

    kind: ClassVar[str] = "refused"
    temporary: ClassVar[bool] = False
    retries: ClassVar[int | None] = 0
    on_call: ClassVar[str] = "Follow the message's next step."

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\nNext: {self.remedy}" if self.remedy else self.message

    @property
    def exit_status(self) -> int:
        """What a process exits with that ends by this error."""
        return EXIT_TEMPORARY if self.temporary else EXIT_FINAL


class DeclarationError(NightshiftError):
    """A file of the use case, or a model of dbt, breaks a rule."""

    kind = "declaration"
    on_call = "Tell the use case's owner; the message names file and field."


class UsageError(NightshiftError):
    """An option, a param of a run, or an answer asks for what can't be done."""

    kind = "usage"
    on_call = "Start it again with what the message asks for."


class SettingsError(NightshiftError):
    """A setting or a credential is missing or can't be."""

    kind = "settings"
    on_call = "Tell the platform's owner; the message names the setting."


class InstallationError(NightshiftError):
    """The machine, the checkout or the home lacks something."""

    kind = "installation"
    on_call = "Run `nightshift doctor` on that machine."


class DeliveryError(NightshiftError):
    """A delivery is missing, incomplete, or breaks the landing contract."""

    kind = "delivery"
    on_call = "Ask the sender to deliver; then clear the task."


class MissingError(NightshiftError):
    """A slice, a version or a model that is needed was never made, or is gone."""

    kind = "missing"
    on_call = "Run the stage that the message names first; then clear the task."


class DataError(NightshiftError):
    """Rows can't be used, or do not add up."""

    kind = "data"
    on_call = "Tell the use case's owner; nothing was published."


class AuditFailedError(NightshiftError):
    """A slice was refused by a check; nothing of it was published."""

    kind = "audit"
    on_call = "Open the audit page; ask the sender for a correction, or the use case's owner."


class GateError(NightshiftError):
    """A model was refused by its gates, or was never compared with the champion."""

    kind = "gate"
    on_call = "Leave it to the model's owner: the champion stays."


class DecisionError(NightshiftError):
    """A person's decision, or the lack of one, forbids it."""

    kind = "decision"
    on_call = "Ask the person that the message names."


class TemporaryError(NightshiftError):
    """Something that heals by itself, of no particular kind."""

    kind = "temporary"
    temporary = True
    retries: ClassVar[int | None] = None
    on_call = "Wait: the scheduler tries again. If its last try fails, follow the message."


class DatabaseUnreachableError(TemporaryError):
    """PostgreSQL does not answer, restarts, has no connection left, or lost one in mid-query."""

    kind = "database"
    on_call = "If the last try fails: see that PostgreSQL runs (`nightshift doctor`), then clear the task."


class ServerUnreachableError(TemporaryError):
    """MLflow, Airflow or another server does not answer, or answers that it can't now."""

    kind = "server"
    on_call = "If the last try fails: see that the server runs (`nightshift doctor`), then clear the task."


class StoreUnreachableError(TemporaryError):
    """The store of the landing zone, the lake or the archive can't be read or written just now."""

    kind = "store"
    on_call = "If the last try fails: see that the store answers and lets us in, then clear the task."


class BusyError(TemporaryError):
    """Another process holds a turn or a lock that did not come free in time."""

    kind = "busy"
    on_call = "If the last try fails: see what the process does that the message names."


class ConflictError(TemporaryError):
    """What was read or written was changed by another process meanwhile; nothing was published."""

    kind = "conflict"
    on_call = "If the last try fails: let the other run end, then clear the task."


class OvertakenError(ConflictError):
    """Another run has published a part of what this one has computed; nothing of it may be published.

    Tried again once only, so that two runs can't alternate.
    """

    kind = "overtaken"
    retries = 1


class ResourcesError(TemporaryError):
    """A disk is full, or memory ran out."""

    kind = "resources"
    on_call = "Make room (`nightshift doctor` names the disk) or give more memory, then clear the task."


def of_status(status: int) -> type[NightshiftError]:
    """What kind of error a process ended by that exits with this status and says no more."""
    return TemporaryError if status == EXIT_TEMPORARY else NightshiftError


def kinds() -> dict[str, type[NightshiftError]]:
    """The classes of this module by the name of their kind, final ones first."""
    found = [each for each in globals().values() if isinstance(each, type) and issubclass(each, NightshiftError)]
    return {each.kind: each for each in found}
