"""A folder of the landing zone, on a disk or in an object store, and the rule which links of a disk are followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from nightshift.errors import DeliveryError
from nightshift.storage import File, Location, links


@dataclass(frozen=True)
class Folder:
    """A folder by its location.

    Attributes:
        zone: folders that links may lead into; none but itself if empty.
    """

    location: Location
    zone: tuple[Location, ...] = ()

    def __truediv__(self, name: str) -> Folder:
        return Folder(self.location / name, self._zone)

    def __str__(self) -> str:
        return str(self.location)

    @property
    def _zone(self) -> tuple[Location, ...]:
        return self.zone or (self.location,)

    def has(self, name: str) -> bool:
        """Whether a file of that name is there, or a link to one; loads no library for a local folder."""
        return (self.location / name).exists()

    def sizes(self) -> dict[str, int | None]:
        """The bytes of each file by name; None for what is no file, like a folder or a link that is not followed.

        Raises:
            OSError: if it can't be listed.
        """
        return links.sizes(self.location, self._zone)

    def find(self, name: str) -> File:
        """A file as it is now.

        Raises:
            FileNotFoundError: if there is none.
        """
        if (found := (self.location / name).find()) is None:
            raise FileNotFoundError(f"{self / name} is no file")
        return found

    def read(self, name: str, limit: int) -> bytes:
        """The first bytes of a file, at most ``limit``."""
        with self.open(name) as stream:
            return stream.read(limit)

    def open(self, name: str) -> IO[bytes]:
        """A file as its bytes, whatever its name or headers say: the digest is of the bytes as they lie there.

        Raises:
            OSError: if it can't be opened.
            NightshiftError: if it is a link that is not followed.
        """
        if reason := self.broken_link(name):
            raise DeliveryError(f"{self / name} {reason}")
        return (self.location / name).open()

    def broken_link(self, name: str) -> str | None:
        """Why a name is, or lies behind, a link that is not followed; None where it is no such link.

        Links within the landing zone are: volumes of Kubernetes consist of them.
        """
        reason = links.unfollowed(self.location / name, self._zone)
        return f"{reason}: deliver the file itself, or link to one within the landing zone" if reason else None
