"""The beginning of every process that a person, a scheduler or a service starts: with a clean environment.

Nothing happens on import: DAG files are parsed inside Airflow's own environment.
"""

from __future__ import annotations

import os
import sys
import time

from nightshift.home.variables import known_variables
from nightshift.home.variables.cleaning import cleaned

_left_out: list[str] = []


def start() -> None:
    """Drop the variables that mean nothing, for this process and what it starts; call it before importing libraries.

    What acted already, before this line, can only be undone by starting again without it: the same program, with the
    same arguments, as the same process.
    """
    wanted = cleaned(os.environ)
    left_out = os.environ.get(known_variables.LEFT_OUT, "").split()
    left_out += sorted(name for name, value in os.environ.items() if value != wanted.get(name) and _is_known(name))
    if any(_acted(name) for name in os.environ.keys() - wanted.keys()) or _reads_names_wrongly():
        program = [sys.executable, *sys.orig_argv[1:]]
        os.execve(program[0], program, wanted | {known_variables.LEFT_OUT: " ".join(left_out)})
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)
    time.tzset()
    _left_out[:] = left_out
    if misspelt := [
        name for name in left_out if known_variables.dropped(name) is None and name not in known_variables.PROXIES
    ]:
        from nightshift import terminal
        from nightshift.home.variables.without_effect import warnings

        for warning in warnings(misspelt):
            terminal.echo(f"nightshift: {warning}", err=True)


def left_out() -> list[str]:
    """Names of variables that this process was started with, and that it and its children don't have."""
    return list(_left_out)


def _is_known(name: str) -> bool:
    """Whether someone may miss its effect: no shell's own variable, none that was empty, nor Python's own LC_CTYPE."""
    if name == known_variables.LEFT_OUT or os.environ[name].strip() in ("", "C.UTF-8"):
        return False
    looks_own = "NIGHT" in name.upper() or "SHIFT_" in name.upper()
    return looks_own or known_variables.dropped(name) is not None or name in known_variables.PROXIES


def _acted(name: str) -> bool:
    found = known_variables.dropped(name)
    return found is not None and found.is_early


def _reads_names_wrongly() -> bool:
    """Whether Python took another alphabet from the locale, which it does once, before anything else."""
    return sys.getfilesystemencoding() != "utf-8" and os.environ.get("LC_ALL") != "C.UTF-8"
