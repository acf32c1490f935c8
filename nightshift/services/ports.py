"""Ports of the embedded services: chosen once per home, kept while they are free."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass, fields

from nightshift.settings import Settings

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

        Call it only while none of this home's services runs, and hold :func:`nightshift.services.start.port_lock`
        until they listen: a port that is free now may be another home's a moment later.
        """
        known = asdict(last) if (last := cls.load(settings)) else {}
        chosen: dict[str, int] = {}
        for name, familiar in _FAMILIAR.items():
            wished = [port for port in (known.get(name), familiar) if port and port not in chosen.values()]
            free = (port for port in wished if is_free(settings.bind_address, port))
            chosen[name] = next(free, 0) or _any_free(settings.bind_address)
        ports = cls(**chosen)
        (settings.run / "ports.json").write_text(json.dumps(asdict(ports)) + "\n", encoding="utf-8")
        return ports


def is_free(address: str, port: int) -> bool:
    """Whether a service could listen there now."""
    with socket.socket() as probe:
        # As the services do it: a port whose last connections linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _any_free(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
    return port
