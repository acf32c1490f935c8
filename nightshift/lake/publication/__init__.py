"""Write, audit, publish: the one path that every table of every stage takes into the lake.

`audited` stages a slice, counts it and holds it against its suite; `visible` commits it. `path` does so for all tables
of a stage together.
"""

from nightshift.lake.publication.publish_slices import publish, publish_all
from nightshift.lake.publication.staged_slices import Published, Slice

__all__ = ["Published", "Slice", "publish", "publish_all"]
