"""Declarations that a file of tests makes once, and that are in the home of whichever test uses them."""

from __future__ import annotations

from nightshift.declarations.tables import Table
from nightshift.declarations.use_case import UseCase
from nightshift.home.settings import Settings, get_settings


class TableInHome(Table):
    """A table made by hand."""

    @property
    def home(self) -> Settings:
        return get_settings()


class UseCaseInHome(UseCase):
    """A use case loaded before any test begins."""

    @property
    def home(self) -> Settings:
        return get_settings()
