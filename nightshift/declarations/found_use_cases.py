"""Which use cases there are, and which are broken: the only place that reads all of them.

A use case is broken when a declaration of its own can't be read: its YAML, that of its dbt models, or a name in its
code that fits no table. Whatever reads all use cases continues with the others, and says which are broken.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nightshift import terminal
from nightshift.declarations.catalog import Catalog
from nightshift.declarations.use_case import UseCase, folders
from nightshift.errors import DeclarationError, NightshiftError
from nightshift.home.outside_errors import unusable
from nightshift.home.settings import Settings


@dataclass(frozen=True)
class FoundUseCases:
    """All use cases of an installation, each by its name.

    Attributes:
        catalogs: the tables of those that can be read.
        broken: why the others can't, with file, line and remedy.
    """

    catalogs: tuple[Catalog, ...]
    broken: Mapping[str, NightshiftError]

    @property
    def use_cases(self) -> list[UseCase]:
        """Those that can be read."""
        return [catalog.use_case for catalog in self.catalogs]

    def warn(self) -> Self:
        """The same, after standard error has said once which are broken."""
        for sentence in self.sentences:
            warn_once(sentence)
        return self

    @property
    def sentences(self) -> list[str]:
        """What is wrong with each use case that is broken, for people."""
        return [f"the use case {name} is broken and left out: {error}" for name, error in self.broken.items()]

    def checked(self, check: Callable[[Catalog], object]) -> FoundUseCases:
        """The same, without those that a further check refuses.

        Args:
            check: raises a `NightshiftError`.
        """
        broken = dict(self.broken)
        for catalog in self.catalogs:
            try:
                check(catalog)
            except NightshiftError as error:
                broken[catalog.use_case.name] = error
        return FoundUseCases(tuple(each for each in self.catalogs if each.use_case.name not in broken), broken)


def find_use_cases(home: Settings) -> FoundUseCases:
    """Every folder of a home that declares a use case, read."""
    catalogs: list[Catalog] = []
    broken: dict[str, NightshiftError] = {}
    for folder in folders(home):
        try:
            catalogs.append(_read(folder, home))
        except NightshiftError as error:
            broken[folder.name] = error
    return FoundUseCases(tuple(catalogs), broken)


def asked_use_cases(
    home: Settings, name: str | None, check: Callable[[Catalog], object] = lambda _: None
) -> FoundUseCases:
    """The use case of a name, or all of them, with a warning about those that are broken.

    Args:
        check: raises a `NightshiftError` for what is broken, too.

    Raises:
        NightshiftError: if the one that is named is broken, or there is none.
    """
    if name is None:
        return find_use_cases(home).checked(check).warn()
    catalog = Catalog(UseCase.load(name, home))
    check(catalog)
    return FoundUseCases((catalog,), {})


@functools.cache
def warn_once(sentence: str) -> None:
    """Say on standard error what is wrong with a use case, unless this process has said it."""
    terminal.echo(sentence, mark="nightshift:", err=True, fg="yellow")


def _read(folder: Path, home: Settings) -> Catalog:
    try:
        return Catalog(UseCase.load(folder.name, home))
    except NightshiftError:
        raise
    except OSError as error:
        raise unusable(
            f"{folder} can't be read", error, "see that this user may read it, then run this again"
        ) from None
    except Exception as error:
        # Nothing that stands in one folder may stop the use cases of the others.
        raise DeclarationError(
            f"{folder} can't be read: {type(error).__name__}: {error}",
            remedy=f"this is a bug of nightshift; undo the newest change in {folder}, and report it",
        ) from error
