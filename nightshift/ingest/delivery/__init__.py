"""What a delivery is, and whether it is what its manifest says: `docs/landing-contract.md` in code.

Looking whether a delivery is complete is one file test. Verifying streams every file once into the archive and
collects the faults of whole files; faults of single records are found later, where the records are parsed.
"""

from nightshift.ingest.delivery.delivered_folder import Folder
from nightshift.ingest.delivery.landed_files import Delivery, Fault, LandedFile
from nightshift.ingest.delivery.landing_zone import (
    delivered_digests,
    delivery_folder,
    expects_manifest,
    is_complete,
    landing_folder,
)
from nightshift.ingest.delivery.manifest import MANIFEST, Manifest, ManifestFile, read_manifest
from nightshift.ingest.delivery.verify_delivery import verify

__all__ = [
    "MANIFEST",
    "Delivery",
    "Fault",
    "Folder",
    "LandedFile",
    "Manifest",
    "ManifestFile",
    "delivered_digests",
    "delivery_folder",
    "expects_manifest",
    "is_complete",
    "landing_folder",
    "read_manifest",
    "verify",
]
