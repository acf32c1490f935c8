"""The key for personal data, if it is the one that made the tokens of a use case."""

from __future__ import annotations

from nightshift.declarations.use_case import UseCase
from nightshift.errors import SettingsError
from nightshift.home.variables.known_variables import PII_KEY
from nightshift.ingest.privacy import tokens
from nightshift.ledger.erasures import first_key


def known_key(use_case: UseCase) -> bytes:
    """The key, if it is the one that made the tokens that the use case has.

    Raises:
        NightshiftError: if it is another one: its tokens would never meet those in the lake.
    """
    key = tokens.load_key(use_case.home)
    mine = tokens.fingerprint(key)
    known = first_key(use_case.name, mine)
    if known != mine:
        raise SettingsError(
            f"the key for personal data has the fingerprint {mine}, and the tokens of {use_case.name} were made with "
            f"the key {known}: nothing was read, as the same person would get two tokens. Give back the old key "
            f"({PII_KEY}, or secrets/pii_key in the home); for a new one see docs/privacy.md"
        )
    return key
