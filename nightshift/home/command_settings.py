"""Gives a command its settings: those that the command line read, or its own where it runs without it."""

import click

from nightshift.home.settings import Settings

pass_settings = click.make_pass_decorator(Settings, ensure=True)
