"""What the checks of `nightshift doctor` look at: found out once, for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nightshift.declarations import misplaced_files
from nightshift.declarations.found_use_cases import find_use_cases
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings
from nightshift.install.services.ports import Ports
from nightshift.install.services.service_state import Services
from nightshift.install.setup.doctor_finding import Finding


@dataclass(frozen=True)
class Installation:
    """What checks look at: settings, and what was found out once for all of them."""

    settings: Settings
    services: Services
    use_cases: tuple[UseCase, ...]
    # What is wrong with each use case whose declarations cannot be read, by name.
    unreadable: Mapping[str, str]

    @property
    def ports(self) -> Ports | None:
        """Of services that were started once."""
        return Ports.load(self.settings)

    @property
    def serves(self) -> bool:
        """Whether services run, with or without a supervisor that can be asked."""
        elsewhere = self.settings.airflow_url is not None
        return elsewhere or self.services.state in {"running", "silent", "orphaned", "moved"}


def installation(settings: Settings, services: Services) -> Installation:
    """The installation of a home, with the use cases that can be read."""
    found = find_use_cases(settings)
    wrong = {name: " ".join(str(error).split()) for name, error in found.broken.items()}
    return Installation(settings, services, tuple(found.use_cases), wrong)


def use_cases(here: Installation) -> Iterator[Finding]:
    """A finding for each use case that can't be read, so that no other check is blamed for it."""
    for said in here.unreadable.values():
        remedy = "correct the declaration: until then this use case has no DAG, and none of its jobs starts"
        yield Finding("use cases", "fail", said, remedy)
    for said in (*misplaced_files.undeclared(here.settings), *misplaced_files.strangers()):
        yield Finding("use cases", "warn", said, "correct the name, or take the folder away")
    if not here.unreadable:
        yield Finding("use cases", "ok", ", ".join(use_case.name for use_case in here.use_cases) or "none")


def left_out(here: Installation, check: str) -> Iterator[Finding]:
    """What a check says that cannot look at every use case."""
    if here.unreadable:
        found = f"not looked at for {', '.join(here.unreadable)}, whose declarations cannot be read"
        yield Finding(check, "warn", found, "correct the declaration, see use cases")
