"""Telling what goes wrong with the archive from what is wrong with a delivery."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from nightshift.errors import NightshiftError
from nightshift.settings import get_settings


@contextlib.contextmanager
def archiving() -> Iterator[None]:
    """While the archive is written, or read back: what the system refuses then is no fault of the sender.

    Raises:
        NightshiftError: in place of any OSError.
    """
    try:
        yield
    except OSError as error:
        raise NightshiftError(
            f"the archive {get_settings().archive} can't be used: {error}; nothing was published, and the delivery is "
            "not at fault. Make room or mend the access, then run the stage again"
        ) from error
