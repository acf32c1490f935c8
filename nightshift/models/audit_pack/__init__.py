"""The audit pack: one zip file with all that somebody may ask about a version of a model.

`version_files` collects what MLflow has, `data_behind_version` what the ledger has on its data, `checkout` the
declarations and SQL of today; `make_pack` puts them together and `zip_file` writes them.
"""

from nightshift.models.audit_pack.make_pack import write_audit_pack

__all__ = ["write_audit_pack"]
