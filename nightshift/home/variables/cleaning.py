"""An environment without what means nothing to nightshift."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from nightshift.home.variables import known_variables


def cleaned(environment: Mapping[str, str]) -> dict[str, str]:
    """What entry points keep of an environment, with the values that are always the same.

    A variable that is empty or blank counts as unset. Cleaning what is clean changes nothing.
    """
    # An empty key is refused where it is read: another one would be made, and nobody would be told.
    kept = {
        n: value
        for n, value in environment.items()
        if (value.strip() or n == known_variables.PII_KEY) and known_variables.is_kept(n)
    }
    for name in known_variables.PROXIES:
        if name in kept and not _is_proxy(kept[name]):
            del kept[name]
    if not kept.get("NIGHTSHIFT_MLFLOW_TRACKING_URI", "").strip().lower().startswith(("http://", "https://")):
        for name in known_variables.MLFLOW_LOGIN:
            kept.pop(name, None)
    direct = directly_reached(kept)
    return (
        kept | dict.fromkeys(known_variables.DIRECT, direct) | {each.name: each.value for each in known_variables.FIXED}
    )


def directly_reached(environment: Mapping[str, str], *further: str) -> str:
    """Hosts that no proxy is asked for, as NO_PROXY names them: those that are named there, and loopback."""
    named = ",".join(environment.get(name, "") for name in known_variables.DIRECT).split(",")
    hosts = [host for host in (*map(str.strip, named), *known_variables.LOOPBACK_NAMES, *further) if host]
    # Beside others, an asterisk would not be understood.
    return "*" if "*" in hosts else ",".join(dict.fromkeys(hosts))


def _is_proxy(value: str) -> bool:
    """Whether every library here understands it: one that does not ends the first request, to whatever host."""
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
