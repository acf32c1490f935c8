"""``python3 -m nightshift.install.compose up`` and its like, from the checkout."""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import nightshift.install.compose
from nightshift.install.compose import checks, composition, smoke

# What each does, and what it is told: what Docker says of itself, the file or the use case that is named.
ACTIONS: dict[str, tuple[Callable[..., Any], str]] = {
    "up": (composition.up, "engine"),
    "demo": (composition.demo, "use_case"),
    "down": (composition.down, ""),
    "logs": (composition.logs, ""),
    "clean": (composition.clean, ""),
    "backup": (composition.backup, "file"),
    "restore": (composition.restore, "file engine"),
    "smoke": (smoke.smoke, "engine"),
}


def main() -> None:
    """Do one of them."""
    parser = argparse.ArgumentParser(prog="compose", description=nightshift.install.compose.__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (action, needs) in ACTIONS.items():
        told = (action.__doc__ or "").splitlines()[0]
        added = actions.add_parser(name, help=told, description=told)
        if "file" in needs:
            added.add_argument("file", type=lambda text: pathlib.Path(text).expanduser().absolute(), help="the backup")
        if "use_case" in needs:
            added.add_argument("use_case", nargs="?", help="whose demo; without it, the default one")
    given = vars(parser.parse_args())
    given["engine"] = checks.engine()
    action, needs = ACTIONS[given["action"]]
    sys.exit(action(**{name: given[name] for name in needs.split()}))


if __name__ == "__main__":
    main()
