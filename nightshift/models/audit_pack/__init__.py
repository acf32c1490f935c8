"""The audit pack: one zip file with all that somebody may ask about a version of a model.

`registered` collects what MLflow has, `data` what the ledger says of the data behind it, `declared` the declarations
and SQL as they are now; `pack` puts them together and `archive` writes the zip.
"""

from nightshift.models.audit_pack.make_pack import write_audit_pack

__all__ = ["write_audit_pack"]
