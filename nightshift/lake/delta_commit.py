"""Making an audited stage visible, in one commit, and removing what is visible no more."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from nightshift.declarations.tables import PARTITION, Table
from nightshift.errors import ConflictError, DeclarationError
from nightshift.lake import delta_log
from nightshift.lake.staging import ATTEMPT, WRITTEN, Stage, StagedFile
from nightshift.ledger.advisory_locks import refuse_lost, turn
from nightshift.ledger.open_stages import open_attempts
from nightshift.storage import Location
from nightshift.storage.files import AT_ONCE

if TYPE_CHECKING:
    from deltalake import CommitProperties, DeltaTable
    from deltalake.transaction import AddAction

LOCK_SECONDS = 600
FOR_GOOD_DAYS = 36_500


def publish(stage: Stage, metadata: Mapping[str, object]) -> int:
    """`commit`, with the table's write lock around it."""
    with writing(stage.table):
        return commit(stage, metadata, delta_log.opened(stage.table))


def commit(stage: Stage, metadata: Mapping[str, object], seen: DeltaTable | None) -> int:
    """Replace the slice's batch dates with the staged files, in one commit; to be called within `writing`.

    Args:
        seen: the table as it was before the ledger was asked what others have published: any commit since then is
            one that the ledger did not tell of. None: there was no table.
        metadata: goes into the commit beside the stage's digest; names run, attempt, code and sources.

    Returns:
        The Delta version of the commit; what else lies in the stage's folder is left to be discarded.

    Raises:
        ConflictError: if the stage is not what was pinned, or the table is no longer as it was seen; nothing was
            published then.
        DatabaseUnreachableError: if this process lost a turn that it takes; nothing was published then, either.
    """
    from deltalake import CommitProperties
    from deltalake.exceptions import DeltaError

    said = {**metadata, "attempt": stage.folder.attempt_id, "stage_sha256": stage.digest}
    note = json.dumps(said, default=str, sort_keys=True)
    stage.refuse_changed()
    version = -1 if seen is None else seen.version()
    _flush(stage)
    stage.folder.record.commits_upon(version)
    try:
        # A commit that is tried again lands upon what came in between, and both are visible then.
        _commit(stage, seen, CommitProperties(custom_metadata={"userMetadata": note}, max_commit_retries=0))
    except DeltaError as error:
        if stage.table.exists() and (newest := delta_log.newest_version(stage.table)) > version:
            raise ConflictError(
                f"{stage.table.label} became version {newest} while this run was about to publish {stage.dates}: "
                "nothing of it was published"
            ) from error
        raise
    stage.folder.is_published = True
    delta_log.log_entry(stage.table, version + 1).flush()
    return version + 1


def vacuum(table: Table, hours: int) -> list[str]:
    """Remove files that no version of the last ``hours`` names; nothing calls this by itself.

    Versions that are older can then no longer be read. Spared are the files of open stages: those of attempts that
    run, and of killed ones that `sweep` has not settled. Whatever else lies in the table's folder goes: files of older
    versions, and what publications left there that crashed.

    Returns:
        The removed files, as paths below the table's.
    """
    if not table.exists():
        return []
    with writing(table):
        listed = delta_log.snapshot(table).vacuum(
            retention_hours=hours, dry_run=True, enforce_retention_duration=False, full=True
        )
        # Asked for after the listing: who was open then, and is no longer, had no turn to commit.
        spared = {f"{ATTEMPT}={each}" for each in open_attempts(table.use_case, table.short_name)}
        unnamed = [file for file in listed if file.partition("/")[0] not in spared]
        # Of a publication that took the turn after it was lost here, none is among them.
        refuse_lost()
        for file in unnamed:
            (table.location / file).delete()
    return unnamed


def _commit(stage: Stage, seen: DeltaTable | None, properties: CommitProperties) -> None:
    """Replace the slice's batch dates by the staged files, where they are."""
    from deltalake import Schema
    from deltalake.transaction import create_table_with_add_actions

    table = stage.table
    schema = Schema.from_json(delta_log.delta_schema(table))
    if seen is not None:
        refuse_other_schema(table)
    files = [_add_action(file, table) for file in stage.files]
    # As late as can be.
    refuse_lost()
    if seen is None:
        create_table_with_add_actions(
            str(table.location),
            schema,
            files,
            mode="error",
            partition_by=[PARTITION],
            description=table.description,
            configuration=_configuration(table),
            commit_properties=properties,
            storage_options=table.location.options,
        )
        return
    seen.create_write_transaction(
        [*files],
        mode="overwrite",
        schema=schema,
        partition_by=[PARTITION],
        partition_filters=delta_log.partitions_of(stage.dates),
        commit_properties=properties,
    )


def _configuration(table: Table) -> dict[str, str | None]:
    """The log goes back as far as rows are kept: a score, and a model, name the versions that they were made from.

    By Delta's default, versions of more than a month ago could not be read, although their files are there. And by
    that of delta-rs a reader would open up to a hundred commits, one by one, before it knows which files there are.
    """
    return {
        "delta.logRetentionDuration": f"interval {table.retention_days or FOR_GOOD_DAYS} days",
        "delta.checkpointInterval": "10",
    }


def refuse_other_schema(table: Table) -> None:
    """New columns may come; the columns that published files have must stay as they are.

    Raises:
        DeclarationError: naming a column that is declared with another type, or no longer.
    """
    if not table.exists():
        return
    declared = {field["name"]: field["type"] for field in json.loads(delta_log.delta_schema(table))["fields"]}
    for field in json.loads(delta_log.snapshot(table).schema().to_json())["fields"]:
        if declared.get(field["name"]) != field["type"]:
            declaration = f"with type {declared[field['name']]}" if field["name"] in declared else "without it"
            raise DeclarationError(
                f"{table.label} has the column {field['name']} of type {field['type']}, and is declared {declaration}: "
                "nothing was published; leave the column declared, say since which version of the table it is no "
                "longer delivered (`until`), and give what replaces it a name of its own (`was`)"
            )


def _add_action(file: StagedFile, table: Table) -> AddAction:
    from deltalake.transaction import AddAction

    return AddAction(
        path=file.location.relative_to(table.location),
        size=file.bytes,
        partition_values={PARTITION: file.batch_date},
        modification_time=int(file.modified.timestamp() * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )


def _flush(stage: Stage) -> None:
    """Let the files outlive a crash of the machine; with the mark of the stage also its folder within the table's."""
    folder = stage.folder.location
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(Location.flush, [folder / WRITTEN, *(file.location for file in stage.files)]))


@contextlib.contextmanager
def writing(table: Table) -> Iterator[None]:
    """Serialise the writers of one table.

    Delta refuses a commit that began before another one ended, also where the two are about different days; in turns,
    both go through.

    Raises:
        BusyError: if another process does not end its turn.
    """
    with turn(f"writing {table.label}", LOCK_SECONDS, undone="nothing was published"):
        yield
