"""The class-data archive: used where it fits, recorded again where it does not."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from nightshift.home.settings import Settings, get_settings
from nightshift.install.setup import jvm_class_archive, setup_command
from nightshift.install.setup.java import Java
from nightshift.install.setup.toolchain import SHORT_RUN_OPTIONS, Toolchain


def test_the_key_changes_with_java_and_with_each_jar(tmp_path):
    jar = tmp_path / "a.jar"
    jar.write_bytes(b"1")
    java = Java(Path("/jdk"), 17, "17.0.15")
    first = jvm_class_archive.archive_key(java, [jar])
    assert jvm_class_archive.archive_key(java, [jar]) == first
    assert jvm_class_archive.archive_key(Java(Path("/jdk"), 17, "17.0.16"), [jar]) != first
    jar.write_bytes(b"22")
    assert jvm_class_archive.archive_key(java, [jar]) != first


def test_each_java_gets_its_own_kind_of_flag():
    assert "-XX:SharedArchiveFile=/t/classes.jsa" in jvm_class_archive.options_with(Path("/t/classes.jsa"))
    assert "-XX:AOTCache=/t/classes.aot" in jvm_class_archive.options_with(Path("/t/classes.aot"))


def test_a_recording_that_fails_leaves_a_toolchain_that_works(tmp_path, monkeypatch):
    settings = Settings(toolchain_dir=tmp_path / "toolchain")
    (settings.toolchain_dir / "jars").mkdir(parents=True)
    for jar in (get_settings().toolchain_dir / "jars").iterdir():
        (settings.toolchain_dir / "jars" / jar.name).symlink_to(jar)

    def fails(*_):
        raise RuntimeError("no space left")

    monkeypatch.setattr(jvm_class_archive, "record", fails)
    answer = CliRunner().invoke(setup_command.setup, obj=settings)

    assert answer.exit_code == 0
    assert "no space left" in answer.output
    left = Toolchain.load(settings)
    assert left is not None
    assert left.archive is None
    assert left.driver_java_options == " ".join(SHORT_RUN_OPTIONS)


def test_what_an_installation_is_told_does_not_reach_the_recording(monkeypatch):
    """With a lake in an object store the session would want JARs that the archive is not of."""
    monkeypatch.setenv("NIGHTSHIFT_LAKE_URL", "s3://bucket/lake")
    monkeypatch.setenv("NIGHTSHIFT_SPARK_MASTER", "spark://elsewhere:7077")
    assert not [name for name in jvm_class_archive._without_settings() if name.startswith("NIGHTSHIFT_")]
    assert "PATH" in jvm_class_archive._without_settings()
