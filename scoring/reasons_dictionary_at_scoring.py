"""The words of the reasons that scores were given, kept by their digest, so that a replay finds those of then."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.ingest import archive
from nightshift.ledger import LOOKED_UP, Input
from nightshift.models.reason_wording import PLACEHOLDER, Wording
from nightshift.models.reasons_dictionary import REASONS_FILE, wordings

_SUFFIX = ".json"


@dataclass(frozen=True)
class DictionaryOfThen:
    """What is said of each feature, and how many reasons a row has at most."""

    wordings: Mapping[str, Wording]
    top: int

    @classmethod
    def declared(cls, use_case: UseCase, features: Table) -> Self:
        """The dictionary as it is declared now."""
        return cls(wordings(use_case, features), use_case.reasons.top)

    @classmethod
    def kept(cls, use_case: UseCase, sha256: str) -> Self | None:
        """The dictionary of that digest; None where it is not in the archive."""
        try:
            raw = json.loads(archive.path_of(archive.of(use_case), sha256, _SUFFIX).read())
        except FileNotFoundError:
            return None
        return cls({name: Wording(**each) for name, each in raw["wordings"].items()}, raw["top"])

    def of(self, feature: str) -> Wording:
        """What is said of a feature; its bare name, where it is no longer one and a replay needs it."""
        bare = f"{feature}: {PLACEHOLDER}"
        return self.wordings.get(feature) or Wording(bare, bare, f"{feature}: not known")

    def keep(self, use_case: UseCase) -> Input:
        """Put it into the archive; gives what the ledger notes of it."""
        content = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode()
        sha256 = hashlib.sha256(content).hexdigest()
        with archive.deposit(archive.of(use_case), sha256, _SUFFIX, len(content)) as deposit:
            deposit.write(content)
            deposit.keep()
        return Input("file", REASONS_FILE, sha256, rows=0, origin=LOOKED_UP)
