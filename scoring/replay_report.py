"""What a replay found, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nightshift import ledger
from nightshift.ledger import run_environment
from scoring.compare_bits import Comparison
from scoring.publications import Publication


@dataclass(frozen=True)
class Replayed:
    """One replay.

    Attributes:
        dates: the batch dates, as a range.
        score_version: Delta version of the scores that were looked at.
        sources: batch date, model version, feature version and rows of what was computed again.
        columns: what was compared.
        not_compared: columns that scores have by now, and did not have then.
        publications: how the scores came to be, one per batch date.
    """

    use_case: str
    dates: str
    score_version: int
    sources: Sequence[tuple[str, int, int, int]]
    comparison: Comparison
    columns: Sequence[str]
    not_compared: Sequence[str]
    publications: Sequence[Publication]


def replay_as_json(found: Replayed) -> str:
    """All of it as one JSON object."""
    compared = found.comparison
    facts = {
        "use_case": found.use_case,
        "dates": found.dates,
        "score_version": found.score_version,
        "same": compared.same,
        "rows": compared.rows,
        "equal": compared.equal,
        "differing": compared.differing,
        "not_recomputed": compared.not_recomputed,
        "not_published": compared.not_published,
        "differing_columns": dict(compared.columns),
        "examples": list(compared.examples),
        "columns": list(found.columns),
        "not_compared": list(found.not_compared),
        "made_from": [
            dict(zip(("batch_date", "model_version", "feature_version", "rows"), source, strict=True))
            for source in found.sources
        ],
        "published": [_then(each) for each in found.publications],
    }
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"


def as_text(found: Replayed) -> str:
    """The verdict, then what it rests on."""
    return "".join(f"{line}\n" for line in _lines(found))


def _lines(found: Replayed) -> Iterator[str]:
    compared = found.comparison
    verdict = "equal bit for bit" if compared.same else "NOT EQUAL"
    yield f"gold.scores of {found.use_case} {found.dates}, version {found.score_version}: {verdict}"
    yield f"  {compared.rows:,} rows compared in {len(found.columns)} columns: {compared.equal:,} equal, " + (
        f"{compared.differing:,} differing"
    )
    if compared.not_recomputed:
        yield f"  {compared.not_recomputed:,} published rows did not come out again"
    if compared.not_published:
        yield f"  {compared.not_published:,} recomputed rows were not published"
    for name, count in compared.columns.items():
        yield f"  {name} differs in {count:,} rows"
    for example in compared.examples:
        yield from _example(example)
    if found.not_compared:
        yield f"  not compared, as scores did not have them then: {', '.join(found.not_compared)}"
    for date, model, features, rows in found.sources:
        yield f"{date}: {rows:,} rows made from model version {model} and gold.features version {features}"
    for each in found.publications:
        yield from _circumstances(_then(each))


def _example(example: dict[str, Any] | Any) -> Iterator[str]:
    yield "    " + ", ".join(f"{name} {value}" for name, value in example["key"].items())
    if "missing" in example:
        yield f"      {example['missing']}"
    for name, values in example.get("differing", {}).items():
        yield f"      {name}: then {values['then']}"
        yield f"      {' ' * len(name)}   now {values['now']}"


def _circumstances(then: dict[str, Any]) -> Iterator[str]:
    if then["run"] is None:
        yield f"{then['batch_date']}: the ledger does not know this publication, so nor code and environment of then"
        return
    yield f"{then['batch_date']}: published {then['at']} by run {then['run']}"
    if then["code_differs"]:
        yield f"  code differs: {then['code']} then, {ledger.code_version()} now"
    else:
        yield f"  same code, {then['code']}"
    if then["environment_differs"] is None:
        yield "  its environment was not noted"
    elif then["environment_differs"]:
        yield "  environment differs:"
        yield from (f"    {name}: {was} then, {now} now" for name, (was, now) in then["environment_differs"].items())
    else:
        yield "  same environment"
    if not then["dictionary_kept"]:
        yield "  the words of its reasons were not kept: phrases are those of today"


def _then(each: Publication) -> dict[str, Any]:
    entry = each.entry
    then: dict[str, Any] = {"batch_date": str(each.date), "run": entry.run_id if entry else None}
    if entry is None:
        return then
    known = dict(each.environment)
    return then | {
        "at": entry.started_at.isoformat(timespec="seconds"),
        "code": entry.code_version,
        "code_differs": entry.code_version != ledger.code_version(),
        "environment_differs": run_environment.differences(known, run_environment.described()) if known else None,
        "dictionary_kept": each.dictionary is not None,
    }
