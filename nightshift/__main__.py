"""``python -m nightshift``: the same as the `nightshift` command."""

from nightshift.commands.cli import main

main()
