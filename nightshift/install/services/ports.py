"""Ports of the embedded services: chosen once per home, kept while they are free."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass, fields

from nightshift.errors import SettingsError
from nightshift.home.settings import Settings

LOOPBACK = "127.0.0.1"
# What people expect; taken when another home or program has it, any free port is.
_FAMILIAR = {"airflow": 8080, "mlflow": 5000, "data_docs": 8090}


@dataclass(frozen=True)
class Ports:
    """One port per service with a page of its own."""

    airflow: int
    mlflow: int
    data_docs: int

    @classmethod
    def load(cls, settings: Settings) -> Ports | None:
        """The ports that this home had last; None before its first start."""
        try:
            known = json.loads((settings.run / "ports.json").read_text(encoding="utf-8"))
            return cls(**{field.name: int(known[field.name]) for field in fields(cls)})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @classmethod
    def choose(cls, settings: Settings) -> Ports:
        """The last ports where they are free, else the familiar ones, else any; remembered for the next start.

        Call it only while none of this home's services runs, and let no other home choose until they listen: a port
        that is free now may be another home's a moment later.
        """
        known = asdict(last) if (last := cls.load(settings)) else {}
        chosen: dict[str, int] = {}
        for name, familiar in _FAMILIAR.items():
            wished = [port for port in (known.get(name), familiar) if port and port not in chosen.values()]
            address = address_of(name, settings)
            chosen[name] = next((port for port in wished if is_free(address, port)), 0) or _any_free(address)
        ports = cls(**chosen)
        (settings.run / "ports.json").write_text(json.dumps(asdict(ports)) + "\n", encoding="utf-8")
        return ports


def address_of(name: str, settings: Settings) -> str:
    """Where a service listens: MLflow and the audit pages have no login, so this machine's own users only."""
    return settings.bind_address if name == "airflow" else LOOPBACK


def is_free(address: str, port: int) -> bool:
    """Whether a service could listen there now."""
    try:
        _listening(address, port).close()
    except OSError:
        return False
    return True


def _any_free(address: str) -> int:
    with _listening(address, 0) as probe:
        port: int = probe.getsockname()[1]
    return port


def refuse_foreign_address(settings: Settings) -> None:
    """Ask whether this machine has the address that Airflow is to listen on.

    Raises:
        SettingsError: if it has not.
    """
    try:
        _any_free(settings.bind_address)
    except OSError as error:
        raise SettingsError(
            f"NIGHTSHIFT_BIND_ADDRESS is {settings.bind_address}, where nothing can listen here: {error.strerror}",
            remedy="unset it, or name an address of this machine",
        ) from None


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # As the services do it: a port whose last connections linger is free.
    return socket.create_server((address, port), family=family)
