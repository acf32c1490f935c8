"""The secrets of docker-compose.yaml, a file each: `nightshift secrets init`.

As ``python3 nightshift/install/setup/secret_files.py`` it runs on the machine's own Python and imports nothing that
has to be installed. What is there stays as it is.
"""

from __future__ import annotations

import argparse
import base64
import os
import pathlib
import re
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence

PROJECT = pathlib.Path(__file__).resolve().parents[3]
# Of the user in the image, for files that root makes: containers run as the user who may read them.
USER_OF_IMAGE = 50000
# Databases by the role that owns them, as nightshift.install.services.container_init makes them.
_DATABASES = {"nightshift": "ledger", "airflow": "airflow", "mlflow": "mlflow"}


def _password() -> str:
    return secrets.token_urlsafe(24)


def _fernet() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _key() -> str:
    return secrets.token_hex(32)


def _address(role: str) -> Callable[[], str]:
    # An address in the composition's own network: PostgreSQL is the service of this name there.
    return lambda: f"postgresql+psycopg2://{role}:{_password()}@postgres:5432/{_DATABASES[role]}"


SECRETS: Mapping[str, Callable[[], str]] = {
    "postgres_password": _password,
    "nightshift_database_url": _address("nightshift"),
    "nightshift_airflow_database_url": _address("airflow"),
    "nightshift_mlflow_database_url": _address("mlflow"),
    "nightshift_spark_secret": _key,
    "airflow_fernet_key": _fernet,
    "airflow_jwt_secret": _key,
    "airflow_secret_key": _key,
    "admin_password": _password,
    "oncall_password": _password,
    "viewer_password": _password,
}


def make(project: pathlib.Path = PROJECT) -> list[str]:
    """Make what is missing in ``secrets/`` and ``.env`` of a checkout; gives the names of what was made.

    Raises:
        OSError: if a file can't be written.
    """
    environment = project / ".env"
    told = environment.read_text(encoding="utf-8") if environment.exists() else ""
    named = re.search(r"^NIGHTSHIFT_UID=(\d+)\s*$", told, re.MULTILINE)
    uid = int(named[1]) if named else os.getuid() or USER_OF_IMAGE
    folder = project / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    made = []
    for name, value in SECRETS.items():
        file = folder / name
        if not file.exists():
            _write(file, value(), uid)
            made.append(name)
    if named is None:
        with environment.open("a", encoding="utf-8") as stream:
            stream.write("" if told.endswith("\n") or not told else "\n")
            stream.write(f"# Containers run as the user who may read secrets/.\nNIGHTSHIFT_UID={uid}\n")
        made.append(".env")
    return made


def _write(file: pathlib.Path, text: str, uid: int) -> None:
    """Write a file that its owner alone may read, whole or not at all."""
    new = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="utf-8") as stream:
        stream.write(f"{text}\n")
    if os.getuid() == 0:
        os.chown(new, uid, -1)
    new.replace(file)


def told(made: list[str]) -> str:
    """What was made, in words."""
    return f"made in secrets/: {', '.join(made)}" if made else "secrets/ has every secret already"


def main(arguments: Sequence[str] | None = None) -> None:
    """Make them, and say which."""
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args(arguments)
    try:
        print(told(make()))
    except OSError as error:
        sys.exit(f"{error.filename} can't be written ({error.strerror}): let this user write the checkout")


if __name__ == "__main__":
    main()
