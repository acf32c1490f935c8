"""Logins of an Airflow on servers: Flask-AppBuilder's users and roles, with approvals assigned by user name.

Set as ``[core] auth_manager`` there. The embedded Airflow has one user and keeps its simple manager.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager

if TYPE_CHECKING:
    from airflow.providers.fab.auth_manager.models import User


class NightshiftAuthManager(FabAuthManager):
    """FAB's manager, but for who may answer an approval.

    FAB knows its users by numbers that differ from one database to the next, and compares those with the assigned
    users (apache/airflow#61817). `training.approval.by` holds user names, which mean the same in every installation;
    the simple manager's ids are user names as well.
    """

    def is_authorized_hitl_task(self, *, assigned_users: set[str], user: User) -> bool:
        """Whether the user is assigned by name.

        The number does not count: a company's user names may be numbers, and then name somebody else. Nor does a role:
        an admin who is not named may not approve, as under the simple manager without `simple_auth_manager_all_admins`.
        Without a login there is no user name.
        """
        return getattr(user, "username", None) in assigned_users
