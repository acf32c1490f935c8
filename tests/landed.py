"""Bronze tables of any use case, as its sample source delivers them; each use case is landed once for all tests."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nightshift.home.settings import PROJECT_DIR, Settings, get_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from nightshift.declarations.catalog import Catalog

# Fills the home's bronze tables with the first deliveries of the use case of that name.
Landed = Callable[[str], "Catalog"]


@dataclass(frozen=True)
class Copy:
    """A copy of all use cases, in which faults can be planted."""

    folder: Path

    def patch(self, file: str, old: str, new: str) -> None:
        """Replace a text that is there."""
        text = (self.folder / file).read_text(encoding="utf-8")
        assert old in text, f"{file} no longer holds {old!r}: plant the fault again"
        (self.folder / file).write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def use_cases_copy(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Copy:
    """All use cases in another place, which is that of the settings."""
    copy = Copy(Path(shutil.copytree(PROJECT_DIR / "use_cases", tmp_path / "use_cases")))
    monkeypatch.setenv("NIGHTSHIFT_USE_CASES_DIR", str(copy.folder))
    get_settings.cache_clear()
    return copy


@pytest.fixture(scope="session")
def landed_lakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder per use case that was landed already."""
    return tmp_path_factory.mktemp("landed")


@pytest.fixture
def landed(spark: SparkSession, home: Settings, landed_lakes: Path) -> Landed:
    """Lands at most once per use case."""
    from nightshift.declarations.catalog import Catalog
    from nightshift.declarations.use_case import UseCase
    from nightshift.declarations.use_case_code import load_module
    from nightshift.job import Job
    from spark_jobs.land import land
    from tests.leak import deliveries_for
    from tests.silver import forget_tables

    forget_tables(spark)

    def fill(name: str) -> Catalog:
        use_case = UseCase.load(name, get_settings())
        catalog = Catalog(use_case)
        if use_case.sample_source is None:
            pytest.fail(
                f"{name} has no sample source, so nobody can test what its features see of the future: write "
                f"{use_case.folder}/sample_source.py with deliver(…) and name it in use_case.yaml (docs/known-then.md)"
            )
        dates = deliveries_for(catalog)
        # A use case of a test may have that name, too, with other batch dates.
        if (kept := landed_lakes / f"{name} {dates}").is_dir():
            shutil.copytree(kept, home.lake.path)
            return catalog
        source = load_module(use_case, use_case.sample_source)
        getattr(source, "deliver_few", source.deliver)(use_case, dates, home.landing)
        land(Job("land", use_case, catalog, dates, "test"), argparse.Namespace())
        shutil.copytree(home.lake.path, kept)
        return catalog

    return fill
