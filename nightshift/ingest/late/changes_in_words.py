"""Changes in words, for the command line and for the log of the catch-up DAG."""

from __future__ import annotations

from collections.abc import Sequence

from nightshift.dates import BatchDates
from nightshift.declarations.use_case import UseCase
from nightshift.ingest.late.catch_up_plan import Changes, DeliveryChange
from nightshift.stages import command

NOTHING_CAME = "nothing came late and nothing was corrected"
_KINDS = {"late": "came late", "corrected": "was corrected", "completed": "came in part, and more of it is there now"}


def describe(use_case: UseCase, changes: Changes) -> list[str]:
    """What was found, and the dates that each stage must redo."""
    if changes.dates is None:
        return [f"{use_case.name}: nothing was ever landed, so nothing can be late"]
    head = f"{use_case.name}, batch dates {changes.dates}: "
    if not changes:
        return [head + NOTHING_CAME]
    lines = [head + (f"{len(changes.found)} deliveries to land" if changes.found else "all deliveries are landed")]
    lines += [f"  {_of(change)}" for change in changes.found]
    if not changes.found:
        lines.append("  what was landed late or again is not carried through to all that depends on it")
    lines.append("dates that each stage redoes:")
    lines += [f"  {stage:<10}{_list(several)}" for stage, several in changes.stages.items()]
    return lines


def next_steps(use_case: UseCase, changes: Changes) -> list[str]:
    """How to redo it: by a click, or by hand."""
    if not changes:
        return []
    by_hand = [
        f"  {command(stage, use_case.name, dates)}" for stage, several in changes.stages.items() for dates in several
    ]
    return [f"next: trigger {use_case.name}_catch_up in the Airflow UI; or by hand, in this order:", *by_hand]


def _of(change: DeliveryChange) -> str:
    parts = [f"{change.date}  {_KINDS[change.kind]}"]
    if change.files:
        parts.append(", ".join(change.files))
    if change.gone:
        parts.append(f"nothing any more of {', '.join(change.gone)}")
    return ": ".join([parts[0], "; ".join(parts[1:])]) if parts[1:] else parts[0]


def _list(several: Sequence[BatchDates]) -> str:
    return ", ".join(str(dates) for dates in several) or "none"
