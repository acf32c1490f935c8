"""The users and roles of an Airflow on servers: ``python -m nightshift_airflow.users <folder of passwords>``.

Runs at every start, after `airflow db migrate` and in Airflow's own environment; what is there already is kept as
declared here. The folder holds one file per user: `admin_password`, `oncall_password`, `viewer_password`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nightshift.errors import NightshiftError, SettingsError

ON_CALL, REQUIRED_ACTIONS = "OnCall", "RequiredActions"
# FAB's roles and those of `roles`, by user.
USERS = {"admin": ("Admin",), "oncall": (ON_CALL,), "viewer": ("Viewer", REQUIRED_ACTIONS)}
_SUFFIX = "_password"

Permission = tuple[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the users with the passwords of a folder; gives the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        ensure_users(passwords(Path(given[0])))
    except NightshiftError as error:
        print(f"nightshift: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def passwords(folder: Path) -> dict[str, str]:
    """The password of each of :data:`USERS`.

    Raises:
        SettingsError: if a file is missing, cannot be read or is empty; nobody gets a password that is known.
    """
    found: dict[str, str] = {}
    for name in USERS:
        file = folder / f"{name}{_SUFFIX}"
        try:
            found[name] = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise SettingsError(f"the password of Airflow's user {name} cannot be read from {file}: {reason}") from None
        if not found[name]:
            raise SettingsError(f"the password of Airflow's user {name} is empty: write one to {file}")
    return found


def roles() -> dict[str, list[Permission]]:
    """What our own roles may do; everything else is forbidden to them.

    On-call staff read what a viewer reads; they start, clear and mark runs and tasks, backfill, pause, and answer what
    they are assigned to. They delete nothing, reach no connection, variable or configuration, and write no XCom, as an
    approval travels in one.
    """
    from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
    from airflow.providers.fab.www.security import permissions as fab

    menu = (fab.ACTION_CAN_ACCESS_MENU, fab.RESOURCE_HITL_DETAIL)
    return {
        ON_CALL: [
            *FabAirflowSecurityManagerOverride.VIEWER_PERMISSIONS,
            # To pause it; and FAB asks for this, too, of who does anything to its runs.
            (fab.ACTION_CAN_EDIT, fab.RESOURCE_DAG),
            (fab.ACTION_CAN_CREATE, fab.RESOURCE_DAG_RUN),
            (fab.ACTION_CAN_EDIT, fab.RESOURCE_DAG_RUN),
            (fab.ACTION_CAN_EDIT, fab.RESOURCE_TASK_INSTANCE),
            (fab.ACTION_CAN_EDIT, fab.RESOURCE_HITL_DETAIL),
            menu,
        ],
        # FAB's viewer may read what waits for a person, but has no menu that leads there. FAB itself gives the home
        # page to every role that it does not know.
        REQUIRED_ACTIONS: [menu, (fab.ACTION_CAN_READ, fab.RESOURCE_WEBSITE)],
    }


def ensure_users(wanted: Mapping[str, str]) -> None:
    """Make :data:`USERS` and their roles, or bring them to what is declared; others are left alone.

    A password that differs from the given one is replaced, and the user's browser sessions end; a token that was handed
    out before is valid until it expires, or until the JWT secret changes. A user whom somebody switched off stays off.

    Args:
        wanted: password of each user.

    Raises:
        SettingsError: if FAB does not take a user or a password.
    """
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    from airflow.utils.providers_configuration_loader import providers_configuration_loaded

    @providers_configuration_loaded
    def ensure() -> None:
        # Its start also brings FAB's own roles to what this version of it declares.
        with get_application_builder() as builder:
            for name, allowed in roles().items():
                _ensure_role(builder.sm, name, allowed)
            for name, password in wanted.items():
                _ensure_user(builder.sm, name, password)

    ensure()


def _ensure_role(manager: Any, name: str, allowed: Sequence[Permission]) -> None:
    role = manager.find_role(name) or manager.add_role(name)
    role.permissions = [manager.create_permission(*each) for each in allowed]
    manager.session.commit()


def _ensure_user(manager: Any, name: str, password: str) -> None:
    from airflow.providers.fab.auth_manager.security_manager.override import FabException

    declared = [manager.find_role(role) for role in USERS[name]]
    user = manager.find_user(username=name)
    if user is None:
        try:
            # FAB needs a unique address; no mail is ever sent to it.
            manager.add_user(name, name, "", f"{name}@nightshift.invalid", declared, password)
        except FabException as error:
            raise SettingsError(f"Airflow did not take the user {name}: see the lines above ({error})") from error
        return
    user.roles = declared
    manager.session.commit()
    if not manager.check_password(name, password) and not manager.reset_password(user.id, password):
        raise SettingsError(f"Airflow did not take the new password of {name}: see the lines above")


if __name__ == "__main__":
    sys.exit(main())
