"""What an attempt ran in, as far as bits of its numbers could depend on it: interpreter, processor, packages, Spark."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import platform
from pathlib import Path

from nightshift.home.settings import get_settings

PACKAGES = ("lightgbm", "numpy", "pyarrow", "pyspark")
# Chooses the loops that numpy calculates with.
VARIABLES = ("OPENBLAS_CORETYPE",)
LOCK = "requirements.lock"
_PROCESSOR = Path("/proc/cpuinfo")
# Instruction sets by which numpy and LightGBM choose their loops, the widest first.
_VECTORS = ("avx512f", "avx2", "avx", "sve", "asimd")


@functools.cache
def described() -> dict[str, str]:
    """Names and versions of what this process runs in."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "vector instructions": _vector_instructions(),
        **{name: _version(name) for name in PACKAGES},
        **{name: os.environ[name] for name in VARIABLES if os.environ.get(name)},
        "spark": get_settings().spark_master,
        LOCK: _digest(get_settings().project_dir / LOCK),
    }


def digest_of(description: dict[str, str]) -> str:
    """SHA-256 of a description; equal environments have equal digests."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def differences(then: dict[str, str], now: dict[str, str]) -> dict[str, tuple[str, str]]:
    """What differs between two environments, as it was then and as it is now."""
    return {
        name: (then.get(name, "none"), now.get(name, "none"))
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "none"


def _vector_instructions() -> str:
    if not _PROCESSOR.is_file():
        return "unknown"
    with _PROCESSOR.open(encoding="utf-8", errors="replace") as file:
        # One processor's lines are like another's.
        flags = next((set(line.split()) for line in file if line.lower().startswith(("flags", "features"))), set())
    return next((name for name in _VECTORS if name in flags), "none")
