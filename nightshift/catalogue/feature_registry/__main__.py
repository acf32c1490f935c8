"""Write the reference pages of all features: ``python -m nightshift.catalogue.feature_registry``.

With ``--check`` nothing is written, and the exit status is 1 when a page is stale.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import sys
from collections.abc import Sequence

from nightshift.catalogue.feature_registry import feature_pages
from nightshift.catalogue.feature_registry.declared_features import Feature, declared_features
from nightshift.catalogue.generated_files import Generator
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.home.settings import get_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or check them; gives the exit status."""
    features: dict[str, list[Feature]] = {}

    def read(catalog: Catalog) -> None:
        features[catalog.use_case.name] = declared_features(catalog.use_case)

    home = get_settings()
    found = find_use_cases(home).checked(read)
    return Generator(
        feature_pages.MODULE,
        "Write the reference pages of all features.",
        files=lambda: feature_pages.pages(home, features),
        places=lambda: home.use_cases_dir.glob(f"*/{feature_pages.FEATURES_PAGE}"),
        broken=found.sentences,
    ).main(arguments)


if __name__ == "__main__":
    sys.exit(main())
