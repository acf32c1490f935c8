"""Secrets of docker-compose.yaml: made once, whole, for one user alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml
from click.testing import CliRunner

from nightshift.commands.cli import cli
from nightshift.home.settings import PROJECT_DIR
from nightshift.install.setup import secret_files


def test_each_secret_is_made_once_and_its_owner_alone_may_read_it(tmp_path: Path) -> None:
    made = secret_files.make(tmp_path)
    assert made == [*secret_files.SECRETS, ".env"]
    files = {file.name: file for file in (tmp_path / "secrets").iterdir()}
    assert files.keys() == secret_files.SECRETS.keys()
    owner = os.getuid() or secret_files.USER_OF_IMAGE
    assert {(file.stat().st_mode & 0o777, file.stat().st_uid) for file in files.values()} == {(0o400, owner)}
    before = {name: file.read_text() for name, file in files.items()}
    assert len(set(before.values())) == len(before)
    assert secret_files.make(tmp_path) == []
    assert {name: file.read_text() for name, file in files.items()} == before
    assert (tmp_path / ".env").read_text().count("NIGHTSHIFT_UID=") == 1


def test_what_is_missing_is_made_and_what_is_there_stays(tmp_path: Path) -> None:
    secret_files.make(tmp_path)
    (tmp_path / "secrets" / "admin_password").unlink()
    # Without an end of its last line, and with a number that counts for nothing.
    (tmp_path / ".env").write_text("# NIGHTSHIFT_UID=7\nNIGHTSHIFT_AIRFLOW_PORT=9090")
    assert secret_files.make(tmp_path) == ["admin_password", ".env"]
    lines = (tmp_path / ".env").read_text().splitlines()
    assert lines[1] == "NIGHTSHIFT_AIRFLOW_PORT=9090"
    assert lines[-1] == f"NIGHTSHIFT_UID={os.getuid() or secret_files.USER_OF_IMAGE}"


def test_it_is_what_the_composition_asks_for() -> None:
    declared = yaml.safe_load((PROJECT_DIR / "docker-compose.yaml").read_text(encoding="utf-8"))["secrets"]
    assert declared.keys() == secret_files.SECRETS.keys()
    assert {each["file"] for each in declared.values()} == {f"secrets/{name}" for name in declared}
    ignored = (PROJECT_DIR / ".gitignore").read_text().splitlines()
    assert {"/secrets/", "/.env"} <= set(ignored)


def test_it_runs_on_a_python_without_packages(tmp_path: Path) -> None:
    copy = tmp_path / "nightshift" / "setup" / "secret_files.py"
    copy.parent.mkdir(parents=True)
    copy.write_text(Path(secret_files.__file__).read_text())
    done = subprocess.run([sys.executable, "-I", "-S", copy], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("made in secrets/: postgres_password, ")


def test_the_command_says_what_it_made(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_PROJECT_DIR", str(tmp_path))
    from nightshift.home.settings import get_settings

    get_settings.cache_clear()
    shown = CliRunner().invoke(cli, ["secrets", "init"])
    get_settings.cache_clear()
    assert shown.exit_code == 0, shown.output
    assert "admin_password" in shown.output
