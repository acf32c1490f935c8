"""What a disk, a store or a server that lies outside says, as errors for people: does it heal by itself?"""

from __future__ import annotations

import errno

from nightshift.errors import NightshiftError, ResourcesError, SettingsError, StoreUnreachableError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
# A person must act. Whatever else a disk or a network share says may be over at the next look.
_FINAL = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG}
)
# Arrow tells faults of object stores in words, without a number of the system.
_REFUSED = (
    *("ACCESS_DENIED", "INVALID_ACCESS_KEY", "SIGNATURE", "UNRECOGNIZED_CLIENT", "EXPIRED_TOKEN", "NO_SUCH_BUCKET"),
    *("HTTP status 401", "HTTP status 403", "AccessDenied", "InvalidAccessKeyId", "NoSuchBucket", "Forbidden"),
)


def unusable(what: object, error: OSError, then: str = "try again") -> NightshiftError:
    """What to raise where a folder, a file or a store can't be read or written.

    Args:
        what: the thing, as the beginning of a sentence: ``/lake/landing can't be read``.
        then: what to do once it is reachable, made room for, or open to us.
    """
    said = f"{what}: {error}"
    if error.errno in _FULL:
        return ResourcesError(said, remedy=f"make room on the disk, then {then}")
    if error.errno in _FINAL or any(word in str(error) for word in _REFUSED):
        return SettingsError(said, remedy=f"fix the access, or the setting that names the place, then {then}")
    return StoreUnreachableError(said, remedy=f"see that the store answers, then {then}")
