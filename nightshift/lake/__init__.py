"""Read a slice, stage it, publish it: the only place that writes Delta.

Publishing is write, audit, publish. Spark first writes a slice as Parquet into a folder of its own within its table's,
where it is pinned: names, sizes, digests and stamps of its files. The audit reads exactly those files. Publishing names
those very files in one commit, which also drops the files that the batch dates had before. So what readers see is, file
by file, what was audited; a stage that changed after it was pinned is refused.

Nothing is moved, so a commit costs the same on a disk and in an object store, which has no renames. That is safe as
nobody reads a table by a glob over its folder: readers take the files that its log names, and what it does not name is
seen by none.

Log and snapshot are delta-rs's business, rows are Spark's: a commit by Spark writes the rows a second time, and costs
a small job seconds that have nothing to compute (benchmarks/publish.py).
"""

from nightshift.lake.delta_commit import commit, publish, refuse_other_schema, vacuum, writing
from nightshift.lake.delta_log import (
    VersionGone,
    committed,
    files_added,
    files_gone,
    files_of,
    is_made_by,
    newest_version,
    opened,
    published_dates,
    rows_by_date,
    snapshot,
)
from nightshift.lake.reading import read, register
from nightshift.lake.staging import Stage, StagedFile, StageFolder, discard, pin, stage, stage_folder, sweep, write

__all__ = [
    "Stage",
    "StageFolder",
    "StagedFile",
    "VersionGone",
    "commit",
    "committed",
    "discard",
    "files_added",
    "files_gone",
    "files_of",
    "is_made_by",
    "newest_version",
    "opened",
    "pin",
    "publish",
    "published_dates",
    "read",
    "refuse_other_schema",
    "register",
    "rows_by_date",
    "snapshot",
    "stage",
    "stage_folder",
    "sweep",
    "vacuum",
    "write",
    "writing",
]
