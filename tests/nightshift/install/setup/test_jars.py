"""The JARs: verified always, fetched only when they do not fit."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

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


def test_jars_that_only_a_store_needs_are_marked(tmp_path):
    file = tmp_path / "jars.lock"
    file.write_text("org.example:thing:1.0 12\norg.example:other:1.0 34 s3\n")
    assert [(jar.artifact, jar.store) for jar in jars.read_lock(file)] == [("thing", None), ("other", "s3")]


@pytest.mark.parametrize(
    "line", ["org.example:thing 123", "org.example:thing:1.0 123 s3 more", "org.example:thing:1.0"]
)
def test_a_broken_line_is_named(tmp_path, line):
    (tmp_path / "jars.lock").write_text(f"{line}\n")
    with pytest.raises(NightshiftError, match="line 1"):
        jars.read_lock(tmp_path / "jars.lock")


def test_all_jars_are_asked_for_at_once(tmp_path, lock, monkeypatch):
    asked = []

    def source(missing, scratch):
        asked.append([jar.artifact for jar in missing])
        # Ivy puts the group before the name.
        (scratch / "org.example_thing-1.0.jar").write_bytes(CONTENT)
        yield from scratch.glob("*.jar")

    lock.write_text(f"{lock.read_text()}org.example:other:1.0 {DIGEST}\n")
    monkeypatch.setattr(jars, "_SOURCES", (("first", source), ("second", source)))
    with pytest.raises(NightshiftError) as refusal:
        jars.fetch_jars(lock, tmp_path / "jars", lambda _: None)
    assert asked == [["thing", "other"], ["other"]]
    assert "org.example:other:1.0" in str(refusal.value)
    assert "org.example:thing:1.0" not in str(refusal.value), "that one is there"


def test_every_session_gets_deltas_two_jars_and_the_driver_without_what_they_depend_on():
    locked = [jar for jar in jars.read_lock(PROJECT_DIR / "jars.lock") if jar.store is None]
    assert [jar.artifact for jar in locked] == ["delta-spark_4.2_2.13", "delta-storage", "postgresql"]


def test_a_store_adds_s3a_of_sparks_own_hadoop_and_nothing_that_spark_has():
    import pyspark

    own = {jar.name for jar in (Path(pyspark.__file__).parent / "jars").glob("*.jar")}
    locked = jars.read_lock(PROJECT_DIR / "jars.lock")
    assert all(len(jar.sha256) == 64 for jar in locked)
    versions = {jar.artifact: jar.version for jar in locked if jar.store == "s3"}
    assert f"hadoop-client-api-{versions['hadoop-aws']}.jar" in own
    has = {re.sub(r"-\d.*", "", name) for name in own}
    assert not has & set(versions)
    # As one, however many parts of it are needed.
    assert len({jar.version for jar in locked if jar.group == "software.amazon.awssdk"}) == 1
