"""Where files are, on a disk or in an object store; what they mean is for the rooms above.

Nothing else opens, lists, moves or removes a file of lake, archive, landing zone or audit pages. A `Location` is a path
or a URL. Behind it stands `disk.py`, or `object_store.py` over obstore, the engine under delta-rs, which takes the same
variables. A disk is not read through obstore: it has links, modes, names that are no UTF-8, and files that must be
flushed, none of which obstore knows.
"""

from nightshift.storage.files import File, StoreError, StoreRefusedError
from nightshift.storage.location import Location

__all__ = ["File", "Location", "StoreError", "StoreRefusedError"]
