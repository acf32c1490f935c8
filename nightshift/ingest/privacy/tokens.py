"""Personal data: the key, and the tokens that stand for the values.

A token is a keyed hash of a value and its class: the same person has the same token in every table, so joins work, and
nobody without the key can tell whose it is or try values out. The classes keep apart: a name that happens to equal a
place does not get its token. No layer of the lake holds the values themselves (docs/privacy.md).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Collection
from pathlib import Path

from nightshift.declarations.tables import Column, PiiClass, Table
from nightshift.errors import SettingsError
from nightshift.home.settings import Settings
from nightshift.home.variables.known_variables import PII_KEY
from nightshift.home.variables.read_variable import given

# As many characters as HMAC-SHA256 has bytes; hexadecimal digits of that many carry 128 bits.
KEY_LENGTH = 32
PREFIX = "tok_"
TOKEN_BYTES = 16
MASK = "***"
# As `repr` writes a text.
QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)


def token(key: bytes, pii: PiiClass, value: str) -> str:
    """What is stored instead of a value: HMAC-SHA256 over class and value, cut to 128 bits.

    The value counts as it was delivered, blanks and capitals included.
    """
    message = b"\x00".join((b"nightshift-token-1", pii.encode(), value.encode("utf-8", "surrogatepass")))
    return PREFIX + hmac.digest(key, message, "sha256")[:TOKEN_BYTES].hex()


def is_token(text: str) -> bool:
    """Whether a text has the form of a token."""
    return re.fullmatch(rf"{PREFIX}[0-9a-f]{{{2 * TOKEN_BYTES}}}", text) is not None


def personal_columns(table: Table) -> tuple[Column, ...]:
    """The columns of a table that hold personal data; in the lake, their tokens or nothing."""
    return tuple(column for column in table.data_columns if column.pii is not None)


def masked_words(text: str, declared: Collection[str] = ()) -> str:
    """A sentence about a delivery, without what it quotes of its content.

    Args:
        declared: names of columns, which stay. Any other word may be a value in the place of a name.
    """

    def mask(quoted: re.Match[str]) -> str:
        return quoted[0] if quoted[0][1:-1] in declared else f"'{MASK}'"

    text = re.sub(r"(?s)\blike .*?(?=, declared is )", f"like '{MASK}'", text)
    return QUOTED.sub(mask, text)


def load_key(home: Settings) -> bytes:
    """The key of this installation: from the environment, or from a file of its own, made when first asked for.

    Raises:
        NightshiftError: if it is short, or others can read its file.
    """
    # One that is empty is refused, where another setting would count as unset: other tokens would come of it.
    said = os.environ.get(PII_KEY, given(PII_KEY))
    if said is not None:
        return _sound(said, f"the environment variable {PII_KEY}")
    path = home.home / "secrets" / "pii_key"
    with contextlib.suppress(FileExistsError):
        _create(path)
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} can be read by others than its owner: run `chmod 600 {path}`")
    return _sound(path.read_text(encoding="ascii", errors="replace"), str(path))


def key_is_given() -> bool:
    """Whether a setting gives the key, which then lies in no file of the home."""
    return os.environ.get(PII_KEY, given(PII_KEY)) is not None


def fingerprint(key: bytes) -> str:
    """Eight digits by which a key is recognised, and from which it can't be found."""
    return hashlib.sha256(b"nightshift-key-fingerprint\x00" + key).hexdigest()[:8]


def _create(path: Path) -> None:
    """Write a new key; whoever comes second finds that of the first.

    Raises:
        FileExistsError: if there is one.
    """
    if path.exists():
        raise FileExistsError(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_LENGTH) + "\n")
    try:
        # Unlike a rename, a link never replaces what is there.
        os.link(new, path)
    finally:
        new.unlink()


def _sound(text: str, where: str) -> bytes:
    key = text.strip().encode("utf-8", "surrogateescape")
    if len(key) < KEY_LENGTH or len(set(key)) < KEY_LENGTH // 4:
        raise SettingsError(
            f"the key for personal data in {where} is too weak: it needs {KEY_LENGTH} or more random characters, "
            "such as `openssl rand -hex 32` prints"
        )
    return key
