"""Write, audit, publish: the one path that every table of every stage takes into the lake.

`write_and_audit` stages a slice, counts it and checks it against its suite; `make_visible` commits it.
`publish_slices` does so for all tables of a stage together.
"""

from nightshift.lake.publication.publish_slices import publish, publish_all
from nightshift.lake.publication.staged_slices import Published, Slice

__all__ = ["Published", "Slice", "publish", "publish_all"]
