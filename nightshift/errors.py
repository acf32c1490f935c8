"""The one error type that is shown to people without a traceback."""

from __future__ import annotations


class NightshiftError(Exception):
    """Something a person can mend.

    The message says what is wrong (file, row, field where there is one) and what to do next. Command-line
    entry points print it alone and exit with status 1; everything else is a bug and keeps its traceback.
    """
