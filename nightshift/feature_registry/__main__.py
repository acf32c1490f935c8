"""Write the reference pages of all features: ``python -m nightshift.feature_registry``.

With ``--check`` nothing is written, and the exit status is 1 when a page is stale.
"""

from __future__ import annotations

if __name__ == "__main__":
    # Before any library is imported: some read the environment while they are.
    from nightshift.variables import entry

    entry.start()

import sys
from collections.abc import Sequence

from nightshift.errors import NightshiftError
from nightshift.feature_registry import reference
from nightshift.reference.generated import Generator


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or check them; gives the exit status."""
    try:
        return Generator(
            reference.MODULE,
            "Write the reference pages of all features.",
            files=reference.pages,
            places=lambda: reference.REFERENCE.glob("*.md"),
        ).main(arguments)
    except NightshiftError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
