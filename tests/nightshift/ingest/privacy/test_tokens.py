"""The key for personal data, and what may be said of a delivery."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from nightshift.errors import NightshiftError
from nightshift.home.settings import get_settings
from nightshift.home.variables.known_variables import PII_KEY
from nightshift.ingest.privacy.tokens import fingerprint, is_token, load_key, masked_words, token

KEY = b"a key that is long enough for this"


def test_equal_values_have_one_token_and_classes_keep_apart() -> None:
    assert token(KEY, "contact", "Turin") == token(KEY, "contact", "Turin")
    others = {token(KEY, "location", "Turin"), token(KEY, "contact", "turin"), token(b"other", "contact", "Turin")}
    assert len({token(KEY, "contact", "Turin"), *others}) == 4
    assert is_token(token(KEY, "name", "Zoë \ud800"))
    # HMAC-SHA256 as OpenSSL computes it, so that tokens stay the same for good:
    # printf 'nightshift-token-1\0contact\0Turin' | openssl dgst -sha256 -mac HMAC -macopt key:"$KEY"
    assert token(KEY, "contact", "Turin") == "tok_344f6246a580e7c33f32b1bf992f0924"


def test_a_key_is_made_once_for_its_owner_alone(home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PII_KEY, raising=False)
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_key(get_settings()), range(16)))
    assert len(keys) == 1
    path = home.home / "secrets" / "pii_key"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [each.name for each in path.parent.iterdir()] == ["pii_key"]
    assert re.fullmatch(r"[0-9a-f]{64}\n", path.read_text())

    path.chmod(0o644)
    with pytest.raises(NightshiftError, match="can be read by others than its owner: run `chmod 600"):
        load_key(get_settings())


@pytest.mark.parametrize("weak", ["", "short", "a" * 64, "abcabcabc" * 10, " " * 80])
def test_weak_keys_are_refused_and_not_shown(home, monkeypatch: pytest.MonkeyPatch, weak: str) -> None:
    monkeypatch.setenv(PII_KEY, weak)
    with pytest.raises(NightshiftError) as refused:
        load_key(get_settings())
    assert "32 or more random characters" in str(refused.value)
    assert not weak.strip() or weak not in str(refused.value)


def test_a_given_key_counts_and_leaves_no_file(home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PII_KEY, KEY.decode())
    assert load_key(get_settings()) == KEY
    assert not (home.home / "secrets").exists()
    assert re.fullmatch("[0-9a-f]{8}", fingerprint(KEY))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("lacks 'email', perhaps renamed to 'jdoe42'", "lacks 'email', perhaps renamed to '***'"),
        ("has the undeclared 'lovelace', 'Ada Lovelace', 'age'", "has the undeclared '***', '***', 'age'"),
        ("""has the undeclared "Ada O'Neil", 'x@y'""", "has the undeclared '***', '***'"),
        ("'age' is text like 'ada@x', declared is int", "'age' is text like '***', declared is int"),
        ("'phone' is JSON like 447911, declared is string", "'phone' is JSON like '***', declared is string"),
        ("has 3 bytes, the manifest says 4", "has 3 bytes, the manifest says 4"),
    ],
)
def test_what_a_message_quotes_is_masked_unless_it_is_a_declared_column(said: str, shown: str) -> None:
    assert masked_words(said, {"email", "age", "phone"}) == shown
    assert "email" not in masked_words("has the undeclared 'email'")
