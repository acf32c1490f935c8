"""Whether anything is open, or told, that should not be: ports beyond loopback, secrets where others can read them."""

from __future__ import annotations

import ipaddress
import json
import socket

from nightshift.compose.docker import COMPOSE, PORTS, PROJECT, ask, port


def closed() -> list[str]:
    """What was found, in words; nothing where all is closed."""
    return [*_open_ports(), *_secrets_told()]


def _open_ports() -> list[str]:
    found = []
    for address in _addresses():
        for name in PORTS:
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
                probe.settimeout(2)
                if probe.connect_ex((address, port(name))) == 0:
                    found.append(f"port {port(name)} is open at {address}")
    return found


def _addresses() -> list[str]:
    """Those of this machine that are not loopback's, the networks of Docker among them."""
    networks = ask("docker", "network", "ls", "--quiet").stdout.split()
    told = json.loads(ask("docker", "network", "inspect", *networks).stdout or "[]")
    gateways = {
        config.get("Gateway") for each in told for config in (each.get("IPAM", {}).get("Config") or []) if config
    }
    own = {str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)}
    return sorted(
        each for each in (gateways | own) - {None} if not ipaddress.ip_address(each.split("%")[0]).is_loopback
    )


def _secrets_told() -> list[str]:
    containers = ask(*COMPOSE, "ps", "--all", "--quiet").stdout.split()
    images = {ask("docker", "inspect", "--format", "{{.Image}}", each).stdout.strip() for each in containers}
    told = {
        "docker inspect": ask("docker", "inspect", *containers).stdout,
        "docker compose config": ask(*COMPOSE, "config").stdout,
        "an image's history": "".join(ask("docker", "history", "--no-trunc", each).stdout for each in images),
        "a log": (logs := ask(*COMPOSE, "logs", "--no-color")).stdout + logs.stderr,
    }
    secrets = {file.name: _secret(file.read_text(encoding="utf-8").strip()) for file in (PROJECT / "secrets").iterdir()}
    return [
        f"the secret {name} stands in {place}"
        for place, text in told.items()
        for name, secret in secrets.items()
        if secret in text
    ]


def _secret(text: str) -> str:
    """Of an address of a database its password."""
    return text.partition("://")[2].partition("@")[0].partition(":")[2] if "://" in text else text
