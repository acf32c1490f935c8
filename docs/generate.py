"""Writes the files that follow from declarations and code: ``python -m docs.generate``, as `make docs` does.

With ``--check`` nothing is written, and the exit status is 1 when a file is stale.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.home.variables import entry

    entry.start()

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nightshift import terminal
from nightshift.catalogue import data_contracts, dbt_sources, error_page, table_pages, use_case_fields, variable_page
from nightshift.catalogue.feature_registry import feature_pages
from nightshift.declarations.found_use_cases import warn_once
from nightshift.home.settings import PROJECT_DIR, get_settings
from nightshift_airflow import dag_pages

# dbt reads its sources, so they are written before anything asks it.
GENERATORS = (
    *(dbt_sources, table_pages, data_contracts, feature_pages, dag_pages),
    *(use_case_fields, error_page, variable_page),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or check them; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate", description="Write all generated files.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    is_check = parser.parse_args(arguments).check
    stale: list[Path] = []
    is_broken = False
    for module in GENERATORS:
        generated = module.generated(get_settings())
        for sentence in generated.broken:
            warn_once(sentence)
        is_broken |= bool(generated.broken)
        if is_check:
            stale += generated.stale()
        else:
            generated.write()
    if stale:
        terminal.echo(f"stale: {', '.join(map(_shown, stale))}; run `make docs`", err=True)
    return 1 if stale or is_broken else 0


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT_DIR) if path.is_relative_to(PROJECT_DIR) else path)


if __name__ == "__main__":
    sys.exit(main())
