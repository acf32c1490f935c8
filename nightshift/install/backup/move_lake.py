"""The lake copied to another disk or object store, and compared with the old one slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nightshift.errors import ConflictError, MissingError, SettingsError
from nightshift.home import postgres_server
from nightshift.home.home_folder import refuse_transfer, transferred
from nightshift.home.settings import Settings
from nightshift.home.variables import setting_values
from nightshift.install.backup import database_dumps
from nightshift.install.backup.backup_format import refuse_running
from nightshift.lake.fingerprints import Fingerprint, fingerprints
from nightshift.lake.sql_queries import published_tables
from nightshift.storage.copying import Progress, copy_folder
from nightshift.terminal import Say

SLICES_NAMED = 5


def move_lake(settings: Settings, source: str, target: str, progress: Callable[[Progress], object], say: Say) -> int:
    """Copy a lake, with all its versions, and prove that the copy holds the same rows.

    What names the lake needs no change but the setting: tables' logs name files by paths below their folder, and the
    ledger and the registry name tables and versions.

    Args:
        source: path or URL of the lake as it is; nothing of it changes.
        target: where it is to be; what is there already of an earlier try is not copied again.

    Returns:
        How many slices were compared.

    Raises:
        SettingsError: if one of the two is no place.
        MissingError: if there is no table at the source.
        UsageError: if something runs that may write meanwhile, or one of the two lies within the other.
        ConflictError: if slices differ, naming them.
    """
    homes = [_at(settings, place) for place in (source, target)]
    refuse_transfer(settings)
    with transferred(settings), postgres_server.kept_as_it_was(settings):
        names = database_dumps.own(settings)
        refuse_running(settings, names, "move")
        before = _slices(homes[0])
        if not before:
            raise MissingError(f"there is no published table of this installation in {source}")
        copy_folder(homes[0].lake, homes[1].lake, progress)
        say(f"comparing {sum(map(len, before.values())):,} slices of {len(before):,} tables")
        after = _slices(homes[1])
        refuse_running(settings, names, "move")
    if differing := _differing(before, after):
        raise ConflictError(
            f"{target} does not hold what {source} holds: {'; '.join(differing[:SLICES_NAMED])}",
            remedy="see who else writes to one of the two, then move again into an empty place",
        )
    return sum(map(len, before.values()))


def _at(settings: Settings, place: str) -> Settings:
    """The settings of this home with its lake at a place."""
    try:
        return settings.model_copy(update={"lake_url": setting_values.location(place)})
    except ValueError as error:
        raise SettingsError(f"the lake {place} {error}") from None


def _slices(home: Settings) -> dict[str, list[Fingerprint]]:
    return {name: fingerprints(table) for name, table in sorted(published_tables(home).items())}


def _differing(before: Mapping[str, list[Fingerprint]], after: Mapping[str, list[Fingerprint]]) -> list[str]:
    """Slices of the one that are not in the other, in words."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        one, other = ({each.batch_date: each for each in slices.get(name, [])} for slices in (before, after))
        found += [f"{name} {date}" for date in sorted(one.keys() | other.keys()) if one.get(date) != other.get(date)]
    return found
