"""From a fresh clone to a complete environment: ``python3 nightshift/install/setup/bootstrap.py`` (`make setup`).

Runs on the machine's own Python and imports nothing that has to be installed. It makes `.venv`, installs exactly
what `requirements.lock` says, makes this checkout importable there, and hands over to `nightshift setup`. When
nothing has changed since the last time it needs no network.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import subprocess
import sys
from typing import NoReturn

PROJECT = pathlib.Path(__file__).resolve().parents[3]
VENV = PROJECT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "nightshift-installed"
OLDEST_PYTHON = (3, 11)


def main() -> None:
    """Install what is missing; with ``--if-needed``, say nothing when nothing is."""
    if sys.version_info < OLDEST_PYTHON:
        _fail(
            f"this is Python {sys.version.split()[0]}; nightshift needs 3.11 or newer",
            "install one, and name it if it is not called python3: make setup PYTHON=/path/to/python3.11",
        )
    installed = STAMP.is_file() and STAMP.read_text() == _digest() and VENV_PYTHON.exists()
    toolchain = (
        pathlib.Path(os.environ.get("NIGHTSHIFT_TOOLCHAIN_DIR", "").strip() or VENV / "nightshift") / "toolchain.json"
    )
    if "--if-needed" in sys.argv and installed and toolchain.is_file():
        return
    if installed:
        print("Packages: as in requirements.lock")
    else:
        _make_environment()
        _install()
        STAMP.write_text(_digest())
    os.execv(VENV_PYTHON, [str(VENV_PYTHON), "-m", "nightshift", "setup"])


def _make_environment() -> None:
    if not VENV_PYTHON.exists():
        print(f"Environment: {VENV}, Python {sys.version.split()[0]}", flush=True)
        if subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=False).returncode:
            _fail(
                "the virtual environment could not be made",
                "on Debian and Ubuntu: apt install python3-venv; or name another Python: make setup PYTHON=...",
            )
    if subprocess.run([VENV_PYTHON, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        # Some tools make environments without pip.
        _run([str(VENV_PYTHON), "-m", "ensurepip"])


def _install() -> None:
    """Install the lock with uv, or with pip where uv cannot; then this checkout itself."""
    print("Packages: installing requirements.lock (about 1.5 GB on disk, a minute or a few) ...", flush=True)
    lock = str(PROJECT / "requirements.lock")
    uv = [str(VENV / "bin" / "uv"), "pip"]
    pip = [str(VENV_PYTHON), "-m", "pip", "--disable-pip-version-check"]
    environment = _uv_environment(pip)
    # A terminal sees the progress of downloads; a log would only get 240 lines of names.
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    if _run([*pip, "install", "--quiet", "--require-hashes", "-r", str(_uv_alone())]) != 0 or (
        _run([*uv, "sync", *quiet, "--python", str(VENV_PYTHON), "--require-hashes", lock], environment) != 0
    ):
        print("uv could not install them; trying pip, which is slower ...", flush=True)
        if _run([*pip, "install", "--quiet", "--require-hashes", "-r", lock]) != 0:
            _fail(
                "the packages of requirements.lock could not be installed",
                "look at the message above. Behind a mirror, set PIP_INDEX_URL; behind a proxy, HTTPS_PROXY",
            )
    editable = ["install", "--no-deps", "--no-build-isolation", "--no-index"]
    if _run([*uv, *editable, "--quiet", "--python", str(VENV_PYTHON), "-e", str(PROJECT)]) != 0:
        _fail("this checkout could not be made importable", "remove .venv and run `make setup` again")


def _uv_alone() -> pathlib.Path:
    """The lines of the lock that pin uv, as a file: it is what installs the rest."""
    pinned = re.search(r"^uv==.*?(?=^\S)", (PROJECT / "requirements.lock").read_text(), re.MULTILINE | re.DOTALL)
    if pinned is None:
        _fail("requirements.lock does not pin uv", "restore the file from git")
    file = VENV / "uv-alone.txt"
    file.write_text(pinned.group())
    return file


def _uv_environment(pip: list[str]) -> dict[str, str]:
    """Give uv the index and certificates that pip is set up with; uv does not read pip's configuration."""
    environment = dict(os.environ)
    for option, variable in (("index-url", "UV_DEFAULT_INDEX"), ("cert", "SSL_CERT_FILE")):
        value = os.environ.get("PIP_" + option.upper().replace("-", "_"))
        if not value:
            asked = subprocess.run(
                [*pip, "config", "get", "global." + option], capture_output=True, text=True, check=False
            )
            value = asked.stdout.strip() if asked.returncode == 0 else None
        if value:
            environment.setdefault(variable, value)
    return environment


def _digest() -> str:
    """What the installation depends on; settings of linters and tests are not part of it."""
    import tomllib

    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    parts = [declared.get(name) for name in ("build-system", "project", "dependency-groups")]
    parts.append(declared.get("tool", {}).get("setuptools"))
    lock = (PROJECT / "requirements.lock").read_text()
    return hashlib.sha256(f"{parts}\0{lock}".encode()).hexdigest()


def _run(command: list[str], environment: dict[str, str] | None = None) -> int:
    try:
        return subprocess.run(command, env=environment, cwd=str(PROJECT), check=False).returncode
    except OSError as error:
        print(error, file=sys.stderr)
        return 1


def _fail(what: str, remedy: str) -> NoReturn:
    sys.exit(f"make setup: {what}.\n  Remedy: {remedy}.")


if __name__ == "__main__":
    main()
