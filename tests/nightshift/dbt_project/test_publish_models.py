"""A stage's models read what the stage declares, and nothing else."""

from __future__ import annotations

import pytest

from nightshift.dbt_project.publish_models import refuse_undeclared_reads
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase
from nightshift.errors import DeclarationError
from nightshift.home.settings import get_settings
from nightshift.stages import FEATURES, MARTS


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(UseCase.load("flight_delays", get_settings()))


@pytest.mark.parametrize(
    ("stage", "model", "reads"),
    [
        (FEATURES, "gold.features", "gold.scores"),  # what is computed from the features themselves
        (FEATURES, "gold.features", "gold.late_rates"),
        (FEATURES, "gold.features", "bronze.weather"),  # before anything was refined
        (MARTS, "gold.late_rates", "bronze.schedule"),
    ],
)
def test_a_model_that_reads_what_its_stage_does_not_is_refused(catalog, stage, model, reads) -> None:
    with pytest.raises(DeclarationError, match=rf"model of {model} in flight_delays reads {reads}, which {stage} can"):
        refuse_undeclared_reads(stage, catalog, {model: [catalog["silver.flights"], catalog[reads]]})


@pytest.mark.parametrize(
    ("stage", "reads"), [(FEATURES, ["silver.weather"]), (MARTS, ["gold.scores", "gold.features", "silver.outcomes"])]
)
def test_what_a_stage_declares_its_models_may_read(catalog, stage, reads) -> None:
    refuse_undeclared_reads(stage, catalog, {"gold.anything": [catalog[name] for name in reads]})
