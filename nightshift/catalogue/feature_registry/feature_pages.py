"""Reference pages of the features, written from declarations and SQL alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from nightshift.catalogue.feature_registry.declared_features import Feature, declared_features
from nightshift.catalogue.generated_files import MARK, Generated, markdown_table
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import Settings

# Below the folder of a use case.
FEATURES_PAGE = "pages/features.md"
_HEAD = ("Feature", "Meaning", "Type", "Computed from", "Also depends on", "Looks back")


def generated(home: Settings) -> Generated:
    """The pages of all use cases."""
    features: dict[str, list[Feature]] = {}

    def read(catalog: Catalog) -> None:
        features[catalog.use_case.name] = declared_features(catalog.use_case)

    found = find_use_cases(home).checked(read)
    return Generated(pages(home, features), [*home.use_cases_dir.glob(f"*/{FEATURES_PAGE}")], found.sentences)


def pages(home: Settings, features: Mapping[str, Sequence[Feature]]) -> dict[Path, str]:
    """The text of each page by its path; use cases without features have none.

    Args:
        features: by use case.
    """
    return {home.use_cases_dir / name / FEATURES_PAGE: page(name, found) for name, found in features.items() if found}


def page(use_case: str, features: Iterable[Feature]) -> str:
    """The reference page of one use case, in Markdown."""
    lines = [
        f"# Features of {use_case}",
        "",
        f"<!-- {MARK} -->",
        "",
        "Sources are read from the SQL that dbt compiles. *Computed from* are the columns whose values enter a feature "
        "(`*`: rows are counted); *also depends on* are those that choose, group or order the rows that enter. A "
        "feature that looks back on nothing knows the delivery of its batch date alone.",
        "",
        f"`nightshift features --use-case {use_case}` adds what they hold now, and which models use them.",
        "",
    ]
    for (table, group), members in groupby(features, key=lambda feature: (feature.table, feature.group)):
        lines += [
            f"## {table}: {group or 'no group'}",
            "",
            *markdown_table(_HEAD, [_row(feature) for feature in members]),
            "",
        ]
    return "\n".join(lines)


def _row(feature: Feature) -> tuple[str, ...]:
    kind = ", ".join(part for part in (feature.type, feature.unit, "category" if feature.categorical else None) if part)
    return (
        f"`{feature.name}`",
        feature.description,
        kind,
        _names(feature.computed_from),
        _names(feature.also_depends_on),
        ", ".join(feature.windows) or "–",
    )


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f"`{column}`" for column in columns) or "–"
