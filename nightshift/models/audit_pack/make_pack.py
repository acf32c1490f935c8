"""Putting an audit pack together."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from nightshift.dates import BatchDates
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import NightshiftError
from nightshift.models import champions
from nightshift.models.audit_pack.checkout import declared_files, differences
from nightshift.models.audit_pack.data_behind_version import behind, scored_csv
from nightshift.models.audit_pack.pack_readme import readme
from nightshift.models.audit_pack.version_files import Registered, json_bytes, registered
from nightshift.models.audit_pack.zip_file import FileContent, as_csv, write_zip
from nightshift.models.champions import Decision, Reign
from nightshift.models.champions.card_decisions import with_decisions

_DECISIONS = ("number", "version", "action", "first", "who", "why", "run_id", "decided_at")
_REIGNS = ("version", "first", "last", "to", "action", "who", "why", "run_id", "decided_at")


def write_audit_pack(use_case: UseCase, version: int, output: Path) -> list[str]:
    """Write everything about a version into one zip file; the same state gives the same bytes.

    Returns:
        What should be in it and could not be found, in words; it stands in the README of the pack as well.

    Raises:
        NightshiftError: if there is no such version, MLflow does not answer, or the file cannot be written.
    """
    made = champions.decisions(use_case)
    decided = [each for each in made if each.version == version]
    with tempfile.TemporaryDirectory(prefix="nightshift-audit-pack-") as folder:
        found = registered(use_case, version, Path(folder))
        data, lacking = _data(use_case, version, found.tags)
        reigns = champions.reigns_of(made)
        own = [each for each in reigns if each.version == version]
        cards, without = _cards(found, decided, own)
        missing = [*found.missing, *lacking, *without]
        files: dict[str, FileContent] = {
            **found.files,
            **cards,
            **data,
            **declared_files(use_case),
            "decisions/decisions.csv": _as_table(_DECISIONS, decided),
            "decisions/champions.csv": _as_table(_REIGNS, reigns),
        }
        files["README.md"] = readme(use_case, version, files, own, missing, differences(found.tags)).encode()
        write_zip(output, files)
    return missing


def _as_table(columns: Sequence[str], rows: Sequence[Decision] | Sequence[Reign]) -> bytes:
    return as_csv(columns, ([getattr(each, name) for name in columns] for each in rows))


def _data(use_case: UseCase, version: int, tags: Mapping[str, str]) -> tuple[dict[str, FileContent], list[str]]:
    """Files on the data, and what is not known of it."""
    files: dict[str, FileContent] = {"data/scored.csv": scored_csv(use_case, version)}
    catalog = Catalog(use_case)
    prefix = "delta_version."
    by_label = {table.label: table.short_name for table in catalog}
    pinned = {name.removeprefix(prefix): value for name, value in tags.items() if name.startswith(prefix)}
    files["data/delta_versions.json"] = json_bytes({label: int(value) for label, value in pinned.items()})
    versions = {by_label[label]: int(value) for label, value in pinned.items() if label in by_label}
    if not versions or "dates" not in tags:
        return files, ["the run does not name the data that it read, so the files behind it cannot be listed"]
    gone = pinned.keys() - by_label
    lacking = [f"{label} is no longer declared, so what it was made of is not listed" for label in gone]
    found = behind(use_case, versions, BatchDates.parse(tags["dates"], use_case.calendar))
    files |= {"data/slices.csv": found.slices_csv(), "data/files.csv": found.files_csv()}
    if not found.slices:
        lacking.append("the ledger knows nothing of the slices that were trained on")
    return files, sorted(lacking)


def _cards(
    found: Registered, decided: Sequence[Decision], reigns: Sequence[Reign]
) -> tuple[dict[str, FileContent], list[str]]:
    """The run's model card, with what was decided since it was written."""
    cards: dict[str, FileContent] = {}
    missing = []
    for name, as_html in (("card.html", True), ("card.md", False)):
        source = found.files.get(f"run/card/{name}")
        if not isinstance(source, Path):
            missing.append(f"the run holds no {name}")
            continue
        text = source.read_text(encoding="utf-8").replace("](../plots/", "](run/plots/")
        try:
            cards[name] = with_decisions(text, decided, reigns, as_html=as_html).encode()
        except NightshiftError as error:
            missing.append(f"{name}: {error}")
    return cards, missing
