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
from nightshift.catalogue.generated_files import Generator
from nightshift.errors import NightshiftError


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or check them; gives the exit status."""
    try:
        return Generator(
            feature_pages.MODULE,
            "Write the reference pages of all features.",
            files=feature_pages.pages,
            places=lambda: feature_pages.REFERENCE.glob("*.md"),
        ).main(arguments)
    except NightshiftError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
