"""The JARs: verified always, fetched only when they do not fit."""

from __future__ import annotations

import hashlib

import pytest

from nightshift.errors import NightshiftError
from nightshift.home.settings import PROJECT_DIR
from nightshift.install.setup import jars

CONTENT = b"a jar"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def lock(tmp_path, monkeypatch):
    """A lock of one JAR, a local repository that is empty, and neither Maven nor Ivy."""
    monkeypatch.setenv("MAVEN_REPOSITORY", str(tmp_path / "m2"))
    monkeypatch.setattr(jars, "_SOURCES", jars._SOURCES[:1])
    file = tmp_path / "jars.lock"
    file.write_text(f"# why\norg.example:thing:1.0 {DIGEST}\n")
    return file


def _put(tmp_path, content):
    folder = tmp_path / "m2" / "org" / "example" / "thing" / "1.0"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "thing-1.0.jar").write_bytes(content)


def test_a_jar_is_taken_from_the_local_repository_and_kept(tmp_path, lock):
    _put(tmp_path, CONTENT)
    (taken,) = jars.fetch_jars(lock, tmp_path / "jars")
    assert taken.read_bytes() == CONTENT

    # Gone from the repository, as on a machine without network: what is there is enough.
    _put(tmp_path, b"gone")
    said: list[str] = []
    assert jars.fetch_jars(lock, tmp_path / "jars", said.append) == [taken]
    assert said == []


def test_a_jar_with_another_digest_is_refused_and_nothing_is_left(tmp_path, lock):
    _put(tmp_path, b"tampered")
    with pytest.raises(NightshiftError) as refusal:
        jars.fetch_jars(lock, tmp_path / "jars")
    assert "org.example:thing:1.0" in str(refusal.value)
    assert str(tmp_path / "jars" / "thing-1.0.jar") in str(refusal.value), "names where to put it by hand"
    assert list((tmp_path / "jars").iterdir()) == []


def test_an_altered_jar_is_replaced(tmp_path, lock):
    _put(tmp_path, CONTENT)
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "thing-1.0.jar").write_bytes(b"half a downl")
    (taken,) = jars.fetch_jars(lock, tmp_path / "jars")
    assert taken.read_bytes() == CONTENT


def test_a_broken_line_is_named(tmp_path):
    (tmp_path / "jars.lock").write_text("org.example:thing 123\n")
    with pytest.raises(NightshiftError, match="line 1"):
        jars.read_lock(tmp_path / "jars.lock")


def test_the_lock_holds_deltas_two_jars_and_the_driver_without_what_they_depend_on():
    locked = jars.read_lock(PROJECT_DIR / "jars.lock")
    assert [jar.artifact for jar in locked] == ["delta-spark_4.2_2.13", "delta-storage", "postgresql"]
    assert all(len(jar.sha256) == 64 for jar in locked)
