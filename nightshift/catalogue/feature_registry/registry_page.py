"""The feature registry as one HTML page that needs no network."""

from __future__ import annotations

import functools
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, Template

from nightshift.catalogue.feature_registry.features_in_use import Registry
from nightshift.dbt_project.models_and_docs import docs_page
from nightshift.declarations.use_case import UseCase
from nightshift.figures import number
from nightshift.storage import Location


def write_registry(use_case: UseCase, registry: Registry) -> Location:
    """Write the page of a use case, the most important features first; returns where it lies."""
    page = use_case.home.data_docs / use_case.name / "features.html"
    ordered = sorted(registry.features, key=lambda feature: -(feature.gain_share or 0))
    content = _template().render(
        use_case=use_case,
        registry=registry,
        features=ordered,
        most=max((feature.gain_share or 0 for feature in ordered), default=0) or 1,
        has_dbt_docs=docs_page(use_case).exists(),
    )
    page.write(content.encode())
    return page


@functools.cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    return environment.get_template("features.html.j2")
