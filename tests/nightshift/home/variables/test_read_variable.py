"""A secret is given by a variable, or by a file where secrets are mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightshift.errors import SettingsError
from nightshift.home.settings import Settings
from nightshift.home.variables.read_variable import given

NAME = "NIGHTSHIFT_JDBC_CRM_PASSWORD"


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTSHIFT_SECRETS_DIR", str(tmp_path))
    return tmp_path


def test_a_file_says_what_no_variable_says(mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(NAME) is None
    (mounted / NAME.lower()).write_text("of the file\n")
    assert given(NAME) == "of the file"
    monkeypatch.setenv(NAME, "of the variable")
    assert given(NAME) == "of the variable"


def test_what_can_not_be_read_is_refused_by_name(mounted: Path) -> None:
    (mounted / NAME.lower()).write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=f"the secret {mounted}/{NAME.lower()} can't be read"):
        given(NAME)


def test_settings_come_from_files_too_and_an_empty_variable_hides_none(
    mounted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (mounted / "nightshift_database_url").write_text("postgresql://reader:s3cret@host/ledger\n")
    monkeypatch.setenv("NIGHTSHIFT_DATABASE_URL", "")
    settings = Settings()
    assert settings.database_url == "postgresql://reader:s3cret@host/ledger"
    assert "s3cret" not in repr(settings)
    monkeypatch.setenv("NIGHTSHIFT_DATABASE_URL", "postgresql://reader@elsewhere/ledger")
    assert Settings().database_url == "postgresql://reader@elsewhere/ledger"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SECRETS_DIR", str(tmp_path / "missing"))
    with pytest.raises(SettingsError, match="there is no such folder that this user can read"):
        Settings()
