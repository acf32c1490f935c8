"""Whether anything is open, or told, that should not be: ports beyond loopback, secrets where others can read them."""

from __future__ import annotations

import ipaddress
import json
import socket

from nightshift.install.compose.docker import COMPOSE, PORTS, PROJECT, ask, fail, port

_TASK_LOGS = "find /var/lib/nightshift/logs -name '*.log' -exec cat {} + ; echo end of the logs"


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
    told = json.loads(_told("docker", "network", "inspect", *_told("docker", "network", "ls", "--quiet").split()))
    gateways = {
        config.get("Gateway") for each in told for config in (each.get("IPAM", {}).get("Config") or []) if config
    }
    try:
        own = {str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)}
    except OSError:
        # A machine need not know its own name.
        own = set()
    known = {str(each).split("%")[0] for each in gateways | own if each}
    return sorted(each for each in known if not ipaddress.ip_address(each).is_loopback)


def _secrets_told() -> list[str]:
    containers = _told(*COMPOSE, "ps", "--all", "--quiet").split()
    images = sorted({_told("docker", "inspect", "--format", "{{.Image}}", each).strip() for each in containers})
    told = {
        "docker inspect": _told("docker", "inspect", *containers),
        "docker compose config": _told(*COMPOSE, "config"),
        "an image's history": "".join(_told("docker", "history", "--no-trunc", each) for each in images),
        "a log of a service": _told(*COMPOSE, "logs", "--no-color"),
        "a log of a task": _told(*COMPOSE, "exec", "-T", "scheduler", "sh", "-c", _TASK_LOGS),
    }
    # A user's name is a word like any other.
    files = [each for each in (PROJECT / "secrets").iterdir() if each.is_file() and not each.name.endswith("_user")]
    secrets = {each.name: _secret(each.read_text(encoding="utf-8").strip()) for each in files}
    return [
        f"the secret {name} stands in {place}"
        for place, text in told.items()
        for name, secret in secrets.items()
        if secret and secret in text
    ]


def _told(*command: str) -> str:
    """What a command prints; where it says nothing, nothing can be found in it."""
    done = ask(*command)
    if done.returncode or not done.stdout.strip():
        fail(f"`{' '.join(command[:4])}` says nothing: {done.stderr.strip()}", "see whether the services run")
    return done.stdout


def _secret(text: str) -> str:
    """Of an address of a database its password."""
    return text.partition("://")[2].partition("@")[0].partition(":")[2] if "://" in text else text
