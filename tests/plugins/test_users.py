"""The passwords of the users that every start makes (the users themselves: test_logins.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightshift.errors import SettingsError
from nightshift_airflow import users


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in users.USERS:
        (tmp_path / f"{name}_password").write_text(f" pässword of {name}\n", encoding="utf-8")
    return tmp_path


def test_passwords_are_read_from_a_file_each(folder: Path) -> None:
    assert users.passwords(folder) == {name: f"pässword of {name}" for name in ("admin", "oncall", "viewer")}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read from .*oncall_password: No such file"),
        (b" \n", "user oncall is empty"),
        (b"\xff", "not text"),
    ],
)
def test_without_a_password_nobody_is_made(
    folder: Path, content: bytes | None, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "oncall_password"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    made: list[object] = []
    monkeypatch.setattr(users, "ensure_users", made.append)
    with pytest.raises(SettingsError, match=said):
        users.passwords(folder)
    assert users.main([str(folder)]) == SettingsError("").exit_status
    assert "pässword" not in capsys.readouterr().err
    assert made == []


def test_the_folder_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert users.main([]) == 2
    assert "<folder of passwords>" in capsys.readouterr().err
