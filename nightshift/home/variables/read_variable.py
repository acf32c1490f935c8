"""What a person gives by a variable, or by a file of that name in lower case where secrets are mounted."""

from __future__ import annotations

import os
from pathlib import Path

from nightshift.errors import SettingsError


def given(name: str) -> str | None:
    """The value of a variable of nightshift's; None where there is neither it nor a file, or nothing in them.

    Raises:
        SettingsError: if the file is there and can't be read.
    """
    if value := os.environ.get(name):
        return value
    folder = os.environ.get("NIGHTSHIFT_SECRETS_DIR", "").strip()
    if not folder:
        return None
    return in_file(Path(folder, name.lower()))


def in_file(file: Path) -> str | None:
    """A secret that is mounted as a file, without the line's end; None where there is none, or an empty one.

    Raises:
        SettingsError: if the file is there and can't be read.
    """
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"the secret {file} can't be read: {error}", remedy="let it be text that belongs to this user, for it alone"
        ) from None
